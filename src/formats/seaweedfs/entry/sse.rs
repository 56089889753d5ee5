//! S3 encryption of an object: from its parameters and the reader's keys to the key stream over
//! each chunk (`seaweedfs-read-path.md`, 8.2 and 8.3).
//!
//! One key stream runs through what was uploaded at once, a whole object or a part of one, and
//! was cut into chunks with it. Parameters are with each chunk, and with the object as a whole
//! (for content, and for objects from before chunks had theirs); a chunk's own count first.

use std::{cell::OnceCell, sync::Arc};

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

use super::{Entry, EntryError, Reason, Sse, SseKind, Unsupported, WrongKey, json};
use crate::{
    decode,
    model::chunk::{Chunk, CipherKey, Ctr},
};

/// The keys of S3 objects that a reader has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The customer's, of objects under SSE-C.
    pub customer: Option<CipherKey>,
    /// The gateway's key-encryption key, of objects under SSE-S3. It opens every one of them.
    pub kek: Option<CipherKey>,
}

/// The only cipher that the gateway names: AES-256-CTR.
pub(super) const ALGORITHM: &str = "AES256";

/// What is stored of a key stream, beside a chunk or beside the object.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) is_other_cipher: bool,
    pub(super) iv: Option<[u8; 16]>,
    /// base64, of the customer's key.
    pub(super) key_md5: String,
    /// How far into the stream a chunk of SSE-C begins.
    pub(super) part_offset: u64,
    /// SSE-S3: the data key under the key-encryption key, with AES-256-GCM.
    pub(super) wrapped_key: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    /// HMAC-SHA256 under the data key, of the initialisation vector and the cipher's name.
    pub(super) commitment: Vec<u8>,
}

/// An object and the keys it is to be read with. What holds for all of its chunks is found out
/// once: metadata that nobody vouches for may list a million of them.
pub(super) struct Object<'a> {
    entry: &'a Entry,
    keys: &'a Keys,
    /// The kind of encryption that the attributes tell of.
    kind: Option<SseKind>,
    /// base64 of the MD5 that the attributes want the customer's key to have.
    wanted_md5: &'a [u8],
    /// Whether all chunks were cut from one stream, as far as their parameters tell: the gateway
    /// takes at most one chunk with parameters for that.
    is_one_stream: bool,
    start: OnceCell<Result<Start, EntryError>>,
}

/// The key stream of the whole object.
#[derive(Clone)]
struct Start {
    key: CipherKey,
    iv: [u8; 16],
}

const C_IV: &str = "x-seaweedfs-sse-c-iv";
const C_KEY_MD5: &str = "X-Amz-Server-Side-Encryption-Customer-Key-MD5";
const S3_KEY: &str = "x-seaweedfs-sse-s3-key";

impl<'a> Object<'a> {
    pub(super) fn new(entry: &'a Entry, keys: &'a Keys) -> Self {
        let mut told = entry.chunks.iter().filter_map(|each| each.sse.as_ref());
        Self {
            entry,
            keys,
            kind: kind(entry),
            wanted_md5: entry.attribute(C_KEY_MD5).unwrap_or_default(),
            is_one_stream: told.by_ref().filter(|sse| !sse.metadata.is_empty()).nth(1).is_none(),
            start: OnceCell::new(),
        }
    }

    /// The key stream over the content of the entry, if it is encrypted.
    pub(super) fn ctr_of_content(&self) -> Result<Option<Arc<Ctr>>, EntryError> {
        self.kind.map(|_| self.ctr_behind(0)).transpose()
    }

    /// The key stream over a chunk.
    pub(super) fn ctr_of_chunk(
        &self,
        index: usize,
        chunk: &Chunk,
        sse: &Sse,
    ) -> Result<Arc<Ctr>, EntryError> {
        if sse.metadata.is_empty() && self.is_one_stream && self.kind == Some(sse.kind) {
            return self.ctr_behind(chunk.offset);
        }
        let key = self.key(sse.kind)?;
        let field = format!("chunks[{index}].sse_metadata");
        let stored = parse(&field, &sse.metadata)?;
        let iv = stored.iv.ok_or_else(|| missing(&field, ".iv"))?;
        let ctr = if sse.kind == SseKind::C {
            self.check_customer(key, stored.key_md5.as_bytes())?;
            Ctr::new(key.clone(), iv, stored.part_offset)
        } else {
            // The vector stored with a chunk is where the chunk begins.
            Ctr::new(data_key(key, &stored, &iv)?, iv, 0)
        };
        Ok(ctr.into())
    }

    /// The key stream of the object, `offset` bytes behind its start.
    fn ctr_behind(&self, offset: u64) -> Result<Arc<Ctr>, EntryError> {
        let Start { key, iv } = self.start.get_or_init(|| self.start()).clone()?;
        Ok(Ctr::new(key, iv, offset).into())
    }

