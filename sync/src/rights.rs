//! What somebody who logged in may do. Who they are, the shell finds out; what follows from it is
//! decided here.

use std::fmt;
use std::sync::Arc;

use crate::{DocumentName, Time};

/// How far somebody may go with a document. Each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Receive it, and be seen in it.
    Read,
    /// Change it, under replica ids of their own.
    Write,
    /// Hand in what others wrote as well: to bring back what a relay has lost.
    Admin,
}

/// Which documents a [`Grant`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one of this name.
    Name(Box<str>),
    /// All whose names begin like this; nothing at all is every document.
    Prefix(Box<str>),
}

impl Scope {
    /// Whether that document is meant.
    pub fn includes(&self, document: &DocumentName) -> bool {
        match self {
            Self::Name(name) => document.as_str() == &**name,
            Self::Prefix(prefix) => document.as_str().starts_with(&**prefix),
        }
    }
}

/// A right to some documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub scope: Scope,
    /// How far it goes.
    pub right: Right,
}

/// What one login allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Who it is. Replica ids belong to principals, and limits count by them.
    pub principal: Arc<str>,
    /// Whether it is a relay, which stands for all its clients: it may do everything.
    pub relay: bool,
    /// What a client may do.
    pub grants: Vec<Grant>,
    /// When the login ends.
    pub expires: Option<Time>,
}

impl Rights {
    /// How far this login goes with a document: the most that any grant gives. O(grants).
    ///
    /// ```
    /// use driftwood_sync::{DocumentName, Grant, Right, Rights, Scope};
    ///
    /// let rights = Rights {
    ///     principal: "ada".into(),
    ///     relay: false,
    ///     grants: vec![Grant { scope: Scope::Prefix("notes/".into()), right: Right::Write }],
    ///     expires: None,
    /// };
    /// assert_eq!(rights.to(&DocumentName::new("notes/trip")?), Some(Right::Write));
    /// assert_eq!(rights.to(&DocumentName::new("plans")?), None);
    /// # Ok::<(), driftwood_sync::NameError>(())
    /// ```
    pub fn to(&self, document: &DocumentName) -> Option<Right> {
        if self.relay {
            return Some(Right::Admin);
        }
        let meant = self.grants.iter().filter(|it| it.scope.includes(document));
        meant.map(|grant| grant.right).max()
    }
}

/// What somebody shows to log in. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub Vec<u8>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(...)")
    }
}
