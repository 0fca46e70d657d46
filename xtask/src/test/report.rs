//! What came of the steps, and the summary at the end.

use super::steps::{Done, Step};
use crate::tally::{Suite, Tally};
use anyhow::Result;
use std::time::Duration;

/// What came of one step.
pub(super) enum Verdict {
    Good(Vec<Suite>),
    Failed {
        suites: Vec<Suite>,
        why: Option<String>,
    },
    Skipped {
        need: &'static str,
    },
}

impl Verdict {
    pub(super) fn of(result: Result<Done>) -> Self {
        match result {
            Ok(done) if done.ok => Self::Good(done.suites),
            Ok(done) => Self::Failed {
                suites: done.suites,
                why: None,
            },
            Err(error) => Self::Failed {
                suites: Vec::new(),
                why: Some(format!("{error:#}")),
            },
        }
    }

    fn word(&self) -> String {
        match self {
            Self::Good(_) => "ok".to_owned(),
            Self::Failed { .. } => "FAILED".to_owned(),
            Self::Skipped { need } => format!("not run, as {need} failed"),
        }
    }

    fn suites(&self) -> &[Suite] {
        match self {
            Self::Good(suites) | Self::Failed { suites, .. } => suites,
            Self::Skipped { .. } => &[],
        }
    }

    /// The tests of the step. A step that failed without a failing test, a lint say, counts as one itself.
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for suite in self.suites() {
            tally.add(suite.tally);
        }
        if matches!(self, Self::Failed { .. }) {
            tally.failed = tally.failed.max(1);
        }
        tally
    }
}

/// What came of all steps so far, in their order.
#[derive(Default)]
pub(super) struct Report {
    entries: Vec<(&'static str, Duration, Verdict)>,
}

impl Report {
    pub(super) fn add(&mut self, step: &Step, took: Duration, verdict: Verdict) {
        if let Verdict::Failed { why: Some(why), .. } = &verdict {
            println!("{why}");
        }
        println!(
            "-- {}: {} ({:.1} s)",
            step.name,
            verdict.word(),
            took.as_secs_f64()
        );
        self.entries.push((step.name, took, verdict));
    }

    pub(super) fn is_good(&self, name: &str) -> bool {
        let found = self.entries.iter().find(|(step, ..)| *step == name);
        found.is_some_and(|(.., verdict)| matches!(verdict, Verdict::Good(_)))
    }

    pub(super) fn failures(&self) -> Vec<&'static str> {
        let failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed { .. });
        let entries = self.entries.iter();
        entries
            .filter(|(.., verdict)| failed(verdict))
            .map(|(name, ..)| *name)
            .collect()
    }

    /// Prints the summary, whose last line is the plain count that CI reads. Tells whether all was good.
    pub(super) fn print(&self) -> bool {
        println!("\n== Summary ==");
        let mut total = Tally::default();
        let mut time = Duration::ZERO;
        for (name, took, verdict) in &self.entries {
            println!(
                "{name:<12} {:>7.1} s  {}",
                took.as_secs_f64(),
                verdict.word()
            );
            for suite in verdict.suites() {
                println!("{:24} {}: {}", "", suite.name, suite.tally);
            }
            total.add(verdict.tally());
            time += *took;
        }
        println!("{:<12} {:>7.1} s", "in all", time.as_secs_f64());
        println!("\n{total}");
        self.failures().is_empty()
    }
}
