//! Rust types in a document, by serde; with the feature `serde`.
//!
//! [`MapRef::read`](crate::MapRef::read) makes a Rust value of a container and all in it;
//! [`MapEdit::assign`](crate::MapEdit::assign) makes the container equal to a Rust value and writes
//! only what differs, so that what others change elsewhere in it meanwhile stays.
//!
//! ```
//! use driftwood_crdt::serde::TextField;
//! use driftwood_crdt::{Doc, ReplicaId};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
//! struct Trip {
//!     title: String,
//!     notes: TextField,
//!     days: Vec<Day>,
//! }
//! #[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
//! struct Day {
//!     place: String,
//!     nights: u32,
//! }
//!
//! let mut ann = Doc::new(ReplicaId::new(1));
//! let rome = Day { place: "Rome".into(), nights: 3 };
//! let trip = Trip { title: "Italy".into(), notes: "Pack.".into(), days: vec![rome] };
//! let mut edit = ann.edit(1_000);
//! edit.map("trip").assign(&trip)?;
//! let mut ben = Doc::new(ReplicaId::new(2));
//! ben.merge(&edit.commit())?;
//! assert_eq!(ben.map("trip").read::<Trip>()?, trip);
//!
//! // Ann renames the trip while Ben stays a night longer.
//! let mut edit = ann.edit(2_000);
//! edit.map("trip").assign(&Trip { title: "Rome".into(), ..trip.clone() })?;
//! let renamed = edit.commit();
//! let mut longer = trip;
//! longer.days[0].nights = 4;
//! let mut edit = ben.edit(2_000);
//! edit.map("trip").assign(&longer)?;
//! drop(edit);
//! ben.merge(&renamed)?;
//! let trip: Trip = ben.map("trip").read()?;
//! assert_eq!((trip.title.as_str(), trip.days[0].nights), ("Rome", 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes what
//!
//! | in Rust | in the document |
//! |---|---|
//! | struct, map | a map |
//! | sequence | a list, or a set where one is already |
//! | string | a plain value, or a text where one is already |
//! | integer | a plain value, or a counter where one is already |
//! | [`TextField`], [`SetField`], [`CounterField`] | a text, a set, a counter |
//! | `None` | no key; `null` inside of a list |
//! | tuple, array, enum, bytes, number, `bool`, [`PlainField`] | a plain value, replaced as a whole |
//!
//! A tuple or enum is never taken apart: two concurrent changes of it would join into something that
//! is neither, and could not be read. An enum with a `tag` is a struct to serde, and so a map here:
//! put it into a [`PlainField`].
//!
//! Where one copy deletes a map and another writes a field of it meanwhile, that field survives alone,
//! as ever in a document: give the fields of what may be deleted a `#[serde(default)]`.
//!
//! Keys that the Rust value does not have are deleted. To keep those of a newer version of a program,
//! give the struct a map to hold them: `#[serde(flatten)] rest: BTreeMap<String, Value>`. Keys that
//! are integers, `bool`s or enums without content are written as strings.

mod common;
mod error;
mod field;
mod plain;
mod read;
mod shape;

pub(crate) use common::common;
pub use error::{AssignError, ReadError};
pub use field::{CounterField, PlainField, SetField, TextField};
pub(crate) use read::Reader;
pub(crate) use shape::Shape;

use crate::Value;

/// A Rust value as a plain value.
///
/// # Errors
/// [`AssignError::Unsupported`] for what no [`Value`] can be, such as an integer beyond `i64`, and
/// what the type's `Serialize` says.
///
/// ```
/// use driftwood_crdt::{serde::to_value, Value};
/// assert_eq!(to_value(&(1, "a"))?, Value::List(vec![1.into(), "a".into()]));
/// # Ok::<(), driftwood_crdt::serde::AssignError>(())
/// ```
pub fn to_value<T: ::serde::Serialize + ?Sized>(value: &T) -> Result<Value, AssignError> {
    Ok(Shape::of(value)?.into_value())
}

/// A plain value as a Rust value, which may borrow from it.
///
/// # Errors
/// When the value is not what the type expects.
///
/// ```
/// use driftwood_crdt::{serde::from_value, Value};
/// let name = Value::from("Ann");
/// assert_eq!(from_value::<&str>(&name)?, "Ann");
/// # Ok::<(), driftwood_crdt::serde::ReadError>(())
/// ```
pub fn from_value<'a, T: ::serde::Deserialize<'a>>(value: &'a Value) -> Result<T, ReadError> {
    T::deserialize(Reader::value(value))
}
