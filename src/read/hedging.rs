//! Which views of a stream are overdue, and which fetches wait to hear so.

use std::task::{Context, Poll, Waker};

use crate::{
    host::Piece,
    schedule::{pool::Pool, view::HedgeWatch, window::Window},
    time::Duration,
};

/// The hedge watch of a stream, and the wakers of the fetches that it may concern.
#[derive(Debug, Default)]
pub(super) struct Hedging {
    pub(super) watch: HedgeWatch,
    wakers: Vec<(usize, Waker)>,
}

impl Hedging {
    /// Resolves once a view is overdue.
    pub(super) fn poll_overdue(&mut self, index: usize, cx: &Context<'_>) -> Poll<()> {
        if self.watch.take_overdue(index) {
            return Poll::Ready(());
        }
        // In file order, so that the view that the reader waits for hedges first.
        match self.wakers.binary_search_by_key(&index, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, waker)) = self.wakers.get_mut(at) {
                    waker.clone_from(cx.waker());
                }
            }
            Err(at) => self.wakers.insert(at, (index, cx.waker().clone())),
        }
        Poll::Pending
    }

    /// Nothing is expected for a view any more.
    pub(super) fn forget(&mut self, index: usize) {
        self.watch.forget(index);
        self.wakers.retain(|(known, _)| *known != index);
    }

    /// Wakes the fetches of views that are overdue; returns when to check again, if there is a reason to.
    pub(super) fn check<P: Piece>(
        &mut self,
        window: &Window<P>,
        pool: &Pool,
        now: Duration,
    ) -> Option<Duration> {
        let next = self.watch.check(window, pool, now);
        let watch = &self.watch;
        self.wakers.retain(|(index, waker)| {
            let is_overdue = watch.is_overdue(*index);
            if is_overdue {
                waker.wake_by_ref();
            }
            !is_overdue
        });
        next
    }
}
