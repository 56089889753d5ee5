//! File ids as text: `<volume>,<key in hex><cookie in 8 hex digits>`, with an optional suffix `_<n>`.
//!
//! A file id becomes a part of a URL. `is_file_id` is strict, so that no metadata can direct a request to
//! another path.

/// Whether a text is a file id (docs/seaweedfs-format.md, File ids).
pub(crate) fn is_file_id(text: &str) -> bool {
    let Some((volume, rest)) = text.split_once(',') else {
        return false;
    };
    let (key_and_cookie, suffix) = match rest.split_once('_') {
        None => (rest, None),
        Some((before, suffix)) => (before, Some(suffix)),
    };
    let decimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    decimal(volume)
        && volume.len() <= 10
        && volume.parse::<u32>().is_ok()
        // A key of 1 to 16 digits, and a cookie of 8.
        && (9..=24).contains(&key_and_cookie.len())
        && key_and_cookie.bytes().all(|byte| byte.is_ascii_hexdigit())
        // At most as many digits as a u64 has: leading zeros could make a URL of any length.
        && suffix.is_none_or(|suffix| decimal(suffix) && suffix.len() <= 20 && suffix.parse::<u64>().is_ok())
}

/// The text of a file id. Its key has no leading zero bytes. `None` for key 0, which no needle has.
pub(crate) fn text(volume: u32, key: u64, cookie: u32) -> Option<String> {
    let bytes = 8_usize.checked_sub(usize::try_from(key.leading_zeros() / 8).ok()?)?;
    let digits = bytes.checked_mul(2).filter(|&digits| digits > 0)?;
    Some(format!("{volume},{key:0digits$x}{cookie:08x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_id_is_written_as_seaweedfs_writes_it() {
        assert_eq!(text(3, 0x16, 0x3703_7d6a).unwrap(), "3,1637037d6a");
        assert_eq!(text(5, 0x1_0000_0001, 0xdead_beef).unwrap(), "5,0100000001deadbeef");
        assert_eq!(text(u32::MAX, u64::MAX, 0).unwrap(), "4294967295,ffffffffffffffff00000000");
        assert_eq!(text(1, 0x100, 1).unwrap(), "1,010000000001");
        assert_eq!(text(1, 0, 1), None);
    }

    // F89
    #[test]
    fn a_file_id_has_digits_only() {
        for id in [
            "3,1637037d6a",
            "5,0100000001deadbeef",
            "3,123456789",
            "3,ABCDEF0123_1",
            "03,0137037d6a",
            "4294967295,ffffffffffffffff00000000",
            "1,01aaaaaaaa_18446744073709551615",
        ] {
            assert!(is_file_id(id), "{id}");
        }
        for id in [
            "",
            ",",
            "3",
            "3,",
            "3,12345678",
            "3,12345678901234567890abcde",
            "4294967296,1637037d6a",
            "-3,1637037d6a",
            "+3,1637037d6a",
            " 3,1637037d6a",
            "3,1637037d6a ",
            "3, 1637037d6a",
            "3,1637037d6g",
            "3,x/../../status",
            "3,1637037d6a/../x",
            "3,1637037d6a?a=b",
            "3,1637037d6a_",
            "3,1637037d6a_1x",
            "3,1637037d6a__1",
            "3,1637037d6a_-1",
            "3,1637037d6a_+1",
            "3,1637037d6a_1_1",
            "3,1637037d6a_18446744073709551616",
            "3,1637037d6a,1",
            "3/1637037d6a",
            "3,0x37037d6a12",
            "３,1637037d6a",
            "3,1637037d6a\n",
            "3,1637037d6a\0",
        ] {
            assert!(!is_file_id(id), "{id}");
        }
        assert!(!is_file_id(&format!("3,{}", "a".repeat(65))));
        assert!(!is_file_id(&format!("3,1637037d6a_{:021}", 1)));
        assert!(!is_file_id(&format!("{}3,1637037d6a", "0".repeat(10))));
    }
}
