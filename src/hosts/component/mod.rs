//! The component host: kelp-stream where WASI is.
//!
//! `bindings` are what the worlds in `wit/` import and export; `p2` and `p3` are what differs between
//! WASI 0.2 and 0.3; `host` is the port, over either. With feature `component-library` the crate, built as
//! a `cdylib`, is the world `library`, with `component-gateway` it is `gateway`; with `component-async` as
//! well `library-async` and `gateway-async`.

#[allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    clippy::all,
    reason = "generated from wit/, where it is documented"
)]
mod bindings;
mod body;
mod clock;
mod fetch;
#[cfg(feature = "component-gateway")]
mod gateway;
mod host;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
mod open;
#[cfg(not(feature = "component-async"))]
mod p2;
#[cfg(feature = "component-async")]
mod p3;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
mod settings;

#[cfg(not(feature = "component-async"))]
use self::p2 as wasi;
#[cfg(feature = "component-async")]
use self::p3 as wasi;

pub use self::{body::Body, clock::Sleep, host::WasiHost};
