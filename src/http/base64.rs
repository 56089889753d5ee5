//! Base64 (RFC 4648, section 4), decoded in constant time and without tables: keys are stored in it.

/// The bytes of a padded text. `None` for anything else, also if the bits after the last byte are not zero.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut all) = (0_u32, 0, 0);
    for digit in digits.bytes() {
        let value = value(digit.into());
        all |= value;
        bits = bits << 6 | value.cast_unsigned();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    // Digits that are none are negative, and make all of them negative.
    (text.len().is_multiple_of(4) && all >= 0 && bits & ((1 << count) - 1) == 0).then_some(bytes)
}

/// The bytes of a text in base64url (RFC 4648, section 5), padded or not. It is decoded by way of standard base64: a second
/// alphabet would double the code.
pub(crate) fn decode_url(text: &str) -> Option<Vec<u8>> {
    let mut text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    decode(&text)
}

/// The value of a digit, negative for another character. Each line adds something for one range of characters only.
fn value(digit: i32) -> i32 {
    // All ones between two characters, both of them excluded; else zero.
    let within = |low: i32, high: i32| ((low - digit) & (digit - high)) >> 8;
    let mut value = -1;
    value += within(0x40, 0x5b) & (digit - 64);
    value += within(0x60, 0x7b) & (digit - 70);
    value += within(0x2f, 0x3a) & (digit + 5);
    value += within(0x2a, 0x2c) & 63;
    value += within(0x2e, 0x30) & 64;
    value
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};

    use super::*;

    #[test]
    fn each_text_is_decoded_as_by_another_decoder() {
        let some = b"AZaz09+/=-_ \n\x00\x7fBQg".map(char::from);
        for n in 0..some.len().pow(4) {
            let text: String = (0..4).map(|place| some[n / some.len().pow(place) % some.len()]).collect();
            assert_eq!(decode(&text), Base64::decode_vec(&text).ok(), "{text:?}");
        }
        for byte in 0..=255_u8 {
            for text in [format!("{}AAA", char::from(byte)), format!("AAAAA{}==", char::from(byte))] {
                assert_eq!(decode(&text), Base64::decode_vec(&text).ok(), "{text:?}");
            }
        }
        for length in 0..50 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37) ^ 0xa5).collect();
            let text = Base64::encode_string(&bytes);
            assert_eq!(decode(&text), Some(bytes));
            for cut in 0..text.len() {
                assert_eq!(decode(&text[..cut]), Base64::decode_vec(&text[..cut]).ok(), "{}", &text[..cut]);
            }
        }
    }
}
