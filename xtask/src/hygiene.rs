//! Rules of the house that no linter knows: file sizes, paths of somebody's machine, leftovers, lock files.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{bail, Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// How many lines a source file should have at most, tests aside: one subject fits. Beyond it is a remark.
const LINES_AIM: usize = 400;
/// Beyond this it is an error.
const LINES_MAX: usize = 650;
const SOURCES: [&str; 7] = ["rs", "ts", "tsx", "js", "mjs", "css", "html"];
const TEXTS: [&str; 7] = ["md", "toml", "json", "yml", "yaml", "sh", "svg"];
/// Files that other programs write.
const GENERATED: [&str; 2] = ["package-lock.json", "Cargo.lock"];
/// This file, which has to name what it looks for.
const THIS: &str = "xtask/src/hygiene.rs";

/// Folders that are found on one machine and not on the next.
const MACHINE_FOLDERS: [&str; 4] = ["/root/", "/home/", "/Users/", "/tmp/"];
const LEFTOVERS: [&str; 6] = ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!("];

/// Looks through every file that git knows or would take.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let listed = process::read(workspace.command("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]));
    let Some(listed) = listed else {
        println!(
            "This is no git work tree: which files are ours is not known, nothing is looked at"
        );
        return Ok(());
    };
    let mut complaints = Vec::new();
    let mut files = 0;
    for name in listed.lines() {
        // A file that was deleted and not yet committed is still listed.
        let Ok(text) = fs::read_to_string(workspace.root().join(name)) else {
            continue;
        };
        files += 1;
        complaints.extend(look_at(name, &text));
    }
    for complaint in &complaints {
        println!("  {complaint}");
    }
    if !complaints.is_empty() {
        bail!("{} of our own rules are broken", complaints.len());
    }
    println!("{files} files looked at");
    lock_files_are_current(workspace)
}

fn look_at(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if GENERATED.contains(&name) {
        if name == "package-lock.json" && text.contains("\"resolved\": \"http") {
            complaints.push(format!(
                "{name}: names a registry's host; keep .npmrc and run npm install"
            ));
        }
        return complaints;
    }
    let extension = Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or("");
    let is_source = SOURCES.contains(&extension);
    if name == THIS || !(is_source || TEXTS.contains(&extension)) {
        return complaints;
    }
    let lines = if is_source {
        lines_that_count(name, text)
    } else {
        0
    };
    if lines > LINES_MAX {
        complaints.push(format!("{name}: {lines} lines, more than {LINES_MAX}"));
    } else if lines > LINES_AIM {
        println!("  Remark: {name} has {lines} lines; what is its second subject?");
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(folder) = MACHINE_FOLDERS
            .iter()
            .find(|folder| starts_a_path(line, folder))
        {
            complaints.push(format!(
                "{name}:{number}: {folder} is a folder of one machine"
            ));
        }
        if let Some(word) = LEFTOVERS.iter().find(|word| stands_alone(line, word)) {
            complaints.push(format!("{name}:{number}: {word} is left over"));
        }
    }
    complaints
}

/// The lines of a file without its tests.
fn lines_that_count(name: &str, text: &str) -> usize {
    let is_test = name.split('/').any(|part| {
        matches!(part, "tests" | "e2e" | "tests.rs")
            || part.contains(".test.")
            || part.contains(".spec.")
    });
    if is_test {
        return 0;
    }
    let tests = text.find("\n#[cfg(test)]\nmod tests");
    text[..tests.unwrap_or(text.len())].lines().count()
}

/// Whether a line holds a path that begins with this folder, rather than a longer one that runs through it.
fn starts_a_path(line: &str, folder: &str) -> bool {
    let in_a_path = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '*' | '~');
    line.match_indices(folder)
        .any(|(at, _)| !line[..at].ends_with(in_a_path))
}

fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let joined = |c: char| c.is_alphanumeric() || c == '_';
        let is_a_part = line[..at].ends_with(joined)
            || (word.ends_with(joined) && line[at + word.len()..].starts_with(joined));
        !is_a_part
    })
}

/// `npm ci` refuses a lock file that does not fit the manifests; better here than on somebody's first try.
fn lock_files_are_current(workspace: &Workspace) -> Result<()> {
    process::read(&mut workspace.npm(&["ci", "--dry-run", "--no-audit", "--no-fund"]))
        .map(|_| println!("package-lock.json fits the manifests"))
        .context("package-lock.json does not fit the manifests: run `npm install`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_folders_are_told_from_folders_that_share_their_name() {
        assert!(starts_a_path("cd /root/project", "/root/"));
        assert!(starts_a_path("\"/home/ada/notes\"", "/home/"));
        assert!(!starts_a_path("https://example.org/home/page", "/home/"));
        assert!(!starts_a_path("src/root/item.rs", "/root/"));
    }

    #[test]
    fn leftovers_are_whole_words() {
        assert!(stands_alone("// TODO: later", "TODO"));
        assert!(stands_alone("    dbg!(x)", "dbg!("));
        assert!(!stands_alone("const TODOS: &str", "TODO"));
    }

    #[test]
    fn tests_do_not_count_as_lines() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(lines_that_count("crdt/src/a.rs", text), 1);
        assert_eq!(lines_that_count("crdt/tests/a.rs", text), 0);
        assert_eq!(lines_that_count("web-demo/src/list.test.ts", text), 0);
        assert_eq!(lines_that_count("crdt/src/latest.rs", text), 1);
    }
}
