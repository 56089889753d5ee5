//! A reader of JSON (RFC 8259), and a walker for small texts of which few members are needed.
//!
//! [`read`] calls a function with each [`Event`]: it builds no tree, and what is not needed costs nothing. Integers are exact
//! to 64 bits, which JavaScript's are not. The reader is this crate's own because it is a fifth of the code of one with
//! types, which a page would load.
//!
//! [`walk`] passes on numbers and strings only, with the key and the object that each is in. The entry of a file has a walker
//! of its own.

/// What comes next in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event<'a> {
    /// `{` or, if not, `[`.
    Begin {
        is_object: bool,
    },
    /// The end of the innermost object or array.
    End,
    /// The key of the value that comes next.
    Key(&'a str),
    Null,
    Bool(bool),
    /// An integer from 0 to 2⁶⁴ - 1.
    Unsigned(u64),
    /// An integer from -2⁶³ to -1.
    Negative(i64),
    /// Another number, to a few units in the last place; infinite if it is too large.
    Number(f64),
    Text(&'a str),
}

/// How many objects and arrays may be inside one another.
const MAX_DEPTH: usize = 127;

/// Calls `visit` with each event of a text, until it returns `false`.
///
/// # Errors
///
/// The offset in bytes of what is not JSON, or of the event that `visit` refused.
pub(crate) fn read(text: &[u8], visit: &mut dyn FnMut(Event<'_>) -> bool) -> Result<(), usize> {
    let text = str::from_utf8(text).map_err(|error| error.valid_up_to())?;
    let mut reader = Reader { text, at: 0 };
    reader.document(visit).ok_or(reader.at)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self, visit: &mut dyn FnMut(Event<'_>) -> bool) -> Option<()> {
        // Whether each open object or array is an object.
        let mut open: Vec<bool> = Vec::new();
        loop {
            let first = self.next()?;
            let is_object = first == b'{';
            if is_object || first == b'[' {
                (open.len() < MAX_DEPTH && visit(Event::Begin { is_object })).then_some(())?;
                open.push(is_object);
                self.skip_space();
                if self.peek() != Some(first + 2) {
                    if is_object {
                        self.key(visit)?;
                    }
                    continue;
                }
            } else {
                self.scalar(first, visit)?;
            }
            // The value is over, and so may be those that it is in.
            loop {
                let Some(&is_object) = open.last() else {
                    self.skip_space();
                    return (self.at == self.text.len()).then_some(());
                };
                let next = self.next()?;
                if next == b',' {
                    if is_object {
                        self.key(visit)?;
                    }
                    break;
                }
                (next == if is_object { b'}' } else { b']' } && visit(Event::End)).then_some(())?;
                open.pop();
            }
        }
    }

    fn key(&mut self, visit: &mut dyn FnMut(Event<'_>) -> bool) -> Option<()> {
        (self.next()? == b'"').then_some(())?;
        let mut buffer = String::new();
        visit(Event::Key(self.string(&mut buffer)?)).then_some(())?;
        (self.next()? == b':').then_some(())
    }

    fn scalar(&mut self, first: u8, visit: &mut dyn FnMut(Event<'_>) -> bool) -> Option<()> {
        let mut buffer = String::new();
        let event = match first {
            b'"' => Event::Text(self.string(&mut buffer)?),
            b'n' => self.word("ull", Event::Null)?,
            b't' => self.word("rue", Event::Bool(true))?,
            b'f' => self.word("alse", Event::Bool(false))?,
            _ => self.number(first)?,
        };
        visit(event).then_some(())
    }

    /// The rest of a literal name.
    fn word(&mut self, rest: &str, event: Event<'static>) -> Option<Event<'static>> {
        self.text.get(self.at..)?.starts_with(rest).then(|| self.at += rest.len())?;
        Some(event)
    }

    fn number(&mut self, first: u8) -> Option<Event<'static>> {
        let is_negative = first == b'-';
        if !is_negative {
            self.at -= 1;
        }
        let start = self.at;
        let (mut integer, mut float) = (Some(0_u64), 0.0);
        self.digits(&mut |digit| {
            integer = integer.and_then(|integer| integer.checked_mul(10)?.checked_add(digit.into()));
            float = float * 10.0 + f64::from(digit);
        })?;
        // No digit follows a zero.
        (self.text.as_bytes().get(start) != Some(&b'0') || self.at == start + 1).then_some(())?;
        let mut exponent = 0_i32;
        if self.peek() == Some(b'.') {
            (self.at, integer) = (self.at + 1, None);
            self.digits(&mut |digit| {
                float = float * 10.0 + f64::from(digit);
                exponent = exponent.saturating_sub(1);
            })?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            (self.at, integer) = (self.at + 1, None);
            let sign = self.peek().filter(|sign| matches!(sign, b'+' | b'-'));
            self.at += usize::from(sign.is_some());
            let mut given = 0_i32;
            self.digits(&mut |digit| given = given.saturating_mul(10).saturating_add(digit.into()))?;
            exponent = exponent.saturating_add(if sign == Some(b'-') { -given } else { given });
        }
        // 400 steps reach zero or infinity from each number.
        let power = (0..exponent.unsigned_abs().min(400)).fold(1.0, |power, _| power * 10.0);
        let float: f64 = match exponent < 0 {
            true => float / power,
            false if float == 0.0 => float,
            false => float * power,
        };
        Some(match (integer, is_negative) {
            (Some(integer), false) => Event::Unsigned(integer),
            (Some(integer @ 1..), true) if integer <= 1 << 63 => {
                Event::Negative(integer.cast_signed().wrapping_neg())
            }
            (_, true) => Event::Number(-float),
            (_, false) => Event::Number(float),
        })
    }

    /// One or more digits.
    fn digits(&mut self, take: &mut dyn FnMut(u8)) -> Option<()> {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            take(digit - b'0');
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// The rest of a string: a part of the text if nothing in it is escaped, else in the buffer.
    fn string<'b>(&mut self, buffer: &'b mut String) -> Option<&'b str>
    where
        'a: 'b,
    {
        loop {
            let rest = self.text.get(self.at..)?;
            let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
            let (plain, rest) = rest.split_at_checked(length)?;
            self.at += length + 1;
            match rest.as_bytes().first() {
                Some(b'"') if buffer.is_empty() => return Some(plain),
                Some(b'"') => {
                    buffer.push_str(plain);
                    return Some(buffer);
                }
                Some(b'\\') => {
                    buffer.push_str(plain);
                    buffer.push(self.escaped()?);
                }
                _ => return None,
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => byte.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.unit()?;
                if code & 0xfc00 == 0xd800 {
                    self.word("\\u", Event::Null)?;
                    let low = self.unit()?;
                    (low & 0xfc00 == 0xdc00).then_some(())?;
                    code = 0x1_0000 + ((code & 0x3ff) << 10 | low & 0x3ff);
                }
                // Not half of a pair alone.
                char::from_u32(code)?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.chars().try_fold(0, |code, digit| Some(code << 4 | digit.to_digit(16)?))
    }

    /// The next byte that is not white space.
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

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
    /// Where a value is: as in [`Member`].
    #[derive(Clone, Default)]
    struct Place {
        within: String,
        object: usize,
        key: String,
    }
    let (mut here, mut outer, mut objects) = (Place::default(), Vec::new(), 0);
    let is_json = read(text, &mut |event| {
        let value = match event {
            Event::Begin { is_object } => {
                outer.push(here.clone());
                if is_object {
                    here =
                        Place { within: std::mem::take(&mut here.key), object: objects, key: String::new() };
                    objects += 1;
                }
                return true;
            }
            Event::End => {
                here = outer.pop().unwrap_or_default();
                return true;
            }
            Event::Key(key) => {
                key.clone_into(&mut here.key);
                return true;
            }
            Event::Null | Event::Bool(_) => return true,
            Event::Unsigned(number) => Value::Number(number as f64),
            Event::Negative(number) => Value::Number(number as f64),
            Event::Number(number) if number.is_finite() => Value::Number(number),
            Event::Number(_) => return false,
            Event::Text(text) => Value::Text(text),
        };
        visit(Member { within: &here.within, object: here.object, key: &here.key, value });
        true
    });
    is_json.is_ok()
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

    fn events(text: &str) -> Result<Vec<String>, usize> {
        let mut all = Vec::new();
        read(text.as_bytes(), &mut |event| {
            all.push(format!("{event:?}"));
            true
        })?;
        Ok(all)
    }

    fn scalar(text: &str) -> Option<String> {
        events(text).ok().map(|events| events.concat())
    }

    #[test]
    fn integers_are_exact_to_64_bits() {
        for (text, event) in [
            ("0", "Unsigned(0)"),
            ("18446744073709551615", "Unsigned(18446744073709551615)"),
            ("18446744073709551616", "Number(1.8446744073709552e19)"),
            ("-1", "Negative(-1)"),
            ("-9223372036854775808", "Negative(-9223372036854775808)"),
            ("-1e19", "Number(-1e19)"),
            ("-0", "Number(-0.0)"),
            ("1.0", "Number(1.0)"),
            ("1000.5", "Number(1000.5)"),
            ("25e-2", "Number(0.25)"),
            ("1E+3", "Number(1000.0)"),
            ("0e99999999999", "Number(0.0)"),
            ("1e-99999999999", "Number(0.0)"),
            ("1e99999999999", "Number(inf)"),
        ] {
            assert_eq!(scalar(text).as_deref(), Some(event), "{text}");
        }
        for text in ["00", "01", "-", "-a", "1.", ".5", "1e", "1e+", "+1", "0x1", "NaN", "1 2", "--1"] {
            assert_eq!(scalar(text), None, "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved_and_half_a_pair_is_refused() {
        assert_eq!(
            scalar(r#""a\"\\\/\b\f\n\r\t\u0041\u00e9\uD834\uDD1Eé""#).unwrap(),
            "Text(\"a\\\"\\\\/\\u{8}\\u{c}\\n\\r\\tAé𝄞é\")"
        );
        assert_eq!(scalar(r#""\u0000""#).unwrap(), "Text(\"\\0\")");
        for text in [
            r#""\uD834""#,
            r#""\uDD1E""#,
            r#""\uD834\u0041""#,
            r#""\x""#,
            r#""\u12G4""#,
            r#""\u12"#,
            "\"\n\"",
            "\"",
            "\"é",
            "'a'",
        ] {
            assert_eq!(scalar(text), None, "{text}");
        }
        assert_eq!(read(b"\"\xff\"", &mut |_| true), Err(1));
    }

    #[test]
    fn an_error_has_its_offset_and_depth_has_a_limit() {
        assert_eq!(events(r#"{"a":[1,}"#), Err(8));
        for text in [
            "{,}",
            "[,]",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{1:2}",
            "[1}",
            "{\"a\":1]",
            "]",
            "[1 2]",
            "{\"a\" 1}",
        ] {
            assert!(events(text).is_err(), "{text}");
        }
        assert!(events(&("[".repeat(127) + &"]".repeat(127))).is_ok());
        assert!(events(&("[".repeat(128) + &"]".repeat(128))).is_err());
    }

    #[test]
    fn random_texts_are_read_as_by_another_reader() {
        // Every text of three tokens, and of four inside an array.
        let tokens =
            ["{", "}", "[", "]", ",", ":", "\"a\"", "1", "-", "0.5", "e3", "true", "null", " ", "\\"];
        for n in 0..tokens.len().pow(4) {
            let text: String =
                (0..4).map(|place| tokens[n / tokens.len().pow(place) % tokens.len()]).collect();
            for text in [text.clone(), format!("[{text}]"), format!("{{\"k\":{text}}}")] {
                let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                assert_eq!(events(&text).is_ok(), theirs, "{text}");
            }
        }
    }
}
