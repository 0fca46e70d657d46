//! The closing words, and the file with the results.

use crate::table::Table;
use crate::Args;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

/// When it began, and how busy the machine was.
pub struct Started {
    at: Instant,
    load: Option<String>,
}

impl Started {
    /// Now.
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            load: load(),
        }
    }
}

const NOTES: &str = "\
CPU time of the process, medians, contenders taking turns in one process; memory counted by the allocator. What each
contender shows at the end is compared with what is expected. A star marks plain structures that are no CRDT: the limit, never
the record. *driftwood is* gives Driftwood's number through the best peer's of the same run: below 1 it is ahead, bold
where it is not. Compare ratios, and within one run only.

What is kept differs. Full history with deleted text: diamond-types, Loro, automerge. Deleted text dropped, ids of
everything kept: yrs. Positions only, text beside: cola. Deleted text dropped, ids as far as something hangs on them,
no past: Driftwood, which so stands in the rows *saved* and *history dropped* with the same bytes. Compression as each does
by default: diamond-types LZ4 (text), Loro LZ4 (blocks), automerge DEFLATE (columns), yrs and cola none. Loro loads
lazily: what it saves in *load* it pays in *load, merge a delta, edit*. yrs-v2 edits like yrs, and isn't measured at that
again.
";

/// Prints what is to be said of all tables, and writes the file if all was measured.
pub fn finish(args: &Args, started: &Started, tables: &[Table], growth: &str) -> Result<()> {
    let summary = summary(tables);
    print!("{summary}");
    let whole = !args.quick && !args.smoke && args.only.is_empty() && args.profile_loop.is_none();
    let Some(file) = args.results.as_ref().filter(|_| whole) else {
        return Ok(());
    };
    let mut out = format!(
        "# Results of `cargo xtask bench engine`\n\n{}\n{NOTES}\n{summary}\n",
        machine(started)
    );
    for table in tables {
        let _ = writeln!(out, "{}", table.markdown());
    }
    out.push_str(growth);
    fs::write(file, out).with_context(|| format!("cannot write {}", file.display()))?;
    println!("Written to {}", file.display());
    Ok(())
}

/// How many rows Driftwood is ahead in, and which it is not.
fn summary(tables: &[Table]) -> String {
    let compared: usize = tables.iter().map(Table::compared).sum();
    let behind: Vec<_> = tables.iter().map(|table| (table, table.behind())).collect();
    let count: usize = behind.iter().map(|(_, rows)| rows.len()).sum();
    let mut out = format!(
        "Ahead of the best peer in {} of {compared} rows.\n",
        compared - count
    );
    for (table, rows) in behind.iter().filter(|(_, rows)| !rows.is_empty()) {
        let title = table.title.split(" (").next().unwrap_or_default();
        let rows = rows.iter().map(|(name, holder, ratio)| {
            let name = name.split(" (").next().unwrap_or_default();
            format!("{name} {ratio:.2}x {holder}")
        });
        let _ = writeln!(
            out,
            "- Behind in {title}: {}.",
            rows.collect::<Vec<_>>().join("; ")
        );
    }
    out
}

/// What it ran on. Neither names nor paths: they say nothing to others.
fn machine(started: &Started) -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name", ':');
    let system = field("/etc/os-release", "PRETTY_NAME", '=');
    let [model, system] =
        [model, system].map(|found| found.unwrap_or_else(|| "unknown".to_owned()));
    let rustc = Command::new("rustc").arg("-V").output();
    let rustc = rustc.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    let load_shown = |load: &Option<String>| load.clone().unwrap_or_else(|| "unknown".to_owned());
    format!(
        "{}, {cores} cores ({model}), {system}, {}, {}. Load average {} before, {} after; took {} s.\n\nVersions: {}.\n",
        today(),
        std::env::consts::ARCH,
        rustc.unwrap_or_default(),
        load_shown(&started.load),
        load_shown(&load()),
        started.at.elapsed().as_secs(),
        versions(),
    )
}

fn field(file: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(separator)?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

/// The peers and the ropes, as our lock file has them.
fn versions() -> String {
    const NAMES: [&str; 7] = [
        "automerge",
        "cola-crdt",
        "crop",
        "diamond-types",
        "jumprope",
        "loro",
        "yrs",
    ];
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split('"').next()?))
    };
    NAMES
        .into_iter()
        .filter_map(version)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The date, as YYYY-MM-DD in UTC (Howard Hinnant's `civil_from_days`).
fn today() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let days = since.as_secs() / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
