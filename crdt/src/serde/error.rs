//! What can go wrong between a document and a Rust type.

use std::fmt::{self, Display};

use crate::EditError;

/// A container that could not be read as the Rust type.
#[derive(Clone, PartialEq, Debug)]
pub struct ReadError {
    path: String,
    message: String,
}

impl ReadError {
    /// Where, from the container that was read: `days/[2]/place`. Empty for the container itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn within(mut self, step: impl Display) -> Self {
        prepend(&mut self.path, step);
        self
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", place(&self.path), self.message)
    }
}

impl std::error::Error for ReadError {}

impl ::serde::de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        Self {
            path: String::new(),
            message: message.to_string(),
        }
    }
}

/// A Rust value that could not be written. Paths are from the container that was assigned to:
/// `days/[2]/place`; they are empty for the container itself.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// The document refused it.
    #[error("{}{error}", place(.path))]
    Refused {
        /// Where.
        path: String,
        /// Why.
        #[source]
        error: EditError,
    },
    /// The Rust value has no place in the document.
    #[error("{}{message}", place(.path))]
    Unsupported {
        /// Where.
        path: String,
        /// Why.
        message: String,
    },
}

impl AssignError {
    /// Where.
    pub fn path(&self) -> &str {
        match self {
            Self::Refused { path, .. } | Self::Unsupported { path, .. } => path,
        }
    }

    pub(crate) fn within(mut self, step: impl Display) -> Self {
        match &mut self {
            Self::Refused { path, .. } | Self::Unsupported { path, .. } => prepend(path, step),
        }
        self
    }
}

impl From<EditError> for AssignError {
    fn from(error: EditError) -> Self {
        Self::Refused {
            path: String::new(),
            error,
        }
    }
}

impl ::serde::ser::Error for AssignError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Unsupported {
            path: String::new(),
            message: message.to_string(),
        }
    }
}

fn place(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    }
}

fn prepend(path: &mut String, step: impl Display) {
    *path = if path.is_empty() {
        step.to_string()
    } else {
        format!("{step}/{path}")
    };
}
