//! [`Shape`]: a Rust value as the containers and plain values that it becomes.

mod build;

use crate::ordered::{BTreeMap, BTreeSet};

use super::AssignError;
use crate::document::{check_key, Found};
use crate::{limits, EditError, Kind, Value};

/// What a Rust value becomes in a document.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Shape {
    /// `None`; nothing else has it inside.
    Absent,
    Plain(Value),
    Map(BTreeMap<String, Shape>),
    List(Vec<Shape>),
    Text(String),
    Set(BTreeSet<Value>),
    Counter(i64),
}

impl Shape {
    pub(crate) fn of<T: ::serde::Serialize + ?Sized>(value: &T) -> Result<Self, AssignError> {
        value.serialize(build::Builder::default())
    }

    /// What makes a container of this kind empty.
    pub(crate) fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map(BTreeMap::new()),
            Kind::List | Kind::Tree => Self::List(Vec::new()),
            Kind::Text => Self::Text(String::new()),
            Kind::Set => Self::Set(BTreeSet::new()),
            Kind::Counter => Self::Counter(0),
        }
    }

    /// As a plain value.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Plain(value) => value,
            Self::Map(fields) => {
                let values = fields.into_iter();
                Value::Map(
                    values
                        .map(|(key, field)| (key, field.into_value()))
                        .collect(),
                )
            }
            Self::List(items) => Value::List(items.into_iter().map(Self::into_value).collect()),
            Self::Text(text) => Value::String(text),
            Self::Set(values) => Value::List(values.into_iter().collect()),
            Self::Counter(sum) => Value::Int(sum),
        }
    }

    /// The container that this becomes where there is none that it [fits](Self::fits).
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Absent | Self::Plain(_) => None,
            Self::Map(_) => Some(Kind::Map),
            Self::List(_) => Some(Kind::List),
            Self::Text(_) => Some(Kind::Text),
            Self::Set(_) => Some(Kind::Set),
            Self::Counter(_) => Some(Kind::Counter),
        }
    }

    /// Whether a container of this kind can take it.
    pub(crate) fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::List(_) => matches!(kind, Kind::List | Kind::Set),
            Self::Plain(Value::String(_)) => kind == Kind::Text,
            Self::Plain(Value::Int(_)) => kind == Kind::Counter,
            shape => shape.kind() == Some(kind),
        }
    }

    /// Whether this plain value is all that would be written.
    pub(crate) fn is_value(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Plain(plain), value) => plain == value,
            (Self::List(items), Value::List(values)) => {
                let mut pairs = items.iter().zip(values);
                items.len() == values.len() && pairs.all(|(item, value)| item.is_value(value))
            }
            (Self::Map(fields), Value::Map(values)) => {
                let mut pairs = fields.iter().zip(values);
                fields.len() == values.len()
                    && pairs
                        .all(|((name, field), (key, value))| name == key && field.is_value(value))
            }
            // The fields that ask for a container are not content with less.
            _ => false,
        }
    }

    /// Whether nothing would be written.
    pub(crate) fn is(&self, found: Found<'_>) -> bool {
        match (self, found) {
            (shape, Found::Value(value)) => shape.is_value(value),
            (Self::Map(fields), Found::Node(node, Kind::Map)) => {
                let found = node.as_map().found_all();
                let mut pairs = fields.iter().zip(&found);
                fields.len() == found.len()
                    && pairs.all(|((name, field), (key, found))| name == key && field.is(*found))
            }
            (Self::List(items), Found::Node(node, Kind::List)) => {
                let list = node.as_list();
                list.len() == items.len()
                    && items
                        .iter()
                        .zip(list.found())
                        .all(|(item, found)| item.is(found))
            }
            (
                Self::Text(text) | Self::Plain(Value::String(text)),
                Found::Node(node, Kind::Text),
            ) => node.as_text().to_string() == *text,
            (Self::Set(values), Found::Node(node, Kind::Set)) => {
                node.as_set().found().eq(values.iter())
            }
            (Self::List(items), Found::Node(node, Kind::Set)) => {
                let values: BTreeSet<Value> = items.iter().cloned().map(Self::into_value).collect();
                node.as_set().found().eq(values.iter())
            }
            (
                Self::Counter(sum) | Self::Plain(Value::Int(sum)),
                Found::Node(node, Kind::Counter),
            ) => node.as_counter().value() == i128::from(*sum),
            _ => false,
        }
    }

    /// Makes sure that this is within the limits in a container so deep.
    pub(crate) fn check(&self, depth: usize) -> Result<(), AssignError> {
        if self.kind().is_some() && depth > limits::DEPTH_MAX {
            return Err(too_deep().into());
        }
        match self {
            Self::Plain(value) => Ok(value.check()?),
            Self::Set(values) => Ok(values.iter().try_for_each(Value::check)?),
            Self::Map(fields) => fields.iter().try_for_each(|(key, field)| {
                check_key(key)?;
                field.check(depth + 1).map_err(|error| error.within(key))
            }),
            Self::List(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                let checked = item.check(depth + 1);
                checked.map_err(|error| error.within(format_args!("[{index}]")))
            }),
            Self::Absent | Self::Text(_) | Self::Counter(_) => Ok(()),
        }
    }
}

fn too_deep() -> EditError {
    EditError::Limit {
        what: "depth of containers",
        max: limits::DEPTH_MAX as u64,
    }
}
