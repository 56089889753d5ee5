//! One GET, one lookup or one token at a time. Async: what is here waits for the host.
//!
//! - `allowed` sends a request if its origin is allowed.
//! - `get` fetches a small body, with retries; `timeout` limits how long anything is waited for.
//! - `locator` finds replicas and tokens of chunks, from the filer, from the `master` or from the user's functions.
//!   Requests for the same thing share one lookup (`single_flight`).
//! - `filer_token` gets a token for the filer.
//! - `probe` finds out what is at a URL.

pub(crate) mod allowed;
pub mod filer_token;
pub mod get;
pub mod locator;
pub mod master;
pub mod probe;
pub(crate) mod single_flight;
pub(crate) mod timeout;
