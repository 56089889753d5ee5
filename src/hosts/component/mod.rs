//! The component host: a WebAssembly component on WASI 0.2 or 0.3.
//!
//! Built as a `cdylib`, the crate is a component of one of the worlds in `wit/`:
//!
//! | feature | with WASI 0.2 | with WASI 0.3 (`component-async` as well) |
//! |---|---|---|
//! | `component-library` | `library` | `library-async` |
//! | `component-gateway` | `gateway` | `gateway-async` |
//!
//! From the bottom to the top: `bindings` is generated from `wit/`. `wasi` has the clocks, the HTTP requests and the
//! tasks of either version of WASI. [`WasiHost`] implements the port with them. `library` and `gateway` implement the
//! exports of the worlds.

#[allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    clippy::all,
    reason = "generated from wit/, where it is documented"
)]
mod bindings;
mod clock;
mod fetch;
#[cfg(feature = "component-gateway")]
mod gateway;
mod host;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
mod library;
mod request;
mod wasi;

pub use self::{clock::Sleep, fetch::Body, host::WasiHost};
