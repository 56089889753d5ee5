//! The cells of `npm run bench -- auto`: Chromium and the stand-in on one machine.
//!
//! They are no network. The server waits before it responds, and then the body comes as fast as two processors move it:
//! there is no slow start, a connection has less than the whole rate, and a request takes time in several processes, one
//! after the other. The constants are those of a run on two cores (`npm run bench -- auto`): the time of one request at
//! a time has the costs of the stages, and the time of the best concurrency those of the slowest stage.

use std::time::Duration;

use kelp_stream::sim::{Link, Stalls, World};

use super::{Cell, Hosts, grid};

/// What a request costs in a browser.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// How many processes it passes, and the mean time in each.
    pub stages: usize,
    pub stage: Duration,
    /// Bytes per second of a connection.
    pub per_connection: u64,
}

impl Default for Costs {
    fn default() -> Self {
        Self { stages: 4, stage: Duration::from_micros(850), per_connection: 350_000_000 }
    }
}

/// Bytes per second of all bodies together.
const BANDWIDTH: u64 = 600_000_000;

/// After this many bytes the page does other work, for so long.
const PAUSED_AFTER: u64 = 8 << 20;
const PAUSE: Duration = Duration::from_millis(10);

const CHUNKS: [(u64, u64); 2] = [(64 << 10, 16 << 20), (4 << 20, 96 << 20)];
const DELAYS: [u64; 4] = [0, 5, 20, 50];
const HOSTS: [Hosts; 3] = [Hosts::Http1(1), Hosts::Http1(4), Hosts::Http2];
const WIDTHS: [usize; 9] = [1, 2, 4, 6, 8, 12, 16, 32, 64];

impl Costs {
    /// The link of a host with chunks of this size: the delay of a cell is that of the server.
    pub fn shape(&self, link: Link, chunk: u64, world: &World) -> Link {
        world.request_time(self.stage);
        world.request_stages(self.stages);
        Link {
            server_time: link.round_trip,
            round_trip: Duration::from_micros(100),
            per_connection: self.per_connection,
            initial_window: u64::MAX,
            stalls: Some(Stalls { one_in: PAUSED_AFTER / chunk, pause: PAUSE }),
            ..link
        }
    }
}

/// Prints the cells that `is_selected` accepts.
pub fn print(is_selected: &dyn Fn(&str) -> bool) {
    for hosts in HOSTS {
        for (chunk, size) in CHUNKS {
            for delay in DELAYS {
                let round_trip = Duration::from_millis(delay);
                let browser = Some(Costs::default());
                let cell =
                    Cell { bandwidth: BANDWIDTH, round_trip, chunk, hosts, size, browser, ..Cell::default() };
                let name = format!("browser/{}/{}/{delay}ms", hosts.name(), super::bytes(chunk));
                if is_selected(&name) {
                    println!("{}", grid::row(&name, &cell, &WIDTHS));
                }
            }
        }
    }
}
