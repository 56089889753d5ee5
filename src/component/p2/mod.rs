//! WASI 0.2: whoever waits blocks, so all that waits waits in one place, the `executor`.

mod clock;
pub(super) mod executor;
#[cfg(feature = "component-gateway")]
pub(super) mod gateway;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
pub(super) mod library;
mod wire;

#[cfg(feature = "component-gateway")]
pub(super) use self::executor::spawn;
#[cfg(feature = "component-library")]
pub(super) use self::wire::may_be_sent;
pub use self::{clock::Sleep, wire::Input};
pub(super) use self::{
    clock::{now, unix_time},
    wire::{Response, random, send},
};
