//! Entity tags: what they are made of, and how two are compared.

use md5::{Digest, Md5};

use crate::model::chunk::{Chunk, Source};

/// What follows the digest of a tag that was derived from a list of chunks. The filer's own
/// composed tags end in a number.
const DERIVED: &str = "-chunks";

/// The tag of a digest, quoted; `suffix` tells apart what was digested.
pub(crate) fn of_digest(digest: &[u8], suffix: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied();
    let mut tag = String::from("\"");
    tag.extend(digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten());
    tag.push_str(suffix);
    tag.push('"');
    tag
}

/// The filer's tag of a file in several chunks: the digest of their digests, and their number.
pub(crate) fn of_digests(digests: &[&[u8; 16]]) -> String {
    let mut all = Md5::new();
    for digest in digests {
        all.update(digest);
    }
    of_digest(&all.finalize(), &format!("-{}", digests.len()))
}

/// A tag from a list of chunks: it changes with every id, place, size, version and inline byte.
/// Keys are not digested.
pub(crate) struct Derived(Md5);

impl Derived {
    pub(crate) fn new(size: u64) -> Self {
        Self(Md5::new()).number(size)
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// Digests the length too, so that what follows cannot be taken for a part of it.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut next = self.number(bytes.len() as u64);
        next.0.update(bytes);
        next
    }

    pub(crate) fn chunk(self, chunk: &Chunk) -> Self {
        let mut next = match &chunk.source {
            Source::FileId(id) => self.number(0).bytes(id.as_bytes()),
            Source::Inline(content) => self.number(1).bytes(content),
            Source::Urls(urls) => {
                let next = self.number(2).number(urls.len() as u64);
                urls.iter().fold(next, |next, url| next.bytes(url.as_bytes()))
            }
            Source::Filer(url) => self.number(3).bytes(url.as_bytes()),
        };
        let stored = chunk.stored.clone().unwrap_or(0..u64::MAX);
        for number in [chunk.offset, chunk.size, chunk.modified.cast_unsigned(), stored.start, stored.end] {
            next = next.number(number);
        }
        next.bytes(chunk.md5.as_ref().map_or(&[], |md5| md5))
    }

    pub(crate) fn finish(self) -> String {
        of_digest(&self.0.finalize(), DERIVED)
    }
}

/// Whether a text is one entity tag as a header writes it (RFC 9110, 8.8.3), and not a weak one.
pub(crate) fn is_strong(text: &str) -> bool {
    opaque(text).is_some_and(|(_, rest)| rest.is_empty())
}

/// Whether a list of tags, or `*`, has one that equals `etag` (RFC 9110, 8.8.3.2). A weak tag
/// never equals any if the comparison is `strong`. The list counts up to where it is malformed.
pub(crate) fn matches(list: &str, etag: Option<&str>, strong: bool) -> bool {
    let mut rest = list.trim_matches(SPACE);
    if rest == "*" {
        return true;
    }
    let Some(etag) = etag else { return false };
    if strong && etag.starts_with("W/") {
        return false;
    }
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let unmarked = rest.strip_prefix("W/");
        let Some((tag, after)) = opaque(unmarked.unwrap_or(rest)) else {
            return false;
        };
        if tag == etag && !(strong && unmarked.is_some()) {
            return true;
        }
        rest = after.trim_start_matches(SPACE);
        if !rest.starts_with(',') {
            return false;
        }
    }
}

const SPACE: [char; 2] = [' ', '\t'];

/// The quoted tag that a text begins with, quotes included, and what comes after it.
fn opaque(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let tag = inner.split_once('"')?.0;
    let legal = |c: char| matches!(c, '!' | '#'..='~' | '\u{80}'..='\u{ff}');
    tag.chars().all(legal).then(|| text.split_at_checked(tag.len() + 2))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_matches_if_one_of_its_tags_does() {
        let etag = Some("\"a,b\"");
        for list in ["*", " * ", "\"a,b\"", "\"x\", \"a,b\"", ",, \"x\" ,\t\"a,b\" ,", "\"\",\"a,b\""] {
            assert!(matches(list, etag, true), "{list}");
        }
        for list in
            ["", "a,b", "\"a\"", "\"A,B\"", "\"a,b", "x, \"a,b\"", "\"x\" \"a,b\"", "\"x y\", \"a,b\"", "**"]
        {
            assert!(!matches(list, etag, true), "{list}");
        }
    }

    #[test]
    fn a_weak_tag_equals_only_where_weak_ones_may() {
        assert!(matches("W/\"a\"", Some("\"a\""), false));
        assert!(matches("\"a\"", Some("W/\"a\""), false));
        assert!(!matches("W/\"a\"", Some("\"a\""), true));
        assert!(!matches("\"a\"", Some("W/\"a\""), true));
        assert!(!matches("W/\"a\"", Some("W/\"a\""), true));
        assert!(!matches("w/\"a\"", Some("\"a\""), false));
    }

    #[test]
    fn a_file_without_a_tag_matches_only_the_asterisk() {
        assert!(matches("*", None, true));
        assert!(!matches("\"a\"", None, false));
    }

    #[test]
    fn a_strong_tag_is_quoted_and_has_no_mark() {
        assert!(is_strong("\"a-1\"") && is_strong("\"\""));
        for text in ["a", "W/\"a\"", "\"a", "\"a\"b", "\"a b\"", "\"a\r\n\"", "\"a\"\"", "\"日\"", ""] {
            assert!(!is_strong(text), "{text}");
        }
    }
}
