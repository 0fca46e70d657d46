//! The deserializer over a document.

use ::serde::de::value::SeqDeserializer;
use ::serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use ::serde::forward_to_deserialize_any;

use super::ReadError;
use crate::document::Found;
use crate::{Kind, MapRef, NodeRef, Value, ValueMap};

/// What is read: a container or a plain value. The recursion of reading is as deep as they are, and
/// for both that is bounded.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    at: At<'a>,
    /// Whether there is nothing, for an option; else it reads as empty.
    none: bool,
}

#[derive(Clone, Copy)]
enum At<'a> {
    Found(Found<'a>),
    Nothing,
}

impl<'a> Reader<'a> {
    pub(crate) fn value(value: &'a Value) -> Self {
        Found::Value(value).into()
    }

    /// The container that reading begins with.
    pub(crate) fn top(node: NodeRef<'a>, kind: Kind, empty: bool) -> Self {
        Self {
            at: At::Found(Found::Node(node, kind)),
            none: empty,
        }
    }

    /// A container that was never there.
    pub(crate) fn nothing() -> Self {
        Self {
            at: At::Nothing,
            none: true,
        }
    }
}

impl<'a> From<Found<'a>> for Reader<'a> {
    fn from(found: Found<'a>) -> Self {
        Self {
            at: At::Found(found),
            none: matches!(found, Found::Value(Value::Null)),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.at {
            At::Nothing => visitor.visit_unit(),
            At::Found(Found::Value(value)) => visit_value(value, visitor),
            At::Found(Found::Node(node, kind)) => visit_node(node, kind, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.none {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.at {
            At::Nothing => visit_elements(std::iter::empty(), visitor),
            At::Found(Found::Value(Value::Bytes(bytes))) => {
                let mut bytes = SeqDeserializer::new(bytes.iter().copied());
                let seq = visitor.visit_seq(&mut bytes)?;
                bytes.end().map(|()| seq)
            }
            At::Found(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.at {
            At::Nothing => visitor.visit_map(Entries::new(std::iter::empty())),
            At::Found(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.at {
            At::Found(Found::Value(Value::String(name))) => {
                visitor.visit_enum(name.as_str().into_deserializer())
            }
            At::Found(Found::Node(node, Kind::Text)) => {
                visitor.visit_enum(node.as_text().to_string().into_deserializer())
            }
            At::Found(Found::Value(Value::Map(map))) => visit_variant(entries(map), visitor),
            At::Found(Found::Node(node, Kind::Map)) => visit_variant(nodes(node.as_map()), visitor),
            _ => Err(not_a_variant()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple_struct identifier
    }
}

fn visit_value<'de, V: Visitor<'de>>(value: &'de Value, visitor: V) -> Result<V::Value, ReadError> {
    match value {
        Value::Null => visitor.visit_unit(),
        Value::Bool(value) => visitor.visit_bool(*value),
        Value::Int(value) => visitor.visit_i64(*value),
        Value::Float(value) => visitor.visit_f64(*value),
        Value::String(value) => visitor.visit_borrowed_str(value),
        Value::Bytes(value) => visitor.visit_borrowed_bytes(value),
        Value::List(values) => visit_elements(values.iter().map(Reader::value), visitor),
        Value::Map(values) => visitor.visit_map(Entries::new(entries(values))),
    }
}

fn visit_node<'de, V: Visitor<'de>>(
    node: NodeRef<'de>,
    kind: Kind,
    visitor: V,
) -> Result<V::Value, ReadError> {
    match kind {
        Kind::Map => visitor.visit_map(Entries::new(nodes(node.as_map()))),
        Kind::List => visit_elements(node.as_list().found().map(Reader::from), visitor),
        Kind::Text => visitor.visit_string(node.as_text().to_string()),
        Kind::Set => visit_elements(node.as_set().found().map(Reader::value), visitor),
        Kind::Counter => {
            let sum = node.as_counter().value();
            match i64::try_from(sum) {
                Ok(sum) => visitor.visit_i64(sum),
                Err(_) => visitor.visit_i128(sum),
            }
        }
        Kind::Tree => Err(Error::custom("a tree is read node by node, not as a type")),
    }
}

type Entry<'de> = (&'de str, Reader<'de>);

fn entries(values: &ValueMap) -> impl ExactSizeIterator<Item = Entry<'_>> {
    let entries = values.iter();
    entries.map(|(key, value)| (key.as_str(), Reader::value(value)))
}

fn nodes(map: MapRef<'_>) -> impl ExactSizeIterator<Item = Entry<'_>> {
    let entries = map.found_all().into_iter();
    entries.map(|(key, found)| (key, found.into()))
}

fn visit_elements<'de, V: Visitor<'de>>(
    elements: impl Iterator<Item = Reader<'de>>,
    visitor: V,
) -> Result<V::Value, ReadError> {
    let mut elements = Elements { elements, index: 0 };
    let seq = visitor.visit_seq(&mut elements)?;
    // A tuple takes what it needs; more than that is no such tuple.
    match elements.elements.count() {
        0 => Ok(seq),
        more => {
            let expected = format!("{} elements", elements.index);
            Err(Error::invalid_length(
                elements.index + more,
                &expected.as_str(),
            ))
        }
    }
}

struct Elements<I> {
    elements: I,
    index: usize,
}

impl<'de, I: Iterator<Item = Reader<'de>>> SeqAccess<'de> for Elements<I> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ReadError> {
        let Some(element) = self.elements.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let element = seed.deserialize(element);
        element
            .map(Some)
            .map_err(|error| error.within(format_args!("[{index}]")))
    }
}

struct Entries<'de, I> {
    entries: I,
    /// The entry whose key was read.
    open: Option<Entry<'de>>,
}

impl<I> Entries<'_, I> {
    fn new(entries: I) -> Self {
        Self {
            entries,
            open: None,
        }
    }
}

impl<'de, I: Iterator<Item = Entry<'de>>> MapAccess<'de> for Entries<'de, I> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ReadError> {
        self.open = self.entries.next();
        let Some((key, _)) = self.open else {
            return Ok(None);
        };
        let read = seed.deserialize(KeyReader(key));
        read.map(Some).map_err(|error| error.within(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let open = self.open.take();
        let (key, value) = open.ok_or_else(|| ReadError::custom("a value came before its key"))?;
        seed.deserialize(value).map_err(|error| error.within(key))
    }
}

/// A key, which may have been a number before it was written.
struct KeyReader<'de>(&'de str);

macro_rules! parsed {
    ($($method:ident: $type:ty => $visit:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            match self.0.parse::<$type>() {
                Ok(key) => visitor.$visit(key),
                Err(_) => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for KeyReader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_borrowed_str(self.0)
    }

    parsed! {
        deserialize_bool: bool => visit_bool;
        deserialize_i8: i64 => visit_i64;
        deserialize_i16: i64 => visit_i64;
        deserialize_i32: i64 => visit_i64;
        deserialize_i64: i64 => visit_i64;
        deserialize_u8: u64 => visit_u64;
        deserialize_u16: u64 => visit_u64;
        deserialize_u32: u64 => visit_u64;
        deserialize_u64: u64 => visit_u64;
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// A variant with content: a map of one key.
fn visit_variant<'de, V: Visitor<'de>>(
    mut entries: impl ExactSizeIterator<Item = Entry<'de>>,
    visitor: V,
) -> Result<V::Value, ReadError> {
    let only = if entries.len() == 1 {
        entries.next()
    } else {
        None
    };
    let (name, content) = only.ok_or_else(not_a_variant)?;
    visitor.visit_enum(Variant { name, content })
}

fn not_a_variant() -> ReadError {
    ReadError::custom("an enum is a string, or a map of one key")
}

struct Variant<'de> {
    name: &'de str,
    content: Reader<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), ReadError> {
        let variant = seed.deserialize(KeyReader(self.name))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        let content = de::Deserialize::deserialize(self.content);
        content.map_err(|error: ReadError| error.within(self.name))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        let content = seed.deserialize(self.content);
        content.map_err(|error| error.within(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let content = self.content.deserialize_seq(visitor);
        content.map_err(|error| error.within(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let content = self.content.deserialize_map(visitor);
        content.map_err(|error| error.within(self.name))
    }
}
