//! The URLs at which a filer serves entries, files and relayed chunks.

use crate::http::percent;

/// The URL at which a filer relays a chunk from one of its volume servers (`filer_server_handlers_proxy.go`).
///
/// With `readDeleted`, an open reader can finish after an overwrite: the filer deletes the old chunks, and a
/// volume server keeps deleted bytes until it is compacted.
#[must_use]
pub fn proxy_url(filer_origin: &str, file_id: &str) -> String {
    format!("{filer_origin}/?proxyChunkId={file_id}&readDeleted=true")
}

/// The URL at which a filer serves the file of this full path.
#[must_use]
pub fn file_url(filer_origin: &str, path: &str) -> String {
    let mut url = filer_origin.to_owned();
    percent::encode(path, "/", &mut url);
    url
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

    #[test]
    fn the_entry_url_keeps_the_other_query_parameters() {
        let entry = |url: &str| entry_url(url).0;
        assert_eq!(entry("http://a/b"), "http://a/b?metadata=true");
        assert_eq!(entry("http://a/b?x=1&metadata=false"), "http://a/b?x=1&metadata=true");
        assert_eq!(entry_url("http://a/b?metadata=true").1, "http://a/b");
    }
}
