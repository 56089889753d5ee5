//! A walker for small JSON texts of which few members are needed.
//!
//! [`walk`] calls a function with each number and string, with its key and the object that it is in. The
//! caller keeps what it needs. There is one visitor for all such texts, so that the code is compiled once.
//! The entry of a file, which is large and needs exact integers, has a parser of its own.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A number or a string, and its position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Member<'a> {
    /// The key of the object that contains it; arrays are skipped. Empty for the outermost object.
    pub(crate) within: &'a str,
    /// The number of that object, in the order in which objects begin.
    pub(crate) object: usize,
    /// Its own key.
    pub(crate) key: &'a str,
    /// The value.
    pub(crate) value: Value<'a>,
}

/// A number or a string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Number(f64),
    Text(&'a str),
}

/// Calls `visit` with each number and string of a text. Returns whether the whole text is JSON.
pub(crate) fn walk(text: &[u8], visit: &mut dyn FnMut(Member<'_>)) -> bool {
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut objects = 0;
    let top = Walker { visit, objects: &mut objects, within: "", object: 0, key: "" };
    top.deserialize(&mut json).and_then(|()| json.end()).is_ok()
}

/// The visitor and its position.
struct Walker<'a> {
    visit: &'a mut dyn FnMut(Member<'_>),
    objects: &'a mut usize,
    within: &'a str,
    object: usize,
    key: &'a str,
}

impl Walker<'_> {
    fn report(self, value: Value<'_>) {
        (self.visit)(Member { within: self.within, object: self.object, key: self.key, value });
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
        self.report(Value::Number(number));
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.report(Value::Text(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let Self { visit, objects, within, object, key } = self;
        while array.next_element_seed(Walker { visit, objects, within, object, key })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { visit, objects, key: within, .. } = self;
        let object = *objects;
        *objects += 1;
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Walker { visit, objects, within, object, key: &key })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(text: &str) -> (Vec<String>, bool) {
        let mut all = Vec::new();
        let is_json = walk(text.as_bytes(), &mut |Member { within, object, key, value }| {
            all.push(format!("{within}[{object}].{key} {value:?}"));
        });
        (all, is_json)
    }

    #[test]
    fn each_value_is_reported_with_its_position() {
        let (all, is_json) =
            walked(r#"{"a":1,"b":[{"c":"x","d":null},{"c":-2.5}],"e":{"f":true,"g":"y"},"h":["z"]}"#);
        assert!(is_json);
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
    fn a_text_that_is_not_json_to_its_end_is_refused() {
        for text in ["", "{", "{\"a\":1} x", "<html>", "{\"a\":1e999}", &"[".repeat(100_000)] {
            assert!(!walked(text).1, "{text:.20}");
        }
    }
}
