//! Error statuses other than those of tokens, and `Retry-After` (F23 to F34).

use std::time::Duration;

use kelp_stream::{
    Kind,
    host::event::EventKind,
    http::headers::Headers,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F27
#[test]
fn a_busy_server_is_not_asked_before_retry_after() {
    for status in [429, 503] {
        let world = World::new();
        world.store("http://a/0", bytes(0..10));
        world.script(move |asked| {
            let headers = Headers { retry_after: Some("3".into()), ..Headers::default() };
            match asked.nth {
                0 => Script::default().headers(headers).outcome(Outcome::Status(status)),
                _ => Script::default(),
            }
        });
        let read = read_one(&world, plain(&["http://a/0"], 0, 10), passes(2));
        assert_eq!(read.unwrap(), bytes(0..10));
        assert_eq!(times(&world), [Duration::ZERO, 3 * SECOND], "{status}");
    }
}

// F28
#[test]
fn retry_after_is_bounded_by_the_longest_pause() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    world.script(|_| {
        let headers = Headers { retry_after: Some("86400".into()), ..Headers::default() };
        Script::default().headers(headers).outcome(Outcome::Status(503))
    });
    let error = read_one(&world, plain(&["http://a/0"], 0, 10), passes(2)).unwrap_err();
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::Http(503), true));
    assert_eq!(error.attempts()[0].status, Some(503));
    assert_eq!(times(&world), [Duration::ZERO, 10 * SECOND]);
}

#[test]
fn a_pause_by_retry_after_is_made_once() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    world.script(|asked| {
        let headers = Headers { retry_after: Some("5".into()), ..Headers::default() };
        match asked.nth {
            0 => Script::default().headers(headers).outcome(Outcome::Status(503)),
            1 => Script::default().outcome(Outcome::Refused),
            _ => Script::default(),
        }
    });
    assert_eq!(read_one(&world, plain(&["http://a/0"], 0, 10), passes(3)).unwrap(), bytes(0..10));
    assert!(world.now() >= 5 * SECOND && world.now() <= 5 * SECOND + MS * 400, "{:?}", world.now());
}

// F27
#[test]
fn while_one_replica_is_busy_another_is_asked_at_once() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| {
        let headers = Headers { retry_after: Some("5".into()), ..Headers::default() };
        match asked.host.as_str() {
            "a" => Script::default().headers(headers).outcome(Outcome::Status(503)),
            _ => Script::default(),
        }
    });
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(world.now(), Duration::ZERO);
}

// F24, F25, F29, F30, F31, F32
#[test]
fn any_error_status_leads_to_the_next_replica() {
    for (status, kind) in [
        (204, Kind::Http(204)),
        (205, Kind::Http(205)),
        (304, Kind::Http(304)),
        (400, Kind::Http(400)),
        (404, Kind::NotFound),
        (405, Kind::Http(405)),
        (408, Kind::Http(408)),
        (410, Kind::NotFound),
        (416, Kind::Range),
        (425, Kind::Http(425)),
        (451, Kind::Http(451)),
        (499, Kind::Http(499)),
        (500, Kind::Http(500)),
        (502, Kind::Http(502)),
        (504, Kind::Http(504)),
        (507, Kind::Http(507)),
        (522, Kind::Http(522)),
    ] {
        let world = World::new();
        let chunk = two(&world, 1000);
        outcomes(
            &world,
            move |asked| {
                if asked.host == "a" { Outcome::Status(status) } else { Outcome::Good }
            },
        );
        assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000), "{status}");
        outcomes(&world, move |_| Outcome::Status(status));
        let error = read_one(&world, chunk, passes(1)).unwrap_err();
        assert_eq!((error.kind(), error.attempts()[1].status), (kind, Some(status)));
    }
}

// F23
#[test]
fn a_chunk_that_no_replica_has_is_looked_up_again() {
    let world = World::new();
    world.store("http://new/3,01", bytes(0..10));
    let calls = locator(&world, move |id, refresh| {
        Ok(location(if refresh { &["c", "new"] } else { &["a", "b"] }, id))
    });
    let session = passes(1);
    let meter = session.stats.clone();
    assert_eq!(read_one(&world, of_id("3,01", 10), session).unwrap(), bytes(0..10));
    assert_eq!(asked(&world), ["a", "b", "c", "new"]);
    assert_eq!(calls.all(), ["3,01", "3,01 refresh"]);
    assert_eq!(meter.stats().relookups, 1);
    assert_eq!(world.now(), Duration::ZERO, "new locations are requested at once");
    let relookups = kinds(&world).into_iter().filter(|kind| *kind == EventKind::Relookup);
    assert_eq!(relookups.count(), 1);
}

// F23
#[test]
fn a_chunk_missing_at_new_replicas_too_is_not_found() {
    let world = World::new();
    world.locator(|id, refresh| Ok(location(if refresh { &["c"] } else { &["a", "b"] }, id)));
    let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(hosts_of(&error), ["a", "b", "c", "c"]);
}

#[test]
fn an_unreachable_replica_rules_out_not_found() {
    for refused in ["a", "b"] {
        let world = World::new();
        let calls = locator(&world, move |id, _| Ok(location(&["a", "b"], id)));
        outcomes(&world, move |asked| if asked.host == refused { Outcome::Refused } else { Outcome::Good });
        let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (Kind::Network, 4), "{refused} is refused");
        assert_eq!(calls.all(), ["3,01", "3,01 refresh", "3,01 refresh"], "the volume may have moved");
    }
}
