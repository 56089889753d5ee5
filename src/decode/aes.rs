//! AES-256-GCM as SeaweedFS stores it: `nonce (12) || ciphertext || tag (16)`, no associated
//! data (`weed/util/cipher.go`; NIST SP 800-38D).

use crate::{host::DecodeError, model::chunk::CipherKey};

/// How many bytes longer than its plaintext an encrypted chunk is.
pub const GCM_OVERHEAD: u64 = (NONCE + TAG) as u64;

const NONCE: usize = 12;
const TAG: usize = 16;

/// Decrypts a chunk in place and returns its plaintext.
///
/// # Errors
///
/// [`DecodeError::Truncated`] for fewer than 28 bytes, [`DecodeError::Tag`] if the tag does not
/// fit; the ciphertext is then left undeciphered.
pub fn open<'a>(key: &CipherKey, stored: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
    let (nonce, rest) = stored.split_at_mut_checked(NONCE).ok_or(DecodeError::Truncated)?;
    unwrap(key, nonce, rest)
}

/// Decrypts `ciphertext || tag (16)` in place, where the nonce was stored apart.
///
/// # Errors
///
/// As [`open`]: [`DecodeError::Truncated`] for a nonce of other than 12 bytes too.
pub fn unwrap<'a>(key: &CipherKey, nonce: &[u8], rest: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
    let text_len = rest.len().checked_sub(TAG).ok_or(DecodeError::Truncated)?;
    let (text, tag) = rest.split_at_mut(text_len);
    let nonce = nonce.try_into().map_err(|_| DecodeError::Truncated)?;
    let tag = (&*tag).try_into().map_err(|_| DecodeError::Truncated)?;
    if !kelp_stream_cipher::gcm(key.bytes(), nonce, text, tag) {
        return Err(DecodeError::Tag);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `seaweedfs-read-path.md` 14.
    const STORED: &str = "000102030405060708090a0b2f67ba77aac5b17eec36f2eed5c55819ebbff41499087f0c54068ceb3d1d65ca751a6afb187d4097658e5a217f880842b483";
    const PLAIN: &[u8] = b"hello seaweed, this is plain text\n";

    fn stored() -> Vec<u8> {
        (0..STORED.len()).step_by(2).map(|i| u8::from_str_radix(&STORED[i..i + 2], 16).unwrap()).collect()
    }

    fn key() -> CipherKey {
        CipherKey::new(&(0..32).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn the_published_vector_opens() {
        assert_eq!(open(&key(), &mut stored()), Ok(PLAIN));
    }

    // F54
    #[test]
    fn any_flipped_bit_is_noticed_and_nothing_is_deciphered() {
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
    fn of_an_empty_text_there_is_only_nonce_and_tag() {
        let tag = 0x530f_8afb_c745_36b9_a963_b4f1_c4cb_738b_u128.to_be_bytes();
        let key = CipherKey::new(&[0; 32]).unwrap();
        assert_eq!(open(&key, &mut [&[0; 12][..], &tag].concat()), Ok(&[][..]));
    }

    #[test]
    fn another_key_does_not_fit() {
        let other = CipherKey::new(&[7; 32]).unwrap();
        assert_eq!(open(&other, &mut stored()), Err(DecodeError::Tag));
    }

    // F57, F58
    #[test]
    fn every_cut_is_an_error_and_none_a_panic() {
        for len in 0..stored().len() {
            let wanted = if len < 28 { DecodeError::Truncated } else { DecodeError::Tag };
            assert_eq!(open(&key(), &mut stored()[..len]), Err(wanted), "{len} bytes");
        }
    }

    // F56
    #[test]
    fn only_keys_of_32_bytes_are_keys() {
        for len in [0, 16, 24, 31, 33] {
            assert!(CipherKey::new(&vec![0; len]).is_none(), "{len}");
        }
    }
}
