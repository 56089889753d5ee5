//! What holds whatever file, network, reader and options: properties over random ones.
//!
//! `KELP_RUNS` says how many runs there are in all, `KELP_SEED` where chance begins.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may say what it expects"
)]

mod change;
mod check;
mod course;
mod file;
mod list;
mod network;
#[path = "../support/mod.rs"]
mod support;

use kelp_stream::{Plan, formats::seaweedfs::chunk_manifest::parse_manifest};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, RngSeed},
};

use self::{
    course::{Course, Outcome},
    support::protobuf,
};

/// So many hundredths of all runs.
fn share(hundredths: u32) -> ProptestConfig {
    let number =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("it is a number"));
    let (runs, seed) = (number("KELP_RUNS").unwrap_or(10_000), number("KELP_SEED").unwrap_or(1));
    eprintln!("KELP_RUNS={runs} KELP_SEED={seed} repeats this");
    ProptestConfig {
        cases: (runs * u64::from(hundredths) / 100) as u32,
        rng_seed: RngSeed::Fixed(seed),
        // Half of the time went into random numbers that no attacker could guess.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

/// Runs a course and checks all that must hold of it.
fn checked(course: &Course) -> Result<Outcome, TestCaseError> {
    let outcome = course.run().ok_or_else(|| TestCaseError::fail("I4: it hangs"))?;
    check::all(course, &outcome)?;
    Ok(outcome)
}

proptest! {
    #![proptest_config(share(50))]

    /// I1 to I18, I22, I23 and I26.
    #[test]
    fn every_course_delivers_the_file_or_says_why_not(course in course::course(1..2)) {
        checked(&course)?;
    }
}

proptest! {
    #![proptest_config(share(15))]

    /// I29, and all of the above of each.
    #[test]
    fn readers_of_one_pool_do_not_change_what_another_reads(course in course::course(2..4)) {
        checked(&course)?;
    }

    /// I19, I20 and I21: neither options nor network nor the way in which it is stored change a
    /// file, and a range of it is a cut of all of it.
    #[test]
    fn storage_and_options_do_not_change_the_bytes(
        mut course in course::course(1..2),
        mut other in course::course(1..2),
        changes in change::changes(),
    ) {
        other.nodes = course.nodes.clone();
        changes.iter().for_each(|change| change.apply(&mut other.nodes));
        for course in [&mut course, &mut other] {
            course.is_to_succeed();
        }
        other.habits[0].part = None;
        let (part, all) = (checked(&course)?, checked(&other)?);
        prop_assert_eq!(all.file.end(), part.file.end(), "I21: the file has another length");
        let (part, all) = (&part.readings[0], &all.readings[0]);
        let within = |at: u64| all.bytes.get(at as usize).copied().unwrap_or(0);
        let cut: Vec<u8> = part.range.clone().map(within).collect();
        prop_assert!(part.bytes == cut, "I19, I20, I21: other bytes in {:?}", part.range);
    }
}

proptest! {
    #![proptest_config(share(10))]

    /// I25, and what is unknown is skipped.
    #[test]
    fn a_chunk_manifest_reads_as_it_was_written(
        chunks in prop::collection::vec(list::listed(), 1..6),
        forms in any::<u8>(),
    ) {
        let read = parse_manifest(&protobuf::manifest(&chunks, forms), list::span(&chunks));
        prop_assert_eq!(read.as_deref(), Ok(&chunks[..]));
    }
}

proptest! {
    #![proptest_config(share(5))]

    /// I24: a plan of any numbers is walked to its end, or to an error.
    #[test]
    fn no_numbers_in_chunk_manifests_break_a_plan(
        chunks in list::any_chunks(6),
        lists in prop::collection::vec(list::any_chunks(4), 1..4),
        start in prop_oneof![0..100_u64, any::<u64>()],
        end in prop_oneof![0..300_u64, any::<u64>()],
    ) {
        let plan = Plan::new(chunks.into(), start..end);
        let planned = u128::from(plan.len());
        let (walked, ended) = list::walk(plan, &lists);
        prop_assert!(if ended { walked == planned } else { walked < planned }, "{walked} of {planned} bytes");
    }

    /// I30: however many read one after the other, nothing of them stays.
    #[test]
    fn readers_one_after_another_leave_nothing_behind(course in course::course(1..3)) {
        let mut outcome = checked(&course)?;
        let ranges: Vec<_> = outcome.readings.iter().map(|reading| reading.range.clone()).collect();
        for _ in 0..3 {
            let again = course.read(&outcome.world, &outcome.file, &ranges, &outcome.pool);
            outcome.readings = again.ok_or_else(|| TestCaseError::fail("I4: it hangs"))?;
            check::nothing_is_left(&outcome)?;
        }
    }
}
