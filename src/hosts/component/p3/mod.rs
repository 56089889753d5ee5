//! WASI 0.3: whatever waits is a future already.

mod clock;
#[cfg(feature = "component-gateway")]
pub(super) mod gateway;
mod http;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
pub(super) mod library;
#[cfg(any(feature = "component-gateway", feature = "component-library"))]
mod pump;

#[cfg(feature = "component-gateway")]
pub(super) use wit_bindgen::spawn_local as spawn;

pub use self::http::Input;
pub(super) use self::{
    clock::{Timer, timer, unix_time},
    http::{WireResponse, send},
};
