//! AES-256-CTR (NIST SP 800-38A, section 6.5), the cipher of SeaweedFS's S3 gateway.
//!
//! It has no authentication tag: neither a wrong key nor changed bytes can be detected here. It can decrypt
//! any part of a chunk alone.

use bytes::Bytes;

use crate::model::chunk::Ctr;

/// Decrypts bytes of a chunk in place. `at` is the position of the first byte in the chunk.
pub fn apply(ctr: &Ctr, at: u64, bytes: &mut [u8]) {
    let at = u128::from(at) + u128::from(ctr.skip());
    kelp_stream_codec::ctr::apply(ctr.key().bytes(), ctr.iv(), at, bytes);
}

/// A decrypted copy of bytes of a chunk. `at` is the position of the first byte in the chunk.
#[must_use]
pub fn ctr_applied(bytes: &[u8], ctr: &Ctr, at: u64) -> Bytes {
    let mut copy = bytes.to_vec();
    apply(ctr, at, &mut copy);
    copy.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chunk::CipherKey;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let byte = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap();
        std::array::from_fn(byte)
    }

    /// NIST SP 800-38A, F.5.5 and F.5.6.
    const KEY: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    const COUNTER: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    const PLAIN: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    const CIPHER: &str = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6";

    fn ctr(offset: u64) -> Ctr {
        Ctr::new(CipherKey::new(&bytes::<32>(KEY)).unwrap(), bytes(COUNTER), offset)
    }

    #[test]
    fn the_vectors_of_nist_are_encrypted_and_decrypted() {
        let (plain, cipher) = (bytes::<64>(PLAIN), bytes::<64>(CIPHER));
        let mut text = plain;
        apply(&ctr(0), 0, &mut text);
        assert_eq!(text, cipher);
        apply(&ctr(0), 0, &mut text);
        assert_eq!(text, plain);
    }

    #[test]
    fn any_part_of_a_chunk_is_decrypted_alone() {
        let (plain, cipher) = (bytes::<64>(PLAIN), bytes::<64>(CIPHER));
        for offset in 0..64 {
            for start in offset..64 {
                for end in start..64 {
                    let mut part = cipher[start..end].to_vec();
                    apply(&ctr(offset as u64), (start - offset) as u64, &mut part);
                    assert_eq!(part, plain[start..end], "{start}..{end} of a chunk at {offset}");
                }
            }
        }
    }

    /// docs/seaweedfs-format.md, Test vectors.
    const WRAPPING: &str = "0102030405060708ffffffffffffffff";

    #[test]
    fn the_offset_is_added_to_the_low_half_of_the_vector() {
        let at = |offset| Ctr::new(CipherKey::new(&[7; 32]).unwrap(), bytes(WRAPPING), offset);
        assert_eq!((at(0).iv(), at(0).skip()), (&bytes(WRAPPING), 0));
        assert_eq!((at(15).iv(), at(15).skip()), (&bytes(WRAPPING), 15));
        assert_eq!((at(16).iv(), at(16).skip()), (&bytes("01020304050607080000000000000000"), 0));
        assert_eq!((at(20).iv(), at(20).skip()), (&bytes("01020304050607080000000000000000"), 4));
        assert_eq!(at(4 << 20).iv(), &bytes("0102030405060708000000000003ffff"));
    }

    #[test]
    fn inside_a_chunk_the_counter_carries_through_128_bits() {
        let key = CipherKey::new(&[7; 32]).unwrap();
        let mut continued = [0; 32];
        apply(&Ctr::new(key.clone(), bytes(WRAPPING), 0), 0, &mut continued);
        let mut carried = [0; 16];
        apply(&Ctr::new(key.clone(), bytes("01020304050607090000000000000000"), 0), 0, &mut carried);
        assert_eq!(continued[16..], carried);
        let mut lost = [0; 16];
        apply(&Ctr::new(key, bytes(WRAPPING), 16), 0, &mut lost);
        assert_ne!(continued[16..], lost);
    }

    #[test]
    fn positions_beyond_four_gigabytes_are_exact() {
        let far = (5 << 32) + 3;
        let (mut one, mut other) = ([0; 40], [0; 40]);
        apply(&ctr(0), far, &mut one);
        apply(&ctr(far), 0, &mut other);
        assert_eq!(one, other);
    }

    #[test]
    fn a_key_is_not_printed() {
        let printed = format!("{:?}", ctr(0));
        assert!(printed.contains("CipherKey(..)") && !printed.contains("96, 61"), "{printed}");
    }
}
