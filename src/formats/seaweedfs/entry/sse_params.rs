//! The stored parameters of S3 encryption, as their JSON holds them.

/// The only cipher that the gateway names: AES-256-CTR.
pub(super) const ALGORITHM: &str = "AES256";

/// The parameters of a key stream. They are stored with a chunk, or with the whole object.
#[derive(Default)]
pub(super) struct SseParams {
    /// `algorithm` has another value than [`ALGORITHM`].
    pub(super) is_other_cipher: bool,
    pub(super) iv: Option<[u8; 16]>,
    /// SSE-C: MD5 of the customer's key, in base64.
    pub(super) key_md5: String,
    /// SSE-C: position in the key stream at which the chunk begins.
    pub(super) part_offset: u64,
    /// SSE-S3: the data key, encrypted with the key-encryption key and AES-256-GCM.
    pub(super) wrapped_key: Vec<u8>,
    /// SSE-S3: the nonce of that encryption.
    pub(super) nonce: Vec<u8>,
    /// SSE-S3: HMAC-SHA256 under the data key, over the initialisation vector and the name of the cipher.
    pub(super) commitment: Vec<u8>,
}
