//! Readers that are not a download: one that computes, and a video player.

use std::time::Duration;

use super::{Cell, Concurrency, Hosts, Lab, bytes};

const MS: Duration = Duration::from_millis(1);

/// A name, the bytes per second of the line, the round trip in ms, and the bytes of a chunk.
const LINES: [(&str, u64, u64, u64); 5] = [
    ("1Mbit/s", 125_000, 40, 1 << 20),
    ("20Mbit/s", 2_500_000, 40, 1 << 20),
    ("20Mbit/s", 2_500_000, 100, 4 << 20),
    ("100M", 12_500_000, 20, 4 << 20),
    ("1G", 125_000_000, 5, 4 << 20),
];

/// What a player reads, one after another: bytes, and how long it pauses before the next read. Then it seeks.
const READS: [(u64, u64); 6] =
    [(64 << 10, 0), (256 << 10, 0), (1 << 20, 500), (256 << 10, 200), (64 << 10, 100), (1 << 20, 0)];

/// How often it seeks, and how far.
const SEEKS: u64 = 6;
const FAR: u64 = 700 << 20;

/// Prints the lines that `is_selected` accepts.
pub fn print(is_selected: &dyn Fn(&str) -> bool) {
    for (line, bandwidth, delay, chunk) in LINES {
        for hosts in [Hosts::Http1(1), Hosts::Http2] {
            let name = format!("{line}/{delay}ms/{}/{}", bytes(chunk), hosts.name());
            let cell = Cell { bandwidth, round_trip: delay as u32 * MS, chunk, hosts, ..Cell::default() };
            for (kind, row) in [("player", player as fn(&Cell) -> String), ("computing", computing)] {
                let name = format!("reader/{kind}/{name}");
                if is_selected(&name) {
                    println!("{name:44} {}", row(&cell));
                }
            }
        }
    }
}

/// A player reads small ranges with pauses, each as a stream of its own, and seeks: beside one request at a time.
fn player(cell: &Cell) -> String {
    let [auto, one] = [Concurrency::Auto, Concurrency::Fixed(1)].map(|concurrency| {
        let lab = Lab::new(cell, concurrency);
        let (mut firsts, mut all, mut read) = (Vec::new(), Duration::ZERO, 0);
        for seek in 0..SEEKS {
            let mut at = seek * FAR;
            for (len, pause) in READS {
                let (begun, stream) = (lab.world.now(), lab.stream(at, len));
                while stream.borrow().ended.is_none() {
                    lab.world.run_for(MS);
                }
                let it = *stream.borrow();
                firsts.push((it.first_byte.unwrap_or_default() - begun).as_secs_f64());
                all += it.ended.unwrap_or_default() - begun;
                (at, read) = (at + len, read + len);
                lab.world.run_for(pause as u32 * MS);
            }
        }
        firsts.sort_by(f64::total_cmp);
        let sent = lab.world.counts().bytes_sent as f64 / read as f64;
        (firsts[firsts.len() / 2], firsts[firsts.len() - 1], all.as_secs_f64(), sent)
    });
    format!(
        "first byte {:.0} ms, over width 1 {:.2}, the last {:.2}; reads {:.2}; sent {:.2} of what was read",
        auto.0 * 1e3,
        auto.0 / one.0,
        auto.1 / one.1,
        auto.2 / one.2,
        auto.3,
    )
}

/// A reader that takes half of the line's rate for ten seconds: how long it waits, and what is held for it.
fn computing(cell: &Cell) -> String {
    let reader = cell.bandwidth / 2;
    let cell = Cell { reader, size: (reader * 10).next_multiple_of(cell.chunk), ..cell.clone() };
    let lab = Lab::new(&cell, Concurrency::Auto);
    let stream = lab.stream(0, cell.size);
    while stream.borrow().ended.is_none() {
        lab.world.run_for(MS);
    }
    let time = stream.borrow().ended.unwrap_or_default().as_secs_f64();
    let least = cell.size as f64 / reader as f64;
    format!("time over its own {:.3}; {} held at most", time / least, bytes(lab.pool.peak_bytes()))
}
