//! Percent-encoding (RFC 3986, section 2.1).
//!
//! Four encoders differ in what they keep: [`encode`] makes a value or a path part of a URL, [`encode_component`] the
//! spelling that JavaScript writes, [`encode_attr`] is for the parameter of a header field, and [`escape`] repairs a URL
//! that contains characters which no URL may contain.

use crate::http::hex;

/// Encodes everything except the unreserved characters and those in `kept`, with digits in lower case.
pub(crate) fn encode(text: &str, kept: &str, out: &mut String) {
    for byte in text.bytes() {
        let letter = char::from(byte);
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || kept.as_bytes().contains(&byte)
        {
            out.push(letter);
        } else {
            out.push('%');
            out.extend(hex::lower(byte));
        }
    }
}

/// Encodes a text as `encodeURIComponent` of JavaScript does (ECMA-262, 19.2.6.5), but keeps the characters in `kept`.
pub(crate) fn encode_component(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_kept = b"-_.!~*'()".contains(&byte) || kept.as_bytes().contains(&byte);
        push(byte, byte.is_ascii_alphanumeric() || is_kept, &mut out);
    }
    out
}

/// Encodes a character as the `ext-value` of a header parameter (RFC 8187).
pub(crate) fn encode_attr(letter: char, out: &mut String) {
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        push(byte, is_attr_char(byte), out);
    }
}

/// Whether a byte is an `attr-char` of RFC 8187: a character of a token that has no meaning in the encoding
/// itself. The other characters of a token, above all `%`, are decoded by some readers.
pub(crate) fn is_attr_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte)
}

/// Encodes the characters that no URL may contain. Existing escapes stay as they are.
pub(crate) fn escape(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        let is_legal = byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^' | b'\\');
        push(byte, is_legal, &mut out);
    }
    out
}

/// Decodes a text; `None` if an escape is malformed or the result is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

fn push(byte: u8, is_legal: bool, out: &mut String) {
    if is_legal {
        out.push(byte.into());
    } else {
        out.push('%');
        out.extend(hex::upper(byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_escapes_are_decoded() {
        assert_eq!(decode("a%20%C3%a4%2f").as_deref(), Some("a ä/"));
        for text in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
