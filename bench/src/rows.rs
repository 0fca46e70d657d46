//! What is measured of a workload, and the taking of turns.

pub mod crowd;
pub mod growth;
pub mod history;
pub mod offline;

use crate::contender::OURS;
use crate::measure::{timed, Cap};
use crate::table::{Cell, Column, Table, Unit};
use anyhow::Result;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

/// How much time there is.
#[derive(Clone, Copy)]
pub struct Budget {
    /// How often everyone has a turn.
    pub rounds: usize,
    /// Milliseconds that one contender may use up over one row before it gets no further turn.
    pub row_ms: f64,
    /// What one sample may take.
    pub cap: Duration,
}

/// One measurement of one contender.
pub enum Sample {
    /// Milliseconds.
    Took(f64),
    /// A number that is the same each time.
    Exact(f64),
    /// The time was over: how many steps were done, of how many.
    Unfinished(usize, usize),
    /// No number, and why.
    Because(&'static str),
    /// Has no such thing.
    Absent,
}

/// A sample of `work`, which says how many of `of` steps it has done and what came of it.
pub fn sample<T>(of: usize, limit: Duration, work: impl FnOnce(&Cap) -> (usize, T)) -> (Sample, T) {
    let cap = Cap::of(limit);
    let (ms, (done, made)) = timed(|| work(&cap));
    let sample = if done < of {
        Sample::Unfinished(done, of)
    } else {
        Sample::Took(ms)
    };
    (sample, made)
}

/// What one contender has done in one row.
#[derive(Default)]
struct Turns {
    times: Vec<f64>,
    used_ms: f64,
    verdict: Option<Cell>,
}

impl Turns {
    /// Samples for one turn: several, where one is over before the clock has moved.
    fn take(&mut self, budget: &Budget, mut measure: impl FnMut() -> Result<Sample>) -> Result<()> {
        const A_TURN_MS: f64 = 20.0;
        const SAMPLES_MAX: usize = 20;
        let mut turn_ms = 0.0;
        for _ in 0..SAMPLES_MAX {
            if self.verdict.is_some() || self.used_ms > budget.row_ms || turn_ms > A_TURN_MS {
                break;
            }
            match measure()? {
                Sample::Took(ms) => {
                    self.times.push(ms);
                    self.used_ms += ms;
                    turn_ms += ms;
                }
                Sample::Exact(number) => self.verdict = Some(Cell::Number(number)),
                Sample::Unfinished(done, of) => {
                    let part = done as f64 / of as f64;
                    self.verdict = Some(Cell::Unfinished(budget.cap.as_secs_f64(), part));
                }
                Sample::Because(why) => self.verdict = Some(Cell::Because(why)),
                Sample::Absent => self.verdict = Some(Cell::Empty),
            }
        }
        Ok(())
    }

    fn cell(mut self) -> Cell {
        match self.verdict {
            Some(cell) => cell,
            None => median(&mut self.times).map_or(Cell::Empty, Cell::Number),
        }
    }
}

/// Does `work` for a contender. A peer that panics or shows something wrong says so in its cell; Driftwood ends the run.
pub fn guarded(name: &str, work: impl FnOnce() -> Result<Sample>) -> Result<Sample> {
    if name == OURS {
        return work();
    }
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Err(wrong)) => {
            eprintln!("{wrong:#}");
            Ok(Sample::Because("wrong result"))
        }
        Ok(measured) => measured,
        Err(_) => Ok(Sample::Because("panics")),
    }
}

/// Prepares a contender, or says of a peer that it cannot be.
pub fn prepared<T>(name: &str, work: impl FnOnce() -> Result<Option<T>>) -> Result<Option<T>> {
    let mut made = None;
    guarded(name, || {
        made = work()?;
        Ok(Sample::Absent)
    })?;
    Ok(made)
}

fn median(times: &mut [f64]) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match times.len() {
        0 => None,
        len if len % 2 == 1 => Some(times[middle]),
        _ => Some(f64::midpoint(times[middle - 1], times[middle])),
    }
}

/// Fills a table: in each round each row, in each row each contender.
pub fn take_turns(
    title: String,
    columns: Vec<Column>,
    rows: &[(&'static str, Unit)],
    budget: &Budget,
    mut measure: impl FnMut(usize, usize) -> Result<Sample>,
) -> Result<Table> {
    let mut turns: Vec<Vec<Turns>> = Vec::new();
    turns.resize_with(rows.len(), || {
        columns.iter().map(|_| Turns::default()).collect()
    });
    for _ in 0..budget.rounds {
        for (row, turns) in turns.iter_mut().enumerate() {
            for (column, turns) in turns.iter_mut().enumerate() {
                let name = columns[column].name;
                turns.take(budget, || guarded(name, || measure(row, column)))?;
            }
        }
    }
    let cells = turns
        .into_iter()
        .map(|row| row.into_iter().map(Turns::cell).collect());
    let rows = rows
        .iter()
        .zip(cells)
        .map(|(&(name, unit), cells)| (name, unit, cells));
    let mut table = Table {
        title,
        columns,
        rows: rows.collect(),
    };
    // A row that nobody has is not about this workload.
    table
        .rows
        .retain(|(_, _, cells)| cells.iter().any(|cell| *cell != Cell::Empty));
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
