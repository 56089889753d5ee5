//! One line of JSON for each request on standard error, when its body has ended. It has no query: a signature in the log
//! would be access.

use std::time::Duration;

use serde_json::json;

use crate::{
    hosts::component::{clock, wasi},
    http::date,
};

/// Characters of a path in the log.
const LONGEST: usize = 1000;

/// What is noted of a request. Dropping it writes the line.
pub(super) struct Audit {
    pub(super) is_on: bool,
    pub(super) method: String,
    /// The path as it arrived, without the query.
    pub(super) path: String,
    /// The id of the key that signed the URL.
    pub(super) key: Option<String>,
    pub(super) status: u16,
    /// Bytes of a file that the client took.
    pub(super) bytes: u64,
    began: Duration,
    time: Duration,
}

impl Audit {
    pub(super) fn new(method: String, path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default().chars().take(LONGEST).collect();
        let (began, time) = (clock::now(), wasi::unix_time());
        Self { is_on: false, method, path, key: None, status: 0, bytes: 0, began, time }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if !self.is_on {
            return;
        }
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let time = i64::try_from(ms(self.time)).ok().and_then(date::to_rfc3339);
        let Self { method, path, key, status, bytes, began, .. } = self;
        let took = ms(clock::now().saturating_sub(*began));
        let line = json!({ "time": time, "method": method, "path": path, "key": key, "status": status, "bytes": bytes, "ms": took });
        wasi::log(format!("{line}\n"));
    }
}
