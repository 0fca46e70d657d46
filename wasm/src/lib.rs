//! Driftwood in a browser: the WebAssembly side of the npm package `driftwood-sync`.
//!
//! It is the shell around the engine (`driftwood-crdt`) and the protocol (`driftwood-sync`):
//! IndexedDB, WebSocket, BroadcastChannel and Web Locks through web-sys. The face that people see is
//! TypeScript, in `ts/`; [`RawDocument`] is what that calls.
//!
//! The order that everything keeps: a local change is in the document at once, is committed to
//! IndexedDB, and only then leaves the tab.

mod client;
mod compaction;
mod convert;
mod counter;
mod cursor;
mod differences;
mod document;
mod erase;
mod error;
mod exchange;
mod handles;
mod hatch;
mod host;
mod inbox;
mod indexeddb;
mod journal;
mod links;
mod list;
mod loading;
mod locks;
mod map;
mod opening;
mod page;
mod raw;
mod reclaiming;
mod record;
mod replica_pool;
mod set;
mod socket;
mod store;
mod table;
mod tabs;
mod telling;
mod text;
mod tree;
mod undo;

#[cfg(test)]
mod tests;

pub use error::Failure;
pub use hatch::{hatch, take_long};
pub use raw::{destroy_document, list_documents, on_panic, open_document, RawDocument};
