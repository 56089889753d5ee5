//! What the reader and the look-ahead wait for, and how long.

use super::stats::Waits;
use crate::{schedule::window::Head, time::Duration};

/// Who waits now, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The reader waits, for a head in this state.
    pub(super) reader: Option<Head>,
    /// The window is full, behind a head in this state.
    pub(super) window: Option<Head>,
}

/// Measures waits from change to change.
#[derive(Debug, Default)]
pub(super) struct WaitClock {
    since: Duration,
    waiting: Waiting,
}

impl WaitClock {
    /// From `now` on, this is waited for. Returns what was waited for before, if that took any time.
    pub(super) fn change(&mut self, now: Duration, waiting: Waiting) -> Option<Waited> {
        let time = now.saturating_sub(self.since);
        let before = std::mem::replace(&mut self.waiting, waiting);
        self.since = now;
        (before != Waiting::default() && !time.is_zero()).then_some(Waited { waiting: before, time })
    }
}

/// A wait that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited {
    waiting: Waiting,
    time: Duration,
}

impl Waited {
    /// Adds the wait to the totals.
    pub(super) fn add_to(self, totals: &mut Waits) {
        match self.waiting.reader {
            Some(Head::Decoding) => totals.decode += self.time,
            Some(_) => totals.network += self.time,
            None => {}
        }
        match self.waiting.window {
            Some(Head::Ready) => totals.reader += self.time,
            Some(_) => totals.budget += self.time,
            None => {}
        }
    }
}
