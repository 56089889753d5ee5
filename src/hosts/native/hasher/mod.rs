//! The MD5s of all chunks in flight, computed together on a thread for blocking work.
//!
//! MD5 is one chain of dependent operations, and `md5::update_all` advances `lanes` digests in about twice the time
//! of one. So the pieces of a chunk wait here until a value is awaited, or until `queue::START` bytes wait. Then a task of
//! tokio's blocking pool takes steps: in each it advances the digests whose values are awaited, the oldest first, and
//! beside them those with the most bytes that wait. It ends when no value is awaited and few bytes wait.
//!
//! ```text
//! chunk a  ███████████████ awaited   ┐
//! chunk b  █████████                 │ one step: up to `STEP` bytes
//! chunk c  ██████                    │ of up to `lanes()` chunks
//! chunk d  ███                       ┘
//! ```

mod queue;

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, poll_fn};
use kelp_stream_codec::md5::Md5;
use tokio::runtime::Handle;

use self::queue::{Queue, Waiting, advance};
use crate::host::{Checksum, DecodeError, DigestBytes};

/// The most bytes that wait. The budget of a stream does not count them if the reader already has them. At the limit,
/// [`DigestBytes::update`] computes.
const MOST_WAITING: usize = 8 << 20;

/// Up to this many bytes are digested by the thread that awaits the value: to wake another thread takes as long.
const AT_ONCE: usize = 8 << 10;

/// Computes the MD5s of the chunks of a client. A clone is a handle on the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Hasher(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// A step has ended.
    stepped: Condvar,
}

impl Hasher {
    /// A digest of no bytes so far.
    pub(super) fn digest(&self) -> HasherDigest {
        let mut queue = self.0.lock();
        let number = queue.next;
        queue.next += 1;
        queue.digests.insert(number, Waiting { md5: Some(Md5::new()), ..Waiting::default() });
        HasherDigest { hasher: self.clone(), number }
    }

    fn update(&self, number: u64, piece: &Bytes) {
        let mut queue = self.0.lock();
        let Some(digest) = queue.digests.get_mut(&number).filter(|_| !piece.is_empty()) else { return };
        digest.pieces.push_back(piece.clone());
        digest.len += piece.len();
        queue.len += piece.len();
        while queue.len > MOST_WAITING {
            queue = if queue.is_stepping { self.0.stepped(queue) } else { self.0.step(queue) };
        }
        self.start(queue);
    }

    fn poll_value(&self, number: u64, cx: &Context<'_>) -> Poll<Result<[u8; 16], DecodeError>> {
        let mut queue = self.0.lock();
        let is_stepping = queue.is_stepping;
        // A digest is lost if a step panicked.
        let lost = Poll::Ready(Err(DecodeError::Interrupted));
        let Some(digest) = queue.digests.get_mut(&number) else { return lost };
        match &mut digest.md5 {
            Some(md5) if digest.len <= AT_ONCE => {
                digest.pieces.drain(..).for_each(|piece| md5.update(&piece));
                let value = md5.clone().finalize();
                digest.waker = None;
                let len = mem::take(&mut digest.len);
                queue.len -= len;
                Poll::Ready(Ok(value))
            }
            None if !is_stepping => lost,
            _ => {
                digest.waker = Some(cx.waker().clone());
                self.start(queue);
                Poll::Pending
            }
        }
    }

    /// Starts the task, if there is something to do.
    fn start(&self, mut queue: MutexGuard<'_, Queue>) {
        if queue.is_started || !queue.has_work() {
            return;
        }
        queue.is_started = true;
        drop(queue);
        let task = Task(Arc::clone(&self.0));
        match Handle::try_current() {
            // If the runtime is shutting down, it drops the task, which works then too.
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(task))),
            Err(_) => drop(task),
        }
    }

    fn remove(&self, number: u64) {
        let mut queue = self.0.lock();
        if let Some(digest) = queue.digests.remove(&number) {
            queue.len -= digest.len;
        }
    }
}

/// Takes steps when it is dropped, whether the runtime runs it or cannot run it any more. So no value waits for a task
/// that never runs.
struct Task(Arc<Shared>);

impl Drop for Task {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        while queue.has_work() {
            queue = if queue.is_stepping { self.0.stepped(queue) } else { self.0.step(queue) };
        }
        queue.is_started = false;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until another thread has ended its step.
    fn stepped<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.stepped.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    /// Advances some digests. No other thread may be in a step.
    fn step<'a>(&'a self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let mut parts = queue.take();
        queue.is_stepping = true;
        drop(queue);
        let outcome = catch_unwind(AssertUnwindSafe(|| advance(&mut parts)));
        let mut queue = self.lock();
        queue.is_stepping = false;
        match outcome {
            Ok(()) => queue.put_back(parts),
            Err(_) => {
                queue.digests.values_mut().filter_map(|digest| digest.waker.take()).for_each(Waker::wake)
            }
        }
        self.stepped.notify_all();
        queue
    }
}

/// The MD5 of one chunk in progress. Dropping it drops what waits of it.
#[derive(Debug)]
pub(super) struct HasherDigest {
    hasher: Hasher,
    number: u64,
}

impl HasherDigest {
    /// Appends bytes.
    pub(super) fn update(&self, piece: &Bytes) {
        self.hasher.update(self.number, piece);
    }

    /// The MD5 of all bytes so far.
    pub(super) async fn md5(&self) -> Result<[u8; 16], DecodeError> {
        poll_fn(|cx| self.hasher.poll_value(self.number, cx)).await
    }
}

impl DigestBytes for HasherDigest {
    fn update(&mut self, piece: &Bytes) {
        Self::update(self, piece);
    }

    fn value(&mut self) -> BoxFuture<'_, Result<Checksum, DecodeError>> {
        async { Ok(Checksum::Md5(self.md5().await?)) }.boxed()
    }
}

impl Drop for HasherDigest {
    fn drop(&mut self) {
        self.hasher.remove(self.number);
    }
}

#[cfg(test)]
mod tests;
