//! Messages that were made and may be sent again: a crowd that comes at once asks for the same deltas.

#[cfg(feature = "relay")]
mod kept;

use std::sync::Arc;

use crate::document::Key;
use crate::message::Message;
use crate::Frame;

#[cfg(feature = "relay")]
pub(crate) use kept::Frames;

/// The message with a delta of a document.
fn made(key: Key, delta: &Arc<[u8]>) -> Frame {
    let message = Message::Delta {
        channel: key,
        delta: Arc::clone(delta),
    };
    message.encode()
}

/// A client has no crowd to serve.
#[cfg(not(feature = "relay"))]
#[derive(Debug, Default)]
pub(crate) struct Frames {}

#[cfg(not(feature = "relay"))]
#[allow(clippy::unused_self)]
impl Frames {
    /// The message with a delta of a document.
    pub(crate) fn of(&mut self, key: Key, delta: &Arc<[u8]>) -> Frame {
        made(key, delta)
    }
}
