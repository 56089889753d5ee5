//! Compares automatic concurrency with the best fixed concurrency in hindsight, over many simulated networks.
//!
//! The simulation (`src/hosts/sim`) is deterministic, so every run prints the same:
//!
//! ```text
//! cargo bench --bench lab                  # all cells
//! cargo bench --bench lab -- --quick       # one cell of each kind
//! cargo bench --bench lab -- 100ms/1MiB    # the cells whose names contain this
//! ```
#![allow(clippy::indexing_slicing, reason = "its tables have known sizes")]

mod laboratory;

use std::env;

use laboratory::{browser, grid, narrow, readers, scenes, slow};

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let quick = words.iter().any(|word| word == "--quick");
    let filter: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let is_selected = |name: &str| filter.iter().all(|part| name.contains(part.as_str()));
    grid::print(quick, &is_selected);
    browser::print(&is_selected);
    narrow::print(&is_selected);
    narrow::print_seeks(&is_selected);
    scenes::print(&is_selected);
    slow::print(&is_selected);
    readers::print(&is_selected);
}
