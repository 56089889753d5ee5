//! URLs as text: origin, host, normal form, query, percent-encoding, and how a reference is resolved (RFC 3986).

/// One spelling of an http or https URL out of many: what counts as the same host is written the
/// same. Percent-encoding stays as it is.
#[must_use]
pub fn normalized(url: &str) -> Option<String> {
    let authority = host(url)?;
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let port = if scheme == "http" { "80" } else { "443" };
    let path = rest.get(authority.len()..)?.split('#').next()?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some([&scheme, "://", &spelt(authority, &[port]), slash, path].concat())
}

/// One spelling of a host with its port, for counting: without a default port, whichever scheme it
/// belongs to.
#[must_use]
pub fn host_key(authority: &str) -> String {
    spelt(authority, &["80", "443"])
}

/// In lower case, without the dot of a full name, without these ports.
fn spelt(authority: &str, ports: &[&str]) -> String {
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (authority, ""),
    };
    let mut key = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if !port.is_empty() && !ports.contains(&port) {
        key.push(':');
        key.push_str(port);
    }
    key
}

/// `scheme://host:port` of an http or https URL without user information.
#[must_use]
pub fn origin(url: &str) -> Option<&str> {
    let authority = host(url)?;
    let scheme = url.len() - url.split_once("://")?.1.len();
    url.get(..scheme + authority.len())
}

/// Host and port of an http or https URL without user information.
#[must_use]
pub fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    (!authority.is_empty() && !authority.contains('@')).then_some(authority)
}

/// A URL that may be shown: tokens ride in the query.
#[must_use]
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Whether the URL carries a token.
pub(crate) fn has_token(url: &str) -> bool {
    url.contains("jwt=")
}

/// Whether the scheme is https.
pub(crate) fn is_https(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

/// The URL with a token as `?jwt=`, in place of one that it may carry already.
#[must_use]
pub fn with_token(url: &str, token: &str) -> String {
    let (base, query) =
        url.split('#').next().unwrap_or_default().split_once('?').unwrap_or((without_query(url), ""));
    let mut out = base.to_owned();
    let mut mark = '?';
    for pair in query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("jwt=")) {
        out.push(mark);
        out.push_str(pair);
        mark = '&';
    }
    out.push(mark);
    out.push_str("jwt=");
    encode(token, "", &mut out);
    out
}

/// Percent-encodes all but what is never special in a URL, and what is to be `kept`.
pub(crate) fn encode(text: &str, kept: &str, out: &mut String) {
    for byte in text.bytes() {
        let letter = char::from(byte);
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || kept.contains(letter)
        {
            out.push(letter);
        } else {
            out.push('%');
            let nibbles = [byte >> 4, byte & 15].map(u32::from);
            out.extend(nibbles.into_iter().filter_map(|nibble| char::from_digit(nibble, 16)));
        }
    }
}

/// An http or https URL without user information and fragment, with nothing in it that a request
/// line cannot carry.
pub(crate) fn checked(url: &str) -> Option<String> {
    let url = escaped(url.split('#').next()?.trim());
    let authority = host(&url)?;
    is_authority(authority).then_some(url)
}

/// A host by name or by address, perhaps with a port.
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

/// What no URL may hold, percent-encoded; escapes stay as they are.
fn escaped(url: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        let is_plain = byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^' | b'\\');
        if is_plain {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

/// The last component of a URL's path, decoded where it is UTF-8.
#[cfg(feature = "native")]
pub(crate) fn name_of(url: &str) -> String {
    let path = without_query(url);
    let origin = origin(path).unwrap_or_default().len();
    let name = path.get(origin..).unwrap_or_default().rsplit('/').next().unwrap_or_default();
    unescaped(name).unwrap_or_else(|| name.to_owned())
}

/// The text with its percent-encoding undone, where it is UTF-8 then.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_into_the_query_and_replaces_an_older_one() {
        assert_eq!(with_token("http://v/3,01", "a.b-c"), "http://v/3,01?jwt=a.b-c");
        assert_eq!(with_token("http://v/3,01?x=1&jwt=old#f", "n+w"), "http://v/3,01?x=1&jwt=n%2bw");
    }

    #[test]
    fn a_host_is_counted_once_whatever_it_is_called() {
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
    fn what_is_shown_has_no_query() {
        assert_eq!(without_query("http://v/3,01?jwt=secret"), "http://v/3,01");
    }

    #[test]
    fn only_what_a_request_can_be_sent_to_is_a_url() {
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
    fn escapes_are_undone_where_they_are_text() {
        assert_eq!(unescaped("a%20%C3%a4%2f").as_deref(), Some("a ä/"));
        for text in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }

    #[cfg(feature = "native")]
    #[test]
    fn a_file_is_named_after_the_path_alone() {
        assert_eq!(name_of("http://a/b/sp%C3%A4ce.bin?x=/y"), "späce.bin");
        assert_eq!(name_of("http://a/b/100%"), "100%");
        assert_eq!(name_of("http://a"), "");
    }
}
