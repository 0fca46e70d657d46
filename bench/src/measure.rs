//! Time as the process spends it, and memory as it asks for it.

use cpu_time::ProcessTime;
use peak_alloc::PeakAlloc;
use std::time::Duration;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Milliseconds of CPU that something took, and what came of it. What comes of it is dropped outside of the time.
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = ProcessTime::now();
    let made = work();
    (started.elapsed().as_secs_f64() * 1e3, made)
}

/// How long a contender may take over one sample.
#[derive(Clone, Copy)]
pub struct Cap {
    started: ProcessTime,
    limit: Duration,
}

impl Cap {
    /// From now on.
    pub fn of(limit: Duration) -> Self {
        Self {
            started: ProcessTime::now(),
            limit,
        }
    }

    /// Whether the time is over. Asking is a system call, so it is asked now and then only.
    pub fn is_over(&self) -> bool {
        self.started.elapsed() > self.limit
    }

    /// Does `step` with each item until the time is over; how many it came to.
    pub fn each<T>(&self, items: &[T], mut step: impl FnMut(&T)) -> usize {
        // Some engines take milliseconds a step, some nanoseconds.
        const BETWEEN_LOOKS: usize = 128;
        for (number, chunk) in items.chunks(BETWEEN_LOOKS).enumerate() {
            if number > 0 && self.is_over() {
                return number * BETWEEN_LOOKS;
            }
            chunk.iter().for_each(&mut step);
        }
        items.len()
    }
}

/// Bytes that something still holds when it is done, and the most that it held on the way.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Held at the end.
    pub held: usize,
    /// Held at most.
    pub peak: usize,
}

/// The memory that `work` takes, counted while what it gives is alive.
pub fn memory<T>(work: impl FnOnce() -> T) -> (Memory, T) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let made = work();
    let held = MEMORY.current_usage().saturating_sub(before);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    (Memory { held, peak }, made)
}
