//! Narrow links: what a reader waits for its first byte, and which attempts are given up.

use std::time::Duration;

use super::{Cell, Concurrency, Hosts, Lab, bytes};

const MS: Duration = Duration::from_millis(1);

/// A name, bytes per second, the round trip in ms, the bytes of a chunk, and whether chunks are delivered complete.
const CELLS: [(&str, u64, u64, u64, bool); 10] = [
    ("30KB/s", 30_000, 40, 64 << 10, false),
    ("40KB/s", 40_000, 40, 64 << 10, false),
    ("120KB/s", 120_000, 40, 64 << 10, false),
    ("120KB/s", 120_000, 300, 64 << 10, false),
    ("1Mbit/s", 125_000, 40, 1 << 20, false),
    ("1MB/s", 1_000_000, 40, 64 << 10, false),
    ("1MB/s", 1_000_000, 40, 1 << 20, true),
    ("1MB/s", 1_000_000, 40, 4 << 20, true),
    ("20Mbit/s", 2_500_000, 100, 1 << 20, true),
    ("125MB/s", 125_000_000, 20, 4 << 20, false),
];

/// Prints the cells that `is_selected` accepts.
pub fn print(is_selected: &dyn Fn(&str) -> bool) {
    for (line, bandwidth, delay, chunk, strict) in CELLS {
        for hosts in [Hosts::Http1(1), Hosts::Http2] {
            let kind = if strict { "/complete" } else { "" };
            let name = format!("narrow/{line}/{delay}ms/{}/{}{kind}", bytes(chunk), hosts.name());
            if is_selected(&name) {
                let round_trip = delay as u32 * MS;
                let size = (bandwidth * 40).min(256 << 20).next_multiple_of(chunk);
                let cell = Cell { bandwidth, round_trip, chunk, hosts, strict, size, ..Cell::default() };
                println!("{name:40} {}", row(&cell));
            }
        }
    }
}

/// A name, bytes per second, the round trip in ms, the bytes of a chunk, and whether chunks are delivered complete.
const SEEKS: [(&str, u64, u64, u64, bool); 5] = [
    ("50MB/s", 50_000_000, 20, 1 << 20, false),
    ("50MB/s", 50_000_000, 20, 1 << 20, true),
    ("12.5MB/s", 12_500_000, 20, 1 << 20, true),
    ("1MB/s", 1_000_000, 40, 1 << 20, true),
    ("1Mbit/s", 125_000, 40, 1 << 20, false),
];

/// A stream is read at full speed, and given up after four seconds for another position: its first byte and its first 256 KiB,
/// over the same in a new world.
pub fn print_seeks(is_selected: &dyn Fn(&str) -> bool) {
    for (line, bandwidth, delay, chunk, strict) in SEEKS {
        for hosts in [Hosts::Http1(1), Hosts::Http2] {
            let kind = if strict { "/complete" } else { "" };
            let name = format!("seek/{line}/{delay}ms/{}/{}{kind}", bytes(chunk), hosts.name());
            if is_selected(&name) {
                let cell = Cell {
                    bandwidth,
                    round_trip: delay as u32 * MS,
                    chunk,
                    hosts,
                    strict,
                    ..Cell::default()
                };
                println!("{name:40} {}", seek(&cell));
            }
        }
    }
}

fn seek(cell: &Cell) -> String {
    let play = |lab: &Lab| {
        let stream = lab.stream(1 << 34, 1 << 30);
        let opened = lab.world.now();
        while stream.borrow().bytes < 256 << 10 {
            lab.world.run_for(MS);
        }
        let first = stream.borrow().first_byte.unwrap_or_default() - opened;
        (first.as_secs_f64(), (lab.world.now() - opened).as_secs_f64())
    };
    let alone = play(&Lab::new(cell, Concurrency::Auto));
    let lab = Lab::new(cell, Concurrency::Auto);
    let before = lab.stream(0, 1 << 33);
    lab.world.run_for(Duration::from_secs(4));
    drop(before);
    let sought = play(&lab);
    let late = lab.world.counts().bytes_abandoned;
    format!(
        "first byte {:.3} s, over alone {:.2}; 256 KiB {:.2}; {} arrived for the old position",
        sought.0,
        sought.0 / alone.0,
        sought.1 / alone.1,
        bytes(late)
    )
}

/// The default beside one chunk at a time: the first byte, the first and second chunk, the whole, and what was requested
/// in excess.
fn row(cell: &Cell) -> String {
    let [auto, one] = [Concurrency::Auto, Concurrency::Fixed(1)].map(|concurrency| {
        let lab = Lab::new(cell, concurrency);
        let stream = lab.stream(0, cell.size);
        let mut chunks = Vec::new();
        while stream.borrow().ended.is_none() {
            lab.world.run_for(MS);
            if stream.borrow().bytes >= (chunks.len() as u64 + 1) * cell.chunk && chunks.len() < 4 {
                chunks.push(lab.world.now());
            }
        }
        let end = *stream.borrow();
        let counts = lab.world.counts();
        let excess = counts.requests - cell.size.div_ceil(cell.chunk);
        (
            end.first_byte.unwrap_or_default(),
            chunks,
            end.ended.unwrap_or_default(),
            excess,
            lab.pool.peak_bytes(),
        )
    });
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    let chunk = |at: usize| ratio(auto.1[at], one.1[at]);
    format!(
        "first byte {:.2} s, over width 1: {:.2}, chunks 1 to 3 {:.2} {:.2} {:.2}, all {:.2}; {} given up, {} held",
        auto.0.as_secs_f64(),
        ratio(auto.0, one.0),
        chunk(0),
        chunk(1),
        chunk(2),
        ratio(auto.2, one.2),
        auto.3,
        bytes(auto.4),
    )
}
