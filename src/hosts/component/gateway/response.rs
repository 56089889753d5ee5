//! A response of the gateway, before it is one of WASI.

use std::time::Duration;

use super::{audit::Audit, contents::Contents};
use crate::hosts::{component::bindings::wasi::http::types::Fields, gateway::patience::Patience};

/// The gateway's response.
pub(super) struct GatewayResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Contents>,
    /// How long a slow client is waited for.
    pub(super) patience: Patience,
    /// Notes a response without a body.
    _audit: Option<Audit>,
}

impl GatewayResponse {
    pub(super) fn new(status: u16, headers: Vec<(&'static str, String)>, body: Option<Contents>) -> Self {
        let (stall, patience, least_rate) = Patience::DEFAULT;
        let seconds = Duration::from_secs;
        let patience = Patience::new(seconds(stall), seconds(patience), least_rate);
        let mut response = Self { status, headers, body, patience, _audit: None };
        if let Some(body) = &mut response.body {
            body.audit.status = status;
        }
        response
    }

    pub(super) fn without_body(status: u16, headers: Vec<(&'static str, String)>, mut audit: Audit) -> Self {
        audit.status = status;
        Self { _audit: Some(audit), ..Self::new(status, headers, None) }
    }

    /// The headers as a WASI resource; `None` if the host refuses one of them.
    pub(super) fn fields(&self) -> Option<Fields> {
        let lines = self.headers.iter().map(|(name, value)| ((*name).to_owned(), latin1(value)));
        Fields::from_list(&lines.collect::<Vec<_>>()).ok()
    }

    pub(super) fn replace(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
    }
}

/// The bytes of a header value, one per character, as in `Headers` of JavaScript: headers stored with a file were
/// bytes.
fn latin1(value: &str) -> Vec<u8> {
    value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}
