//! Plain values as bytes.

use super::varint::{DecodeError, Reader, Writer};
use crate::{limits, Value, ValueMap};

/// Null, false or true: a byte more says which. No value is shorter than two bytes, so that one in
/// memory, which takes 32, is at most 16 times as long.
const SIMPLE: u8 = 0;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const STRING: u8 = 5;
const BYTES: u8 = 6;
const LIST: u8 = 7;
const MAP: u8 = 8;

/// Writes a value; its depth is bounded.
pub(super) fn write(out: &mut Writer, value: &Value) {
    match value {
        Value::Null => out.raw(&[SIMPLE, 0]),
        Value::Bool(value) => out.raw(&[SIMPLE, 1 + u8::from(*value)]),
        Value::Int(number) => {
            out.byte(INT);
            out.signed(*number);
        }
        Value::Float(number) => {
            out.byte(FLOAT);
            out.u64_le(number.to_bits());
        }
        Value::String(text) => {
            out.byte(STRING);
            out.str(text);
        }
        Value::Bytes(raw) => {
            out.byte(BYTES);
            out.bytes(raw);
        }
        Value::List(values) => {
            out.byte(LIST);
            out.varint(values.len() as u64);
            for value in values {
                write(out, value);
            }
        }
        Value::Map(values) => {
            out.byte(MAP);
            out.varint(values.len() as u64);
            for (key, value) in values.iter() {
                out.str(key);
                write(out, value);
            }
        }
    }
}

pub(super) fn read(input: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let start = input.offset();
    let value = read_at(input, 0)?;
    if input.offset() - start > limits::VALUE_BYTES_MAX {
        return Err(input.over("value too large", limits::VALUE_BYTES_MAX));
    }
    Ok(value)
}

fn read_at(input: &mut Reader<'_>, depth: usize) -> Result<Value, DecodeError> {
    if depth > limits::DEPTH_MAX {
        return Err(input.over("value too deep", limits::DEPTH_MAX));
    }
    Ok(match input.byte()? {
        SIMPLE => match input.byte()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            _ => return Err(input.error("unknown kind of value")),
        },
        INT => Value::Int(input.signed()?),
        FLOAT => Value::Float(f64::from_bits(input.u64_le()?)),
        STRING => Value::String(input.str()?.to_owned()),
        BYTES => Value::Bytes(input.bytes()?.to_vec()),
        LIST => {
            let max = limits::VALUE_BYTES_MAX;
            let values = input.many(max, "value too large", 2, |input, _| {
                read_at(input, depth + 1)
            })?;
            Value::List(values)
        }
        MAP => {
            let max = limits::VALUE_BYTES_MAX;
            let entries = input.many(max, "value too large", 3, |input, before| {
                let key = input.str()?;
                let last = before.last();
                if last.is_some_and(|(last, _): &(String, Value)| key <= last.as_str()) {
                    return Err(input.error("keys out of order"));
                }
                Ok((key.to_owned(), read_at(input, depth + 1)?))
            })?;
            Value::Map(ValueMap::from_sorted(entries))
        }
        _ => return Err(input.error("unknown kind of value")),
    })
}
