//! What the filer says of a file: its `?metadata=true` answer (`seaweedfs-read-path.md`, 1 and 2).

use std::sync::Arc;

use crate::{
    error::{Error, Kind},
    model::{
        chunk::{Chunk, MAX_FILE_BYTES, Source},
        derived_etag,
        ranges::cut,
    },
};

mod json;
mod sse;

pub use sse::Keys;

/// The longest JSON text of an entry that is read, in bytes. The filer packs 10 000 chunks into
/// one chunk manifest, so that an honest entry takes a few megabytes.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// The longest list of chunks that is read: more than fit into [`MAX_TEXT_BYTES`] with all that
/// the filer says of each.
pub const MAX_CHUNKS: usize = 1 << 20;

/// The most extended attributes that are read. S3 metadata and xattrs are dozens at most.
pub const MAX_EXTENDED: usize = 4096;

/// The extended attributes that are served as headers. The filer serves nearly all of them; but
/// whoever may write a file is not to set cookies or policies for whoever reads it.
pub const SERVED: [&str; 5] =
    ["Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"];

/// A SeaweedFS entry, as the filer stores it.
///
/// Nothing vouches for it: order, holes and size are as true as the filer is.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    path: String,
    mime: String,
    mode: u32,
    is_symlink: bool,
    file_size: u64,
    md5: Option<[u8; 16]>,
    modified_ms: Option<i64>,
    content: Option<Arc<[u8]>>,
    extended: Vec<(String, Vec<u8>)>,
    remote: Option<Remote>,
    chunks: Vec<EntryChunk>,
}

/// A chunk of an entry, and how the filer wants it read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChunk {
    /// The chunk.
    pub chunk: Chunk,
    /// The S3 encryption that its bytes are under, below whatever [`Chunk::key`] says.
    pub sse: Option<Sse>,
}

/// Server-side encryption of the S3 gateway: AES-256-CTR (`seaweedfs-read-path.md`, 8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sse {
    /// Who holds the key.
    pub kind: SseKind,
    /// A JSON text with initialisation vector and place in the part; empty if it was not stored.
    pub metadata: Box<[u8]>,
}

/// Who holds the key of an S3 object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseKind {
    /// SSE-C: the customer.
    C,
    /// SSE-KMS: a key server.
    Kms,
    /// SSE-S3: the gateway.
    S3,
    /// A kind that came after this was written.
    Unknown,
}

/// The copy of a file in a remote storage.
#[derive(Clone, Debug, Default)]
struct Remote {
    size: u64,
    e_tag: String,
}

/// What is asked of a filer at a time, in bytes: as large as the chunks that it cuts files into.
const FILER_RANGE: u64 = 4 << 20;

impl Entry {
    /// Reads the JSON text of an entry.
    ///
    /// Unknown fields are ignored, of equal ones the last counts, and integers are exact to 64
    /// bits. An `e_tag` or `Md5` that is not 16 bytes counts as none, as it does for the filer.
    ///
    /// # Errors
    ///
    /// [`EntryError`] with the name of the field that is not what it must be. It never quotes a
    /// value.
    pub fn parse(json: &[u8]) -> Result<Self, EntryError> {
        json::parse(json)
    }

