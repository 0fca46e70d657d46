//! All workloads, one after the other.

use crate::contender::{Contender, Op, OURS};
use crate::op::Patch;
use crate::rows::{crowd, growth, history, offline, Budget};
use crate::table::Table;
use crate::workload::{self, from_trace, History};
use crate::{report, Args};
use anyhow::{ensure, Result};
use std::panic;
use std::time::Duration;

/// How much of everything.
#[derive(Clone, Copy)]
struct Scale {
    operations: usize,
    keys: usize,
    offline: usize,
    peers: usize,
    growth: usize,
}

const FULL: Scale = Scale {
    operations: 100_000,
    keys: 1_000,
    offline: 10_000,
    peers: 1_000,
    growth: 100_000,
};
const QUICK: Scale = Scale {
    operations: 4_000,
    keys: 1_000,
    offline: 1_000,
    peers: 200,
    growth: 1_000,
};
const SMOKE: Scale = Scale {
    operations: 300,
    keys: 30,
    offline: 100,
    peers: 20,
    growth: 200,
};

/// What is measured, and what came of it so far.
struct Run<'a> {
    args: &'a Args,
    budget: Budget,
    /// The parts of `--only` that no contender has in its name.
    filters: Vec<&'a str>,
    tables: Vec<Table>,
}

/// Measures everything that was asked for, and prints it.
///
/// # Errors
/// When a contender shows something else than it should.
pub fn run(args: &Args) -> Result<()> {
    // A peer's panic ends up in its cell; one line of it is enough.
    panic::set_hook(Box::new(|info| {
        eprintln!("{}", info.to_string().replace('\n', ": "));
    }));
    let started = report::Started::now();
    let scale = match args {
        Args { smoke: true, .. } => SMOKE,
        Args { quick: true, .. } => QUICK,
        _ => FULL,
    };
    let is_contender =
        |part: &&str| Patch::contenders().iter().any(|c| c.name.contains(*part)) || *part == "std";
    let mut run = Run {
        args,
        budget: budget(args),
        filters: args
            .only
            .iter()
            .map(String::as_str)
            .filter(|part| !is_contender(part))
            .collect(),
        tables: Vec::new(),
    };
    let texts = texts(args)?;
    for history in &texts {
        run.history(history)?;
    }
    run.history(&workload::sets_over_keys(scale.operations, scale.keys))?;
    run.history(&workload::sets_of_distinct_keys(scale.operations))?;
    run.history(&workload::pushes(scale.operations))?;
    run.history(&workload::increments(scale.operations))?;
    run.apart(&offline::texts(scale.offline))?;
    run.apart(&offline::maps(scale.offline, scale.keys))?;
    run.apart(&offline::lists(scale.offline, scale.keys))?;
    run.crowd(&crowd::words(scale.peers))?;
    run.crowd(&crowd::keys(scale.peers))?;
    run.crowd(&crowd::items(scale.peers))?;
    let mut growth = String::new();
    if run.has_contender(OURS) {
        let session = texts.iter().find(|text| text.session.is_none());
        let session = session.map_or(&[][..], |text| &text.ops);
        growth = growth::run(scale.growth, session, &|name| run.wants("growth", name));
    }
    ensure!(
        !run.tables.is_empty() || !growth.is_empty(),
        "nothing has such a name"
    );
    report::finish(args, &started, &run.tables, &growth)
}

fn budget(args: &Args) -> Budget {
    let (rounds, row_ms, cap_s) = match args {
        Args {
            profile_loop: Some(rounds),
            ..
        } => (*rounds, f64::INFINITY, 600.0),
        Args { smoke: true, .. } => (1, 0.0, 60.0),
        Args { quick: true, .. } => (2, 80.0, 1.0),
        _ => (5, 1_500.0, 12.0),
    };
    Budget {
        rounds,
        row_ms,
        cap: Duration::from_secs_f64(cap_s),
    }
}

/// The recorded traces, or made-up typing where there are none.
fn texts(args: &Args) -> Result<Vec<History<Patch>>> {
    let mut traces = match &args.traces {
        Some(folder) if !args.smoke => workload::read_folder(folder)?,
        _ => Vec::new(),
    };
    if traces.is_empty() {
        let edits = match args {
            Args { smoke: true, .. } => 1_000,
            Args { quick: true, .. } => 20_000,
            _ => 200_000,
        };
        return Ok(vec![workload::typed("typing", edits, 4)]);
    }
    if args.quick && args.only.is_empty() {
        // The shortest one that everyone gets through.
        traces.sort_by_key(|trace| (trace.session.is_some(), trace.patches.len()));
        traces.truncate(1);
    }
    Ok(traces.into_iter().map(from_trace).collect())
}

/// Whether this is a part of the name of a row, and of no workload.
fn is_row(part: &str) -> bool {
    let names = history::names()
        .into_iter()
        .chain(offline::names())
        .chain(crowd::names());
    names.into_iter().any(|name| name.contains(part))
}

impl Run<'_> {
    fn has_contender(&self, name: &str) -> bool {
        if self.args.profile_loop.is_some() {
            return name == OURS;
        }
        let mut named = self
            .args
            .only
            .iter()
            .filter(|part| !self.filters.contains(&part.as_str()))
            .peekable();
        named.peek().is_none() || named.any(|part| name.contains(part.as_str()))
    }

    /// Whether a row of a workload is asked for: by its own name, its workload's, or both.
    fn wants(&self, workload: &str, row: &str) -> bool {
        let (rows, workloads): (Vec<&str>, Vec<&str>) =
            self.filters.iter().partition(|part| is_row(part));
        let is_in = |name: &str, parts: &[&str]| {
            parts.is_empty() || parts.iter().any(|part| name.contains(part))
        };
        is_in(workload, &workloads) && is_in(row, &rows)
    }

    fn contenders<O: Op>(&self) -> Vec<Contender<O>> {
        let mut all = O::contenders();
        all.retain(|contender| self.has_contender(contender.name));
        all
    }

    fn history<O: Op>(&mut self, history: &History<O>) -> Result<()> {
        let wanted = |row: &str| self.wants(&history.name, row);
        let table = history::run(history, &self.contenders(), &wanted, &self.budget)?;
        self.show(table);
        Ok(())
    }

    fn apart<O: Op>(&mut self, apart: &offline::Apart<O>) -> Result<()> {
        let wanted = |row: &str| self.wants(&apart.name, row);
        let table = offline::run(apart, &self.contenders(), &wanted, &self.budget)?;
        self.show(table);
        Ok(())
    }

    fn crowd<O: Op>(&mut self, crowd: &crowd::Crowd<O>) -> Result<()> {
        let wanted = |row: &str| self.wants(&crowd.name, row);
        let table = crowd::run(crowd, &self.contenders(), &wanted, &self.budget)?;
        self.show(table);
        Ok(())
    }

    fn show(&mut self, table: Option<Table>) {
        if let Some(table) = table {
            println!("{}", table.markdown());
            self.tables.push(table);
        }
    }
}
