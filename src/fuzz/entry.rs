//! The JSON of an entry.

use serde::de::IgnoredAny;

use super::plan::assert_covers;
use crate::{
    formats::seaweedfs::entry::{DataKeys, Entry, Keys, MAX_EXTENDED},
    http::etag,
    model::chunk::{Chunk, CipherKey, MAX_FILE_BYTES, Source},
    schedule::plan::Plan,
};

/// The input is any bytes. An accepted entry is JSON, and it has every property that the core relies on.
pub(super) fn run(json: &[u8]) {
    let entry = match Entry::parse(json) {
        Ok(entry) => entry,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(serde_json::from_slice::<IgnoredAny>(json).is_ok(), "it is JSON");
    assert!(entry.size() <= MAX_FILE_BYTES && !entry.path().is_empty());
    assert!(entry.path().ends_with(entry.name()));
    assert!(etag::is_strong(&entry.etag()), "{}", entry.etag());
    assert!(entry.extended().len() <= MAX_EXTENDED);
    assert!(entry.extended().windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, each name once");
    assert!(entry.content().is_none_or(|content| !content.is_empty()));
    for each in entry.chunks() {
        assert_sound(&each.chunk);
    }
    // The parameters of S3 encryption are read only if there is a key.
    let key = CipherKey::new(&[7; 32]);
    for keys in [Keys::default(), Keys { customer: key.clone(), kek: key }] {
        let mut data_keys = DataKeys::default();
        entry.wrapped_keys(&keys).into_iter().for_each(|wrapped| data_keys.insert(wrapped, &[7; 32]));
        if let Ok(chunks) = entry.chunks_to_read(&keys, &data_keys) {
            assert_covers(&Plan::new(chunks.into(), 0..entry.size()));
        }
    }
}

/// Asserts what holds for every chunk of SeaweedFS.
pub(super) fn assert_sound(chunk: &Chunk) {
    let end = chunk.offset.checked_add(chunk.size).expect("its end is a number");
    assert!(end <= i64::MAX.cast_unsigned());
    assert!(!chunk.is_manifest || chunk.size > 0);
    let Source::FileId(id) = &chunk.source else { panic!("the filer's chunks have file ids") };
    super::file_id::assert_harmless(id);
}