    /// The full path at the filer.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last component of the path; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Bytes of the file: `FileSize`, or the length of the content where that is more. Never
    /// computed from chunks, which may reach beyond it after a truncation.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file_size.max(self.content_len())
    }

    /// The media type; `application/octet-stream` where none is stored.
    #[must_use]
    pub fn media_type(&self) -> &str {
        if self.mime.is_empty() { "application/octet-stream" } else { &self.mime }
    }

    /// MD5 of the whole file, where the filer saw it whole.
    #[must_use]
    pub fn md5(&self) -> Option<&[u8; 16]> {
        self.md5.as_ref()
    }

    /// When the file was modified, in milliseconds since 1970, rounded down; `None` for Go's zero
    /// time.
    #[must_use]
    pub fn modified_ms(&self) -> Option<i64> {
        self.modified_ms
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        // Go's os.ModeDir.
        self.mode & 1 << 31 != 0
    }

    /// The bytes of the file that are kept in the entry itself; never empty.
    #[must_use]
    pub fn content(&self) -> Option<&Arc<[u8]>> {
        self.content.as_ref()
    }

    /// The extended attributes, sorted by name.
    #[must_use]
    pub fn extended(&self) -> &[(String, Vec<u8>)] {
        &self.extended
    }

    /// The header that an extended attribute is served as, its name in any case: bytes become
    /// the characters of the same number, as in `Headers` of JavaScript.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.attribute(name)?.iter().copied().map(char::from).collect())
    }

    /// The headers that are stored with the file and are served: those of [`SERVED`].
    #[must_use]
    pub fn served(&self) -> Vec<(&'static str, String)> {
        SERVED.iter().filter_map(|name| Some((*name, self.header(name)?))).collect()
    }

    /// Bytes of the copy in a remote storage, where there is one.
    #[must_use]
    pub fn remote_size(&self) -> Option<u64> {
        self.remote.as_ref().map(|remote| remote.size)
    }

    /// Whether the bytes are in a remote storage only, so that nobody but the filer can fetch
    /// them (`seaweedfs-read-path.md`, 4.5).
    #[must_use]
    pub fn is_remote_only(&self) -> bool {
        self.chunks.is_empty() && self.content.is_none() && self.remote_size().is_some_and(|size| size > 0)
    }

    /// The chunks in the order of the list, which need not be that of the file.
    #[must_use]
    pub fn chunks(&self) -> &[EntryChunk] {
        &self.chunks
    }

    /// A strong entity tag, quotes included.
    ///
    /// The entry's MD5 in hex; else what the filer composes where every chunk has an `e_tag`: the
    /// only one's digest, or MD5 over those of n chunks in the order of the list, and `-n`; else
    /// a digest of the list itself, ending in `-chunks`.
    #[must_use]
    pub fn etag(&self) -> String {
        if let Some(md5) = &self.md5 {
            return derived_etag::of_digest(md5, "");
        }
        let digests: Option<Vec<&[u8; 16]>> =
            self.chunks.iter().map(|each| each.chunk.md5.as_ref()).collect();
        match digests.as_deref() {
            None | Some([]) => self.derived_etag(),
            Some([md5]) => derived_etag::of_digest(*md5, ""),
            Some(all) => derived_etag::of_digests(all),
        }
    }

    fn derived_etag(&self) -> String {
        let start =
            derived_etag::Derived::new(self.size()).bytes(self.content.as_deref().unwrap_or_default());
        let remote = self.remote.as_ref().filter(|_| self.is_remote_only());
        let start = match remote {
            Some(remote) => start.number(remote.size).bytes(remote.e_tag.as_bytes()),
            None => start,
        };
        self.chunks.iter().fold(start, |next, each| next.chunk(&each.chunk)).finish()
    }

    /// The chunks to plan with, in the order of the list; content of the entry is one chunk. Those
    /// of an S3 object under encryption carry the key stream that its keys open.
    ///
    /// # Errors
    ///
    /// [`EntryError::Unsupported`] for whatever cannot be read: a directory, a symbolic link, a
    /// file in a remote storage only, an S3 encryption whose key is not given;
    /// [`EntryError::WrongKey`] for a key that is not the object's.
    pub fn chunks_to_read(&self, keys: &Keys) -> Result<Vec<Chunk>, EntryError> {
        use Unsupported as No;
        if self.is_directory() {
            return Err(No::Directory.into());
        }
        if self.is_symlink {
            return Err(No::Symlink.into());
        }
        if self.is_remote_only() {
            return Err(No::Remote.into());
        }
        let object = sse::Object::new(self, keys);
        // The filer too prefers the content where it reaches to the end.
        if let Some(content) = &self.content
            && (self.chunks.is_empty() || self.size() <= self.content_len())
        {
            return Ok(vec![Chunk { ctr: object.ctr_of_content()?, ..Chunk::inline(content.clone()) }]);
        }
        self.chunks
            .iter()
            .enumerate()
            .map(|(index, each)| match &each.sse {
                None => Ok(each.chunk.clone()),
                Some(sse) => {
                    let ctr = object.ctr_of_chunk(index, &each.chunk, sse)?;
                    Ok(Chunk { ctr: Some(ctr), ..each.chunk.clone() })
                }
            })
            .collect()
    }

    /// As [`Entry::chunks_to_read`], where the filer serves the file at `url`: one in a remote storage
    /// only is read in ranges of that, since the filer fetches it from there.
    ///
    /// # Errors
    ///
    /// As [`Entry::chunks_to_read`]. The filer does not undo an S3 encryption.
    pub fn chunks_to_read_at(&self, url: &str, keys: &Keys) -> Result<Vec<Chunk>, EntryError> {
        match (self.chunks_to_read(keys), sse::kind(self)) {
            (Err(EntryError::Unsupported(Unsupported::Remote)), Some(kind)) => {
                Err(Unsupported::Sse(kind).into())
            }
            (Err(EntryError::Unsupported(Unsupported::Remote)), None) => {
                Ok(cut(&Source::Filer(url.into()), self.size(), FILER_RANGE))
            }
            (chunks, _) => chunks,
        }
    }

    /// An extended attribute by its name in any case.
    fn attribute(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.extended.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    fn content_len(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.len() as u64)
    }
}

