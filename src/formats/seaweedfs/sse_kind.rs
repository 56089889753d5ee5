//! The kinds of server-side encryption of the S3 gateway.

/// The kind of server-side encryption (SSE) of an S3 object: it decides who holds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseKind {
    /// SSE-C: the customer holds the key.
    C,
    /// SSE-KMS: a key server holds it.
    Kms,
    /// SSE-S3: the gateway holds it.
    S3,
    /// A kind that this version does not know.
    Unknown,
}

impl SseKind {
    /// The kind by its number in a `FileChunk`; `None` for 0, which is no encryption.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => None,
            1 => Some(Self::C),
            2 => Some(Self::Kms),
            3 => Some(Self::S3),
            _ => Some(Self::Unknown),
        }
    }

    /// Its name, and what a reader needs for it: the second half of an error message.
    pub(super) fn requirement(self) -> &'static str {
        match self {
            Self::C => "SSE-C: pass its key as sse.customerKey",
            Self::Kms => "SSE-KMS: its key stays with the key server, so it cannot be read directly",
            Self::S3 => "SSE-S3: pass the gateway's key-encryption key as sse.kek",
            Self::Unknown => "an unknown kind of SSE, which this version cannot read",
        }
    }
}
