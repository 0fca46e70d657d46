//! Plain values: what a map key, a list element or a set element holds.

use crate::ordered::BTreeMap;
use std::cmp::Ordering;
use std::collections;

use crate::{limits, EditError, Rank};

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
    Map(ValueMap),
}

/// Values by name, in the order of their names.
///
/// A sorted vector, made once and only read then: a tree's nodes would take hundreds of bytes for a
/// map of one entry, of which a peer can put one into five bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ValueMap {
    entries: Vec<(String, Value)>,
}

impl ValueMap {
    /// A map without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// From entries whose names ascend.
    pub(crate) fn from_sorted(entries: Vec<(String, Value)>) -> Self {
        Self { entries }
    }

    /// The value of this name; O(log n).
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = self.place(name).ok()?;
        Some(&self.entries[place].1)
    }

    /// Sets a value and gives the one before; O(n).
    pub fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(place) => Some(std::mem::replace(&mut self.entries[place].1, value)),
            Err(place) => {
                self.entries.insert(place, (name, value));
                None
            }
        }
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|(other, _)| other.as_str().cmp(name))
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &Value)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    /// The names, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> {
        self.entries.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl From<collections::BTreeMap<String, Value>> for ValueMap {
    fn from(entries: collections::BTreeMap<String, Value>) -> Self {
        Self::from_sorted(entries.into_iter().collect())
    }
}

impl FromIterator<(String, Value)> for ValueMap {
    /// Of entries with one name the last stays.
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        let entries = BTreeMap::from_iter(entries);
        Self::from_sorted(entries.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a ValueMap {
    type Item = (&'a String, &'a Value);
    type IntoIter = std::iter::Map<
        std::slice::Iter<'a, (String, Value)>,
        fn(&'a (String, Value)) -> (&'a String, &'a Value),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter().map(|(name, value)| (name, value))
    }
}

impl IntoIterator for ValueMap {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl Value {
    /// Makes sure that a value is within the limits: lists and maps at most
    /// [`limits::DEPTH_MAX`] deep, at most [`limits::VALUE_BYTES_MAX`] encoded.
    pub(crate) fn check(&self) -> Result<(), EditError> {
        let (mut next, mut open) = (Some((self, 0)), Vec::new());
        let mut bytes = 0usize;
        while let Some((value, depth)) = next {
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
            next = open.pop();
        }
        Ok(())
    }

    fn order(&self) -> u8 {
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
            _ => self.order().cmp(&other.order()),
        }
    }
}

impl Rank for Value {
    fn rank(&self) -> u64 {
        let within = match self {
            Self::Int(int) => int.cast_unsigned() ^ 1 << 63,
            Self::String(text) => text.rank(),
            Self::Bytes(bytes) => bytes.rank(),
            _ => 0,
        };
        u64::from(self.order()) << 61 | within >> 3
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
    collections::BTreeMap<String, Value> => |value| Self::Map(value.into());
    ValueMap => |value| Self::Map(value);
}
