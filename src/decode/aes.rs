//! AES-256-GCM in the form in which SeaweedFS stores it: `nonce (12) || ciphertext || tag (16)`, without
//! associated data (`weed/util/cipher.go`; NIST SP 800-38D).

use crate::{host::DecodeError, model::chunk::CipherKey};

const NONCE: usize = 12;
const TAG: usize = 16;

/// Decrypts a chunk in place and returns its plaintext.
///
/// # Errors
///
/// [`DecodeError::Truncated`] for fewer than 28 bytes; [`DecodeError::Tag`] if the tag does not match. After
/// an error the ciphertext is unchanged.
pub fn open<'a>(key: &CipherKey, stored: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
    let (nonce, rest) = stored.split_at_mut_checked(NONCE).ok_or(DecodeError::Truncated)?;
    let nonce = (&*nonce).try_into().map_err(|_| DecodeError::Truncated)?;
    if rest.len() < TAG {
        return Err(DecodeError::Truncated);
    }
    kelp_stream_codec::gcm::open(key.bytes(), nonce, rest).map(|plain| &*plain).ok_or(DecodeError::Tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/seaweedfs-format.md, Test vectors.
    const STORED: &str = "000102030405060708090a0b2f67ba77aac5b17eec36f2eed5c55819ebbff41499087f0c54068ceb3d1d65ca751a6afb187d4097658e5a217f880842b483";
    const PLAIN: &[u8] = b"hello seaweed, this is plain text\n";

    fn stored() -> Vec<u8> {
        (0..STORED.len()).step_by(2).map(|i| u8::from_str_radix(&STORED[i..i + 2], 16).unwrap()).collect()
    }

    fn key() -> CipherKey {
        CipherKey::new(&(0..32).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn the_published_vector_is_decrypted() {
        assert_eq!(open(&key(), &mut stored()), Ok(PLAIN));
    }

    // F54
    #[test]
    fn any_flipped_bit_is_detected_before_decryption() {
        for at in 0..stored().len() {
            for bit in 0..8 {
                let mut damaged = stored();
                damaged[at] ^= 1 << bit;
                let before = damaged.clone();
                assert_eq!(open(&key(), &mut damaged), Err(DecodeError::Tag), "byte {at} bit {bit}");
                assert_eq!(damaged, before);
            }
        }
    }

    /// NIST's test case 13 (McGrew and Viega, "The Galois/Counter Mode of Operation").
    // F59
    #[test]
    fn an_empty_plaintext_has_only_nonce_and_tag() {
        let tag = 0x530f_8afb_c745_36b9_a963_b4f1_c4cb_738b_u128.to_be_bytes();
        let key = CipherKey::new(&[0; 32]).unwrap();
        assert_eq!(open(&key, &mut [&[0; 12][..], &tag].concat()), Ok(&[][..]));
    }

    #[test]
    fn another_key_is_detected() {
        let other = CipherKey::new(&[7; 32]).unwrap();
        assert_eq!(open(&other, &mut stored()), Err(DecodeError::Tag));
    }

    // F57, F58
    #[test]
    fn a_ciphertext_truncated_at_any_length_is_an_error() {
        for len in 0..stored().len() {
            let expected = if len < 28 { DecodeError::Truncated } else { DecodeError::Tag };
            assert_eq!(open(&key(), &mut stored()[..len]), Err(expected), "{len} bytes");
        }
    }

    // F56
    #[test]
    fn a_key_has_32_bytes() {
        for len in [0, 16, 24, 31, 33] {
            assert!(CipherKey::new(&vec![0; len]).is_none(), "{len}");
        }
    }
}
