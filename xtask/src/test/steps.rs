//! The steps of `cargo xtask test`, in their order: the quick ones first, and nothing built twice.
//!
//! All native steps name the same packages with the same flags, so that cargo resolves the same features for them and
//! what one step has built serves the next.

use crate::setup::WASM_TARGET;
use crate::tally::{self, Suite};
use crate::workspace::Workspace;
use crate::{bench, browser, build, hygiene, mutants, process, schedules, setup};
use anyhow::{Context, Result};
use std::process::Command;

/// A part of the run that succeeds or fails as one.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Steps without which this one cannot run.
    pub(super) needs: &'static [&'static str],
    pub(super) run: fn(&Workspace) -> Result<Done>,
}

/// A step that ran to its end.
pub(super) struct Done {
    pub(super) ok: bool,
    pub(super) suites: Vec<Suite>,
}

impl Done {
    const GOOD: Self = Self {
        ok: true,
        suites: Vec::new(),
    };
}

const NATIVE: [&str; 7] = [
    "--workspace",
    "--exclude",
    "driftwood-wasm",
    "--exclude",
    "tools",
    "--features",
    "driftwood-crdt/serde",
];
/// The examples in their docs are left out: each would be a module of its own, and says nothing new.
const CORE_IN_WASM: [&str; 8] = [
    "--package",
    "driftwood-crdt",
    "--package",
    "driftwood-sync",
    "--target",
    WASM_TARGET,
    "--lib",
    "--tests",
];
const WASM: [&str; 4] = ["--package", "driftwood-wasm", "--target", WASM_TARGET];

pub(super) static STEPS: [Step; 19] = [
    Step {
        name: "setup",
        about: "wasm target, wasm tools, npm packages",
        needs: &[],
        run: |workspace| setup::run(workspace).map(|()| Done::GOOD),
    },
    Step {
        name: "fmt",
        about: "rustfmt finds nothing to change",
        needs: &[],
        run: |workspace| check(workspace.command("cargo").args(["fmt", "--all", "--check"])),
    },
    Step {
        name: "hygiene",
        about: "file sizes, machine paths, leftovers, lock files, what mutants aim at",
        needs: &[],
        run: |workspace| {
            hygiene::check(workspace)?;
            mutants::check_aims(workspace)?;
            Ok(Done::GOOD)
        },
    },
    Step {
        name: "clippy",
        about: "clippy without a warning, native crates",
        needs: &[],
        run: |workspace| check(&mut clippy(workspace, &NATIVE)),
    },
    Step {
        name: "clippy-wasm",
        about: "clippy without a warning, the wasm crate",
        needs: &["setup"],
        run: |workspace| check(&mut clippy(workspace, &WASM)),
    },
    Step {
        name: "doc",
        about: "rustdoc without a warning",
        needs: &["setup"],
        run: documentation,
    },
    Step {
        name: "native",
        about: "unit, property and integration tests of the native crates, examples in their docs",
        needs: &[],
        run: |workspace| suites(workspace.cargo("test", &NATIVE), tally::cargo),
    },
    Step {
        name: "wasm32",
        about: "the suites of the data and the protocol once more, in wasm in Node",
        needs: &["setup"],
        run: |workspace| suites(workspace.cargo("test", &CORE_IN_WASM), tally::cargo),
    },
    Step {
        name: "schedules",
        about: "200,000 random schedules against the engine, in release",
        needs: &[],
        run: random_schedules,
    },
    Step {
        name: "bounds",
        about: "what hostile deltas may take of memory and time, in release",
        needs: &[],
        run: |workspace| suites(schedules::release_test(workspace, "bounds", true), tally::cargo),
    },
    Step {
        name: "bench",
        about: "the benches on tiny input, Driftwood, plain structures and raw servers: that they build, and that all is as expected",
        needs: &[],
        run: |workspace| bench::smoke(workspace).map(|()| Done::GOOD),
    },
    Step {
        name: "binaries",
        about: "the relay and the command-line tool, for the tests in the browser",
        needs: &[],
        run: |workspace| check(workspace.cargo("build", &NATIVE).arg("--bins")),
    },
    Step {
        name: "package",
        about: "the npm package: Rust to wasm, optimised, with its TypeScript face",
        needs: &["setup"],
        run: |workspace| build::package(workspace).map(|()| Done::GOOD),
    },
    Step {
        name: "page",
        about: "the demo page, built on the built package",
        needs: &["setup", "package"],
        run: |workspace| build::page(workspace).map(|()| Done::GOOD),
    },
    Step {
        name: "types",
        about: "TypeScript without an error, and a package that every bundler reads",
        needs: &["setup", "package"],
        run: types,
    },
    Step {
        name: "vitest",
        about: "tests of the TypeScript face",
        needs: &["setup", "package"],
        run: |workspace| {
            suites(
                workspace.npm(&["test", "--workspace", "wasm"]),
                tally::vitest,
            )
        },
    },
    Step {
        name: "browser",
        about: "Chromium and its driver",
        needs: &[],
        run: |workspace| browser::ensure(workspace).map(|()| Done::GOOD),
    },
    Step {
        name: "wasm",
        about: "tests of the wasm crate in headless Chromium",
        needs: &["setup", "browser"],
        run: wasm_tests,
    },
    Step {
        name: "e2e",
        about: "the page, the relay and the command-line tool together, in headless Chromium",
        needs: &["setup", "browser", "binaries", "page"],
        run: end_to_end,
    },
];

