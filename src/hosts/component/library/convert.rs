//! The core's errors, counters and plans as the records of `wit/types.wit`.

use std::time::Duration;

use crate::{
    error::Error,
    hosts::component::bindings::exports::kelp::stream::types::{self as wit, ErrorCode},
    read::stats::Stats,
    schedule::plan::{Plan, Summary},
};

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        let attempts = error.attempts().iter().map(|attempt| wit::Attempt {
            host: attempt.host.clone(),
            status: attempt.status,
            reason: code(attempt.reason),
        });
        Self {
            code: code(error.kind().code()),
            message: error.to_string(),
            retryable: error.kind().retryable(),
            chunk: error.chunk().map(str::to_owned),
            offset: error.offset(),
            attempts: attempts.collect(),
        }
    }
}

/// The error code with this name in the core.
fn code(code: &str) -> ErrorCode {
    match code {
        "closed" => ErrorCode::Closed,
        "corrupt" => ErrorCode::Corrupt,
        "hole" => ErrorCode::Hole,
        "http" => ErrorCode::Http,
        "limit" => ErrorCode::Limit,
        "long_body" => ErrorCode::LongBody,
        "manifest" => ErrorCode::Manifest,
        "network" => ErrorCode::Network,
        "no_locations" => ErrorCode::NoLocations,
        "not_found" => ErrorCode::NotFound,
        "range" => ErrorCode::Range,
        "short_body" => ErrorCode::ShortBody,
        "source_changed" => ErrorCode::SourceChanged,
        "timeout" => ErrorCode::Timeout,
        "unauthorized" => ErrorCode::Unauthorized,
        "unsupported" => ErrorCode::Unsupported,
        _ => ErrorCode::Internal,
    }
}

/// The record of a plan and its summary.
pub(super) fn plan_summary(plan: &Plan, summary: &Summary) -> wit::PlanSummary {
    wit::PlanSummary {
        range: wit::Span { start: plan.range().start, end: plan.range().end },
        views: summary.views,
        gaps: summary.gaps,
        gap_bytes: summary.gap_bytes,
        chunks: summary.chunks,
        requests: summary.requests,
        manifests: summary.manifests,
        peak_bytes: summary.peak_bytes,
    }
}

/// The record of the counters.
pub(super) fn stats(stats: &Stats) -> wit::Stats {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    wit::Stats {
        bytes_delivered: stats.bytes_delivered,
        bytes_received: stats.bytes_received,
        bytes_ahead: stats.bytes_ahead,
        peak_bytes_ahead: stats.peak_bytes_ahead,
        in_flight: count(stats.in_flight),
        concurrency: count(stats.concurrency),
        requests: stats.requests,
        retries: stats.retries,
        failovers: stats.failovers,
        hedges: stats.hedges,
        relookups: stats.relookups,
        cache_hits: stats.cache_hits,
        holes: stats.holes,
        hole_bytes: stats.hole_bytes,
        waits: wit::Waits {
            network: ms(stats.waits.network),
            decode: ms(stats.waits.decode),
            budget: ms(stats.waits.budget),
            reader: ms(stats.waits.reader),
        },
    }
}
