//! How much of the npm package a browser has to load.

use crate::workspace::Workspace;
use anyhow::{Context, Result};
use flate2::write::GzEncoder;
use flate2::Compression;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// Prints the size of what `wasm/dist` holds of wasm and JavaScript, as it is and as gzip sends it.
pub(crate) fn print(workspace: &Workspace) -> Result<()> {
    let dist = workspace.path("wasm/dist");
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let mut total = 0;
    println!("Package driftwood-sync:");
    for file in &files {
        let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let packed = gzip(&bytes)?;
        total += packed;
        let name = file.strip_prefix(&dist).unwrap_or(file).display();
        println!("  {name:<32} {:>9} bytes {packed:>9} gzip", bytes.len());
    }
    println!("  {:<32} {:>9}       {total:>9} gzip", "in all", "");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("no package was built: {} is missing", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let extension = path.extension().and_then(OsStr::to_str);
        if path.is_dir() {
            collect(&path, files)?;
        } else if iter::once("wasm")
            .chain(["js", "cjs"])
            .any(|wanted| extension == Some(wanted))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
