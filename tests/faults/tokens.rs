//! Tokens: asked for per request, renewed when refused, never sent elsewhere (F18 to F22).

use std::{sync::atomic::Ordering, time::Duration};

use kelp_stream::{
    Kind,
    error::Cause,
    host::LocateError,
    model::{chunk::Chunk, location::Location},
    sim::{Outcome, Script, World, collect},
};

use crate::{setup::*, support::*};

#[test]
fn each_request_asks_for_a_token_for_its_origin() {
    let world = World::new();
    let chunk = located(&world, &["a:80", "b"], 10);
    let calls = Calls::default();
    world.tokens({
        let calls = calls.clone();
        move |id, origin| {
            calls.add(&format!("{id} {origin}"), false);
            Ok(Some("x.y+z".into()))
        }
    });
    at_first(&world, &[("a:80", Outcome::Refused)]);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..10));
    assert_eq!(queries(&world), ["jwt=x.y%2bz", "jwt=x.y%2bz"]);
    assert_eq!(calls.all(), ["3,01 http://a:80", "3,01 http://b"]);
}

#[test]
fn no_token_is_sent_to_the_url_of_a_manifest() {
    let world = World::new();
    let chunk = located(&world, &["a"], 10);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..10));
    numbered_tokens(&world);
    let by_url = plain(&["http://a/3,01?x=1"], 0, 10);
    assert_eq!(read_one(&world, by_url, passes(1)).unwrap(), bytes(0..10));
    assert_eq!(queries(&world), ["", "x=1"]);
}

// F18
#[test]
fn a_refused_token_is_renewed_once_per_replica() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    numbered_tokens(&world);
    hosts(&world, &[("a", Outcome::Status(401))]);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..10));
    assert_eq!(asked(&world), ["a", "a", "b"]);
    assert_eq!(queries(&world), ["jwt=t1", "jwt=t2", "jwt=t3"]);
    assert_eq!(world.now(), Duration::ZERO);
}

// F21
#[test]
fn a_token_refused_by_every_replica_is_unauthorized() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    let count = numbered_tokens(&world);
    outcomes(&world, |_| Outcome::Status(401));
    let error = read_one(&world, chunk, passes(5)).unwrap_err();
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::Unauthorized, false));
    assert_eq!(hosts_of(&error), ["a", "a", "b", "b"]);
    assert!(error.attempts().iter().all(|each| each.status == Some(401)));
    assert_eq!(count.load(Ordering::Relaxed), 4);
}

#[test]
fn a_token_of_a_lookup_is_renewed_by_another_lookup() {
    let world = World::new();
    world.store("http://a/3,01", bytes(0..10));
    let calls = locator(&world, move |id, refresh| {
        Ok(Location { token: Some(if refresh { "new" } else { "old" }.into()), ..location(&["a"], id) })
    });
    outcomes(&world, |asked| if asked.query == "jwt=new" { Outcome::Good } else { Outcome::Status(401) });
    assert_eq!(read_one(&world, of_id("3,01", 10), passes(1)).unwrap(), bytes(0..10));
    assert_eq!(calls.all(), ["3,01", "3,01 refresh"]);
    assert_eq!(queries(&world), ["jwt=old", "jwt=new"]);
}

#[test]
fn the_token_of_the_latest_lookup_is_sent() {
    let world = World::new();
    world.locator(|id, refresh| {
        let token = if refresh { "new" } else { "old" };
        Ok(Location { token: Some(token.into()), ..location(&["a"], id) })
    });
    let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(queries(&world), ["jwt=old", "jwt=new"]);
}

#[test]
fn a_new_location_may_name_other_replicas() {
    for fresh in [&["b"][..], &["b", "a"], &["a", "b", "c"], &["c", "d"]] {
        let world = World::new();
        world.locator(move |id, refresh| {
            let hosts = if refresh { fresh } else { &["a", "b"] };
            Ok(Location { token: Some("t".into()), ..location(hosts, id) })
        });
        outcomes(&world, |_| Outcome::Status(401));
        let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{fresh:?}");
        let asked = asked(&world);
        assert!(asked.len() <= 8 && asked.iter().all(|host| "abcd".contains(host) && !host.is_empty()));
    }
}

// F22
#[test]
fn a_403_renews_no_token_and_is_not_retried() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    let count = numbered_tokens(&world);
    hosts(&world, &[("a", Outcome::Status(403)), ("b", Outcome::Status(503))]);
    let error = read_one(&world, chunk.clone(), passes(3)).unwrap_err();
    assert_eq!(hosts_of(&error), ["a", "b", "b", "b"]);
    assert_eq!(count.load(Ordering::Relaxed), 4);
    hosts(&world, &[("a", Outcome::Status(403)), ("b", Outcome::Status(403))]);
    let error = read_one(&world, chunk, passes(3)).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::Unauthorized, 2));
}

// F20
#[test]
fn without_a_token_nothing_is_sent() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    world.tokens(|_, _| Err(LocateError { cause: Some(Cause(9)) }));
    let error = read_one(&world, chunk, passes(3)).unwrap_err();
    assert_eq!(
        (error.kind(), error.cause(), error.chunk()),
        (Kind::Unauthorized, Some(Cause(9)), Some("3,01"))
    );
    assert_eq!(world.log().len(), 0);
}

// F19
#[test]
fn a_token_is_asked_for_when_its_request_is_sent() {
    let world = World::new();
    let first = located(&world, &["a"], 67_100);
    let second = Chunk { offset: 67_100, ..first.clone() };
    let count = numbered_tokens(&world);
    world.script(|_| Script::default().piece(1100).rate(1100));
    let mut session = passes(1);
    session.options.per_host = 1;
    let reader = open(&world, vec![first, second], session);
    world.spawn({
        let world = world.clone();
        async move {
            world.sleep(30 * SECOND).await;
            assert_eq!(world.log().len(), 1, "the second request is queued");
            assert_eq!(count.load(Ordering::Relaxed), 1, "its token would expire while it is queued");
        }
    });
    assert_eq!(world.run(collect(reader)).unwrap().unwrap().len(), 134_200);
}
