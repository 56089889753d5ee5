//! What must hold for every input, however it came to be.
//!
//! Each function takes any bytes and panics when a promise is broken. cargo-fuzz calls them with
//! what it makes up (`fuzz/`), and `cargo test` with what it once found worth keeping
//! (`fuzz/seeds/`). The module exists in these two builds only: so it may reach for what is
//! private, and nothing of it is shipped.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests, in a build that clippy does not know as one"
)]

mod decode;
mod entry;
mod fid;
mod headers;
mod input;
mod list;
mod manifest;
mod master;
mod plan;
#[cfg(test)]
mod seeds;
mod walk;

/// Takes any bytes; panics when a promise is broken.
pub type Target = fn(&[u8]);

/// Every target, by its name: that of its folder of seeds, and of its program in `fuzz/Cargo.toml`.
pub const TARGETS: &[(&str, Target)] = &[
    ("decode", decode::run),
    ("entry", entry::run),
    ("fid", fid::run),
    ("headers", headers::run),
    ("list", list::run),
    ("manifest", manifest::run),
    ("master", master::run),
    ("plan", plan::run),
    ("walk", walk::run),
];

/// The target of this name.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("there is no target {name}")).1
}
