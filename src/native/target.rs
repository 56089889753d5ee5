//! URLs as the wire wants them, and where a redirect leads.

use http::{Uri, uri::Authority};

use crate::locate;

/// An http or https URL without user information and fragment, with nothing in it that a request
/// line cannot carry.
pub(super) fn checked(url: &str) -> Option<String> {
    let url = escaped(url.split('#').next()?.trim());
    let authority = locate::host(&url)?;
    let parsed = authority.parse::<Authority>().ok()?;
    if parsed.port_u16().is_none() && authority.rsplit(']').next()?.contains(':') {
        return None;
    }
    url.parse::<Uri>().ok()?;
    Some(url)
}

/// What no URL may hold, percent-encoded; escapes stay as they are.
fn escaped(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        let is_plain = byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^' | b'\\');
        match is_plain {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Where a filer tells the entry of the file that it serves at `url`; and that URL, without a question of
/// ours in it.
pub(super) fn of_entry(url: &str) -> (String, String) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let rest = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("metadata"));
    let rest = rest.collect::<Vec<_>>().join("&");
    let file = if rest.is_empty() { base.to_owned() } else { format!("{base}?{rest}") };
    let mark = if rest.is_empty() { '?' } else { '&' };
    (format!("{file}{mark}metadata=true"), file)
}

/// The last component of a URL's path, decoded where it is UTF-8.
pub(super) fn name_of(url: &str) -> String {
    let path = locate::without_query(url);
    let origin = locate::origin(path).unwrap_or_default().len();
    let name = path.get(origin..).unwrap_or_default().rsplit('/').next().unwrap_or_default();
    unescaped(name).unwrap_or_else(|| name.to_owned())
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Where `location` leads from `base` (RFC 3986, 5.2); `None` where that is no URL to follow.
pub(super) fn joined(base: &str, location: &str) -> Option<String> {
    let location = location.split('#').next()?.trim();
    let is_absolute = location.split(['/', '?']).next()?.contains(':');
    if is_absolute {
        return checked(location);
    }
    if let Some(rest) = location.strip_prefix("//") {
        return checked(&format!("{}://{rest}", base.split_once("://")?.0));
    }
    let origin = locate::origin(base)?;
    let path = locate::without_query(base).get(origin.len()..)?;
    let (relative, query) = match location.split_once('?') {
        Some((relative, query)) => (relative, format!("?{query}")),
        None => (location, String::new()),
    };
    let path = match relative {
        "" => path.to_owned(),
        _ if relative.starts_with('/') => without_dots(relative),
        _ => without_dots(&format!("{}/{relative}", path.rsplit_once('/').map_or("", |(folder, _)| folder))),
    };
    checked(&format!("{origin}{path}{query}"))
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
    format!("/{}", out.join("/"))
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
    fn an_entry_is_asked_for_beside_what_the_query_holds_already() {
        let of = |url: &str| of_entry(url).0;
        assert_eq!(of("http://a/b"), "http://a/b?metadata=true");
        assert_eq!(of("http://a/b?x=1&metadata=false"), "http://a/b?x=1&metadata=true");
        assert_eq!(of_entry("http://a/b?metadata=true").1, "http://a/b");
    }

    #[test]
    fn a_file_is_named_after_the_path_alone() {
        assert_eq!(name_of("http://a/b/sp%C3%A4ce.bin?x=/y"), "späce.bin");
        assert_eq!(name_of("http://a/b/100%"), "100%");
        assert_eq!(name_of("http://a"), "");
    }
}
