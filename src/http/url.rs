//! URLs of http and https, as text.
//!
//! [`HttpUrl::parse`] splits a URL into its parts once. It accepts what every request in kelp-stream may go
//! to: http or https, with an authority, without user information. These build on it:
//!
//! - `checked` makes a URL that a request line can carry: it drops the fragment, escapes illegal characters
//!   and checks the authority. Hosts use it for URLs that they send themselves.
//! - [`is_unambiguous`] accepts only URLs that every parser reads in the same way. The generic manifest
//!   requires it.
//! - `HttpUrl::join` resolves the target of a redirect.
//! - [`HttpUrl::normalized`] is one spelling of all spellings of a URL, for comparisons.
//!
//! [`without_query`] and [`with_token`] also accept a text that is not a URL.

use std::fmt;

use crate::http::{file_name, percent};

/// An http or https URL without user information, split into its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HttpUrl<'a> {
    text: &'a str,
    scheme: &'a str,
    authority: &'a str,
    /// Path, query and fragment.
    rest: &'a str,
}

impl fmt::Debug for HttpUrl<'_> {
    /// Without the query, which may contain a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpUrl").field(&without_query(self.text)).finish()
    }
}

impl<'a> HttpUrl<'a> {
    /// Splits a URL; `None` for another scheme, an empty authority, or user information.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        // Not searched for: each request parses its URL several times.
        let scheme = text.get(..if is_https(text) { 5 } else { 4 })?;
        let after = text.get(scheme.len()..)?.strip_prefix("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        // Browsers read a backslash as a slash.
        let authority = after.split(['/', '?', '#', '\\']).next()?;
        let rest = after.get(authority.len()..)?;
        let is_legal = !authority.is_empty() && !authority.as_bytes().contains(&b'@');
        is_legal.then_some(Self { text, scheme, authority, rest })
    }

    /// Host and port.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.authority
    }

    /// `scheme://host:port`.
    #[must_use]
    pub fn origin(&self) -> &'a str {
        self.text.get(..self.text.len() - self.rest.len()).unwrap_or_default()
    }

    /// The path; empty if there is none.
    #[must_use]
    pub fn path(&self) -> &'a str {
        without_query(self.rest)
    }

    /// Resolves a reference against this URL (RFC 3986, section 5.2), and checks the result as [`checked`] does.
    #[cfg_attr(
        not(any(feature = "native", feature = "component")),
        allow(dead_code, reason = "hosts whose platform follows no redirects use it")
    )]
    pub(crate) fn join(&self, reference: &str) -> Option<String> {
        let reference = reference.split('#').next()?.trim();
        let is_absolute = reference.split(['/', '?']).next()?.as_bytes().contains(&b':');
        if is_absolute {
            return checked(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return checked(&[self.scheme, "://", rest].concat());
        }
        let (relative, query) = reference.split_at(reference.find('?').unwrap_or(reference.len()));
        let path = match relative {
            "" => self.path().to_owned(),
            _ if relative.starts_with('/') => without_dots(relative),
            _ => {
                let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
                without_dots(&[folder, "/", relative].concat())
            }
        };
        checked(&[self.origin(), &path, query].concat())
    }

    /// One spelling of all spellings that lead to the same resource: scheme and host in lower case, no
    /// default port, no fragment. Percent-encoding stays as it is.
    #[must_use]
    pub fn normalized(&self) -> String {
        let scheme = self.scheme.to_ascii_lowercase();
        let port = if scheme == "http" { "80" } else { "443" };
        let path = self.rest.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        [&scheme, "://", &normalized_host(self.authority, &[port]), slash, path].concat()
    }
}

/// [`HttpUrl::normalized`] of a text; `None` if it is not such a URL.
#[must_use]
pub fn normalized(url: &str) -> Option<String> {
    Some(HttpUrl::parse(url)?.normalized())
}

/// [`HttpUrl::origin`] of a text; `None` if it is not such a URL.
#[must_use]
pub fn origin(url: &str) -> Option<&str> {
    Some(HttpUrl::parse(url)?.origin())
}

/// [`HttpUrl::host`] of a text; `None` if it is not such a URL.
#[must_use]
pub fn host(url: &str) -> Option<&str> {
    Some(HttpUrl::parse(url)?.host())
}

/// One spelling of a host with its port, as a key for statistics. The default ports of both schemes are
/// dropped.
#[must_use]
pub fn host_key(authority: &str) -> String {
    normalized_host(authority, &["80", "443"])
}

