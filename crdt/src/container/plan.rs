//! A sequence that was built to check what comes.

use super::cell::Cells;
use crate::sequence::content::Chars;
use crate::sequence::Built;

/// A sequence that was built to check what comes, and that join takes over.
#[derive(Debug)]
pub(crate) enum Plan {
    Chars(Built<Chars>),
    Cells(Built<Cells>),
}

impl Plan {
    /// Whether there are so many runs at least.
    pub(crate) fn has_runs(&self, count: usize) -> bool {
        match self {
            Self::Chars(built) => built.has_runs(count),
            Self::Cells(built) => built.has_runs(count),
        }
    }

    pub(super) fn chars(self) -> Option<Built<Chars>> {
        match self {
            Self::Chars(built) => Some(built),
            Self::Cells(_) => None,
        }
    }

    pub(super) fn cells(self) -> Option<Built<Cells>> {
        match self {
            Self::Chars(_) => None,
            Self::Cells(built) => Some(built),
        }
    }
}
