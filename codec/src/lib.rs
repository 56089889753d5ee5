//! What [kelp-stream](https://docs.rs/kelp-stream) does to every byte of a file: AES-256-GCM and AES-256-CTR, and MD5 of
//! several streams in lockstep.
//!
//! This is a crate of its own because of how it is compiled. Generic code is compiled by the crate that uses it, with
//! that crate's optimisation level. In a browser the rest of kelp-stream is compiled for size, and a cipher would be six
//! times slower for it. This crate is compiled for speed.
//!
//! A function has a kernel of this crate where no well-kept crate is nearly as fast:
//!
//! - [`gcm`] and [`ctr`] in wasm with `simd128`. The crates of RustCrypto have no backend for wasm SIMD. Everywhere else
//!   `aes-gcm` and `ctr` are the implementation. They are also the reference of the tests.
//! - [`md5`] everywhere. No kept crate computes several streams in lockstep. `md-5` is the reference of the tests.

pub mod ctr;
pub mod gcm;
pub mod md5;

// Natively the kernel is compiled for its tests alone.
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "simd128")))]
mod kernel;
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
