//! The MD5s of all chunks in flight, computed together on a thread for blocking work.
//!
//! MD5 is one chain of dependent operations, and `md5::update_all` advances [`lanes`] digests in about twice the time
//! of one. So the pieces of a chunk wait here until a value is awaited, or until [`START`] bytes wait. Then a task of
//! tokio's blocking pool takes steps: in each it advances the digests whose values are awaited, the oldest first, and
//! beside them those with the most bytes that wait. It ends when no value is awaited and few bytes wait.
//!
//! ```text
//! chunk a  ███████████████ awaited   ┐
//! chunk b  █████████                 │ one step: up to `STEP` bytes
//! chunk c  ██████                    │ of up to `lanes()` chunks
//! chunk d  ███                       ┘
//! ```

use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, poll_fn};
use kelp_stream_codec::md5::{Md5, lanes, update_all};
use tokio::runtime::Handle;

use crate::host::{Checksum, DecodeError, DigestBytes};

/// When this many bytes wait, their digests are computed: enough for eight lanes of 64 KiB, and little enough to be in
/// the cache still.
const START: usize = 512 << 10;

/// The most bytes of one chunk in one step. A value that is awaited waits for one step at most before its own.
const STEP: usize = 256 << 10;

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

#[derive(Debug, Default)]
struct Queue {
    digests: BTreeMap<u64, Waiting>,
    next: u64,
    /// The bytes that wait, of all digests.
    len: usize,
    /// A task was spawned and has not ended.
    is_started: bool,
    /// A thread is in a step.
    is_stepping: bool,
}

/// One digest, and the bytes that it does not cover yet.
#[derive(Default)]
struct Waiting {
    /// None during a step.
    md5: Option<Md5>,
    pieces: VecDeque<Bytes>,
    /// The length of `pieces`.
    len: usize,
    /// The task that awaits the value.
    waker: Option<Waker>,
}

/// A part of the bytes of one digest, for one step.
struct Part {
    number: u64,
    md5: Md5,
    pieces: VecDeque<Bytes>,
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

impl Queue {
    fn has_work(&self) -> bool {
        self.len >= START || self.digests.values().any(|digest| digest.waker.is_some() && digest.len > 0)
    }

    /// Takes out what the next step works on.
    fn take(&mut self) -> Vec<Part> {
        let waiting = self.digests.iter_mut().filter(|(_, digest)| digest.len > 0);
        let mut waiting: Vec<_> = waiting.collect();
        // Of the digests that are awaited, the reader comes to the oldest one first.
        let backlog = |digest: &Waiting| if digest.waker.is_some() { usize::MAX } else { digest.len };
        waiting.sort_by_key(|(_, digest)| Reverse(backlog(digest)));
        let parts = waiting.into_iter().take(lanes()).filter_map(|(number, digest)| {
            let (md5, pieces) = (digest.md5.take()?, digest.take(STEP));
            Some(Part { number: *number, md5, pieces })
        });
        let parts: Vec<Part> = parts.collect();
        let len: usize = parts.iter().flat_map(|part| &part.pieces).map(Bytes::len).sum();
        self.len -= len;
        parts
    }

