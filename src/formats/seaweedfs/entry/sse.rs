//! S3 encryption of an object: from its stored parameters and the reader's keys to the key stream over each
//! chunk (docs/seaweedfs-format.md, S3 encryption).
//!
//! The gateway encrypts each upload with one key stream (AES-256-CTR) and then cuts the result into chunks.
//! An upload is a whole object, or one part of a multipart upload. Parameters are stored with each chunk and
//! with the object. The parameters of a chunk are preferred; those of the object serve inline content, and
//! objects from a time when chunks had none.
//!
//! With SSE-C, the reader's key is the key of the stream. With SSE-S3, the reader has the gateway's
//! key-encryption key, which decrypts the data key of the object, and the data key is the key of the stream.
//! A wrong key is detected here, before any chunk is fetched.
//!
//! This module uses no cipher: [`Entry::wrapped_keys`] names the data keys that have to be decrypted, the caller has
//! a host decrypt them, and [`DataKeys`] brings them back.

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

use super::{
    json,
    metadata::Entry,
    sse_params::{ALGORITHM, SseParams},
};
use crate::{
    formats::seaweedfs::{
        error::{EntryError, Reason, Unsupported, WrongKey},
        raw_chunk::Sse,
        sse_kind::SseKind,
    },
    host::rare,
    http::base64,
    model::chunk::{Chunk, CipherKey, Ctr},
};

/// The reader's keys for encrypted S3 objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The customer's key, for objects under SSE-C.
    pub customer: Option<CipherKey>,
    /// The gateway's key-encryption key, for objects under SSE-S3. It opens all of them.
    pub kek: Option<CipherKey>,
}

/// Data keys of objects under SSE-S3, as they are stored, with what they are once decrypted.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DataKeys(HashMap<WrappedKey, CipherKey>);

/// A data key under the gateway's key-encryption key: AES-256-GCM, `nonce (12) || ciphertext || tag (16)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// The data key of these parameters; `None` if they have no valid nonce.
    fn of(stored: &SseParams) -> Option<Self> {
        let has_nonce = stored.nonce.len() == 12;
        has_nonce.then(|| Self([&stored.nonce[..], &stored.wrapped_key].concat()))
    }

    /// The bytes to decrypt.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl DataKeys {
    /// Adds a decrypted key. Anything but 32 bytes is no key, and the object cannot be read.
    pub fn insert(&mut self, wrapped: WrappedKey, key: &[u8]) {
        if let Some(key) = CipherKey::new(key) {
            self.0.insert(wrapped, key);
        }
    }
}

impl fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKeys({})", self.0.len())
    }
}

