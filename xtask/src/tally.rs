//! Reads the closing lines of the test runners: cargo's, wasm-bindgen's, Vitest's and Playwright's.

use std::fmt;

/// How many tests went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// One suite: a test binary, or all of a runner's files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) name: String,
    pub(crate) tally: Tally,
}

/// The suites in what `cargo test` wrote, for either target; those without a test are left out.
pub(crate) fn cargo(lines: &[String]) -> Vec<Suite> {
    let mut name = String::new();
    let mut suites = Vec::new();
    for line in lines {
        let line = plain(line);
        // wasm-bindgen's runner says "Running headless tests in …" too, without a binary.
        if let Some((source, binary)) = line
            .strip_prefix("Running ")
            .and_then(|rest| rest.split_once(" ("))
        {
            name = binary_name(source, binary);
        } else if let Some(package) = line.strip_prefix("Doc-tests ") {
            name = format!("{package} examples");
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let tally = Tally {
                passed: count(result, "passed"),
                failed: count(result, "failed"),
                skipped: count(result, "ignored"),
            };
            if !tally.is_empty() {
                let name = name.clone();
                suites.push(Suite { name, tally });
            }
        }
    }
    suites
}

/// The one suite in what Vitest wrote: `Tests  1 failed | 11 passed | 2 skipped (14)`.
pub(crate) fn vitest(lines: &[String]) -> Vec<Suite> {
    let mut closing = lines.iter().rev().map(|line| plain(line));
    let found = closing.find_map(|line| line.strip_prefix("Tests ").map(str::to_owned));
    let tally = found.map(|line| Tally {
        passed: count(&line, "passed"),
        failed: count(&line, "failed"),
        skipped: count(&line, "skipped") + count(&line, "todo"),
    });
    suite("vitest", tally)
}

/// The one suite in what Playwright wrote: lines of their own at the end, such as `1 failed` and `6 passed (12.3s)`.
pub(crate) fn playwright(lines: &[String]) -> Vec<Suite> {
    let mut tally = Tally::default();
    for line in lines {
        let line = plain(line);
        let mut words = line.split_whitespace();
        let (Some(number), Some(word)) = (words.next(), words.next()) else {
            continue;
        };
        let rest = words.next();
        let closes = rest.is_none_or(|rest| rest.starts_with('('));
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match word {
            // A flaky test failed, then passed when it was tried again.
            "passed" | "flaky" if closes => tally.passed += number,
            "failed" | "interrupted" if closes => tally.failed += number,
            "skipped" if closes => tally.skipped += number,
            // "2 did not run", since an earlier test of their file failed.
            "did" if rest == Some("not") => tally.skipped += number,
            _ => {}
        }
    }
    suite("playwright", (!tally.is_empty()).then_some(tally))
}

fn suite(name: &str, tally: Option<Tally>) -> Vec<Suite> {
    let name = name.to_owned();
    tally
        .map(|tally| Suite { name, tally })
        .into_iter()
        .collect()
}

/// The number before a word, however the runner separates its counts.
fn count(line: &str, word: &str) -> u64 {
    let words: Vec<_> = line
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words
        .windows(2)
        .find(|pair| pair[1] == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

/// `unittests src/lib.rs` and `target/debug/deps/driftwood_crdt-0123456789abcdef)` make `driftwood_crdt src/lib.rs`.
fn binary_name(source: &str, path: &str) -> String {
    let source = source.strip_prefix("unittests ").unwrap_or(source);
    let file = path
        .trim_end_matches(')')
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(path);
    let stem = file.rsplit_once('-').map_or(file, |(stem, _hash)| stem);
    format!("{stem} {source}")
}

/// A line without blanks around it and without the escape sequences that colour it.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // A colour goes from the escape to the next letter.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn cargo_suites_are_named_after_their_binaries() {
        let output = lines(
            "     Running unittests src/lib.rs (target/debug/deps/driftwood_crdt-8d1c)\n\
             test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s\n\
             \x20    Running unittests src/main.rs (target/debug/deps/xtask-77aa)\n\
             test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             \x20    Running tests/laws.rs (target/debug/deps/laws-11.wasm)\n\
             Running headless tests in Chrome on `http://127.0.0.1:1/`\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n\
             \x20  Doc-tests driftwood_crdt\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.30s",
        );
        let suites = cargo(&output);
        let named: Vec<_> = suites
            .iter()
            .map(|suite| (suite.name.as_str(), suite.tally))
            .collect();
        assert_eq!(
            named,
            [
                ("driftwood_crdt src/lib.rs", tally(12, 0, 1)),
                ("laws tests/laws.rs", tally(3, 2, 0)),
                ("driftwood_crdt examples", tally(1, 0, 0)),
            ]
        );
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        let output = lines(
            "\x1b[2m Test Files \x1b[22m 1 failed | 2 passed (3)\n\
             \x1b[2m      Tests \x1b[22m 1 failed | 11 passed | 2 skipped (14)\n\
             \x1b[2m   Duration \x1b[22m 1.2s",
        );
        assert_eq!(vitest(&output)[0].tally, tally(11, 1, 2));
        assert!(vitest(&lines("no test files found")).is_empty());
    }

    #[test]
    fn playwright_closes_with_a_line_for_each_count() {
        let output = lines(
            "Running 9 tests using 1 worker\n\
             \x20 ✓  1 e2e/tabs.spec.ts:9:1 › 3 passed through the relay (1.2s)\n\
             \x20 1 failed\n\
             \x20   e2e/relay.spec.ts:30:1 › a killed relay\n\
             \x20 1 flaky\n\
             \x20 2 skipped\n\
             \x20 1 did not run\n\
             \x20 6 passed (12.3s)",
        );
        assert_eq!(playwright(&output)[0].tally, tally(7, 1, 3));
    }

    #[test]
    fn a_total_names_what_was_skipped_only_if_anything_was() {
        let mut total = tally(3, 0, 0);
        assert_eq!(total.to_string(), "3 passed, 0 failed");
        total.add(tally(1, 1, 2));
        assert_eq!(total.to_string(), "4 passed, 1 failed, 2 skipped");
    }
}
