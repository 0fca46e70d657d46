//! Fields that ask for a container, or for none.

use std::ops::{Deref, DerefMut};

use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The names by which a document knows these types; other formats see what is inside.
pub(super) const TEXT: &str = "driftwood::TextField";
pub(super) const SET: &str = "driftwood::SetField";
pub(super) const COUNTER: &str = "driftwood::CounterField";
pub(super) const PLAIN: &str = "driftwood::PlainField";

macro_rules! field {
    ($(#[$doc:meta])* $field:ident $(<$generic:ident>)?, $inner:ty, $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
        pub struct $field $(<$generic>)? (pub $inner);

        impl $(<$generic>)? Deref for $field $(<$generic>)? {
            type Target = $inner;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl $(<$generic>)? DerefMut for $field $(<$generic>)? {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }

        impl<$($generic: Serialize)?> Serialize for $field $(<$generic>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($name, &self.0)
            }
        }

        impl<'de $(, $generic: Deserialize<'de>)?> Deserialize<'de> for $field $(<$generic>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Deserialize::deserialize(deserializer).map(Self)
            }
        }
    };
}

field!(
    /// A string that is edited together, character by character: a text.
    TextField, String, TEXT
);
field!(
    /// Values that are in or out: a set, without order or repeats.
    SetField<T>, Vec<T>, SET
);
field!(
    /// A number that everybody adds to: a counter. Assigning adds the difference.
    CounterField, i64, COUNTER
);
field!(
    /// Anything, as one plain value that is replaced as a whole.
    PlainField<T>, T, PLAIN
);

impl From<&str> for TextField {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
