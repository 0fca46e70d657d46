//! Files that are replaced while the relay runs: certificates, tokens.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::time::{interval, MissedTickBehavior};

/// How often to look. A look at a file costs microseconds, and works wherever the file lies.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// Calls `changed` whenever one of the files is another one than before. Never ends.
pub(crate) async fn watch(files: Vec<PathBuf>, mut changed: impl AsyncFnMut()) {
    let stamps = || -> Vec<Option<(SystemTime, u64)>> {
        let stamp = |file: &PathBuf| {
            let meta = std::fs::metadata(file).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        };
        files.iter().map(stamp).collect()
    };
    let mut known = stamps();
    let mut look = interval(LOOK_PERIOD);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let now = stamps();
        // One that is away is being replaced.
        if now != known && now.iter().all(Option::is_some) {
            known = now;
            changed().await;
        }
    }
}
