//! The component host: kelp-stream where WASI 0.2 is.
//!
//! `bindings` are what the worlds in `wit/` import and export; `executor` makes futures of what can be waited
//! for; `host` is the port. With feature `component-library` the crate, built as a `cdylib`, is the world
//! `library`; with `component-gateway` it is `gateway`.

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
mod executor;
mod fetch;
#[cfg(feature = "component-gateway")]
mod gateway;
mod host;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
mod library;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
mod settings;

pub use self::{body::Body, clock::Sleep, host::WasiHost};
