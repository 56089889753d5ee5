//! What planning takes, for 10^3 to 10^6 chunks: the time for a chunk, divided by log2 n.
//!
//! ```text
//! cargo bench --bench plan                 # all shapes
//! cargo bench --bench plan -- manifests    # the shapes whose names contain this
//! ```
//!
//! O(n log n) is a line whose figures do not grow. They grow a little where a million chunks do not fit into the
//! caches of the processor any more. The last column is the longest call, which must not block a page.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use kelp_stream::{
    model::chunk::{Chunk, Source},
    schedule::plan::{ManifestCache, Plan, PlanCursor, Upcoming},
};

/// How many chunks the manifests of the shapes list.
const LISTED: u64 = 100;

type Shape = fn(u64, u64) -> Chunk;

fn main() {
    let filter: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let shapes: [(&str, Shape); 7] = [
        ("adjacent", |_, i| chunk(4 * i, 4, i)),
        ("in reverse order", |n, i| chunk(4 * (n - 1 - i), 4, i)),
        ("nested, the innermost newest", |n, i| chunk(i, 4 * n - 2 * i, i)),
        ("nested, the outermost newest", |n, i| chunk(i, 4 * n - 2 * i, n - i)),
        ("stairs", |n, i| chunk(i, n, i * 7919 % n)),
        ("adjacent manifests", |n, i| manifest(i, 4 * LISTED * i.min(n), 4 * LISTED)),
        ("manifests over one another", |n, i| manifest(i, 4 * i, 4 * LISTED * 8.min(n))),
    ];
    println!(
        "{:32}{:>10}{:>10}{:>10}{:>10}  longest call",
        "ns / (n log2 n)", "10^3", "10^4", "10^5", "10^6"
    );
    for (name, shape) in shapes {
        if !filter.iter().all(|part| name.contains(part.as_str())) {
            continue;
        }
        let mut line = format!("{name:32}");
        let mut longest = Duration::ZERO;
        for n in [1_000, 10_000, 100_000, 1_000_000_u64] {
            let places = if name.contains("manifests") { n / LISTED } else { n };
            let chunks: Arc<[Chunk]> = (0..places).map(|i| shape(places, i)).collect();
            // The best of three, because other programs interrupt this one.
            let runs: Vec<(Duration, Duration)> = (0..3).map(|_| timed_walk(&chunks)).collect();
            let best =
                |of: fn(&(Duration, Duration)) -> Duration| runs.iter().map(of).min().unwrap_or_default();
            longest = longest.max(best(|run| run.1));
            let log = f64::from((n as u32).ilog2());
            line += &format!("{:10.1}", best(|run| run.0).as_nanos() as f64 / n as f64 / log);
        }
        println!("{line}  {:.1} ms", longest.as_secs_f64() * 1e3);
    }
}

fn timed_walk(chunks: &Arc<[Chunk]>) -> (Duration, Duration) {
    let begun = Instant::now();
    let longest = walk(Arc::clone(chunks));
    (begun.elapsed(), longest)
}

/// Walks to the end; returns how long the longest call took.
fn walk(chunks: Arc<[Chunk]>) -> Duration {
    let end = chunks.iter().map(Chunk::end).max().unwrap_or(0);
    let mut cursor = PlanCursor::new(&Plan::new(chunks, 0..end), ManifestCache::default());
    let mut longest = Duration::ZERO;
    loop {
        let begun = Instant::now();
        let upcoming = cursor.peek();
        longest = longest.max(begun.elapsed());
        match upcoming {
            Upcoming::View(..) | Upcoming::Gap(_) => cursor.advance(),
            Upcoming::Busy => {}
            Upcoming::Unread => {
                let begun = Instant::now();
                let next = cursor.next_manifest(16, u64::MAX);
                longest = longest.max(begun.elapsed());
                let (next, _) = next.expect("it names what it waits for");
                cursor.mark_requested(&next);
                let listed = (0..LISTED).map(|i| chunk(next.offset + 4 * i, next.size - 4 * i, i)).collect();
                cursor.on_manifest(&next.source, Ok(listed));
            }
            Upcoming::Failed(error) => unreachable!("{error}"),
            Upcoming::End => return longest,
        }
    }
}

fn chunk(offset: u64, size: u64, version: u64) -> Chunk {
    let modified = i64::try_from(version).unwrap_or_default();
    Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size.max(1)) }
}

fn manifest(number: u64, offset: u64, size: u64) -> Chunk {
    let source = Source::FileId(format!("1,{number:08x}00000000").into());
    Chunk { source, is_manifest: true, ..chunk(offset, size, 0) }
}
