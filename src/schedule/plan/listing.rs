//! Lists of chunks, and the place of a chunk in them.

use std::{
    cmp::Ordering,
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::model::chunk::Chunk;

/// A list of chunks: that of the file, or that of a chunk manifest at one of the places where it is listed.
#[derive(Debug)]
pub(super) struct List {
    pub(super) chunks: Arc<[Chunk]>,
    /// The positions of the file for which the list counts.
    pub(super) clip: Range<u64>,
    /// Where the manifest is listed: its index in the list of the file, its index in the manifest of that
    /// index, and so on. Empty for the list of the file.
    pub(super) path: Box<[u32]>,
    /// Whether its chunks come in the order of their positions, once that is known. Then the sweep takes them one by
    /// one.
    pub(super) is_sorted: OnceLock<bool>,
}

impl List {
    pub(super) fn new(chunks: Arc<[Chunk]>, clip: Range<u64>, path: Box<[u32]>) -> Arc<Self> {
        Arc::new(Self { chunks, clip, path, is_sorted: OnceLock::new() })
    }

    pub(super) fn is_sorted(&self) -> bool {
        self.is_sorted.get().is_some_and(|is_sorted| *is_sorted)
    }
}

/// A chunk of a list, with the positions that it holds and for which the list counts.
#[derive(Clone, Debug)]
pub(super) struct Item {
    list: Arc<List>,
    index: u32,
    /// The position at which the sweep comes to it.
    pub(super) start: u64,
    pub(super) end: u64,
    /// The version of the chunk, here because it is compared often.
    modified: i64,
}

impl Item {
    /// The chunk with this index, unless it holds none of the positions of the list from `at` on.
    pub(super) fn new(list: &Arc<List>, index: usize, at: u64) -> Option<Self> {
        let chunk = list.chunks.get(index)?;
        let start = chunk.offset.max(list.clip.start).max(at);
        let end = chunk.end().min(list.clip.end);
        let index = u32::try_from(index).ok()?;
        let modified = chunk.modified;
        (start < end).then(|| Self { list: Arc::clone(list), index, start, end, modified })
    }

    /// The same chunk, as if it started here.
    pub(super) fn starting_at(self, start: u64) -> Self {
        Self { start, ..self }
    }

    #[expect(clippy::indexing_slicing, reason = "the index was looked up when the item was made")]
    pub(super) fn chunk(&self) -> &Chunk {
        &self.list.chunks[self.index as usize]
    }

    pub(super) fn list(&self) -> &Arc<List> {
        &self.list
    }

    /// The index of the chunk in its list.
    pub(super) fn index(&self) -> usize {
        self.index as usize
    }

    /// Whether the chunk is listed by the file itself.
    pub(super) fn is_of_file(&self) -> bool {
        self.list.path.is_empty()
    }

    /// Whether both are the same chunk of the same list.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.index == other.index && Arc::ptr_eq(&self.list, &other.list)
    }

    /// The path of the list of this manifest.
    pub(super) fn path(&self) -> Box<[u32]> {
        self.place().collect()
    }

    fn place(&self) -> impl Iterator<Item = u32> + '_ {
        self.list.path.iter().copied().chain([self.index])
    }

    /// Compares the places in the lists: what a manifest lists takes the place of the manifest.
    fn cmp_place(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.list, &other.list) {
            return self.index.cmp(&other.index);
        }
        self.place().cmp(other.place())
    }
}

/// A key of a heap, whose greatest one comes first.
macro_rules! ordered {
    ($(#[$doc:meta])* $name:ident, |$a:ident, $b:ident| $cmp:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(super) struct $name(pub(super) Item);

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                #[cfg(test)]
                COMPARISONS.with(|count| count.set(count.get() + 1));
                let ($a, $b) = (&self.0, &other.0);
                $cmp
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $name {}
    };
}

ordered! {
    /// The first start comes first; of equal ones, the last in the lists.
    ByStart, |a, b| b.start.cmp(&a.start).then_with(|| a.cmp_place(b))
}

ordered! {
    /// The last in the lists comes first.
    ByPlace, |a, b| a.cmp_place(b)
}

ordered! {
    /// The chunk that hides the others comes first.
    ByVersion, |a, b| a.modified.cmp(&b.modified).then_with(|| a.cmp_place(b))
}

#[cfg(test)]
thread_local! {
    /// How many keys were compared.
    pub(super) static COMPARISONS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