    /// Puts digests back after a step, and wakes the tasks whose values are complete.
    fn put_back(&mut self, parts: Vec<Part>) {
        for part in parts {
            // Its owner may have dropped it meanwhile.
            let Some(digest) = self.digests.get_mut(&part.number) else { continue };
            digest.md5 = Some(part.md5);
            if digest.len == 0
                && let Some(waker) = digest.waker.take()
            {
                waker.wake();
            }
        }
    }
}

impl Waiting {
    /// Takes the first pieces, up to `max` bytes.
    fn take(&mut self, max: usize) -> VecDeque<Bytes> {
        if self.len <= max {
            self.len = 0;
            return mem::take(&mut self.pieces);
        }
        self.len -= max;
        let (mut taken, mut missing) = (VecDeque::new(), max);
        while let Some(mut piece) = self.pieces.pop_front() {
            if piece.len() > missing {
                taken.push_back(piece.split_to(missing));
                self.pieces.push_front(piece);
                break;
            }
            missing -= piece.len();
            taken.push_back(piece);
        }
        taken
    }
}

/// Advances each digest by all its pieces. No piece is empty.
fn advance(parts: &mut [Part]) {
    loop {
        let heads = parts.iter().filter_map(|part| part.pieces.front());
        // Each digest takes as many bytes as the shortest piece has, so that all lanes are used to its end.
        let Some(len) = heads.map(Bytes::len).min() else { return };
        let heads: Vec<Option<Bytes>> = parts.iter_mut().map(|part| part.split_to(len)).collect();
        let with_head = parts.iter_mut().zip(&heads);
        let mut work: Vec<(&mut Md5, &[u8])> =
            with_head.filter_map(|(part, head)| Some((&mut part.md5, &head.as_ref()?[..]))).collect();
        update_all(&mut work);
    }
}

impl Part {
    /// Splits off the first bytes, at most those of the first piece.
    fn split_to(&mut self, len: usize) -> Option<Bytes> {
        let piece = self.pieces.front_mut()?;
        if piece.len() > len {
            return Some(piece.split_to(len));
        }
        self.pieces.pop_front()
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

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        time::{Duration, Instant},
    };

    use futures::future::join_all;
    use md5::Digest;
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtime() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    fn reference(bytes: &[u8]) -> [u8; 16] {
        md5::Md5::digest(bytes).into()
    }

    /// Pseudorandom, the same in each run.
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as usize
    }

    fn noise(state: &mut u64, len: usize) -> Bytes {
        (0..len).map(|_| random(state) as u8).collect()
    }

