//! Plain values: what a map key, a list element or a set element holds.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::{limits, EditError};

/// A value that is written and replaced as a whole, JSON and bytes.
///
/// Values have a total order, so that they can be elements of a set: by kind, then by content;
/// numbers that are equal but of different kinds (`1` and `1.0`) are different values.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text that is not edited together.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// Makes sure that a value is within the limits: lists and maps at most
    /// [`limits::DEPTH_MAX`] deep, at most [`limits::VALUE_BYTES_MAX`] encoded.
    pub(crate) fn check(&self) -> Result<(), EditError> {
        let mut open = vec![(self, 0)];
        let mut bytes = 0usize;
        while let Some((value, depth)) = open.pop() {
            if depth > limits::DEPTH_MAX {
                let max = limits::DEPTH_MAX as u64;
                return Err(EditError::Limit {
                    what: "depth of a value",
                    max,
                });
            }
            bytes += 10;
            match value {
                Self::String(text) => bytes += text.len(),
                Self::Bytes(raw) => bytes += raw.len(),
                Self::List(values) => open.extend(values.iter().map(|v| (v, depth + 1))),
                Self::Map(values) => {
                    bytes += values.keys().map(|key| key.len() + 10).sum::<usize>();
                    open.extend(values.values().map(|v| (v, depth + 1)));
                }
                Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => {}
            }
            if bytes > limits::VALUE_BYTES_MAX {
                let max = limits::VALUE_BYTES_MAX as u64;
                return Err(EditError::Limit {
                    what: "bytes of a value",
                    max,
                });
            }
        }
        Ok(())
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::String(_) => 4,
            Self::Bytes(_) => 5,
            Self::List(_) => 6,
            Self::Map(_) => 7,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            (Self::Map(a), Self::Map(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        })*
    };
}

from! {
    () => |_nothing| Self::Null;
    bool => |value| Self::Bool(value);
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    i64 => |value| Self::Int(value);
    f64 => |value| Self::Float(value);
    &str => |value| Self::String(value.to_owned());
    String => |value| Self::String(value);
    Vec<u8> => |value| Self::Bytes(value);
    Vec<Value> => |value| Self::List(value);
    BTreeMap<String, Value> => |value| Self::Map(value);
}
