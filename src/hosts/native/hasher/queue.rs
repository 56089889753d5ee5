//! The digests in progress, what waits of each, and what the next step works on.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
    fmt, mem,
    task::Waker,
};

use bytes::Bytes;
use kelp_stream_codec::md5::{Md5, lanes, update_all};

/// When this many bytes wait, their digests are computed: enough for eight lanes of 64 KiB, and little enough to be in
/// the cache still.
pub(super) const START: usize = 512 << 10;

/// The most bytes of one chunk in one step. A value that is awaited waits for one step at most before its own.
pub(super) const STEP: usize = 256 << 10;

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) digests: BTreeMap<u64, Waiting>,
    pub(super) next: u64,
    /// The bytes that wait, of all digests.
    pub(super) len: usize,
    /// A task was spawned and has not ended.
    pub(super) is_started: bool,
    /// A thread is in a step.
    pub(super) is_stepping: bool,
}

/// One digest, and the bytes that it does not cover yet.
#[derive(Default)]
pub(super) struct Waiting {
    /// None during a step.
    pub(super) md5: Option<Md5>,
    pub(super) pieces: VecDeque<Bytes>,
    /// The length of `pieces`.
    pub(super) len: usize,
    /// The task that awaits the value.
    pub(super) waker: Option<Waker>,
}

/// A part of the bytes of one digest, for one step.
pub(super) struct Part {
    pub(super) number: u64,
    pub(super) md5: Md5,
    pub(super) pieces: VecDeque<Bytes>,
}

impl Queue {
    pub(super) fn has_work(&self) -> bool {
        self.len >= START || self.digests.values().any(|digest| digest.waker.is_some() && digest.len > 0)
    }

    /// Takes out what the next step works on.
    pub(super) fn take(&mut self) -> Vec<Part> {
        let waiting = self.digests.iter_mut().filter(|(_, digest)| digest.len > 0);
        let mut waiting: Vec<_> = waiting.collect();
        // Of the digests that are awaited, the reader comes to the oldest one first.
        let backlog = |digest: &Waiting| if digest.waker.is_some() { usize::MAX } else { digest.len };
        waiting.sort_by_key(|(_, digest)| Reverse(backlog(digest)));
        let parts = waiting.into_iter().take(lanes()).filter_map(|(number, digest)| {
            let (md5, pieces) = (digest.md5.take()?, digest.take(STEP));
            Some(Part { number: *number, md5, pieces })
        });
        let parts: Vec<Part> = parts.collect();
        let len: usize = parts.iter().flat_map(|part| &part.pieces).map(Bytes::len).sum();
        self.len -= len;
        parts
    }

    /// Puts digests back after a step, and wakes the tasks whose values are complete.
    pub(super) fn put_back(&mut self, parts: Vec<Part>) {
        for part in parts {
            // Its owner may have dropped it meanwhile.
            let Some(digest) = self.digests.get_mut(&part.number) else { continue };
            digest.md5 = Some(part.md5);
            if digest.len == 0
                && let Some(waker) = digest.waker.take()
            {
                waker.wake();
            }
        }
    }
}

impl Waiting {
    /// Takes the first pieces, up to `max` bytes.
    fn take(&mut self, max: usize) -> VecDeque<Bytes> {
        if self.len <= max {
            self.len = 0;
            return mem::take(&mut self.pieces);
        }
        self.len -= max;
        let (mut taken, mut missing) = (VecDeque::new(), max);
        while let Some(mut piece) = self.pieces.pop_front() {
            if piece.len() > missing {
                taken.push_back(piece.split_to(missing));
                self.pieces.push_front(piece);
                break;
            }
            missing -= piece.len();
            taken.push_back(piece);
        }
        taken
    }
}

/// Advances each digest by all its pieces. No piece is empty.
pub(super) fn advance(parts: &mut [Part]) {
    loop {
        let heads = parts.iter().filter_map(|part| part.pieces.front());
        // Each digest takes as many bytes as the shortest piece has, so that all lanes are used to its end.
        let Some(len) = heads.map(Bytes::len).min() else { return };
        let heads: Vec<Option<Bytes>> = parts.iter_mut().map(|part| part.split_to(len)).collect();
        let with_head = parts.iter_mut().zip(&heads);
        let mut work: Vec<(&mut Md5, &[u8])> =
            with_head.filter_map(|(part, head)| Some((&mut part.md5, &head.as_ref()?[..]))).collect();
        update_all(&mut work);
    }
}

impl Part {
    /// Splits off the first bytes, at most those of the first piece.
    fn split_to(&mut self, len: usize) -> Option<Bytes> {
        let piece = self.pieces.front_mut()?;
        if piece.len() > len {
            return Some(piece.split_to(len));
        }
        self.pieces.pop_front()
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("len", &self.len).finish_non_exhaustive()
    }
}
