//! Errors as JavaScript sees them: an `Error` named `DriftwoodError` with a `code` that stays the same.

use driftwood_crdt::{DecodeError, DeltaError, EditError, SeedError};
use js_sys::{Error, Reflect};
use wasm_bindgen::JsValue;

/// What went wrong: a code for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Stable; listed in the package's README.
    pub code: &'static str,
    /// May change at any time; never holds a document's content.
    pub message: String,
}

impl Failure {
    /// A failure with this code and message.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A caller's argument that makes no sense.
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::new("INVALID_ARGUMENT", message)
    }

    /// The same, where it is one operation of several.
    pub(crate) fn of_operation(mut self, op: usize) -> Self {
        self.message = format!("operation {op}: {}", self.message);
        self
    }

    /// A failure of ours that has been an `Error` in between.
    pub(crate) fn crossed(error: &JsValue) -> Self {
        const CODES: [&str; 2] = ["FORMAT_TOO_NEW", "STORAGE_FAILED"];
        let code = crate::host::member(error, "code").as_string();
        let known = CODES
            .into_iter()
            .find(|known| code.as_deref() == Some(*known));
        let message = crate::host::member(error, "message").as_string();
        Self::new(known.unwrap_or("INTERNAL"), message.unwrap_or_default())
    }

    /// A failure that JavaScript threw, under a code of ours.
    pub(crate) fn thrown(code: &'static str, error: &JsValue) -> Self {
        Self::new(code, describe(error))
    }
}

/// The `message` of whatever was thrown, with its `name`.
pub(crate) fn describe(error: &JsValue) -> String {
    let part = |name: &str| {
        crate::host::member(error, name)
            .as_string()
            .unwrap_or_default()
    };
    let (name, message) = (part("name"), part("message"));
    match (name.is_empty(), message.is_empty()) {
        (true, true) => error
            .as_string()
            .unwrap_or_else(|| String::from("unknown error")),
        (false, true) => name,
        (true, false) => message,
        (false, false) => name + ": " + &message,
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let error = Error::new(&failure.message);
        error.set_name("DriftwoodError");
        // Setting a new property of a fresh object cannot fail.
        let _ = Reflect::set(&error, &"code".into(), &failure.code.into());
        error.into()
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let code = match &error {
            EditError::OutOfBounds { .. } | EditError::BadRange { .. } => "OUT_OF_RANGE",
            EditError::SplitsCharacter { .. } => "SPLIT_SURROGATE",
            EditError::WrongKind { .. } => "WRONG_KIND",
            EditError::Deleted => "DELETED",
            EditError::Cycle => "CYCLE",
            EditError::Limit { what, .. } => limit(what),
            _ => "INVALID_ARGUMENT",
        };
        Self::new(code, error.to_string())
    }
}

impl From<SeedError> for Failure {
    fn from(error: SeedError) -> Self {
        let code = match error {
            SeedError::Edit(error) => return error.into(),
            SeedError::Changed => "SEED_CHANGED",
            SeedError::NotTheSame => "SEED_NOT_THE_SAME",
            _ => "LIMIT",
        };
        Self::new(code, error.to_string())
    }
}

impl From<DeltaError> for Failure {
    fn from(error: DeltaError) -> Self {
        Self::from(error.error).of_operation(error.op)
    }
}

fn limit(what: &str) -> &'static str {
    // The engine says in words what was too large.
    let codes = [
        ("depth", "LIMIT_DEPTH"),
        ("key", "LIMIT_KEY"),
        ("value", "LIMIT_VALUE"),
        ("counter", "LIMIT_COUNTER"),
        ("replica", "LIMIT_REPLICAS"),
    ];
    codes
        .iter()
        .find(|(word, _)| what.contains(word))
        .map_or("LIMIT", |(_, code)| code)
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::new("BAD_BYTES", error.to_string())
    }
}
