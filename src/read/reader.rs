//! The reading half of a stream.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use futures::{Stream, ready, stream::FusedStream};

use super::shared::{Shared, State};
use crate::{
    error::{Error, Kind},
    host::{
        Host, Piece,
        event::{Event, EventKind},
    },
    schedule::{options::Holes, throttle::Throttle, window::Delivery},
};

/// A file's bytes, in order.
///
/// The stream ends (`None`) only after exactly the planned bytes. Any other end is an error, and each later
/// read returns the same error. Dropping the reader cancels every request at once.
pub struct Reader<H: Host> {
    shared: Arc<Shared<H>>,
    throttle: Option<Throttle>,
    /// Until the throttle allows more bytes.
    pause: Option<H::Sleep>,
}

/// Ends a stream from outside. A handle does not keep its stream alive.
pub struct Handle<H: Host> {
    shared: Weak<Shared<H>>,
}

impl<H: Host> Reader<H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        let throttle = shared.session.options.throttle.map(Throttle::new);
        Self { shared, throttle, pause: None }
    }

    /// Returns a handle that can end this stream.
    #[must_use]
    pub fn handle(&self) -> Handle<H> {
        Handle { shared: Arc::downgrade(&self.shared) }
    }

    /// Resolves to the number of bytes that may be read now. The end of a stream is not throttled.
    fn poll_throttle(&mut self, cx: &mut Context<'_>) -> Poll<u64> {
        let Some(throttle) = &self.throttle else {
            return Poll::Ready(u64::MAX);
        };
        loop {
            {
                let mut state = self.shared.lock();
                if state.outcome.is_some() || state.window.position() == self.shared.end {
                    return Poll::Ready(u64::MAX);
                }
                state.wakers.throttled = Some(cx.waker().clone());
            }
            if let Some(pause) = &mut self.pause {
                ready!(Pin::new(pause).poll(cx));
                self.pause = None;
            }
            match throttle.grant(self.shared.host.now()) {
                Ok(max_bytes) => return Poll::Ready(max_bytes),
                Err(wait) => self.pause = Some(self.shared.host.sleep(wait)),
            }
        }
    }

    /// The position in the file of the next byte.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.shared.lock().window.position()
    }
}

impl<H: Host> Handle<H> {
    /// Makes the stream fail with this error, unless it has ended, and cancels its requests.
    pub fn fail(&self, error: Error) {
        if let Some(shared) = self.shared.upgrade() {
            shared.end(Err(error));
        }
    }

    /// Whether the stream has ended, or its reader was dropped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.upgrade().is_none_or(|shared| shared.lock().outcome.is_some())
    }
}

impl<H: Host> Stream for Reader<H> {
    type Item = Result<H::Piece, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let max_bytes = ready!(self.poll_throttle(cx));
        let shared = Arc::clone(&self.shared);
        let (poll, events) = shared.with(|state| read(&shared, state, max_bytes, cx));
        if let (Some(throttle), Poll::Ready(Some(Ok(piece)))) = (&mut self.throttle, &poll) {
            throttle.record(piece.len() as u64, shared.host.now());
        }
        for event in events.into_iter().flatten() {
            shared.emit(event);
        }
        poll
    }
}

impl<H: Host> FusedStream for Reader<H> {
    fn is_terminated(&self) -> bool {
        matches!(self.shared.lock().outcome, Some(Ok(())))
    }
}

impl<H: Host> Drop for Reader<H> {
    fn drop(&mut self) {
        self.shared.end(Ok(()));
    }
}

impl<H: Host> fmt::Debug for Reader<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl<H: Host> fmt::Debug for Handle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// What a read returns, and the events to report once the lock is released.
type Read<P> = (Poll<Option<Result<P, Error>>>, [Option<Event>; 2]);

fn read<H: Host>(
    shared: &Shared<H>,
    state: &mut State<H::Piece>,
    max_bytes: u64,
    cx: &mut Context<'_>,
) -> Read<H::Piece> {
    match &state.outcome {
        Some(Ok(())) => return (Poll::Ready(None), [None, None]),
        Some(Err(error)) => return (Poll::Ready(Some(Err(error.clone()))), [None, None]),
        None => {}
    }
    if !state.admission.is_reading {
        state.admission.is_reading = true;
        state.wakers.wake_driver();
    }
    state.wakers.reader = None;
    match state.window.deliver(max_bytes) {
        Delivery::Piece { piece, index, source } => {
            state.on_read(piece.len() as u64, shared.host.now());
            let event = Event { chunk: Some(source), ..delivered(shared, index, piece.len()) };
            (Poll::Ready(Some(Ok(piece))), [Some(event), None])
        }
        Delivery::Zeros { len, index, gap } => read_hole(shared, state, len, index, gap),
        Delivery::Wait => {
            state.read_rate.on_stall(shared.host.now());
            state.wakers.reader = Some(cx.waker().clone());
            (Poll::Pending, [None, None])
        }
        Delivery::End if state.window.position() == shared.end => {
            state.end(Ok(()));
            (Poll::Ready(None), [Some(Event { kind: EventKind::End, ..Event::default() }), None])
        }
        Delivery::End => {
            let at = state.window.position();
            fail(state, Error::new(Kind::Internal, "the plan ended before the range").at(at), None)
        }
        Delivery::Failed(error) => fail(state, error, None),
    }
}

/// The next zeros of a hole. `hole_len`: how long the hole is, at its start.
fn read_hole<H: Host>(
    shared: &Shared<H>,
    state: &mut State<H::Piece>,
    len: usize,
    index: usize,
    hole_len: Option<u64>,
) -> Read<H::Piece> {
    let hole = hole_len.map(|bytes| Event { bytes: Some(bytes), ..event(EventKind::Hole, index) });
    if let Some(bytes) = hole_len {
        if shared.session.options.holes == Holes::Error {
            let at = state.window.position() - len as u64;
            return fail(state, Error::new(Kind::Hole, "no chunk holds these bytes").at(at), hole);
        }
        let mut stats = shared.session.stats.lock();
        stats.holes += 1;
        stats.hole_bytes += bytes;
    }
    state.on_read(len as u64, shared.host.now());
    let event = delivered(shared, index, len);
    (Poll::Ready(Some(Ok(shared.host.zeros(len)))), [hole, Some(event)])
}

fn delivered<H: Host>(shared: &Shared<H>, index: usize, len: usize) -> Event {
    shared.session.stats.lock().bytes_delivered += len as u64;
    Event { bytes: Some(len as u64), ..event(EventKind::Delivered, index) }
}

fn event(kind: EventKind, index: usize) -> Event {
    Event { kind, index: Some(index), ..Event::default() }
}

/// Ends the stream with an error, after this event.
fn fail<P: Piece>(state: &mut State<P>, error: Error, before: Option<Event>) -> Read<P> {
    let end = Event { kind: EventKind::End, reason: Some(error.kind().code()), ..Event::default() };
    state.end(Err(error.clone()));
    (Poll::Ready(Some(Err(error))), [before, Some(end)])
}
