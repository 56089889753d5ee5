//! The kernel and the interface against published values and the crates crc32fast and crc32c.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{
    crc32, crc32c,
    kernel::{Crc32, Crc32c},
};
use crate::random::{Random, cases};

/// RFC 3720, B.4, and the check values of the catalogue of parametrised CRC algorithms.
#[test]
fn published_check_values() {
    for crc32c in [crc32c, Crc32c::continued] {
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(0, &[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(0, &core::array::from_fn::<u8, 32, _>(|i| i as u8)), 0x46dd_794e);
        assert_eq!(crc32c(0, b""), 0);
    }
    for crc32 in [crc32, Crc32::continued] {
        assert_eq!(crc32(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(0, b""), 0);
    }
}

#[test]
fn check_values_of_every_length_and_cut() {
    let mut random = Random(5);
    let all = random.bytes(70_000);
    for len in (0..1200).chain([70_000]) {
        let bytes = &all[..len];
        let (a, b) = bytes.split_at(random.below(len + 1));
        let mut reference = crc32fast::Hasher::new();
        reference.update(bytes);
        let expected = (reference.finalize(), ::crc32c::crc32c(bytes));
        assert_eq!((crc32(crc32(0, a), b), crc32c(crc32c(0, a), b)), expected, "{len} bytes");
        let kernel = (Crc32::continued, Crc32c::continued);
        assert_eq!((kernel.0(kernel.0(0, a), b), kernel.1(kernel.1(0, a), b)), expected, "{len} bytes");
    }
}

/// Wherever a slice begins in memory.
#[test]
fn check_values_of_random_slices() {
    let mut random = Random(6);
    let all = random.bytes(20_000);
    for _ in 0..cases(2000) {
        let from = random.below(all.len());
        let bytes = &all[from..from + random.below(all.len() - from)];
        let crc = random.next() as u32;
        assert_eq!(crc32c(crc, bytes), ::crc32c::crc32c_append(crc, bytes));
        assert_eq!(Crc32c::continued(crc, bytes), ::crc32c::crc32c_append(crc, bytes));
        let mut reference = crc32fast::Hasher::new_with_initial(crc);
        reference.update(bytes);
        let expected = reference.finalize();
        assert_eq!((crc32(crc, bytes), Crc32::continued(crc, bytes)), (expected, expected));
    }
}