    /// All has to be as at the start.
    fn assert_idle(hasher: &Hasher) {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let queue = hasher.0.lock();
            if !queue.is_started {
                assert_eq!((queue.digests.len(), queue.len, queue.is_stepping), (0, 0, false));
                return;
            }
            assert!(Instant::now() < end, "the task does not end");
            drop(queue);
            std::thread::yield_now();
        }
    }

    #[test]
    fn digests_of_many_chunks_at_once_are_right() {
        let (hasher, mut state) = (Hasher::default(), 42);
        runtime().block_on(async {
            let mut chunks: Vec<(HasherDigest, Vec<u8>)> =
                (0..40).map(|_| (hasher.digest(), Vec::new())).collect();
            for _ in 0..400 {
                let at = random(&mut state) % chunks.len();
                let max = [1, 64, 5000, 300_000][random(&mut state) % 4];
                let len = random(&mut state) % max;
                let piece = noise(&mut state, len);
                chunks[at].0.update(&piece);
                chunks[at].1.extend_from_slice(&piece);
                if random(&mut state).is_multiple_of(50) {
                    assert_eq!(chunks[at].0.md5().await, Ok(reference(&chunks[at].1)));
                }
            }
            let values = join_all(chunks.iter().map(|(digest, _)| digest.md5())).await;
            for (value, (_, bytes)) in values.into_iter().zip(&chunks) {
                assert_eq!(value, Ok(reference(bytes)));
            }
        });
        assert_idle(&hasher);
    }

    #[test]
    fn a_value_does_not_end_a_digest() {
        let hasher = Hasher::default();
        let digest = hasher.digest();
        runtime().block_on(async {
            let (one, two) = (Bytes::from(vec![1; 100_000]), Bytes::from(vec![2; 100_001]));
            assert_eq!(digest.md5().await, Ok(reference(b"")));
            digest.update(&one);
            assert_eq!(digest.md5().await, Ok(reference(&one)));
            digest.update(&two);
            assert_eq!(digest.md5().await, Ok(reference(&[one, two].concat())));
        });
    }

    #[test]
    fn few_bytes_wait_for_others_and_wake_no_thread() {
        let hasher = Hasher::default();
        let digests: Vec<_> = (0..lanes()).map(|_| hasher.digest()).collect();
        runtime().block_on(async {
            for digest in &digests {
                digest.update(&Bytes::from(vec![0; START / lanes() - 1]));
                assert!(!hasher.0.lock().is_started);
            }
            digests[0].update(&Bytes::from(vec![0; lanes()]));
            digests[0].md5().await.unwrap();
            // The one step that the value needed took the others along.
            assert_eq!(hasher.0.lock().len, 0);
        });
    }

    #[test]
    fn a_step_takes_awaited_digests_first_and_the_oldest_of_them() {
        let hasher = Hasher::default();
        let digests: Vec<_> = (0..3 * lanes()).map(|_| hasher.digest()).collect();
        let mut queue = hasher.0.lock();
        for (number, digest) in &mut queue.digests {
            digest.len = 1000 + *number as usize;
            digest.pieces.push_back(Bytes::from(vec![0; digest.len]));
            digest.waker = number.is_multiple_of(2).then(|| Waker::noop().clone());
        }
        queue.len = queue.digests.values().map(|digest| digest.len).sum();
        let numbers = |parts: Vec<Part>| parts.into_iter().map(|part| part.number).collect::<Vec<_>>();
        let (most, awaited) = (lanes() as u64, 3 * lanes() as u64 / 2);
        assert_eq!(numbers(queue.take()), (0..most).map(|n| 2 * n).collect::<Vec<_>>());
        let rest =
            (most..awaited).map(|n| 2 * n).chain((0..2 * most - awaited).map(|n| 3 * most - 1 - 2 * n));
        assert_eq!(numbers(queue.take()), rest.collect::<Vec<_>>());
        drop(queue);
        drop(digests);
    }

    #[test]
    fn dropped_digests_leave_nothing_behind() {
        let (hasher, runtime) = (Hasher::default(), runtime());
        runtime.block_on(async {
            for round in 0..50 {
                let digests: Vec<_> = (0..9).map(|_| hasher.digest()).collect();
                digests.iter().for_each(|digest| digest.update(&Bytes::from(vec![7; 200_000])));
                let mut value = std::pin::pin!(digests[0].md5());
                if round % 2 == 0 {
                    // Awaited, and given up while a step may be under way.
                    let _ = futures::poll!(value.as_mut());
                }
            }
        });
        assert_idle(&hasher);
    }

    #[test]
    fn what_waits_is_bounded_if_no_thread_is_free() {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (hasher, (end, ended)) = (Hasher::default(), mpsc::channel::<()>());
        let digest = hasher.digest();
        runtime.block_on(async {
            runtime.spawn_blocking(move || ended.recv());
            let piece = Bytes::from(vec![3; 1 << 20]);
            for _ in 0..20 {
                digest.update(&piece);
                assert!(hasher.0.lock().len <= MOST_WAITING);
            }
            drop(end);
            assert_eq!(digest.md5().await, Ok(reference(&vec![3; 20 << 20])));
        });
    }

    #[test]
    fn a_runtime_that_ends_leaves_the_work_to_the_next() {
        let hasher = Hasher::default();
        let (digest, piece) = (hasher.digest(), Bytes::from(vec![5; 2 * START]));
        let first = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (end, ended) = mpsc::channel::<()>();
        first.block_on(async {
            first.spawn_blocking(move || ended.recv());
            digest.update(&piece);
            assert!(hasher.0.lock().is_started);
        });
        first.shutdown_background();
        drop(end);
        runtime().block_on(async { assert_eq!(digest.md5().await, Ok(reference(&piece))) });
        drop(digest);
        assert_idle(&hasher);
    }

    #[test]
    fn without_a_runtime_the_caller_computes() {
        let hasher = Hasher::default();
        let (digest, piece) = (hasher.digest(), Bytes::from(vec![9; 3 * START]));
        digest.update(&piece);
        // The first poll computes and wakes.
        assert_eq!(digest.md5().now_or_never(), None);
        assert_eq!(digest.md5().now_or_never(), Some(Ok(reference(&piece))));
    }
}
