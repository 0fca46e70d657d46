//! Plain values as bytes.

use std::collections::BTreeMap;

use super::varint::{DecodeError, Reader, Writer};
use crate::{limits, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const STRING: u8 = 5;
const BYTES: u8 = 6;
const LIST: u8 = 7;
const MAP: u8 = 8;

/// Writes a value; its depth is bounded.
pub(super) fn write(out: &mut Writer, value: &Value) {
    match value {
        Value::Null => out.byte(NULL),
        Value::Bool(false) => out.byte(FALSE),
        Value::Bool(true) => out.byte(TRUE),
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
            for (key, value) in values {
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
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(input.signed()?),
        FLOAT => Value::Float(f64::from_bits(input.u64_le()?)),
        STRING => Value::String(input.str()?.to_owned()),
        BYTES => Value::Bytes(input.bytes()?.to_vec()),
        LIST => {
            // A value in memory is some 30 times its shortest encoding: grow with what is read.
            let count = input.count(limits::VALUE_BYTES_MAX, "value too large", 1)?;
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(read_at(input, depth + 1)?);
            }
            Value::List(values)
        }
        MAP => {
            let count = input.count(limits::VALUE_BYTES_MAX, "value too large", 2)?;
            let mut values = BTreeMap::new();
            for _ in 0..count {
                let key = input.str()?;
                if values
                    .last_key_value()
                    .is_some_and(|(last, _): (&String, _)| key <= last)
                {
                    return Err(input.error("keys out of order"));
                }
                let value = read_at(input, depth + 1)?;
                values.insert(key.to_owned(), value);
            }
            Value::Map(values)
        }
        _ => return Err(input.error("unknown kind of value")),
    })
}
