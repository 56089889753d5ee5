//! Chunk manifests of any numbers, written and read.

use std::{ops::Range, sync::Arc};

use kelp_stream::{
    model::chunk::{Chunk, CipherKey, Compression, Source},
    schedule::plan::{ManifestCache, Plan, PlanCursor, Upcoming},
};
use proptest::prelude::*;

use super::support;

/// Chunks as a filer may list them.
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

/// Positions that these chunks may be said to span.
pub fn span(chunks: &[Chunk]) -> Range<u64> {
    let start = chunks.iter().map(|chunk| chunk.offset).min().unwrap_or(0);
    start..chunks.iter().map(Chunk::end).max().unwrap_or(0)
}

/// Chunks of any numbers, a third of them manifests with few names.
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

/// Walks along a plan whose manifests list these, in turn; how many bytes that were, and whether
/// it came to the end.
pub fn walk(plan: Plan, lists: &[Vec<Chunk>]) -> (u128, bool) {
    let mut walk = PlanCursor::new(Arc::new(plan), ManifestCache::default());
    let mut len = 0;
    for step in 0.. {
        assert!(step < 100_000, "there is no end to it");
        match walk.peek() {
            Upcoming::View(view, chunk) => {
                assert!(view.within.end <= chunk.size && view.at - view.within.start == chunk.offset);
                assert!(view.len() > 0 && !chunk.is_manifest);
                len += u128::from(view.len());
                walk.advance();
            }
            Upcoming::Gap(gap) => {
                assert!(gap > 0, "no gap is empty");
                len += u128::from(gap);
                walk.advance();
            }
            Upcoming::Unread => {
                let (manifest, _) = walk.next_manifest(1, u64::MAX).expect("what is waited for is wanted");
                walk.mark_requested(&manifest);
                let name = manifest.source.name().len() + step;
                walk.on_manifest(&manifest.source, Ok(lists[name % lists.len()].clone().into()));
            }
            Upcoming::Failed(_) => return (len, false),
            Upcoming::End => return (len, true),
        }
    }
    unreachable!("steps are counted without end")
}
