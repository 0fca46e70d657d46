//! How many messages a client may send.

use crate::{Limits, Time};

/// A token bucket in thousandths of a message.
#[derive(Debug)]
pub(crate) struct Bucket {
    level: i64,
    filled: Time,
    warned: bool,
}

pub(crate) enum Verdict {
    Fine,
    Warn { wait_ms: u64 },
    Close { wait_ms: u64 },
}

impl Bucket {
    pub(crate) fn new(now: Time, limits: &Limits) -> Self {
        Self {
            level: i64::from(limits.rate_burst) * 1_000,
            filled: now,
            warned: false,
        }
    }

    /// Takes one message out. Below zero the sender is warned once; a whole burst further down it
    /// is plain that it does not listen.
    pub(crate) fn take(&mut self, now: Time, limits: &Limits) -> Verdict {
        let burst = i64::from(limits.rate_burst) * 1_000;
        let rate = i64::from(limits.rate_per_second).max(1);
        let elapsed = i64::try_from(now.since(self.filled).as_millis()).unwrap_or(i64::MAX);
        self.filled = now;
        self.level = self
            .level
            .saturating_add(elapsed.saturating_mul(rate))
            .min(burst)
            - 1_000;
        if self.level >= burst / 2 {
            self.warned = false;
        }
        let wait_ms = ((burst / 2 - self.level) / rate).max(1).unsigned_abs();
        if self.level < -burst {
            Verdict::Close { wait_ms }
        } else if self.level < 0 && !self.warned {
            self.warned = true;
            Verdict::Warn { wait_ms }
        } else {
            Verdict::Fine
        }
    }
}
