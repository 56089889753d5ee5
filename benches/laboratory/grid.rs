//! The table: one line for each network.

use std::time::Duration;

use super::{Cell, Concurrency, Hosts, Lab, Outcome, bytes};

/// The reader's link: a name, and bytes per second.
const LINKS: [(&str, u64); 3] = [("20M", 2_500_000), ("100M", 12_500_000), ("1G", 125_000_000)];
const DELAYS: [u64; 4] = [2, 20, 100, 200];
const CHUNKS: [u64; 5] = [4 << 10, 64 << 10, 1 << 20, 4 << 20, 64 << 20];
const HOSTS: [Hosts; 3] = [Hosts::Http1(1), Hosts::Http1(4), Hosts::Http2];
/// A name, the number of streams, and bytes per second that each of their readers reads.
const READERS: [(&str, usize, u64); 5] = [
    ("x1", 1, u64::MAX),
    ("x1/slow", 1, 500_000),
    ("x10", 10, u64::MAX),
    ("x10/slow", 10, 500_000),
    ("x100", 100, u64::MAX),
];
const WIDTHS: [usize; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/// All streams together take the link this many seconds, and slow readers read for as long. All streams
/// together have at least and at most this many chunks, and each stream has at least two.
const TIME: u64 = 4;
const MIN_CHUNKS: u64 = 8;
const MAX_CHUNKS: u64 = 2000;

/// Cells that would take their link more than this many seconds are omitted.
const MAX_SECONDS: u64 = 60;

/// The names of the cells of the quick table.
const QUICK: [&str; 11] = [
    "20M/20ms/64KiB/1h1/x1",
    "100M/2ms/1MiB/1h1/x1",
    "100M/20ms/64KiB/1h2/x1",
    "100M/20ms/1MiB/4h1/x1",
    "100M/100ms/4KiB/1h2/x1",
    "100M/100ms/4MiB/1h1/x1",
    "100M/20ms/1MiB/1h1/x10",
    "1G/20ms/4MiB/4h1/x1",
    "1G/100ms/1MiB/1h2/x1",
    "1G/200ms/4MiB/1h2/x1",
    "100M/20ms/1MiB/1h1/x1/slow",
];

/// Prints the cells that `is_selected` accepts.
pub fn print(quick: bool, is_selected: &dyn Fn(&str) -> bool) {
    println!(
        "best, 97%: the fastest fixed concurrency, and the smallest that is nearly as fast; time: of the fastest, in s"
    );
    println!(
        "a: time of the best fixed concurrency over that of the default, for first streams and for later ones"
    );
    println!(
        "link, top: the share of the link that the default, and the best, use then; open: requests at a time"
    );
    println!(
        "{:30} {:>5} {:>5} {:>8} {:>6} {:>6} {:>5} {:>5} {:>5} {:>8} {:>7} {:>7} {:>5}",
        "cell",
        "best",
        "97%",
        "time",
        "a:1st",
        "a:2nd",
        "link",
        "top",
        "open",
        "peak",
        "reqs",
        "waste",
        "fair"
    );
    for (name, cell) in cells() {
        if is_selected(&name) && (!quick || QUICK.contains(&name.as_str())) {
            println!("{}", row(&name, &cell, &WIDTHS));
        }
    }
}

fn cells() -> Vec<(String, Cell)> {
    let mut cells = Vec::new();
    for (link, bandwidth) in LINKS {
        for delay in DELAYS {
            for chunk in CHUNKS {
                for hosts in HOSTS {
                    for (readers, streams, pace) in READERS {
                        let name = format!("{link}/{delay}ms/{}/{}/{readers}", bytes(chunk), hosts.name());
                        let cell = cell(bandwidth, delay, chunk, hosts, streams, pace);
                        if cell.size * streams as u64 <= bandwidth * MAX_SECONDS {
                            cells.push((name, cell));
                        }
                    }
                }
            }
        }
    }
    cells
}

fn cell(bandwidth: u64, delay: u64, chunk: u64, hosts: Hosts, streams: usize, reader: u64) -> Cell {
    let each = (bandwidth / streams as u64).min(reader) * TIME;
    let chunks = |all: u64| (all / streams as u64).max(2);
    let least = if chunk > 16 << 20 { 2 } else { chunks(MIN_CHUNKS) };
    let size = chunk * (each / chunk).clamp(least, chunks(MAX_CHUNKS));
    let round_trip = Duration::from_millis(delay);
    Cell { bandwidth, round_trip, chunk, hosts, streams, size, reader, ..Cell::default() }
}

/// Reads a cell twice in one world: the second time, the pool has measured the network.
fn rounds(cell: &Cell, concurrency: Concurrency) -> [Outcome; 2] {
    let lab = Lab::new(cell, concurrency);
    [lab.round(), lab.round()]
}

/// One line of the table.
pub fn row(name: &str, cell: &Cell, limits: &[usize]) -> String {
    let auto = rounds(cell, Concurrency::Auto);
    let swept: Vec<_> =
        limits.iter().map(|limit| (*limit, rounds(cell, Concurrency::Fixed(*limit)))).collect();
    let best = |round: usize| swept.iter().map(|(_, fixed)| fixed[round].time).min().unwrap_or_default();
    let (first, second) = (best(0), best(1));
    let smallest = |least: f64| {
        let fits = |fixed: &Outcome| first.as_secs_f64() / fixed.time.as_secs_f64() >= least;
        swept.iter().find(|(_, fixed)| fits(&fixed[0])).map_or(0, |(limit, _)| *limit)
    };
    let ratio = |best: Duration, time: Duration| best.as_secs_f64() / time.as_secs_f64();
    let ideal = (cell.size * cell.streams as u64) as f64 / cell.bandwidth as f64;
    let of_link = |time: Duration| ideal / time.as_secs_f64();
    format!(
        "{name:30} {:>5} {:>5} {:>8.3} {:>6.3} {:>6.3} {:>5.2} {:>5.2} {:>5} {:>8} {:>7} {:>7} {:>5.2}",
        smallest(1.0),
        smallest(0.97),
        first.as_secs_f64(),
        ratio(first, auto[0].time),
        ratio(second, auto[1].time),
        of_link(auto[1].time),
        of_link(second),
        auto[1].most_open,
        bytes(auto[1].peak_bytes),
        auto[0].requests,
        bytes(auto[0].wasted + auto[1].wasted),
        auto[0].fairness,
    )
}
