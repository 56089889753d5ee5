//! The lifetime of a read token, which is a JSON Web Token (RFC 7519).
//!
//! A request may wait in a queue for longer than its token is valid. Before a request is sent, [`is_due`]
//! reads the times in the token, so that an expired one is renewed instead of being refused. The signature is
//! not verified: only the server has the key.

use super::base64;
use crate::{
    json::{Value, walk},
    time::Duration,
};

/// A token that expires within this time is not sent: the request needs time to arrive, and clocks differ.
/// SeaweedFS's tokens are valid for 60 s, or for 10 s in its sample configuration.
const LEEWAY: Duration = Duration::from_secs(5);

/// The longest token that is parsed. Servers do not accept longer ones.
const MAX_BYTES: usize = 8 << 10;

/// Whether a token must be renewed before it is sent at this time since 1970: it has expired, expires soon,
/// or is not valid yet. A token without times, or one that is not a JWT, is never due.
#[must_use]
pub fn is_due(token: &str, unix_time: Duration) -> bool {
    let now = unix_time.as_secs_f64();
    let Validity { not_before, expires } = validity(token).unwrap_or_default();
    expires.is_some_and(|time| time <= now + LEEWAY.as_secs_f64())
        || not_before.is_some_and(|time| time > now)
}

/// The times between which a token is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Validity {
    not_before: Option<f64>,
    expires: Option<f64>,
}

/// `nbf` and `exp` of a JWT (RFC 7519, section 4.1), if they are numbers; `None` if the text is not a JWT.
fn validity(token: &str) -> Option<Validity> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let (_, rest) = token.split_once('.')?;
    let (payload, _) = rest.split_once('.')?;
    let json = base64::decode_url(payload)?;
    let mut validity = Validity::default();
    let is_json = walk(&json, &mut |member| match (member.object, member.key, member.value) {
        (0, "exp", Value::Number(number)) => validity.expires = Some(number),
        (0, "nbf", Value::Number(number)) => validity.not_before = Some(number),
        _ => {}
    });
    is_json.then_some(validity)
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};

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
    fn a_token_that_is_not_valid_yet_is_due() {
        let claims = r#"{"nbf":1000,"exp":2000}"#;
        assert!(due(claims, 999));
        assert!(!due(claims, 1000));
    }

    #[test]
    fn a_token_of_a_real_cluster_has_an_expiry_time() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJmaWQiOiIyLDAxNDVmMmU4ODQiLCJleHAiOjE3OTU0NzE1NjV9.\
                     NI2_CYhbn7GL7CkpkeAfT2wxgUhBaiDDmNa-nFUpJjM";
        assert_eq!(validity(token), Some(Validity { not_before: None, expires: Some(1_795_471_565.0) }));
    }

    #[test]
    fn times_may_be_any_json_value() {
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
            assert_eq!(validity(&token(claims)).unwrap().expires, expected, "{claims}");
        }
        assert!(due(r#"{"exp":-1}"#, 0) && !due(r#"{"exp":1e300}"#, u64::MAX / 2));
    }

    #[test]
    fn a_text_that_is_not_a_jwt_is_never_due() {
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
        assert!(is_due("e30.eyJleHAiOjF9.", Duration::MAX), "the signature is not verified");
        assert!(is_due("e30.eyJleHAiOjF9==.c", Duration::MAX), "padding is accepted");
    }

    // proptest is a dependency of native tests only.
    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "\\PC*", claims in "\\PC*", now: u64) {
            let _ = is_due(&text, Duration::from_secs(now));
            let _ = is_due(&token(&claims), Duration::from_secs(now));
        }
    }
}
