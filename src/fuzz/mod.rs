//! Fuzz targets: properties that hold for every input.
//!
//! Each target takes any bytes and panics if a property does not hold. cargo-fuzz calls it with generated
//! inputs (`fuzz/`), and `cargo test` calls it with the inputs that were found earlier (`fuzz/seeds/`). The
//! module exists only in these two builds, so it can use private items, and none of it is shipped.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests, in a build that clippy does not treat as one"
)]

mod chunk_manifest;
mod codec;
mod decode;
mod entry;
mod file_id;
mod headers;
mod input;
mod manifest;
mod master;
mod plan;
#[cfg(test)]
mod seeds;
mod walk;

/// Takes any bytes and panics if a property does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its folder of seeds and of its program in
/// `fuzz/Cargo.toml`.
pub const TARGETS: &[(&str, Target)] = &[
    ("chunk_manifest", chunk_manifest::run),
    ("codec", codec::run),
    ("decode", decode::run),
    ("entry", entry::run),
    ("file_id", file_id::run),
    ("headers", headers::run),
    ("manifest", manifest::run),
    ("master", master::run),
    ("plan", plan::run),
    ("walk", walk::run),
];

/// The target with this name.
///
/// # Panics
///
/// If there is no such target.
#[must_use]
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("there is no target {name}")).1
}
