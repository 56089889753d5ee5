//! `Content-Disposition`: the name under which a browser saves a file (RFC 6266, RFC 8187).

use crate::http::{
    file_name::clean,
    percent::{self, encode_attr, is_attr_char},
};

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

/// Characters of a name. Most systems allow 255 bytes.
const LONGEST: usize = 255;

/// The field for a file with this name; without a parameter if it has none.
///
/// The name is [cleaned](clean), and cut to 255 characters. A plain name is written as the filer writes it. Any other name is written twice:
/// quoted, with `_` in place of each character outside ASCII, and percent-encoded in full for readers of RFC 8187.
pub(crate) fn write(disposition: Disposition, name: &str) -> String {
    let mut header = String::from(disposition.name());
    let Some(mut name) = clean(name) else { return header };
    if let Some((end, _)) = name.char_indices().nth(LONGEST) {
        name.truncate(end);
    }
    header.push_str("; filename=");
    if name.bytes().all(is_attr_char) {
        header.push_str(&name);
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
        encode_attr(letter, &mut header);
    }
    header
}

/// The name in such a field, as the server wrote it: `filename*` if it can be decoded, else `filename`.
pub(crate) fn file_name(header: &str) -> Option<String> {
    let mut plain = None;
    let (_, mut rest) = header.split_once(';')?;
    while let Some((name, value)) = rest.split_once('=') {
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        let (value, after) = value_of(value.trim_start());
        if name.eq_ignore_ascii_case("filename*")
            && let Some(decoded) = extended(&value)
        {
            return Some(decoded);
        }
        if name.eq_ignore_ascii_case("filename") && plain.is_none() {
            plain = Some(value);
        }
        rest = after;
    }
    plain.map(|name| from_latin1(&name).unwrap_or(name))
}

/// The value at the beginning of a text, without its quotes, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(text.find(';').unwrap_or(text.len()));
        return (value.trim().to_owned(), after);
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => value.extend(letters.next()),
            letter => value.push(letter),
        }
    }
    (value, letters.as_str())
}

/// An `ext-value` of RFC 8187 in UTF-8: `UTF-8'en'%e2%82%ac`.
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| percent::decode(encoded))?
}

/// The text whose UTF-8 a platform has read as Latin-1, which is how browsers read header fields.
fn from_latin1(text: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(letter).ok()).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Member, Value, walk};

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

    // F201: the gateway at the edge writes the same, in JavaScript.
    #[test]
    fn names_are_written_as_the_list_says() {
        let mut cases: Vec<[String; 2]> = Vec::new();
        let mut take = |seen: Member<'_>| {
            let Value::Text(text) = seen.value else { return };
            match (seen.key, cases.last_mut()) {
                ("name", _) => cases.push([text.to_owned(), String::new()]),
                (_, Some([_, header])) => text.clone_into(header),
                _ => {}
            }
        };
        assert!(walk(include_bytes!("../../tests/fixtures/dispositions.json"), &mut take));
        for [name, header] in &cases {
            assert_eq!(&write(Disposition::Attachment, name), header, "{name}");
        }
        assert!(cases.len() > 15);
        let long = format!("é{}.txt", "x".repeat(300));
        assert_eq!(write(Disposition::Attachment, &long).matches('x').count(), 2 * 254);
    }

    // F135
    #[test]
    fn any_other_name_is_written_quoted_and_encoded() {
        for (name, quoted, encoded) in [
            ("film one.webm", "film one.webm", "film%20one.webm"),
            ("100%.bin", "100%.bin", "100%25.bin"),
            ("a\"b\\c", "a\\\"b_c", "a%22b_c"),
            ("a;b=c,d", "a;b=c,d", "a%3Bb%3Dc%2Cd"),
            ("it's*", "it's*", "it%27s%2A"),
            ("été/日本語", "___", "%E6%97%A5%E6%9C%AC%E8%AA%9E"),
            ("🦦\u{202e}é", "___", "%F0%9F%A6%A6_%C3%A9"),
        ] {
            assert_eq!(inline(name), format!("inline; filename=\"{quoted}\"; filename*=UTF-8''{encoded}"));
        }
    }

    // F136
    #[test]
    fn the_name_of_a_server_is_read() {
        for (header, name) in [
            ("attachment; filename=a.bin", "a.bin"),
            ("inline; filename=\"a b.bin\"; x=y", "a b.bin"),
            ("attachment; FileName = \"a\\\"b;c=d\"", "a\"b;c=d"),
            ("attachment; filename=plain; filename*=UTF-8''%e2%82%ac%20rates", "€ rates"),
            ("attachment; filename*=utf-8'en'x%2Fy; filename=plain", "x/y"),
            ("attachment; filename=\"plain\"; filename*=iso-8859-1''%a3", "plain"),
            ("attachment; filename=\"plain\"; filename*=UTF-8''%ff", "plain"),
            ("attachment; foo; filename=a", "a"),
            ("attachment;filename=", ""),
            ("attachment; filename=\"\u{c3}\u{a9}.txt\"", "é.txt"),
            ("attachment; filename=\"\u{e9}.txt\"", "é.txt"),
            ("attachment; filename=\"日.txt\"", "日.txt"),
            ("attachment; filename=\"open", "open"),
        ] {
            assert_eq!(file_name(header).as_deref(), Some(name), "{header}");
        }
        for header in ["", "attachment", "filename=a", "attachment; name=a", "attachment; filename", ";;;"] {
            assert_eq!(file_name(header), None, "{header}");
        }
        for name in ["one.bin", "film one.webm", "日本語", "a\"b", "it's*"] {
            assert_eq!(file_name(&inline(name)).as_deref(), Some(name));
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
