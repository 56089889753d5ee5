//! The URLs at which a filer serves entries, files and relayed chunks.
//!
//! A filer may be below a path of a reverse proxy: `https://host/files/`. All its URLs are then below that path.

use crate::http::{
    percent,
    url::{self, normalized},
};

/// The URL at which a filer relays a chunk from one of its volume servers (`filer_server_handlers_proxy.go`).
///
/// With `readDeleted`, an open reader can finish after an overwrite: the filer deletes the old chunks, and a
/// volume server keeps deleted bytes until it is compacted.
#[must_use]
pub fn proxy_url(filer: &str, file_id: &str) -> String {
    format!("{filer}/?proxyChunkId={file_id}&readDeleted=true")
}

/// The URL at which a filer serves the file of this full path.
#[must_use]
pub fn file_url(filer: &str, path: &str) -> String {
    let mut url = filer.to_owned();
    percent::encode(path, "/", &mut url);
    url
}

/// The URL of a filer in the form that this module takes: path included, without a slash at the end.
#[must_use]
pub fn filer_base(filer: &str) -> &str {
    url::without_query(filer).trim_end_matches('/')
}

/// Whether a URL is below that of a filer.
#[cfg_attr(
    not(any(feature = "native", feature = "component-library")),
    allow(dead_code, reason = "elsewhere JavaScript checks it, or nothing needs it")
)]
pub(crate) fn is_below(url: &str, filer: &str) -> bool {
    let filer = normalized(filer_base(filer));
    let filer = filer.as_deref().map(|filer| filer.trim_end_matches('/'));
    let rest =
        normalized(url).zip(filer).and_then(|(url, filer)| Some(url.strip_prefix(filer)?.starts_with('/')));
    rest == Some(true)
}

/// The URL of the entry of the file that a filer serves at `url`, and the URL of the file without the
/// parameter `metadata`.
#[cfg_attr(
    not(any(feature = "native", feature = "component")),
    allow(dead_code, reason = "in the npm package, JavaScript requests the entry")
)]
pub(crate) fn entry_url(url: &str) -> (String, String) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let others =
        query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("metadata"));
    let others = others.collect::<Vec<_>>().join("&");
    let (file, separator) = match others.is_empty() {
        true => (base.to_owned(), "?"),
        false => ([base, "?", &others].concat(), "&"),
    };
    ([&file, separator, "metadata=true"].concat(), file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_except_for_its_slashes() {
        assert_eq!(file_url("http://f:1", "/a b/ü?#%.bin"), "http://f:1/a%20b/%c3%bc%3f%23%25.bin");
    }

    // F134
    #[test]
    fn urls_are_below_the_path_of_a_filer() {
        for filer in ["https://h/files", "https://h/files/", "https://h/files/?key=1#x"] {
            let base = filer_base(filer);
            assert_eq!(proxy_url(base, "3,01"), "https://h/files/?proxyChunkId=3,01&readDeleted=true");
            assert_eq!(file_url(base, "/a/b"), "https://h/files/a/b");
            for url in ["https://h/files/a", "HTTPS://H:443/files/?x", "https://h/files/"] {
                assert!(is_below(url, filer), "{url}");
            }
            for url in ["https://h/filesa", "https://h/a", "http://h/files/a", "https://h:1/files/a", "x"] {
                assert!(!is_below(url, filer), "{url}");
            }
        }
        assert!(is_below("http://h/a", "http://h") && is_below("http://h/", "http://h/"));
    }

    #[test]
    fn the_entry_url_keeps_the_other_query_parameters() {
        let entry = |url: &str| entry_url(url).0;
        assert_eq!(entry("http://a/b"), "http://a/b?metadata=true");
        assert_eq!(entry("http://a/b?x=1&metadata=false"), "http://a/b?x=1&metadata=true");
        assert_eq!(entry_url("http://a/b?metadata=true").1, "http://a/b");
    }
}
