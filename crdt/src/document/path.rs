//! The names of containers.

use std::fmt;
use std::sync::Arc;

use crate::Dot;

/// What a container is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Kind {
    /// Keys with values and containers.
    Map,
    /// Values and containers in an order.
    List,
    /// Characters in an order.
    Text,
    /// Values that are in or out.
    Set,
    /// A number that everybody adds to.
    Counter,
    /// Nodes with data, in an order under each other.
    Tree,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 6] = [
        Self::Map,
        Self::List,
        Self::Text,
        Self::Set,
        Self::Counter,
        Self::Tree,
    ];
}

/// Where in its parent a container is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Key {
    /// At a key of a map, or by name at the top of the document.
    Name(Arc<str>),
    /// In a list or a tree, in the element or node that this dot made.
    Element(Dot),
}

impl Key {
    /// Whether it is this name.
    #[inline]
    pub(crate) fn is_name(&self, name: &str) -> bool {
        self.has_bytes(name.as_bytes())
    }

    /// Whether it is a name of these bytes.
    #[inline]
    pub(crate) fn has_bytes(&self, name: &[u8]) -> bool {
        matches!(self, Self::Name(own) if own.as_bytes() == name)
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<Dot> for Key {
    fn from(element: Dot) -> Self {
        Self::Element(element)
    }
}

/// One step down: the part of a container's name that its parent does not have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Step {
    /// Where in the parent.
    pub key: Key,
    /// What it is.
    pub kind: Kind,
}

/// The name of a container: the way to it from the top of the document.
///
/// Two replicas that make "the map `meta`" mean the same container, however far apart they are; a map
/// and a text at one key are two.
///
/// ```
/// use driftwood_crdt::{Kind, Path};
/// let title = Path::root("meta", Kind::Map).key("title", Kind::Text);
/// assert_eq!(title.to_string(), "meta/title");
/// assert_eq!(title.kind(), Kind::Text);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// The document itself: the map of the names at its top.
    pub fn top() -> Self {
        Self { steps: Vec::new() }
    }

    /// A container at the top of the document.
    pub fn root(name: &str, kind: Kind) -> Self {
        Self {
            steps: vec![Step {
                key: name.into(),
                kind,
            }],
        }
    }

    /// The container at a key of this map.
    #[must_use]
    pub fn key(&self, key: &str, kind: Kind) -> Self {
        self.child(Step {
            key: key.into(),
            kind,
        })
    }

    /// The container in an element of this list.
    #[must_use]
    pub fn element(&self, element: Dot, kind: Kind) -> Self {
        self.child(Step {
            key: element.into(),
            kind,
        })
    }

    pub(crate) fn child(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps }
    }

    /// From its steps; without any it is the document itself.
    pub(crate) fn from_steps(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// The steps, from the top.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What the container is.
    pub fn kind(&self) -> Kind {
        self.steps.last().map_or(Kind::Map, |step| step.kind)
    }

    /// Whether `other` is this container or lies in it.
    pub fn contains(&self, other: &Path) -> bool {
        other.steps.starts_with(&self.steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            match &step.key {
                Key::Name(name) => f.write_str(name)?,
                Key::Element(dot) => write!(f, "[{}:{}]", dot.replica, dot.seq)?,
            }
        }
        Ok(())
    }
}
