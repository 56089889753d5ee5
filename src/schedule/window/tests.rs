use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    error::Kind,
    model::chunk::{Chunk, Source},
    schedule::plan::{Step, View},
};

fn chunk(offset: u64, size: u64) -> Chunk {
    Chunk::plain(Source::FileId("1,0100000001".into()), offset, size)
}

fn window(sizes: &[u64], limits: Limits) -> Window<Bytes> {
    of_plan(plan(sizes), limits, false)
}

/// Adjacent chunks of these sizes; a size of 0 is a hole of 5 bytes.
fn plan(sizes: &[u64]) -> Plan {
    let mut end = 0;
    let mut chunks = Vec::new();
    for size in sizes {
        if *size > 0 {
            chunks.push(chunk(end, *size));
        }
        end += if *size > 0 { *size } else { 5 };
    }
    Plan::new(chunks.into(), 0..end)
}

fn of_plan(plan: Plan, limits: Limits, strict: bool) -> Window<Bytes> {
    Window::new(&plan, ManifestCache::default(), limits, strict)
}

fn limits(views: usize, bytes: u64) -> Limits {
    Limits { views, bytes }
}

fn start(window: &mut Window<Bytes>) -> Option<usize> {
    let Next::Start { job, cost, .. } = window.next_start() else {
        return None;
    };
    window.start(&job, cost);
    match job {
        Job::View { index, .. } => Some(index),
        Job::Manifest(_) => None,
    }
}

/// What may start: the index of a view or the id of a manifest, its cost, and whether it is the head.
fn next(window: &mut Window<Bytes>) -> (String, u64, bool) {
    match window.next_start() {
        Next::Start { job: Job::View { index, .. }, cost, head } => (index.to_string(), cost, head),
        Next::Start { job: Job::Manifest(chunk), cost, head } => (chunk.source.name().to_owned(), cost, head),
        other => (format!("{other:?}"), 0, false),
    }
}

fn whole(window: &mut Window<Bytes>, index: usize, len: usize) {
    window.push(index, vec![index as u8; len].into());
    window.finish(index, None);
}

/// What is delivered now: each view by its index, each hole as `_`, with lengths.
fn delivered(window: &mut Window<Bytes>) -> String {
    let mut all = Vec::new();
    loop {
        match window.deliver(u64::MAX) {
            Delivery::Piece { piece, index, .. } => all.push(format!("{index}:{}", piece.len())),
            Delivery::Zeros { len, .. } => all.push(format!("_{len}")),
            Delivery::Wait => return all.join(" "),
            Delivery::End => {
                return all.into_iter().chain(["end".to_owned()]).collect::<Vec<_>>().join(" ");
            }
            Delivery::Failed(error) => {
                all.push(format!("{}@{}", error.kind().code(), error.offset().unwrap()));
                return all.join(" ");
            }
        }
    }
}

#[test]
fn views_are_delivered_in_file_order() {
    let mut window = window(&[3, 3, 3], limits(3, 100));
    while start(&mut window).is_some() {}
    whole(&mut window, 2, 3);
    whole(&mut window, 1, 3);
    assert_eq!(delivered(&mut window), "");
    whole(&mut window, 0, 3);
    assert_eq!(delivered(&mut window), "0:3 1:3 2:3 end");
}

#[test]
fn the_head_is_delivered_as_it_arrives() {
    let mut window = window(&[6, 3], limits(2, 100));
    while start(&mut window).is_some() {}
    window.push(0, Bytes::from_static(b"ab"));
    window.push(1, Bytes::from_static(b"x"));
    assert_eq!(delivered(&mut window), "0:2");
    window.push(0, Bytes::from_static(b"cdef"));
    assert_eq!(delivered(&mut window), "0:4");
    window.finish(0, None);
    assert_eq!(delivered(&mut window), "1:1");
}

