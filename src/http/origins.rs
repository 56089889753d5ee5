//! The origins that requests may go to.
//!
//! An entry, a lookup, a chunk manifest and a redirect name URLs. The writer of one of them can make a reader send
//! requests anywhere: into the reader's own network, for example. A list of origins bounds that. A URL whose spelling is
//! not plainly that of a listed origin is refused: one with user information, with a final dot, or with an address in
//! another notation.

use std::sync::Arc;

use super::url::{self, HttpUrl};

/// The origins that requests may go to; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Option<Arc<[String]>>);

impl Origins {
    /// Only these origins: URLs of http or https, of which path and query are ignored. `None` if one is not such a URL.
    pub fn only<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Option<Self> {
        let list: Option<Arc<[String]>> =
            list.into_iter().map(|url| normalized(&url::checked(url.as_ref())?)).collect();
        list.map(|list| Self(Some(list)))
    }

    /// No origin at all.
    #[must_use]
    pub fn none() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether there is a list.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a request may go to this URL.
    #[must_use]
    pub fn allow(&self, url: &str) -> bool {
        let Some(list) = &self.0 else { return true };
        normalized(url).is_some_and(|origin| list.contains(&origin))
    }
}

/// The origin of a URL as all its plain spellings have it: in lower case, without the default port.
fn normalized(url: &str) -> Option<String> {
    let url = HttpUrl::parse(url)?;
    let origin = url.origin().to_ascii_lowercase();
    let default = if origin.starts_with("https:") { ":443" } else { ":80" };
    Some(origin.strip_suffix(default).or(origin.strip_suffix(':')).unwrap_or(&origin).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // F123
    #[test]
    fn only_plain_spellings_of_a_listed_origin_are_allowed() {
        let origins =
            Origins::only(["https://Files.example/x?y", "http://[::1]:8080", "http://10.0.0.1:80/"]).unwrap();
        for url in [
            "https://files.example/a?jwt=x",
            "HTTPS://FILES.example:443",
            "https://files.example?x",
            "https://files.example\\x",
            "http://[::1]:8080/",
            "http://10.0.0.1/",
        ] {
            assert!(origins.allow(url), "{url}");
        }
        for url in [
            "http://files.example/",
            "https://files.example:444/",
            "https://files.example:80/",
            "https://files.example./",
            "https://files.example.evil.example/",
            "https://evil.example/https://files.example/",
            "https://evil.example#https://files.example",
            "https://files.example@evil.example/",
            "https://files.example:443@evil.example/",
            "https://evil.example\\@files.example/",
            "https://user@files.example/",
            " https://files.example/",
            "https://files.example /",
            "https://files\t.example/",
            "https://files%2eexample/",
            "https:/files.example/",
            "//files.example/",
            "ftp://files.example/",
            "javascript:https://files.example/",
            "http://[::1]/",
            "http://[0:0:0:0:0:0:0:1]:8080/",
            "http://0xa.0.0.1/",
            "http://167772161/",
            "",
        ] {
            assert!(!origins.allow(url), "{url}");
        }
        assert!(Origins::default().allow("anything") && !Origins::only([""; 0]).unwrap().allow("http://a/"));
        assert_eq!(Origins::only(["http://a", "b"]), None);
    }
}
