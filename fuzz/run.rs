//! One target under libFuzzer: the one that has this program's name.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| kelp_stream::fuzz::target(env!("CARGO_BIN_NAME"))(bytes));
