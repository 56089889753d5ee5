//! The filer's `?metadata=true` JSON as it is: Go's names, base64 for bytes, exact integers.
//!
//! One visitor serves every object, list and value, and `Place` says which of them it is at. So
//! the code that reads JSON is compiled once, and every error knows the name of its field.

use std::{fmt, sync::Arc};

use base64ct::{Base64, Encoding};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    super::raw_chunk::RawChunk,
    Entry, EntryError, MAX_CHUNKS, MAX_EXTENDED, MAX_TEXT_BYTES, Reason, Remote,
    sse::{self, Parameters},
};
use crate::{http::date, model::chunk::MAX_FILE_BYTES};

/// Reads an entry; see [`Entry::parse`].
pub(super) fn parse(text: &[u8]) -> Result<Entry, EntryError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(EntryError::TooLong);
    }
    let mut parser = Parser::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = At { parser: &mut parser, place: Place::Object(Object::Entry) }.deserialize(&mut json);
    if let Err(error) = read.and_then(|()| json.end()) {
        // Not serde's own message: it may quote a key.
        let syntax = EntryError::Syntax { line: error.line(), column: error.column() };
        return Err(parser.error.unwrap_or(syntax));
    }
    parser.finish()
}

/// Reads the parameters of an encrypted object; what is wrong comes with the name of the field.
pub(super) fn parse_sse(text: &[u8]) -> Result<Parameters, (String, Reason)> {
    let mut parser = Parser::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = At { parser: &mut parser, place: Place::Object(Object::Sse) }.deserialize(&mut json);
    match (read.and_then(|()| json.end()), parser.error) {
        (Ok(()), _) => Ok(parser.sse),
        (Err(_), Some(EntryError::Field { field, reason })) => Err((field, reason)),
        (Err(_), _) => Err((String::new(), Reason::Not("JSON"))),
    }
}

/// An object of the JSON whose keys are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Object {
    Entry,
    Extended,
    Remote,
    Chunk,
    Fid,
    Sse,
}

/// Where in the JSON a visitor is.
#[derive(Clone, Copy)]
enum Place {
    Object(Object),
    Chunks,
    Value(Object, &'static str),
}

impl Object {
    /// The keys that are of interest; all others may hold what they like.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Entry => &[
                "FullPath",
                "Mtime",
                "Mode",
                "Mime",
                "SymlinkTarget",
                "Md5",
                "FileSize",
                "Content",
                "Extended",
                "Remote",
                "chunks",
            ],
            Self::Extended => &[],
            Self::Remote => &["remote_e_tag", "remote_size"],
            Self::Chunk => &[
                "file_id",
                "offset",
                "size",
                "modified_ts_ns",
                "e_tag",
                "cipher_key",
                "is_compressed",
                "is_chunk_manifest",
                "sse_type",
                "sse_metadata",
                "fid",
            ],
            Self::Fid => &["volume_id", "file_key", "cookie"],
            Self::Sse => {
                &["algorithm", "iv", "keyMD5", "partOffset", "encryptedDEK", "nonce", "keyCommitment"]
            }
        }
    }

    /// What is at a key.
    fn child(self, key: &str) -> Option<Place> {
        if self == Self::Extended {
            return Some(Place::Value(self, ""));
        }
        let field = self.fields().iter().find(|field| **field == key)?;
        Some(match *field {
            "Extended" => Place::Object(Self::Extended),
            "Remote" => Place::Object(Self::Remote),
            "chunks" => Place::Chunks,
            "fid" => Place::Object(Self::Fid),
            _ => Place::Value(self, field),
        })
    }
}

/// What has been read so far.
#[derive(Default)]
struct Parser {
    entry: Entry,
    has_path: bool,
    chunk: RawChunk,
    /// The key of `Extended` whose value is next.
    extended_key: String,
    sse: Parameters,
    error: Option<EntryError>,
}

enum Value<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Fraction,
    Text(&'a str),
}

impl Parser {
    /// An object or list begins. What an earlier one at the same key held is forgotten: the last
    /// wins.
    fn start(&mut self, place: Place) {
        match place {
            Place::Chunks => self.entry.chunks.clear(),
            Place::Object(Object::Extended) => self.entry.extended.clear(),
            Place::Object(Object::Remote) => self.entry.remote = Some(Remote::default()),
            Place::Object(Object::Fid) => self.chunk.fid = Some((0, 0, 0)),
            // `end` leaves nothing of the chunk before.
            Place::Object(Object::Chunk | Object::Entry | Object::Sse) | Place::Value(..) => {}
        }
    }

    /// A `null`: what Go writes for no bytes, no map, no list and no object.
    fn null(&mut self, place: Place) -> Result<(), Reason> {
        match place {
            Place::Chunks => self.entry.chunks.clear(),
            Place::Object(Object::Extended) => self.entry.extended.clear(),
            Place::Object(Object::Remote) => self.entry.remote = None,
            Place::Object(Object::Fid) => self.chunk.fid = None,
            Place::Object(Object::Entry | Object::Chunk | Object::Sse) => {
                return Err(Reason::Not("an object"));
            }
            Place::Value(_, field) => return self.value(field, Value::Null),
        }
        Ok(())
    }

