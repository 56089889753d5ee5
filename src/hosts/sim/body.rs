//! The body of a simulated response.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;

use super::{clock::Sleep, content::Content, open_request::OpenRequest, script::Outcome};
use crate::host::FetchError;

/// A body that arrives as its script says or, behind a link, as the link allows.
#[derive(Debug)]
pub struct Body {
    pub(super) content: Content,
    pub(super) outcome: Outcome,
    /// When the headers arrived.
    pub(super) start: Duration,
    pub(super) rate: Option<u64>,
    pub(super) piece: usize,
    /// Bytes that have arrived.
    pub(super) sent: usize,
    pub(super) timer: Option<Sleep>,
    pub(super) request: OpenRequest,
}

impl Body {
    /// What happens after the last byte.
    fn end(&mut self) -> Poll<Option<Result<Bytes, FetchError>>> {
        match self.outcome {
            Outcome::Stall(_) => Poll::Pending,
            Outcome::Cut(_) => {
                self.request.is_complete = true;
                Poll::Ready(Some(Err(FetchError { cause: None })))
            }
            _ => {
                self.request.is_complete = true;
                Poll::Ready(None)
            }
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.content.len() == 0 {
            return self.end();
        }
        if let Some(lease) = &self.request.lease {
            let mut state = self.request.world.lock();
            let now = state.clock.now();
            let Some(n) = state.network.take_piece(lease, now, cx.waker()) else {
                return Poll::Pending;
            };
            drop(state);
            return Poll::Ready(Some(Ok(self.content.split_to(n))));
        }
        let n = self.piece.min(usize::try_from(self.content.len()).unwrap_or(usize::MAX));
        if let Some(rate) = self.rate {
            let due = self.start + Duration::from_secs_f64((self.sent + n) as f64 / rate as f64);
            let clock = self.request.world.clock();
            let timer = self.timer.get_or_insert_with(|| clock.sleep_until(due));
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
        let piece = self.content.split_to(n);
        self.sent += piece.len();
        Poll::Ready(Some(Ok(piece)))
    }
}
