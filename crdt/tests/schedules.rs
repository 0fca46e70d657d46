//! The law of the house, by random schedules: whatever people do, in whatever order it arrives, equal
//! versions mean equal bytes, and every copy shows what a naive model of it shows.
//!
//! | variable | means | default |
//! |---|---|---|
//! | `DRIFTWOOD_SCHEDULES` | how many schedules are run | 3,000 |
//! | `DRIFTWOOD_SEED` | the seed of the first one; each next one has the next | 1 |
//! | `DRIFTWOOD_MINUTES` | run for so long instead | |
//! | `DRIFTWOOD_SHRINK` | 0: do not shorten what fails | 1 |

// They run on all cores, and there are none of these in a browser's main thread: see `convergence.rs`.
#![cfg(not(target_arch = "wasm32"))]

mod model;
mod schedule;
#[allow(dead_code, reason = "property tests need more of it")]
mod support;

use std::time::Duration;

use schedule::{hold_panics, hunt, quietly, shrink, Care, Failure, Schedule, Step, Task};

fn number_of(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.replace(['_', ','], "").parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is {value:?}, which is no whole number")))
}

#[test]
fn every_schedule_converges_to_what_the_model_shows() {
    let task = Task {
        seed: number_of("DRIFTWOOD_SEED").unwrap_or(1),
        schedules: number_of("DRIFTWOOD_SCHEDULES").unwrap_or(3_000),
        time: number_of("DRIFTWOOD_MINUTES").map(|minutes| Duration::from_secs(60 * minutes)),
    };
    let progress = |done: u64, time: Duration| {
        println!("schedules: {done} so far, {:.0} s", time.as_secs_f64());
    };
    hold_panics();
    match hunt(&task, progress) {
        Ok(done) => println!(
            "schedules: {done} passed, seeds {} to {}",
            task.seed,
            task.seed.wrapping_add(done).wrapping_sub(1)
        ),
        Err(failure) => report(&failure),
    }
}

/// Shortens the schedule and says all that is needed to work on it.
fn report(Failure { number, seed, why }: &Failure) {
    let first = why.lines().next().unwrap_or("");
    println!("schedules: FAILED after {number}: {first}");
    if number_of("DRIFTWOOD_SHRINK") == Some(0) {
        let _ = std::panic::take_hook();
        panic!("seed {seed}: {first}");
    }
    let short = shrink(&Schedule::new(*seed), |schedule| {
        quietly(schedule, Care::Full, None).is_err()
    });
    let mut told = String::new();
    let why =
        quietly(&short, Care::Full, Some(&mut told)).expect_err("it failed when it was shortened");
    println!(
        "the shortened schedule, {} replicas:\n{told}  => {why}",
        short.replicas
    );
    let release = if cfg!(debug_assertions) {
        ""
    } else {
        " --release"
    };
    println!(
        "replay: DRIFTWOOD_SEED={seed} DRIFTWOOD_SCHEDULES=1 cargo test -p driftwood-crdt{release} --test schedules -- --nocapture"
    );
    let _ = std::panic::take_hook();
    panic!("seed {seed}: {first}");
}

#[test]
fn a_failing_schedule_is_made_short() {
    // Say that what fails is a reload after an edit by the same replica.
    let fails = |schedule: &Schedule| {
        let mut edited = Vec::new();
        schedule.steps.iter().any(|step| match step {
            Step::Edit { who, .. } => {
                edited.push(who % schedule.replicas);
                false
            }
            Step::Reload { who, .. } => edited.contains(&(who % schedule.replicas)),
            _ => false,
        })
    };
    let long = (0..1_000).map(Schedule::new).find(fails);
    let short = shrink(&long.expect("many schedules have both"), fails);
    assert_eq!((short.replicas, short.steps.len()), (2, 2));
}
