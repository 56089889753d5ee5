//! Digests that are computed at once, on the thread that has the bytes.

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use kelp_stream_codec::{crc::crc32c, md5::Md5};

use crate::host::{Algorithm, Checksum, DecodeError, DigestBytes};

/// A digest in progress.
#[derive(Clone, Debug)]
pub enum DirectDigest {
    /// MD5.
    Md5(Md5),
    /// CRC-32C of the bytes so far.
    Crc32c(u32),
}

impl DirectDigest {
    /// A digest of no bytes so far.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Crc32c => Self::Crc32c(0),
        }
    }

    /// Appends bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(md5) => md5.update(bytes),
            Self::Crc32c(crc) => *crc = crc32c(*crc, bytes),
        }
    }

    /// The digest of all bytes so far.
    #[must_use]
    pub fn value(&self) -> Checksum {
        match self {
            Self::Md5(md5) => Checksum::Md5(md5.clone().finalize()),
            Self::Crc32c(crc) => Checksum::Crc32c(*crc),
        }
    }
}

impl DigestBytes for DirectDigest {
    fn update(&mut self, piece: &Bytes) {
        self.update(piece);
    }

    fn value(&mut self) -> BoxFuture<'_, Result<Checksum, DecodeError>> {
        ready(Ok(Self::value(self))).boxed()
    }
}

#[cfg(test)]
pub(super) fn digest(algorithm: Algorithm, bytes: &[u8]) -> Checksum {
    let mut hasher = DirectDigest::new(algorithm);
    hasher.update(bytes);
    hasher.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_values_are_computed() {
        // RFC 1321, appendix A.5; RFC 3720, appendix B.4.
        let md5 = 0x900150983cd24fb0d6963f7d28e17f72_u128.to_be_bytes();
        assert_eq!(digest(Algorithm::Md5, b"abc"), Checksum::Md5(md5));
        assert_eq!(digest(Algorithm::Crc32c, &[0; 32]), Checksum::Crc32c(0x8a91_36aa));
        assert_eq!(digest(Algorithm::Crc32c, &[0xff; 32]), Checksum::Crc32c(0x62a8_ab43));
    }

    #[test]
    fn a_value_does_not_end_a_digest() {
        for algorithm in [Algorithm::Md5, Algorithm::Crc32c] {
            let mut hasher = DirectDigest::new(algorithm);
            hasher.update(b"one, ");
            assert_eq!(hasher.value(), digest(algorithm, b"one, "));
            hasher.update(b"two");
            assert_eq!(hasher.value(), digest(algorithm, b"one, two"));
        }
    }
}
