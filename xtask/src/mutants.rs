//! `cargo xtask mutants`: does the proof harness notice when the engine is wrong?
//!
//! `mutants/*.toml` are known bugs: a file, a text that is found in it exactly once, what stands there instead, and what
//! that breaks. Each is put into a copy of the crate, and the random schedules must fail. A schedule test that every
//! engine passes proves nothing.

use crate::schedules;
use crate::workspace::Workspace;
use anyhow::{bail, ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these, by the names of their files; all when none is named
    names: Vec<String>,
    /// How many schedules may pass before a mutant counts as not caught
    #[arg(long, default_value_t = 10_000)]
    schedules: u64,
    /// Name the mutants and what they break, and run none
    #[arg(long)]
    list: bool,
}

/// A known bug.
struct Mutant {
    name: String,
    file: String,
    find: String,
    replace: String,
    breaks: String,
}

/// What the schedules said of an engine.
enum Verdict {
    Caught { after: String, by: String },
    Passed,
    DoesNotBuild,
}

/// Puts in the mutants one by one and prints what came of each. Fails when one is not caught.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mutants = load(workspace, &args.names)?;
    if args.list {
        for Mutant { name, breaks, .. } in &mutants {
            println!("{name:<28} {breaks}");
        }
        return Ok(());
    }
    check_aim(workspace, &mutants)?;
    let copy = Copy::make(workspace)?;
    println!("Mutants: the engine as it is, {} schedules", args.schedules);
    match copy.test(workspace, args.schedules)? {
        Verdict::Passed => {}
        Verdict::Caught { after, by } => {
            bail!("the engine fails without any mutant, after {after}: {by}")
        }
        Verdict::DoesNotBuild => bail!("the copy of the engine does not build"),
    }
    let mut escaped = Vec::new();
    println!("{:<28} {:<14} by", "mutant", "caught after");
    for mutant in &mutants {
        let verdict = copy.with(workspace, mutant, args.schedules)?;
        let (after, by) = match &verdict {
            Verdict::Caught { after, by } => (after.as_str(), by.as_str()),
            Verdict::Passed => ("NOT CAUGHT", mutant.breaks.as_str()),
            Verdict::DoesNotBuild => ("DOES NOT BUILD", mutant.file.as_str()),
        };
        println!("{:<28} {after:<14} {by}", mutant.name);
        if !matches!(verdict, Verdict::Caught { .. }) {
            escaped.push(mutant.name.as_str());
        }
    }
    let caught = mutants.len() - escaped.len();
    println!("\nmutants: {caught} of {} caught", mutants.len());
    ensure!(escaped.is_empty(), "not caught: {}", escaped.join(", "));
    Ok(())
}

/// The mutants of these names, or all, in order of name.
fn load(workspace: &Workspace, names: &[String]) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for file in fs::read_dir(workspace.path("mutants")).context("there is no folder mutants")? {
        let path = file?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            mutants.push(read(&path).with_context(|| format!("reading {}", path.display()))?);
        }
    }
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    for name in names {
        let known = mutants.iter().any(|mutant| mutant.name == *name);
        ensure!(known, "there is no mutants/{name}.toml");
    }
    mutants.retain(|mutant| names.is_empty() || names.contains(&mutant.name));
    Ok(mutants)
}

fn read(path: &Path) -> Result<Mutant> {
    let table: toml::Table = fs::read_to_string(path)?.parse()?;
    let field = |key: &str| {
        let value = table.get(key).and_then(toml::Value::as_str);
        value
            .map(str::to_owned)
            .with_context(|| format!("`{key}` is missing"))
    };
    let name = path.file_stem().context("a file without a name")?;
    Ok(Mutant {
        name: name.to_string_lossy().into_owned(),
        file: field("file")?,
        find: field("find")?,
        replace: field("replace")?,
        breaks: field("breaks")?,
    })
}

/// Whether each mutant means one place of the source as it is now.
pub(crate) fn check_aims(workspace: &Workspace) -> Result<()> {
    check_aim(workspace, &load(workspace, &[])?)
}

