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

/// The fewest bytes of a value.
pub(super) const VALUE_BYTES: usize = 2;

/// Writes a value; its depth is bounded.
pub(super) fn write(out: &mut Writer, value: &Value) {
    out.byte(code(value));
    write_content(out, value);
}

/// Writes values as two columns: what each is, then what it holds.
pub(super) fn write_all<'a>(out: &mut Writer, values: impl Iterator<Item = &'a Value> + Clone) {
    values.clone().for_each(|value| out.byte(code(value)));
    values.for_each(|value| write_content(out, value));
}

/// Reads values in columns into their places.
pub(super) fn read_all<'a>(
    input: &mut Reader<'_>,
    values: impl ExactSizeIterator<Item = &'a mut Value>,
) -> Result<(), DecodeError> {
    let codes = input.raw(values.len())?;
    for (&code, value) in codes.iter().zip(values) {
        *value = read_sized(input, code)?;
    }
    Ok(())
}

/// What a value is, as a number.
pub(super) fn code(value: &Value) -> u8 {
    match value {
        Value::Null | Value::Bool(_) => SIMPLE,
        Value::Int(_) => INT,
        Value::Float(_) => FLOAT,
        Value::String(_) => STRING,
        Value::Bytes(_) => BYTES,
        Value::List(_) => LIST,
        Value::Map(_) => MAP,
    }
}

/// Writes what a value holds; what it is was written before.
pub(super) fn write_content(out: &mut Writer, value: &Value) {
    match value {
        Value::Null => out.byte(0),
        Value::Bool(value) => out.byte(1 + u8::from(*value)),
        Value::Int(number) => out.signed(*number),
        Value::Float(number) => out.u64_le(number.to_bits()),
        Value::String(text) => out.str(text),
        Value::Bytes(raw) => out.bytes(raw),
        Value::List(values) => {
            out.count(values.len(), VALUE_BYTES);
            for value in values {
                write(out, value);
            }
        }
        Value::Map(values) => {
            out.count(values.len(), 1 + VALUE_BYTES);
            for (key, value) in values.iter() {
                out.str(key);
                write(out, value);
            }
        }
    }
}

pub(super) fn read(input: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let code = input.byte()?;
    read_sized(input, code)
}

/// Reads what a value holds; what it is was read before.
pub(super) fn read_sized(input: &mut Reader<'_>, code: u8) -> Result<Value, DecodeError> {
    let start = input.offset();
    let value = read_content(input, code, 0)?;
    if 1 + input.offset() - start > limits::VALUE_BYTES_MAX {
        return Err(input.over("value too large", limits::VALUE_BYTES_MAX));
    }
    Ok(value)
}

fn read_at(input: &mut Reader<'_>, depth: usize) -> Result<Value, DecodeError> {
    if depth > limits::DEPTH_MAX {
        return Err(input.over("value too deep", limits::DEPTH_MAX));
    }
    let code = input.byte()?;
    read_content(input, code, depth)
}

fn read_content(input: &mut Reader<'_>, code: u8, depth: usize) -> Result<Value, DecodeError> {
    Ok(match code {
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
            let values = input.many(max, "value too large", VALUE_BYTES, |input, _| {
                read_at(input, depth + 1)
            })?;
            Value::List(values)
        }
        MAP => {
            let max = limits::VALUE_BYTES_MAX;
            let entries =
                input.many(max, "value too large", 1 + VALUE_BYTES, |input, before| {
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