#[test]
fn a_strict_head_is_delivered_when_it_is_complete() {
    let plan = Plan::new([chunk(0, 6)].into(), 0..6);
    let mut window = of_plan(plan, limits(1, 100), true);
    start(&mut window);
    window.push(0, Bytes::from_static(b"abcdef"));
    assert_eq!(delivered(&mut window), "");
    window.finish(0, None);
    assert_eq!(delivered(&mut window), "0:6 end");
}

#[test]
fn complete_views_do_not_count_as_in_flight() {
    let mut window = window(&[1; 5], limits(2, 100));
    assert_eq!((start(&mut window), start(&mut window)), (Some(0), Some(1)));
    assert_eq!(window.next_start(), Next::TooManyViews);
    whole(&mut window, 1, 1);
    assert_eq!(start(&mut window), Some(2));
    assert_eq!(window.next_start(), Next::TooManyViews);
}

#[test]
fn bytes_count_from_the_start_of_a_view_to_its_delivery() {
    let mut window = window(&[4, 4, 4], limits(9, 8));
    assert_eq!((start(&mut window), start(&mut window)), (Some(0), Some(1)));
    assert_eq!((window.next_start(), window.bytes()), (Next::TooManyBytes, 8));
    whole(&mut window, 0, 4);
    assert_eq!((window.next_start(), window.bytes()), (Next::TooManyBytes, 8));
    assert_eq!(delivered(&mut window), "0:4");
    assert_eq!(window.bytes(), 4);
    assert_eq!(start(&mut window), Some(2));
}

#[test]
fn a_view_beyond_the_budget_starts_alone() {
    let mut window = window(&[50, 50], limits(9, 8));
    assert_eq!(next(&mut window), ("0".into(), 8, true));
    assert_eq!(start(&mut window), Some(0));
    assert_eq!(window.next_start(), Next::TooManyBytes);
    whole(&mut window, 0, 50);
    assert_eq!(delivered(&mut window), "0:50");
    assert_eq!(start(&mut window), Some(1));
}

#[test]
fn the_next_view_is_the_head_after_a_complete_delivery() {
    let mut window = window(&[4, 4], limits(9, 8));
    start(&mut window);
    whole(&mut window, 0, 4);
    assert!(matches!(window.deliver(u64::MAX), Delivery::Piece { .. }));
    assert_eq!(next(&mut window), ("1".into(), 4, true));
}

#[test]
fn a_view_beyond_the_budget_is_received_in_parts() {
    let mut window = window(&[50], limits(1, 8));
    start(&mut window);
    window.push(0, vec![0; 7].into());
    assert!(!window.is_full(0));
    window.push(0, vec![0; 7].into());
    assert!(window.is_full(0));
    assert_eq!(delivered(&mut window), "0:7 0:7");
    assert!(!window.is_full(0));
    assert_eq!(window.bytes(), 8);
    window.push(0, vec![0; 36].into());
    assert!(!window.is_full(0), "all bytes are held");
    window.finish(0, None);
    assert_eq!(delivered(&mut window), "0:36 end");
    assert_eq!(window.bytes(), 0);
}

#[test]
fn holes_cost_nothing_and_are_delivered_as_zeros() {
    let mut window = window(&[0, 3, 0, 2], limits(9, 5));
    assert_eq!((start(&mut window), start(&mut window)), (Some(1), Some(3)));
    assert_eq!(window.bytes(), 5);
    whole(&mut window, 3, 2);
    assert_eq!(delivered(&mut window), "_5");
    whole(&mut window, 1, 3);
    assert_eq!(delivered(&mut window), "1:3 _5 3:2 end");
}

// F84
#[test]
fn a_giant_hole_is_delivered_in_pieces_and_reported_once() {
    let plan = Plan::new(Vec::new().into(), 0..1 << 50);
    let mut window = of_plan(plan, limits(1, 1), false);
    assert_eq!(window.next_start(), Next::Nothing);
    assert!(matches!(window.deliver(u64::MAX), Delivery::Zeros { len: 65_536, gap: Some(_), .. }));
    assert!(matches!(window.deliver(u64::MAX), Delivery::Zeros { len: 65_536, gap: None, .. }));
    assert_eq!(window.position(), 131_072);
}

