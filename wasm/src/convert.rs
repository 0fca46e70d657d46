//! Values between Rust and JavaScript, by hand: it is less code than going through serde, it freezes
//! what it makes, and it says which part of a value cannot be stored.

use driftwood_crdt::limits::DEPTH_MAX;
use driftwood_crdt::Value;
use js_sys::{Array, BigInt, JsString, Object, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::error::Failure;

/// The largest whole number that JavaScript's numbers hold exactly, with all below it.
const SAFE: i64 = (1 << 53) - 1;

/// A string, which must not contain half of a surrogate pair.
///
/// # Errors
/// `SPLIT_SURROGATE`.
pub(crate) fn string(js: &JsString) -> Result<String, Failure> {
    let text = String::from(js);
    // Conversion turns a lone surrogate into U+FFFD. Asking JavaScript is slow, so ask only then.
    if text.contains(char::REPLACEMENT_CHARACTER) && !js.is_valid_utf16() {
        return Err(Failure::new(
            "SPLIT_SURROGATE",
            "the text contains half a surrogate pair",
        ));
    }
    Ok(text)
}

/// What a caller wants to store.
///
/// # Errors
/// `INVALID_VALUE` for functions, symbols, class instances, `undefined`; `LIMIT_DEPTH` for what is
/// nested too deep (a cycle is endlessly deep); `SPLIT_SURROGATE`.
pub(crate) fn value(js: &JsValue) -> Result<Value, Failure> {
    nested(js, 0)
}

/// A number: a whole one, if it is.
pub(crate) fn number(number: f64) -> Value {
    let whole = number as i64;
    let exact = number.fract() == 0.0 && number.abs() <= SAFE as f64;
    // -0 is no whole number: it would come back as 0.
    let negative_zero = whole == 0 && number.is_sign_negative();
    if exact && !negative_zero {
        Value::Int(whole)
    } else {
        Value::Float(number)
    }
}

fn nested(js: &JsValue, depth: usize) -> Result<Value, Failure> {
    if depth > DEPTH_MAX {
        return Err(Failure::new(
            "LIMIT_DEPTH",
            "the value is nested deeper than 64 levels",
        ));
    }
    if let Some(text) = js.dyn_ref::<JsString>() {
        return string(text).map(Value::String);
    }
    if let Some(number) = js.as_f64() {
        return Ok(self::number(number));
    }
    if let Some(flag) = js.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if js.is_null() {
        return Ok(Value::Null);
    }
    if let Some(array) = js.dyn_ref::<Array>() {
        let values: Result<_, _> = array.iter().map(|item| nested(&item, depth + 1)).collect();
        return values.map(Value::List);
    }
    if let Some(bytes) = js.dyn_ref::<Uint8Array>() {
        return Ok(Value::Bytes(bytes.to_vec()));
    }
    if js.is_bigint() {
        let number = i64::try_from(js.clone())
            .map_err(|_| Failure::new("INVALID_VALUE", "the bigint does not fit in 64 bits"))?;
        return Ok(Value::Int(number));
    }
    // `instanceof Object` would not see those without a prototype.
    let object: &Object = js.unchecked_ref();
    if js.is_object() && is_plain(object) {
        let mut map = Vec::new();
        for entry in Object::entries(object).iter() {
            let entry: Array = entry.unchecked_into();
            let item = entry.get(1);
            // As JSON does.
            if !item.is_undefined() {
                let key = string(&entry.get(0).unchecked_into())?;
                map.push((key, nested(&item, depth + 1)?));
            }
        }
        return Ok(Value::Map(map.into_iter().collect()));
    }
    Err(Failure::new(
        "INVALID_VALUE",
        "only null, booleans, numbers, bigints, strings, Uint8Array, arrays and plain objects can be \
         stored",
    ))
}

/// Whether an object was written as `{…}`: instances of classes would lose what makes them one.
fn is_plain(object: &Object) -> bool {
    if object.is_function() {
        return false;
    }
    let prototype = Object::get_prototype_of(object);
    // An object of another realm (a frame) has another `Object.prototype`; that one has no parent.
    prototype.is_null() || Object::get_prototype_of(&prototype).is_null()
}

/// A number that JavaScript's numbers hold exactly.
pub(crate) fn to_number(value: &Value) -> Option<f64> {
    match *value {
        Value::Int(number) => (number.unsigned_abs() <= SAFE as u64).then_some(number as f64),
        Value::Float(number) => Some(number),
        _ => None,
    }
}

/// A value as plain, deeply frozen JavaScript (but for bytes, which cannot be frozen).
pub(crate) fn to_js(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => {
            to_number(value).map_or_else(|| BigInt::from(*number).into(), JsValue::from_f64)
        }
        Value::Float(number) => (*number).into(),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => Uint8Array::from(&**bytes).into(),
        Value::List(values) => {
            let array: Array = values.iter().map(to_js).collect();
            Object::freeze(&array).into()
        }
        Value::Map(values) => {
            let entries: Array = values
                .iter()
                .map(|(key, value)| Array::of2(&key.as_str().into(), &to_js(value)))
                .collect();
            // Setting properties one by one would make "__proto__" special.
            let object = Object::from_entries(&entries).expect("these are pairs");
            Object::freeze(&object).into()
        }
    }
}