/// Why an entry cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The text is longer than [`MAX_TEXT_BYTES`].
    #[error("the entry is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("the file is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// It is not JSON, or more than one JSON value. A byte order mark is not JSON.
    #[error("the entry is not JSON at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A field is not what it must be.
    #[error("{field} {reason}")]
    Field {
        /// Its path, as `chunks[3].size`.
        field: String,
        /// What is wrong.
        reason: Reason,
    },
    /// The content of a chunk manifest is no protobuf message.
    #[error("the chunk manifest is not a list of chunks")]
    ManifestMalformed,
    /// A chunk manifest lists no chunk.
    #[error("the chunk manifest lists no chunk")]
    ManifestEmpty,
    /// The chunks of a chunk manifest do not reach over what it spans.
    #[error("the chunks of the chunk manifest do not reach over what it spans")]
    ManifestShort,
    /// It is understood, and cannot be read.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A key was given that is not the one of the object, or the object was tampered with.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is not of its type or grammar.
    #[error("is not {0}")]
    Not(&'static str),
    /// It is below zero.
    #[error("is negative")]
    Negative,
    /// It holds more than [`MAX_CHUNKS`] or [`MAX_EXTENDED`].
    #[error("is longer than what is accepted")]
    TooMany,
    /// Offset and size together pass 2^63 - 1.
    #[error("ends beyond the last position of any file")]
    Overflow,
}

/// What is understood and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A directory.
    #[error("a directory cannot be read")]
    Directory,
    /// A symbolic link; the filer does not follow it either.
    #[error("a symbolic link cannot be read")]
    Symlink,
    /// Its bytes are in a remote storage only.
    #[error("the file is in a remote storage only, which the filer alone can read")]
    Remote,
    /// S3 encryption whose key is not there.
    #[error("the object is encrypted with {}", .0.need())]
    Sse(SseKind),
}

/// Why a key does not open an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongKey {
    /// The customer's key has another MD5 than the one that was stored.
    #[error("sse.customerKey is not the key that the object was encrypted with")]
    Customer,
    /// The data key does not open: the key-encryption key is another, or the stored one was changed.
    #[error("sse.kek does not open the object's data key")]
    Kek,
    /// The data key opens, but was not made for this initialisation vector.
    #[error("the key commitment of the object does not fit")]
    Commitment,
}

impl SseKind {
    /// Its name, and what it takes to read it.
    fn need(self) -> &'static str {
        match self {
            Self::C => "SSE-C: its key is needed, as sse.customerKey",
            Self::Kms => "SSE-KMS: its key is with a key server, and cannot be given",
            Self::S3 => "SSE-S3: the gateway's key-encryption key is needed, as sse.kek",
            Self::Unknown => "an unknown kind of SSE",
        }
    }
}

impl From<EntryError> for Error {
    fn from(error: EntryError) -> Self {
        let kind = match error {
            EntryError::TooLong
            | EntryError::TooLarge
            | EntryError::Field { reason: Reason::TooMany, .. } => Kind::Limit,
            EntryError::Syntax { .. }
            | EntryError::Field { .. }
            | EntryError::ManifestMalformed
            | EntryError::ManifestEmpty
            | EntryError::ManifestShort => Kind::Manifest,
            EntryError::Unsupported(_) => Kind::Unsupported,
            EntryError::WrongKey(_) => Kind::Corrupt,
        };
        Self::new(kind, error.to_string())
    }
}
