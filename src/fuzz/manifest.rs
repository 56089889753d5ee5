//! The generic manifest, and the ranges of one URL.

use super::{input::Input, plan::assert_covers};
use crate::{
    formats::manifest::{ChunkFields, MAX_URLS, ManifestFields},
    http::{etag, respond::is_header, url::is_unambiguous},
    model::{
        chunk::{MAX_FILE_BYTES, Source},
        ranges::{MAX_RANGES, ranges_of},
    },
    schedule::plan::Plan,
};

/// The input is the fields of a manifest. An accepted manifest has every property that the core relies on.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    ranges(&mut input);
    let fields = ManifestFields {
        size: input.any_number(),
        name: input.option(Input::text),
        media_type: input.option(Input::text),
        etag: input.option(Input::text),
        last_modified_ms: input.option(|input| input.any_number().cast_signed()),
        chunks: std::iter::from_fn(|| (!input.is_empty()).then(|| chunk(&mut input))).take(64).collect(),
    };
    let count = fields.chunks.len();
    let manifest = match fields.check() {
        Ok(manifest) => manifest,
        Err(error) => return assert!(!error.field.is_empty() && !error.must.is_empty()),
    };
    assert!(manifest.size() <= MAX_FILE_BYTES && manifest.chunks().len() == count);
    assert!(etag::is_strong(manifest.etag()), "{}", manifest.etag());
    assert!(is_header(manifest.media_type()) && !manifest.media_type().is_empty());
    for chunk in manifest.chunks() {
        let Source::Urls(urls) = &chunk.source else { panic!("it has URLs") };
        assert!((1..=MAX_URLS).contains(&urls.len()) && urls.iter().all(|url| is_unambiguous(url)));
        assert!(urls.iter().enumerate().all(|(at, url)| !urls[..at].contains(url)), "each URL once");
        assert!(chunk.offset.checked_add(chunk.size).is_some_and(|end| end <= MAX_FILE_BYTES));
        assert!(chunk.stored.as_ref().is_none_or(|r| r.start <= r.end && r.end <= MAX_FILE_BYTES));
    }
    let size = manifest.size();
    assert_covers(&Plan::new(manifest.into_chunks().into(), 0..size));
}

fn chunk(input: &mut Input<'_>) -> ChunkFields {
    let how = input.byte();
    let urls = usize::from(how >> 4) + usize::from(input.byte() % 4);
    let mut chunk = ChunkFields {
        urls: (0..urls).map(|_| url(input)).collect(),
        offset: input.any_number(),
        size: input.any_number(),
        range: None,
        key: input.option(|input| if how & 1 == 1 { vec![7; 32] } else { input.bytes().to_vec() }),
        gzip: how & 2 == 2,
        md5: input.option(|input| if how & 4 == 4 { vec![8; 16] } else { input.bytes().to_vec() }),
        modified: input.any_number().cast_signed(),
    };
    chunk.range = input.option(|input| {
        let start = input.any_number();
        let overhead = if chunk.key.is_some() { 28 } else { 0 };
        let fits = start.saturating_add(chunk.size).saturating_add(overhead);
        start..if how & 8 == 8 { fits } else { input.any_number() }
    });
    chunk
}

fn url(input: &mut Input<'_>) -> String {
    let text = input.text();
    if input.bit() { text } else { ["http://a/", &text].concat() }
}

/// The ranges of a URL follow one another from its start to its end.
fn ranges(input: &mut Input<'_>) {
    let size = input.any_number().min(MAX_FILE_BYTES);
    // Fewer ranges than are possible, so that it takes no time.
    let chunk_size = input.any_number().max(size / 256);
    let ranges = ranges_of("http://a/", size, chunk_size);
    assert!(ranges.len() as u64 <= MAX_RANGES);
    let mut at = 0;
    for range in &ranges {
        assert!(range.offset == at && range.size > 0 && range.stored == Some(at..at + range.size));
        at += range.size;
    }
    assert_eq!(at, size);
}
