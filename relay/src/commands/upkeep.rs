//! `inspect`, `backup`, `restore` and `verify`: on a folder, or with the relay that runs on it.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{bail, ensure, Context as _};

use super::say;
use crate::admin::{self, Request};
use crate::backup;
use crate::config::Config;
use crate::store;

pub(super) fn inspect(
    config: &Config,
    document: Option<String>,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    answer(config, Request::Inspect { document }, out)
}

pub(super) fn verify(
    config: &Config,
    file: Option<&Path>,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let Some(file) = file else {
        return answer(config, Request::Verify, out);
    };
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let summary = backup::verify(BufReader::new(opened));
    let summary = summary.with_context(|| format!("{} cannot be used", file.display()))?;
    say(out, &told(&summary))?;
    Ok(true)
}

/// Writes beside the file first: what has its name is whole.
pub(super) fn backup(config: &Config, file: &Path, out: &mut dyn Write) -> anyhow::Result<bool> {
    ensure!(
        !file.exists(),
        "{} is there already; choose another name",
        file.display()
    );
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let made = File::create(partial);
    let made = made.with_context(|| format!("cannot make {}", partial.display()))?;
    let mut writer = BufWriter::new(&made);
    answer(config, Request::Backup, &mut writer)?;
    writer.flush()?;
    drop(writer);
    made.sync_all()?;
    let written = File::open(partial)?;
    let summary = backup::read(BufReader::new(written), |_| Ok(()));
    let summary = summary.context("the backup did not get through whole; try again")?;
    fs::rename(partial, file)?;
    say(out, &told(&summary))?;
    if summary.left_out > 0 {
        say(out, "`driftwood-relay verify` names the damaged ones")?;
    }
    Ok(summary.left_out == 0)
}

pub(super) fn restore(config: &Config, file: &Path, out: &mut dyn Write) -> anyhow::Result<bool> {
    let open = || File::open(file).with_context(|| format!("cannot read {}", file.display()));
    // First all of it is looked at: half a backup is not restored.
    let checked = backup::verify(BufReader::new(open()?));
    checked.with_context(|| format!("{} cannot be used", file.display()))?;
    let data = &config.data;
    let store = store::open(data, config.store)?;
    if !store.documents()?.is_empty() {
        bail!(
            "{} has documents; restore into a new folder (--data)",
            data.display()
        );
    }
    let summary = backup::restore(BufReader::new(open()?), &*store)?;
    say(out, &told(&summary))?;
    Ok(true)
}

/// Puts all documents, and whose the replica ids are, into a new folder.
pub(super) fn migrate(
    config: &Config,
    from: &Path,
    to: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let old = store::open_there(from)?;
    let old = old.with_context(|| format!("there is no store in {}", from.display()))?;
    let new = store::open(to, config.store)?;
    ensure!(
        new.documents()?.is_empty(),
        "{} has documents; choose a new folder (--to)",
        to.display()
    );
    let summary = backup::copy(&*old, &*new, |name, why| {
        say(out, &format!("`{}`: {why}", name.as_str().escape_debug()))
    })?;
    say(out, &told(&summary))?;
    Ok(summary.left_out == 0)
}

fn told(summary: &backup::Summary) -> String {
    let backup::Summary {
        documents,
        deltas,
        left_out,
    } = summary;
    let damaged = if *left_out > 0 {
        format!(", {left_out} damaged ones left out")
    } else {
        String::new()
    };
    format!("{documents} documents in {deltas} deltas{damaged}")
}

/// The answer of the relay that runs on this folder, or else of the folder.
fn answer(config: &Config, request: Request, out: &mut dyn Write) -> anyhow::Result<bool> {
    let data = &config.data;
    if let Some(answer) = admin::ask(data, &request, out)? {
        return Ok(answer);
    }
    ensure!(
        data.exists(),
        "there is no data folder {}; name it with --data",
        data.display()
    );
    let store = store::open(data, config.store)?;
    admin::carry_out(request, &*store, out, &AtomicBool::new(false))
}
