//! What was to be reached, and whether it was.

use super::{shown, Report};
use crate::contender::{Contender, ALL};
use crate::rows::{Row, BASE, CPU, CPU_S, EACH, EACH_OWN, JOIN, P50, PER_CORE_SECOND, WHOLE};
use std::fmt;

/// What a number is held against.
#[derive(Clone, Copy)]
enum Limit {
    /// At most so many times that of `raw-log`.
    TimesRawLog(f64),
    /// At least so many times that of `raw`.
    OfRaw(f64),
    /// At most this.
    AtMost(f64),
}

struct Goal {
    row: Row,
    column: &'static str,
    limit: Limit,
}

const fn goal(row: Row, column: &'static str, limit: Limit) -> Goal {
    Goal { row, column, limit }
}

const GOALS: [Goal; 11] = [
    goal(Row::FanOut(10), CPU, Limit::TimesRawLog(1.5)),
    goal(Row::FanOut(100), CPU, Limit::TimesRawLog(1.3)),
    goal(Row::FanOut(500), CPU, Limit::TimesRawLog(1.3)),
    goal(Row::Burst, PER_CORE_SECOND, Limit::OfRaw(0.3)),
    goal(Row::Documents, CPU, Limit::TimesRawLog(1.3)),
    goal(Row::Idle, EACH, Limit::AtMost(10.0)),
    goal(Row::Idle, EACH_OWN, Limit::AtMost(10.0)),
    goal(Row::Idle, BASE, Limit::AtMost(16.0)),
    goal(Row::Ingest, CPU_S, Limit::AtMost(4.0)),
    goal(Row::Ingest, JOIN, Limit::AtMost(25.0)),
    goal(Row::Rejoin, CPU_S, Limit::TimesRawLog(1.5)),
];

/// The columns in which the peers that keep their data are to be behind.
const COMPARED: [(&[Row], &str); 7] = [
    (
        &[
            Row::FanOut(10),
            Row::FanOut(100),
            Row::FanOut(500),
            Row::Documents,
        ],
        CPU,
    ),
    (
        &[
            Row::FanOut(10),
            Row::FanOut(100),
            Row::FanOut(500),
            Row::Documents,
        ],
        P50,
    ),
    (&[Row::Idle], EACH),
    (&[Row::Idle], EACH_OWN),
    (&[Row::Ingest, Row::Rejoin], CPU_S),
    (&[Row::Ingest], JOIN),
    (&[Row::Rejoin], WHOLE),
];

/// The goals of a report.
pub(super) struct Goals<'a>(pub(super) &'a Report);

impl fmt::Display for Goals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Goals\n")?;
        writeln!(
            f,
            "| row | number | driftwood | held against | is | limit | |"
        )?;
        writeln!(f, "|---|---|---:|---:|---:|---:|---|")?;
        for goal in &GOALS {
            self.line(f, goal)?;
        }
        let behind = self.behind();
        if !behind.is_empty() {
            writeln!(f, "\nBehind a peer that keeps its data:\n")?;
        }
        behind.iter().try_for_each(|line| writeln!(f, "- {line}"))
    }
}

impl Goals<'_> {
    fn line(&self, f: &mut fmt::Formatter<'_>, goal: &Goal) -> fmt::Result {
        let value = |contender| self.0.value(goal.row, contender, goal.column);
        let Some(ours) = value(Contender::Driftwood) else {
            return Ok(());
        };
        let (other, is, limit, met) = match goal.limit {
            Limit::TimesRawLog(limit) => {
                let Some(theirs) = value(Contender::RawLog) else {
                    return Ok(());
                };
                let is = ours / theirs;
                let limit_shown = format!("≤ {limit} × raw-log");
                (
                    shown(theirs),
                    format!("{is:.2} ×"),
                    limit_shown,
                    is <= limit,
                )
            }
            Limit::OfRaw(limit) => {
                let Some(theirs) = value(Contender::Raw) else {
                    return Ok(());
                };
                let is = ours / theirs;
                let limit_shown = format!("≥ {limit} × raw");
                (
                    shown(theirs),
                    format!("{is:.2} ×"),
                    limit_shown,
                    is >= limit,
                )
            }
            Limit::AtMost(limit) => {
                let met = ours <= limit;
                ("–".to_owned(), shown(ours), format!("≤ {limit}"), met)
            }
        };
        writeln!(
            f,
            "| {} | {} | {} | {other} | {is} | {limit} | {} |",
            goal.row.name(),
            goal.column,
            shown(ours),
            if met { "met" } else { "**missed**" },
        )
    }

    fn behind(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let both = COMPARED
            .iter()
            .flat_map(|(rows, column)| rows.iter().map(move |row| (*row, *column)));
        for (row, column) in both {
            let Some(ours) = self.0.value(row, Contender::Driftwood, column) else {
                continue;
            };
            for peer in ALL.into_iter().filter(|one| one.is_peer()) {
                let theirs = self.0.value(row, peer, column);
                if let Some(theirs) = theirs.filter(|theirs| *theirs < ours) {
                    lines.push(format!(
                        "{}, {column}: {}, {} has {}",
                        row.name(),
                        shown(ours),
                        peer.name(),
                        shown(theirs)
                    ));
                }
            }
        }
        lines
    }
}