    fn value(&mut self, field: &'static str, value: Value<'_>) -> Result<(), Reason> {
        let (entry, chunk, sse) = (&mut self.entry, &mut self.chunk, &mut self.sse);
        match field {
            "FullPath" => (entry.path, self.has_path) = (value.text(field)?.to_owned(), true),
            "Mtime" => {
                let ms = date::from_rfc3339(value.text(field)?).ok_or(Reason::Not("an RFC 3339 time"))?;
                entry.modified_ms = Some(ms).filter(|&ms| ms != GO_ZERO_TIME_MS);
            }
            "Mode" => entry.mode = value.number(field)?,
            "Mime" => value.text(field)?.clone_into(&mut entry.mime),
            "SymlinkTarget" => entry.is_symlink = !value.text(field)?.is_empty(),
            // A digest of another length is no MD5: nothing can be checked with it.
            "Md5" => entry.md5 = value.bytes(field)?.try_into().ok(),
            "FileSize" => entry.file_size = value.unsigned(field)?,
            "Content" => entry.content = Some(value.bytes(field)?).filter(|c| !c.is_empty()).map(Arc::from),
            "remote_e_tag" => self.remote().e_tag = value.text(field)?.to_owned(),
            "remote_size" => self.remote().size = value.unsigned(field)?,
            "file_id" => chunk.set_file_id(value.text(field)?)?,
            "offset" => chunk.offset = value.unsigned(field)?,
            "size" => chunk.size = value.unsigned(field)?,
            "modified_ts_ns" => {
                chunk.modified = match value {
                    Value::Negative(number) => number,
                    _ => value.number(field)?,
                }
            }
            "e_tag" => chunk.set_e_tag(value.text(field)?),
            "cipher_key" => chunk.set_key(&value.bytes(field)?)?,
            "is_compressed" => chunk.is_compressed = value.bool(field)?,
            "is_chunk_manifest" => chunk.is_manifest = value.bool(field)?,
            "sse_type" => chunk.sse_type = value.number(field)?,
            "sse_metadata" => chunk.sse_metadata = value.bytes(field)?,
            "volume_id" => self.fid().0 = value.number(field)?,
            "file_key" => self.fid().1 = value.unsigned(field)?,
            "cookie" => self.fid().2 = value.number(field)?,
            "algorithm" => sse.is_other_cipher = value.text(field)? != sse::ALGORITHM,
            "iv" => sse.iv = value.block(field)?,
            "keyMD5" => value.text(field)?.clone_into(&mut sse.key_md5),
            "partOffset" => sse.part_offset = value.unsigned(field)?,
            "encryptedDEK" => sse.wrapped_key = value.bytes(field)?,
            "nonce" => sse.nonce = value.bytes(field)?,
            "keyCommitment" => sse.commitment = value.bytes(field)?,
            _ => {
                let value = value.bytes(field)?;
                // Sorted as they come: a sort of its own would be more code than all of this.
                let extended = &mut entry.extended;
                match extended.binary_search_by(|(key, _)| key.cmp(&self.extended_key)) {
                    Ok(at) => {
                        if let Some((_, earlier)) = extended.get_mut(at) {
                            *earlier = value;
                        }
                    }
                    Err(_) if extended.len() == MAX_EXTENDED => return Err(Reason::TooMany),
                    Err(at) => {
                        extended.insert(at, (std::mem::take(&mut self.extended_key), value));
                    }
                }
            }
        }
        Ok(())
    }

    fn remote(&mut self) -> &mut Remote {
        self.entry.remote.get_or_insert_default()
    }

    fn fid(&mut self) -> &mut (u32, u64, u32) {
        self.chunk.fid.get_or_insert_default()
    }

    /// An object is complete.
    fn end(&mut self, object: Object) -> Result<(), Reason> {
        if object == Object::Chunk {
            let chunk = std::mem::take(&mut self.chunk).finish()?;
            self.entry.chunks.push(chunk);
        }
        Ok(())
    }

    fn finish(self) -> Result<Entry, EntryError> {
        if self.entry.path.is_empty() {
            let reason = if self.has_path { Reason::Not("a path") } else { Reason::Missing };
            return Err(EntryError::Field { field: "FullPath".into(), reason });
        }
        if self.entry.size() > MAX_FILE_BYTES {
            return Err(EntryError::TooLarge);
        }
        Ok(self.entry)
    }

