//! URLs as the wire wants them, and where a redirect leads.

use crate::http::url;

/// As many redirects as browsers follow.
pub(crate) const MAX_REDIRECTS: usize = 20;

/// An http or https URL without user information and fragment, with nothing in it that a request
/// line cannot carry.
pub(crate) fn checked(url: &str) -> Option<String> {
    let url = escaped(url.split('#').next()?.trim());
    let authority = url::host(&url)?;
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

/// Where a filer tells the entry of the file that it serves at `url`; and that URL, without a question of
/// ours in it.
pub(crate) fn of_entry(url: &str) -> (String, String) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let rest = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("metadata"));
    let rest = rest.collect::<Vec<_>>().join("&");
    let file = if rest.is_empty() { base.to_owned() } else { [base, "?", &rest].concat() };
    let mark = if rest.is_empty() { "?" } else { "&" };
    ([&file, mark, "metadata=true"].concat(), file)
}

/// The last component of a URL's path, decoded where it is UTF-8.
#[cfg(feature = "native")]
pub(crate) fn name_of(url: &str) -> String {
    let path = url::without_query(url);
    let origin = url::origin(path).unwrap_or_default().len();
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

/// Where `location` leads from `base` (RFC 3986, 5.2); `None` where that is no URL to follow.
pub(crate) fn joined(base: &str, location: &str) -> Option<String> {
    let location = location.split('#').next()?.trim();
    let is_absolute = location.split(['/', '?']).next()?.contains(':');
    if is_absolute {
        return checked(location);
    }
    if let Some(rest) = location.strip_prefix("//") {
        return checked(&[base.split_once("://")?.0, "://", rest].concat());
    }
    let origin = url::origin(base)?;
    let path = url::without_query(base).get(origin.len()..)?;
    let (relative, query) = location.split_at(location.find('?').unwrap_or(location.len()));
    let path = match relative {
        "" => path.to_owned(),
        _ if relative.starts_with('/') => without_dots(relative),
        _ => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            without_dots(&[folder, "/", relative].concat())
        }
    };
    checked(&[origin, &path, query].concat())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_resolved_as_rfc_3986_has_it() {
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
            assert_eq!(joined(base, location).as_deref(), Some(expected), "{location}");
        }
    }

    #[test]
    fn a_redirect_leads_to_http_alone_and_carries_no_password() {
        for location in
            ["ftp://a/b", "file:///etc/passwd", "javascript:1", "http://user:secret@a/", "http://", "//"]
        {
            assert_eq!(joined("http://a/b", location), None, "{location}");
        }
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
    fn an_entry_is_asked_for_beside_what_the_query_holds_already() {
        let of = |url: &str| of_entry(url).0;
        assert_eq!(of("http://a/b"), "http://a/b?metadata=true");
        assert_eq!(of("http://a/b?x=1&metadata=false"), "http://a/b?x=1&metadata=true");
        assert_eq!(of_entry("http://a/b?metadata=true").1, "http://a/b");
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
