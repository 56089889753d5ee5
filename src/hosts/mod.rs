//! The platforms that the core runs on. Each implements the port ([`crate::host::Host`]) and none imports another one.
//!
//! `allocator` is that of the npm package's module. `decoded_body`, `follow` and `gateway` are parts that several of them
//! share.

#[cfg(any(test, kelp_package))]
mod allocator;
#[cfg(all(target_arch = "wasm32", feature = "component"))]
pub mod component;
#[cfg(any(feature = "native", feature = "component", test))]
mod decoded_body;
#[cfg(any(feature = "native", feature = "component"))]
mod follow;
#[cfg_attr(
    not(all(target_arch = "wasm32", feature = "component-gateway")),
    allow(dead_code, reason = "gateways use it")
)]
pub(crate) mod gateway;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub mod native;
#[cfg(not(target_arch = "wasm32"))]
pub mod sim;
#[cfg(all(target_arch = "wasm32", target_os = "unknown", not(feature = "component")))]
pub mod web;
