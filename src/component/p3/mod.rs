//! WASI 0.3: whatever waits is a future already.

mod clock;
#[cfg(feature = "component-library")]
pub(super) mod library;
mod wire;

pub use self::{clock::Sleep, wire::Input};
pub(super) use self::{
    clock::{now, unix_time},
    wire::{Response, may_be_sent, random, send},
};