/// The host in lower case, without a final dot, and without one of these ports.
fn normalized_host(authority: &str, default_ports: &[&str]) -> String {
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (authority, ""),
    };
    let mut key = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if !port.is_empty() && !default_ports.contains(&port) {
        key.push(':');
        key.push_str(port);
    }
    key
}

/// What comes before the `://` of a URL.
pub(crate) fn scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once(':')?;
    rest.starts_with("//").then_some(scheme)
}

/// The URL without query and fragment, which is safe to show: tokens are sent in the query.
#[must_use]
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Whether the URL carries a token.
pub(crate) fn has_token(url: &str) -> bool {
    // `contains` searches by a table that it makes first, which takes longer than a URL.
    url.as_bytes().windows(4).any(|text| text == b"jwt=")
}

/// Whether the origin of a URL is this one, which is not empty.
#[cfg_attr(
    not(all(target_arch = "wasm32", target_os = "unknown", not(feature = "component"))),
    allow(dead_code, reason = "one host uses it")
)]
pub(crate) fn is_at(url: &str, origin: &str) -> bool {
    let rest = url.strip_prefix(origin).filter(|_| !origin.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#', '\\']))
}

/// Whether the scheme is https.
pub(crate) fn is_https(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

/// The URL with a token as the query parameter `jwt`, which replaces an earlier one. The fragment is dropped.
#[must_use]
pub fn with_token(url: &str, token: &str) -> String {
    let (base, query) =
        url.split('#').next().unwrap_or_default().split_once('?').unwrap_or((without_query(url), ""));
    let mut out = base.to_owned();
    let mut separator = '?';
    for pair in query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("jwt=")) {
        out.push(separator);
        out.push_str(pair);
        separator = '&';
    }
    out.push(separator);
    out.push_str("jwt=");
    percent::encode(token, "", &mut out);
    out
}

/// A URL that a request line can carry: trimmed, without a fragment, with illegal characters escaped. `None`
/// if it is not an http or https URL, or if its authority has user information or is malformed.
pub(crate) fn checked(url: &str) -> Option<String> {
    let url = percent::escape(url.split('#').next()?.trim());
    is_authority(host(&url)?).then_some(url)
}

/// Whether an authority is a host, by name or by address, with an optional port.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => (address, port.strip_prefix(':').or(port.is_empty().then_some("80"))),
            None => return false,
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("80")),
        },
    };
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_host = match authority.starts_with('[') {
        true => host.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
        false => host.bytes().all(is_letter),
    };
    let is_port =
        |port: &str| port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok();
    !host.is_empty() && is_host && port.is_some_and(is_port)
}

/// A path without the segments `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.into_iter().enumerate() {
        if part == ".." {
            out.pop();
        } else if part != "." {
            out.push(part);
            continue;
        }
        if at == last {
            out.push("");
        }
    }
    ["/", &out.join("/")].concat()
}

/// Whether a text is an http or https URL without user information that every parser reads in the same way.
#[must_use]
pub fn is_unambiguous(text: &str) -> bool {
    // Browsers drop some of these characters, and end the URL at others.
    HttpUrl::parse(text).is_some() && !text.chars().any(|c| c <= ' ' || c == '\u{7f}')
}

