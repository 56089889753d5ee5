//! Walks the JSON of an entry: Go's field names, base64 for bytes, exact 64-bit integers.
//!
//! One visitor serves every object, array and value, and a [`Position`] identifies which one. So the code
//! that reads JSON is compiled once, and every error has the path of its field. The visitor hands each value
//! to the [`Parser`].

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    metadata::Entry,
    parser::{Object, Parser, Position},
    sse_params::SseParams,
    value::Value,
};
use crate::formats::seaweedfs::error::{EntryError, MAX_CHUNKS, MAX_TEXT_BYTES, Reason};

impl Entry {
    /// Reads the JSON text of an entry.
    ///
    /// Unknown fields are ignored, of a repeated field the last one counts, and integers are exact to 64
    /// bits. An `e_tag` or `Md5` that is not 16 bytes long counts as absent, as in the filer.
    ///
    /// # Errors
    ///
    /// [`EntryError`] with the name of the field that is wrong. It never quotes a value.
    pub fn parse(text: &[u8]) -> Result<Self, EntryError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(EntryError::TooLong);
        }
        let mut parser = Parser::default();
        if let Err(error) = walk(text, Object::Entry, &mut parser) {
            // serde's own message is dropped: it may quote a key.
            let syntax = EntryError::Syntax { line: error.line(), column: error.column() };
            return Err(parser.error.unwrap_or(syntax));
        }
        parser.finish()
    }
}

/// Reads the parameters of an encrypted object. An error comes with the name of its field.
pub(super) fn parse_sse(text: &[u8]) -> Result<SseParams, (String, Reason)> {
    let mut parser = Parser::default();
    match (walk(text, Object::Sse, &mut parser), parser.error) {
        (Ok(()), _) => Ok(parser.sse),
        (Err(_), Some(EntryError::Field { field, reason })) => Err((field, reason)),
        (Err(_), _) => Err((String::new(), Reason::Not("JSON"))),
    }
}

/// Reads one object up to the end of the text.
fn walk(text: &[u8], object: Object, parser: &mut Parser) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    Walker { parser, position: Position::Object(object) }.deserialize(&mut json)?;
    json.end()
}

/// The visitor of every value.
struct Walker<'p> {
    parser: &'p mut Parser,
    position: Position,
}

impl Walker<'_> {
    fn scalar<E: de::Error>(self, value: Value<'_>) -> Result<(), E> {
        let result = match (self.position, value) {
            (position, Value::Null) => self.parser.null(position),
            (Position::Value(_, field), value) => self.parser.value(field, value),
            (Position::Chunks, _) => Err(Reason::Not("an array")),
            (Position::Object(_), _) => Err(Reason::Not("an object")),
        };
        self.parser.check(self.position, result)
    }
}

impl<'de> DeserializeSeed<'de> for Walker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walker<'_> {
    type Value = ();

    fn expecting(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<(), E> {
        self.scalar(Value::Bool(flag))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.scalar(Value::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        // serde_json calls this only for numbers below zero.
        self.scalar(Value::Negative(number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar(Value::Other)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.scalar(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let Self { parser, position } = self;
        if !matches!(position, Position::Chunks) {
            return Walker { parser, position }.scalar(Value::Other);
        }
        parser.start(position);
        let chunk = Position::Object(Object::Chunk);
        while array.next_element_seed(Walker { parser: &mut *parser, position: chunk })?.is_some() {
            if parser.entry.chunks.len() > MAX_CHUNKS {
                return parser.check(position, Err(Reason::TooMany));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { parser, position } = self;
        let Position::Object(object) = position else {
            return Walker { parser, position }.scalar(Value::Other);
        };
        parser.start(position);
        while let Some(child) = map.next_key_seed(Key { parser: &mut *parser, object })? {
            match child {
                Some(position) => map.next_value_seed(Walker { parser: &mut *parser, position })?,
                None => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        let ended = parser.end(object);
        parser.check(position, ended)
    }
}

/// Reads a key and returns the position of its value.
struct Key<'p> {
    parser: &'p mut Parser,
    object: Object,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Position>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Position>;

    fn expecting(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        if self.object == Object::Extended {
            key.clone_into(&mut self.parser.extended_key);
        }
        Ok(self.object.child(key))
    }
}
