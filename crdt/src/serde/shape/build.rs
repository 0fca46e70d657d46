//! The serializer that makes a [`Shape`].

use crate::ordered::BTreeMap;

use ::serde::ser::{self, Error, Serialize, Serializer};

use super::{too_deep, Shape};
use crate::serde::field::{COUNTER, PLAIN, SET, TEXT};
use crate::serde::AssignError;
use crate::{limits, Value};

/// Containers and the plain values in them are each at most [`limits::DEPTH_MAX`] deep, which is
/// checked later; newtypes and options count here as well. This only keeps the stack small.
const NESTING_MAX: usize = 4 * limits::DEPTH_MAX;

/// Makes a shape, so many values down.
#[derive(Clone, Copy, Default)]
pub(super) struct Builder {
    nesting: usize,
}

impl Builder {
    fn deeper(self) -> Result<Self, AssignError> {
        let nesting = self.nesting + 1;
        if nesting > NESTING_MAX {
            return Err(too_deep().into());
        }
        Ok(Self { nesting })
    }

    fn items(self, end: End) -> Result<Items, AssignError> {
        Ok(Items {
            inside: self.deeper()?,
            made: Vec::new(),
            end,
        })
    }

    fn fields(self, end: End) -> Result<Fields, AssignError> {
        Ok(Fields {
            inside: self.deeper()?,
            made: BTreeMap::new(),
            key: None,
            end,
        })
    }
}

/// What becomes of a struct, map, tuple or sequence that is complete.
enum End {
    Container,
    Plain,
    Variant(&'static str),
}

impl End {
    fn of(self, shape: Shape) -> Shape {
        match self {
            Self::Container => shape,
            Self::Plain => Shape::Plain(shape.into_value()),
            Self::Variant(name) => {
                let content = (name.to_owned(), shape.into_value());
                Shape::Plain(Value::Map([content].into_iter().collect()))
            }
        }
    }
}

macro_rules! plain {
    ($($method:ident: $from:ty => |$value:ident| $into:expr;)*) => {
        $(fn $method(self, $value: $from) -> Result<Shape, AssignError> {
            Ok(Shape::Plain($into))
        })*
    };
}

impl Serializer for Builder {
    type Ok = Shape;
    type Error = AssignError;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    plain! {
        serialize_bool: bool => |value| Value::Bool(value);
        serialize_i8: i8 => |value| Value::Int(value.into());
        serialize_i16: i16 => |value| Value::Int(value.into());
        serialize_i32: i32 => |value| Value::Int(value.into());
        serialize_i64: i64 => |value| Value::Int(value);
        serialize_u8: u8 => |value| Value::Int(value.into());
        serialize_u16: u16 => |value| Value::Int(value.into());
        serialize_u32: u32 => |value| Value::Int(value.into());
        serialize_f32: f32 => |value| Value::Float(value.into());
        serialize_f64: f64 => |value| Value::Float(value);
        serialize_char: char => |value| Value::String(value.into());
        serialize_str: &str => |value| Value::String(value.to_owned());
        serialize_bytes: &[u8] => |value| Value::Bytes(value.to_vec());
        serialize_unit_struct: &'static str => |_name| Value::Null;
    }

    fn serialize_u64(self, value: u64) -> Result<Shape, AssignError> {
        let value = i64::try_from(value)
            .map_err(|_| AssignError::custom(format_args!("{value} is beyond i64")))?;
        self.serialize_i64(value)
    }

    fn serialize_none(self) -> Result<Shape, AssignError> {
        Ok(Shape::Absent)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Shape, AssignError> {
        value.serialize(self.deeper()?)
    }

    fn serialize_unit(self) -> Result<Shape, AssignError> {
        Ok(Shape::Plain(Value::Null))
    }

    fn serialize_unit_variant(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Shape, AssignError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Shape, AssignError> {
        let shape = value.serialize(self.deeper()?)?;
        Ok(match (name, shape) {
            (TEXT, Shape::Plain(Value::String(text))) => Shape::Text(text),
            (COUNTER, Shape::Plain(Value::Int(sum))) => Shape::Counter(sum),
            (SET, Shape::List(items)) => {
                Shape::Set(items.into_iter().map(Shape::into_value).collect())
            }
            (PLAIN, shape) if shape != Shape::Absent => Shape::Plain(shape.into_value()),
            (_, shape) => shape,
        })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Shape, AssignError> {
        let shape = value.serialize(self.deeper()?)?;
        Ok(End::Variant(variant).of(shape))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Items, AssignError> {
        self.items(End::Container)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Items, AssignError> {
        self.items(End::Plain)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items, AssignError> {
        self.items(End::Plain)
    }

    fn serialize_tuple_variant(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items, AssignError> {
        self.items(End::Variant(variant))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Fields, AssignError> {
        self.fields(End::Container)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, AssignError> {
        self.fields(End::Container)
    }

    fn serialize_struct_variant(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields, AssignError> {
        self.fields(End::Variant(variant))
    }
}

/// A sequence or tuple in the making.
pub(super) struct Items {
    inside: Builder,
    made: Vec<Shape>,
    end: End,
}

impl Items {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AssignError> {
        let index = self.made.len();
        let item = value.serialize(self.inside);
        let item = item.map_err(|error| error.within(format_args!("[{index}]")))?;
        // What is nothing has its place in a sequence all the same.
        self.made.push(match item {
            Shape::Absent => Shape::Plain(Value::Null),
            item => item,
        });
        Ok(())
    }

    fn finish(self) -> Shape {
        self.end.of(Shape::List(self.made))
    }
}

macro_rules! items {
    ($($part:ident: $method:ident;)*) => {
        $(impl ser::$part for Items {
            type Ok = Shape;
            type Error = AssignError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AssignError> {
                self.add(value)
            }

            fn end(self) -> Result<Shape, AssignError> {
                Ok(self.finish())
            }
        })*
    };
}

items! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// A map or struct in the making.
pub(super) struct Fields {
    inside: Builder,
    made: BTreeMap<String, Shape>,
    /// A map's, whose value comes next.
    key: Option<String>,
    end: End,
}

impl Fields {
    fn add<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<(), AssignError> {
        let field = value.serialize(self.inside);
        let field = field.map_err(|error| error.within(&key))?;
        if field != Shape::Absent {
            self.made.insert(key, field);
        }
        Ok(())
    }

    fn finish(self) -> Shape {
        self.end.of(Shape::Map(self.made))
    }
}

impl ser::SerializeMap for Fields {
    type Ok = Shape;
    type Error = AssignError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), AssignError> {
        self.key = Some(match key.serialize(self.inside)? {
            Shape::Plain(Value::String(key)) => key,
            Shape::Plain(Value::Int(key)) => key.to_string(),
            Shape::Plain(Value::Bool(key)) => key.to_string(),
            _ => return Err(AssignError::custom("a key must be a string")),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AssignError> {
        let key = self.key.take();
        let key = key.ok_or_else(|| AssignError::custom("a value came before its key"))?;
        self.add(key, value)
    }

    fn end(self) -> Result<Shape, AssignError> {
        Ok(self.finish())
    }
}

macro_rules! fields {
    ($($part:ident),*) => {
        $(impl ser::$part for Fields {
            type Ok = Shape;
            type Error = AssignError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), AssignError> {
                self.add(key.to_owned(), value)
            }

            fn end(self) -> Result<Shape, AssignError> {
                Ok(self.finish())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);
