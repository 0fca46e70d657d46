//! `bench/RESULTS.md`: a part for each of the benches, each replaced by the last full run of it.

use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;

const FILE: &str = "bench/RESULTS.md";
/// What every part begins with.
const HEADING: &str = "# Results of ";

/// Puts a part in the place of the one with the same heading.
pub(super) fn keep(workspace: &Workspace, part: &str) -> Result<()> {
    let file = workspace.path(FILE);
    let old = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, replaced(&old, part)).with_context(|| format!("cannot write {FILE}"))?;
    println!("Written to {FILE}");
    Ok(())
}

fn replaced(old: &str, part: &str) -> String {
    let heading = |text: &str| text.lines().next().map(str::to_owned);
    let mut parts: Vec<String> = Vec::new();
    for line in old.lines() {
        if line.starts_with(HEADING) {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    parts.retain(|old| heading(old) != heading(part));
    parts.push(part.to_owned());
    parts.sort();
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();
    parts.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_the_place_of_the_older_one() {
        let engine = |said| format!("# Results of `engine`\n\n## table\n{said}\n");
        let js = "# Results of `js`\n\nnumbers\n";
        let first = replaced("", js);
        assert_eq!(first, js);
        let both = replaced(&first, &engine("old"));
        assert_eq!(both, format!("{}\n{js}", engine("old")));
        assert_eq!(
            replaced(&both, &engine("new")),
            format!("{}\n{js}", engine("new"))
        );
    }
}
