//! The wasm module `codec` of the npm package: everything that touches every byte, behind a C ABI of integers.
//!
//! A page loads it beside the core, and each worker loads it alone. It imports nothing and uses no wasm-bindgen, so a
//! host needs a few lines of JavaScript to use it (`js/codec/`). Bytes are exchanged in its memory. Numbers are `u32`
//! unless the signature says otherwise; lengths of files are `f64`, as in JavaScript.
//!
//! A chunk is a job: [`open`], then its stored bytes in order into [`input`], each followed by [`absorb`], then
//! [`next`] until it returns 0, then [`close`]. The first `next` verifies the authentication tag before any byte is
//! decrypted. Digests of several chunks are computed in lockstep by [`md5_update`].
//!
//! Handles, lengths and positions are validated: a confused caller gets an error or nothing. A pointer is validated only
//! to lie in memory. A caller must pass pointers to memory that [`alloc`] or [`input`] returned, and that it has not
//! freed or closed.
#![cfg(target_arch = "wasm32")]
#![no_std]
#![allow(unsafe_code, reason = "a C ABI exports names and takes pointers")]

extern crate alloc;

mod handles;
mod job;
mod memory;
mod spare;

use alloc::{boxed::Box, vec::Vec};
use core::{ptr, slice};

use kelp_stream_codec::{crc, ctr, md5};

use handles::Handles;
use job::{Failure, Job, Next, Params};
use memory::Blocks;
use spare::Spare;

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// A panic is a bug of this module. The caller gets a `RuntimeError` and must not use the instance again.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// Everything that is kept between calls.
struct State {
    blocks: Blocks,
    jobs: Handles<Box<Job>>,
    spare: Spare,
    digests: Handles<md5::Md5>,
}

impl State {
    const fn new() -> Self {
        Self { blocks: Blocks::new(), jobs: Handles::new(), spare: Spare::new(), digests: Handles::new() }
    }
}

/// Calls `f` with the state of this instance. No function calls another one within it.
fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
    struct Instance(core::cell::UnsafeCell<State>);
    // SAFETY: the module is compiled without threads, so an instance has one.
    unsafe impl Sync for Instance {}
    static STATE: Instance = Instance(core::cell::UnsafeCell::new(State::new()));
    // SAFETY: there is one thread, and `f` calls no function that calls `with`. So this is the only reference.
    f(unsafe { &mut *STATE.0.get() })
}

/// The bytes at a pointer of the caller; `None` if they do not lie in memory.
fn bytes_at<'a>(at: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the bytes lie in memory and are initialised, as all memory of wasm is. The caller promises that they are its
    // own, so nothing here refers to them.
    lies_in_memory(at, len).then(|| unsafe { slice::from_raw_parts(at, len) })
}

/// As [`bytes_at`], to change them.
fn bytes_at_mut<'a>(at: *mut u8, len: usize) -> Option<&'a mut [u8]> {
    // SAFETY: as in `bytes_at`.
    lies_in_memory(at, len).then(|| unsafe { slice::from_raw_parts_mut(at, len) })
}

fn lies_in_memory(at: *const u8, len: usize) -> bool {
    let limit = core::arch::wasm32::memory_size::<0>().saturating_mul(1 << 16);
    !at.is_null()
        && isize::try_from(len).is_ok()
        && at.addr().checked_add(len).is_some_and(|end| end <= limit)
}

/// The version of this interface: 1.
#[unsafe(no_mangle)]
pub extern "C" fn abi() -> u32 {
    1
}

/// Returns memory of `len` bytes, aligned to 16; 0 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(len: usize) -> *mut u8 {
    with(|state| state.blocks.allocate(len)).unwrap_or(ptr::null_mut())
}

/// Clears and frees memory of [`alloc`]. Any other pointer or length does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn free(at: *mut u8, len: usize) {
    with(|state| state.blocks.free(at, len));
}

