//! Delta-state CRDTs that compose into a JSON-like document.

mod change;
pub mod codec;
mod container;
mod counter;
mod delta;
mod document;
mod dot;
mod dot_store;
mod error;
pub mod limits;
mod list;
mod map;
mod register;
mod replica_id;
mod replicated;
mod sequence;
mod set;
mod stamp;
mod text;
mod value;
mod version_vector;

pub use change::{Change, Removals};
pub use codec::DecodeError;
pub use container::{ChangeKind, Changes, ListPatch, TextPatch};
pub use counter::{PnCounter, Tally};
pub use delta::Delta;
pub use document::{
    CounterEdit, CounterRef, Doc, Edit, Item, Items, Key, Kind, ListEdit, ListRef, MapEdit, MapRef,
    NodeEdit, NodeRef, Path, SetEdit, SetRef, Step, TextEdit, TextRef,
};
pub use dot::{Dot, DotRun, DotSet, Interval};
pub use dot_store::DotStore;
pub use error::{EditError, LoadError, MergeError};
pub use list::List;
pub use map::{LwwMap, MapItem};
pub use register::{MvRegister, Sibling};
pub use replica_id::ReplicaId;
pub use replicated::Replicated;
pub use sequence::content::{Chars, Content, Extent, Unit};
pub use sequence::run::{PieceItem, RunItem, Side};
pub use sequence::{Patch, Sequence};
pub use set::OrSet;
pub use stamp::Stamp;
pub use text::Text;
pub use value::Value;
pub use version_vector::VersionVector;
