//! The messages that a relay made last.

use std::collections::VecDeque;
use std::sync::Arc;

use driftwood_crdt::ordered::BTreeMap;

use super::made;
use crate::document::Key;
use crate::Frame;

/// What is kept holds so many bytes at most, with what keeping costs.
const BYTES_MAX: usize = 1 << 20;

/// What keeping a message costs beside it.
const COST: usize = 160;

/// The delta of a document that lies there in memory.
type Which = (Key, usize);

/// The messages with deltas that a relay made last. Those who hand a delta on hand on the same `Arc`, and
/// as long as its message is here nothing else can lie where it does.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    made: BTreeMap<Which, (Arc<[u8]>, Frame)>,
    /// From the oldest one on.
    order: VecDeque<Which>,
    bytes: usize,
}

impl Frames {
    /// The message with a delta of a document; O(log messages) if it was made, else O(its bytes).
    pub(crate) fn of(&mut self, key: Key, delta: &Arc<[u8]>) -> Frame {
        let which = (key, delta.as_ptr() as usize);
        if let Some((_, frame)) = self.made.get(&which) {
            return Arc::clone(frame);
        }
        let frame = made(key, delta);
        self.keep(which, delta, &frame);
        frame
    }

    fn keep(&mut self, which: Which, delta: &Arc<[u8]>, frame: &Frame) {
        let cost = |delta: &[u8], frame: &[u8]| delta.len() + frame.len() + COST;
        self.bytes += cost(delta, frame);
        self.made
            .insert(which, (Arc::clone(delta), Arc::clone(frame)));
        self.order.push_back(which);
        while self.bytes > BYTES_MAX {
            let Some((delta, frame)) = self
                .order
                .pop_front()
                .and_then(|oldest| self.made.remove(&oldest))
            else {
                return;
            };
            self.bytes -= cost(&delta, &frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Documents;
    use crate::DocumentName;

    fn key() -> Key {
        Documents::default().add(DocumentName::new("trip").expect("a name"))
    }

    #[test]
    fn a_message_is_made_once_while_it_is_kept() {
        let (mut frames, key) = (Frames::default(), key());
        let delta: Arc<[u8]> = vec![7; 100].into();
        let first = frames.of(key, &delta);
        assert!(Arc::ptr_eq(&first, &frames.of(key, &delta)));
        let other: Arc<[u8]> = vec![8; 100].into();
        assert!(!Arc::ptr_eq(&first, &frames.of(key, &other)));
        assert!(frames.of(key, &other).ends_with(&other));

        let large: Arc<[u8]> = vec![9; BYTES_MAX].into();
        let frame = frames.of(key, &large);
        assert!(frame.ends_with(&large));
        assert_eq!((frames.made.len(), frames.order.len()), (0, 0));
        assert_eq!(frames.bytes, 0, "what is too much is not kept");
        assert!(!Arc::ptr_eq(&first, &frames.of(key, &delta)));
    }
}
