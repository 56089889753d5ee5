//! The worlds `gateway` and `gateway-async`: serves a filer's files over HTTP, from configured origins only.
//!
//! `respond` makes the `response` to a request, `refusal` the one without a file. `contents` reads the file for the body,
//! `client` waits for a client that is slow, and `audit` notes each request. `p2` and `p3` export it all as the HTTP handler
//! of WASI 0.2 and 0.3.

mod audit;
mod client;
mod contents;
#[cfg(not(feature = "component-async"))]
mod p2;
#[cfg(feature = "component-async")]
mod p3;
mod refusal;
mod respond;
mod response;
