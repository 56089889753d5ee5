//! The fields of an entry.

use std::sync::Arc;

use crate::formats::seaweedfs::raw_chunk::EntryChunk;

/// The extended attributes that are served as headers. The filer serves nearly all attributes. This list is
/// short because a writer of a file must not be able to set cookies or policies for its readers.
pub const SERVED_HEADERS: [&str; 5] =
    ["Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"];

/// The metadata of a file, as the filer stores it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub(super) path: String,
    pub(super) mime: String,
    pub(super) mode: u32,
    pub(super) is_symlink: bool,
    pub(super) file_size: u64,
    pub(super) md5: Option<[u8; 16]>,
    pub(super) modified_ms: Option<i64>,
    pub(super) content: Option<Arc<[u8]>>,
    pub(super) extended: Vec<(String, Vec<u8>)>,
    pub(super) remote: Option<Remote>,
    pub(super) chunks: Vec<EntryChunk>,
}

/// The copy of a file in a remote storage.
#[derive(Clone, Debug, Default)]
pub(super) struct Remote {
    pub(super) size: u64,
    pub(super) e_tag: String,
}

impl Entry {
    /// The full path in the filer.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last component of the path; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Size of the file in bytes: `FileSize`, or the length of the inline content if that is larger. It is
    /// never computed from the chunks, because after a truncation they may reach beyond the end of the file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file_size.max(self.content_len())
    }

    /// The media type; `application/octet-stream` if none is stored.
    #[must_use]
    pub fn media_type(&self) -> &str {
        if self.mime.is_empty() { "application/octet-stream" } else { &self.mime }
    }

    /// MD5 of the whole file. The filer knows it only if the file was written in one request.
    #[must_use]
    pub fn md5(&self) -> Option<&[u8; 16]> {
        self.md5.as_ref()
    }

    /// The time of the last modification in milliseconds since 1970, rounded down. `None` for Go's zero time.
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

    /// The bytes of the file that are stored in the entry itself; never empty.
    #[must_use]
    pub fn content(&self) -> Option<&Arc<[u8]>> {
        self.content.as_ref()
    }

    /// The extended attributes, sorted by name.
    #[must_use]
    pub fn extended(&self) -> &[(String, Vec<u8>)] {
        &self.extended
    }

    /// An extended attribute as the value of a header, by its name in any case. Each byte becomes the
    /// character of the same number, as in `Headers` of JavaScript.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.attribute(name)?.iter().copied().map(char::from).collect())
    }

    /// The stored headers that are served: those of [`SERVED_HEADERS`].
    #[must_use]
    pub fn served(&self) -> Vec<(&'static str, String)> {
        SERVED_HEADERS.iter().filter_map(|name| Some((*name, self.header(name)?))).collect()
    }

    /// Size of the copy in a remote storage, if there is one.
    #[must_use]
    pub fn remote_size(&self) -> Option<u64> {
        self.remote.as_ref().map(|remote| remote.size)
    }

    /// Whether the bytes are in a remote storage only, so that only the filer can fetch them
    /// (docs/seaweedfs-format.md, Files in a remote storage).
    #[must_use]
    pub fn is_remote_only(&self) -> bool {
        self.chunks.is_empty() && self.content.is_none() && self.remote_size().is_some_and(|size| size > 0)
    }

    /// The chunks in the order of the list, which may differ from the order in the file.
    #[must_use]
    pub fn chunks(&self) -> &[EntryChunk] {
        &self.chunks
    }

    /// An extended attribute by its name in any case.
    pub(super) fn attribute(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.extended.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    pub(super) fn content_len(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.len() as u64)
    }
}
