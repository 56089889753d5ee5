//! Error responses: which status an error has, and the body that describes it (RFC 9457, problem details).
//!
//! A host that serves files over HTTP sends one of these when it cannot send the bytes of a file. The body is
//! a JSON object: `type` is always `about:blank`, `title` is the name of the status, and `code` is the code
//! of the error ([`Kind::code`]). [`Problem::new`] has no more than that. [`Problem::of`] adds the chunk and the position.
//! Clients must not learn which servers there are, so no problem has the message of an error, an address or a URL.

use serde_json::{Map, Value};

use crate::error::{Error, Kind};

/// The header fields of every problem.
pub const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/problem+json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
];

/// The status of a response when a file, or its bytes, cannot be read.
#[must_use]
pub fn status_of(kind: Kind) -> u16 {
    match kind {
        Kind::NotFound => 404,
        Kind::Unauthorized => 403,
        _ => 502,
    }
}

/// The name of an error status (RFC 9110, section 15).
#[must_use]
pub fn title(status: u16) -> &'static str {
    match status {
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        507 => "Insufficient Storage",
        _ => "Internal Server Error",
    }
}

/// A status and the JSON object that describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: u16,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem that names its code and no details.
    #[must_use]
    pub fn new(status: u16, code: &str) -> Self {
        let mut problem = Self { status, members: Map::new() };
        problem.set("type", "about:blank");
        problem.set("title", title(status));
        problem.set("status", status);
        problem.set("code", code);
        problem
    }

    /// An error with the file id of its chunk and the position, where they are known. Message and attempts stay out:
    /// which servers were asked is for the operator, not for the client.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let mut problem = Self::new(status_of(error.kind()), error.kind().code());
        let chunk = error.chunk().filter(|chunk| is_file_id(chunk));
        let what = chunk.map_or("the file".to_owned(), |chunk| format!("chunk {chunk}"));
        problem.set("detail", format!("{what} cannot be read: {}", error.kind().code()));
        problem.set("retryable", error.kind().retryable());
        if let Some(chunk) = chunk {
            problem.set("chunk", chunk);
        }
        if let Some(offset) = error.offset() {
            problem.set("offset", offset);
        }
        problem
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body of the response, of the media type `application/problem+json`.
    #[must_use]
    pub fn into_body(self) -> String {
        Value::Object(self.members).to_string()
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }
}

/// Whether a chunk is named by its file id (`3,01637037d6`); otherwise it is named by its URL.
fn is_file_id(chunk: &str) -> bool {
    let Some((volume, key)) = chunk.split_once(',') else { return false };
    let is_key = |byte: u8| byte.is_ascii_hexdigit() || byte == b'_';
    !volume.is_empty()
        && volume.bytes().all(|byte| byte.is_ascii_digit())
        && !key.is_empty()
        && key.bytes().all(is_key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(problem: Problem) -> Value {
        serde_json::from_str(&problem.into_body()).unwrap()
    }

    #[test]
    fn a_plain_problem_names_status_and_code_only() {
        let problem = Problem::new(405, "unsupported");
        assert_eq!(problem.status(), 405);
        let expected = json!({"type": "about:blank", "title": "Method Not Allowed", "status": 405, "code": "unsupported"});
        assert_eq!(body(problem), expected);
    }

    // F148
    #[test]
    fn a_problem_of_an_error_has_chunk_and_offset_and_no_server() {
        let error = Error::new(Kind::NotFound, "filer:8888 responded with 404").of_chunk("3,01").at(5);
        let expected = json!({
            "type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found", "retryable": false,
            "detail": "chunk 3,01 cannot be read: not_found", "chunk": "3,01", "offset": 5,
        });
        assert_eq!(body(Problem::of(&error)), expected);
        for chunk in ["http://h/3,01", "3", "h:80/x", "3,01/../x", ",01", "3,", "3,h"] {
            let error = Error::new(Kind::NotFound, "h:80 responded with 404").of_chunk(chunk);
            let text = Problem::of(&error).into_body();
            assert!(!text.contains("chunk") && !text.contains("h:80"), "{text}");
            assert!(text.contains("the file cannot be read: not_found"), "{text}");
        }
        let timeout = Problem::of(&Error::new(Kind::Timeout, "no response"));
        assert_eq!((timeout.status(), &body(timeout)["retryable"]), (502, &json!(true)));
    }
}