#[test]
fn bytes_before_a_failed_view_are_still_delivered() {
    let mut window = window(&[4, 4, 4], limits(9, 100));
    while start(&mut window).is_some() {}
    whole(&mut window, 2, 4);
    window.push(1, Bytes::from_static(b"zz"));
    window.fail(1, Error::new(Kind::Network, "x"));
    assert_eq!(window.next_start(), Next::Nothing);
    assert_eq!((window.in_flight(), window.bytes()), (1, 4));
    assert_eq!(delivered(&mut window), "");
    whole(&mut window, 0, 4);
    assert_eq!(delivered(&mut window), "0:4 network@4");
    assert_eq!(window.bytes(), 0);
}

#[test]
fn discarded_bytes_are_not_delivered() {
    let mut window = window(&[4], limits(1, 100));
    start(&mut window);
    window.push(0, Bytes::from_static(b"zz"));
    assert_eq!(window.received(0), 2);
    assert!(!window.has_delivered(0));
    window.discard(0);
    assert_eq!(window.received(0), 0);
    window.push(0, Bytes::from_static(b"z"));
    assert_eq!(delivered(&mut window), "0:1");
    assert!(window.has_delivered(0));
}

#[test]
fn a_decoded_chunk_counts_until_its_last_byte_is_delivered() {
    let mut window = window(&[10], limits(1, 100));
    start(&mut window);
    assert!(window.raise_cost(JobId::View(0), 48, 0));
    assert_eq!(window.bytes(), 48);
    window.push(0, Bytes::from_static(b"abcde"));
    window.push(0, Bytes::from_static(b"fghij"));
    window.finish(0, Some(24));
    assert_eq!(window.bytes(), 24);
    window.deliver(u64::MAX);
    assert_eq!(window.bytes(), 19);
    window.deliver(u64::MAX);
    assert_eq!(window.bytes(), 0);
}

#[test]
fn the_example_of_the_module_documentation_is_right() {
    let mut window = window(&[4, 4, 4], limits(2, 8));
    let state = |window: &Window<Bytes>| (window.in_flight(), window.bytes());
    assert_eq!(next(&mut window), ("0".into(), 4, true));
    assert_eq!((start(&mut window), start(&mut window)), (Some(0), Some(1)));
    assert_eq!((window.next_start(), state(&window)), (Next::TooManyViews, (2, 8)));
    whole(&mut window, 1, 4);
    assert_eq!((delivered(&mut window).as_str(), state(&window)), ("", (1, 8)));
    assert_eq!(window.next_start(), Next::TooManyBytes);
    window.push(0, Bytes::from_static(b"abcd"));
    assert_eq!((delivered(&mut window).as_str(), state(&window)), ("0:4", (1, 4)));
    assert_eq!((start(&mut window), state(&window)), (Some(2), (2, 8)));
    window.finish(0, None);
    assert_eq!((delivered(&mut window).as_str(), state(&window)), ("1:4", (1, 4)));
}

fn manifest(id: &str, offset: u64, size: u64) -> Chunk {
    Chunk { source: Source::FileId(id.into()), is_manifest: true, ..chunk(offset, size) }
}

fn on_manifest(window: &mut Window<Bytes>, id: &str, chunks: &[Chunk]) {
    window.on_manifest(&Source::FileId(id.into()), Ok(chunks.into()));
}

const MIB: u64 = 1 << 20;

#[test]
fn nothing_starts_behind_an_unread_manifest() {
    let plan = Plan::new([manifest("m", 0, 8), chunk(8, 4)].into(), 0..12);
    let mut window = of_plan(plan, limits(9, 4 * MIB), false);
    assert_eq!(next(&mut window), ("m".into(), MIB, true));
    start(&mut window);
    assert_eq!((window.next_start(), window.bytes(), window.in_flight()), (Next::Unread, MIB, 1));
    on_manifest(&mut window, "m", &[chunk(0, 5), chunk(6, 2)]);
    assert_eq!((window.bytes(), window.in_flight()), (0, 0));
    assert_eq!([start(&mut window), start(&mut window), start(&mut window)], [Some(0), Some(2), Some(3)]);
    [(0, 5), (2, 2), (3, 4)].into_iter().for_each(|(index, len)| whole(&mut window, index, len));
    assert_eq!(delivered(&mut window), "0:5 _1 2:2 3:4 end");
}

