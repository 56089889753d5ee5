//! gzip (RFC 1952) that is complete in memory: one or more members, with a limit on the output.

use kelp_stream_codec::gzip::{Error, Inflater};

use crate::host::DecodeError;

/// Inflates every member and passes the bytes to `sink`, piece by piece. Only the trailer of gzip proves that the
/// data is complete.
///
/// # Errors
///
/// [`DecodeError::Gzip`] if the bytes are not gzip, are truncated, are followed by bytes other than zeros, or
/// have a wrong check value; [`DecodeError::TooLong`] if the output exceeds `max_output`.
pub fn inflate(compressed: &[u8], max_output: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
    let mut inflater = Inflater::new(max_output);
    while let Some(piece) = inflater.next(compressed).map_err(error)? {
        sink(piece);
    }
    Ok(())
}

fn error(error: Error) -> DecodeError {
    match error {
        Error::Gzip => DecodeError::Gzip,
        Error::TooLong => DecodeError::TooLong,
    }
}

/// The first `n` bytes, or all of them if there are fewer.
pub(super) fn first(bytes: &[u8], n: u64) -> &[u8] {
    let n = usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(..n).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::{decode::decode, host::DecodeParams};

    pub(in crate::decode) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn sample(len: usize) -> Vec<u8> {
        b"the quick brown kelp sways over the lazy otter\n".iter().copied().cycle().take(len).collect()
    }

    fn run(compressed: &[u8], output_len: u64, max_output: u64) -> Result<Vec<u8>, DecodeError> {
        let params = DecodeParams { key: None, gzip: true, output_len, max_output, md5: None };
        let mut out = Vec::new();
        decode(compressed.to_vec(), &params, &mut |piece| out.extend_from_slice(piece)).map(|()| out)
    }

    #[test]
    fn compressed_bytes_are_restored() {
        let plain = sample(300_000);
        assert_eq!(run(&gzip(&plain), u64::MAX, 300_000), Ok(plain));
        assert_eq!(run(&gzip(b""), u64::MAX, 0), Ok(vec![]));
    }

    // F68, F69
    #[test]
    fn members_may_follow_one_another_and_zeros_may_pad() {
        let compressed = [gzip(b"one "), gzip(b"two"), vec![0; 40]].concat();
        assert_eq!(run(&compressed, u64::MAX, 100), Ok(b"one two".to_vec()));
    }

    // F68
    #[test]
    fn bytes_after_the_end_are_an_error() {
        assert_eq!(run(&[gzip(b"x"), b"garbage".to_vec()].concat(), u64::MAX, 100), Err(DecodeError::Gzip));
    }

    /// A member with every optional field of a header (RFC 1952, section 2.3), each 64 KiB long.
    fn with_full_header(text: &[u8]) -> (Vec<u8>, usize) {
        let mut compressed = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 255, 0xff, 0xff];
        compressed.extend([b'e'; 0xffff]);
        compressed.extend([&[b'n'; 0xffff][..], &[0], &[b'c'; 0xffff], &[0]].concat());
        let mut crc = flate2::Crc::new();
        crc.update(&compressed);
        compressed.extend(&crc.sum().to_le_bytes()[..2]);
        let header = compressed.len();
        // The encoder writes a header of ten bytes.
        compressed.extend(&gzip(text)[10..]);
        (compressed, header)
    }

    // F72
    #[test]
    fn a_header_with_every_field_is_read_and_checked() {
        let (compressed, header) = with_full_header(b"text");
        assert_eq!(run(&compressed, u64::MAX, 4), Ok(b"text".to_vec()));
        for cut in [11, 12, 0x1_0000, 0x2_0000, 0x3_0000, header - 1, header] {
            assert_eq!(run(&compressed[..cut], u64::MAX, 4), Err(DecodeError::Gzip), "{cut} bytes");
        }
        for at in [header - 1, header - 2, header - 3, 20] {
            let mut damaged = compressed.clone();
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
        fn no_header_causes_a_panic(flags: u8, rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let compressed = [&[0x1f, 0x8b, 8, flags][..], &rest].concat();
            let _ = run(&compressed, u64::MAX, 1000);
        }
    }

    #[test]
    fn only_the_requested_length_is_returned() {
        let plain = sample(200_000);
        assert_eq!(run(&gzip(&plain), 70_000, 200_000), Ok(plain[..70_000].to_vec()));
    }

    // F64
    #[test]
    fn a_gzip_bomb_stops_at_the_limit() {
        let compressed = gzip(&vec![0; 10 << 20]);
        assert!(compressed.len() < 20_000);
        assert_eq!(run(&compressed, 1000, 1 << 20), Err(DecodeError::TooLong));
    }

    // F66, F67
    #[test]
    fn a_truncated_or_damaged_trailer_is_detected() {
        let compressed = gzip(&sample(1000));
        for len in 0..compressed.len() {
            assert_eq!(run(&compressed[..len], u64::MAX, 1000), Err(DecodeError::Gzip), "{len} bytes");
        }
        for at in compressed.len() - 8..compressed.len() {
            let mut damaged = compressed.clone();
            damaged[at] ^= 1;
            assert_eq!(run(&damaged, u64::MAX, 1000), Err(DecodeError::Gzip), "byte {at}");
        }
    }
}
