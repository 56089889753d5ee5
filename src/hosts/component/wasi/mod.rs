//! The clocks, the HTTP requests and the tasks of WASI, with the same names for 0.2 (`p2`) and 0.3 (`p3`).

#[cfg(not(feature = "component-async"))]
pub(super) mod p2;
#[cfg(feature = "component-async")]
pub(super) mod p3;

#[cfg(not(feature = "component-async"))]
pub(super) use self::p2::{
    clock::{Timer, timer, unix_time},
    http::{RawBody, RawResponse, send},
};
#[cfg(all(feature = "component-gateway", not(feature = "component-async")))]
pub(super) use self::p2::{executor::spawn, log::log};
#[cfg(all(feature = "component-gateway", feature = "component-async"))]
pub(super) use self::p3::log::log;
#[cfg(feature = "component-async")]
pub(super) use self::p3::{
    clock::{Timer, timer, unix_time},
    http::{RawBody, RawResponse, send},
};
#[cfg(all(feature = "component-gateway", feature = "component-async"))]
pub(super) use wit_bindgen::spawn_local as spawn;
