//! What a piece of a sequence holds, and how long it is.

#[cfg_attr(target_arch = "wasm32", path = "content/long.rs")]
mod short;

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Range, Sub, SubAssign};

use short::Str;

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
pub trait Content: Clone + PartialEq + Debug + Default {
    /// A part of it, borrowed.
    type View<'a>: Copy + Debug
    where
        Self: 'a;
    /// What a reader is told of what was inserted.
    type Told: Clone + PartialEq + Debug + Default;

    /// How much it is; `chars` is the number of elements.
    fn extent(&self) -> Extent;
    /// How much these of its elements are.
    fn extent_of(&self, elements: Range<usize>) -> Extent;
    /// These of its elements.
    fn view(&self, elements: Range<usize>) -> Self::View<'_>;
    /// How much a view is as [`Self::view_from`] counts: elements, or bytes of text.
    fn raw_len(view: Self::View<'_>) -> usize;
    /// The same of so many elements from a place on that is counted so.
    fn raw_len_from(&self, at: usize, len: usize) -> usize {
        Self::raw_len(self.view_from(at, len))
    }
    /// So many elements from a place on that is counted so, which needs no search.
    fn view_from(&self, at: usize, len: usize) -> Self::View<'_>;
    /// A view as content of its own.
    fn owned(view: Self::View<'_>) -> Self;
    /// Puts content before the element `at`.
    fn insert(&mut self, at: usize, new: Self);
    /// As [`Self::insert`], of which somebody else has the original.
    fn insert_view(&mut self, at: usize, new: Self::View<'_>);
    /// Removes these elements.
    fn remove(&mut self, elements: Range<usize>);
    /// Keeps the first `at` elements, in no more room than they take, and gives the rest.
    #[must_use]
    fn split_off(&mut self, at: usize) -> Self;
    /// Adds what follows.
    fn append(&mut self, next: Self);
    /// Adds what follows, of which somebody else has the original.
    fn append_view(&mut self, next: Self::View<'_>);
    /// Views one after the other as content of its own, in no more room than it takes.
    fn concat(views: &[Self::View<'_>]) -> Self;
    /// As [`Self::concat`], where a copy costs little.
    fn copied(_: &[Self::View<'_>]) -> Option<Self> {
        None
    }
    /// Adds what a reader is told of a view.
    fn tell(view: Self::View<'_>, told: &mut Self::Told);
    /// How many of these elements, from the first one on, have one fate when they come, and whether they are
    /// shown.
    fn fate(&self, elements: Range<usize>) -> (usize, bool) {
        (elements.len(), true)
    }
    /// The same of so many elements from a place on, as [`Self::view_from`] counts.
    fn fate_from(&self, at: usize, len: usize) -> (usize, bool) {
        self.fate(at..at + len)
    }
    /// How many elements, from the one numbered `from` on, the first `offset` units are; `None` inside of
    /// an element.
    fn elements_in(&self, from: usize, unit: Unit, offset: usize) -> Option<usize>;
}

/// Characters with their lengths counted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Chars {
    text: Str,
    // Short: there is no text of four billion.
    len: u32,
    utf16: u32,
}

impl Chars {
    /// The characters as text.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    pub(crate) fn into_string(self) -> String {
        self.text.into_string()
    }

    /// Inserts text of which it is known how much it is.
    #[inline]
    pub(crate) fn insert_text(&mut self, at: usize, text: &str, extent: Extent) {
        let byte = self.byte_of(at);
        self.text.long().insert_str(byte, text);
        self.len += extent.chars as u32;
        self.utf16 += extent.utf16 as u32;
    }

    fn is_ascii(&self) -> bool {
        self.text.as_bytes().len() == self.len as usize
    }

    /// Where the element `at` starts, in bytes.
    fn byte_of(&self, at: usize) -> usize {
        if self.is_ascii() {
            return at;
        }
        let Some(before) = at.checked_sub(1) else {
            return 0;
        };
        // Going on by many is faster than looking at each.
        let mut chars = self.as_str().chars();
        chars.nth(before);
        self.as_str().len() - chars.as_str().len()
    }

    fn bytes_of(&self, elements: Range<usize>) -> Range<usize> {
        if self.is_ascii() {
            return elements;
        }
        self.byte_of(elements.start)..self.byte_of(elements.end)
    }
}

/// How much a text is.
pub(crate) fn extent(text: &str) -> Extent {
    let (chars, utf16) = lengths(text);
    Extent { chars, utf16 }
}

fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// In characters and in UTF-16 units.
#[inline]
fn lengths(text: &str) -> (usize, usize) {
    // What is typed is mostly one letter.
    if text.len() == 1 {
        return (1, 1);
    }
    many_lengths(text)
}

fn many_lengths(text: &str) -> (usize, usize) {
    if text.is_ascii() {
        return (text.len(), text.len());
    }
    (text.chars().count(), utf16_len(text))
}

impl From<String> for Chars {
    fn from(text: String) -> Self {
        Self::from(Str::from(text))
    }
}

impl From<&str> for Chars {
    fn from(text: &str) -> Self {
        Self::from(Str::from(text))
    }
}

impl From<Str> for Chars {
    fn from(text: Str) -> Self {
        let (len, utf16) = lengths(text.as_str());
        Self {
            text,
            len: len as u32,
            utf16: utf16 as u32,
        }
    }
}

/// The room that is enough for what is left, if it has far more: what was written and deleted should not be paid
/// for by what stays.
fn lesser_room(len: usize, room: usize) -> Option<usize> {
    const LITTLE: usize = 64;
    (room > LITTLE && len < room / 4).then_some(len * 2)
}

impl Content for Chars {
    type View<'a> = &'a str;
    type Told = Self;

    fn extent(&self) -> Extent {
        Extent {
            chars: self.len as usize,
            utf16: self.utf16 as usize,
        }
    }

    fn extent_of(&self, elements: Range<usize>) -> Extent {
        let chars = elements.len();
        let utf16 = if self.len == self.utf16 {
            chars
        } else {
            utf16_len(self.view(elements))
        };
        Extent { chars, utf16 }
    }

    fn view(&self, elements: Range<usize>) -> &str {
        &self.as_str()[self.bytes_of(elements)]
    }

    fn raw_len(view: &str) -> usize {
        view.len()
    }

    fn raw_len_from(&self, at: usize, len: usize) -> usize {
        if self.is_ascii() {
            return len;
        }
        let rest = &self.as_str()[at..];
        let end = rest.char_indices().nth(len);
        end.map_or(rest.len(), |(byte, _)| byte)
    }

    #[inline]
    fn view_from(&self, at: usize, len: usize) -> &str {
        &self.as_str()[at..at + self.raw_len_from(at, len)]
    }

    fn owned(view: &str) -> Self {
        Self::from(view)
    }

    fn insert(&mut self, at: usize, new: Self) {
        self.insert_text(at, new.as_str(), new.extent());
    }

    fn insert_view(&mut self, at: usize, new: &str) {
        self.insert_text(at, new, extent(new));
    }

    fn remove(&mut self, elements: Range<usize>) {
        let gone = self.extent_of(elements.clone());
        let bytes = self.bytes_of(elements);
        let text = self.text.long();
        text.drain(bytes);
        if let Some(room) = lesser_room(text.len(), text.capacity()) {
            text.shrink_to(room);
        }
        self.len -= gone.chars as u32;
        self.utf16 -= gone.utf16 as u32;
    }

    fn split_off(&mut self, at: usize) -> Self {
        let byte = self.byte_of(at);
        let text = self.text.long();
        let rest = Self::from(text.split_off(byte));
        text.shrink_to_fit();
        self.len -= rest.len;
        self.utf16 -= rest.utf16;
        rest
    }

    fn append(&mut self, next: Self) {
        self.text.push(next.as_str());
        self.len += next.len;
        self.utf16 += next.utf16;
    }

    fn append_view(&mut self, next: &str) {
        let (len, utf16) = lengths(next);
        self.text.push(next);
        self.len += len as u32;
        self.utf16 += utf16 as u32;
    }

    fn concat(views: &[&str]) -> Self {
        Self::from(views.concat())
    }

    fn copied(views: &[&str]) -> Option<Self> {
        Some(Self::concat(views))
    }

    fn tell(view: &str, told: &mut Self) {
        told.append_view(view);
    }

    fn elements_in(&self, from: usize, unit: Unit, offset: usize) -> Option<usize> {
        if unit == Unit::Chars || self.len == self.utf16 {
            return Some(offset);
        }
        let mut units = 0;
        let text = &self.as_str()[self.byte_of(from)..];
        for (elements, c) in text.chars().enumerate() {
            if units >= offset {
                return (units == offset).then_some(elements);
            }
            units += c.len_utf16();
        }
        (units == offset).then_some(self.len as usize - from)
    }
}

/// The length of so many elements that all are one unit long.
pub(crate) const fn even(len: usize) -> Extent {
    Extent {
        chars: len,
        utf16: len,
    }
}

impl<V: Clone + PartialEq + Debug> Content for Vec<V> {
    type View<'a>
        = &'a [V]
    where
        V: 'a;
    type Told = Self;

    fn extent(&self) -> Extent {
        even(self.len())
    }

    fn extent_of(&self, elements: Range<usize>) -> Extent {
        even(elements.len())
    }

    fn view(&self, elements: Range<usize>) -> &[V] {
        &self[elements]
    }

    fn raw_len(view: &[V]) -> usize {
        view.len()
    }

    fn view_from(&self, at: usize, len: usize) -> &[V] {
        &self[at..at + len]
    }

    fn owned(view: &[V]) -> Self {
        view.to_vec()
    }

    fn insert(&mut self, at: usize, new: Self) {
        self.splice(at..at, new);
    }

    fn insert_view(&mut self, at: usize, new: &[V]) {
        self.splice(at..at, new.iter().cloned());
    }

    fn remove(&mut self, elements: Range<usize>) {
        self.drain(elements);
        if let Some(room) = lesser_room(self.len(), self.capacity()) {
            self.shrink_to(room);
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

    fn append_view(&mut self, next: &[V]) {
        self.extend_from_slice(next);
    }

    fn concat(views: &[&[V]]) -> Self {
        views.concat()
    }

    fn tell(view: &[V], told: &mut Self) {
        told.extend_from_slice(view);
    }

    fn elements_in(&self, _: usize, _: Unit, offset: usize) -> Option<usize> {
        Some(offset)
    }
}
