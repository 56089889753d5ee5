//! The body of a server that ignores `Range`: the views of a stream take their bytes from it one after another.
//!
//! Such a server sends the whole in response to each range, so a request for each view would transfer the file many
//! times. Each request for a range of a URL therefore has a [`Claim`]. When a response shows that the server ignores
//! `Range`, the earliest view keeps its body, and the others drop theirs and wait. A view that has its bytes parks the
//! body, which stands at the first byte behind them, and the next view continues it. A view whose bytes are before
//! that position sends a request of its own.
//!
//! A view waits only for views that are before it both in the file and in the blob. The view that the reader waits for
//! is never behind one of them, so no view waits for one that waits for room in the window.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use futures::Stream;

use crate::{
    host::{FetchError, Host, Piece},
    schedule::view::{Part, ResponseStart},
};

/// The body that one view has left for the next, and the views that read from one or wait for it.
pub(super) struct SharedBodies<H: Host>(Mutex<State<H>>);

struct State<H: Host> {
    claims: Vec<Arc<Part>>,
    /// One at most: an idle connection for each URL would be too many.
    parked: Option<Parked<H>>,
    waiting: Vec<Waker>,
}

/// A body that a view has left.
struct Parked<H: Host> {
    url: String,
    head: ResponseStart,
    source: Source<H>,
}

/// The rest of a body.
struct Source<H: Host> {
    body: H::Body,
    /// What the view before did not need of its last piece.
    rest: Option<H::Piece>,
}

/// A request for a part. Dropping it lets the views go on that wait for it.
pub(super) struct Claim<H: Host> {
    bodies: Arc<SharedBodies<H>>,
    part: Arc<Part>,
}

/// The body of a view. It ends where the view ends, if another view may continue it.
pub(super) struct ViewBody<H: Host> {
    source: Option<Source<H>>,
    shared: Option<(Claim<H>, ResponseStart)>,
}

impl<H: Host> SharedBodies<H> {
    pub(super) fn claim(self: &Arc<Self>, part: Part) -> Claim<H> {
        let part = Arc::new(part);
        self.lock().claims.push(Arc::clone(&part));
        Claim { bodies: Arc::clone(self), part }
    }

    /// Drops the body that no view has continued.
    pub(super) fn clear(&self) {
        let parked = self.lock().parked.take();
        // Not under the lock: a platform may call the user when a request is aborted.
        drop(parked);
    }

    fn lock(&self) -> MutexGuard<'_, State<H>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Host> Default for SharedBodies<H> {
    fn default() -> Self {
        Self(Mutex::new(State { claims: Vec::new(), parked: None, waiting: Vec::new() }))
    }
}

impl<H: Host> Claim<H> {
    /// Waits for the views before this one; then the body that the last of them left, if it can be continued.
    pub(super) async fn turn(self) -> Result<(ResponseStart, ViewBody<H>), Self> {
        let parked = poll_fn(|cx| self.poll_turn(cx)).await;
        self.take(parked)
    }

    /// A response shows that the server ignores `Range`. If no view is before this one, the body is that of the view;
    /// a body that was left is nearer to its bytes. Else the claim is returned.
    pub(super) fn keep(
        self,
        head: ResponseStart,
        body: H::Body,
    ) -> Result<(ResponseStart, ViewBody<H>), Self> {
        match self.poll_turn(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(None) => {
                let source = Source { body, rest: None };
                Ok((head.clone(), ViewBody { source: Some(source), shared: Some((self, head)) }))
            }
            Poll::Ready(parked) => self.take(parked),
            Poll::Pending => Err(self),
        }
    }

    fn take(self, parked: Option<Parked<H>>) -> Result<(ResponseStart, ViewBody<H>), Self> {
        let Some(Parked { head, source, .. }) = parked else { return Err(self) };
        Ok((head.clone(), ViewBody { source: Some(source), shared: Some((self, head)) }))
    }

    fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<Option<Parked<H>>> {
        let mut state = self.bodies.lock();
        if state.claims.iter().any(|other| other.is_before(&self.part)) {
            if !state.waiting.iter().any(|known| known.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        }
        let Part { url, start, .. } = &*self.part;
        Poll::Ready(state.parked.take_if(|parked| parked.url == *url && parked.head.at <= *start))
    }
}

impl<H: Host> Drop for Claim<H> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.bodies.lock();
            state.claims.retain(|claim| !Arc::ptr_eq(claim, &self.part));
            mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<H: Host> ViewBody<H> {
    /// A body that no other view continues.
    pub(super) fn own(body: H::Body) -> Self {
        Self { source: Some(Source { body, rest: None }), shared: None }
    }

    /// The next piece. A body that another view may continue ends with the bytes of this one.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<H::Piece, FetchError>>> {
        if self.shared.as_ref().is_some_and(|(claim, head)| head.at >= claim.part.end) {
            self.park();
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let piece = match source.rest.take() {
            Some(rest) => Some(Ok(rest)),
            None => ready!(Pin::new(&mut source.body).poll_next(cx)),
        };
        let Some((claim, head)) = &mut self.shared else { return Poll::Ready(piece) };
        let mut piece = match piece {
            Some(Ok(piece)) => piece,
            ended => return Poll::Ready(ended),
        };
        let room = claim.part.end.saturating_sub(head.at);
        if room < piece.len() as u64 {
            let needed = piece.split_to(room as usize);
            source.rest = Some(mem::replace(&mut piece, needed));
        }
        head.at += piece.len() as u64;
        Poll::Ready(Some(Ok(piece)))
    }

    /// Leaves the body for the next view.
    fn park(&mut self) {
        let (Some(source), Some((claim, head))) = (self.source.take(), self.shared.take()) else { return };
        let parked = Parked { url: claim.part.url.clone(), head, source };
        let before = claim.bodies.lock().parked.replace(parked);
        drop(before);
    }
}
