//! gzip (RFC 1952), one or more members, with a ceiling.

use flate2::{Decompress, FlushDecompress, Status};

use crate::host::{DecodeError, DecodeParams};

/// Large enough to make calls rare, small enough to stay in the cache: measured faster than one
/// growing buffer.
const PIECE: usize = 64 << 10;

/// Whether bytes start as gzip does.
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Inflates every member, handing out the first `recipe.keep` bytes piece by piece. What follows
/// is inflated too, since only the end of gzip proves that it is whole, and dropped.
///
/// # Errors
///
/// [`DecodeError::Gzip`] if it is not gzip, breaks off, is followed by other bytes than zeros, or
/// has a wrong check value; [`DecodeError::TooLong`] past `recipe.ceiling`.
pub fn inflate(
    mut packed: &[u8],
    params: &DecodeParams,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), DecodeError> {
    let mut scratch = vec![0; PIECE];
    let mut done: u64 = 0;
    loop {
        let mut member = Decompress::new_gzip(WINDOW_BITS);
        let mut used = 0;
        loop {
            let rest = packed.get(used..).unwrap_or_default();
            let before = (member.total_in(), member.total_out());
            let status = member.decompress(rest, &mut scratch, FlushDecompress::None);
            let status = status.map_err(|_| DecodeError::Gzip)?;
            let (read, written) = (member.total_in() - before.0, member.total_out() - before.1);
            used += read as usize;
            let wanted = params.output_len.saturating_sub(done);
            done += written;
            if done > params.max_output {
                return Err(DecodeError::TooLong);
            }
            let wanted = first(first(&scratch, written), wanted);
            if !wanted.is_empty() {
                sink(wanted);
            }
            if status == Status::StreamEnd {
                break;
            }
            if read == 0 && written == 0 {
                return Err(DecodeError::Gzip);
            }
        }
        packed = packed.get(used..).unwrap_or_default();
        // Writers may pad with zeros; anything else must be the next member.
        if packed.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
    }
}

/// The largest window that deflate has: 32 KiB.
pub(super) const WINDOW_BITS: u8 = 15;

/// The first `n` bytes, or all.
pub(super) fn first(bytes: &[u8], n: u64) -> &[u8] {
    let n = usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(..n).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    pub(in crate::decode) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn prose(len: usize) -> Vec<u8> {
        b"the quick brown kelp sways over the lazy otter\n".iter().copied().cycle().take(len).collect()
    }

    fn run(packed: &[u8], output_len: u64, max_output: u64) -> Result<Vec<u8>, DecodeError> {
        let params = DecodeParams { key: None, gzip: true, output_len, max_output };
        let mut out = Vec::new();
        inflate(packed, &params, &mut |piece| out.extend_from_slice(piece)).map(|()| out)
    }

    #[test]
    fn what_was_packed_comes_out() {
        let plain = prose(300_000);
        assert_eq!(run(&gzip(&plain), u64::MAX, 300_000), Ok(plain));
        assert_eq!(run(&gzip(b""), u64::MAX, 0), Ok(vec![]));
    }

    // F68, F69
    #[test]
    fn members_follow_one_another_and_zeros_may_pad() {
        let packed = [gzip(b"one "), gzip(b"two"), vec![0; 40]].concat();
        assert_eq!(run(&packed, u64::MAX, 100), Ok(b"one two".to_vec()));
    }

    // F68
    #[test]
    fn bytes_after_the_end_are_an_error() {
        assert_eq!(run(&[gzip(b"x"), b"garbage".to_vec()].concat(), u64::MAX, 100), Err(DecodeError::Gzip));
    }

    /// A member with all that a header may have (RFC 1952, 2.3), each 64 KiB long.
    fn with_full_header(text: &[u8]) -> (Vec<u8>, usize) {
        let mut packed = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 255, 0xff, 0xff];
        packed.extend([b'e'; 0xffff]);
        packed.extend([&[b'n'; 0xffff][..], &[0], &[b'c'; 0xffff], &[0]].concat());
        let mut crc = flate2::Crc::new();
        crc.update(&packed);
        packed.extend(&crc.sum().to_le_bytes()[..2]);
        let header = packed.len();
        // What the encoder writes has a header of ten bytes.
        packed.extend(&gzip(text)[10..]);
        (packed, header)
    }

    // F72
    #[test]
    fn a_header_may_be_full_and_is_checked() {
        let (packed, header) = with_full_header(b"text");
        assert_eq!(run(&packed, u64::MAX, 4), Ok(b"text".to_vec()));
        for cut in [11, 12, 0x1_0000, 0x2_0000, 0x3_0000, header - 1, header] {
            assert_eq!(run(&packed[..cut], u64::MAX, 4), Err(DecodeError::Gzip), "{cut} bytes");
        }
        for at in [header - 1, header - 2, header - 3, 20] {
            let mut damaged = packed.clone();
            damaged[at] ^= 1;
            let read = run(&damaged, u64::MAX, 4);
            assert_eq!(read, Err(DecodeError::Gzip), "byte {at}");
        }
    }

    // proptest is a dependency of native tests only.
    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        // F72
        #[test]
        fn no_header_breaks_it(flags: u8, rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let packed = [&[0x1f, 0x8b, 8, flags][..], &rest].concat();
            let _ = run(&packed, u64::MAX, 1000);
        }
    }

    #[test]
    fn only_what_is_wanted_is_handed_out() {
        let plain = prose(200_000);
        assert_eq!(run(&gzip(&plain), 70_000, 200_000), Ok(plain[..70_000].to_vec()));
    }

    // F64
    #[test]
    fn a_bomb_ends_at_the_ceiling() {
        let packed = gzip(&vec![0; 10 << 20]);
        assert!(packed.len() < 20_000);
        assert_eq!(run(&packed, 1000, 1 << 20), Err(DecodeError::TooLong));
    }

    // F66, F67
    #[test]
    fn every_cut_and_every_flipped_bit_of_the_trailer_is_noticed() {
        let packed = gzip(&prose(1000));
        for len in 0..packed.len() {
            assert_eq!(run(&packed[..len], u64::MAX, 1000), Err(DecodeError::Gzip), "{len} bytes");
        }
        for at in packed.len() - 8..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 1;
            assert_eq!(run(&damaged, u64::MAX, 1000), Err(DecodeError::Gzip), "byte {at}");
        }
    }
}
