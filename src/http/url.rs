//! Replicas as URLs: which are acceptable, whose host they are, how a token rides along.

use crate::host::Location;

/// The most replicas of one chunk that are considered (F10): a lookup is outside input.
const MAX_REPLICAS: usize = 16;

/// The URL at which a filer relays a chunk from any of its volume servers
/// (`filer_server_handlers_proxy.go`), deleted-but-kept bytes included.
#[must_use]
pub fn proxy_url(filer_origin: &str, file_id: &str) -> String {
    format!("{filer_origin}/?proxyChunkId={file_id}&readDeleted=true")
}

/// What may be used of a lookup's answer: http and https, no user information, each URL once,
/// however it is spelt.
#[must_use]
pub fn usable(location: Location) -> Location {
    let mut urls: Vec<String> = Vec::new();
    let mut known: Vec<String> = Vec::new();
    for url in location.urls {
        if let Some(normal) = normalized(&url)
            && urls.len() < MAX_REPLICAS
            && !known.contains(&normal)
        {
            urls.push(url);
            known.push(normal);
        }
    }
    Location { urls, token: location.token }
}

/// Whether two locations name the same replicas. Lookups shuffle: the order means nothing.
#[must_use]
pub fn same_set(a: &[String], b: &[String]) -> bool {
    // Both lists hold each replica once, and but a few: sorting them would be more code than this.
    let normal = |urls: &[String]| urls.iter().map(|url| normalized(url)).collect::<Vec<_>>();
    let (a, b) = (normal(a), normal(b));
    a.len() == b.len() && a.iter().all(|url| b.contains(url))
}

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

/// The URL at which a filer serves the file of this full path.
#[must_use]
pub fn file_url(filer_origin: &str, path: &str) -> String {
    let mut url = filer_origin.to_owned();
    encode(path, "/", &mut url);
    url
}

/// Percent-encodes all but what is never special in a URL, and what is to be `kept`.
fn encode(text: &str, kept: &str, out: &mut String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_into_the_query_and_replaces_an_older_one() {
        assert_eq!(with_token("http://v/3,01", "a.b-c"), "http://v/3,01?jwt=a.b-c");
        assert_eq!(with_token("http://v/3,01?x=1&jwt=old#f", "n+w"), "http://v/3,01?x=1&jwt=n%2bw");
    }

    #[test]
    fn a_path_is_encoded_but_for_its_slashes() {
        assert_eq!(file_url("http://f:1", "/a b/ü?#%.bin"), "http://f:1/a%20b/%c3%bc%3f%23%25.bin");
    }

    // F10
    #[test]
    fn only_http_without_user_information_is_usable() {
        let urls = [
            "http://a:1/x",
            "ftp://a/x",
            "https://u:p@a/x",
            "//a/x",
            "http:///x",
            "http://a:1/x",
            "HTTPS://b",
        ];
        let location = Location { urls: urls.map(str::to_owned).to_vec(), token: None };
        assert_eq!(usable(location).urls, ["http://a:1/x", "HTTPS://b"]);
    }

    #[test]
    fn one_replica_in_several_spellings_is_one() {
        let same = [
            "http://v.example/3,01",
            "HTTP://V.Example:80/3,01",
            "http://v.example./3,01#x",
            "http://v.example:/3,01",
        ];
        let others = [
            "https://v.example/3,01",
            "http://v.example:443/3,01",
            "http://v.example/3,01?x",
            "http://v.example/3,0A",
        ];
        let urls = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        let location = Location { urls: urls(&[&same[..], &others[..]].concat()), token: None };
        assert_eq!(usable(location).urls, [&same[..1], &others[..]].concat());
        assert!(same_set(&urls(&[same[0], others[0]]), &urls(&[others[0], same[1]])));
        assert!(!same_set(&urls(&[same[0]]), &urls(&[others[0]])));
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

    // F10
    #[test]
    fn a_lookup_cannot_flood_us_with_replicas() {
        let urls = (0..1000).map(|i| format!("http://h{i}/x")).collect();
        assert_eq!(usable(Location { urls, token: None }).urls.len(), MAX_REPLICAS);
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
}
