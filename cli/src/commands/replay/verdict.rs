//! Whether a replay came out as it should.

use anyhow::Result;

use crate::trace::Trace;
use crate::typists::Typists;

/// How the text compares with the recording's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the same.
    Equal,
    /// All copies agree on a text of the same characters: of what people wrote at one place at the same time, the
    /// program that was recorded put the one first, and we the other.
    OtherOrder,
    /// It is not what it should be.
    Different,
    /// There was text before, or the replay was interrupted.
    NotCompared,
}

impl Verdict {
    /// Compares. All copies must read as the document does.
    pub(super) fn of(body: &str, trace: &Trace, typists: &mut Typists<'_>) -> Result<Self> {
        let copies_agree = typists.all_read(body)?;
        let sorted = |text: &str| {
            let mut chars: Vec<char> = text.chars().collect();
            chars.sort_unstable();
            chars
        };
        Ok(if !copies_agree {
            Self::Different
        } else if body == trace.end {
            Self::Equal
        } else if trace.concurrent && sorted(body) == sorted(&trace.end) {
            Self::OtherOrder
        } else {
            Self::Different
        })
    }

    /// For people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Equal => "the text is the recording's end, as it should be",
            Self::OtherOrder => {
                "the writers' copies agree; what they wrote at one place at the same time is in another order than at \
                 the recording's end"
            }
            Self::Different => "the text DIFFERS from the recording's end",
            Self::NotCompared => "not compared with the recording's end",
        }
    }

    /// For programs.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::OtherOrder => "other-order",
            Self::Different => "different",
            Self::NotCompared => "not-compared",
        }
    }
}
