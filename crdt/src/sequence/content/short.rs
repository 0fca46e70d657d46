//! Text that takes no memory of its own while it is short.

/// Bytes of a short text: as many as the long one takes besides.
const SHORT: usize = 15;

/// A text. Most of what is typed at one place is a few letters.
#[derive(Clone)]
pub(super) enum Str {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(String),
}

impl Str {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(text) => text.as_bytes(),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short { .. } => {
                std::str::from_utf8(self.as_bytes()).expect("made of whole texts")
            }
            Self::Long(text) => text,
        }
    }

    pub(super) fn into_string(self) -> String {
        match self {
            Self::Long(text) => text,
            Self::Short { .. } => self.as_str().to_owned(),
        }
    }

    /// As one that can be changed anywhere.
    #[inline]
    pub(super) fn long(&mut self) -> &mut String {
        if let Self::Short { .. } = self {
            self.lengthen();
        }
        match self {
            Self::Long(text) => text,
            Self::Short { .. } => unreachable!("it was made long"),
        }
    }

    fn lengthen(&mut self) {
        *self = Self::Long(self.as_str().to_owned());
    }

    /// Adds what follows.
    pub(super) fn push(&mut self, next: &str) {
        match self {
            Self::Short { len, bytes } => {
                let start = usize::from(*len);
                match bytes.get_mut(start..start + next.len()) {
                    Some(room) => {
                        room.copy_from_slice(next.as_bytes());
                        *len += next.len() as u8;
                    }
                    None => self.long().push_str(next),
                }
            }
            Self::Long(text) => text.push_str(next),
        }
    }
}

impl Default for Str {
    fn default() -> Self {
        Self::Short {
            len: 0,
            bytes: [0; SHORT],
        }
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        if text.len() > SHORT {
            return Self::Long(text.to_owned());
        }
        let mut short = Self::default();
        short.push(text);
        short
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        if text.len() > SHORT {
            Self::Long(text)
        } else {
            Self::from(&*text)
        }
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Str {}

impl std::fmt::Debug for Str {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}
