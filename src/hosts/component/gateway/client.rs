//! Waits for a client, as long as it is not too slow.

use std::{future::Future, pin::pin};

use futures::future::{Either, select};

use super::contents::Contents;
use crate::hosts::{
    component::clock::{self, Sleep},
    gateway::patience::Patience,
};

/// The client of a response.
pub(super) struct Client {
    pub(super) patience: Patience,
}

impl Client {
    /// Waits until the client can take more, or has taken what it was given. If it is stalled, the contents give back what
    /// they hold. `None` if it is too slow.
    pub(super) async fn wait<T>(
        &mut self,
        ready: impl Future<Output = T>,
        contents: &mut Contents,
    ) -> Option<T> {
        let mut ready = pin!(ready);
        loop {
            let since = clock::now();
            let stall = Sleep::new(self.patience.stall);
            let outcome = select(ready.as_mut(), stall).await;
            let may_go_on = self.patience.wait(clock::now().saturating_sub(since));
            match outcome {
                Either::Left((value, _)) => return may_go_on.then_some(value),
                Either::Right(_) if may_go_on => contents.suspend(),
                Either::Right(_) => return None,
            }
        }
    }

    /// Counts bytes that the client took.
    pub(super) fn took(&mut self, bytes: usize, contents: &mut Contents) {
        self.patience.take(bytes as u64);
        contents.count(bytes as u64);
    }
}
