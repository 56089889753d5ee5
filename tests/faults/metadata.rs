//! Sizes that do not match the stored bytes (F75 to F91).

use kelp_stream::{
    Kind,
    sim::{Script, World},
};

use crate::{setup::*, support::*};

// F36, F75
#[test]
fn a_chunk_stored_too_short_is_an_error_and_shifts_nothing() {
    let world = World::new();
    world.store("http://a/0", bytes(0..500));
    world.store("http://a/1", bytes(1000..2000));
    let chunks = vec![plain(&["http://a/0"], 0, 1000), plain(&["http://a/1"], 1000, 1000)];
    let (some, error) = read_to_error(&world, open(&world, chunks, passes(2)));
    assert_eq!((some, error.kind(), error.offset()), (bytes(0..500), Kind::ShortBody, Some(500)));
}

// F75
#[test]
fn bytes_beyond_the_size_after_a_truncation_are_clipped() {
    let world = World::new();
    let mut chunk = at_two(&world, bytes(0..1500), 1000);
    for (md5_of, sizes) in [(None, [950, 1100]), (Some(bytes(0..1500)), [1500, 1500])] {
        chunk.md5 = md5_of.map(|all| md5(&all));
        for piece in [100, 1 << 20] {
            world.script(move |_| Script::default().piece(piece));
            let session = passes(1);
            let meter = session.stats.clone();
            assert_eq!(read_one(&world, chunk.clone(), session).unwrap(), bytes(0..1000));
            let received = meter.stats().bytes_received;
            if piece == 100 {
                assert!((sizes[0]..=sizes[1]).contains(&received), "{received}");
            }
        }
    }
    assert_eq!(asked(&world), ["a"; 4]);
}
