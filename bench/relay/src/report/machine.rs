//! What it ran on, and when. Neither names nor paths: they say nothing to others.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(super) const NOTES: &str = "\
The server runs on core 0, the generator on core 1, over loopback. Servers take turns within a round, each row on a fresh
one; medians. CPU is that of all the server's threads, user and system. Latency counts from the moment when an update was
due. Every reader got everything, and one of each row was compared to the letter. A delivery is an update at a reader.
`raw` and `raw-log` are servers of our own (tokio-tungstenite) that pass bytes on and understand nothing; `raw-log` appends,
syncs in groups (`fdatasync`) and acknowledges then, as Driftwood does; the others acknowledge before they have stored
(hocuspocus) or not at all. Compare ratios, within one run only: p99 and rates depend on what else the machine does.
";

/// When it began, and how busy the machine was.
pub(super) struct Moment {
    at: Instant,
    load: String,
}

impl Moment {
    pub(super) fn now() -> Self {
        let at = Instant::now();
        Self { at, load: load() }
    }
}

pub(super) fn about(began: &Moment, session: &str, rounds: usize) -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name", ':');
    let cores = fs::read_to_string("/proc/cpuinfo").map_or(cores, |text| {
        text.lines()
            .filter(|line| line.starts_with("processor"))
            .count()
    });
    let system = field("/etc/os-release", "PRETTY_NAME", '=');
    let node = Command::new("node").arg("--version").output();
    let node = node.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    format!(
        "{}, {cores} cores ({model}), {}, {system}, node {}. Load average {} before, {} after; {rounds} rounds took {} s. \
         Session: {session}.\n\nVersions: @y/websocket-server 0.1.1 with y-leveldb, @hocuspocus/server 4.7.0 with its SQLite, \
         y-sweet 0.9.1, tokio-tungstenite 0.29.\n",
        today(),
        std::env::consts::ARCH,
        node.unwrap_or_default(),
        began.load,
        load(),
        began.at.elapsed().as_secs(),
    )
}

fn field(file: &str, name: &str, separator: char) -> String {
    let find = || {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        let (_, value) = line.split_once(separator)?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    find().unwrap_or_else(|| "unknown".to_owned())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.unwrap_or("unknown").to_owned()
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
