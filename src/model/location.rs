//! The location of a chunk: the URLs of its replicas, and the token to read them.
//!
//! A location comes from a lookup, which is input from outside: [`usable`] keeps the URLs that may be
//! requested.

use std::fmt;

use crate::http::url::{normalized, without_query};

/// The replicas of a chunk.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// Absolute URLs of the chunk, one for each replica.
    pub urls: Vec<String>,
    /// The token to send to each of them, as `?jwt=`.
    pub token: Option<String>,
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| without_query(url)).collect();
        f.debug_struct("Location").field("urls", &urls).finish_non_exhaustive()
    }
}

/// The largest number of replicas that are used (F10).
const MAX_REPLICAS: usize = 16;

/// The part of a location that may be used: http and https URLs without user information. Several spellings
/// of one URL count once.
#[must_use]
pub fn usable(location: Location) -> Location {
    let mut urls: Vec<String> = Vec::new();
    let mut known: Vec<String> = Vec::new();
    for url in location.urls {
        if let Some(normalized) = normalized(&url)
            && urls.len() < MAX_REPLICAS
            && !known.contains(&normalized)
        {
            urls.push(url);
            known.push(normalized);
        }
    }
    Location { urls, token: location.token }
}

/// Whether two lists have the same replicas. The order is ignored, because lookups shuffle.
#[must_use]
pub fn same_set(a: &[String], b: &[String]) -> bool {
    // Both lists are short and have each replica once: sorting them would be more code than this.
    let normalize = |urls: &[String]| urls.iter().map(|url| normalized(url)).collect::<Vec<_>>();
    let (a, b) = (normalize(a), normalize(b));
    a.len() == b.len() && a.iter().all(|url| b.contains(url))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn spellings_of_one_url_are_one_replica() {
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

    // F10
    #[test]
    fn a_lookup_cannot_add_any_number_of_replicas() {
        let urls = (0..1000).map(|i| format!("http://h{i}/x")).collect();
        assert_eq!(usable(Location { urls, token: None }).urls.len(), MAX_REPLICAS);
    }
}
