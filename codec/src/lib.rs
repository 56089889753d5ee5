//! The ciphers of [kelp-stream](https://docs.rs/kelp-stream): AES-256-GCM and AES-256-CTR.
//!
//! They are a crate of their own because of how they are compiled. Generic code is compiled by the crate that uses it,
//! with that crate's optimisation level. In a browser kelp-stream is compiled for size, and the ciphers would be six
//! times slower for it. This crate is compiled for speed.
//!
//! There are two implementations behind one interface, chosen when the crate is compiled:
//!
//! - in wasm with `simd128`, a kernel of this crate. The crates of RustCrypto have no backend for wasm SIMD, and their
//!   portable code is less than half as fast as the kernel.
//! - everywhere else, the crates `aes-gcm` and `ctr`. They are also the reference that the kernel is tested against.
#![forbid(unsafe_code)]

pub mod ctr;
pub mod gcm;

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
mod tests;
