//! Scenes: situations that one line of the table cannot show.

use std::time::{Duration, Instant};

use kelp_stream::schedule::pool::PoolLimits;

use super::{Cell, Concurrency, Hosts, Lab, Progress, Watched, bytes, grid};

const MS: Duration = Duration::from_millis(1);

/// Further lines of the table, outside of the grid.
fn cells() -> Vec<(&'static str, Cell, Vec<usize>)> {
    let replicas = Cell { hosts: Hosts::Replicas(3), size: 128 << 20, ..Cell::default() };
    // One connection fills the link, and takes twenty times as long when it is slow.
    let replicas = Cell { per_connection: replicas.bandwidth, ..replicas };
    let limits = vec![1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
    // The bandwidth-delay product is 250 MB. 10 GB take 8 s.
    let far = Cell {
        bandwidth: 1_250_000_000,
        round_trip: 200 * MS,
        chunk: 4 << 20,
        hosts: Hosts::Http2,
        size: 10 << 30,
        max_bytes_ahead: 1 << 30,
        pool: PoolLimits { max_bytes: 1 << 30, max_concurrency: 512, ..PoolLimits::default() },
        ..Cell::default()
    };
    vec![
        ("scene/far 10G/200ms 1GiB 512", far, vec![16, 32, 64, 96, 128]),
        (
            "scene/slow replica: start",
            Cell { slow: Some((0, Duration::ZERO, 20.0)), ..replicas.clone() },
            limits.clone(),
        ),
        (
            "scene/slow replica: mid",
            Cell { slow: Some((0, 4000 * MS, 20.0)), ..replicas.clone() },
            limits.clone(),
        ),
        ("scene/slow replica: none", replicas, limits),
    ]
}

/// Prints the scenes that `is_selected` accepts.
pub fn print(is_selected: &dyn Fn(&str) -> bool) {
    for (name, cell, limits) in cells() {
        if is_selected(name) {
            println!("{}", grid::row(name, &cell, &limits));
        }
    }
    for (name, scene) in [
        ("scene/ten equal streams", equals as fn() -> String),
        ("scene/newcomer", newcomer),
        ("scene/seek", seek),
        ("scene/slow reader", slow_reader),
        ("scene/million chunks", million),
    ] {
        if is_selected(name) {
            println!("{name:30} {}", scene());
        }
    }
}

fn equals() -> String {
    let outcome =
        Lab::new(&Cell { streams: 10, size: 64 << 20, ..Cell::default() }, Concurrency::Auto).round();
    format!("least over most {:.2} when the first ends", outcome.fairness)
}

/// Another stream is opened after ten streams have been read for two seconds.
fn newcomer() -> String {
    let cell = Cell { size: 1 << 30, ..Cell::default() };
    let alone = after(&Lab::new(&cell, Concurrency::Auto), 0);
    let lab = Lab::new(&cell, Concurrency::Auto);
    let others: Vec<Watched> = (0..10).map(|_| lab.stream(0, cell.size)).collect();
    lab.world.run_for(Duration::from_secs(2));
    let among = after(&lab, 0);
    drop(others);
    compared(among, alone)
}

/// A video is read for two seconds, and then from another position.
fn seek() -> String {
    let cell = Cell { size: 1 << 30, reader: 1_000_000, ..Cell::default() };
    let lab = Lab::new(&cell, Concurrency::Auto);
    let video = lab.stream(0, cell.size);
    lab.world.run_for(Duration::from_secs(2));
    let before = lab.world.counts().bytes_sent - video.borrow().bytes;
    drop(video);
    let sought = after(&lab, 700 << 20);
    let alone = after(&Lab::new(&cell, Concurrency::Auto), 700 << 20);
    let abandoned = lab.world.counts().bytes_abandoned;
    format!(
        "{}; {} were read ahead, {} arrived later",
        compared(sought, alone),
        bytes(before),
        bytes(abandoned)
    )
}

/// Opens a stream and reads it until its first MiB is delivered.
fn after(lab: &Lab, start: u64) -> Progress {
    let stream = lab.stream(start, 256 << 20);
    while stream.borrow().first_mib.is_none() {
        lab.world.run_for(MS);
    }
    *stream.borrow()
}

fn compared(it: Progress, alone: Progress) -> String {
    let time = |it: &Progress, at: Option<Duration>| (at.unwrap_or_default() - it.opened).as_secs_f64() * 1e3;
    format!(
        "first byte {:.0} ms, alone {:.0} ms; first MiB {:.0} ms, alone {:.0} ms",
        time(&it, it.first_byte),
        time(&alone, alone.first_byte),
        time(&it, it.first_mib),
        time(&alone, alone.first_mib),
    )
}

fn slow_reader() -> String {
    let cell = Cell { bandwidth: 125_000_000, reader: 1_000_000, size: 1 << 30, ..Cell::default() };
    let lab = Lab::new(&cell, Concurrency::Auto);
    let stream = lab.stream(0, cell.size);
    lab.world.run_for(Duration::from_secs(20));
    let (read, sent) = (stream.borrow().bytes, lab.world.counts().bytes_sent);
    format!("{} read, {} sent, {} held at most", bytes(read), bytes(sent), bytes(lab.pool.peak_bytes()))
}

fn million() -> String {
    let cell = Cell {
        bandwidth: 125_000_000,
        chunk: 4096,
        size: 4_096_000_000,
        hosts: Hosts::Http2,
        ..Cell::default()
    };
    let begun = Instant::now();
    let outcome = Lab::new(&cell, Concurrency::Auto).round();
    format!(
        "{} requests, {:.0} s simulated in {:.1} s, {} held at most",
        outcome.requests,
        outcome.time.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        bytes(outcome.peak_bytes),
    )
}
