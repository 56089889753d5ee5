//! The URLs at which a filer serves entries, files and relayed chunks.

use crate::http::url::encode;

/// The URL at which a filer relays a chunk from any of its volume servers
/// (`filer_server_handlers_proxy.go`), deleted-but-kept bytes included.
#[must_use]
pub fn proxy_url(filer_origin: &str, file_id: &str) -> String {
    format!("{filer_origin}/?proxyChunkId={file_id}&readDeleted=true")
}

/// The URL at which a filer serves the file of this full path.
#[must_use]
pub fn file_url(filer_origin: &str, path: &str) -> String {
    let mut url = filer_origin.to_owned();
    encode(path, "/", &mut url);
    url
}

/// Where a filer tells the entry of the file that it serves at `url`; and that URL, without a question of
/// ours in it.
#[cfg_attr(
    not(any(feature = "native", feature = "component")),
    allow(dead_code, reason = "the JavaScript of the package asks for the entry")
)]
pub(crate) fn entry_url(url: &str) -> (String, String) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let rest = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("metadata"));
    let rest = rest.collect::<Vec<_>>().join("&");
    let file = if rest.is_empty() { base.to_owned() } else { [base, "?", &rest].concat() };
    let mark = if rest.is_empty() { "?" } else { "&" };
    ([&file, mark, "metadata=true"].concat(), file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_but_for_its_slashes() {
        assert_eq!(file_url("http://f:1", "/a b/ü?#%.bin"), "http://f:1/a%20b/%c3%bc%3f%23%25.bin");
    }

    #[test]
    fn an_entry_is_asked_for_beside_what_the_query_holds_already() {
        let of = |url: &str| entry_url(url).0;
        assert_eq!(of("http://a/b"), "http://a/b?metadata=true");
        assert_eq!(of("http://a/b?x=1&metadata=false"), "http://a/b?x=1&metadata=true");
        assert_eq!(entry_url("http://a/b?metadata=true").1, "http://a/b");
    }
}
