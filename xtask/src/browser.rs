//! The browser that the tests drive: the system's Chromium and its driver.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{bail, Context, Result};
use std::env;
use std::path::PathBuf;

/// Chromium and the driver of its version.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Debian's packages of the two.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Finds the browser: named by `CHROMIUM_PATH` and `CHROMEDRIVER`, or on PATH.
pub(crate) fn find() -> Option<Browser> {
    let chromium = named("CHROMIUM_PATH").or_else(|| {
        ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(process::find)
    })?;
    let driver = named("CHROMEDRIVER").or_else(|| process::find("chromedriver"))?;
    Some(Browser { chromium, driver })
}

/// Installs the browser where there is none and apt can do it.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    const HELP: &str =
        "install Chromium and its ChromeDriver (on Debian: apt-get install chromium \
                        chromium-driver), or name them in CHROMIUM_PATH and CHROMEDRIVER";
    if let Some(browser) = find() {
        println!("Chromium: {}", browser.chromium.display());
        return Ok(());
    }
    if process::find("apt-get").is_none() || !is_root() {
        bail!("the browser tests need Chromium: {HELP}");
    }
    println!("Setup: Debian's packages chromium and chromium-driver (1 to 2 minutes)");
    process::run(workspace.command("apt-get").args(["-q", "update"]))?;
    process::run(
        workspace
            .command("apt-get")
            .args(["-q", "install", "--yes", "--no-install-recommends"])
            .args(PACKAGES)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    find().map(|_| ()).context(HELP)
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_file())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
