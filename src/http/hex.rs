//! Hexadecimal digits.

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// The two digits of a byte in lower case.
pub(crate) fn lower(byte: u8) -> [char; 2] {
    digits(byte, LOWER)
}

/// The two digits of a byte in upper case.
pub(crate) fn upper(byte: u8) -> [char; 2] {
    digits(byte, UPPER)
}

fn digits(byte: u8, alphabet: &[u8; 16]) -> [char; 2] {
    [byte >> 4, byte & 15].map(|nibble| alphabet.get(usize::from(nibble)).copied().unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_two_digits() {
        assert_eq!((lower(0x0f), upper(0xa9)), (['0', 'f'], ['A', '9']));
    }
}
