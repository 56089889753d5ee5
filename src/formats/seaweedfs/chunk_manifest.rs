//! The content of a chunk manifest: the protobuf message `FileChunkManifest`, a list of chunks
//! (docs/seaweedfs-format.md, Chunk manifests; `weed/pb/filer.proto`).
//!
//! A chunk manifest stands in the list of an entry like a chunk. It spans a part of the file, and its content
//! lists the chunks of that part: a list of ranges becomes a tree. The list must cover the whole span.
//! Otherwise a manifest that was cut short would read as zeros, without an error.

use std::{ops::Range, sync::Arc};

use super::{
    error::{EntryError, MAX_CHUNKS, Reason, Unsupported},
    protobuf::{Fields, Malformed, Value},
    raw_chunk::RawChunk,
};
use crate::model::chunk::Chunk;

/// Reads the content of a chunk manifest that spans these positions of the file.
///
/// The offsets of the result are positions in the file. Unknown fields are skipped; of a repeated field the
/// last one counts. A chunk that reaches beyond the span is returned unchanged: the plan clips it.
///
/// # Errors
///
/// [`EntryError`] if the message is malformed, if it lists no chunks, or if its chunks do not reach from the
/// start of the span to its end.
pub fn parse_manifest(bytes: &[u8], span: Range<u64>) -> Result<Arc<[Chunk]>, EntryError> {
    let mut chunks = Vec::new();
    for field in Fields::of(bytes) {
        if let (1, Value::Bytes(message)) = field.map_err(malformed)? {
            if chunks.len() == MAX_CHUNKS {
                return Err(invalid("chunks", Reason::TooMany));
            }
            chunks.push(chunk(message, chunks.len())?);
        }
    }
    let start = chunks.iter().map(|chunk| chunk.offset).min();
    let end = chunks.iter().map(Chunk::end).max();
    match (start, end) {
        (Some(start), Some(end)) if start <= span.start && end >= span.end => Ok(chunks.into()),
        (None, _) | (_, None) => Err(EntryError::ManifestEmpty),
        _ => Err(EntryError::ManifestShort),
    }
}

fn chunk(message: &[u8], index: usize) -> Result<Chunk, EntryError> {
    let mut raw = RawChunk::default();
    let path = |name: &str| format!("chunks[{index}]{name}");
    for field in Fields::of(message) {
        let (number, value) = field.map_err(malformed)?;
        read(&mut raw, number, value).map_err(|(name, reason)| invalid(path(name), reason))?;
    }
    let listed = raw.finish().map_err(|reason| invalid(path(""), reason))?;
    match listed.sse {
        // The filer does not put encrypted objects into chunk manifests.
        Some(sse) => Err(Unsupported::Sse(sse.kind).into()),
        None => Ok(listed.chunk),
    }
}

/// Reads one field of a `FileChunk`. A value of the wrong wire type is skipped, like an unknown field.
fn read(chunk: &mut RawChunk, number: u64, value: Value<'_>) -> Result<(), (&'static str, Reason)> {
    let text = |bytes, name| std::str::from_utf8(bytes).map_err(|_| (name, Reason::Not("a string")));
    let position = |number: u64, name| match number > i64::MAX.cast_unsigned() {
        true => Err((name, Reason::Negative)),
        false => Ok(number),
    };
    match (number, value) {
        (1, Value::Bytes(id)) => {
            chunk.set_file_id(text(id, ".file_id")?).map_err(|reason| (".file_id", reason))?;
        }
        (2, Value::Varint(offset)) => chunk.offset = position(offset, ".offset")?,
        (3, Value::Varint(size)) => chunk.size = size,
        (4, Value::Varint(time)) => chunk.modified = time.cast_signed(),
        (5, Value::Bytes(e_tag)) => chunk.set_e_tag(text(e_tag, ".e_tag")?),
        (7, Value::Bytes(fid)) => read_fid(chunk, fid)?,
        (9, Value::Bytes(key)) => chunk.set_key(key).map_err(|reason| (".cipher_key", reason))?,
        (10, Value::Varint(flag)) => chunk.is_compressed = flag != 0,
        (11, Value::Varint(flag)) => chunk.is_manifest = flag != 0,
        // A number beyond 32 bits is an unknown kind.
        (12, Value::Varint(kind)) => chunk.sse_type = u32::try_from(kind).unwrap_or(u32::MAX),
        (13, Value::Bytes(metadata)) => chunk.sse_metadata = metadata.to_vec(),
        _ => {}
    }
    Ok(())
}

/// Reads a `FileId` message. If it comes twice, the second adds to the first, as protobuf requires.
fn read_fid(chunk: &mut RawChunk, message: &[u8]) -> Result<(), (&'static str, Reason)> {
    let fid = chunk.fid.get_or_insert_default();
    for field in Fields::of(message) {
        match field.map_err(|Malformed| (".fid", Reason::Not("a message")))? {
            (1, Value::Varint(volume)) => {
                fid.0 = u32::try_from(volume).map_err(|_| (".fid.volume_id", Reason::Not("32 bits")))?;
            }
            (2, Value::Varint(key)) => fid.1 = key,
            (3, Value::Fixed32(cookie)) => fid.2 = cookie,
            _ => {}
        }
    }
    Ok(())
}

