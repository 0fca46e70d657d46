//! Makes a failing schedule short.

use super::steps::{Schedule, Step};

/// Attempts; a schedule of 60 steps takes some 300.
const ATTEMPTS_MAX: usize = 3_000;

/// Leaves out replicas, steps, and what is inside of steps, as long as it still fails.
pub(crate) fn shrink(schedule: &Schedule, fails: impl Fn(&Schedule) -> bool) -> Schedule {
    let mut best = schedule.clone();
    let mut attempts = 0;
    let mut better = |candidate: Schedule, best: &mut Schedule| {
        attempts += 1;
        let fails = attempts <= ATTEMPTS_MAX && fails(&candidate);
        if fails {
            *best = candidate;
        }
        fails
    };
    for replicas in 2..schedule.replicas {
        let mut candidate = best.clone();
        candidate.replicas = replicas;
        if better(candidate, &mut best) {
            break;
        }
    }
    loop {
        let before = size(&best);
        let mut len = best.steps.len().div_ceil(2);
        while len > 0 {
            let mut end = best.steps.len();
            while end > 0 {
                let start = end.saturating_sub(len);
                let mut candidate = best.clone();
                candidate.steps.drain(start..end);
                better(candidate, &mut best);
                end = start.min(best.steps.len());
            }
            len /= 2;
        }
        for at in 0..best.steps.len() {
            for draw in (0..draws(&best.steps[at])).rev() {
                let mut candidate = best.clone();
                match &mut candidate.steps[at] {
                    Step::Edit { draws, .. } => drop(draws.remove(draw)),
                    Step::Fork { acts, .. } => drop(acts.remove(draw)),
                    _ => {}
                }
                better(candidate, &mut best);
            }
        }
        if size(&best) == before {
            return best;
        }
    }
}

/// How many edits a step has, or acts.
fn draws(step: &Step) -> usize {
    match step {
        Step::Edit { draws, .. } => draws.len(),
        Step::Fork { acts, .. } => acts.len(),
        _ => 0,
    }
}

fn size(schedule: &Schedule) -> usize {
    schedule.steps.iter().map(|step| 1 + draws(step)).sum()
}
