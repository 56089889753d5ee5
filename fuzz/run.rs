//! Runs one target under libFuzzer: the target with the name of this program.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| kelp_stream::fuzz::target(env!("CARGO_BIN_NAME"))(bytes));
