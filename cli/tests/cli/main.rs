//! Runs the real `driftwood` command, in folders of its own, against real relays.

mod damage;
mod editor;
mod guarded;
mod notes;
mod replay;
mod sessions;
mod support;
mod sync;
mod watch;