#[test]
fn a_manifest_near_ahead_starts_before_the_views_before_it() {
    let chunks = [chunk(0, 4), chunk(4, 4), manifest("m", 8, 8)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..16), limits(4, 4 * MIB), false);
    assert_eq!(next(&mut window), ("m".into(), MIB, false));
    start(&mut window);
    assert_eq!([start(&mut window), start(&mut window)], [Some(0), Some(1)]);
    assert_eq!(window.next_start(), Next::Unread);
}

#[test]
fn a_manifest_beyond_the_limit_on_views_waits() {
    let chunks = [chunk(0, 4), chunk(4, 4), manifest("m", 8, 8)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..16), limits(2, 4 * MIB), false);
    assert_eq!([start(&mut window), start(&mut window)], [Some(0), None]);
    assert_eq!(window.in_flight(), 2, "a view, and then the manifest");
}

#[test]
fn a_manifest_beyond_the_byte_budget_waits() {
    let far = 40 << 30;
    let chunks = [chunk(0, far), manifest("m", far, 8)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..far + 8), limits(9, 32 * MIB), false);
    assert_eq!(next(&mut window), ("0".into(), 32 * MIB, true));
    let chunks = [manifest("m", 0, far), manifest("n", far, 8)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..far + 8), limits(9, 32 * MIB), false);
    assert_eq!(start(&mut window), None);
    assert_eq!((window.next_start(), window.in_flight()), (Next::Unread, 1), "only the first is read");
}

#[test]
fn adjacent_manifests_are_read_together_within_the_budget() {
    let chunks = [manifest("m", 0, 8), manifest("n", 8, 8), manifest("o", 16, 8)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..24), limits(9, 2 * MIB), false);
    assert_eq!([start(&mut window), start(&mut window)], [None, None]);
    assert_eq!((window.next_start(), window.in_flight(), window.bytes()), (Next::Unread, 2, 2 * MIB));
}

#[test]
fn a_manifest_at_the_head_may_exceed_the_budget() {
    let mut window = of_plan(Plan::new([manifest("m", 0, 8)].into(), 0..8), limits(1, 10), false);
    assert_eq!(next(&mut window), ("m".into(), 10, true));
    start(&mut window);
    assert!(window.raise_cost(JobId::Manifest(&Source::FileId("m".into())), 50, 0));
    assert_eq!(window.bytes(), 50);
    on_manifest(&mut window, "m", &[chunk(0, 8)]);
    assert_eq!((window.bytes(), start(&mut window)), (0, Some(0)));
}

#[test]
fn one_overlapping_manifest_at_a_time_may_exceed_the_budget() {
    let plan = Plan::new([manifest("m", 0, 8), manifest("n", 0, 8)].into(), 0..8);
    let mut window = of_plan(plan, limits(4, 10), false);
    assert_eq!(next(&mut window), ("n".into(), 10, true));
    start(&mut window);
    assert!(window.raise_cost(JobId::Manifest(&Source::FileId("n".into())), 50, 0));
    assert_eq!((window.next_start(), window.bytes()), (Next::TooManyBytes, 50));
    on_manifest(&mut window, "n", &[chunk(0, 8)]);
    assert_eq!(next(&mut window), ("m".into(), 10, true));
}

