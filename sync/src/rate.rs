//! How much may be sent: by one connection, and by all of a principal or an address together.

use std::net::IpAddr;
use std::sync::Arc;

use driftwood_crdt::ordered::BTreeMap;

use crate::limits::{Allowance, Limits, Pace};
use crate::Time;

/// A token costs as much as so many changes: to check it takes longer.
pub(crate) const LOGIN_CHANGES: u64 = 100;

/// A token bucket in thousandths of what it counts.
#[derive(Debug)]
pub(crate) struct Bucket {
    level: i64,
    filled: Time,
    /// They were asked to slow down, and have not yet.
    pub(crate) warned: bool,
}

/// How a bucket stands after something was taken out; the later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Balance {
    /// It is half full or better.
    Plenty,
    Enough,
    /// Below zero: a warning is due.
    Short {
        wait_ms: u64,
    },
    /// A whole burst below zero: it is plain that they do not listen.
    Broke {
        wait_ms: u64,
    },
}

impl Bucket {
    pub(crate) fn new(now: Time, pace: Pace) -> Self {
        Self {
            level: thousandths(pace.burst),
            filled: now,
            warned: false,
        }
    }

    pub(crate) fn take(&mut self, now: Time, amount: u64, pace: Pace) -> Balance {
        self.fill(now, pace);
        self.level = self.level.saturating_sub(thousandths(amount));
        let (burst, rate) = (thousandths(pace.burst), rate(pace));
        let wait_ms = (burst / 2).saturating_sub(self.level) / rate;
        let wait_ms = wait_ms.max(1).unsigned_abs();
        if self.level < -burst {
            Balance::Broke { wait_ms }
        } else if self.level < 0 {
            Balance::Short { wait_ms }
        } else if self.level < burst / 2 {
            Balance::Enough
        } else {
            Balance::Plenty
        }
    }

    fn fill(&mut self, now: Time, pace: Pace) {
        let elapsed = i64::try_from(now.since(self.filled).as_millis()).unwrap_or(i64::MAX);
        self.filled = now;
        let more = elapsed.saturating_mul(rate(pace));
        self.level = self.level.saturating_add(more).min(thousandths(pace.burst));
    }

    fn is_full(&mut self, now: Time, pace: Pace) -> bool {
        self.fill(now, pace);
        self.level >= thousandths(pace.burst)
    }
}

fn thousandths(amount: u64) -> i64 {
    i64::try_from(amount)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000)
}

/// In thousandths a millisecond, which is the same as whole ones a second.
fn rate(pace: Pace) -> i64 {
    i64::try_from(pace.per_second).unwrap_or(i64::MAX).max(1)
}

/// Whom several connections have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Address(IpAddr),
    Principal(Arc<str>),
}

impl Source {
    /// Of the newer addresses somebody has a whole net, and may use each of its numbers once.
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    fn allowance<'a>(&self, limits: &'a Limits) -> &'a Allowance {
        match self {
            Self::Address(_) => &limits.address,
            Self::Principal(_) => &limits.principal,
        }
    }
}

/// What the sources have left. A source that is forgotten begins with full buckets, so only those
/// are forgotten whose buckets are full.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    meters: BTreeMap<Source, Meter>,
    sweep_at: usize,
}

#[derive(Debug)]
struct Meter {
    changes: Bucket,
    bytes: Bucket,
}

/// Below so many sources nothing is swept.
const SWEEP_MIN: usize = 64;

impl Meters {
    pub(crate) fn take(
        &mut self,
        source: &Source,
        now: Time,
        (changes, bytes): (u64, u64),
        limits: &Limits,
    ) -> Balance {
        let allowance = source.allowance(limits);
        if !self.meters.contains_key(source) {
            self.sweep(now, limits);
            let meter = Meter {
                changes: Bucket::new(now, allowance.changes),
                bytes: Bucket::new(now, allowance.bytes),
            };
            self.meters.insert(source.clone(), meter);
        }
        let Some(meter) = self.meters.get_mut(source) else {
            return Balance::Plenty;
        };
        let changes = meter.changes.take(now, changes, allowance.changes);
        changes.max(meter.bytes.take(now, bytes, allowance.bytes))
    }

    fn sweep(&mut self, now: Time, limits: &Limits) {
        if self.meters.len() < self.sweep_at.max(SWEEP_MIN) {
            return;
        }
        self.meters.retain(|source, meter| {
            let allowance = source.allowance(limits);
            !(meter.changes.is_full(now, allowance.changes)
                && meter.bytes.is_full(now, allowance.bytes))
        });
        self.sweep_at = self.meters.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const AT: Time = Time::from_millis(5_000);

    #[test]
    fn a_bucket_warns_below_zero_and_gives_up_a_burst_later() {
        let pace = Pace {
            per_second: 10,
            burst: 100,
        };
        let mut bucket = Bucket::new(AT, pace);
        assert_eq!(bucket.take(AT, 50, pace), Balance::Plenty);
        assert_eq!(bucket.take(AT, 50, pace), Balance::Enough);
        let wait_ms = 5_100;
        assert_eq!(bucket.take(AT, 1, pace), Balance::Short { wait_ms });
        let wait_ms = 15_100;
        assert_eq!(bucket.take(AT, 100, pace), Balance::Broke { wait_ms });
        let later = Time::from_millis(5_000 + wait_ms);
        assert_eq!(bucket.take(later, 0, pace), Balance::Plenty);
    }

    #[test]
    fn an_address_stands_for_its_net() {
        let source = |text: &str| Source::address(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::2:3"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
    }

    #[test]
    fn only_sources_with_full_buckets_are_forgotten() {
        let limits = Limits::default();
        let mut meters = Meters::default();
        let busy = Source::Principal("busy".into());
        meters.take(&busy, AT, (100, 0), &limits);
        for number in 0..10_000_u32 {
            let source = Source::address(IpAddr::V4(number.into()));
            meters.take(&source, AT, (0, 0), &limits);
        }
        assert!(meters.meters.len() <= 2 * SWEEP_MIN);
        assert!(meters.meters.contains_key(&busy));
    }
}