fn malformed(_: Malformed) -> EntryError {
    EntryError::ManifestMalformed
}

fn invalid(field: impl Into<String>, reason: Reason) -> EntryError {
    EntryError::Field { field: field.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chunk::{Compression, Source};

    /// docs/seaweedfs-format.md, Test vectors, with a key of 32 bytes instead of 4.
    fn vector() -> Vec<u8> {
        let hex = "0a1c182220959a91f7c7da87e7182a036162633a09080310161d6a7d0337\
                   0a3d10221\
                   80a20969a91f7c7da87e7183a09080410171dfecaad0b\
                   4a20000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f5001";
        let hex: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
        hex.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
    }

    fn error(bytes: &[u8]) -> String {
        parse_manifest(bytes, 0..1).unwrap_err().to_string()
    }

    /// A manifest with one chunk, whose message is this.
    fn listed(message: &[u8]) -> Vec<u8> {
        [&[0x0a, message.len() as u8], message].concat()
    }

    /// `3,1637037d6a` as field 7.
    const FID: [u8; 11] = [0x3a, 9, 8, 3, 0x10, 0x16, 0x1d, 0x6a, 0x7d, 0x03, 0x37];

    #[test]
    fn the_published_vector_has_two_chunks() {
        let chunks = parse_manifest(&vector(), 0..44).unwrap();
        let [first, second] = &chunks[..] else { panic!("{chunks:?}") };
        assert_eq!(first.source, Source::FileId("3,1637037d6a".into()));
        assert_eq!((first.offset, first.size, first.modified), (0, 34, 1_787_400_000_123_456_789));
        assert_eq!((first.md5, first.compression), (None, Compression::None));
        assert_eq!(second.source, Source::FileId("4,170badcafe".into()));
        assert_eq!((second.offset, second.size, second.modified), (34, 10, 1_787_400_000_123_456_790));
        assert!(second.key.is_some() && second.compression == Compression::Gzip);
    }

    // F87
    #[test]
    fn a_truncated_manifest_is_refused_at_every_length() {
        let whole = vector();
        for len in 0..whole.len() {
            assert!(parse_manifest(&whole[..len], 0..44).is_err(), "{len} bytes");
        }
    }

    // F88
    #[test]
    fn a_manifest_that_does_not_cover_its_span_is_refused() {
        let whole = vector();
        for span in [0..45, 0..1000] {
            assert_eq!(parse_manifest(&whole, span), Err(EntryError::ManifestShort));
        }
        assert!(parse_manifest(&whole, 10..20).is_ok());
        let late = listed(&[&[0x10, 5, 0x18, 5][..], &FID].concat());
        assert_eq!(parse_manifest(&late, 4..10), Err(EntryError::ManifestShort));
        assert!(parse_manifest(&late, 5..10).is_ok());
    }

    #[test]
    fn a_manifest_without_chunks_is_refused() {
        assert_eq!(parse_manifest(&[], 0..1), Err(EntryError::ManifestEmpty));
        assert_eq!(parse_manifest(&[0x10, 1], 0..1), Err(EntryError::ManifestEmpty));
    }

    // F87
    #[test]
    fn unknown_fields_are_skipped_and_the_last_of_repeated_counts() {
        let message = [&[0x18, 1, 0x18, 9, 0xa2, 6, 1, 0xff, 0xa0, 6, 7][..], &FID].concat();
        let chunks = parse_manifest(&listed(&message), 0..9).unwrap();
        assert_eq!(chunks[0].size, 9);
    }

    #[test]
    fn an_error_names_the_field_and_the_reason() {
        let negative = [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let beyond = [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x10, 1];
        let table: [(&[u8], &str); 8] = [
            (&[0x18, 1], "chunks[0] is not a chunk with a file id"),
            (&negative, "chunks[0].offset is negative"),
            (&beyond, "chunks[0] ends beyond position 2^63 - 1"),
            (&[0x0a, 1, b'x'], "chunks[0].file_id is not a file id"),
            (&[0x0a, 1, 0xff], "chunks[0].file_id is not a string"),
            (&[0x4a, 1, 0], "chunks[0].cipher_key is not a key of 32 bytes"),
            (&[0x3a, 1, 8], "chunks[0].fid is not a message"),
            (&[0x58, 1, 0x18, 0], "chunks[0] is not a chunk manifest that spans bytes"),
        ];
        for (fields, expected) in table {
            let fid = if expected.contains("file id") || expected.contains("fid") { &[][..] } else { &FID };
            let expected = format!("invalid SeaweedFS metadata: {expected}");
            assert_eq!(error(&listed(&[fields, fid].concat())), expected);
        }
        assert_eq!(error(&[0x0b]), "the chunk manifest is not a FileChunkManifest message");
    }
}
