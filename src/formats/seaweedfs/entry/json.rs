//! Walks the JSON of an entry: Go's field names, base64 for bytes, exact 64-bit integers.
//!
//! A [`Position`] identifies each object, array and value that is read, so every error has the path of its field. The walker hands each
//! value to the [`Parser`].

use super::{
    metadata::Entry,
    parser::{Object, Parser, Position},
    sse_params::SseParams,
    value::Value,
};
use crate::{
    formats::seaweedfs::error::{EntryError, MAX_CHUNKS, MAX_TEXT_BYTES, Reason},
    json::{Event, read},
};

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
        if let Err(at) = walk(text, Object::Entry, &mut parser) {
            return Err(parser.error.unwrap_or_else(|| syntax(text, at)));
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

/// The line and column of an offset.
fn syntax(text: &[u8], at: usize) -> EntryError {
    let before = text.get(..at).unwrap_or(text);
    let lines = before.iter().filter(|&&byte| byte == b'\n').count();
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count();
    EntryError::Syntax { line: lines + 1, column: column + 1 }
}

/// Reads one object up to the end of the text. An error has the offset at which it ends; the parser may have a better one.
fn walk(text: &[u8], object: Object, parser: &mut Parser) -> Result<(), usize> {
    let mut walker = Walker { parser, open: Vec::new(), next: Some(Position::Object(object)), skipped: 0 };
    read(text, &mut |event| walker.visit(event).is_some())
}

/// Where in the text an event is.
struct Walker<'p> {
    parser: &'p mut Parser,
    /// The objects and arrays that are read and have not ended.
    open: Vec<Position>,
    /// The position of the next value; `None` for one that is not read.
    next: Option<Position>,
    /// How many objects and arrays that are not read have not ended.
    skipped: usize,
}

impl Walker<'_> {
    /// `None` ends the walk: the parser has the error.
    fn visit(&mut self, event: Event<'_>) -> Option<()> {
        match event {
            Event::Begin { .. } if self.skipped > 0 || self.next.is_none() => self.skipped += 1,
            Event::End if self.skipped > 0 => self.skipped -= 1,
            _ if self.skipped > 0 => {}
            Event::Begin { is_object } => return self.begin(is_object),
            Event::End => return self.end(),
            Event::Key(key) => {
                let Some(&Position::Object(object)) = self.open.last() else { return None };
                if object == Object::Extended {
                    key.clone_into(&mut self.parser.extended_key);
                }
                self.next = object.child(key);
            }
            Event::Null => return self.scalar(Value::Null),
            Event::Bool(flag) => return self.scalar(Value::Bool(flag)),
            Event::Unsigned(number) => return self.scalar(Value::Unsigned(number)),
            Event::Negative(number) => return self.scalar(Value::Negative(number)),
            Event::Number(_) => return self.scalar(Value::Other),
            Event::Text(text) => return self.scalar(Value::String(text)),
        }
        Some(())
    }

    fn begin(&mut self, is_object: bool) -> Option<()> {
        let position = self.next?;
        if matches!(position, Position::Value(..)) || is_object != matches!(position, Position::Object(_)) {
            return self.scalar(Value::Other);
        }
        self.parser.start(position);
        self.open.push(position);
        self.next = Some(Position::Object(Object::Chunk));
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let ended = self.open.pop()?;
        if let Position::Object(object) = ended {
            let result = self.parser.end(object);
            self.parser.check(ended, result)?;
        }
        // The next element, if this was one: in an object, a key comes first.
        self.next = Some(Position::Object(Object::Chunk));
        if self.parser.entry.chunks.len() > MAX_CHUNKS {
            return self.parser.check(Position::Chunks, Err(Reason::TooMany));
        }
        Some(())
    }

    fn scalar(&mut self, value: Value<'_>) -> Option<()> {
        let Some(position) = self.next else { return Some(()) };
        let result = match (position, value) {
            (position, Value::Null) => self.parser.null(position),
            (Position::Value(_, field), value) => self.parser.value(field, value),
            (Position::Chunks, _) => Err(Reason::Not("an array")),
            (Position::Object(_), _) => Err(Reason::Not("an object")),
        };
        self.parser.check(position, result)
    }
}
