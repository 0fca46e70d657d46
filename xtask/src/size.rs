//! How much of the npm package a browser has to load, and that it stays so.

use crate::wasm::{self, Function};
use crate::workspace::Workspace;
use anyhow::{ensure, Context, Result};
use flate2::write::GzEncoder;
use flate2::Compression;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// What wasm and JavaScript may come to, as gzip sends them. The aim is 150,000; until that is reached, this stands just
/// above what was, so that nothing grows unseen. Lower it with what you save.
const GZIP_MAX: usize = 391_000;

/// Modules that are named one by one.
const NAMED: usize = 25;

/// Prints the size of what `wasm/dist` holds of wasm and JavaScript, as it is and as gzip sends it, and what takes the
/// space in the module. Fails where that is more than it may be.
pub(crate) fn check(workspace: &Workspace, named: &[u8]) -> Result<()> {
    let dist = workspace.path("wasm/dist");
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let mut total = 0;
    println!("Package driftwood-sync:");
    for file in &files {
        let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let packed = gzip(&[&bytes])?;
        total += packed;
        let name = file.strip_prefix(&dist).unwrap_or(file).display();
        println!("  {name:<32} {:>9} bytes {packed:>9} gzip", bytes.len());
    }
    println!("  {:<32} {:>9}       {total:>9} gzip", "in all", "");
    print_modules(named)?;
    ensure!(
        total <= GZIP_MAX,
        "the npm package has {total} bytes as gzip sends it, more than the {GZIP_MAX} that xtask/src/size.rs allows"
    );
    Ok(())
}

/// Prints which modules of ours, and of the libraries, the code of the WebAssembly module comes from.
fn print_modules(named: &[u8]) -> Result<()> {
    let functions = wasm::functions(named)?;
    let mut modules: BTreeMap<String, Vec<&Function>> = BTreeMap::new();
    for function in &functions {
        let module = module_of(&function.name);
        modules.entry(module).or_default().push(function);
    }
    let mut sizes = Vec::new();
    for (module, functions) in &modules {
        let code: Vec<&[u8]> = functions.iter().map(|function| function.code).collect();
        sizes.push((gzip(&code)?, code.concat().len(), code.len(), module));
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    println!("core.wasm by module, each packed alone:");
    for (packed, bytes, count, module) in sizes.iter().take(NAMED) {
        println!("  {module:<32} {bytes:>9} bytes {packed:>9} gzip {count:>6} functions");
    }
    let rest: usize = sizes.iter().skip(NAMED).map(|size| size.0).sum();
    println!("  {:<32} {:>9}       {rest:>9} gzip", "others", "");
    Ok(())
}

/// `crate::module` of a function's name: `driftwood_crdt::codec` of `<driftwood_crdt::codec::varint::Reader>::str`.
fn module_of(name: &str) -> String {
    // The place that `order` put before it.
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let name = name.trim_start_matches(['<', '&', '(', '[', '*']);
    let name = ["dyn ", "mut ", "const "]
        .iter()
        .fold(name, |name, start| name.trim_start_matches(start));
    let mut parts = name.split("::").map(|part| {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_');
        &part[..end.unwrap_or(part.len())]
    });
    let first = parts.next().unwrap_or_default();
    match parts.next() {
        _ if first.is_empty() => "(glue)".to_owned(),
        Some(second) if second.starts_with(char::is_lowercase) => format!("{first}::{second}"),
        _ => first.to_owned(),
    }
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

fn gzip(parts: &[&[u8]]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for part in parts {
        encoder.write_all(part)?;
    }
    Ok(encoder.finish()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_of_a_module() {
        for (name, module) in [
            (
                "driftwood_crdt::codec::delta::read",
                "driftwood_crdt::codec",
            ),
            (
                "<driftwood_crdt::dot::DotSet as core::clone::Clone>::clone",
                "driftwood_crdt::dot",
            ),
            ("alloc::vec::Vec<T,A>::push", "alloc::vec"),
            ("<&mut core::fmt::Formatter>::pad", "core::fmt"),
            ("driftwood_wasm::Client", "driftwood_wasm"),
            ("rawdocument_seed multivalue shim", "rawdocument_seed"),
            ("", "(glue)"),
            (
                "000123 driftwood_sync::node::Node::handle",
                "driftwood_sync::node",
            ),
        ] {
            assert_eq!(module_of(name), module, "{name}");
        }
    }
}
