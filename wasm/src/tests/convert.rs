use driftwood_crdt::Value;
use js_sys::{eval, JsString};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::convert::{string, to_js, value};

fn js(source: &str) -> JsValue {
    eval(&format!("({source})")).expect("the source is fine")
}

#[wasm_bindgen_test]
fn values_survive_the_way_there_and_back() {
    let values = [
        Value::Null,
        Value::Bool(true),
        Value::Int(0),
        Value::Int(-7),
        Value::Int((1 << 53) - 1),
        Value::Int(i64::MAX),
        Value::Int(i64::MIN),
        Value::Float(0.5),
        Value::Float(-0.0),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Float(1e300),
        Value::String("Grüße \u{1F600} \u{FFFD}".into()),
        Value::Bytes(vec![0, 255]),
        Value::List(vec![Value::Null, Value::List(Vec::new())]),
        Value::Map(
            [("__proto__".to_owned(), Value::Int(1))]
                .into_iter()
                .collect(),
        ),
    ];
    for expected in values {
        let crossed = to_js(&expected);
        assert_eq!(value(&crossed), Ok(expected.clone()), "{expected:?}");
        if matches!(expected, Value::List(_) | Value::Map(_)) {
            let object: &js_sys::Object = crossed.unchecked_ref();
            assert!(js_sys::Object::is_frozen(object), "{expected:?}");
        }
    }
}

#[wasm_bindgen_test]
fn what_cannot_be_stored_is_refused_with_a_code() {
    let cases = [
        ("undefined", "INVALID_VALUE"),
        ("() => 1", "INVALID_VALUE"),
        ("Symbol()", "INVALID_VALUE"),
        ("new Map()", "INVALID_VALUE"),
        ("[1, new Date()]", "INVALID_VALUE"),
        ("2n ** 63n", "INVALID_VALUE"),
        ("'\\ud83d'", "SPLIT_SURROGATE"),
        ("({'\\udc00': 1})", "SPLIT_SURROGATE"),
        (
            "(() => { const a = []; a.push(a); return a })()",
            "LIMIT_DEPTH",
        ),
    ];
    for (source, code) in cases {
        let refused = value(&js(source)).expect_err(source);
        assert_eq!(refused.code, code, "{source}");
    }
}

#[wasm_bindgen_test]
fn objects_without_a_prototype_and_of_other_realms_are_plain() {
    let expected = Value::Map([("a".to_owned(), Value::Int(1))].into_iter().collect());
    assert_eq!(
        value(&js(
            "Object.assign(Object.create(null), {a: 1, b: undefined})"
        )),
        Ok(expected)
    );
}

#[wasm_bindgen_test]
fn a_replacement_character_is_no_lone_surrogate() {
    let text = JsString::from("\u{FFFD}");
    assert_eq!(string(&text), Ok("\u{FFFD}".to_owned()));
}
