//! Counters and plans as JavaScript objects.

use js_sys::Object;
use wasm_bindgen::JsValue;

use super::error::set;
use crate::{
    read::stats::Stats,
    schedule::plan::{Plan, Summary},
    time::Duration,
};

fn set_number(object: &Object, name: &str, value: u64) {
    set(object, name, &(value as f64).into());
}

/// The counters as `Stats`, with the number of workers that are up.
pub(super) fn stats_object(stats: &Stats, workers: f64) -> JsValue {
    let object = Object::new();
    for (name, value) in [
        ("bytesDelivered", stats.bytes_delivered),
        ("bytesReceived", stats.bytes_received),
        ("bytesAhead", stats.bytes_ahead),
        ("peakBytesAhead", stats.peak_bytes_ahead),
        ("inFlight", stats.in_flight as u64),
        ("concurrency", stats.concurrency as u64),
        ("requests", stats.requests),
        ("retries", stats.retries),
        ("failovers", stats.failovers),
        ("hedges", stats.hedges),
        ("relookups", stats.relookups),
        ("cacheHits", stats.cache_hits),
        ("holes", stats.holes),
        ("holeBytes", stats.hole_bytes),
    ] {
        set_number(&object, name, value);
    }
    set(&object, "workers", &workers.into());
    let waits = Object::new();
    let ms = |name, time: Duration| set(&waits, name, &(time.as_secs_f64() * 1000.0).into());
    ms("network", stats.waits.network);
    ms("decode", stats.waits.decode);
    ms("budget", stats.waits.budget);
    ms("reader", stats.waits.reader);
    set(&object, "waits", &waits);
    object.into()
}

/// A plan and its summary as `PlanSummary`.
pub(super) fn summary_object(plan: &Plan, summary: &Summary) -> JsValue {
    let object = Object::new();
    for (name, value) in [
        ("start", plan.range().start),
        ("end", plan.range().end),
        ("views", summary.views),
        ("gaps", summary.gaps),
        ("gapBytes", summary.gap_bytes),
        ("chunks", summary.chunks),
        ("requests", summary.requests),
        ("manifests", summary.manifests),
        ("peakBytes", summary.peak_bytes),
    ] {
        set_number(&object, name, value);
    }
    object.into()
}
