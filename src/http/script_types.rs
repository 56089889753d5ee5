//! Which media types a browser runs scripts of, if it shows a response of that type as a document.

/// What a response is sent with whose type can run script: files come from people who may not act for the origin that
/// serves them. A document under it has an origin of its own, runs no script and loads nothing (CSP Level 3).
pub(crate) const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/// Whether a browser may run script in a document of this type. What is not known to be harmless can.
///
/// Harmless are images, audio, video and fonts, unless they are XML as SVG is, and some types by name. Lists, which
/// some browsers take the last type of, are not.
pub(crate) fn can_run_script(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let Some((kind, subtype)) = essence.split_once('/') else { return true };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
    let is_name = !subtype.is_empty() && subtype.bytes().all(is_plain);
    let is_harmless = match kind {
        "image" | "audio" | "video" | "font" => is_name && !subtype.ends_with("xml"),
        "text" => subtype == "plain",
        "application" => matches!(subtype, "pdf" | "json" | "octet-stream"),
        _ => false,
    };
    !is_harmless || media_type.as_bytes().contains(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    // F146
    #[test]
    fn what_is_not_known_to_be_harmless_can_run_script() {
        for harmless in [
            "image/png",
            "IMAGE/JPEG",
            "image/vnd.microsoft.icon",
            "audio/mpeg",
            "video/webm; codecs=\"vp8\"",
            "font/woff2",
            "text/plain",
            "text/plain;charset=utf-8",
            " text/plain ; a=b",
            "application/pdf",
            "application/json",
            "application/octet-stream",
        ] {
            assert!(!can_run_script(harmless), "{harmless}");
        }
        for script in [
            "text/html",
            "Text/HTML; charset=utf-8",
            "image/svg+xml",
            "image/SVG+XML; charset=utf-8",
            "image/svg+xml ;x",
            "audio/x+xml",
            "image/xml",
            "application/xhtml+xml",
            "application/xml",
            "text/xml",
            "text/xsl",
            "text/javascript",
            "application/json+html",
            "multipart/x-mixed-replace; boundary=a",
            "message/rfc822",
            "*/*",
            "image/*",
            "image/",
            "image",
            "",
            "unknown/unknown",
            "text/plain, text/html",
            "text/plain; a=b, text/html",
            "image/png,text/html",
            "image/png text/html",
        ] {
            assert!(can_run_script(script), "{script}");
        }
    }
}
