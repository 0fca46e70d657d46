//! What stands in for a short text in a browser, where what is loaded counts more than what is computed.

/// A text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Str(String);

impl Str {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    pub(super) fn long(&mut self) -> &mut String {
        &mut self.0
    }

    pub(super) fn push(&mut self, next: &str) {
        self.0.push_str(next);
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(text)
    }
}
