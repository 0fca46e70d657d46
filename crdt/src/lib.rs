//! Delta-state CRDTs that compose into a JSON-like document.
//!
//! Copies of a document are edited at the same time, online or offline, and always converge: two
//! copies that have seen the same changes are equal byte for byte, in whatever order the changes
//! came. There is no server, no clock, no randomness and no IO in this crate.
//!
//! ```
//! use driftwood_crdt::{Doc, ReplicaId};
//!
//! // Two people start from nothing; each copy has a replica id of its own.
//! let mut ann = Doc::new(ReplicaId::new(1));
//! let mut ben = Doc::new(ReplicaId::new(2));
//!
//! let mut edit = ann.edit(1_000); // the wall clock, in milliseconds
//! edit.map("meta").set("title", "Trip")?;
//! edit.text("body").insert(0, "Pack the tent.")?;
//! let from_ann = edit.commit_encoded(); // what to send
//!
//! let mut edit = ben.edit(1_000);
//! edit.set("tags").add("outdoors")?;
//! let from_ben = edit.commit_encoded();
//!
//! ann.merge_encoded(&from_ben)?;
//! ben.merge_encoded(&from_ann)?;
//! assert_eq!(ann.canonical(), ben.canonical());
//! assert_eq!(ben.text("body").to_string(), "Pack the tent.");
//!
//! // Whoever was away says how far it has come, and gets what it lacks.
//! let mut eve = Doc::new(ReplicaId::new(3));
//! eve.merge_encoded(&ann.encode_since(eve.version()))?;
//! assert_eq!(eve.to_value(), ben.to_value());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is inside
//!
//! [`Doc`] composes the small CRDTs, each of which can be used alone in a [`Replicated`]:
//! [`MvRegister`], [`LwwMap`], [`OrSet`], [`PnCounter`], [`List`] and [`Text`]. All of them are
//! *stores of live dots* (see [`DotStore`]): every change, deletions included, takes a [`Dot`]; a copy
//! knows by its [`VersionVector`] which dots it has seen; and a dot that one copy has seen and holds no
//! more was deleted there. So deleting leaves nothing behind in maps, sets and counters, and nothing
//! that was deleted ever comes back. Only texts, lists and trees keep the names of deleted elements,
//! without their content, as others may hang on them, until [`Doc::reclaim`] drops them.
//!
//! In a [`Doc`] lists can be moved in ([`ListEdit::move_to`]), texts have marks and embeds
//! ([`TextEdit::mark`]), and there are trees ([`TreeEdit`]). [`Cursor`]s stay where they are,
//! [`UndoManager`] undoes, [`Doc::changes_since`] tells what happened, [`Doc::seed`] writes defaults once,
//! a [`Journal`] keeps the past, and [`Edit::erase`] makes sure that nothing does.
//!
//! A [`Delta`] is what travels: the step from one version to another, merged whole or not at all.

mod change;
#[doc(hidden)]
pub mod checksum;
pub mod codec;
mod container;
mod counter;
mod cursor;
mod delta;
mod document;
mod dot;
mod dot_map;
mod dot_store;
mod error;
mod few;
mod id;
mod journal;
pub mod limits;
mod list;
mod map;
#[doc(hidden)]
pub mod ordered;
mod plain;
mod rank;
mod register;
mod removal_log;
mod replica_id;
mod replicated;
mod rich;
mod sequence;
#[cfg(feature = "serde")]
pub mod serde;
mod set;
mod slots;
mod sorted;
mod stamp;
mod text;
mod undo;
mod value;
mod version_vector;

pub use change::{Change, Removal, Removals};
pub use codec::DecodeError;
pub use container::text::{Expand, Segment};
pub use container::{ChangeKind, Changes, ListPatch, TextPatch, Touched};
pub use counter::{PnCounter, Tally};
pub use cursor::Cursor;
pub use delta::Delta;
pub use document::{
    ChangesSince, CounterEdit, CounterRef, Difference, Doc, Edit, Item, Items, Key, Kind, ListEdit,
    ListRef, MapEdit, MapRef, NodeEdit, NodeRef, Path, SetEdit, SetRef, Step, TextEdit, TextRef,
    TreeEdit, TreeRef,
};
pub use dot::{Dot, DotRun, DotSet, Interval};
pub use dot_store::DotStore;
pub use error::{EditError, ImportError, LoadError, MergeError, SeedError};
pub use journal::{Journal, JournalError, NamedVersion};
pub use list::List;
pub use map::{LwwMap, MapItem};
pub use rank::Rank;
pub use register::{MvRegister, Sibling};
pub use replica_id::ReplicaId;
pub use replicated::Replicated;
pub use rich::{DeltaError, DeltaOp, Marks};
pub use sequence::blame::Blame;
pub use sequence::content::{Chars, Content, Extent, Unit};
pub use sequence::run::{PieceItem, Pieces, RunItem, Side};
pub use sequence::{Patch, RunItems, Sequence};
pub use set::OrSet;
pub use stamp::{Minute, Stamp};
pub use text::Text;
pub use undo::{UndoManager, UndoOptions, Undone};
pub use value::{Value, ValueMap};
pub use version_vector::VersionVector;
