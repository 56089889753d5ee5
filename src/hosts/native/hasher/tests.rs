//! Tests of digests that are computed together.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use kelp_stream_codec::md5::lanes;
use md5::Digest;
use tokio::runtime::{Builder, Runtime};

use super::{
    queue::{Part, START},
    *,
};

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
    let rest = (most..awaited).map(|n| 2 * n).chain((0..2 * most - awaited).map(|n| 3 * most - 1 - 2 * n));
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
