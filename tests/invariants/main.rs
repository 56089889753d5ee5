//! Properties that hold for every file, network, reader and set of options, checked with random ones.
//!
//! A scenario ([`scenario`]) is a file, a network, and readers with their options. A run reads the file in
//! the simulation, and the checks ([`check`]) compare the outcome with a simple model. The numbers of the
//! properties are those of the table in `CONTRIBUTING.md`. A scenario is a value that proptest can shrink, so
//! a failure is reported as the smallest scenario that still fails.
//!
//! `KELP_RUNS` is the number of runs in all, and `KELP_SEED` the seed of the random numbers.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may say what it expects"
)]

mod change;
mod check;
mod file;
mod manifest;
mod network;
mod scenario;
#[path = "../support/mod.rs"]
mod support;

use kelp_stream::{Plan, formats::seaweedfs::chunk_manifest::parse_manifest};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, RngSeed},
};

use self::{
    scenario::{Outcome, Scenario},
    support::protobuf,
};

/// The configuration of a property that gets this percentage of all runs.
fn percent(of_runs: u32) -> ProptestConfig {
    let number =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("it is a number"));
    let (runs, seed) = (number("KELP_RUNS").unwrap_or(10_000), number("KELP_SEED").unwrap_or(1));
    eprintln!("KELP_RUNS={runs} KELP_SEED={seed} repeats this");
    ProptestConfig {
        cases: (runs * u64::from(of_runs) / 100) as u32,
        rng_seed: RngSeed::Fixed(seed),
        // The default algorithm is cryptographically secure, and took half of the time.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

/// Runs a scenario and checks all properties of its outcome.
fn run_and_check(scenario: &Scenario) -> Result<Outcome, TestCaseError> {
    let outcome = scenario.run().ok_or_else(|| TestCaseError::fail("I4: it hangs"))?;
    check::all(scenario, &outcome)?;
    Ok(outcome)
}

proptest! {
    #![proptest_config(percent(50))]

    /// I1 to I18, I22, I23 and I26.
    #[test]
    fn every_run_delivers_the_file_or_a_justified_error(scenario in scenario::scenario(1..2)) {
        run_and_check(&scenario)?;
    }
}

proptest! {
    #![proptest_config(percent(15))]

    /// I29, and all of the above for each reader.
    #[test]
    fn readers_of_one_pool_do_not_affect_each_other(scenario in scenario::scenario(2..4)) {
        run_and_check(&scenario)?;
    }

    /// I19, I20 and I21: options, network and storage do not change the bytes of a file, and a range of a
    /// file is a part of the whole file.
    #[test]
    fn storage_network_and_options_do_not_change_the_bytes(
        mut scenario in scenario::scenario(1..2),
        mut other in scenario::scenario(1..2),
        changes in change::changes(),
    ) {
        other.nodes = scenario.nodes.clone();
        changes.iter().for_each(|change| change.apply(&mut other.nodes));
        for scenario in [&mut scenario, &mut other] {
            scenario.make_readable();
        }
        other.behaviors[0].part = None;
        let (part, all) = (run_and_check(&scenario)?, run_and_check(&other)?);
        prop_assert_eq!(all.file.end(), part.file.end(), "I21: the files differ in length");
        let (part, all) = (&part.readings[0], &all.readings[0]);
        let within = |at: u64| all.bytes.get(at as usize).copied().unwrap_or(0);
        let cut: Vec<u8> = part.range.clone().map(within).collect();
        prop_assert!(part.bytes == cut, "I19, I20, I21: the bytes of {:?} differ", part.range);
    }
}

proptest! {
    #![proptest_config(percent(10))]

    /// I25: manifests are read as they were written, and unknown fields are skipped.
    #[test]
    fn a_chunk_manifest_reads_as_it_was_written(
        chunks in prop::collection::vec(manifest::listed(), 1..6),
        forms in any::<u8>(),
    ) {
        let read = parse_manifest(&protobuf::manifest(&chunks, forms), manifest::span(&chunks));
        prop_assert_eq!(read.as_deref(), Ok(&chunks[..]));
    }
}

proptest! {
    #![proptest_config(percent(5))]

    /// I24: a cursor reaches the end of a plan of any numbers, or an error.
    #[test]
    fn no_numbers_in_chunk_manifests_break_a_plan(
        chunks in manifest::any_chunks(6),
        lists in prop::collection::vec(manifest::any_chunks(4), 1..4),
        start in prop_oneof![0..100_u64, any::<u64>()],
        end in prop_oneof![0..300_u64, any::<u64>()],
    ) {
        let plan = Plan::new(chunks.into(), start..end);
        let planned = u128::from(plan.len());
        let (walked, ended) = manifest::walk(plan, &lists);
        prop_assert!(if ended { walked == planned } else { walked < planned }, "{walked} of {planned} bytes");
    }

    /// I30: readers that follow one another leave nothing behind.
    #[test]
    fn successive_readers_leave_nothing_behind(scenario in scenario::scenario(1..3)) {
        let mut outcome = run_and_check(&scenario)?;
        let ranges: Vec<_> = outcome.readings.iter().map(|reading| reading.range.clone()).collect();
        for _ in 0..3 {
            let again = scenario.read(&outcome.world, &outcome.file, &ranges, &outcome.pool);
            outcome.readings = again.ok_or_else(|| TestCaseError::fail("I4: it hangs"))?;
            check::nothing_is_left(&outcome)?;
        }
    }
}