/// A name for the file at a URL: the last component of the path, decoded if it is valid UTF-8, and
/// [cleaned](file_name::clean). Never empty.
pub(crate) fn name_of(url: &str) -> String {
    let path = HttpUrl::parse(url).map_or("", |url| url.path());
    let name = path.rsplit('/').next().unwrap_or_default();
    let decoded = percent::decode(name);
    file_name::clean(decoded.as_deref().unwrap_or(name)).unwrap_or_else(|| file_name::FALLBACK.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_replaces_an_earlier_one_in_the_query() {
        assert_eq!(with_token("http://v/3,01", "a.b-c"), "http://v/3,01?jwt=a.b-c");
        assert_eq!(with_token("http://v/3,01?x=1&jwt=old#f", "n+w"), "http://v/3,01?x=1&jwt=n%2bw");
    }

    #[test]
    fn every_spelling_of_a_host_has_the_same_key() {
        for (authority, key) in [
            ("V.example", "v.example"),
            ("v.example.", "v.example"),
            ("v.example:80", "v.example"),
            ("v.example:443", "v.example"),
            ("v.example.:8080", "v.example:8080"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("[::1]:8080", "[::1]:8080"),
            ("", ""),
            (":", ""),
        ] {
            assert_eq!(host_key(authority), key, "{authority}");
        }
    }

    #[test]
    fn an_origin_ends_where_the_path_begins() {
        assert_eq!(origin("http://127.0.0.1:8080/3,01?x"), Some("http://127.0.0.1:8080"));
        assert_eq!(origin("https://s3.example?x=/"), Some("https://s3.example"));
        assert_eq!(origin("file:///x"), None);
    }

    #[test]
    fn a_url_is_at_its_origin_alone() {
        for url in ["http://a", "http://a/", "http://a?x", "http://a#x", "http://a\\x"] {
            assert!(is_at(url, "http://a"), "{url}");
        }
        for url in ["http://ab/", "http://a:80/", "http://a.b", "http://a@b/", "https://a/", "http:", ""] {
            assert!(!is_at(url, "http://a"), "{url}");
            assert!(!is_at(url, ""), "{url}");
        }
    }

    #[test]
    fn a_token_is_seen_anywhere_in_a_url() {
        for (url, expected) in [
            ("http://a/?jwt=x", true),
            ("http://a/?x&jwt=", true),
            ("http://a/?jwt", false),
            ("jwt=", true),
            ("", false),
        ] {
            assert_eq!(has_token(url), expected, "{url}");
        }
    }

    #[test]
    fn a_url_to_show_has_no_query() {
        assert_eq!(without_query("http://v/3,01?jwt=secret"), "http://v/3,01");
    }

    #[test]
    fn a_checked_url_fits_into_a_request_line() {
        for url in ["http://a", "https://a.b-c:8443/x?y=1", "http://[::1]:80/", "http://127.0.0.1:1"] {
            assert_eq!(checked(url).as_deref(), Some(url));
        }
        for url in
            ["", "a", "http://", "http://:80/", "http://a:x/", "http://a:65536/", "http://[::1/", "http://ä/"]
        {
            assert_eq!(checked(url), None, "{url}");
        }
    }

    #[test]
    fn an_unambiguous_url_is_absolute_and_has_no_user() {
        for url in [
            "http://a",
            "HTTPS://a.example:8080/x?y@z#w",
            "http://[::1]:80/",
            "https://a/b@c",
            "http://a?u@h",
            "https://日本.example/é",
        ] {
            assert!(is_unambiguous(url), "{url}");
        }
        for url in [
            "",
            "a",
            "/a",
            "//a/b",
            "ftp://a",
            "file:///etc/passwd",
            "data:,x",
            "javascript:alert(1)//://",
            "http:a",
            "http:/a",
            "http://",
            "http:///a",
            "http://\\a",
            "http:////u@h",
            "http://u@h/",
            "http://u:p@h",
            "http://@h",
            "http://a\\b@c/ ",
            " http://a",
            "http://a ",
            "ht\ntp://a",
            "http://u\t@h",
            "http://a/\r\nx",
            "http://a/\0",
            "blob:http://a/b",
            "http://a/\u{7f}",
        ] {
            assert!(!is_unambiguous(url), "{url:?}");
        }
    }

    // F135
    #[test]
    fn a_file_is_named_after_the_path_alone() {
        assert_eq!(name_of("http://a/b/sp%C3%A4ce.bin?x=/y"), "späce.bin");
        assert_eq!(name_of("http://a/b/100%"), "100%");
        assert_eq!(name_of("http://h/..%2F..%2Fetc%2Fpasswd"), "passwd");
        assert_eq!(name_of("http://h/a%5C..%5Cb.exe"), "a_.._b.exe");
        assert_eq!(name_of("http://h/gpj%E2%80%AEexe%0A.%C2%9B"), "gpj_exe_._");
        for url in
            ["http://a", "http://a/", "http://a/b/", "http://a/%2E%2E", "http://a/x%2F..", "http://a/%20?b"]
        {
            assert_eq!(name_of(url), "download", "{url}");
        }
    }

    fn join(base: &str, reference: &str) -> Option<String> {
        HttpUrl::parse(base)?.join(reference)
    }

    #[test]
    fn locations_are_resolved_as_in_rfc_3986() {
        let base = "http://a/b/c/d;p?q";
        for (location, expected) in [
            ("http://g/x", "http://g/x"),
            ("g", "http://a/b/c/g"),
            ("./g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("", "http://a/b/c/d;p"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("g#s", "http://a/b/c/g"),
            ("sp ä", "http://a/b/c/sp%20%C3%A4"),
        ] {
            assert_eq!(join(base, location).as_deref(), Some(expected), "{location}");
        }
    }

    #[test]
    fn a_location_must_be_http_without_a_password() {
        for location in
            ["ftp://a/b", "file:///etc/passwd", "javascript:1", "http://user:secret@a/", "http://", "//"]
        {
            assert_eq!(join("http://a/b", location), None, "{location}");
        }
    }
}