/// An object and the keys to read it with. What all chunks share is computed once, because an entry may list
/// a million chunks.
pub(super) struct Object<'a> {
    entry: &'a Entry,
    keys: &'a Keys,
    data_keys: &'a DataKeys,
    /// The kind of encryption according to the attributes.
    kind: Option<SseKind>,
    /// MD5 of the customer's key according to the attributes, in base64.
    key_md5: &'a [u8],
    /// Whether all chunks were cut from one key stream. Like the gateway, this assumes it if at most one
    /// chunk has parameters.
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
    pub(super) fn new(entry: &'a Entry, keys: &'a Keys, data_keys: &'a DataKeys) -> Self {
        let mut with_params =
            entry.chunks.iter().filter_map(|each| each.sse.as_ref()).filter(|sse| !sse.metadata.is_empty());
        Self {
            entry,
            keys,
            data_keys,
            kind: kind(entry),
            key_md5: entry.attribute(C_KEY_MD5).unwrap_or_default(),
            is_one_stream: with_params.nth(1).is_none(),
            start: OnceCell::new(),
        }
    }

    /// The key stream over the content of the entry, if it is encrypted.
    pub(super) fn ctr_of_content(&self) -> Result<Option<Arc<Ctr>>, EntryError> {
        let Some(kind) = self.kind else { return Ok(None) };
        let key = self.key(kind)?;
        rare::call(|| self.ctr_at(0, kind, key)).map(Some)
    }

    /// The key stream over a chunk.
    pub(super) fn ctr_of_chunk(
        &self,
        index: usize,
        chunk: &Chunk,
        sse: &Sse,
    ) -> Result<Arc<Ctr>, EntryError> {
        let key = self.key(sse.kind)?;
        rare::call(|| match self.is_of_the_object(sse) {
            true => self.ctr_at(chunk.offset, sse.kind, key),
            false => self.ctr_of_params(index, sse, key),
        })
    }

    /// The key stream over a chunk with parameters of its own.
    fn ctr_of_params(&self, index: usize, sse: &Sse, key: &CipherKey) -> Result<Arc<Ctr>, EntryError> {
        let field = format!("chunks[{index}].sse_metadata");
        let stored = parse(&field, &sse.metadata)?;
        let iv = stored.iv.ok_or_else(|| missing(&field, ".iv"))?;
        let ctr = if sse.kind == SseKind::C {
            self.check_customer(key, stored.key_md5.as_bytes())?;
            Ctr::new(key.clone(), iv, stored.part_offset)
        } else {
            // The vector that is stored with a chunk belongs to its first byte.
            Ctr::new(self.data_key(&stored, &iv)?, iv, 0)
        };
        Ok(ctr.into())
    }

    /// The key stream of the whole object, at this offset.
    fn ctr_at(&self, offset: u64, kind: SseKind, key: &CipherKey) -> Result<Arc<Ctr>, EntryError> {
        let Start { key, iv } = self.start.get_or_init(|| self.start(kind, key)).clone()?;
        Ok(Ctr::new(key, iv, offset).into())
    }

    fn start(&self, kind: SseKind, key: &CipherKey) -> Result<Start, EntryError> {
        if kind == SseKind::C {
            self.check_customer(key, &[])?;
            return Ok(Start { key: key.clone(), iv: raw_iv(self.attribute(C_IV)?)? });
        }
        let stored = parse(S3_KEY, self.attribute(S3_KEY)?)?;
        let iv = match stored.iv {
            Some(iv) => iv,
            None => self.iv_of_first_chunk()?,
        };
        Ok(Start { key: self.data_key(&stored, &iv)?, iv })
    }

    /// Whether a chunk has no parameters of its own, and is a part of the object's key stream.
    fn is_of_the_object(&self, sse: &Sse) -> bool {
        sse.metadata.is_empty() && self.is_one_stream && self.kind == Some(sse.kind)
    }

    /// The data keys that have to be decrypted, each once. Wrong parameters have none: they are an error when a key
    /// stream is made of them.
    fn wrapped_keys(&self) -> HashSet<WrappedKey> {
        let of_chunks = self.entry.chunks.iter().filter_map(|each| each.sse.as_ref());
        let of_chunks = of_chunks.filter(|sse| sse.kind == SseKind::S3 && !self.is_of_the_object(sse));
        let of_object = self.entry.attribute(S3_KEY).filter(|_| self.kind == Some(SseKind::S3));
        let texts = of_chunks.map(|sse| &sse.metadata[..]).chain(of_object);
        texts.filter_map(|text| WrappedKey::of(&parse("", text).ok()?)).collect()
    }

    /// The data key of an object, if it was made for this initialisation vector.
    fn data_key(&self, stored: &SseParams, iv: &[u8; 16]) -> Result<CipherKey, WrongKey> {
        let wrapped = WrappedKey::of(stored).ok_or(WrongKey::Kek)?;
        let key = self.data_keys.0.get(&wrapped).ok_or(WrongKey::Kek)?;
        if stored.commitment.is_empty() {
            // Older gateways store no commitment.
            return Ok(key.clone());
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).map_err(|_| WrongKey::Commitment)?;
        mac.update(iv);
        mac.update(ALGORITHM.as_bytes());
        // This comparison takes constant time.
        mac.verify_slice(&stored.commitment).map_err(|_| WrongKey::Commitment)?;
        Ok(key.clone())
    }

    fn iv_of_first_chunk(&self) -> Result<[u8; 16], EntryError> {
        let first = self.entry.chunks.first().and_then(|each| each.sse.as_ref());
        let first = first.map_or(&[][..], |sse| &sse.metadata);
        let iv = if first.is_empty() { None } else { parse("chunks[0].sse_metadata", first)?.iv };
        iv.ok_or_else(|| missing(S3_KEY, ".iv"))
    }

    /// The key for this kind of encryption. There is none for SSE-KMS.
    fn key(&self, kind: SseKind) -> Result<&'a CipherKey, Unsupported> {
        let key = match kind {
            SseKind::C => self.keys.customer.as_ref(),
            SseKind::S3 => self.keys.kek.as_ref(),
            SseKind::Kms | SseKind::Unknown => None,
        };
        key.ok_or(Unsupported::Sse(kind))
    }

    /// Compares the MD5 of the customer's key with the one that is stored with the chunk, or else with the
    /// object. If neither has one, any key is accepted.
    fn check_customer(&self, key: &CipherKey, md5_of_chunk: &[u8]) -> Result<(), WrongKey> {
        let stored = if md5_of_chunk.is_empty() { self.key_md5 } else { md5_of_chunk };
        match stored.is_empty() || decoded(stored) == Some(Md5::digest(key.bytes()).into()) {
            true => Ok(()),
            false => Err(WrongKey::Customer),
        }
    }

    fn attribute(&self, name: &'static str) -> Result<&'a [u8], EntryError> {
        self.entry.attribute(name).ok_or_else(|| missing(name, ""))
    }
}

impl Entry {
    /// The data keys that the key-encryption key of `keys` has to decrypt before the chunks can be listed, each
    /// once. There are none without that key, and for other objects than those under SSE-S3.
    #[must_use]
    pub fn wrapped_keys(&self, keys: &Keys) -> Vec<WrappedKey> {
        if keys.kek.is_none() {
            return Vec::new();
        }
        Object::new(self, keys, &DataKeys::default()).wrapped_keys().into_iter().collect()
    }
}

/// The kind of encryption according to the attributes of an entry.
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
    let algorithm = entry.attribute("X-Amz-Server-Side-Encryption")?;
    Some(if algorithm == ALGORITHM.as_bytes() { SseKind::S3 } else { SseKind::Kms })
}

/// The initialisation vector of an object under SSE-C. It is stored as bytes; early gateways stored base64.
fn raw_iv(stored: &[u8]) -> Result<[u8; 16], EntryError> {
    let raw = stored.try_into().ok().or_else(|| decoded(stored));
    raw.ok_or_else(|| invalid(C_IV, Reason::Not("an initialisation vector")))
}

/// 16 bytes in base64.
fn decoded(text: &[u8]) -> Option<[u8; 16]> {
    base64::decode(str::from_utf8(text).ok()?)?.try_into().ok()
}

fn parse(field: &str, text: &[u8]) -> Result<SseParams, EntryError> {
    if text.is_empty() {
        return Err(missing(field, ""));
    }
    let stored =
        json::parse_sse(text).map_err(|(name, reason)| invalid(&(field.to_owned() + &name), reason))?;
    if stored.is_other_cipher {
        return Err(Unsupported::Sse(SseKind::Unknown).into());
    }
    Ok(stored)
}

fn missing(field: &str, inner: &str) -> EntryError {
    invalid(&(field.to_owned() + inner), Reason::Missing)
}

fn invalid(field: &str, reason: Reason) -> EntryError {
    EntryError::Field { field: field.to_owned(), reason }
}