/// Begins a chunk of `stored_len` stored bytes and returns its job; 0 if there is no memory.
///
/// `key` is the position of the 32 bytes of its cipher key, or 0 if it is not encrypted. They are copied: the caller
/// clears its own. `gzip` and `md5` are 0 or 1. `output_len` is how many decoded bytes are wanted, `max_output` the limit
/// on the decoded length of gzip.
#[unsafe(no_mangle)]
pub extern "C" fn open(
    key: *const u8,
    gzip: u32,
    stored_len: usize,
    output_len: f64,
    max_output: f64,
    md5: u32,
) -> u32 {
    let key = if key.is_null() {
        None
    } else {
        match bytes_at(key, 32).and_then(|key| key.first_chunk()) {
            Some(key) => Some(key),
            None => return 0,
        }
    };
    with(|state| {
        let stored = state.spare.region(stored_len)?;
        let inflater = match gzip {
            0 => None,
            // From f64 to u64 saturates, and not-a-number is 0.
            _ => match state.spare.inflater(max_output as u64) {
                Some(inflater) => Some(inflater),
                None => {
                    state.spare.keep(stored.memory, None);
                    return None;
                }
            },
        };
        let params = Params { output_len: output_len as u64, md5: md5 != 0 };
        state.jobs.insert(Box::new(Job::new(stored, key, inflater, params)))
    })
    .unwrap_or(0)
}

/// Where the stored bytes of a job go: contiguous memory of `stored_len` bytes. 0 if there is no such job.
#[unsafe(no_mangle)]
pub extern "C" fn input(job: u32) -> *mut u8 {
    with(|state| state.jobs.get(job).map_or(ptr::null_mut(), |job| job.input()))
}

/// Takes `len` further stored bytes that the caller has written, and hashes them if they are ciphertext.
#[unsafe(no_mangle)]
pub extern "C" fn absorb(job: u32, len: usize) {
    with(|state| {
        if let Some(job) = state.jobs.get(job) {
            job.absorb(len);
        }
    });
}

/// Makes the next piece of decoded bytes, of at most 256 KiB, and returns its length; 0 at the end.
///
/// Below 0 are errors, which are final: -1 the tag does not match, -2 an encrypted chunk has fewer than 28 bytes, -3 the
/// gzip is damaged, -4 the output is too long, -6 there is no such job, or not all stored bytes were absorbed. -5 is not
/// an error: work was done that gave no bytes, and the caller calls again. Only after 0 is it known that the bytes of
/// all pieces are right, except that of an encrypted chunk that is not compressed each piece is authenticated.
#[unsafe(no_mangle)]
pub extern "C" fn next(job: u32) -> i32 {
    with(|state| match state.jobs.get(job).map(|job| job.next()) {
        Some(Ok(Next::Piece(len))) => len as i32,
        Some(Ok(Next::Again)) => AGAIN,
        Some(Ok(Next::End)) => 0,
        Some(Err(failure)) => failure as i32,
        None => Failure::Misuse as i32,
    })
}

/// What [`next`] returns if the caller must call again.
const AGAIN: i32 = -5;

/// Where the last piece is, until the next call of [`next`] or [`close`]; 0 if there is no such job.
#[unsafe(no_mangle)]
pub extern "C" fn output(job: u32) -> *const u8 {
    with(|state| state.jobs.get(job).map_or(ptr::null(), |job| job.output()))
}

/// Where the MD5 of all decoded bytes is, once [`next`] has returned 0 and if it was asked for; else 0.
#[unsafe(no_mangle)]
pub extern "C" fn digest(job: u32) -> *const u8 {
    with(|state| {
        state.jobs.get(job).and_then(|job| job.digest()).map_or(ptr::null(), |digest| digest.as_ptr())
    })
}

/// Ends a job at any time and clears its keys. Its memory is kept for the next jobs, up to a bound.
#[unsafe(no_mangle)]
pub extern "C" fn close(job: u32) {
    with(|state| {
        if let Some(job) = state.jobs.remove(job) {
            let (region, inflater) = job.into_memory();
            state.spare.keep(region, inflater);
        }
    });
}

