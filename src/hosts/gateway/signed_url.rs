//! Signed URLs of a gateway: who may read a file, and until when (docs/edge.md, Signed URLs).
//!
//! A URL has `key`, `issued`, `expires` (seconds since 1970) and `signature`: HMAC-SHA256, with the secret of that key, of the
//! lines of [`signed_text`]. Several keys are valid at a time, so a new one can be used before the old one is removed. The
//! gateway for workerd reads the same URLs (`gateway/src/signature.ts`).

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::http::{base64, percent};

/// Seconds by which the clocks of signer and gateway may differ.
pub(crate) const SKEW: u64 = 60;

/// Seconds that a signature is valid at most by default: seven days, as presigned URLs of S3.
const MAX_AGE: u64 = 7 * 86_400;

/// The fewest characters of a secret.
const SHORTEST_SECRET: usize = 32;

/// The keys that sign URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UrlKeys {
    keys: Vec<(String, String)>,
    max_age: u64,
}

/// What a URL was signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The id of the key.
    pub(crate) key: String,
    /// The signature, which names the URL.
    pub(crate) signature: String,
}

/// A request as a signature binds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) method: &'a str,
    /// The host that the client named, with the port if it is not that of the scheme.
    pub(crate) host: &'a str,
    /// The path as it arrived.
    pub(crate) path: &'a str,
    /// The query without the question mark.
    pub(crate) query: &'a str,
}

