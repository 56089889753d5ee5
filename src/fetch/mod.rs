//! One GET, one lookup or one token at a time.

pub mod filer_token;
pub mod get;
pub mod locator;
pub mod master;
pub mod probe;
pub(crate) mod single_flight;
pub(crate) mod timeout;
