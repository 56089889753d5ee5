//! What [kelp-stream](https://docs.rs/kelp-stream) does to every byte of a file: AES-256-GCM and AES-256-CTR, gzip, MD5
//! of several streams in lockstep, CRC-32 and CRC-32C.
//!
//! This is a crate of its own because of how it is compiled. Generic code is compiled by the crate that uses it, with
//! that crate's optimisation level. In a browser the rest of kelp-stream is compiled for size, and a cipher would be six
//! times slower for it. This crate is compiled for speed.
//!
//! A function has a kernel of this crate only where no well-kept crate is nearly as fast. The kept crates are the
//! implementation everywhere else, and the reference of the tests:
//!
//! - [`gcm`] and [`ctr`] have a kernel in wasm with `simd128`, because the crates of RustCrypto have no backend for wasm
//!   SIMD. Elsewhere they are `aes-gcm`, `ghash` and `ctr`.
//! - [`gzip`] and [`crc`] have a kernel in wasm with `simd128`. Elsewhere they are `flate2` with zlib-rs, `crc32fast` and
//!   `crc32c`.
//! - [`md5`] has a kernel everywhere, because no kept crate computes several streams in lockstep.

#![cfg_attr(all(target_arch = "wasm32", target_feature = "simd128", not(test)), no_std)]

extern crate alloc;

pub mod crc;
pub mod ctr;
pub mod gcm;
pub mod gzip;
pub mod md5;

// Natively the kernel is compiled for tests and fuzzing alone.
#[cfg(any(test, feature = "kernels", all(target_arch = "wasm32", target_feature = "simd128")))]
mod kernel;
#[cfg(feature = "kernels")]
#[doc(hidden)]
pub mod kernels;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod rustcrypto;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use kernel as implementation;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use rustcrypto as implementation;

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
