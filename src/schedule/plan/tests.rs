use super::*;
use crate::model::chunk::Source;

fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
    Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size) }
}

fn chunks(list: &[(u64, u64, i64)]) -> Arc<[Chunk]> {
    list.iter().map(|&(offset, end, modified)| chunk(offset, end - offset, modified)).collect()
}

/// Plans chunks that are given as (first position, position after the last, version).
fn draw(list: &[(u64, u64, i64)], range: Range<u64>) -> String {
    Plan::new(chunks(list), range).draw()
}

#[test]
fn bytes_that_no_chunk_holds_are_holes() {
    assert_eq!(draw(&[(2, 4, 1), (6, 8, 1)], 0..10), "_2 #0[2,4@0..2] _2 #1[6,8@0..2] _2");
}

// F82
#[test]
fn a_file_without_chunks_is_one_hole() {
    assert_eq!(draw(&[], 0..10), "_10");
}

#[test]
fn a_newer_chunk_hides_only_its_part_of_an_older_one() {
    assert_eq!(draw(&[(0, 9, 1), (3, 6, 2)], 0..9), "#0[0,3@0..3] #1[3,6@0..3] #0[6,9@6..9]");
}

#[test]
fn an_older_chunk_inside_a_newer_one_is_invisible() {
    assert_eq!(draw(&[(3, 6, 1), (0, 9, 2)], 0..9), "#1[0,9@0..9]");
}

// F77
#[test]
fn of_equal_versions_the_later_chunk_in_the_list_is_visible() {
    assert_eq!(draw(&[(0, 6, 1), (3, 9, 1)], 0..9), "#0[0,3@0..3] #1[3,9@0..6]");
    assert_eq!(draw(&[(3, 9, 1), (0, 6, 1)], 0..9), "#1[0,6@0..6] #0[6,9@3..6]");
    assert_eq!(draw(&[(0, 9, 1), (2, 5, 1)], 0..9), "#0[0,2@0..2] #1[2,5@0..3] #0[5,9@5..9]");
    assert_eq!(draw(&[(0, 9, 1), (0, 9, 1)], 0..9), "#1[0,9@0..9]");
}

#[test]
fn versions_before_1970_are_older() {
    assert_eq!(draw(&[(0, 4, 0), (0, 4, -1)], 0..4), "#0[0,4@0..4]");
}

#[test]
fn the_list_order_does_not_matter_if_versions_differ() {
    assert_eq!(draw(&[(6, 9, 1), (0, 3, 3), (2, 7, 2)], 0..9), "#1[0,3@0..3] #2[3,7@1..5] #0[7,9@1..3]");
}

#[test]
fn a_plan_has_only_what_its_range_needs() {
    let list = [(0, 4, 1), (4, 8, 1), (8, 12, 1)];
    assert_eq!(draw(&list, 2..5), "#0[2,4@2..4] #1[4,5@0..1]");
    assert_eq!(draw(&list, 4..8), "#1[4,8@0..4]");
    assert_eq!(draw(&list, 11..14), "#2[11,12@3..4] _2");
    assert_eq!(draw(&list, 20..22), "_2");
}

#[test]
fn an_empty_or_reversed_range_has_no_steps() {
    assert_eq!(draw(&[(0, 9, 1)], 5..5), "");
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tried")]
    let plan = Plan::new(chunks(&[(0, 9, 1)]), 7..5);
    assert_eq!((plan.draw().as_str(), plan.len(), plan.is_empty()), ("", 0, true));
    assert_eq!(plan.range(), 7..7);
}

// F83
#[test]
fn a_chunk_of_size_zero_has_no_effect() {
    assert_eq!(draw(&[(0, 9, 1), (4, 4, 2), (9, 9, 3)], 0..9), "#0[0,9@0..9]");
}

// F80
#[test]
fn positions_beyond_four_gigabytes_are_exact() {
    let base = 1 << 40;
    assert_eq!(
        draw(&[(base, base + (5 << 30), 1)], base + (4 << 30)..base + (4 << 30) + 2),
        format!("#0[{},{}@{}..{}]", base + (4 << 30), base + (4 << 30) + 2, 4_u64 << 30, (4_u64 << 30) + 2),
    );
}

// F78
#[test]
fn a_chunk_may_end_at_the_largest_position() {
    let list: Arc<[Chunk]> = [chunk(u64::MAX - 3, u64::MAX, 1)].into();
    let last = u64::MAX;
    assert_eq!(Plan::new(list, last - 5..last).draw(), format!("_2 #0[{},{last}@0..3]", last - 3),);
}

#[test]
fn a_view_knows_whether_it_is_its_whole_chunk() {
    let plan = Plan::new(chunks(&[(0, 4, 1), (4, 8, 1)]), 0..6);
    let whole: Vec<bool> = plan.views().map(|view| view.is_whole(plan.chunk(view))).collect();
    assert_eq!(whole, [true, false]);
    let plan = Plan::new(chunks(&[(0, 4, 1)]), 1..4);
    assert!(plan.views().all(|view| !view.is_whole(plan.chunk(view))));
}

/// A manifest with the id `name`.
fn manifest(name: &str, offset: u64, end: u64) -> Chunk {
    let source = Source::FileId(name.into());
    Chunk { source, is_manifest: true, ..chunk(offset, end - offset, 0) }
}

#[test]
fn manifest_spans_are_cut_at_bounds_and_hide_other_chunks() {
    let list = [chunk(0, 4, 1), manifest("m", 2, 9), chunk(5, 9, i64::MAX), manifest("n", 7, 12)];
    let plan = Plan::new(list.into(), 0..20);
    assert_eq!(plan.draw(), "#0[0,2@0..2] ?[2,7] ?[7,9] ?[9,12] #2[12,14@7..9] _6");
    let of = |stretch| plan.manifests(&stretch).map(|chunk| chunk.source.name()).collect::<String>();
    assert_eq!([of(2..7), of(7..9), of(9..12)], ["m", "mn", "n"]);
}

#[test]
fn adjacent_manifests_are_not_joined_and_ranges_clip_them() {
    let list: Arc<[Chunk]> = [manifest("n", 4, 8), manifest("m", 0, 4)].into();
    assert_eq!(Plan::new(list.clone(), 0..8).draw(), "?[0,4] ?[4,8]");
    assert_eq!(Plan::new(list.clone(), 1..3).draw(), "?[1,3]");
    assert_eq!(Plan::new(list, 3..6).draw(), "?[3,4] ?[4,6]");
}
