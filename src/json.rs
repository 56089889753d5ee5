//! Small JSON of which little is wanted: each plain value, with where it stands.
//!
//! One visitor for all of it, so that the code is compiled once: an entry, which is large and exact,
//! has its own.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A number or a text in some object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen<'a> {
    /// The key at which its object stands, lists left out; empty for the outermost.
    pub(crate) within: &'a str,
    /// The number of its object, in the order in which they begin.
    pub(crate) object: usize,
    /// Its own key.
    pub(crate) key: &'a str,
    /// The value.
    pub(crate) value: Value<'a>,
}

/// A value that is no object, no list, no `null` and no boolean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Number(f64),
    Text(&'a str),
}

/// Tells each number and text of a JSON text; says whether it was JSON to its end.
pub(crate) fn walk(text: &[u8], see: &mut dyn FnMut(Seen<'_>)) -> bool {
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut objects = 0;
    let top = At { see, objects: &mut objects, within: "", object: 0, key: "" };
    top.deserialize(&mut json).and_then(|()| json.end()).is_ok()
}

/// The visitor, and where it is.
struct At<'a> {
    see: &'a mut dyn FnMut(Seen<'_>),
    objects: &'a mut usize,
    within: &'a str,
    object: usize,
    key: &'a str,
}

impl At<'_> {
    fn tell(self, value: Value<'_>) {
        (self.see)(Seen { within: self.within, object: self.object, key: self.key, value });
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.tell(Value::Number(number));
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.tell(Value::Text(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { see, objects, within, object, key } = self;
        while list.next_element_seed(At { see, objects, within, object, key })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { see, objects, key: within, .. } = self;
        let object = *objects;
        *objects += 1;
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(At { see, objects, within, object, key: &key })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(text: &str) -> (Vec<String>, bool) {
        let mut all = Vec::new();
        let whole = walk(text.as_bytes(), &mut |Seen { within, object, key, value }| {
            all.push(format!("{within}[{object}].{key} {value:?}"));
        });
        (all, whole)
    }

    #[test]
    fn each_value_is_told_with_its_object_and_where_that_stands() {
        let (all, whole) =
            walked(r#"{"a":1,"b":[{"c":"x","d":null},{"c":-2.5}],"e":{"f":true,"g":"y"},"h":["z"]}"#);
        assert!(whole);
        assert_eq!(
            all,
            [
                "[0].a Number(1.0)",
                "b[1].c Text(\"x\")",
                "b[2].c Number(-2.5)",
                "e[3].g Text(\"y\")",
                "[0].h Text(\"z\")"
            ]
        );
    }

    #[test]
    fn what_is_no_json_to_its_end_is_said_to_be_none() {
        for text in ["", "{", "{\"a\":1} x", "<html>", "{\"a\":1e999}", &"[".repeat(100_000)] {
            assert!(!walked(text).1, "{text:.20}");
        }
    }
}
