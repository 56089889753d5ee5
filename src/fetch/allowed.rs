//! Requests go to allowed origins only.

use crate::{
    host::{Host, Request, Response},
    schedule::{options::Options, retry::AttemptError},
};

/// Sends a request, unless `origins` forbids it. A host does not follow a redirect to an origin that is not allowed: its
/// response is the redirect, and that is an error here. `small`: the body has so few bytes that its pieces may come
/// together.
pub(crate) async fn send<H: Host>(
    host: &H,
    options: &Options,
    request: Request,
    small: Option<u64>,
) -> Result<Response<H::Body>, AttemptError> {
    let origins = &options.origins;
    if !origins.allow(&request.url) {
        return Err(AttemptError::not_allowed(&request.url));
    }
    let response = match small {
        Some(len) => host.fetch_small(request, len).await?,
        None => host.fetch(request).await?,
    };
    let Response { status, headers, url, .. } = &response;
    let target = match (url, &headers.location) {
        (Some(url), _) if !origins.allow(url) => url,
        (_, location) if origins.is_limited() && matches!(status, 301 | 302 | 303 | 307 | 308) => {
            location.as_deref().unwrap_or_default()
        }
        _ => return Ok(response),
    };
    Err(AttemptError::not_allowed(target))
}
