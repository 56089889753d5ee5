//! `Content-Disposition`: the name under which a browser saves a file (RFC 6266, RFC 8187).

use crate::http::percent::{encode_attr, is_attr_char};

/// Whether a browser shows a file or saves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// Shows it, if it can.
    #[default]
    Inline,
    /// Saves it.
    Attachment,
}

impl Disposition {
    /// What a field says. Browsers save a file of any type that they do not know (RFC 6266, section 4.2).
    pub(crate) fn of(field: &str) -> Self {
        let kind = field.split(';').next().unwrap_or_default().trim_ascii();
        if kind.is_empty() || kind.eq_ignore_ascii_case("inline") { Self::Inline } else { Self::Attachment }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Attachment => "attachment",
        }
    }
}

/// The field for a file with this name; without a parameter if the name is empty.
///
/// A plain name is written as the filer writes it. Any other name is written twice: quoted, with `_` in place
/// of each character outside ASCII, and percent-encoded in full for readers of RFC 8187. Control characters
/// become `_` in both.
pub(crate) fn write(disposition: Disposition, name: &str) -> String {
    let mut header = String::from(disposition.name());
    if name.is_empty() {
        return header;
    }
    header.push_str("; filename=");
    if name.bytes().all(is_attr_char) {
        header.push_str(name);
        return header;
    }
    header.push('"');
    for letter in name.chars() {
        match letter {
            '"' | '\\' => header.extend(['\\', letter]),
            ' '..='~' => header.push(letter),
            _ => header.push('_'),
        }
    }
    header.push_str("\"; filename*=UTF-8''");
    for letter in name.chars() {
        encode_attr(if letter.is_control() { '_' } else { letter }, &mut header);
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inline(name: &str) -> String {
        write(Disposition::Inline, name)
    }

    #[test]
    fn a_file_is_shown_or_saved() {
        assert_eq!(
            write(Disposition::Attachment, "a b"),
            "attachment; filename=\"a b\"; filename*=UTF-8''a%20b"
        );
        assert_eq!((write(Disposition::Attachment, ""), inline("")), ("attachment".into(), "inline".into()));
        for (field, disposition) in [
            ("inline", Disposition::Inline),
            (" INLINE ; filename=a", Disposition::Inline),
            ("", Disposition::Inline),
            ("attachment; filename=a", Disposition::Attachment),
            ("form-data", Disposition::Attachment),
        ] {
            assert_eq!(Disposition::of(field), disposition, "{field}");
        }
    }

    #[test]
    fn a_plain_name_is_written_unchanged() {
        for name in ["one.bin", "a", "A-Z_0.tar.gz", "#1&2+3"] {
            assert_eq!(inline(name), format!("inline; filename={name}"));
        }
    }

    #[test]
    fn any_other_name_is_written_quoted_and_encoded() {
        for (name, quoted, encoded) in [
            ("film one.webm", "film one.webm", "film%20one.webm"),
            ("100%.bin", "100%.bin", "100%25.bin"),
            ("a\"b\\c", "a\\\"b\\\\c", "a%22b%5Cc"),
            ("a;b=c,d", "a;b=c,d", "a%3Bb%3Dc%2Cd"),
            ("it's*", "it's*", "it%27s%2A"),
            ("été/日本語", "_t_/___", "%C3%A9t%C3%A9%2F%E6%97%A5%E6%9C%AC%E8%AA%9E"),
            ("🦦\u{202e}", "__", "%F0%9F%A6%A6%E2%80%AE"),
        ] {
            assert_eq!(inline(name), format!("inline; filename=\"{quoted}\"; filename*=UTF-8''{encoded}"));
        }
    }

    #[test]
    fn no_name_ends_the_line_or_the_quotes() {
        let header = inline("a\r\nSet-Cookie: x=1\0\u{7f}\u{85}\t\"; x=\"");
        let rest =
            header.strip_prefix("inline; filename=\"a__Set-Cookie: x=1____\\\"; x=\\\"\"; filename*=UTF-8''");
        assert_eq!(rest, Some("a__Set-Cookie%3A%20x%3D1____%22%3B%20x%3D%22"));
        assert!(
            (0..=0x17f_u32)
                .filter_map(char::from_u32)
                .all(|c| { inline(&c.to_string()).bytes().all(|byte| matches!(byte, b' '..=b'~')) })
        );
    }
}
