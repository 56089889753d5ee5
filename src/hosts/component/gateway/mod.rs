//! The worlds `gateway` and `gateway-async`: serves a filer's files over HTTP, from configured origins only.
//!
//! `respond` makes the response to a request. `p2` and `p3` export it as the HTTP handler of WASI 0.2 and 0.3.

#[cfg(not(feature = "component-async"))]
mod p2;
#[cfg(feature = "component-async")]
mod p3;
mod respond;