// F204
#[test]
fn what_outgrows_the_budget_is_received_at_the_head() {
    let mut window = window(&[4, 4], limits(2, 10));
    assert_eq!([start(&mut window), start(&mut window)], [Some(0), Some(1)]);
    assert!(window.raise_cost(JobId::View(1), 6, 9), "there is room");
    assert!(!window.raise_cost(JobId::View(1), 7, 9));
    assert!(window.is_postponed(1));
    assert_eq!((window.bytes(), window.take_news()), (10, false));
    assert!(window.raise_cost(JobId::View(0), 20, 0), "the head may exceed the budget");
    assert_eq!(window.bytes(), 26);
    whole(&mut window, 0, 4);
    assert_eq!(delivered(&mut window), "0:4");
    assert!(window.take_news() && !window.is_postponed(1));
    assert!(window.raise_cost(JobId::View(1), 50, 0));
    assert!(!window.take_news());
}

// F204
#[test]
fn the_room_of_the_pool_counts_too() {
    let mut window = window(&[4, 4], limits(2, 100));
    assert_eq!([start(&mut window), start(&mut window)], [Some(0), Some(1)]);
    assert!(window.raise_cost(JobId::View(1), 6, 2));
    assert!(!window.raise_cost(JobId::View(1), 9, 2));
}

// F205
#[test]
fn a_manifest_that_outgrows_the_budget_is_read_at_the_head() {
    let chunks = [chunk(0, 4), manifest("m", 4, 4), manifest("n", 8, 4)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..12), limits(5, 3 * MIB), false);
    let source = |id: &str| Source::FileId(id.into());
    assert_eq!([start(&mut window), start(&mut window), start(&mut window)], [None, None, Some(0)]);
    assert_eq!(window.in_flight(), 3);
    assert!(!window.raise_cost(JobId::Manifest(&source("m")), 3 * MIB, u64::MAX));
    assert!(window.is_dropped(&source("m")) && window.take_news());
    assert_eq!((window.next_start(), window.in_flight()), (Next::TooManyBytes, 2));
    assert!(!window.raise_cost(JobId::Manifest(&source("n")), 4 * MIB, u64::MAX));
    whole(&mut window, 0, 4);
    assert_eq!(delivered(&mut window), "0:4");
    assert_eq!(next(&mut window), ("m".into(), MIB, true));
    start(&mut window);
    assert!(window.raise_cost(JobId::Manifest(&source("m")), 9 * MIB, 0));
    on_manifest(&mut window, "m", &[chunk(4, 4)]);
    assert_eq!(start(&mut window), Some(1));
    whole(&mut window, 1, 4);
    assert_eq!(delivered(&mut window), "1:4");
    assert_eq!(next(&mut window), ("n".into(), MIB, true));
}

// F205
#[test]
fn a_head_takes_the_room_of_manifests_ahead() {
    let mut chunks = vec![chunk(0, 2 * MIB)];
    chunks.extend([("m", 2 * MIB), ("n", 2 * MIB + 8)].map(|(id, at)| manifest(id, at, 8)));
    let mut window = of_plan(Plan::new(chunks.into(), 0..2 * MIB + 16), limits(9, 3 * MIB), false);
    assert_eq!(start(&mut window), None);
    assert_eq!(start(&mut window), None);
    assert_eq!((window.in_flight(), window.bytes()), (2, 2 * MIB));
    assert_eq!(start(&mut window), Some(0));
    assert_eq!((window.in_flight(), window.bytes()), (2, 3 * MIB));
    let dropped = |id: &str| window.is_dropped(&Source::FileId(id.into()));
    assert_eq!((dropped("m"), dropped("n")), (false, true));
    assert!(window.take_news());
}

#[test]
fn a_failed_manifest_is_an_error_at_its_position() {
    let chunks = [chunk(0, 4), manifest("m", 4, 8), chunk(12, 4)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..16), limits(9, 4 * MIB), false);
    start(&mut window);
    window.on_manifest(&Source::FileId("m".into()), Err(Error::new(Kind::Manifest, "x")));
    assert_eq!(start(&mut window), Some(0));
    assert_eq!(window.next_start(), Next::Nothing);
    whole(&mut window, 0, 4);
    assert_eq!(delivered(&mut window), "0:4 manifest@4");
    assert_eq!((window.bytes(), window.in_flight()), (0, 0));
}

