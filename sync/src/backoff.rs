//! When to dial again: exponential, capped, jittered, and a pure function of its seed.

use std::time::Duration;

const FIRST_MS: u64 = 250;
const LAST_MS: u64 = 15_000;
const LAST_RELAY_MS: u64 = 2_000;

/// Delays between attempts to connect: 250 ms, doubling to 15 s, each drawn from the upper half of
/// its step, so that a thousand clients of a relay that restarts do not come back at one moment.
///
/// ```
/// use driftwood_sync::Backoff;
/// let mut backoff = Backoff::new(42);
/// let first = backoff.next_delay();
/// assert!((125..=250).contains(&first.as_millis()));
/// backoff.reset(); // connected, and the hello came through
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    state: u64,
    step_ms: u64,
    last_ms: u64,
}

impl Backoff {
    /// Delays that follow from `seed`, which the shell draws at random.
    pub const fn new(seed: u64) -> Self {
        Self {
            state: seed,
            step_ms: FIRST_MS,
            last_ms: LAST_MS,
        }
    }

    /// The same between relays, up to 2 s: they are few, and what one of them missed waits for this.
    pub const fn between_relays(seed: u64) -> Self {
        Self {
            last_ms: LAST_RELAY_MS,
            ..Self::new(seed)
        }
    }

    /// How long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let half = self.step_ms / 2;
        let delay = half + self.random() % (self.step_ms - half + 1);
        self.step_ms = (self.step_ms * 2).min(self.last_ms);
        Duration::from_millis(delay)
    }

    /// Starts again at the shortest delay. To be called when a connection has held, at the earliest
    /// when the other side's hello came.
    pub fn reset(&mut self) {
        self.step_ms = FIRST_MS;
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014): small, and good enough to spread clients out.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn doubles_up_to_the_cap_within_its_jitter() {
        for seed in 0..100 {
            let mut backoff = Backoff::new(seed);
            for step in [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
                let delay = backoff.next_delay().as_millis();
                assert!((step / 2..=step).contains(&delay), "{delay} at step {step}");
            }
            backoff.reset();
            assert!(backoff.next_delay().as_millis() <= 250);
            let mut relay = Backoff::between_relays(seed);
            assert!((0..9).all(|_| relay.next_delay().as_millis() <= 2_000));
        }
    }

    #[test]
    fn seeds_differ() {
        let delays: std::collections::BTreeSet<_> = (0..64)
            .map(|seed| Backoff::new(seed).next_delay())
            .collect();
        assert!(delays.len() > 32);
    }
}
