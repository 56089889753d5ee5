//! Where a redirect leads, and how many are followed.

use crate::http::url::{self, checked};

/// As many redirects as browsers follow.
pub(crate) const MAX_REDIRECTS: usize = 20;

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
}
