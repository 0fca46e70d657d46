//! The names of documents, links and nodes.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest name of a document, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// The name of a document: 1 to 256 bytes of UTF-8. Cheap to clone.
///
/// ```
/// use driftwood_sync::DocumentName;
/// let name = DocumentName::new("notes")?;
/// assert_eq!(name.as_str(), "notes");
/// assert!(DocumentName::new("").is_err());
/// # Ok::<(), driftwood_sync::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentName(Arc<str>);

/// Why a text cannot name a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a document's name has 1 to {NAME_BYTES_MAX} bytes, this one has {bytes}")]
pub struct NameError {
    /// The length of the refused name.
    pub bytes: usize,
}

impl DocumentName {
    /// Takes a text as a name.
    ///
    /// # Errors
    /// When it is empty or longer than [`NAME_BYTES_MAX`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(NameError { bytes: name.len() });
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for DocumentName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for DocumentName {
    type Error = NameError;

    fn try_from(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

/// One connection, numbered by the shell. A number is never used again by the same process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One running process or tab: a random number drawn at its start, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// Who a presence belongs to: the number of the node that announced it.
pub type PeerId = NodeId;

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
