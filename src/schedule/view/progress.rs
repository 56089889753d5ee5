//! How far a view has come: pure counting, in bytes of the decoded chunk.
//!
//! A view needs the range `needed` of its chunk. Bytes come in file order, so two numbers say what
//! has arrived: how many bytes of the view went to the window (`delivered`), and how many bytes of
//! the chunk the checksum covers (`digested`). A checksum starts at the first byte of the chunk, so
//! it may be ahead of the view (the view starts later) or go on after it (the view ends earlier).
//!
//! ```text
//!  chunk      0 ─────────────────────────────────── 100
//!  needed               40 ─────────── 80
//!  digested   0 ─────────────── 60                        delivered: 20
//! ```

use std::ops::Range;

/// What has arrived of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    needed: Range<u64>,
    delivered: u64,
    /// Bytes of the view that wait for the checksum to match.
    held_back: u64,
    /// Bytes of the chunk under the checksum; `None` without a checksum.
    digested: Option<u64>,
}

impl Progress {
    /// Nothing has arrived of the range `needed`.
    pub(crate) fn new(needed: Range<u64>, has_checksum: bool) -> Self {
        Self { needed, delivered: 0, held_back: 0, digested: has_checksum.then_some(0) }
    }

    /// Back to the start, because nothing of the view has reached the reader.
    pub(crate) fn restart(&mut self) {
        (self.delivered, self.held_back) = (0, 0);
        self.digested = self.digested.map(|_| 0);
    }

    /// These bytes of the view went to the window.
    pub(crate) fn deliver(&mut self, bytes: u64) {
        self.delivered += bytes;
    }

    /// These bytes of the view are the last ones and wait for the checksum.
    pub(crate) fn hold_back(&mut self, bytes: u64) {
        self.held_back = bytes;
    }

    /// The bytes that were held back went to the window.
    pub(crate) fn release(&mut self) {
        self.delivered += std::mem::take(&mut self.held_back);
    }

    /// The bytes that were held back are dropped: they may not be those of the chunk.
    pub(crate) fn drop_held(&mut self) {
        self.held_back = 0;
    }

    /// From now on a checksum covers the chunk from its first byte, or none does.
    pub(crate) fn set_checksum(&mut self, has_checksum: bool) {
        self.digested = has_checksum.then_some(0);
    }

    /// The checksum covers these bytes more.
    pub(crate) fn digest(&mut self, bytes: u64) {
        self.digested = self.digested.map(|digested| digested + bytes);
    }

    /// Bytes of the chunk under the checksum; `None` without a checksum.
    pub(crate) fn digested(&self) -> Option<u64> {
        self.digested
    }

    /// Bytes of the view that have arrived.
    pub(crate) fn arrived(&self) -> u64 {
        self.delivered + self.held_back
    }

    /// Bytes of the view that did not go to the window yet.
    pub(crate) fn left(&self) -> u64 {
        self.len().saturating_sub(self.delivered)
    }

    /// Bytes of the whole view.
    pub(crate) fn len(&self) -> u64 {
        self.needed.end.saturating_sub(self.needed.start)
    }

    /// Whether every byte of the view has arrived.
    pub(crate) fn has_view(&self) -> bool {
        self.arrived() >= self.len()
    }

    /// The largest of the counts: it grows with every byte that helps.
    pub(crate) fn farthest(&self) -> u64 {
        self.delivered.max(self.digested.unwrap_or(0))
    }

    /// Whether anything has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.farthest() > 0
    }

    /// Where the bytes of the view begin that have not arrived.
    pub(crate) fn next_of_view(&self) -> u64 {
        self.needed.start + self.arrived()
    }

    /// The first byte of the chunk that a new request has to bring.
    pub(crate) fn resume_at(&self) -> u64 {
        self.digested.unwrap_or(self.needed.start + self.delivered)
    }

    /// The first byte of the chunk that a hedge has to bring. It may repeat some: what the first
    /// request brings until the hedge wins is not known yet.
    pub(crate) fn hedge_at(&self) -> u64 {
        match (self.delivered, self.digested) {
            // The checksum starts before the view.
            (0, Some(_)) => 0,
            // Or it was begun after bytes of the view had arrived.
            (delivered, Some(digested)) => digested.min(self.needed.start + delivered),
            (delivered, None) => self.needed.start + delivered,
        }
    }

    /// The part of the chunk that the view needs.
    pub(crate) fn needed(&self) -> &Range<u64> {
        &self.needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_checksum_a_request_resumes_in_the_view() {
        let mut progress = Progress::new(40..80, false);
        assert_eq!((progress.resume_at(), progress.has_begun()), (40, false));
        progress.digest(10);
        progress.deliver(15);
        assert_eq!((progress.resume_at(), progress.hedge_at(), progress.left()), (55, 55, 25));
        assert_eq!((progress.digested(), progress.farthest()), (None, 15));
    }

    #[test]
    fn with_a_checksum_a_request_resumes_where_the_checksum_is() {
        let mut progress = Progress::new(40..80, true);
        assert_eq!((progress.resume_at(), progress.hedge_at()), (0, 0));
        progress.digest(60);
        assert_eq!((progress.resume_at(), progress.hedge_at(), progress.has_begun()), (60, 0, true));
        progress.deliver(20);
        assert_eq!((progress.resume_at(), progress.hedge_at(), progress.next_of_view()), (60, 60, 60));
    }

    #[test]
    fn the_last_bytes_are_here_before_they_are_delivered() {
        let mut progress = Progress::new(0..10, true);
        progress.digest(10);
        progress.deliver(4);
        progress.hold_back(6);
        assert_eq!((progress.has_view(), progress.delivered, progress.left()), (true, 4, 6));
        progress.release();
        assert_eq!((progress.has_view(), progress.delivered, progress.left()), (true, 10, 0));
    }

    #[test]
    fn a_restart_keeps_what_is_needed_and_nothing_else() {
        let mut progress = Progress::new(2..10, true);
        progress.digest(10);
        progress.hold_back(8);
        progress.restart();
        assert_eq!(progress, Progress::new(2..10, true));
    }
}
