//! The name that a file is saved under, as a header carries it (RFC 6266, RFC 8187).

/// `Content-Disposition` of a file with a name, to be shown where that can be done.
///
/// A plain name stands as the filer writes it. Any other one is there twice: quoted, with `_` for
/// each character beyond ASCII, and after it in full for everyone who reads RFC 8187. Control
/// characters are `_` in both.
pub(crate) fn inline(name: &str) -> String {
    let mut header = String::from("inline; filename=");
    if name.bytes().all(is_plain) {
        header.push_str(name);
        return header;
    }
    header.push('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => header.extend(['\\', c]),
            ' '..='~' => header.push(c),
            _ => header.push('_'),
        }
    }
    header.push_str("\"; filename*=UTF-8''");
    for c in name.chars() {
        let c = if c.is_control() { '_' } else { c };
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            if is_plain(byte) {
                header.push(byte.into());
            } else {
                header.push('%');
                header.extend([byte >> 4, byte & 15].map(hex));
            }
        }
    }
    header
}

/// An `attr-char` of RFC 8187: a character of a token that is not a sign of that form itself.
/// What is left out of the tokens, `%` above all, some readers would decode.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte)
}

fn hex(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'A' - 10 + nibble })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stands_as_it_is() {
        for name in ["one.bin", "a", "A-Z_0.tar.gz", "#1&2+3"] {
            assert_eq!(inline(name), format!("inline; filename={name}"));
        }
    }

    #[test]
    fn any_other_name_is_quoted_and_then_told_in_full() {
        for (name, quoted, full) in [
            ("film one.webm", "film one.webm", "film%20one.webm"),
            ("100%.bin", "100%.bin", "100%25.bin"),
            ("a\"b\\c", "a\\\"b\\\\c", "a%22b%5Cc"),
            ("a;b=c,d", "a;b=c,d", "a%3Bb%3Dc%2Cd"),
            ("it's*", "it's*", "it%27s%2A"),
            ("été/日本語", "_t_/___", "%C3%A9t%C3%A9%2F%E6%97%A5%E6%9C%AC%E8%AA%9E"),
            ("🦦\u{202e}", "__", "%F0%9F%A6%A6%E2%80%AE"),
        ] {
            assert_eq!(inline(name), format!("inline; filename=\"{quoted}\"; filename*=UTF-8''{full}"));
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