#[test]
fn a_failed_view_drops_the_manifests_behind_it() {
    let chunks = [chunk(0, 4), manifest("m", 4, 8)];
    let mut window = of_plan(Plan::new(chunks.into(), 0..12), limits(9, 4 * MIB), false);
    start(&mut window);
    start(&mut window);
    window.fail(0, Error::new(Kind::Network, "x"));
    assert_eq!((window.bytes(), window.in_flight()), (0, 0));
    on_manifest(&mut window, "m", &[chunk(4, 8)]);
    assert_eq!((window.bytes(), window.in_flight()), (0, 0));
}

#[derive(Clone, Debug)]
enum Act {
    Start,
    Arrive(usize),
    Finish(usize),
    Deliver,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Start),
        (0..20_usize).prop_map(Act::Arrive),
        (0..20_usize).prop_map(Act::Finish),
        Just(Act::Deliver),
    ]
}

proptest! {
    /// Bytes are delivered in file order, and the limits hold, in whatever order fetches end.
    #[test]
    fn order_and_limits_hold_for_every_order_of_events(
        sizes in prop::collection::vec(0..9_u64, 1..20),
        views in 1..5_usize,
        bytes in 1..30_u64,
        acts in prop::collection::vec(act(), 0..200),
    ) {
        let plan = plan(&sizes);
        let mut window = of_plan(plan.clone(), limits(views, bytes), false);
        let largest = plan.views().map(View::len).max().unwrap_or(0);
        let mut in_flight: Vec<usize> = Vec::new();
        let mut out: Vec<(u64, Option<usize>)> = Vec::new();
        // Random acts, then everything that remains, so that every sequence ends.
        let rest = (0..1000).flat_map(|i| [Act::Start, Act::Arrive(i), Act::Finish(i), Act::Deliver]);
        for act in acts.into_iter().chain(rest) {
            match act {
                Act::Start => in_flight.extend(start(&mut window)),
                Act::Arrive(i) if !in_flight.is_empty() => {
                    let index = in_flight[i % in_flight.len()];
                    let left = view(&plan, index).len() - window.received(index);
                    if left > 0 {
                        window.push(index, vec![0; left.div_ceil(2) as usize].into());
                    }
                }
                Act::Finish(i) if !in_flight.is_empty() => {
                    let index = in_flight[i % in_flight.len()];
                    if window.received(index) == view(&plan, index).len() {
                        window.finish(index, None);
                        in_flight.retain(|other| *other != index);
                    }
                }
                Act::Deliver => match window.deliver(u64::MAX) {
                    Delivery::Piece { piece, index, .. } => out.extend(vec![(0, Some(index)); piece.len()]),
                    Delivery::Zeros { len, .. } => out.extend(vec![(0, None); len]),
                    Delivery::Wait | Delivery::End => {}
                    Delivery::Failed(error) => panic!("nothing failed: {error}"),
                },
                _ => {}
            }
            prop_assert!(window.in_flight() <= views);
            prop_assert!(window.bytes() <= bytes.max(largest), "{} bytes", window.bytes());
            prop_assert_eq!(window.position(), out.len() as u64);
        }
        let mut expected = Vec::new();
        for (index, step) in plan.steps().iter().enumerate() {
            match step {
                Step::View(view) => expected.extend(vec![(0, Some(index)); view.len() as usize]),
                Step::Gap(gap) => expected.extend(vec![(0, None); (gap.end - gap.start) as usize]),
                Step::Unread(_) => unreachable!("there are no manifests"),
            }
        }
        prop_assert_eq!(out, expected);
        prop_assert_eq!((window.bytes(), window.in_flight()), (0, 0));
        prop_assert!(matches!(window.deliver(u64::MAX), Delivery::End));
    }
}

fn view(plan: &Plan, index: usize) -> &View {
    match &plan.steps()[index] {
        Step::View(view) => view,
        _ => panic!("only views are fetched"),
    }
}
