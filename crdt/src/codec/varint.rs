//! [`Writer`] and [`Reader`]: LEB128 varints, length-prefixed bytes, fixed 64-bit numbers.

use crate::limits;

/// Bytes that are not what they should be. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct DecodeError {
    /// Where in the input the reader stood.
    pub offset: usize,
    /// What was wrong, in words.
    pub reason: &'static str,
    /// The limit that was passed, where that is what was wrong.
    pub limit: Option<u64>,
}

/// Writes the encoding.
#[derive(Default, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    /// What a reader counts of memory for what was counted here: see [`Reader::weigh`].
    weight: usize,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that goes on after these bytes.
    pub(crate) fn after(bytes: Vec<u8>) -> Self {
        Self { bytes, weight: 0 }
    }

    /// The count of things that follow, as [`Reader::count`] reads it.
    pub(super) fn count(&mut self, count: usize, bytes_each: usize) {
        self.varint(count as u64);
        self.weigh(count.saturating_mul(bytes_each));
    }

    /// Notes that a reader will take memory for what takes so many bytes at least.
    pub(super) fn weigh(&mut self, bytes: usize) {
        self.weight = self.weight.saturating_add(bytes);
    }

    /// All that was noted so.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// One byte.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// An unsigned number, seven bits a byte, least first.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn varint(&mut self, number: u64) {
        // Most are short.
        if number < 0x80 {
            self.bytes.push(number as u8);
        } else {
            self.long_varint(number);
        }
    }

    fn long_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// A signed number, zigzag: 0, -1, 1, -2, …
    pub fn signed(&mut self, number: i64) {
        self.varint(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// Eight bytes, least first.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn u64_le(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Bytes without their length.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The length, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// The length in bytes, then UTF-8.
    pub fn str(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was written.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads the encoding; every method fails with the offset instead of panicking.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// What was counted and is yet to be read takes so many bytes at least.
    owed: usize,
    /// What may still be counted, where the bytes there are do not bound it: they were compressed.
    room: usize,
    /// What was counted.
    weight: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            offset: 0,
            owed: 0,
            room: usize::MAX,
            weight: 0,
        }
    }

    /// A reader that refuses to count more than this.
    pub(super) fn with_room(bytes: &'a [u8], room: usize) -> Self {
        Self {
            room,
            ..Self::new(bytes)
        }
    }

    /// Notes that memory is taken for what takes so many bytes at least.
    ///
    /// # Errors
    /// When that is more than the input may take.
    pub(super) fn weigh(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.weight = self.weight.saturating_add(bytes);
        if self.weight > self.room {
            return Err(self.error("too much for its size"));
        }
        Ok(())
    }

    /// All that was noted so.
    #[cfg(debug_assertions)]
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Goes on where another reader of the same bytes stands.
    pub(super) fn skip_to(&mut self, other: &Self) {
        self.offset = other.offset;
    }

    /// The bytes that are left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.offset..];
        self.offset = self.bytes.len();
        rest
    }

    /// Where the reader stands.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// An error at this place.
    pub fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError {
            offset: self.offset,
            reason,
            limit: None,
        }
    }

    /// An error at this place: more than a limit allows.
    pub fn over(&self, reason: &'static str, max: impl TryInto<u64>) -> DecodeError {
        DecodeError {
            limit: max.try_into().ok(),
            ..self.error(reason)
        }
    }

    /// One byte.
    ///
    /// # Errors
    /// At the end of the input; so do all the methods below.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = *self
            .bytes
            .get(self.offset)
            .ok_or_else(|| self.error("input ends early"))?;
        self.offset += 1;
        Ok(byte)
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// When it has more than 64 bits or is longer than it need be.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        // Most are short.
        if let Some(&byte) = self.bytes.get(self.offset).filter(|&&byte| byte < 0x80) {
            self.offset += 1;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.error("number over 64 bits"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return Err(self.error("number longer than it need be"));
                }
                return Ok(number);
            }
        }
        Err(self.error("number over 64 bits"))
    }

    /// A signed number.
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Eight bytes as a number.
    ///
    /// # Errors
    /// At the end of the input.
    pub fn u64_le(&mut self) -> Result<u64, DecodeError> {
        let raw = self.raw(8)?;
        Ok(u64::from_le_bytes(
            raw.try_into().expect("raw gave the eight bytes asked for"),
        ))
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        if len > self.remaining() {
            return Err(self.error("input ends early"));
        }
        let raw = &self.bytes[self.offset..self.offset + len];
        self.offset += len;
        Ok(raw)
    }

    /// Length-prefixed bytes.
    ///
    /// # Errors
    /// When fewer are left than the length says.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.varint()?;
        let len = usize::try_from(len).map_err(|_| self.error("input ends early"))?;
        self.raw(len)
    }

    /// Length-prefixed UTF-8.
    ///
    /// # Errors
    /// As [`Self::bytes`], and when it is not UTF-8.
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.error("text is not UTF-8"))
    }

    /// A count of things that follow, each at least `bytes_each` long: so many must be there, and
    /// at most `max`.
    ///
    /// # Errors
    /// With `what` when there are more than `max`; when the input cannot hold them.
    pub fn count(
        &mut self,
        max: usize,
        what: &'static str,
        bytes_each: usize,
    ) -> Result<usize, DecodeError> {
        let count = self.varint()?;
        if count > max as u64 {
            return Err(self.over(what, max));
        }
        let count = count as usize;
        let free = self.remaining().saturating_sub(self.owed);
        if count.saturating_mul(bytes_each) > free {
            return Err(self.error("input ends early"));
        }
        self.weigh(count.saturating_mul(bytes_each))?;
        Ok(count)
    }

    /// A count and the things that follow it, each of which `read` reads, seeing those before it.
    ///
    /// Room is taken once, for exactly so many: whatever is counted inside of things that were counted
    /// themselves, the bytes for all of it are there, so the room for all of it is bounded by them.
    ///
    /// # Errors
    /// As [`Self::count`], and those of `read`.
    pub fn many<T>(
        &mut self,
        max: usize,
        what: &'static str,
        bytes_each: usize,
        mut read: impl FnMut(&mut Self, &[T]) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.count(max, what, bytes_each)?;
        self.each(count, bytes_each, &mut read)
    }

    /// As [`Self::many`], where the count was read before.
    ///
    /// # Errors
    /// When the input cannot hold so many, and those of `read`.
    pub fn times<T>(
        &mut self,
        count: usize,
        bytes_each: usize,
        mut read: impl FnMut(&mut Self, &[T]) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.weigh(count.saturating_mul(bytes_each))?;
        self.each(count, bytes_each, &mut read)
    }

    fn each<T>(
        &mut self,
        count: usize,
        bytes_each: usize,
        read: &mut impl FnMut(&mut Self, &[T]) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let bytes = count.saturating_mul(bytes_each);
        if bytes > self.remaining().saturating_sub(self.owed) {
            return Err(self.error("input ends early"));
        }
        self.owed += bytes;
        let mut things = Vec::with_capacity(count);
        for _ in 0..count {
            self.owed -= bytes_each;
            let thing = read(self, &things)?;
            things.push(thing);
        }
        Ok(things)
    }

    /// A seq: from 1 to [`limits::SEQ_MAX`].
    ///
    /// # Errors
    /// Outside of that.
    pub fn seq(&mut self) -> Result<u64, DecodeError> {
        let seq = self.varint()?;
        if seq == 0 || seq > limits::SEQ_MAX {
            return Err(self.error("seq out of range"));
        }
        Ok(seq)
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    /// When bytes are left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.remaining() > 0 {
            return Err(self.error("bytes left over"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    proptest! {
        #[test]
        fn numbers_come_back(unsigned: u64, signed: i64, text: String) {
            let mut out = Writer::new();
            out.varint(unsigned);
            out.signed(signed);
            out.str(&text);
            out.u64_le(unsigned);
            let bytes = out.into_vec();
            let mut input = Reader::new(&bytes);
            prop_assert_eq!(input.varint().unwrap(), unsigned);
            prop_assert_eq!(input.signed().unwrap(), signed);
            prop_assert_eq!(input.str().unwrap(), text.as_str());
            prop_assert_eq!(input.u64_le().unwrap(), unsigned);
            input.finish().unwrap();
        }

        #[test]
        fn a_number_has_one_encoding(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut input = Reader::new(&bytes);
            if let Ok(number) = input.varint() {
                let mut out = Writer::new();
                out.varint(number);
                prop_assert_eq!(out.into_vec(), bytes[..input.offset()].to_vec());
            }
        }
    }

    #[test]
    fn a_count_is_bounded_by_what_is_there() {
        let mut out = Writer::new();
        out.varint(1 << 40);
        let bytes = out.into_vec();
        assert!(Reader::new(&bytes).count(usize::MAX, "many", 1).is_err());
    }
}
