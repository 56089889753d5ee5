//! Removes secrets from errors that the platform threw. Some contain the URL of a request, whose query may be a token
//! (Deno in `cause`, Bun in `path`).

use js_sys::{Reflect, TypeError};
use wasm_bindgen::prelude::*;

/// The value itself if it contains no URL with a query; else an error with its message, without the queries.
pub(super) fn redact(thrown: JsValue) -> JsValue {
    if !contains_query(&thrown, DEPTH) {
        return thrown;
    }
    let message = get(&thrown, "message").and_then(|message| message.as_string());
    TypeError::new(&without_queries(&message.unwrap_or_default())).into()
}

/// The properties of errors that may contain URLs.
const MESSAGE_FIELDS: [&str; 5] = ["message", "stack", "cause", "path", "url"];

/// How many levels of causes are searched: those of the user's errors may form a circle.
const DEPTH: u32 = 8;

fn contains_query(value: &JsValue, depth: u32) -> bool {
    if let Some(text) = value.as_string() {
        return without_queries(&text) != text;
    }
    depth > 0
        && MESSAGE_FIELDS
            .iter()
            .any(|name| get(value, name).is_some_and(|value| contains_query(&value, depth - 1)))
}

fn get(value: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(value, &name.into()).ok()
}

/// A text without the queries of the URLs in it.
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
