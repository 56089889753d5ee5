//! File ids, which become parts of URLs.

use super::input::Input;
use crate::formats::seaweedfs::file_id;

/// The input is a text, and also a volume, a key and a cookie.
pub(super) fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && file_id::is_file_id(text)
    {
        assert_harmless(text);
    }
    let mut input = Input(bytes);
    let (volume, key, cookie) = (input.number(4) as u32, input.any_number(), input.number(4) as u32);
    let Some(text) = file_id::text(volume, key, cookie) else { return assert_eq!(key, 0) };
    assert!(file_id::is_file_id(&text), "{text}");
    let (before, after) = text.split_once(',').expect("there is a comma");
    let (hex_key, hex_cookie) = after.split_at(after.len() - 8);
    let hex = |digits| u64::from_str_radix(digits, 16);
    assert_eq!((before.parse(), hex(hex_key), hex(hex_cookie)), (Ok(volume), Ok(key), Ok(cookie.into())));
}

/// Asserts that a file id cannot change the rest of a URL.
pub(super) fn assert_harmless(id: &str) {
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b',' | b'_')), "{id}");
    assert!(id.len() <= "4294967295,ffffffffffffffff00000000_18446744073709551615".len(), "{id}");
    let (volume, _) = id.split_once(',').expect("there is a comma");
    assert!(volume.parse::<u32>().is_ok(), "{id}");
}
