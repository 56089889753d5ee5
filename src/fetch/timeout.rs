//! Waits with a limit: for a response, for the next bytes, for a network.

use std::{future::Future, pin::pin};

use futures::future::{Either, select};

use crate::{
    error::Kind,
    host::Host,
    schedule::{idle_timer::IdleTimer, retry::AttemptError},
    time::Duration,
};

/// Waits for a future, at most `limit`; then the error is [`Kind::Timeout`] with `message`. Time in which the platform
/// slept does not count.
pub(crate) async fn within<H: Host, T>(
    host: &H,
    limit: Duration,
    message: &str,
    future: impl Future<Output = T>,
) -> Result<T, AttemptError> {
    let mut future = pin!(future);
    let mut idle = IdleTimer::new(limit, host.now());
    let mut timer = pin!(host.sleep(limit));
    loop {
        match select(future.as_mut(), timer.as_mut()).await {
            Either::Left((value, _)) => return Ok(value),
            Either::Right(_) => match idle.on_fire(host.now()) {
                Some(rest) => timer.set(host.sleep(rest)),
                None => return Err(AttemptError::new(Kind::Timeout, message)),
            },
        }
    }
}

/// Waits until the platform has a network again; returns whether it has.
pub(crate) async fn back_online<H: Host>(host: &H) -> bool {
    within(host, MAX_OFFLINE, "offline", host.online()).await.is_ok()
}

/// How long to wait for a network.
const MAX_OFFLINE: Duration = Duration::from_secs(60);
