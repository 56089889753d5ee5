//! The response of a master.

use serde::de::IgnoredAny;

use crate::{
    fetch::master::{bearer, parse},
    http::url,
};

/// The input is any bytes. An accepted response is JSON, and every server in it has a name.
pub(super) fn run(bytes: &[u8]) {
    if let Some(servers) = parse(bytes, "http") {
        assert!(serde_json::from_slice::<IgnoredAny>(bytes).is_ok(), "it is JSON");
        let servers = [servers.public, servers.internal].concat();
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
