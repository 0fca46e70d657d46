//! [`Cursor`]: a place in a text or list that stays where it is while others edit.

use crate::codec::{DecodeError, Reader, Writer};
use crate::{Dot, ReplicaId, Side};

/// A place beside an element. It stays beside it while others come and go, and when the element itself
/// is deleted it stays in the gap that it left.
///
/// ```
/// use driftwood_crdt::{Cursor, Doc, ReplicaId, Side, Unit};
/// let mut doc = Doc::new(ReplicaId::new(1));
/// let mut edit = doc.edit(0);
/// edit.text("t").insert(0, "Hello world")?;
/// edit.commit();
/// let cursor = doc.text("t").cursor(Unit::Chars, 5, Side::Left)?;
/// let sent = cursor.encode();
///
/// let mut edit = doc.edit(1);
/// edit.text("t").insert(0, "Oh! ")?;
/// edit.text("t").delete(6..11)?; // the letter that the cursor is beside is gone
/// edit.commit();
/// let cursor = Cursor::decode(&sent)?;
/// assert_eq!(doc.text("t").resolve(&cursor).chars, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Cursor {
    /// The element; `None` is the start or, on the right, the end.
    pub(crate) at: Option<Dot>,
    /// Whether the cursor is right before or right after the element.
    pub(crate) side: Side,
    /// Where it was when it was made, in characters or elements, in case the element gets dropped.
    pub(crate) offset: u64,
}

const AFTER: u8 = 1;
const AT: u8 = 2;

impl Cursor {
    /// The element that the cursor is beside; it has none at the start and at the end.
    pub fn dot(&self) -> Option<Dot> {
        self.at
    }

    /// The cursor as bytes, some twelve.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        let side = if self.side == Side::Right { AFTER } else { 0 };
        out.byte(side | if self.at.is_some() { AT } else { 0 });
        if let Some(dot) = self.at {
            out.u64_le(dot.replica.get());
            out.varint(dot.seq);
        }
        out.varint(self.offset);
        out.into_vec()
    }

    /// Reads what [`Self::encode`] gave.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let flags = input.byte()?;
        if flags & !(AFTER | AT) != 0 {
            return Err(input.error("not a cursor"));
        }
        let at = if flags & AT == 0 {
            None
        } else {
            let replica = ReplicaId::new(input.u64_le()?);
            Some(Dot::new(replica, input.seq()?))
        };
        let side = if flags & AFTER == 0 {
            Side::Left
        } else {
            Side::Right
        };
        let offset = input.varint()?;
        input.finish()?;
        Ok(Self { at, side, offset })
    }
}
