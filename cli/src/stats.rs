//! The statistics as a line of JSON.

use std::{io::Write, time::Duration};

use kelp_stream::read::stats::Stats;
use serde_json::json;

pub(crate) fn print(stats: &Stats, size: u64, resumed_at: u64, time: Duration) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let line = json!({
        "size": size,
        "resumedAt": resumed_at,
        "ms": ms(time),
        "bytesDelivered": stats.bytes_delivered,
        "bytesReceived": stats.bytes_received,
        "peakBytesAhead": stats.peak_bytes_ahead,
        "concurrency": stats.concurrency,
        "requests": stats.requests,
        "retries": stats.retries,
        "failovers": stats.failovers,
        "hedges": stats.hedges,
        "relookups": stats.relookups,
        "holes": stats.holes,
        "holeBytes": stats.hole_bytes,
        "waits": {
            "network": ms(stats.waits.network),
            "decode": ms(stats.waits.decode),
            "budget": ms(stats.waits.budget),
            "reader": ms(stats.waits.reader),
        },
    });
    let _ = writeln!(std::io::stderr(), "{line}");
}