/// How many digests [`md5_update`] advances together.
#[unsafe(no_mangle)]
pub extern "C" fn lanes() -> usize {
    md5::lanes()
}

/// Begins a digest; 0 if there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn md5_new() -> u32 {
    with(|state| state.digests.insert(md5::Md5::new())).unwrap_or(0)
}

/// Ends a digest at any time.
#[unsafe(no_mangle)]
pub extern "C" fn md5_free(digest: u32) {
    with(|state| state.digests.remove(digest));
}

/// Writes the 16 bytes of a digest to `out`. The digest can still be updated. Returns 1, or 0 if there is no such digest.
#[unsafe(no_mangle)]
pub extern "C" fn md5_finish(digest: u32, out: *mut u8) -> u32 {
    let digest = with(|state| state.digests.get(digest).cloned());
    let (Some(digest), Some(out)) = (digest, bytes_at_mut(out, 16)) else { return 0 };
    out.copy_from_slice(&digest.finalize());
    1
}

/// Updates digests in lockstep. `table` is the position of `count` rows of three numbers: digest, position and length of
/// its next bytes. The order of rows with the same digest is kept. Returns how many rows were valid.
#[unsafe(no_mangle)]
pub extern "C" fn md5_update(table: *const u8, count: usize) -> usize {
    let Some(table) = count.checked_mul(size_of::<Row>()).and_then(|len| bytes_at(table, len)) else {
        return 0;
    };
    with(|state| {
        let (mut batch, mut valid) = (Vec::new(), 0);
        for row in table.as_chunks::<{ size_of::<Row>() }>().0 {
            let (words, _) = row.as_chunks();
            let [handle, at, len] =
                core::array::from_fn(|i| words.get(i).map_or(0, |word| usize::from_le_bytes(*word)));
            let handle = handle as u32;
            let bytes =
                if len == 0 { Some(&[][..]) } else { bytes_at(ptr::with_exposed_provenance(at), len) };
            let Some(bytes) = bytes else { continue };
            // While a digest is in the batch it is not in its slot.
            let md5 = state.digests.take(handle).or_else(|| {
                flush(&mut state.digests, &mut batch);
                state.digests.take(handle)
            });
            if let Some(md5) = md5 {
                batch.push((handle, md5, bytes));
                valid += 1;
            }
        }
        flush(&mut state.digests, &mut batch);
        valid
    })
}

/// Three numbers of the caller.
type Row = [u32; 3];

fn flush(digests: &mut Handles<md5::Md5>, batch: &mut Vec<(u32, md5::Md5, &[u8])>) {
    let mut work: Vec<_> = batch.iter_mut().map(|(_, md5, bytes)| (md5, *bytes)).collect();
    md5::update_all(&mut work);
    for (handle, md5, _) in batch.drain(..) {
        digests.put(handle, md5);
    }
}

/// Decrypts AES-256-CTR in place: `len` bytes, of which the first is byte `position` of the key stream. `key` is the
/// position of 32 bytes, `iv` of 16. Returns 1, or 0 if a pointer does not lie in memory.
#[unsafe(no_mangle)]
pub extern "C" fn ctr(key: *const u8, iv: *const u8, position: f64, at: *mut u8, len: usize) -> u32 {
    let key = bytes_at(key, 32).and_then(|key| key.first_chunk()).copied().map(zeroize::Zeroizing::new);
    let iv = bytes_at(iv, 16).and_then(|iv| iv.first_chunk()).copied();
    let (Some(key), Some(iv), Some(bytes)) = (key, iv, bytes_at_mut(at, len)) else { return 0 };
    ctr::apply(&key, &iv, position as u128, bytes);
    1
}

/// The CRC-32C of bytes that follow others. `crc` is the value of the others, 0 if there are none; it is returned
/// unchanged if the bytes do not lie in memory.
#[unsafe(no_mangle)]
pub extern "C" fn crc32c(crc: u32, at: *const u8, len: usize) -> u32 {
    bytes_at(at, len).map_or(crc, |bytes| crc::crc32c(crc, bytes))
}