    fn start(&self) -> Result<Start, EntryError> {
        let kind = self.kind.unwrap_or(SseKind::Unknown);
        let key = self.key(kind)?;
        if kind == SseKind::C {
            self.check_customer(key, &[])?;
            return Ok(Start { key: key.clone(), iv: raw_iv(self.attribute(C_IV)?)? });
        }
        let stored = parse(S3_KEY, self.attribute(S3_KEY)?)?;
        let iv = match stored.iv {
            Some(iv) => iv,
            None => self.iv_of_first_chunk()?,
        };
        Ok(Start { key: data_key(key, &stored, &iv)?, iv })
    }

    fn iv_of_first_chunk(&self) -> Result<[u8; 16], EntryError> {
        let first = self.entry.chunks.first().and_then(|each| each.sse.as_ref());
        let first = first.map_or(&[][..], |sse| &sse.metadata);
        let iv = if first.is_empty() { None } else { parse("chunks[0].sse_metadata", first)?.iv };
        iv.ok_or_else(|| missing(S3_KEY, ".iv"))
    }

    /// The key that opens this kind; none opens SSE-KMS.
    fn key(&self, kind: SseKind) -> Result<&'a CipherKey, Unsupported> {
        let key = match kind {
            SseKind::C => self.keys.customer.as_ref(),
            SseKind::S3 => self.keys.kek.as_ref(),
            SseKind::Kms | SseKind::Unknown => None,
        };
        key.ok_or(Unsupported::Sse(kind))
    }

    /// Whether the MD5 of the customer's key is the one that is stored with a chunk, or else with
    /// the object. Where neither has one, nothing can be said.
    fn check_customer(&self, key: &CipherKey, md5_of_chunk: &[u8]) -> Result<(), WrongKey> {
        let wanted = if md5_of_chunk.is_empty() { self.wanted_md5 } else { md5_of_chunk };
        match wanted.is_empty() || decoded(wanted) == Some(Md5::digest(key.bytes()).into()) {
            true => Ok(()),
            false => Err(WrongKey::Customer),
        }
    }

    fn attribute(&self, name: &'static str) -> Result<&'a [u8], EntryError> {
        self.entry.attribute(name).ok_or_else(|| missing(name, ""))
    }
}

/// The kind of encryption that attributes tell of.
pub(super) fn kind(entry: &Entry) -> Option<SseKind> {
    let has = |name| entry.attribute(name).is_some();
    if has(C_IV) || has("X-Amz-Server-Side-Encryption-Customer-Algorithm") {
        return Some(SseKind::C);
    }
    if has("x-seaweedfs-sse-kms-key") {
        return Some(SseKind::Kms);
    }
    if has(S3_KEY) {
        return Some(SseKind::S3);
    }
    let told = entry.attribute("X-Amz-Server-Side-Encryption")?;
    Some(if told == ALGORITHM.as_bytes() { SseKind::S3 } else { SseKind::Kms })
}

/// The initialisation vector of an object under SSE-C: its bytes or, by early gateways, base64.
fn raw_iv(stored: &[u8]) -> Result<[u8; 16], EntryError> {
    let raw = stored.try_into().ok().or_else(|| decoded(stored));
    raw.ok_or_else(|| wrong(C_IV, Reason::Not("an initialisation vector")))
}

/// 16 bytes in base64.
fn decoded(text: &[u8]) -> Option<[u8; 16]> {
    Base64::decode_vec(str::from_utf8(text).ok()?).ok()?.try_into().ok()
}

fn parse(field: &str, text: &[u8]) -> Result<Parameters, EntryError> {
    if text.is_empty() {
        return Err(missing(field, ""));
    }
    let stored =
        json::parse_sse(text).map_err(|(name, reason)| wrong(&(field.to_owned() + &name), reason))?;
    if stored.is_other_cipher {
        return Err(Unsupported::Sse(SseKind::Unknown).into());
    }
    Ok(stored)
}

/// The data key of an object, and only if it was made for this initialisation vector.
fn data_key(kek: &CipherKey, stored: &Parameters, iv: &[u8; 16]) -> Result<CipherKey, WrongKey> {
    let mut wrapped = stored.wrapped_key.clone();
    let key = decode::unwrap(kek, &stored.nonce, &mut wrapped).ok().and_then(CipherKey::new);
    let key = key.ok_or(WrongKey::Kek)?;
    if stored.commitment.is_empty() {
        // Older gateways stored none.
        return Ok(key);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).map_err(|_| WrongKey::Commitment)?;
    mac.update(iv);
    mac.update(ALGORITHM.as_bytes());
    // In constant time.
    mac.verify_slice(&stored.commitment).map_err(|_| WrongKey::Commitment)?;
    Ok(key)
}

fn missing(field: &str, inner: &str) -> EntryError {
    wrong(&(field.to_owned() + inner), Reason::Missing)
}

fn wrong(field: &str, reason: Reason) -> EntryError {
    EntryError::Field { field: field.to_owned(), reason }
}
