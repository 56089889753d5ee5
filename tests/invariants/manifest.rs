//! Random chunk manifests.

use std::ops::Range;

use kelp_stream::{
    model::chunk::{Chunk, CipherKey, Compression, Source},
    schedule::plan::{ManifestCache, Plan, PlanCursor, Upcoming},
};
use proptest::prelude::*;

use super::support;

/// A chunk as a filer may list it.
pub fn listed() -> impl Strategy<Value = Chunk> {
    let id = (any::<u32>(), 1..u64::MAX, any::<u32>()).prop_map(|(volume, key, cookie)| {
        let digits = (8 - key.leading_zeros() as usize / 8) * 2;
        format!("{volume},{key:0digits$x}{cookie:08x}")
    });
    let key = prop::option::of(any::<[u8; 32]>());
    let size = prop_oneof![0..100_u64, 0..1_u64 << 62];
    let flags = (any::<bool>(), any::<bool>());
    (id, 0..1_u64 << 62, size, any::<i64>(), prop::option::of(any::<[u8; 16]>()), key, flags).prop_map(
        |(id, offset, size, modified, md5, key, (packed, is_manifest))| Chunk {
            source: Source::FileId(id.into()),
            modified,
            md5,
            compression: match (packed, &key) {
                (false, _) => Compression::None,
                (true, Some(_)) => Compression::Gzip,
                (true, None) => Compression::ByServer,
            },
            key: key.and_then(|key| CipherKey::new(&key)),
            is_manifest: is_manifest && size > 0,
            ..support::plain(&[], offset, size)
        },
    )
}

/// The positions that these chunks span.
pub fn span(chunks: &[Chunk]) -> Range<u64> {
    let start = chunks.iter().map(|chunk| chunk.offset).min().unwrap_or(0);
    start..chunks.iter().map(Chunk::end).max().unwrap_or(0)
}

/// Chunks of any numbers; a third of them are manifests, with one of four names.
pub fn any_chunks(most: usize) -> impl Strategy<Value = Vec<Chunk>> {
    let number = || prop_oneof![0..100_u64, any::<u64>()];
    let chunk = (number(), number(), any::<i64>(), prop::option::weighted(0.3, 0..4_u8));
    let chunk = chunk.prop_map(|(offset, size, modified, name)| Chunk {
        source: Source::FileId(format!("1,0{}00000000", name.unwrap_or(9)).into()),
        modified,
        is_manifest: name.is_some(),
        ..support::plain(&[], offset, size)
    });
    prop::collection::vec(chunk, 0..most)
}

/// Moves a cursor along a plan whose manifests list these chunks, in turn. Returns the bytes of its steps,
/// and whether it reached the end.
pub fn walk(plan: Plan, lists: &[Vec<Chunk>]) -> (u128, bool) {
    let mut cursor = PlanCursor::new(&plan, ManifestCache::default());
    let mut len = 0;
    for step in 0.. {
        assert!(step < 100_000, "the cursor does not reach an end");
        match cursor.peek() {
            Upcoming::View(view, chunk) => {
                assert!(view.within.end <= chunk.size && view.at - view.within.start == chunk.offset);
                assert!(view.len() > 0 && !chunk.is_manifest);
                len += u128::from(view.len());
                cursor.advance();
            }
            Upcoming::Gap(gap) => {
                assert!(gap > 0, "no hole is empty");
                len += u128::from(gap);
                cursor.advance();
            }
            Upcoming::Unread => {
                let (manifest, _) = cursor
                    .next_manifest(1, u64::MAX)
                    .expect("the cursor names the manifest that it waits for");
                cursor.mark_requested(&manifest);
                let name = manifest.source.name().len() + step;
                cursor.on_manifest(&manifest.source, Ok(lists[name % lists.len()].clone().into()));
            }
            Upcoming::Busy => {}
            Upcoming::Failed(_) => return (len, false),
            Upcoming::End => return (len, true),
        }
    }
    unreachable!("steps are counted without end")
}
