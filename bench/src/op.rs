//! What the workloads do to a document, in terms that every contender understands.

use std::fmt;

/// A change of a text: delete, then insert, at one place. Counted both in characters and in bytes, since engines differ.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// Where, in characters.
    pub at: usize,
    /// How many characters go.
    pub deleted: usize,
    /// Where, in bytes.
    pub at_byte: usize,
    /// How many bytes go.
    pub deleted_bytes: usize,
    /// What comes.
    pub inserted: String,
}

impl Patch {
    /// A patch of a text in which every character is a byte.
    pub fn ascii(at: usize, deleted: usize, inserted: impl Into<String>) -> Self {
        Self {
            at,
            deleted,
            at_byte: at,
            deleted_bytes: deleted,
            inserted: inserted.into(),
        }
    }
}

/// Sets a key of a map.
#[derive(Clone, Debug)]
pub struct Put {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: i64,
}

/// Changes a list.
#[derive(Clone, Debug)]
pub enum ListOp {
    /// Puts a number before the element that is at this index.
    Insert(usize, i64),
    /// Takes the element at this index away.
    Delete(usize),
}

/// Adds to a counter.
#[derive(Clone, Debug)]
pub struct Add(pub i64);

/// What a reader sees: the text itself, or numbers, of which a sum tells documents apart well enough.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// A text.
    Text(String),
    /// How many numbers, and what they come to.
    Numbers {
        /// How many there are.
        count: usize,
        /// A sum over all of them.
        sum: u64,
    },
}

impl Shown {
    /// Of a list, whose order counts.
    pub fn list(values: impl Iterator<Item = i64>) -> Self {
        let (mut count, mut sum) = (0, 0_u64);
        for value in values {
            count += 1;
            sum = sum.rotate_left(5).wrapping_add(value.cast_unsigned());
        }
        Self::Numbers { count, sum }
    }

    /// Of a map, whose order is each engine's own.
    pub fn map<K: AsRef<str>>(entries: impl Iterator<Item = (K, i64)>) -> Self {
        let (mut count, mut sum) = (0, 0_u64);
        for (key, value) in entries {
            let name = key
                .as_ref()
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
                    (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
            count += 1;
            sum = sum
                .wrapping_add((name ^ value.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        Self::Numbers { count, sum }
    }

    /// Whether both are texts of the same letters, in whatever order.
    pub fn has_letters_of(&self, other: &Self) -> bool {
        let sorted = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters
        };
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => sorted(a) == sorted(b),
            _ => false,
        }
    }

    /// Of a counter.
    pub fn counter(value: i64) -> Self {
        Self::list(std::iter::once(value))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "a text of {} bytes", text.len()),
            Self::Numbers { count, sum } => write!(f, "{count} numbers that come to {sum:x}"),
        }
    }
}
