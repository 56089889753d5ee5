//! The cells of `npm run bench -- slow`: one server of three is 20 times slower than the others, from the start or from
//! the middle of the file. Each chunk has replicas on two of them, or on all three.
//!
//! A browser opens six connections to each server, so two servers may take up to half as long again as three. *Of two*
//! is the time over that of a read that knows beforehand from which time on the slow server is to be left alone.

use std::time::Duration;

use super::{Cell, Concurrency, Hosts, Lab, Outcome, browser::Costs, bytes};

/// The delay of a good server in ms, and the bytes per second of each of its responses.
const DELAY: u64 = 20;
const RATE: u64 = 25_000_000;
const SLOWER: f64 = 20.0;

/// Which server is slow: the first requests go to server 0.
const SLOW: usize = 1;

/// The bytes of a chunk, and of the file.
const CHUNKS: [(u64, u64); 3] = [(1 << 20, 48 << 20), (64 << 10, 24 << 20), (64 << 10, 192 << 20)];
const HOSTS: [Hosts; 2] = [Hosts::Replicas(3), Hosts::Copies(3)];

/// Prints the cells that `is_selected` accepts.
pub fn print(is_selected: &dyn Fn(&str) -> bool) {
    for hosts in HOSTS {
        for (chunk, size) in CHUNKS {
            let good = cell(hosts, chunk, size);
            let middle = rounds(&good)[0].time / 2;
            for (from, host, at) in
                [("start", SLOW, Duration::ZERO), ("middle", SLOW, middle), ("first", 0, Duration::ZERO)]
            {
                let name = format!("slow/{}/{}/{}/{from}", hosts.name(), bytes(chunk), bytes(size));
                if is_selected(&name) {
                    let slow = Cell { slow: Some((host, at, SLOWER)), ..good.clone() };
                    println!("{name:32} {}", row(&good, &slow, host));
                }
            }
        }
    }
}

fn cell(hosts: Hosts, chunk: u64, size: u64) -> Cell {
    let browser = Some(Costs { per_connection: RATE, ..Costs::default() });
    let round_trip = Duration::from_millis(DELAY);
    Cell { bandwidth: 600_000_000, round_trip, chunk, hosts, size, browser, ..Cell::default() }
}

/// The first stream of a pool, and another one after it.
fn rounds(cell: &Cell) -> [Outcome; 2] {
    let lab = Lab::new(cell, Concurrency::Auto);
    [lab.round(), lab.round()]
}

fn row(good: &Cell, slow: &Cell, host: usize) -> String {
    let without = Cell { absent: Some(host), ..good.clone() };
    let (good, without, measured) = (rounds(good), rounds(&without), rounds(slow));
    let is_later = slow.slow.is_some_and(|(_, at, _)| !at.is_zero());
    let shown = [0, 1].map(|round: usize| {
        let seconds = |rounds: &[Outcome; 2]| rounds[round].time.as_secs_f64();
        let (good, without, time) = (seconds(&good), seconds(&without), seconds(&measured));
        let of_two = if is_later && round == 0 { (good + without) / 2.0 } else { without };
        let it = &measured[round];
        let asked = (it.requests - slow.size / slow.chunk) * slow.chunk;
        let over = |bytes: u64| 1.0 + bytes as f64 / slow.size as f64;
        let (sent, asked) = (over(it.wasted), over(asked));
        format!("{:5.2} of good {:5.2} of two, sent {sent:.3}, asked {asked:.3}", time / good, time / of_two)
    });
    format!("first: {}; later: {}", shown[0], shown[1])
}
