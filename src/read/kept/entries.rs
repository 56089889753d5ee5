//! The chunks that are kept, and which of them goes first.

use std::ops::Range;

use super::{copies::copied, identity::Identity};
use crate::{host::Piece, read::stats::StatsHandle};

/// The most chunks that are kept, so that tiny ones do not make a long list.
const MAX_ENTRIES: usize = 512;

/// Decoded chunks, the least recently used one first.
///
/// A chunk that was read once from its start to its end is not likely to be read again: it goes before the others, and
/// no other one goes for it. So a stream that runs through a whole file fills free room at most.
pub(super) struct Entries<P> {
    max_bytes: u64,
    bytes: u64,
    list: Vec<Entry<P>>,
}

struct Entry<P> {
    identity: Identity,
    pieces: Vec<P>,
    /// How far it has been read from its start without a jump.
    read_to: u64,
}

impl<P: Piece> Entry<P> {
    fn on_read(&mut self, within: &Range<u64>) {
        let goes_on = within.start == 0 || within.start == self.read_to;
        self.read_to = if goes_on { within.end } else { 0 };
    }

    fn is_read_through(&self) -> bool {
        self.read_to >= self.identity.len()
    }
}

impl<P> Entries<P> {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, bytes: 0, list: Vec::new() }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl<P: Piece> Entries<P> {
    /// A copy of these bytes of a chunk.
    pub(super) fn get(&mut self, wanted: &Identity, within: &Range<u64>) -> Option<Vec<P>> {
        let at = self.list.iter().position(|entry| entry.identity.serves(wanted))?;
        let mut entry = self.list.remove(at);
        entry.on_read(within);
        let copies = copied(&entry.pieces, within);
        self.list.push(entry);
        Some(copies)
    }

    /// Keeps a chunk of which these bytes are read; returns a copy of them, or the pieces if there is no room.
    pub(super) fn insert(
        &mut self,
        identity: Identity,
        within: &Range<u64>,
        pieces: Vec<P>,
    ) -> Result<Vec<P>, Vec<P>> {
        let len = identity.len();
        let mut entry = Entry { identity, pieces: Vec::new(), read_to: 0 };
        entry.on_read(within);
        // Another read may have kept it meanwhile, or before it was verified.
        self.drop_if(&|known| entry.identity.serves(known));
        while self.bytes.saturating_add(len) > self.max_bytes || self.list.len() >= MAX_ENTRIES {
            let read_through = self.list.iter().position(Entry::is_read_through);
            if len > self.max_bytes || self.list.is_empty() || entry.is_read_through() {
                return Err(pieces);
            }
            self.bytes -= self.list.remove(read_through.unwrap_or(0)).identity.len();
        }
        let copies = copied(&pieces, within);
        entry.pieces = pieces.into_iter().map(Piece::compact).collect();
        self.bytes += len;
        self.list.push(entry);
        Ok(copies)
    }

    /// Drops what only this file could use.
    pub(super) fn forget(&mut self, file: &StatsHandle) {
        self.drop_if(&|known| known.is_of(file) && !known.is_for_all_files());
    }

    /// Drops everything, and keeps nothing from now on.
    pub(super) fn close(&mut self) {
        self.max_bytes = 0;
        self.drop_if(&|_| true);
    }

    fn drop_if(&mut self, is_dropped: &dyn Fn(&Identity) -> bool) {
        let Self { list, bytes, .. } = self;
        list.retain(|entry| {
            let is_dropped = is_dropped(&entry.identity);
            *bytes -= if is_dropped { entry.identity.len() } else { 0 };
            !is_dropped
        });
    }
}
