//! Which views of a stream are overdue. `hedge` decides what follows.

use super::io::Expectation;
use crate::{
    host::Piece,
    schedule::{idle_timer::LATE, pool::Pool, window::Window},
    time::Duration,
};

/// Expectations are checked at least this often. A check for each piece would cost too much.
pub(crate) const CHECK_AGAIN: Duration = Duration::from_millis(25);

/// This many steps of the plan, from the reader on, may be hedged.
const STEPS_AHEAD: usize = 8;

/// The expectations of a stream's views. It finds the views that are overdue.
#[derive(Debug, Default)]
pub(crate) struct HedgeWatch {
    /// By place in the plan.
    expectations: Vec<(usize, Expectation)>,
    overdue: Vec<usize>,
    /// When the next check is due.
    next: Option<Duration>,
}

impl HedgeWatch {
    /// From now on this is expected for a view.
    pub(crate) fn expect(&mut self, index: usize, expectation: Expectation) {
        self.expectations.retain(|(known, _)| *known != index);
        let at = self.expectations.partition_point(|(known, _)| *known < index);
        self.expectations.insert(at, (index, expectation));
    }

    /// Nothing is expected for a view any more.
    pub(crate) fn forget(&mut self, index: usize) {
        self.expectations.retain(|(known, _)| *known != index);
        self.overdue.retain(|known| *known != index);
    }

    /// Finds the views that are overdue, of those that hold up the reader; returns when to check
    /// again, or `None` if no such view has an expectation.
    pub(crate) fn check<P: Piece>(
        &mut self,
        window: &Window<P>,
        pool: &Pool,
        now: Duration,
    ) -> Option<Duration> {
        if let Some(due) = self.next.take()
            && now.saturating_sub(due) >= LATE
        {
            // The page was asleep, which makes no server late.
            let awaited = self.expectations.iter_mut().map(|(_, expectation)| &mut expectation.since);
            awaited.filter(|since| **since <= due).for_each(|since| *since += now.saturating_sub(due));
        }
        let mut next = None;
        let overdue = &mut self.overdue;
        let has_slow = !self.expectations.is_empty() && pool.judge(now);
        self.expectations.retain(|(index, Expectation { host, since, bytes })| {
            // What is known needs no hedge: all that waits for a slow host is had elsewhere, the head first.
            if has_slow && pool.is_slow(host, *since, *bytes, now) {
                overdue.push(*index);
                return false;
            }
            if !window.holds_up_reader(*index, STEPS_AHEAD) {
                return true;
            }
            let next = next.get_or_insert(now + CHECK_AGAIN);
            // As long as nothing is known of any host, nothing is overdue.
            let Some(delay) = pool.hedge_delay(host, *bytes) else { return true };
            let due = since.saturating_add(delay);
            if due > now {
                *next = due.min(*next);
                return true;
            }
            pool.on_late(host, now.saturating_sub(*since), now);
            overdue.push(*index);
            false
        });
        self.next = next;
        next
    }

    /// Whether a view is overdue.
    pub(crate) fn is_overdue(&self, index: usize) -> bool {
        self.overdue.contains(&index)
    }

    /// Whether a view is overdue, which is reported once.
    pub(crate) fn take_overdue(&mut self, index: usize) -> bool {
        let at = self.overdue.iter().position(|known| *known == index);
        at.map(|at| self.overdue.swap_remove(at)).is_some()
    }
}
