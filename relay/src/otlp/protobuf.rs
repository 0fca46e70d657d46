//! Writing protobuf: the three wire types that these messages are made of, and nothing else.

const VARINT: u64 = 0;
const FIXED: u64 = 1;
const BYTES: u64 = 2;

/// A message that is being written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// `uint64`, `bool`, or a value of an enumeration.
    pub(crate) fn varint(self, field: u64, value: u64) -> Self {
        self.key(field, VARINT).raw(value)
    }

    /// `fixed64` or `sfixed64`.
    pub(crate) fn fixed(mut self, field: u64, value: u64) -> Self {
        self = self.key(field, FIXED);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// `double`.
    pub(crate) fn double(self, field: u64, value: f64) -> Self {
        self.fixed(field, value.to_bits())
    }

    /// `bytes`.
    pub(crate) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self = self.key(field, BYTES).raw(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// `string`.
    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message within this one.
    pub(crate) fn message(self, field: u64, inner: &Self) -> Self {
        self.bytes(field, &inner.0)
    }

    /// `repeated fixed64` or `repeated double`.
    pub(crate) fn packed(self, field: u64, values: impl Iterator<Item = u64>) -> Self {
        let bytes: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &bytes)
    }

    fn key(self, field: u64, kind: u64) -> Self {
        self.raw(field << 3 | kind)
    }

    fn raw(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_protobuf_documentation() {
        assert_eq!(
            Message::new().varint(1, 150).into_bytes(),
            [0x08, 0x96, 0x01]
        );
        let inner = Message::new().varint(1, 150);
        let outer = Message::new().text(2, "testing").message(3, &inner);
        assert_eq!(outer.into_bytes(), b"\x12\x07testing\x1a\x03\x08\x96\x01");
        let packed = Message::new().packed(7, [1_u64].into_iter());
        assert_eq!(packed.into_bytes(), [0x3a, 8, 1, 0, 0, 0, 0, 0, 0, 0]);
    }
}
