//! One chunk on its way from stored bytes to decoded bytes.

use alloc::{boxed::Box, vec::Vec};

use kelp_stream_codec::{
    gcm::{KeyStream, Opener},
    gzip::{Error, Inflater, Progress},
    md5::Md5,
};
use zeroize::Zeroizing;

/// Why the next piece cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The authentication tag does not match.
    Tag = -1,
    /// An encrypted chunk has fewer bytes than a nonce and a tag.
    Truncated = -2,
    /// The bytes are not gzip, are truncated, or have a wrong check value.
    Gzip = -3,
    /// The output exceeds its limit.
    TooLong = -4,
    /// The caller asked for a piece before all stored bytes were absorbed, or there is no such job.
    Misuse = -6,
}

/// The result of [`Job::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This number of decoded bytes, more than 0, is at [`Job::output`].
    Piece(usize),
    /// Work was done, but there are no bytes for the caller yet.
    Again,
    /// All bytes were decoded, and all checks passed.
    End,
}

/// How a chunk is stored, and how much of it is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    /// The bytes after which no more output is returned. The rest is decoded too where a check needs it.
    pub output_len: u64,
    /// Whether the decoded bytes are digested.
    pub md5: bool,
}

const NONCE: usize = 12;
const TAG: usize = 16;

/// The largest piece that is not inflated, in bytes. Decrypting it takes about a millisecond.
const PIECE: usize = 256 << 10;

/// A chunk that is decoded.
pub struct Job {
    stored: Region,
    /// How many of the stored bytes the caller has written.
    written: usize,
    /// The stored bytes without nonce and tag.
    start: usize,
    end: usize,
    /// Where the next piece begins, if the chunk is not compressed.
    at: usize,
    cipher: Cipher,
    /// The stored bytes up to here are decrypted.
    ready: usize,
    /// How many bytes are decrypted when the inflater needs more.
    step: usize,
    inflater: Option<Inflater>,
    md5: Option<Md5>,
    digest: Option<[u8; 16]>,
    /// How many further decoded bytes the caller wants.
    wanted: u64,
    output: *const u8,
    failure: Option<Failure>,
    ended: bool,
}

/// Contiguous memory for the stored bytes of a chunk. Only its first bytes are used.
pub struct Region {
    /// All of it is initialised, so that it need not be cleared for the next chunk.
    pub memory: Vec<u8>,
    /// The length of the stored bytes.
    pub len: usize,
}

