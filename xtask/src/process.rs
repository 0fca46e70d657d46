//! Running other programs: shown as they are called, with errors that name them.

use anyhow::{bail, Context, Result};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

/// What a finished program wrote, and whether it was content.
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(crate) lines: Vec<String>,
}

/// Runs a command with its output going straight to ours. Fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = describe(command);
    println!("$ {shown}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a command, shows what it writes to either stream, in order, and keeps it.
pub(crate) fn watch(mut command: Command) -> Result<Outcome> {
    println!("$ {}", describe(&command));
    let (reader, writer) = io::pipe().context("no pipe to be had")?;
    let errors = writer.try_clone().context("no second pipe end to be had")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .spawn()
        .with_context(|| cannot_start(&command))?;
    // The command holds our copies of the writing end: as long as they live, the reading below does not end.
    drop(command);
    let mut lines = Vec::new();
    let mut out = io::stdout().lock();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.context("reading a program's output")?;
        let line = String::from_utf8_lossy(&line).into_owned();
        writeln!(out, "{line}")?;
        lines.push(line);
    }
    let status = child.wait().context("waiting for a program to end")?;
    Ok(Outcome {
        ok: status.success(),
        lines,
    })
}

/// What a command prints, when it succeeds.
pub(crate) fn read(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Looks a program up on PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name).with_extension(env::consts::EXE_EXTENSION))
        .find(|file| fs::metadata(file).is_ok_and(|found| found.is_file()))
}

fn describe(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn cannot_start(command: &Command) -> String {
    format!(
        "cannot start `{}`: is it installed and on PATH?",
        command.get_program().to_string_lossy()
    )
}
