//! Writes chunk manifests as a filer does: the protobuf `FileChunkManifest`.

use base64ct::{Base64, Encoding};
use kelp_stream::model::chunk::{Chunk, Compression, Source};

/// Writes chunks with file ids. Each bit of `forms` chooses one of two equivalent ways to write them.
pub fn manifest(chunks: &[Chunk], forms: u8) -> Vec<u8> {
    let mut message = Vec::new();
    for (i, chunk) in chunks.iter().enumerate() {
        bytes(&mut message, 1, &chunk_message(chunk, forms.rotate_right(i as u32)));
        if forms & 8 != 0 {
            unknown(&mut message);
        }
    }
    message
}

fn chunk_message(chunk: &Chunk, form: u8) -> Vec<u8> {
    let mut message = Vec::new();
    let Source::FileId(id) = &chunk.source else { unreachable!("a filer's manifests list file ids") };
    match fid(id).filter(|_| form & 1 != 0) {
        Some(fid) => bytes(&mut message, 7, &fid),
        None => bytes(&mut message, 1, id.as_bytes()),
    }
    if form & 2 != 0 {
        unknown(&mut message);
    }
    // proto3 does not write zeros.
    varint(&mut message, 2, chunk.offset);
    varint(&mut message, 3, chunk.size);
    varint(&mut message, 4, chunk.modified.cast_unsigned());
    if let Some(md5) = &chunk.md5 {
        bytes(&mut message, 5, Base64::encode_string(md5).as_bytes());
    }
    if let Some(key) = &chunk.key {
        bytes(&mut message, 9, key.bytes());
    }
    varint(&mut message, 10, (chunk.compression != Compression::None).into());
    varint(&mut message, 11, chunk.is_manifest.into());
    message
}

/// A file id as a message; `None` if it cannot be written as one.
fn fid(id: &str) -> Option<Vec<u8>> {
    let (volume, rest) = id.split_once(',')?;
    let (key, cookie) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
    let mut message = Vec::new();
    varint(&mut message, 1, volume.parse().ok()?);
    varint(&mut message, 2, u64::from_str_radix(key, 16).ok()?);
    message.push(3 << 3 | 5);
    message.extend(u32::from_str_radix(cookie, 16).ok()?.to_le_bytes());
    Some(message)
}

/// Unknown fields, as a later version may add them: one of each wire type.
fn unknown(message: &mut Vec<u8>) {
    varint(message, 100, 7);
    bytes(message, 101, b"new");
    number(message, 102 << 3 | 1);
    message.extend([1; 8]);
    number(message, 103 << 3 | 5);
    message.extend([1; 4]);
}

fn varint(message: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        number(message, field << 3);
        number(message, value);
    }
}

fn bytes(message: &mut Vec<u8>, field: u64, value: &[u8]) {
    number(message, field << 3 | 2);
    number(message, value.len() as u64);
    message.extend_from_slice(value);
}

fn number(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
