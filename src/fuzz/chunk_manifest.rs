//! Chunk manifests in protobuf.

use std::ops::Range;

use super::{entry::assert_sound, input::Input, plan::chunks};
use crate::{
    formats::seaweedfs::{chunk_manifest::parse_manifest, entry::EntryError},
    model::chunk::{Chunk, Compression, Source},
};

/// The input is any bytes, and also any list of chunks, written as a filer writes it.
pub(super) fn run(bytes: &[u8]) {
    accepted(bytes);
    let mut listed = chunks(&mut Input(bytes), 64);
    listed.retain(|chunk| chunk.offset.saturating_add(chunk.size) <= i64::MAX.cast_unsigned());
    listed.retain(|chunk| !chunk.is_manifest || chunk.size > 0);
    if !listed.is_empty() {
        assert_eq!(parse_manifest(&written(&listed), ANY).as_deref(), Ok(&*listed));
    }
}

/// An accepted list covers its span and no more, and it is unchanged after it is written and read again.
fn accepted(bytes: &[u8]) {
    let Ok(chunks) = parse_manifest(bytes, ANY) else { return };
    chunks.iter().for_each(assert_sound);
    let start = chunks.iter().map(|chunk| chunk.offset).min().expect("it lists a chunk");
    let end = chunks.iter().map(Chunk::end).max().expect("it lists a chunk");
    assert!(parse_manifest(bytes, start..end).is_ok());
    assert_eq!(parse_manifest(bytes, start..end + 1), Err(EntryError::ManifestShort));
    if let Some(before) = start.checked_sub(1) {
        assert_eq!(parse_manifest(bytes, before..end), Err(EntryError::ManifestShort));
    }
    assert_eq!(parse_manifest(&written(&chunks), start..end), Ok(chunks));
}

/// A span that every list covers.
const ANY: Range<u64> = Range { start: u64::MAX, end: 0 };

/// A list of chunks as a filer would write it.
fn written(chunks: &[Chunk]) -> Vec<u8> {
    use base64ct::{Base64, Encoding};
    let mut list = Vec::new();
    for chunk in chunks {
        let Source::FileId(id) = &chunk.source else { panic!("it has a file id") };
        let mut message = Vec::new();
        bytes_field(&mut message, 1, id.as_bytes());
        number_field(&mut message, 2, chunk.offset);
        number_field(&mut message, 3, chunk.size);
        number_field(&mut message, 4, chunk.modified.cast_unsigned());
        if let Some(md5) = &chunk.md5 {
            bytes_field(&mut message, 5, Base64::encode_string(md5).as_bytes());
        }
        if let Some(key) = &chunk.key {
            bytes_field(&mut message, 9, key.bytes());
        }
        number_field(&mut message, 10, u64::from(chunk.compression != Compression::None));
        number_field(&mut message, 11, u64::from(chunk.is_manifest));
        bytes_field(&mut list, 1, &message);
    }
    list
}

fn bytes_field(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(message, number << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn number_field(message: &mut Vec<u8>, number: u64, value: u64) {
    varint(message, number << 3);
    varint(message, value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
