//! How well the width that is found compares with the best one in hindsight, over many networks.
//!
//! Everything is simulated (`src/hosts/sim`), and the same in each run:
//!
//! ```text
//! cargo bench --bench lab                  # all cells
//! cargo bench --bench lab -- --quick       # a cell of each kind
//! cargo bench --bench lab -- 100ms/1MiB    # those whose names have this
//! ```
#![allow(clippy::indexing_slicing, reason = "its tables are its own")]

mod laboratory;

use std::env;

use laboratory::{grid, scenes};

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let quick = words.iter().any(|word| word == "--quick");
    let filter: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let wanted = |name: &str| filter.iter().all(|part| name.contains(part.as_str()));
    grid::print(quick, &wanted);
    scenes::print(&wanted);
}
