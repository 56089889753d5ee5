//! Tests of the walk along a plan and its chunk manifests.

use std::cell::Cell;

use super::{super::listing::COMPARISONS, *};

fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
    Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size) }
}

/// A manifest with the id `name`.
fn manifest(name: &str, offset: u64, end: u64) -> Chunk {
    let source = Source::FileId(name.into());
    Chunk { source, is_manifest: true, ..chunk(offset, end - offset, 0) }
}

/// What a cursor returns along a plan, if each manifest has the chunks that `lists` names.
fn walk(plan: Plan, lists: &[(&str, &[Chunk])]) -> String {
    let mut cursor = PlanCursor::new(&plan, ManifestCache::default());
    let mut drawing = Vec::new();
    loop {
        match cursor.peek() {
            Upcoming::View(view, chunk) => {
                drawing.push(format!("{}@{}+{}", chunk.modified, view.within.start, view.len()));
            }
            Upcoming::Gap(len) => drawing.push(format!("_{len}")),
            Upcoming::Unread => {
                let Some((manifest, true)) = cursor.next_manifest(1, u64::MAX) else {
                    return drawing.join(" ") + " ?";
                };
                cursor.mark_requested(&manifest);
                let name = manifest.source.name();
                if let Some((_, list)) = lists.iter().find(|(known, _)| *known == name) {
                    cursor.on_manifest(&manifest.source, Ok((*list).into()));
                }
                drawing.push(name.to_owned());
                continue;
            }
            Upcoming::Failed(error) => {
                drawing.push(error.kind().code().into());
                return drawing.join(" ");
            }
            Upcoming::Busy => continue,
            Upcoming::End => return drawing.join(" "),
        }
        cursor.advance();
    }
}

#[test]
fn listed_chunks_compete_by_their_own_versions() {
    let list = [chunk(0, 6, 2), manifest("m", 3, 9)];
    let listed = [chunk(3, 2, 3), chunk(5, 4, 1)];
    assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "2@0+3 m 3@0+2 2@5+1 1@1+3");
}

// F88
#[test]
fn listed_chunks_are_clipped_to_the_span_of_their_manifest() {
    let list = [manifest("m", 3, 6), chunk(6, 3, 1)];
    let listed = [chunk(0, 9, 5)];
    assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "_3 m 5@3+3 1@0+3");
}

#[test]
fn listed_chunks_take_the_place_of_their_manifest_in_the_list() {
    let listed = [chunk(0, 9, 1)];
    let first = [manifest("m", 0, 9), Chunk { size: 4, ..chunk(2, 4, 1) }];
    assert_eq!(walk(Plan::new(first.into(), 0..9), &[("m", &listed)]), "m 1@0+2 1@0+4 1@6+3");
    let last = [chunk(2, 4, 1), manifest("m", 0, 9)];
    assert_eq!(walk(Plan::new(last.into(), 0..9), &[("m", &listed)]), "m 1@0+9");
}

#[test]
fn manifests_may_be_nested() {
    let list = [manifest("a", 0, 9)];
    let (a, b) = ([chunk(0, 2, 1), manifest("b", 2, 9)], [chunk(2, 3, 2), chunk(6, 3, 3)]);
    let lists: [(&str, &[Chunk]); 2] = [("a", &a), ("b", &b)];
    assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &lists), "a 1@0+2 b 2@0+3 _1 3@0+3");
    assert_eq!(walk(Plan::new(list.into(), 1..2), &lists), "a 1@1+1", "only what the range needs");
}

// F85
#[test]
fn a_manifest_that_contains_itself_is_an_error() {
    let list = [manifest("a", 0, 9)];
    let (a, b) = ([manifest("b", 0, 9)], [manifest("a", 0, 9)]);
    assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &[("a", &list)]), "a manifest");
    assert_eq!(walk(Plan::new(list.into(), 0..9), &[("a", &a), ("b", &b)]), "a b manifest");
}

// F85
#[test]
fn manifests_may_be_nested_eight_deep() {
    let names: Vec<String> = (0..10).map(|i| i.to_string()).collect();
    let inner: Vec<[Chunk; 1]> = (1..10).map(|i| [manifest(&names[i], 0, 9)]).collect();
    let mut lists: Vec<(&str, &[Chunk])> = Vec::new();
    for (name, list) in names.iter().zip(&inner) {
        lists.push((name, list));
    }
    let list: Arc<[Chunk]> = [manifest("0", 0, 9)].into();
    assert_eq!(walk(Plan::new(list.clone(), 0..9), &lists), "0 1 2 3 4 5 6 7 manifest");
    let last = [chunk(0, 9, 7)];
    lists[7] = ("7", &last);
    assert_eq!(walk(Plan::new(list, 0..9), &lists), "0 1 2 3 4 5 6 7 7@0+9");
}

