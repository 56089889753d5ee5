//! The generic manifest: a file in any chunk store or CDN, as a list of URLs (docs/design.md, Generic
//! manifest).
//!
//! Each host reads the user's manifest into [`ManifestFields`], from JavaScript objects, JSON or WIT records.
//! [`ManifestFields::check`] checks every field in one place and makes a [`Manifest`], whose chunks a plan
//! can use. The first wrong field is an error with its path, for example `chunks[2].range`.

use std::ops::Range;

use crate::{
    error::{Error, Kind},
    http::{etag, respond::is_header, url::is_unambiguous},
    model::{
        chunk::{Chunk, CipherKey, Compression, GCM_OVERHEAD, MAX_FILE_BYTES, Source},
        derived_etag,
    },
};

/// The largest number of replicas of a chunk, without repetitions: one pass requests each of them.
pub const MAX_URLS: usize = 16;

/// The longest list of chunks.
pub const MAX_CHUNKS: usize = 1 << 20;

/// The last time that JavaScript's `Date` can represent, in milliseconds since 1970.
const MAX_DATE_MS: u64 = 8_640_000_000_000_000;

/// The requirement of every number that JavaScript must represent exactly.
const SAFE_INTEGER: &str = "at most 2^53 - 1";

/// A file whose fields have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    size: u64,
    name: String,
    media_type: String,
    etag: String,
    last_modified_ms: Option<i64>,
    chunks: Vec<Chunk>,
}

/// The fields of a manifest as the user gave them. [`ManifestFields::check`] makes a [`Manifest`] of them.
#[derive(Clone, Debug, Default)]
pub struct ManifestFields {
    /// Size of the file in bytes, at most 2^53 - 1.
    pub size: u64,
    /// Name of the file; empty by default.
    pub name: Option<String>,
    /// Media type; `application/octet-stream` by default.
    pub media_type: Option<String>,
    /// A strong entity tag, quotes included; by default derived from the list of chunks.
    pub etag: Option<String>,
    /// Time of the last modification, in milliseconds since 1970.
    pub last_modified_ms: Option<i64>,
    /// The chunks, in any order.
    pub chunks: Vec<ChunkFields>,
}

/// The fields of a chunk as the user gave them.
#[derive(Clone, Default)]
pub struct ChunkFields {
    /// Absolute URLs, one for each replica.
    pub urls: Vec<String>,
    /// Position in the file of its first byte.
    pub offset: u64,
    /// The number of bytes of the file that it holds.
    pub size: u64,
    /// The range of the resource at the URL that is this chunk; by default all of it.
    pub range: Option<Range<u64>>,
    /// AES-256-GCM key. The stored form is `nonce (12) || ciphertext || tag (16)`.
    pub key: Option<Vec<u8>>,
    /// Whether it was compressed with gzip, before it was encrypted.
    pub gzip: bool,
    /// MD5 of the whole decoded chunk.
    pub md5: Option<Vec<u8>>,
    /// Its version. Where chunks overlap, the greatest wins; of equal ones, the later in the list.
    pub modified: i64,
}

