//! WASI 0.2: whoever waits blocks, so all that waits waits in one place, the `executor`.

mod clock;
pub(super) mod executor;
#[cfg(feature = "component-gateway")]
pub(super) mod gateway;
mod http;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
pub(super) mod library;

#[cfg(feature = "component-gateway")]
pub(super) use self::executor::spawn;
pub use self::http::Input;
pub(super) use self::{
    clock::{Timer, timer, unix_time},
    http::{WireResponse, send},
};
