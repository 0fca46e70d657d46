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

/// The system's clock in nanoseconds since 1970, for what is only to be looked at.
pub(crate) fn unix_nanos() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since_epoch.unwrap_or(Duration::ZERO).as_nanos();
    u64::try_from(nanos).unwrap_or(u64::MAX)
}