    /// The name of the field at a place, with the number of its chunk.
    fn name(&self, place: Place) -> String {
        let chunk = || format!("chunks[{}]", self.entry.chunks.len());
        match place {
            Place::Object(Object::Entry) => "the entry".into(),
            Place::Value(Object::Entry, field) => field.into(),
            Place::Object(Object::Extended) | Place::Value(Object::Extended, _) => "Extended".into(),
            Place::Object(Object::Remote) => "Remote".into(),
            Place::Value(Object::Remote, field) => ["Remote.", field].concat(),
            Place::Chunks => "chunks".into(),
            Place::Object(Object::Chunk) => chunk(),
            Place::Value(Object::Chunk, field) => chunk() + "." + field,
            Place::Object(Object::Fid) => chunk() + ".fid",
            Place::Value(Object::Fid, field) => chunk() + ".fid." + field,
            Place::Object(Object::Sse) => String::new(),
            Place::Value(Object::Sse, field) => [".", field].concat(),
        }
    }

    /// Keeps what went wrong for `parse`; serde's error only ends the reading.
    fn check<T, E: de::Error>(&mut self, place: Place, result: Result<T, Reason>) -> Result<T, E> {
        result.map_err(|reason| {
            self.error = Some(EntryError::Field { field: self.name(place), reason });
            E::custom("")
        })
    }
}

/// What a field must be, for the message.
fn expected(field: &str) -> &'static str {
    match field {
        "FullPath" | "Mtime" | "Mime" | "SymlinkTarget" | "remote_e_tag" | "file_id" | "e_tag"
        | "algorithm" | "keyMD5" => "a text",
        "is_compressed" | "is_chunk_manifest" => "true or false",
        "Mode" | "FileSize" | "remote_size" | "offset" | "size" | "modified_ts_ns" | "sse_type"
        | "volume_id" | "file_key" | "cookie" | "partOffset" => "a whole number of its range",
        _ => "base64",
    }
}

impl Value<'_> {
    fn text(&self, field: &str) -> Result<&str, Reason> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    fn unsigned(&self, field: &str) -> Result<u64, Reason> {
        match *self {
            Self::Unsigned(number) => Ok(number),
            Self::Negative(_) => Err(Reason::Negative),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    fn number<N: TryFrom<u64>>(&self, field: &str) -> Result<N, Reason> {
        self.unsigned(field)?.try_into().map_err(|_| Reason::Not(expected(field)))
    }

    fn bool(&self, field: &str) -> Result<bool, Reason> {
        match *self {
            Self::Bool(is) => Ok(is),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    fn bytes(&self, field: &str) -> Result<Vec<u8>, Reason> {
        match self {
            Self::Null => Ok(Vec::new()),
            Self::Text(text) => Base64::decode_vec(text).map_err(|_| Reason::Not(expected(field))),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    /// An initialisation vector; no bytes are none.
    fn block(&self, field: &str) -> Result<Option<[u8; 16]>, Reason> {
        let bytes = self.bytes(field)?;
        match bytes.is_empty() {
            true => Ok(None),
            false => bytes.try_into().map(Some).map_err(|_| Reason::Not("16 bytes in base64")),
        }
    }
}

/// Go's zero time, 1 January of the year 1: no time.
const GO_ZERO_TIME_MS: i64 = -62_135_596_800_000;

/// The visitor of everything.
struct At<'p> {
    parser: &'p mut Parser,
    place: Place,
}

impl At<'_> {
    fn scalar<E: de::Error>(self, value: Value<'_>) -> Result<(), E> {
        let result = match (self.place, value) {
            (place, Value::Null) => self.parser.null(place),
            (Place::Value(_, field), value) => self.parser.value(field, value),
            (Place::Chunks, _) => Err(Reason::Not("a list")),
            (Place::Object(_), _) => Err(Reason::Not("an object")),
        };
        self.parser.check(self.place, result)
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
        self.scalar(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, is: bool) -> Result<(), E> {
        self.scalar(Value::Bool(is))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.scalar(Value::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        // serde_json calls this for numbers below zero only.
        self.scalar(Value::Negative(number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar(Value::Fraction)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.scalar(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { parser, place } = self;
        if !matches!(place, Place::Chunks) {
            return At { parser, place }.scalar(Value::Fraction);
        }
        parser.start(place);
        let chunk = Place::Object(Object::Chunk);
        while list.next_element_seed(At { parser: &mut *parser, place: chunk })?.is_some() {
            if parser.entry.chunks.len() > MAX_CHUNKS {
                return parser.check(place, Err(Reason::TooMany));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { parser, place } = self;
        let Place::Object(object) = place else {
            return At { parser, place }.scalar(Value::Fraction);
        };
        parser.start(place);
        while let Some(child) = map.next_key_seed(Key { parser: &mut *parser, object })? {
            match child {
                Some(place) => map.next_value_seed(At { parser: &mut *parser, place })?,
                None => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        let ended = parser.end(object);
        parser.check(place, ended)
    }
}

/// Reads a key and says what is at it.
struct Key<'p> {
    parser: &'p mut Parser,
    object: Object,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Place>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Place>;

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
