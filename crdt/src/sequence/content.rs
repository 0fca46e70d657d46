//! What a piece of a sequence holds, and how long it is.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A length or an offset in both of the units that people count text in. In a list both are the
/// number of elements.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Hash)]
pub struct Extent {
    /// Unicode scalar values: what Rust's `char` is.
    pub chars: usize,
    /// UTF-16 code units: what JavaScript counts.
    pub utf16: usize,
}

impl Extent {
    /// This extent in one of its units.
    pub const fn get(self, unit: Unit) -> usize {
        match unit {
            Unit::Chars => self.chars,
            Unit::Utf16 => self.utf16,
        }
    }
}

impl Add for Extent {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            chars: self.chars + other.chars,
            utf16: self.utf16 + other.utf16,
        }
    }
}

impl AddAssign for Extent {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Extent {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            chars: self.chars - other.chars,
            utf16: self.utf16 - other.utf16,
        }
    }
}

impl SubAssign for Extent {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// What an offset counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Unicode scalar values, or list elements.
    Chars,
    /// UTF-16 code units.
    Utf16,
}

/// The content of neighbouring elements.
pub trait Content: Clone + PartialEq + Debug {
    /// How much it is; `chars` is the number of elements.
    fn extent(&self) -> Extent;
    /// How much the first `at` elements are.
    fn extent_to(&self, at: usize) -> Extent;
    /// Keeps the first `at` elements, in no more room than they take, and gives the rest.
    #[must_use]
    fn split_off(&mut self, at: usize) -> Self;
    /// Adds what follows.
    fn append(&mut self, next: Self);
    /// Cut into parts that have one fate when they come.
    fn parts(self) -> Vec<Self> {
        vec![self]
    }
    /// Whether it is shown when it comes.
    fn is_shown(&self) -> bool {
        true
    }
    /// How many elements the first `offset` units are; `None` inside of an element.
    fn elements_in(&self, unit: Unit, offset: usize) -> Option<usize>;
}

/// Characters with their lengths counted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Chars {
    text: String,
    // Short, since a piece may hold a single character: there is no text of four billion.
    len: u32,
    utf16: u32,
}

impl Chars {
    /// The characters as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the element `at` starts, in bytes.
    fn byte_of(&self, at: usize) -> usize {
        if self.text.len() == self.len as usize {
            return at;
        }
        self.text
            .char_indices()
            .nth(at)
            .map_or(self.text.len(), |(byte, _)| byte)
    }
}

impl From<String> for Chars {
    fn from(text: String) -> Self {
        let chars = text.chars().count();
        let utf16 = if chars == text.len() {
            chars
        } else {
            text.encode_utf16().count()
        };
        Self {
            text,
            len: chars as u32,
            utf16: utf16 as u32,
        }
    }
}

impl From<&str> for Chars {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Content for Chars {
    fn extent(&self) -> Extent {
        Extent {
            chars: self.len as usize,
            utf16: self.utf16 as usize,
        }
    }

    fn extent_to(&self, at: usize) -> Extent {
        if self.len == self.utf16 {
            return Extent {
                chars: at,
                utf16: at,
            };
        }
        let head = &self.text[..self.byte_of(at)];
        Extent {
            chars: at,
            utf16: head.encode_utf16().count(),
        }
    }

    fn split_off(&mut self, at: usize) -> Self {
        let rest = Self::from(self.text.split_off(self.byte_of(at)));
        self.len -= rest.len;
        self.utf16 -= rest.utf16;
        self.text.shrink_to_fit();
        rest
    }

    fn append(&mut self, next: Self) {
        self.text.push_str(&next.text);
        self.len += next.len;
        self.utf16 += next.utf16;
    }

    fn elements_in(&self, unit: Unit, offset: usize) -> Option<usize> {
        if unit == Unit::Chars || self.len == self.utf16 {
            return Some(offset);
        }
        let mut units = 0;
        for (elements, c) in self.text.chars().enumerate() {
            if units >= offset {
                return (units == offset).then_some(elements);
            }
            units += c.len_utf16();
        }
        (units == offset).then_some(self.len as usize)
    }
}

impl<V: Clone + PartialEq + Debug> Content for Vec<V> {
    fn extent(&self) -> Extent {
        Extent {
            chars: self.len(),
            utf16: self.len(),
        }
    }

    fn extent_to(&self, at: usize) -> Extent {
        Extent {
            chars: at,
            utf16: at,
        }
    }

    fn split_off(&mut self, at: usize) -> Self {
        let rest = Vec::split_off(self, at);
        self.shrink_to_fit();
        rest
    }

    fn append(&mut self, mut next: Self) {
        Vec::append(self, &mut next);
    }

    fn elements_in(&self, _: Unit, offset: usize) -> Option<usize> {
        Some(offset)
    }
}