impl std::fmt::Debug for ChunkFields {
    /// Without the key, and without the URLs, whose queries may contain secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkFields")
            .field("offset", &self.offset)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl ManifestFields {
    /// Checks every field. A chunk may reach beyond `size`: the plan clips it.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] names the first field whose value is wrong.
    pub fn check(self) -> Result<Manifest, ManifestError> {
        let wrong = |field: &str, must: &'static str| ManifestError { field: field.into(), must };
        if self.size > MAX_FILE_BYTES {
            return Err(wrong("size", SAFE_INTEGER));
        }
        if self.media_type.as_deref().is_some_and(|media_type| !is_header(media_type)) {
            return Err(wrong("type", "a media type"));
        }
        if self.etag.as_deref().is_some_and(|etag| !etag::is_strong(etag)) {
            return Err(wrong("etag", "a strong entity tag in quotes"));
        }
        if self.last_modified_ms.is_some_and(|ms| ms.unsigned_abs() > MAX_DATE_MS) {
            return Err(wrong("lastModified", "a time that a Date can represent"));
        }
        if self.chunks.len() > MAX_CHUNKS {
            return Err(wrong("chunks", "a list of at most 1048576 chunks"));
        }
        let chunks = check_chunks(self.chunks)?;
        let derived_etag = || {
            let digest = derived_etag::ListDigest::new(self.size);
            chunks.iter().fold(digest, derived_etag::ListDigest::chunk).finish()
        };
        Ok(Manifest {
            size: self.size,
            name: self.name.unwrap_or_default(),
            media_type: self
                .media_type
                .filter(|t| !t.is_empty())
                .unwrap_or_else(|| "application/octet-stream".into()),
            etag: self.etag.unwrap_or_else(derived_etag),
            last_modified_ms: self.last_modified_ms,
            chunks,
        })
    }
}

fn check_chunks(list: Vec<ChunkFields>) -> Result<Vec<Chunk>, ManifestError> {
    let mut chunks: Vec<Chunk> = Vec::with_capacity(list.len());
    for (index, fields) in list.into_iter().enumerate() {
        let mut chunk = fields
            .check()
            .map_err(|(field, must)| ManifestError { field: format!("chunks[{index}].{field}"), must })?;
        // Neighbours in one blob share its URLs, which are most of the memory of a long list.
        if let Some(last) = chunks.last()
            && last.source == chunk.source
        {
            chunk.source = last.source.clone();
        }
        chunks.push(chunk);
    }
    Ok(chunks)
}

/// A field of a chunk, and what its value must be.
type Violation = (&'static str, &'static str);

impl ChunkFields {
    fn check(mut self) -> Result<Chunk, Violation> {
        let urls = check_urls(std::mem::take(&mut self.urls))?;
        if self.offset > MAX_FILE_BYTES {
            return Err(("offset", SAFE_INTEGER));
        }
        if self.offset.checked_add(self.size).is_none_or(|end| end > MAX_FILE_BYTES) {
            return Err(("size", "such that the chunk ends at 2^53 - 1 or before"));
        }
        self.check_range()?;
        let key = match self.key {
            None => None,
            Some(key) => Some(CipherKey::new(&key).ok_or(("key", "32 bytes"))?),
        };
        let md5 = match self.md5 {
            None => None,
            Some(md5) => Some(md5.try_into().map_err(|_| ("md5", "16 bytes"))?),
        };
        Ok(Chunk {
            source: Source::Urls(urls.into()),
            offset: self.offset,
            size: self.size,
            modified: self.modified,
            md5,
            key,
            compression: if self.gzip { Compression::Gzip } else { Compression::None },
            ctr: None,
            stored: self.range,
            is_manifest: false,
        })
    }

    /// The range must be as long as the stored form: exactly, unless the chunk is compressed.
    fn check_range(&self) -> Result<(), Violation> {
        let Some(range) = &self.range else { return Ok(()) };
        let overhead = if self.key.is_some() { GCM_OVERHEAD } else { 0 };
        let length = range
            .end
            .checked_sub(range.start)
            .ok_or(("range", "a start and an end that is not before it"))?;
        if range.end > MAX_FILE_BYTES {
            return Err(("range", SAFE_INTEGER));
        }
        if self.gzip && length <= overhead {
            return Err(("range", "longer than nonce and tag"));
        }
        if !self.gzip && length != self.size.saturating_add(overhead) {
            return Err(("range", "as long as the stored chunk: size, plus 28 if there is a key"));
        }
        Ok(())
    }
}

/// The replicas of a chunk, without repetitions.
fn check_urls(list: Vec<String>) -> Result<Vec<String>, Violation> {
    let mut urls: Vec<String> = Vec::new();
    for url in list {
        if !is_unambiguous(&url) {
            return Err(("urls", "http or https URLs without user and password"));
        }
        if !urls.contains(&url) {
            urls.push(url);
        }
        if urls.len() > MAX_URLS {
            return Err(("urls", "at most 16 different URLs"));
        }
    }
    if urls.is_empty() {
        return Err(("urls", "at least one URL"));
    }
    Ok(urls)
}

impl Manifest {
    /// Size of the file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Name of the file; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Media type.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// A strong entity tag, quotes included.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Time of the last modification, in milliseconds since 1970.
    #[must_use]
    pub fn last_modified_ms(&self) -> Option<i64> {
        self.last_modified_ms
    }