impl Region {
    fn stored(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

enum Cipher {
    /// The chunk is not encrypted, or it is decrypted.
    None,
    /// The nonce has not arrived.
    Key(Box<Zeroizing<[u8; 32]>>),
    /// The ciphertext is arriving.
    Opener(Opener),
    /// The tag was right.
    Stream(KeyStream),
}

impl Cipher {
    fn with(key: &[u8; 32]) -> Self {
        // Filled in place, since a key that moves leaves a copy behind.
        let mut boxed = Box::new(Zeroizing::new([0; 32]));
        boxed.copy_from_slice(key);
        Self::Key(boxed)
    }
}

impl Job {
    /// A job of which no stored byte has arrived.
    pub fn new(stored: Region, key: Option<&[u8; 32]>, inflater: Option<Inflater>, params: Params) -> Self {
        let len = stored.len;
        let (start, end) = if key.is_some() { (NONCE, len.saturating_sub(TAG)) } else { (0, len) };
        Self {
            stored,
            written: 0,
            start,
            end,
            at: start,
            cipher: key.map_or(Cipher::None, Cipher::with),
            ready: if key.is_some() { start } else { end },
            step: PIECE,
            inflater,
            md5: params.md5.then(Md5::new),
            digest: None,
            wanted: params.output_len,
            output: core::ptr::null(),
            failure: (key.is_some() && len < NONCE + TAG).then_some(Failure::Truncated),
            ended: false,
        }
    }

    /// Where the caller writes the stored bytes.
    pub fn input(&mut self) -> *mut u8 {
        self.stored.memory.as_mut_ptr()
    }

    /// Takes `len` further stored bytes that the caller has written, and hashes those that are ciphertext.
    pub fn absorb(&mut self, len: usize) {
        let before = self.written;
        self.written = before.saturating_add(len).min(self.stored.len);
        if self.failure.is_some() {
            return;
        }
        if let Cipher::Key(key) = &self.cipher
            && let Some(nonce) = self.stored.stored().first_chunk()
            && self.written >= NONCE
        {
            self.cipher = Cipher::Opener(Opener::new(key, nonce));
        }
        if let Cipher::Opener(opener) = &mut self.cipher {
            let new = before.max(self.start)..self.written.min(self.end);
            opener.absorb(self.stored.stored().get(new).unwrap_or_default());
        }
    }

    /// Makes the next piece. An error is final.
    pub fn next(&mut self) -> Result<Next, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.written < self.stored.len {
            return Err(Failure::Misuse);
        }
        if self.ended {
            return Ok(Next::End);
        }
        let next = self.verify().and_then(|()| self.piece());
        match next {
            Ok(Next::End) => {
                self.ended = true;
                self.digest = self.md5.take().map(Md5::finalize);
            }
            Err(failure) => self.failure = Some(failure),
            Ok(_) => {}
        }
        next
    }

    /// Where the last piece is, until the next call.
    pub fn output(&self) -> *const u8 {
        self.output
    }

    /// The MD5 of all decoded bytes, after the end.
    pub fn digest(&self) -> Option<&[u8; 16]> {
        self.digest.as_ref()
    }

    /// The memory of the job, for the next one.
    pub fn into_memory(self) -> (Vec<u8>, Option<Inflater>) {
        (self.stored.memory, self.inflater)
    }

    fn verify(&mut self) -> Result<(), Failure> {
        match core::mem::replace(&mut self.cipher, Cipher::None) {
            Cipher::Opener(opener) => {
                let tag = self.stored.stored().last_chunk().ok_or(Failure::Truncated)?;
                self.cipher = Cipher::Stream(opener.verify(tag).ok_or(Failure::Tag)?);
            }
            // Without a nonce there is no message.
            Cipher::Key(_) => return Err(Failure::Truncated),
            other => self.cipher = other,
        }
        Ok(())
    }

    /// Decrypts the next `len` bytes.
    fn decrypt(&mut self, len: usize) {
        let end = self.ready.saturating_add(len).min(self.end);
        if let Cipher::Stream(stream) = &mut self.cipher
            && let Some(bytes) = self.stored.memory.get_mut(self.ready..end)
        {
            stream.apply((self.ready - self.start) as u64, bytes);
            self.ready = end;
        }
    }

    fn piece(&mut self) -> Result<Next, Failure> {
        if self.inflater.is_none() {
            return Ok(self.copy());
        }
        let ready = self.ready - self.start;
        let stored = self.stored.memory.get(self.start..self.end).unwrap_or_default();
        let Some(inflater) = &mut self.inflater else { return Ok(Next::End) };
        match inflater.next_of(stored, ready) {
            Ok(Progress::Piece(piece)) => {
                self.step = PIECE;
                if let Some(md5) = &mut self.md5 {
                    md5.update(piece);
                }
                self.output = piece.as_ptr();
                let len = piece.len();
                Ok(self.returned(len))
            }
            Ok(Progress::NeedsMore) => {
                // A header of any length is read again from its start, so each step is twice the one before.
                let is_first = self.step == PIECE;
                self.decrypt(self.step);
                self.step *= 2;
                if is_first { self.piece() } else { Ok(Next::Again) }
            }
            Ok(Progress::End) => Ok(Next::End),
            Err(Error::Gzip) => Err(Failure::Gzip),
            Err(Error::TooLong) => Err(Failure::TooLong),
        }
    }

    /// The next piece of a chunk that is not compressed.
    fn copy(&mut self) -> Next {
        let left = self.end.saturating_sub(self.at);
        // Bytes that are not wanted are only of use to the digest.
        let left =
            if self.md5.is_some() { left } else { left.min(usize::try_from(self.wanted).unwrap_or(left)) };
        if left == 0 {
            return Next::End;
        }
        let len = left.min(PIECE);
        self.decrypt(len);
        let piece = self.stored.memory.get(self.at..self.at + len).unwrap_or_default();
        if let Some(md5) = &mut self.md5 {
            md5.update(piece);
        }
        self.output = piece.as_ptr();
        self.at += len;
        self.returned(len)
    }

    /// Of `len` decoded bytes, those that the caller wants.
    fn returned(&mut self, len: usize) -> Next {
        let len = len.min(usize::try_from(self.wanted).unwrap_or(len));
        self.wanted -= len as u64;
        if len == 0 { Next::Again } else { Next::Piece(len) }
    }
}
