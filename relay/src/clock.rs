//! The one place that reads the system's clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driftwood_sync::Time;

static LATEST_MILLIS: AtomicU64 = AtomicU64::new(0);

/// The present time; never earlier than what was answered before, also when the system's clock is
/// set back.
pub fn now() -> Time {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let millis = since_epoch.as_millis() as u64;
    Time::from_millis(
        LATEST_MILLIS
            .fetch_max(millis, Ordering::Relaxed)
            .max(millis),
    )
}
