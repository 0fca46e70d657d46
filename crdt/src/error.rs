//! What can go wrong, by what the caller was doing.

use crate::{Dot, Kind, VersionVector};

/// A delta that could not be merged. The copy is as it was.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The delta starts after what this copy holds: what lies between must come first.
    #[error("the delta starts after what this copy holds; send what follows {have:?}")]
    Gap {
        /// What this copy holds.
        have: VersionVector,
    },
    /// Elements hang on others that this copy does not have, or has dropped: ask for a delta that
    /// comes with them ([`Doc::delta_with_anchors`](crate::Doc::delta_with_anchors)).
    #[error("elements are anchored on {anchors:?}, which this copy does not have")]
    MissingAnchors {
        /// The unknown elements.
        anchors: Vec<Dot>,
    },
    /// The delta contradicts itself or what is here: one dot names two things.
    #[error("the dot {dot:?} already names something else")]
    DotConflict {
        /// The dot in question.
        dot: Dot,
    },
    /// The delta would take the document over a limit.
    #[error("{what}: the limit is {max}")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// Its value.
        max: u64,
    },
}

/// An edit that was refused. The document is as it was.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// An offset or index is past the end.
    #[error("position {position} is past the end: the length is {len}")]
    OutOfBounds {
        /// What was asked for.
        position: usize,
        /// How long the text or list is, in the units of the call.
        len: usize,
    },
    /// A range whose start lies after its end.
    #[error("the range starts at {start}, after its end {end}")]
    BadRange {
        /// Its start.
        start: usize,
        /// Its end.
        end: usize,
    },
    /// A UTF-16 offset lies between the two halves of a character.
    #[error("offset {offset} would split a character in two")]
    SplitsCharacter {
        /// The offset, in UTF-16 code units.
        offset: usize,
    },
    /// The list element is no container of this kind.
    #[error("element {index} is not a {expected:?}")]
    WrongKind {
        /// Which element.
        index: usize,
        /// What the call needs it to be.
        expected: Kind,
    },
    /// The element or node, or the one that the container is in, is not there any more.
    #[error("this was deleted")]
    Deleted,
    /// A mark must have a name.
    #[error("a mark must have a name")]
    BadMark,
    /// The node would come to be under itself.
    #[error("a node cannot be moved under itself")]
    Cycle,
    /// The edit would take the document over a limit.
    #[error("{what}: the limit is {max}")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// Its value.
        max: u64,
    },
}

/// A seed that was refused. The document is as it was.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// The document has a seed of this name that writes something else.
    #[error("this document was seeded differently under this name; give the new seed a new name")]
    Changed,
    /// The seed did not do the same when it was run again.
    #[error("a seed must do the same each time: no clocks, no random numbers")]
    NotTheSame,
    /// An edit of the seed was refused.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The seed would take the document over a limit.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

/// A saved document that could not be loaded.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a saved document.
    #[error("this is not a saved Driftwood document")]
    NotADocument,
    /// A newer Driftwood wrote it.
    #[error("the document was saved in format {found}; this version reads up to {newest}")]
    FormatTooNew {
        /// Its format.
        found: u8,
        /// The newest one that can be read here.
        newest: u8,
    },
    /// The checksum does not match: the bytes were damaged.
    #[error("the saved document is damaged: its checksum does not match")]
    Damaged,
    /// The bytes say something impossible.
    #[error("the saved document is damaged: {0}")]
    Decode(#[from] crate::DecodeError),
    /// The content contradicts itself.
    #[error("the saved document is damaged: {0}")]
    Merge(#[from] MergeError),
}

/// Why the bytes of a delta could not be merged; nothing was changed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// They are no delta.
    #[error("this is not a delta: {0}")]
    Decode(#[from] crate::DecodeError),
    /// The delta does not fit what is here.
    #[error(transparent)]
    Merge(#[from] MergeError),
}