/// Every mutant must mean one place of the source as it is now.
fn check_aim(workspace: &Workspace, mutants: &[Mutant]) -> Result<()> {
    let mut complaints = Vec::new();
    for mutant in mutants {
        let source = fs::read_to_string(workspace.path(&mutant.file)).unwrap_or_default();
        let found = source.matches(&mutant.find).count();
        if found != 1 {
            complaints.push(format!(
                "  mutants/{}.toml: its `find` is in {} {found} times, not once",
                mutant.name, mutant.file
            ));
        }
    }
    ensure!(
        complaints.is_empty(),
        "the source has changed; aim these again:\n{}",
        complaints.join("\n")
    );
    Ok(())
}

/// A copy of the engine and its schedules, a workspace of its own, in cargo's target folder.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.cache().join("mutants");
        let copy = Self {
            root: folder.join("copy"),
            target: folder.join("target"),
        };
        if copy.root.exists() {
            fs::remove_dir_all(&copy.root).context("removing the last copy of the engine")?;
        }
        let from = workspace.path("crdt");
        copy_folder(&from.join("src"), &copy.root.join("crdt/src"))?;
        copy_folder(&from.join("tests"), &copy.root.join("crdt/tests"))?;
        fs::copy(workspace.path("Cargo.lock"), copy.root.join("Cargo.lock"))?;
        fs::copy(from.join("README.md"), copy.root.join("crdt/README.md"))?;
        copy.write_manifest("Cargo.toml", workspace, |manifest| {
            let only: toml::Table = "members = [\"crdt\"]".parse()?;
            let workspace = manifest["workspace"]
                .as_table_mut()
                .context("no workspace")?;
            workspace.remove("default-members");
            workspace.extend(only);
            // Built once and run for seconds: what is quick to build is quick in all.
            let quick = "[release]\nincremental = true\nopt-level = 1";
            let quick: toml::Table = quick.parse()?;
            manifest.insert("profile".to_owned(), quick.into());
            Ok(())
        })?;
        copy.write_manifest("crdt/Cargo.toml", workspace, |manifest| {
            // Only one test is run, and it needs nothing.
            manifest.remove("dev-dependencies");
            Ok(())
        })?;
        Ok(copy)
    }

    fn write_manifest(
        &self,
        name: &str,
        workspace: &Workspace,
        change: impl FnOnce(&mut toml::Table) -> Result<()>,
    ) -> Result<()> {
        let mut manifest: toml::Table = fs::read_to_string(workspace.path(name))?.parse()?;
        change(&mut manifest).with_context(|| format!("changing the copy of {name}"))?;
        fs::write(self.root.join(name), manifest.to_string())?;
        Ok(())
    }

    /// Tests the engine with one mutant in it.
    fn with(&self, workspace: &Workspace, mutant: &Mutant, schedules: u64) -> Result<Verdict> {
        let file = self.root.join(&mutant.file);
        let source =
            fs::read_to_string(&file).with_context(|| format!("reading {}", mutant.file))?;
        fs::write(&file, source.replacen(&mutant.find, &mutant.replace, 1))?;
        let verdict = self.test(workspace, schedules);
        fs::write(&file, source)?;
        verdict
    }

    fn test(&self, workspace: &Workspace, schedules: u64) -> Result<Verdict> {
        // Cargo drops from the copied lock file what the copy does not need.
        let mut command = schedules::command(workspace, false);
        let output = command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("DRIFTWOOD_SCHEDULES", schedules.to_string())
            .env("DRIFTWOOD_SHRINK", "0")
            .stdin(Stdio::null())
            .output()
            .context("cannot start cargo")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        if output.status.success() {
            ensure!(schedules::closing(&lines).is_some(), "no schedule was run");
            return Ok(Verdict::Passed);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        if !errors.contains("Running tests/schedules.rs") {
            println!("{errors}");
            return Ok(Verdict::DoesNotBuild);
        }
        let failed = schedules::closing(&lines).and_then(|line| line.split_once("FAILED after "));
        let (after, by) = failed
            .and_then(|(_, rest)| rest.split_once(": "))
            .unwrap_or(("?", "the program died"));
        Ok(Verdict::Caught {
            after: after.to_owned(),
            by: shortened(by),
        })
    }
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 90;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(CHARS_MAX).chain("…".chars()).collect()
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
