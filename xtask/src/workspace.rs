//! Where things are, and the one way in which xtask starts other programs.

use anyhow::{Context, Result};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The work tree and the folder that cargo puts its binaries into.
pub(crate) struct Workspace {
    root: PathBuf,
    bins: PathBuf,
}

impl Workspace {
    /// Finds the tree that this very binary was built from.
    pub(crate) fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies at the top of the file system, not in a workspace")?
            .to_owned();
        let this = env::current_exe().context("the path of the running xtask is unknown")?;
        let bins = this
            .parent()
            .context("the running xtask lies in no folder")?
            .to_owned();
        Ok(Self { root, bins })
    }

    /// The top folder of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A binary of this workspace. It stands beside xtask, which was built with the same profile into the same folder.
    pub(crate) fn bin(&self, name: &str) -> PathBuf {
        self.bins
            .join(name)
            .with_extension(env::consts::EXE_EXTENSION)
    }

    /// A folder of xtask's own in cargo's target folder. Losing it costs time and nothing else.
    pub(crate) fn cache(&self) -> PathBuf {
        self.bins.join("xtask-cache")
    }

    /// A command at the top of the repository that finds our wasm tools and npm's before any others.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .env("PATH", self.search_path());
        // `cargo run` describes xtask to us in these. Build scripts watch some of them, so handing them on would have
        // cargo build their crates again, once for every way of calling it.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&*name);
            }
        }
        command
    }

    /// `cargo VERB --locked ARGS`.
    pub(crate) fn cargo(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.arg(verb).arg("--locked").args(args);
        command
    }

    /// `npm ARGS`, without colours, since its output is read as well as shown.
    pub(crate) fn npm(&self, args: &[&str]) -> Command {
        let mut command = self.command("npm");
        command
            .args(args)
            .env("NO_COLOR", "1")
            .env_remove("FORCE_COLOR")
            .env("npm_config_update_notifier", "false");
        command
    }

    fn search_path(&self) -> OsString {
        let ours = [self.bins.clone(), self.path("node_modules/.bin")];
        let theirs = env::var_os("PATH").unwrap_or_default();
        let joined = env::join_paths(ours.into_iter().chain(env::split_paths(&theirs)));
        // A folder with the separator in its name cannot be put on PATH at all.
        joined.unwrap_or(theirs)
    }
}
