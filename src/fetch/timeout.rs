//! Waits that end: for an answer, for the next bytes, for a network.

use std::{future::Future, pin::pin, time::Duration};

use futures::future::{Either, select};

use crate::{
    error::Kind,
    host::Host,
    schedule::{idle_timer::IdleTimer, retry::AttemptError},
};

/// Waits for something, but not for ever: [`Kind::Timeout`] after `time`, in which nobody slept.
pub(crate) async fn within<H: Host, T>(
    host: &H,
    time: Duration,
    message: &str,
    future: impl Future<Output = T>,
) -> Result<T, AttemptError> {
    let mut future = pin!(future);
    let mut watch = IdleTimer::new(time, host.now());
    let mut rings = pin!(host.sleep(time));
    loop {
        match select(future.as_mut(), rings.as_mut()).await {
            Either::Left((value, _)) => return Ok(value),
            Either::Right(_) => match watch.on_fire(host.now()) {
                Some(more) => rings.set(host.sleep(more)),
                None => return Err(AttemptError::new(Kind::Timeout, message)),
            },
        }
    }
}

/// Waits for a network that the platform says is gone; says whether it came back.
pub(crate) async fn back_online<H: Host>(host: &H) -> bool {
    within(host, OFFLINE_PATIENCE, "offline", host.online()).await.is_ok()
}

/// How long to wait for a network.
const OFFLINE_PATIENCE: Duration = Duration::from_secs(60);
