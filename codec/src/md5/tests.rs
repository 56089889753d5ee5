//! The lanes against RFC 1321 and the crate md-5: natively, and in wasm with and without `simd128`.

use md5::Digest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{rounds::blocks, word::array::Array, *};
use crate::random::{Random, cases};

/// RFC 1321, A.5.
#[test]
fn published_digests_of_md5() {
    for (text, expected) in [
        ("", 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128),
        ("a", 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661),
        ("abc", 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72),
        ("message digest", 0xf96b_697d_7cb7_938d_525a_2f31_aaf1_61d0),
        ("abcdefghijklmnopqrstuvwxyz", 0xc3fc_d3d7_6192_e400_7dfb_496c_ca67_e13b),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            0xd174_ab98_d277_d9f5_a561_1c2c_9f41_9d9f,
        ),
        (&"1234567890".repeat(8), 0x57ed_f4a2_2be3_c955_ac49_da2e_2107_b67a),
    ] {
        assert_eq!(digest(text.as_bytes()), expected.to_be_bytes(), "{text}");
    }
}

#[test]
fn padding_of_every_length() {
    let bytes = Random(1).bytes(300);
    for len in 0..bytes.len() {
        assert_eq!(digest(&bytes[..len])[..], md5::Md5::digest(&bytes[..len])[..], "{len} bytes");
    }
}

/// Streams of random lengths, cut at random, updated together and alone in random order.
#[test]
fn random_streams_in_lockstep_and_alone() {
    let mut random = Random(42);
    let pool = random.bytes(1 << 16);
    let mut streams = 0;
    while streams < cases(2000) {
        let n = 1 + random.below(12);
        let texts: Vec<&[u8]> = (0..n)
            .map(|_| {
                let longest = [1, 63, 64, 65, 130, 700, 5000][random.below(7)];
                let len = random.below(longest + 1);
                let at = random.below(pool.len() - len);
                &pool[at..at + len]
            })
            .collect();
        let mut digests = vec![Md5::new(); n];
        let mut rest = texts.clone();
        while rest.iter().any(|rest| !rest.is_empty()) {
            let mut work = Vec::new();
            for (digest, rest) in digests.iter_mut().zip(&mut rest) {
                let len = match random.below(4) {
                    0 => 0,
                    1 => rest.len(),
                    _ => random.below(rest.len() + 1),
                };
                let (now, later) = rest.split_at(len);
                *rest = later;
                match random.below(4) {
                    0 => digest.update(now),
                    _ => work.push((digest, now)),
                }
            }
            update_all(&mut work);
            assert!(work.iter().all(|(_, bytes)| bytes.is_empty()));
        }
        for (text, digest) in texts.iter().zip(digests) {
            assert_eq!(digest.finalize()[..], md5::Md5::digest(text)[..], "{} bytes", text.len());
        }
        streams += n;
    }
}

/// Each kernel that this processor can run, and the arrays of processors without one.
#[test]
fn every_kernel_computes_what_one_stream_does() {
    fn check<const N: usize>(name: &str, kernel: impl Fn(&mut [[u32; 4]; N], [&[[u8; BLOCK]]; N])) {
        let texts: [Vec<u8>; N] = core::array::from_fn(|lane| Random(lane as u64 + 1).bytes(1024));
        let data = texts.each_ref().map(|text| text.as_chunks().0);
        let (mut together, mut alone) = ([START; N], [START; N]);
        kernel(&mut together, data);
        for (state, data) in alone.iter_mut().zip(data) {
            kernel::one(state, data);
        }
        assert_eq!(together, alone, "{name}");
    }
    check("four", kernel::four);
    check("seven", kernel::seven);
    check("eight", kernel::eight);
    check("arrays", blocks::<4, Array<4>>);
    #[cfg(any(target_arch = "x86_64", target_arch = "wasm32"))]
    check("three", kernel::three);
    #[cfg(target_arch = "x86_64")]
    for (name, kernel) in [("AVX2", kernel::x86::avx2()), ("AVX-512VL", kernel::x86::avx512())] {
        match kernel {
            Some(kernel) => check(name, kernel),
            None => println!("this processor has no {name}"),
        }
    }
}
