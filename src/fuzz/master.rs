//! What a master answers.

use serde::de::IgnoredAny;

use crate::{
    fetch::master::{bearer, parse},
    http::url,
};

/// Any bytes: of an answer that is accepted, which is JSON, no server is lost on the way, and
/// what is used of them is no more than what is accepted.
pub(super) fn run(bytes: &[u8]) {
    if let Some(servers) = parse(bytes, "http") {
        assert!(serde_json::from_slice::<IgnoredAny>(bytes).is_ok(), "it is JSON");
        assert!(servers.iter().all(|server| !server.is_empty()), "{servers:?}");
        for server in &servers {
            if let Some(origin) = url::origin(server) {
                assert!(server.starts_with(origin));
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(token) = bearer(text)
    {
        assert!(!token.is_empty() && text.ends_with(token) || text.trim_end().ends_with(token));
    }
}
