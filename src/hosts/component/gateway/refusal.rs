//! The responses without a file: problems, and the one to `OPTIONS`.

use super::{audit::Audit, contents::Contents, response::GatewayResponse};
use crate::{
    error::{Error, Kind},
    http::problem::{self, Problem},
};

/// The methods that are answered.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// The conditions of a request need a preflight; `Range` with one simple range needs none.
const REQUEST_HEADERS: &str =
    "Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range";

/// Why a request gets no bytes of a file. Clients must not learn what is behind the gateway, so the response names
/// neither hosts nor chunks.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
}

impl Refusal {
    /// A bug.
    const INTERNAL: Self = Self { status: 500, code: "internal" };
    pub(super) const NOT_FOUND: Self = Self { status: 404, code: "not_found" };

    pub(super) fn into_response(self, audit: Audit) -> GatewayResponse {
        let Self { status, code } = self;
        let text = Problem::new(status, code).into_body();
        let mut headers: Vec<_> = problem::HEADERS.map(|(name, value)| (name, value.to_owned())).into();
        headers.push(("Content-Length", text.len().to_string()));
        match status {
            405 => headers.push(("Allow", METHODS.to_owned())),
            429 => headers.push(("Retry-After", "1".to_owned())),
            _ => {}
        }
        GatewayResponse::new(status, headers, Some(Contents::of_text(text, audit)))
    }
}

/// The response to a request that failed because of a bug.
pub(super) fn internal_error() -> GatewayResponse {
    Refusal::INTERNAL.into_response(Audit::new(String::new(), ""))
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            Kind::Internal => 500,
            // Metadata that is too long: another attempt would fail in the same way.
            Kind::Limit => 507,
            kind => problem::status_of(kind),
        };
        Self { status, code: error.kind().code() }
    }
}

/// The answer to `OPTIONS`, which needs no signature: it says nothing of the file.
pub(super) fn preflight(has_cors: bool, audit: Audit) -> GatewayResponse {
    let mut headers = vec![("Allow", METHODS.to_owned())];
    if has_cors {
        headers.push(("Access-Control-Allow-Methods", "GET, HEAD".to_owned()));
        headers.push(("Access-Control-Allow-Headers", REQUEST_HEADERS.to_owned()));
        headers.push(("Access-Control-Max-Age", "86400".to_owned()));
    }
    GatewayResponse::without_body(204, headers, audit)
}