    /// The chunks in the order of the list. Each has URLs.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The chunks, without the rest.
    #[must_use]
    pub fn into_chunks(self) -> Vec<Chunk> {
        self.chunks
    }
}

/// A field of a manifest whose value is wrong. The value itself is never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {must}")]
pub struct ManifestError {
    /// The path of the field, for example `chunks[2].range`.
    pub field: String,
    /// What its value must be.
    pub must: &'static str,
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        Self::new(Kind::Manifest, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn chunk() -> ChunkFields {
        ChunkFields {
            urls: vec!["https://a.example/1?sig=secret".into()],
            size: 10,
            ..ChunkFields::default()
        }
    }

    fn manifest(chunks: Vec<ChunkFields>) -> ManifestFields {
        ManifestFields { size: 10, chunks, ..ManifestFields::default() }
    }

    /// The field that is reported as wrong.
    fn refused(fields: ManifestFields) -> Option<String> {
        fields.check().err().map(|error| error.field)
    }

    fn refused_chunk(change: impl FnOnce(&mut ChunkFields)) -> Option<String> {
        let mut changed = chunk();
        change(&mut changed);
        let field = refused(manifest(vec![chunk(), changed]))?;
        Some(field.strip_prefix("chunks[1].").expect("only the second chunk is wrong").to_owned())
    }

    #[test]
    fn every_field_is_kept() {
        let fields = ManifestFields {
            size: 30,
            name: Some("a.bin".into()),
            media_type: Some("video/webm".into()),
            etag: Some("\"x\"".into()),
            last_modified_ms: Some(5),
            chunks: vec![ChunkFields {
                urls: vec!["http://a/1".into(), "http://b/1".into(), "http://a/1".into()],
                offset: 20,
                size: 10,
                range: Some(100..138),
                key: Some(vec![7; 32]),
                gzip: false,
                md5: Some(vec![8; 16]),
                modified: -3,
            }],
        };
        let manifest = fields.check().unwrap();
        assert_eq!((manifest.size(), manifest.name(), manifest.media_type()), (30, "a.bin", "video/webm"));
        assert_eq!((manifest.etag(), manifest.last_modified_ms()), ("\"x\"", Some(5)));
        let expected = Chunk {
            source: Source::Urls(["http://a/1".to_owned(), "http://b/1".to_owned()].into()),
            offset: 20,
            size: 10,
            modified: -3,
            md5: Some([8; 16]),
            key: CipherKey::new(&[7; 32]),
            compression: Compression::None,
            ctr: None,
            stored: Some(100..138),
            is_manifest: false,
        };
        assert_eq!(manifest.chunks(), [expected]);
    }

    #[test]
    fn an_absent_field_has_a_default() {
        let manifest = manifest(vec![ChunkFields { gzip: true, ..chunk() }]).check().unwrap();
        assert_eq!((manifest.name(), manifest.media_type()), ("", "application/octet-stream"));
        assert!(manifest.etag().ends_with("-chunks\"") && etag::is_strong(manifest.etag()));
        let chunk = &manifest.into_chunks()[0];
        assert_eq!((chunk.compression, &chunk.stored, &chunk.md5), (Compression::Gzip, &None, &None));
    }

    #[test]
    fn a_wrong_field_of_the_file_is_named() {
        assert_eq!(refused(manifest(vec![])), None);
        assert_eq!(refused(ManifestFields { size: MAX_FILE_BYTES, ..manifest(vec![]) }), None);
        assert_eq!(refused(ManifestFields { size: 1 << 53, ..manifest(vec![]) }).unwrap(), "size");
        assert_eq!(
            refused(ManifestFields { media_type: Some("a\r\nb".into()), ..manifest(vec![]) }).unwrap(),
            "type"
        );
        for etag in ["x", "W/\"x\"", "\"x\r\n\""] {
            assert_eq!(
                refused(ManifestFields { etag: Some(etag.into()), ..manifest(vec![]) }).unwrap(),
                "etag"
            );
        }
        assert_eq!(
            refused(ManifestFields { last_modified_ms: Some(8_640_000_000_000_000), ..manifest(vec![]) }),
            None
        );
        assert_eq!(
            refused(ManifestFields { last_modified_ms: Some(i64::MIN), ..manifest(vec![]) }).unwrap(),
            "lastModified"
        );
    }

    #[test]
    fn a_wrong_field_of_a_chunk_is_named() {
        assert_eq!(refused_chunk(|_| ()), None);
        assert_eq!(refused_chunk(|c| c.urls.clear()).unwrap(), "urls");
        assert_eq!(refused_chunk(|c| c.urls.push("ftp://a/1".into())).unwrap(), "urls");
        assert_eq!(refused_chunk(|c| c.urls = (0..16).map(|i| format!("http://{i}/")).collect()), None);
        assert_eq!(
            refused_chunk(|c| c.urls = (0..17).map(|i| format!("http://{i}/")).collect()).unwrap(),
            "urls"
        );
        assert_eq!(refused_chunk(|c| c.urls = vec!["http://a/".into(); 40]), None);
        assert_eq!(refused_chunk(|c| (c.offset, c.size) = (MAX_FILE_BYTES - 1, 1)), None);
        assert_eq!(refused_chunk(|c| (c.offset, c.size) = (MAX_FILE_BYTES, 1)).unwrap(), "size");
        assert_eq!(refused_chunk(|c| (c.offset, c.size) = (1, u64::MAX)).unwrap(), "size");
        assert_eq!(refused_chunk(|c| (c.offset, c.size) = (1 << 53, 0)).unwrap(), "offset");
        for length in [0, 16, 31, 33] {
            assert_eq!(refused_chunk(|c| c.key = Some(vec![0; length])).unwrap(), "key");
        }
        for length in [0, 15, 17, 32] {
            assert_eq!(refused_chunk(|c| c.md5 = Some(vec![0; length])).unwrap(), "md5");
        }
    }

    #[test]
    fn a_range_is_as_long_as_the_stored_chunk() {
        let refused = |key: bool, gzip: bool, range: Range<u64>| {
            refused_chunk(|c| (c.key, c.gzip, c.range) = (key.then(|| vec![0; 32]), gzip, Some(range)))
                .is_some()
        };
        assert!(!refused(false, false, 5..15));
        assert!(refused(false, false, 5..14) && refused(false, false, 5..16));
        assert!(!refused(true, false, 5..43));
        assert!(refused(true, false, 5..15) && refused(true, false, 5..42) && refused(true, false, 5..44));
        assert!(!refused(false, true, 5..6));
        assert!(refused(false, true, 5..5));
        assert!(!refused(true, true, 5..34) && refused(true, true, 5..33));
        assert!(!refused(false, false, MAX_FILE_BYTES - 10..MAX_FILE_BYTES));
        assert!(refused(false, false, MAX_FILE_BYTES - 9..MAX_FILE_BYTES + 1));
        #[expect(clippy::reversed_empty_ranges, reason = "this is the case under test")]
        let reversed = 6..5;
        assert!(refused(false, true, reversed));
        assert_eq!(refused_chunk(|c| c.range = Some(0..3)).unwrap(), "range");
    }

    #[test]
    fn a_million_chunks_are_accepted_and_too_many_are_not() {
        let chunk = |i: u64| ChunkFields { offset: i, size: 1, ..chunk() };
        let million = manifest((0..1_000_000).map(chunk).collect()).check().unwrap();
        assert_eq!(million.chunks().len(), 1_000_000);
        assert_eq!(refused(manifest(vec![ChunkFields::default(); MAX_CHUNKS + 1])).unwrap(), "chunks");
    }

    #[test]
    fn the_last_of_many_chunks_is_named_by_its_index() {
        let mut chunks = vec![chunk(); 12_346];
        chunks[12_345].urls.clear();
        assert_eq!(refused(manifest(chunks)).unwrap(), "chunks[12345].urls");
    }

    #[test]
    fn neighbours_share_their_urls() {
        let mut chunks = manifest(vec![chunk(), chunk()]).check().unwrap().into_chunks();
        match (chunks.pop().unwrap().source, chunks.pop().unwrap().source) {
            (Source::Urls(one), Source::Urls(other)) => assert!(Arc::ptr_eq(&one, &other)),
            _ => unreachable!("they are URLs"),
        }
    }

    #[test]
    fn an_error_names_the_requirement_and_quotes_no_value() {
        let mut bad = chunk();
        bad.range = Some(0..3);
        bad.key = Some(vec![77; 32]);
        assert!(!format!("{bad:?}").contains("77") && !format!("{bad:?}").contains("secret"));
        let error = manifest(vec![bad]).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "chunks[0].range must be as long as the stored chunk: size, plus 28 if there is a key"
        );
        assert_eq!(Error::from(error).kind(), Kind::Manifest);
    }

    #[test]
    fn a_derived_etag_changes_with_the_list() {
        let tag = |change: fn(&mut ChunkFields)| {
            let mut changed = chunk();
            change(&mut changed);
            manifest(vec![changed]).check().unwrap().etag().to_owned()
        };
        let mut tags = vec![
            tag(|_| ()),
            tag(|c| c.urls[0].push('2')),
            tag(|c| c.urls.push("http://b/1".into())),
            tag(|c| c.offset = 1),
            tag(|c| c.size = 11),
            tag(|c| c.range = Some(0..10)),
            tag(|c| c.range = Some(1..11)),
            tag(|c| c.md5 = Some(vec![0; 16])),
            tag(|c| c.modified = 1),
        ];
        let count = tags.len();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), count);
        assert_eq!(tag(|c| c.urls.push(c.urls[0].clone())), tag(|_| ()));
    }
}
