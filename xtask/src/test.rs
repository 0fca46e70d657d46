//! `cargo xtask test`: every check, one step at a time, on to the end even when one fails.

mod report;
mod steps;

use crate::workspace::Workspace;
use anyhow::{bail, ensure, Result};
use report::{Report, Verdict};
use std::time::Instant;
use steps::{Step, STEPS};

/// The options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run this step, and those it needs; may be given several times
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Name the steps and run none
    #[arg(long)]
    list: bool,
}

/// Runs the steps and prints a summary. Fails when any of them did.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.list {
        for step in &STEPS {
            println!("{:<12} {}", step.name, step.about);
        }
        return Ok(());
    }
    let chosen = choose(&args.only)?;
    let mut report = Report::default();
    for (number, step) in (1..).zip(&chosen) {
        println!(
            "\n== {number}/{} {}: {} ==",
            chosen.len(),
            step.name,
            step.about
        );
        let started = Instant::now();
        let missing = step.needs.iter().find(|need| !report.is_good(need));
        let verdict = match missing {
            Some(need) => Verdict::Skipped { need },
            None => Verdict::of((step.run)(workspace)),
        };
        report.add(step, started.elapsed(), verdict);
    }
    if !report.print() {
        bail!("{} failed", report.failures().join(", "));
    }
    Ok(())
}

/// The named steps and what they need, in the order they run in; all of them when none is named.
fn choose(only: &[String]) -> Result<Vec<&'static Step>> {
    for name in only {
        let known = STEPS.iter().any(|step| step.name == name);
        ensure!(
            known,
            "there is no step \"{name}\"; `cargo xtask test --list` names them"
        );
    }
    let mut chosen: Vec<&Step> = Vec::new();
    // What a step needs stands before it, so one walk from the end finds everything.
    for step in STEPS.iter().rev() {
        let needed = chosen.iter().any(|later| later.needs.contains(&step.name));
        if only.is_empty() || needed || only.iter().any(|name| name == step.name) {
            chosen.push(step);
        }
    }
    chosen.reverse();
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str]) -> Vec<&'static str> {
        let only: Vec<_> = only.iter().map(|&name| name.to_owned()).collect();
        let steps = choose(&only).expect("these are names of steps");
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn a_step_brings_what_it_needs() {
        assert_eq!(names(&["fmt"]), ["fmt"]);
        assert_eq!(names(&["page"]), ["setup", "package", "page"]);
        assert_eq!(names(&[]).len(), STEPS.len());
        assert!(choose(&["none".to_owned()]).is_err());
    }

    #[test]
    fn what_a_step_needs_stands_before_it() {
        for (index, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(
                    STEPS[..index].iter().any(|earlier| earlier.name == *need),
                    "{need}"
                );
            }
        }
    }
}