// F85
#[test]
fn manifests_that_list_too_much_are_an_error() {
    let many: Vec<Chunk> = (0..1024).map(|id| manifest(&id.to_string(), 0, 9)).collect();
    let chunks: Vec<Chunk> = (0..2048).map(|version| chunk(0, 9, -version)).collect();
    let lists: Vec<(&str, &[Chunk])> =
        many.iter().map(|manifest| (manifest.source.name(), &chunks[..])).collect();
    let drawing = walk(Plan::new(many.clone().into(), 0..9), &lists);
    assert!(drawing.ends_with(" limit"), "{drawing}");
    let many: Vec<Chunk> = (0..5000).map(|id| manifest(&id.to_string(), 0, 9)).collect();
    assert_eq!(walk(Plan::new(many.into(), 0..9), &[]), "limit");
}

// F121
#[test]
fn a_manifest_that_is_listed_again_adds_nothing() {
    let names: Vec<String> = (0..7).map(|i| i.to_string()).collect();
    let mut inner: Vec<Vec<Chunk>> = (1..7).map(|i| vec![manifest(&names[i], 0, 9); 10]).collect();
    inner.push(vec![chunk(0, 9, 1)]);
    let lists: Vec<(&str, &[Chunk])> =
        names.iter().map(String::as_str).zip(inner.iter().map(|list| &list[..])).collect();
    let list = vec![manifest("0", 0, 9); 10];
    COMPARISONS.with(|count| count.set(0));
    assert_eq!(walk(Plan::new(list.into(), 0..9), &lists), "0 1 2 3 4 5 6 1@0+9");
    assert!(COMPARISONS.with(Cell::get) < 2000, "{}", COMPARISONS.with(Cell::get));
}

// F121
#[test]
fn a_manifest_is_listed_at_several_places() {
    let list = [manifest("m", 0, 4), chunk(4, 2, 1), manifest("m", 6, 9), manifest("m", 2, 5)];
    let listed = [chunk(0, 3, 2), chunk(3, 6, 3)];
    let expected = "m 2@0+2 2@2+1 3@0+2 1@1+1 3@3+3";
    // From position 2 on the last one counts, so a new view begins there.
    assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), expected);
}

// F121
#[test]
fn of_two_places_of_a_manifest_the_later_one_counts() {
    let (older, newer) = (chunk(0, 9, 1), Chunk { size: 5, ..chunk(0, 5, 1) });
    let list = [manifest("m", 0, 9), older, manifest("m", 3, 6)];
    assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &[newer])]), "m 1@0+3 1@3+2 1@5+4");
}

// F121: what is known of a manifest that a million places list is found without a search.
#[test]
fn many_manifests_cost_no_more_than_n_log_n() {
    let cost = |n: u64, shape: &dyn Fn(u64) -> (u64, u64)| {
        let lists: Vec<Chunk> = (0..n)
            .map(|i| {
                let (offset, end) = shape(i);
                manifest(&i.to_string(), offset, end)
            })
            .collect();
        let mut cursor = PlanCursor::new(&Plan::new(lists.into(), 0..4 * n), ManifestCache::default());
        COMPARISONS.with(|count| count.set(0));
        let listed: Arc<[Chunk]> = [chunk(0, 4 * n, 1)].into();
        let mut steps = 0;
        loop {
            match cursor.peek() {
                Upcoming::Unread => {
                    let (manifest, _) = cursor.next_manifest(9, u64::MAX).unwrap();
                    cursor.mark_requested(&manifest);
                    cursor.on_manifest(&manifest.source, Ok(Arc::clone(&listed)));
                }
                Upcoming::Failed(error) => panic!("{error}"),
                Upcoming::End => return (COMPARISONS.with(Cell::get) / n, steps),
                Upcoming::Busy => {}
                Upcoming::View(..) | Upcoming::Gap(_) => {
                    steps += 1;
                    cursor.advance();
                }
            }
        }
    };
    const N: u64 = 4000;
    let same = cost(N, &|_| (0, 4 * N));
    let nested = cost(N, &|i| (i, 8 * N - i));
    let adjacent = cost(N, &|i| (4 * i, 4 * i + 4));
    let limit = 12 * u64::from(N.ilog2());
    assert!(
        [same, nested, adjacent].iter().all(|(count, _)| *count < limit),
        "{same:?} {nested:?} {adjacent:?}"
    );
}