impl UrlKeys {
    /// Reads `<id>:<secret>` pairs, separated by spaces or commas, and the longest life in seconds.
    pub(crate) fn new(pairs: &str, max_age: Option<&str>) -> Result<Self, &'static str> {
        let mut keys: Vec<(String, String)> = Vec::new();
        for pair in pairs.split(|c: char| c == ',' || c.is_whitespace()).filter(|pair| !pair.is_empty()) {
            let (id, secret) = pair.split_once(':').ok_or("KELP_URL_KEYS must be pairs <id>:<secret>")?;
            let is_id = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            let is_right = (1..=32).contains(&id.len()) && id.chars().all(is_id);
            if !is_right || secret.len() < SHORTEST_SECRET || keys.iter().any(|(known, _)| known == id) {
                return Err(
                    "KELP_URL_KEYS must be pairs <id>:<secret>, each id once, with secrets of 32 characters",
                );
            }
            keys.push((id.to_owned(), secret.to_owned()));
        }
        let max_age = max_age.filter(|text| !text.is_empty()).map_or(Some(MAX_AGE), time);
        Ok(Self { keys, max_age: max_age.ok_or("KELP_URL_MAX_AGE must be a number of at least 1")? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The grant of a request at a time in seconds since 1970; `None` if it has no valid signature.
    pub(crate) fn grant(&self, target: &Target<'_>, now: u64) -> Option<Grant> {
        let query = Query::read(target.query)?;
        let (key, signature) = (query.key?, query.signature?);
        let (issued, expires) = (query.issued?, query.expires?);
        let (from, until) = (time(&issued)?, time(&expires)?);
        let life = until.checked_sub(from).filter(|life| *life > 0)?;
        if life > self.max_age || until + SKEW <= now || from > now + SKEW {
            return None;
        }
        // Refuses every spelling but one.
        let given = base64::decode_url(&signature).filter(|_| !signature.contains(['+', '/', '=']))?;
        let (_, secret) = self.keys.iter().find(|(id, _)| *id == key)?;
        let path = canonical(target.path)?;
        let is_of = |method: &str| {
            let host = target.host.to_ascii_lowercase();
            let text =
                signed_text([&key, method, &host, &path, &issued, &expires], query.download.as_deref());
            let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?.chain_update(text);
            // In constant time.
            mac.verify_slice(&given).ok()
        };
        // Who may read a file may also ask for its length.
        is_of(target.method).or_else(|| (target.method == "HEAD").then(|| is_of("GET")).flatten())?;
        Some(Grant { key, signature })
    }
}

/// The value of `download` in a query: the name under which the file is saved. `None` without it; empty: its own.
pub(crate) fn download_name(query: &str) -> Option<String> {
    Query::read(query)?.download
}

/// The text that is signed. Only the last line can contain a line feed.
fn signed_text([key, method, host, path, issued, expires]: [&str; 6], download: Option<&str>) -> String {
    let mut text = format!("kelp-url-1\n{key}\n{method}\n{host}\n{path}\n{issued}\n{expires}\n");
    if let Some(name) = download {
        let _ = write!(text, "download={name}");
    }
    text
}

/// A path in the spelling that is signed: each name as `encodeURIComponent` of JavaScript writes it.
fn canonical(path: &str) -> Option<String> {
    percent::decode(path).map(|path| percent::encode_component(&path, "/"))
}

/// The parameters that matter, decoded.
#[derive(Default)]
struct Query {
    key: Option<String>,
    issued: Option<String>,
    expires: Option<String>,
    signature: Option<String>,
    download: Option<String>,
}

impl Query {
    /// `None` if a parameter is there twice, since servers differ in which one counts, or is no text.
    fn read(query: &str) -> Option<Self> {
        let mut read = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let field = match form(name)?.as_str() {
                "key" => &mut read.key,
                "issued" => &mut read.issued,
                "expires" => &mut read.expires,
                "signature" => &mut read.signature,
                "download" => &mut read.download,
                _ => continue,
            };
            if field.replace(form(value)?).is_some() {
                return None;
            }
        }
        Some(read)
    }
}

/// Decodes a part of a query as forms write it: a plus sign is a space.
fn form(text: &str) -> Option<String> {
    percent::decode(&text.replace('+', " "))
}

/// A positive number in its shortest form.
fn time(text: &str) -> Option<u64> {
    let is_time =
        text.len() <= 12 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_time)
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};

    use super::*;

    const SECRET: &str = "the-secret-of-these-tests-number-one";
    const OTHER: &str = "the-secret-of-these-tests-number-two";
    const NOW: u64 = 1_790_000_000;

    fn keys() -> UrlKeys {
        UrlKeys::new(&format!("one:{SECRET}, two:{OTHER}"), None).unwrap()
    }

    /// A query with a signature for these parts of the text.
    fn signed(secret: &str, parts: [&str; 6], download: Option<&str>) -> String {
        let text = signed_text(parts, download);
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(text);
        let signature = Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes());
        let [key, _, _, _, issued, expires] = parts;
        let download =
            download.map(|name| format!("&download={}", name.replace(' ', "+"))).unwrap_or_default();
        format!("key={key}&issued={issued}&expires={expires}{download}&signature={signature}")
    }

    const PARTS: [&str; 6] = ["one", "GET", "h:8", "/d/a%20b(1)", "1790000000", "1790000060"];

    fn is_granted(method: &str, host: &str, path: &str, query: &str, now: u64) -> bool {
        keys().grant(&Target { method, host, path, query }, now).is_some()
    }

    // F171
    #[test]
    fn a_signature_is_for_a_key_method_host_path_and_time() {
        let query = signed(SECRET, PARTS, None);
        let good = |now| is_granted("GET", "h:8", "/d/a%20b(1)", &query, now);
        assert!(good(NOW) && good(NOW - 60) && good(NOW + 119));
        assert!(!good(NOW - 61) && !good(NOW + 120));
        assert!(is_granted("HEAD", "H:8", "/d/a%20b%281%29", &query, NOW));
        assert!(is_granted("GET", "h:8", "/d/a%20b(1)", &format!("{query}&x=1"), NOW));
        for (method, host, path) in [
            ("POST", "h:8", "/d/a%20b(1)"),
            ("GET", "h", "/d/a%20b(1)"),
            ("GET", "h:8", "/d/a"),
            ("GET", "h:8", "/d/%ff"),
        ] {
            assert!(!is_granted(method, host, path, &query, NOW), "{method} {host} {path}");
        }
        let head = signed(SECRET, ["one", "HEAD", "h:8", "/d/a%20b(1)", PARTS[4], PARTS[5]], None);
        assert!(
            is_granted("HEAD", "h:8", "/d/a%20b(1)", &head, NOW)
                && !is_granted("GET", "h:8", "/d/a%20b(1)", &head, NOW)
        );
        let swap = |from: &str, to: &str| query.replace(from, to);
        let long = signed(SECRET, ["one", "GET", "h:8", "/d/a%20b(1)", "1790000000", "1790604801"], None);
        let other_key = signed(OTHER, PARTS, None);
        for wrong in [
            String::new(),
            other_key,
            long,
            swap("key=one", "key=two"),
            swap("key=one", "key=three"),
            swap("issued=1790000000", "issued=1790000001"),
            swap("expires=1790000060", "expires=01790000060"),
            swap("signature=", "signature=A"),
            format!("{query}="),
            format!("{query}%3D"),
            format!("{query}&key=one"),
            format!("{query}&%6Bey=one"),
            format!("{query}&download"),
            format!("{query}&download=x"),
        ] {
            assert!(!is_granted("GET", "h:8", "/d/a%20b(1)", &wrong, NOW), "{wrong}");
        }
        // The last digit of 32 bytes has two bits that mean nothing.
        let (start, last) = query.split_at(query.len() - 1);
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let next = letters.as_bytes()[letters.find(last).unwrap() + 1] as char;
        assert!(!is_granted("GET", "h:8", "/d/a%20b(1)", &format!("{start}{next}"), NOW));
    }

    #[test]
    fn the_name_of_a_download_is_signed() {
        let query = signed(SECRET, PARTS, Some("a b.bin"));
        assert!(is_granted("GET", "h:8", "/d/a%20b(1)", &query, NOW));
        assert!(!is_granted("GET", "h:8", "/d/a%20b(1)", &query.replace("a+b", "c"), NOW));
        assert_eq!(download_name(&query).as_deref(), Some("a b.bin"));
        assert_eq!(download_name("download").as_deref(), Some(""));
        assert_eq!((download_name("x"), download_name("download&download")), (None, None));
    }

    #[test]
    fn keys_are_pairs_of_an_id_and_a_long_secret() {
        assert!(UrlKeys::new("", None).unwrap().is_empty() && !keys().is_empty());
        let twice = format!("one:{SECRET} one:{OTHER}");
        for wrong in ["one", "one:short", &format!(":{SECRET}"), &format!("o ne:{SECRET}"), &twice] {
            assert!(UrlKeys::new(wrong, None).is_err(), "{wrong}");
        }
        for wrong in ["0", "x", "-1", "1.5"] {
            assert!(UrlKeys::new("", Some(wrong)).is_err(), "{wrong}");
        }
    }
}
