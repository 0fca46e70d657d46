//! A long session of one writer: a recorded one, or one that is made up.

use anyhow::{ensure, Context, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::rc::Rc;

/// The recorded session that is taken of a folder.
const RECORDED: &str = "automerge-paper.json.gz";

/// One edit, in characters.
pub struct Stroke {
    pub at: usize,
    pub deleted: usize,
    pub typed: String,
}

/// All edits, and what they come to.
#[derive(Clone)]
pub struct Session {
    pub name: String,
    pub strokes: Rc<[Stroke]>,
    pub end: Rc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    end_content: String,
    txns: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    patches: Vec<(usize, usize, String)>,
}

impl Session {
    /// The recorded one of this folder, its first `most` edits if that is less.
    pub fn read(folder: &Path, most: Option<usize>) -> Result<Self> {
        let path = folder.join(RECORDED);
        let file = File::open(&path).with_context(|| format!("no {}", path.display()))?;
        let recorded: Recorded = serde_json::from_reader(GzDecoder::new(BufReader::new(file)))?;
        let patches = recorded.txns.into_iter().flat_map(|one| one.patches);
        let strokes: Vec<Stroke> = patches
            .take(most.unwrap_or(usize::MAX))
            .map(|(at, deleted, typed)| Stroke { at, deleted, typed })
            .collect();
        let end = replay(&strokes);
        ensure!(
            most.is_some() || end == recorded.end_content,
            "the session ends otherwise than it says"
        );
        Ok(Self::new("automerge-paper", strokes, end))
    }

    /// Words that are typed, here and there, with a slip of the finger now and then.
    pub fn made_up(count: usize) -> Self {
        let mut state = 42_u64;
        let mut below = |end: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % end.max(1)
        };
        let (mut at, mut length) = (0, 0);
        let mut strokes = Vec::with_capacity(count);
        while strokes.len() < count {
            if below(50) == 0 {
                at = below(length + 1);
            }
            if at > 0 && below(10) == 0 {
                (at, length) = (at - 1, length - 1);
                strokes.push(Stroke {
                    at,
                    deleted: 1,
                    typed: String::new(),
                });
                continue;
            }
            let letter = b" etaoinshr"[below(10)];
            strokes.push(Stroke {
                at,
                deleted: 0,
                typed: char::from(letter).to_string(),
            });
            (at, length) = (at + 1, length + 1);
        }
        let end = replay(&strokes);
        Self::new("made up", strokes, end)
    }

    fn new(name: &str, strokes: Vec<Stroke>, end: String) -> Self {
        let name = format!("{name}, {} edits", strokes.len());
        Self {
            name,
            strokes: strokes.into(),
            end: end.into(),
        }
    }
}

/// What a plain string becomes; the sessions here are ASCII.
fn replay(strokes: &[Stroke]) -> String {
    let mut text: Vec<u8> = Vec::new();
    for Stroke { at, deleted, typed } in strokes {
        text.splice(*at..at + deleted, typed.bytes());
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_is_as_long_as_asked_for_and_always_the_same() {
        let (one, two) = (Session::made_up(3_000), Session::made_up(3_000));
        assert_eq!(one.strokes.len(), 3_000);
        assert_eq!(one.end, two.end);
        assert!(one.end.len() > 1_000 && one.end.len() < 3_000);
    }
}
