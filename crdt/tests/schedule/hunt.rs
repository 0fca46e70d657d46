//! Runs many schedules on all cores until one fails.

use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Mutex;
// The harness counts minutes; the engine under test never sees a clock.
use std::time::Duration;
#[allow(clippy::disallowed_types)]
use std::time::Instant;

use super::steps::Schedule;
use super::world::{self, Care};

/// How much is to be run.
pub(crate) struct Task {
    /// The seed of the first schedule; each next one has the next.
    pub seed: u64,
    /// How many, unless a time is given.
    pub schedules: u64,
    pub time: Option<Duration>,
}

/// A schedule that failed.
pub(crate) struct Failure {
    /// Its number, from 1.
    pub number: u64,
    pub seed: u64,
    pub why: String,
}

/// A schedule that takes longer does not end.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    static WHY: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs a schedule; gives what it panicked with, without a word on the screen.
pub(crate) fn quietly(
    schedule: &Schedule,
    care: Care,
    told: Option<&mut String>,
) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| world::run(schedule, care, told)))
        .map_err(|_| WHY.with(RefCell::take))
}

/// Keeps what panics say for [`quietly`] in place of printing it, until the hook is taken away.
pub(crate) fn hold_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let said = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("a panic");
        let said = said.trim_start_matches("assertion `left == right` failed: ");
        let said = format!("{said}\n    ({})", place.unwrap_or_default());
        WHY.with(|why| *why.borrow_mut() = said);
    }));
}

struct Hunt<'t> {
    task: &'t Task,
    #[allow(clippy::disallowed_types)]
    started: Instant,
    next: AtomicU64,
    stop: AtomicBool,
    done: AtomicU64,
    /// What each worker is at, and since when.
    #[allow(clippy::disallowed_types)]
    at_work: Vec<Mutex<Option<(u64, Instant)>>>,
    failure: Mutex<Option<Failure>>,
}

/// Runs the schedules of the task; gives how many ran, or the first that failed. Every so often,
/// `progress` hears how many ran so far.
#[allow(clippy::disallowed_types)]
pub(crate) fn hunt(task: &Task, progress: impl Fn(u64, Duration)) -> Result<u64, Failure> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let hunt = Hunt {
        task,
        started: Instant::now(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        done: AtomicU64::new(0),
        at_work: (0..workers).map(|_| Mutex::new(None)).collect(),
        failure: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn({
                    let hunt = &hunt;
                    move || hunt.work(worker)
                })
            })
            .collect();
        let mut said = Duration::ZERO;
        while !threads
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            std::thread::park_timeout(Duration::from_millis(20));
            hunt.look_for_the_endless();
            let now = hunt.started.elapsed();
            if now > said + Duration::from_secs(10) {
                said = now;
                progress(hunt.done.load(Ordering::Relaxed), now);
            }
        }
    });
    match hunt.failure.into_inner().expect("no worker died with it") {
        Some(failure) => Err(failure),
        None => Ok(hunt.done.into_inner()),
    }
}

#[allow(clippy::disallowed_types)]
impl Hunt<'_> {
    fn work(&self, worker: usize) {
        while !self.stop.load(Ordering::Relaxed) && !self.is_over() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if self.task.time.is_none() && number >= self.task.schedules {
                break;
            }
            let seed = self.task.seed.wrapping_add(number);
            self.note(worker, Some((seed, Instant::now())));
            let result = quietly(&Schedule::new(seed), Care::Quick, None);
            self.note(worker, None);
            self.done.fetch_add(1, Ordering::Relaxed);
            if let Err(why) = result {
                self.failed(number + 1, seed, why);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.task
            .time
            .is_some_and(|time| self.started.elapsed() >= time)
    }

    fn note(&self, worker: usize, at: Option<(u64, Instant)>) {
        *self.at_work[worker].lock().expect("nobody dies with it") = at;
    }

    /// Of several failures that of the lowest number counts: it is the same on every machine.
    fn failed(&self, number: u64, seed: u64, why: String) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failure = self.failure.lock().expect("nobody dies with it");
        if failure.as_ref().is_none_or(|first| number < first.number) {
            *failure = Some(Failure { number, seed, why });
        }
    }

    fn look_for_the_endless(&self) {
        for worker in &self.at_work {
            let at = *worker.lock().expect("nobody dies with it");
            if let Some((seed, _)) = at.filter(|(_, since)| since.elapsed() > PATIENCE) {
                let number = seed.wrapping_sub(self.task.seed) + 1;
                println!("schedules: FAILED after {number}: does not end (seed {seed})");
                // A thread cannot be ended from outside.
                std::process::exit(1);
            }
        }
    }
}
