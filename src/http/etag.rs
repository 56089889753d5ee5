//! Entity tags: their syntax and their comparison (RFC 9110, section 8.8.3).

/// Whether a text is exactly one strong entity tag, quotes included.
pub(crate) fn is_strong(text: &str) -> bool {
    opaque(text).is_some_and(|(_, rest)| rest.is_empty())
}

/// Whether a list of tags, or `*`, has one that matches `etag` (RFC 9110, section 8.8.3.2). In a strong
/// comparison a weak tag matches nothing. A malformed list is read up to its first error.
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
        let weak = rest.strip_prefix("W/");
        let Some((tag, after)) = opaque(weak.unwrap_or(rest)) else {
            return false;
        };
        if tag == etag && !(strong && weak.is_some()) {
            return true;
        }
        rest = after.trim_start_matches(SPACE);
        if !rest.starts_with(',') {
            return false;
        }
    }
}

const SPACE: [char; 2] = [' ', '\t'];

/// The opaque tag at the start of a text, quotes included, and the rest of the text.
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
    fn a_weak_tag_matches_in_weak_comparison_only() {
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
    fn a_strong_tag_is_quoted_and_has_no_prefix() {
        assert!(is_strong("\"a-1\"") && is_strong("\"\""));
        for text in ["a", "W/\"a\"", "\"a", "\"a\"b", "\"a b\"", "\"a\r\n\"", "\"a\"\"", "\"日\"", ""] {
            assert!(!is_strong(text), "{text}");
        }
    }
}
