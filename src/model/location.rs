//! Where the replicas of a chunk are.

use std::fmt;

use crate::http::url::{normalized, without_query};

/// Where a chunk can be had.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// Full URLs of the chunk, one a replica.
    pub urls: Vec<String>,
    /// The token to send with each, as `?jwt=`.
    pub token: Option<String>,
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| without_query(url)).collect();
        f.debug_struct("Location").field("urls", &urls).finish_non_exhaustive()
    }
}

/// The most replicas of one chunk that are considered (F10): a lookup is outside input.
const MAX_REPLICAS: usize = 16;

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

    // F10
    #[test]
    fn a_lookup_cannot_flood_us_with_replicas() {
        let urls = (0..1000).map(|i| format!("http://h{i}/x")).collect();
        assert_eq!(usable(Location { urls, token: None }).urls.len(), MAX_REPLICAS);
    }
}