fn check(command: &mut Command) -> Result<Done> {
    process::run(command).map(|()| Done::GOOD)
}

/// Runs a test runner and counts. One that is content, but closes with no test at all, has not tested.
fn suites(command: Command, read: fn(&[String]) -> Vec<Suite>) -> Result<Done> {
    let outcome = process::watch(command)?;
    let suites = read(&outcome.lines);
    if suites.is_empty() {
        println!("No test was run");
    }
    let ok = outcome.ok && !suites.is_empty() && suites.iter().all(|suite| suite.tally.failed == 0);
    Ok(Done { ok, suites })
}

fn clippy(workspace: &Workspace, packages: &[&str]) -> Command {
    let mut clippy = workspace.cargo("clippy", packages);
    clippy.args(["--all-targets", "--", "--deny", "warnings"]);
    clippy
}

fn documentation(workspace: &Workspace) -> Result<Done> {
    for packages in [&NATIVE[..], &WASM[..]] {
        let mut doc = workspace.cargo("doc", packages);
        process::run(doc.arg("--no-deps").env("RUSTDOCFLAGS", "--deny warnings"))?;
    }
    Ok(Done::GOOD)
}

fn random_schedules(workspace: &Workspace) -> Result<Done> {
    let mut command = schedules::command(workspace, true);
    command.env("DRIFTWOOD_SCHEDULES", "200000");
    suites(command, |lines| {
        let mut suites = tally::cargo(lines);
        if let (Some(suite), Some(said)) = (suites.first_mut(), schedules::closing(lines)) {
            said.clone_into(&mut suite.name);
        }
        suites
    })
}

fn types(workspace: &Workspace) -> Result<Done> {
    for package in ["wasm", "web-demo"] {
        process::run(&mut workspace.npm(&["run", "check", "--workspace", package]))?;
    }
    check(workspace.command("publint").args(["--strict", "wasm"]))
}

fn wasm_tests(workspace: &Workspace) -> Result<Done> {
    let browser = browser::find().context("the browser is gone")?;
    let mut test = workspace.cargo("test", &WASM);
    test.env("CHROMEDRIVER", &browser.driver)
        // Seconds until a page that says nothing counts as hung; the default is short for a machine with work to do.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    suites(test, tally::cargo)
}

fn end_to_end(workspace: &Workspace) -> Result<Done> {
    let browser = browser::find().context("the browser is gone")?;
    let mut test = workspace.npm(&["run", "test:e2e", "--workspace", "web-demo"]);
    test.env("CHROMIUM_PATH", &browser.chromium)
        .env("DRIFTWOOD_RELAY_BIN", workspace.bin("driftwood-relay"))
        .env("DRIFTWOOD_CLI_BIN", workspace.bin("driftwood"));
    suites(test, tally::playwright)
}
