//! What a gateway decides without a platform: its configuration, which URLs are signed, and how long it waits for a client.

pub(crate) mod config;
pub(crate) mod patience;
pub(crate) mod signed_url;
