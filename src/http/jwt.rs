//! How long a read token holds.
//!
//! Only the times in it are read: whether it is genuine is for the server to say, which alone has
//! the key.

use std::time::Duration;

use base64ct::{Base64, Encoding};

use crate::json::{Value, walk};

/// A token that ends sooner than this is not sent any more: the request has to get there, and no two
/// clocks agree. SeaweedFS's tokens live for 60 s, or for the 10 s of its sample configuration.
const LEEWAY: Duration = Duration::from_secs(5);

/// Longer tokens than servers take are not looked into.
const MAX_BYTES: usize = 8 << 10;

/// Whether a token is to be renewed before it is sent at this time since 1970: it has expired, is
/// about to, or does not hold yet. A token that does not say, or that is no JWT, is sent as it is.
#[must_use]
pub fn is_due(token: &str, unix_time: Duration) -> bool {
    let now = unix_time.as_secs_f64();
    let Times { from, until } = times(token).unwrap_or_default();
    until.is_some_and(|until| until <= now + LEEWAY.as_secs_f64()) || from.is_some_and(|from| from > now)
}

/// Seconds since 1970 between which a token holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Times {
    from: Option<f64>,
    until: Option<f64>,
}

/// `exp` and `nbf` of a JWT (RFC 7519, 4.1), as far as they are numbers; `None` if it is no JWT.
fn times(token: &str) -> Option<Times> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let (_, rest) = token.split_once('.')?;
    let (payload, _) = rest.split_once('.')?;
    let json = decoded(payload)?;
    let mut times = Times::default();
    let whole = walk(&json, &mut |seen| match (seen.object, seen.key, seen.value) {
        (0, "exp", Value::Number(number)) => times.until = Some(number),
        (0, "nbf", Value::Number(number)) => times.from = Some(number),
        _ => {}
    });
    whole.then_some(times)
}

/// The bytes of a base64url text, in standard base64: a second alphabet would be as much code again.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    Base64::decode_vec(&text).ok()
}

#[cfg(test)]
mod tests {
    use base64ct::Base64UrlUnpadded;

    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", Base64UrlUnpadded::encode_string(claims.as_bytes()))
    }

    fn due(claims: &str, now: u64) -> bool {
        is_due(&token(claims), Duration::from_secs(now))
    }

    #[test]
    fn a_token_is_due_shortly_before_it_expires() {
        let claims = r#"{"fid":"3,01","exp":1000}"#;
        assert!(!due(claims, 994));
        assert!(due(claims, 995));
        assert!(due(claims, 1001));
    }

    #[test]
    fn a_token_that_does_not_hold_yet_is_due() {
        let claims = r#"{"nbf":1000,"exp":2000}"#;
        assert!(due(claims, 999));
        assert!(!due(claims, 1000));
    }

    #[test]
    fn a_token_of_a_real_cluster_says_when_it_expires() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJmaWQiOiIyLDAxNDVmMmU4ODQiLCJleHAiOjE3OTU0NzE1NjV9.\
                     NI2_CYhbn7GL7CkpkeAfT2wxgUhBaiDDmNa-nFUpJjM";
        assert_eq!(times(token), Some(Times { from: None, until: Some(1_795_471_565.0) }));
    }

    #[test]
    fn times_may_be_fractions_powers_and_nonsense() {
        for (claims, expected) in [
            (r#"{"exp":1000.5}"#, Some(1000.5)),
            (r#"{"exp":1e3}"#, Some(1000.0)),
            (r#"{"exp":-1}"#, Some(-1.0)),
            (r#"{"exp":18446744073709551615}"#, Some(18_446_744_073_709_551_615.0)),
            (r#"{"exp":"1000"}"#, None),
            (r#"{"exp":null}"#, None),
            (r#"{"other":{"exp":1}}"#, None),
            ("{}", None),
        ] {
            assert_eq!(times(&token(claims)).unwrap().until, expected, "{claims}");
        }
        assert!(due(r#"{"exp":-1}"#, 0) && !due(r#"{"exp":1e300}"#, u64::MAX / 2));
    }

    #[test]
    fn what_is_no_jwt_is_never_due() {
        let long = "a".repeat(1 << 20);
        let texts = [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c",
            "a.!.c",
            "secret",
            "a.é.c",
            &long,
            "e30.eyJleHAiOjF9",
            "e30.eyJleHAiOjE.c",
        ];
        for text in texts {
            assert!(!is_due(text, Duration::MAX), "{text:.20}");
        }
        assert!(is_due("e30.eyJleHAiOjF9.", Duration::MAX), "a signature is not looked at");
        assert!(is_due("e30.eyJleHAiOjF9==.c", Duration::MAX), "padding is superfluous");
    }

    // proptest is a dependency of native tests only.
    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", claims in "\\PC*", now: u64) {
            let _ = is_due(&text, Duration::from_secs(now));
            let _ = is_due(&token(&claims), Duration::from_secs(now));
        }
    }
}
