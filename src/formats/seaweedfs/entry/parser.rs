//! Which fields of the JSON are read, and where their values go.
//!
//! The JSON walker (`json`) passes each [`Value`] with its [`Position`]. The [`Parser`] writes the
//! value into the entry, or records an error with the path of the field.

use std::sync::Arc;

use super::{
    metadata::{Entry, Remote},
    sse_params::{ALGORITHM, SseParams},
    value::Value,
};
use crate::{
    formats::seaweedfs::{
        error::{EntryError, MAX_EXTENDED, Reason},
        raw_chunk::RawChunk,
    },
    http::date,
    model::chunk::MAX_FILE_BYTES,
};

/// A JSON object whose keys are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Entry,
    Extended,
    Remote,
    Chunk,
    Fid,
    Sse,
}

/// A position in the JSON: an object, the array of chunks, or a field with its name.
#[derive(Clone, Copy)]
pub(super) enum Position {
    Object(Object),
    Chunks,
    Value(Object, &'static str),
}

impl Object {
    /// The keys that are read. Every other key may have any value.
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

    /// The position of the value at a key; `None` for a key that is not read.
    pub(super) fn child(self, key: &str) -> Option<Position> {
        if self == Self::Extended {
            return Some(Position::Value(self, ""));
        }
        let field = self.fields().iter().find(|field| **field == key)?;
        Some(match *field {
            "Extended" => Position::Object(Self::Extended),
            "Remote" => Position::Object(Self::Remote),
            "chunks" => Position::Chunks,
            "fid" => Position::Object(Self::Fid),
            _ => Position::Value(self, field),
        })
    }
}

/// The state of a parse: the entry so far, and the chunk that is being read.
#[derive(Default)]
pub(super) struct Parser {
    pub(super) entry: Entry,
    has_path: bool,
    chunk: RawChunk,
    /// The key of `Extended` whose value comes next.
    pub(super) extended_key: String,
    pub(super) sse: SseParams,
    /// The first error.
    pub(super) error: Option<EntryError>,
}

impl Parser {
    /// An object or an array begins. It replaces an earlier one at the same key: the last one counts.
    pub(super) fn start(&mut self, position: Position) {
        match position {
            Position::Chunks => self.entry.chunks.clear(),
            Position::Object(Object::Extended) => self.entry.extended.clear(),
            Position::Object(Object::Remote) => self.entry.remote = Some(Remote::default()),
            Position::Object(Object::Fid) => self.chunk.fid = Some((0, 0, 0)),
            // `end` has taken the previous chunk.
            Position::Object(Object::Chunk | Object::Entry | Object::Sse) | Position::Value(..) => {}
        }
    }

    /// A `null`. Go writes it for empty bytes, maps, lists and objects.
    pub(super) fn null(&mut self, position: Position) -> Result<(), Reason> {
        match position {
            Position::Chunks => self.entry.chunks.clear(),
            Position::Object(Object::Extended) => self.entry.extended.clear(),
            Position::Object(Object::Remote) => self.entry.remote = None,
            Position::Object(Object::Fid) => self.chunk.fid = None,
            Position::Object(Object::Entry | Object::Chunk | Object::Sse) => {
                return Err(Reason::Not("an object"));
            }
            Position::Value(_, field) => return self.value(field, Value::Null),
        }
        Ok(())
    }

    /// The value of a field.
    pub(super) fn value(&mut self, field: &'static str, value: Value<'_>) -> Result<(), Reason> {
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
            // A digest of another length is not an MD5, so nothing can be verified with it.
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
            "algorithm" => sse.is_other_cipher = value.text(field)? != ALGORITHM,
            "iv" => sse.iv = value.block(field)?,
            "keyMD5" => value.text(field)?.clone_into(&mut sse.key_md5),
            "partOffset" => sse.part_offset = value.unsigned(field)?,
            "encryptedDEK" => sse.wrapped_key = value.bytes(field)?,
            "nonce" => sse.nonce = value.bytes(field)?,
            "keyCommitment" => sse.commitment = value.bytes(field)?,
            _ => {
                let value = value.bytes(field)?;
                self.attribute(value)?;
            }
        }
        Ok(())
    }

    /// Adds the extended attribute with the key that was read last.
    fn attribute(&mut self, value: Vec<u8>) -> Result<(), Reason> {
        // Inserted in order: a sort afterwards would be more code than this.
        let extended = &mut self.entry.extended;
        match extended.binary_search_by(|(key, _)| key.cmp(&self.extended_key)) {
            Ok(at) => {
                if let Some((_, earlier)) = extended.get_mut(at) {
                    *earlier = value;
                }
            }
            Err(_) if extended.len() == MAX_EXTENDED => return Err(Reason::TooMany),
            Err(at) => extended.insert(at, (std::mem::take(&mut self.extended_key), value)),
        }
        Ok(())
    }

    fn remote(&mut self) -> &mut Remote {
        self.entry.remote.get_or_insert_default()
    }

    fn fid(&mut self) -> &mut (u32, u64, u32) {
        self.chunk.fid.get_or_insert_default()
    }

    /// An object ends.
    pub(super) fn end(&mut self, object: Object) -> Result<(), Reason> {
        if object == Object::Chunk {
            let chunk = std::mem::take(&mut self.chunk).finish()?;
            self.entry.chunks.push(chunk);
        }
        Ok(())
    }

    /// The text ends. Checks what no single field can show.
    pub(super) fn finish(self) -> Result<Entry, EntryError> {
        if self.entry.path.is_empty() {
            let reason = if self.has_path { Reason::Not("a path") } else { Reason::Missing };
            return Err(EntryError::Field { field: "FullPath".into(), reason });
        }
        if self.entry.size() > MAX_FILE_BYTES {
            return Err(EntryError::TooLarge);
        }
        Ok(self.entry)
    }

    /// The path of the field at a position, with the index of its chunk.
    fn name(&self, position: Position) -> String {
        let chunk = || format!("chunks[{}]", self.entry.chunks.len());
        match position {
            Position::Object(Object::Entry) => "the entry".into(),
            Position::Value(Object::Entry, field) => field.into(),
            Position::Object(Object::Extended) | Position::Value(Object::Extended, _) => "Extended".into(),
            Position::Object(Object::Remote) => "Remote".into(),
            Position::Value(Object::Remote, field) => ["Remote.", field].concat(),
            Position::Chunks => "chunks".into(),
            Position::Object(Object::Chunk) => chunk(),
            Position::Value(Object::Chunk, field) => chunk() + "." + field,
            Position::Object(Object::Fid) => chunk() + ".fid",
            Position::Value(Object::Fid, field) => chunk() + ".fid." + field,
            Position::Object(Object::Sse) => String::new(),
            Position::Value(Object::Sse, field) => [".", field].concat(),
        }
    }

    /// Stores the error of a result. `None` ends the parse.
    pub(super) fn check(&mut self, position: Position, result: Result<(), Reason>) -> Option<()> {
        result
            .map_err(|reason| self.error = Some(EntryError::Field { field: self.name(position), reason }))
            .ok()
    }
}

/// Go's zero time, 1 January of the year 1. It means that there is no time.
const GO_ZERO_TIME_MS: i64 = -62_135_596_800_000;
