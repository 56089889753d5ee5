//! Servers that do not respond, stall or are slow (F39 to F41).

use std::time::Duration;

use kelp_stream::{
    Kind,
    model::chunk::Chunk,
    read::session::Session,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F39
#[test]
fn a_server_that_does_not_respond_times_out() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Silent)]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(times(&world), [Duration::ZERO, 15 * SECOND]);
    assert!(world.log()[0].aborted, "the request was aborted");
    outcomes(&world, |_| Outcome::Silent);
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!(
        (error.kind(), error.kind().retryable(), error.attempts()[0].status),
        (Kind::Timeout, true, None)
    );
}

// F39
#[test]
fn a_stalled_body_is_resumed_elsewhere() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Stall(300))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["a", "b bytes=300-999"]);
    assert_eq!(world.now(), 20 * SECOND);
    outcomes(&world, |_| Outcome::Stall(0));
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.attempts()[0].status), (Kind::Timeout, Some(200)));
}

// F40
#[test]
fn a_piece_within_the_idle_timeout_keeps_a_body() {
    let world = World::new();
    let chunk = two(&world, 1900);
    // A piece every 19 seconds.
    world.script(|_| Script::default().piece(190).rate(10));
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1900));
    assert_eq!((asked(&world), world.now()), (vec!["a".to_owned()], 190 * SECOND));
}

// F40
#[test]
fn a_piece_after_the_idle_timeout_ends_a_body() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().piece(210).rate(10),
        _ => Script::default(),
    });
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    assert_eq!((asked(&world).len(), world.now()), (2, 20 * SECOND));
}

// F40
#[test]
fn a_much_slower_host_is_asked_last() {
    let world = World::new();
    let chunks: Vec<Chunk> = (0..20).map(|i| Chunk { offset: i * 100, ..two(&world, 100) }).collect();
    world.script(|asked| Script::default().latency(if asked.host == "a" { 400 * MS } else { 10 * MS }));
    let mut session = Session::default();
    session.options.concurrency = 1.into();
    read(&world, chunks, session).unwrap();
    let asked = world.log().iter().filter(|logged| logged.asked.host == "a").count();
    assert_eq!(asked, 1);
}
