//! The counters of a window.

/// What a window has in flight and in memory.
///
/// The window never changes these numbers one by one. It asks a slot or a manifest for its share before and
/// after a change ([`Share`]), and replaces the one by the other, so the sums cannot drift apart from the
/// slots.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally(Share);

/// What one view or chunk manifest contributes to a [`Tally`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    /// Fetched, decoded or digested at this time.
    pub(super) in_flight: usize,
    /// Decoded at this time, so no server is busy with it.
    pub(super) decoding: usize,
    /// In flight, but its digest is being computed, so no server is busy with it.
    pub(super) digesting: usize,
    /// In flight, but no server is asked for it: it waits for its turn at a host, or pauses.
    pub(super) idle: usize,
    /// In flight at a server, and no response has begun.
    pub(super) awaited: usize,
    /// Bytes held or promised.
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn total(&self) -> Share {
        self.0
    }

    pub(super) fn add(&mut self, share: Share) {
        self.0.in_flight += share.in_flight;
        self.0.decoding += share.decoding;
        self.0.digesting += share.digesting;
        self.0.idle += share.idle;
        self.0.awaited += share.awaited;
        self.0.bytes += share.bytes;
    }

    pub(super) fn replace(&mut self, before: Share, after: Share) {
        self.remove(before);
        self.add(after);
    }

    pub(super) fn remove(&mut self, share: Share) {
        self.0.in_flight -= share.in_flight;
        self.0.decoding -= share.decoding;
        self.0.digesting -= share.digesting;
        self.0.idle -= share.idle;
        self.0.awaited -= share.awaited;
        self.0.bytes -= share.bytes;
    }
}
