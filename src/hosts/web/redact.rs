//! What a platform threw, as it may be told: some name the whole URL of a request, and its query may be
//! a token (Deno in the `cause`, Bun in `path`).

use js_sys::{Reflect, TypeError};
use wasm_bindgen::prelude::*;

/// The same, where it names no URL with a query; else an error that says as much without one.
pub(super) fn redact(thrown: JsValue) -> JsValue {
    if !names_query(&thrown, DEPTH) {
        return thrown;
    }
    let message = get(&thrown, "message").and_then(|message| message.as_string());
    TypeError::new(&without_queries(&message.unwrap_or_default())).into()
}

/// Where platforms say what went wrong.
const MESSAGE_FIELDS: [&str; 5] = ["message", "stack", "cause", "path", "url"];

/// Causes of causes are looked at as deep as this: the user's own may go round in a circle.
const DEPTH: u32 = 8;

fn names_query(value: &JsValue, depth: u32) -> bool {
    if let Some(text) = value.as_string() {
        return without_queries(&text) != text;
    }
    depth > 0
        && MESSAGE_FIELDS
            .iter()
            .any(|name| get(value, name).is_some_and(|said| names_query(&said, depth - 1)))
}

fn get(value: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(value, &name.into()).ok()
}

/// A text with the queries of all its URLs cut out.
fn without_queries(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at);
        let end = url.find(|c: char| c.is_whitespace() || "\"'<>()".contains(c)).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        out.push_str(before);
        out.push_str(url.split('?').next().unwrap_or_default());
        rest = after;
    }
    out + rest
}
