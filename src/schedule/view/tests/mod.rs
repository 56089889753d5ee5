//! View fetches, input by input.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "clippy does not see that helpers are a test's")]

mod harness;
mod order;

use bytes::Bytes;
use md5::{Digest, Md5};

use self::harness::{
    Fetch, MS, broken, etag, head, located, no_response, overdue, recovered, status, sum, view,
};
use super::{Input, Role};
use crate::{
    error::{Error, Kind},
    host::{DecodeError, PrepareError},
    http::headers::Headers,
    model::{
        chunk::{Chunk, CipherKey, Compression, Ctr, Source},
        location::Location,
    },
    schedule::{
        options::{Options, Verify},
        retry::RetryPolicy,
        window::Job,
    },
};

fn chunk(size: u64) -> Chunk {
    Chunk::plain(Source::FileId("1,01".into()), 0, size)
}

fn zeros(len: usize) -> Input<Bytes> {
    Input::Piece(vec![0; len].into())
}

/// The chunk with the MD5 of zeros.
fn checked(size: u64) -> Chunk {
    Chunk { md5: Some(Md5::digest(vec![0; size as usize]).into()), ..chunk(size) }
}

/// A view of 100 bytes whose request went to the first of these hosts.
fn sent(chunk: Chunk, hosts: &[&str]) -> Fetch {
    let mut fetch = Fetch::new(view(chunk, 0..100), Options::default());
    fetch.primary(located(hosts));
    fetch.send(hosts[0]);
    fetch
}

/// As [`sent`], and it is overdue: a hedge went to the second host.
fn hedged(chunk: Chunk, hosts: &[&str]) -> Fetch {
    let mut fetch = sent(chunk, hosts);
    fetch.hedge(overdue());
    fetch.hedge(Input::Token(Ok(None)));
    fetch
}

/// The example of the module documentation.
#[test]
fn a_replica_that_breaks_off_is_continued_by_another() {
    let mut fetch = Fetch::new(view(chunk(100), 0..100), Options::default());
    assert_eq!(fetch.actions(), ["queue", "locate"]);
    assert_eq!(fetch.primary(located(&["a", "b"])), ["acquire a"]);
    assert_eq!(fetch.permit("a"), ["token"]);
    let sent = ["expect a response of a", "request", "send http://a/1,01"];
    assert_eq!(fetch.primary(Input::Token(Ok(None))), sent);
    let begun = ["headers", "begin", "expect 100 bytes of a", "timer 20s"];
    assert_eq!(fetch.primary(status(200)), begun);
    assert_eq!(fetch.primary(zeros(60)), ["first-byte", "body", "deliver 60"]);
    assert_eq!(fetch.primary(broken(false)), ["cancel", "expect nothing", "recover"]);
    assert_eq!(fetch.primary(recovered(false)), ["failover", "acquire b"]);
    assert_eq!(fetch.permit("b"), ["token"]);
    let sent = ["expect a response of b", "request", "send http://b/1,01 bytes=60-99"];
    assert_eq!(fetch.primary(Input::Token(Ok(None))), sent);
    let begun = ["headers", "begin", "expect 40 bytes of b", "timer 20s"];
    assert_eq!(fetch.primary(status(206)), begun);
    assert_eq!(fetch.hedge(overdue()), ["hedge: token"]);
    let hedged = ["expect nothing", "hedge", "request", "hedge: send http://a/1,01 bytes=60-99"];
    assert_eq!(fetch.hedge(Input::Token(Ok(None))), hedged);
    assert_eq!(fetch.primary(zeros(40)), ["first-byte", "body"]);
    assert_eq!(fetch.primary(Input::BodyEnd), ["cancel", "hedge: cancel", "deliver 40", "finish", "end"]);
}

#[test]
fn a_hedge_wins_with_its_first_byte_and_not_before() {
    let mut fetch = hedged(chunk(100), &["a", "b"]);
    assert_eq!(fetch.hedge(status(200)), ["headers"]);
    assert_eq!(fetch.hedge(zeros(10)), ["promote", "begin", "timer 20s", "first-byte", "body", "deliver 10"]);
    assert_eq!(fetch.primary(zeros(90)), ["body", "deliver 90"]);
    assert_eq!(fetch.primary(Input::BodyEnd), ["cancel", "finish", "end"]);
}

#[test]
fn a_hedge_that_won_continues_where_the_view_is() {
    let mut fetch = sent(chunk(100), &["a", "b"]);
    fetch.primary(status(200));
    fetch.primary(zeros(20));
    fetch.hedge(overdue());
    let sent = fetch.hedge(Input::Token(Ok(None)));
    assert_eq!(sent.last().unwrap(), "hedge: send http://b/1,01 bytes=20-99");
    fetch.now += 1000 * MS;
    fetch.primary(zeros(10));
    fetch.hedge(status(206));
    let won = fetch.hedge(zeros(30));
    assert_eq!(won.last().unwrap(), "deliver 20", "ten of thirty bytes are here already");
}

#[test]
fn a_hedge_that_fails_does_no_harm() {
    for inputs in [
        vec![no_response()],
        vec![status(404)],
        vec![status(206)],
        vec![status(200), Input::BodyEnd],
        vec![status(200), broken(false)],
    ] {
        let mut fetch = hedged(chunk(100), &["a", "b"]);
        let actions: Vec<_> = inputs.into_iter().flat_map(|input| fetch.hedge(input)).collect();
        assert_eq!(
            actions.iter().filter(|action| *action != "headers").collect::<Vec<_>>(),
            ["hedge: cancel"]
        );
        fetch.primary(status(200));
        fetch.primary(zeros(100));
        assert_eq!(fetch.primary(Input::BodyEnd), ["cancel", "finish", "end"]);
    }
}

#[test]
fn a_hedge_of_another_copy_does_not_win_once_bytes_are_here() {
    let mut fetch = hedged(chunk(100), &["a", "b"]);
    fetch.primary(etag(200, "\"1\""));
    fetch.primary(zeros(1));
    fetch.now += 1000 * MS;
    fetch.hedge(etag(200, "\"2\""));
    assert_eq!(fetch.hedge(zeros(100)), ["hedge: cancel"]);
}

#[test]
fn a_hedge_does_not_win_shortly_before_the_end() {
    let mut fetch = hedged(chunk(100), &["a", "b"]);
    fetch.primary(status(200));
    fetch.now += 10 * MS;
    fetch.primary(zeros(60));
    fetch.hedge(status(200));
    assert_eq!(fetch.hedge(zeros(100)), ["hedge: cancel"]);
}

#[test]
fn a_view_is_hedged_once_and_only_at_another_host() {
    let mut fetch = hedged(chunk(100), &["a", "b"]);
    fetch.hedge(no_response());
    assert_eq!(fetch.hedge(overdue()), Vec::<String>::new());
    fetch.primary(no_response());
    fetch.primary(recovered(false));
    assert_eq!(fetch.send("b"), ["request", "send http://b/1,01"], "nothing is expected");
    let mut fetch = sent(chunk(100), &["a", "a:80"]);
    assert_eq!(fetch.hedge(overdue()), Vec::<String>::new());
}

// F200
#[test]
fn a_hedge_needs_a_free_host() {
    let options = Options { per_host: 1, ..Options::default() };
    let mut fetch = Fetch::new(view(chunk(100), 0..100), options);
    fetch.primary(located(&["a", "b"]));
    fetch.send("a");
    let busy = fetch.pool.try_acquire("b", 1).unwrap();
    let again = ["expect a response of a"];
    assert_eq!(fetch.hedge(overdue()), again, "it is overdue again later");
    drop(busy);
    assert_eq!(fetch.hedge(overdue()), ["hedge: token"]);
}

// F15
#[test]
fn the_last_piece_waits_for_the_checksum() {
    let mut fetch = sent(checked(100), &["a"]);
    fetch.primary(status(200));
    assert_eq!(fetch.primary(zeros(40)), ["first-byte", "body", "deliver 40"]);
    assert_eq!(fetch.primary(zeros(60)), ["body"]);
    assert_eq!(fetch.primary(Input::BodyEnd), ["cancel", "digesting", "digest"]);
    assert_eq!(fetch.digested(), ["digested", "deliver 60", "finish", "end"]);
}

#[test]
fn bytes_that_do_not_match_are_dropped_and_asked_for_whole() {
    let mut fetch = sent(checked(100), &["a", "b"]);
    fetch.primary(status(200));
    fetch.primary(Input::Piece(vec![1; 40].into()));
    fetch.primary(zeros(60));
    let ended = fetch.primary(Input::BodyEnd);
    assert_eq!(ended, ["cancel", "expect nothing", "digesting", "digest"]);
    assert_eq!(fetch.digested(), ["digested", "recover, restart"]);
    assert_eq!(fetch.primary(recovered(true)), ["failover", "acquire b"]);
    assert_eq!(fetch.send("b"), ["request", "send http://b/1,01"], "whole, and without a hedge");
}

#[test]
fn bytes_that_the_reader_has_cannot_be_dropped() {
    let mut fetch = sent(checked(100), &["a", "b"]);
    fetch.primary(status(200));
    fetch.primary(Input::Piece(vec![1; 40].into()));
    fetch.primary(zeros(60));
    fetch.primary(Input::BodyEnd);
    fetch.digested();
    assert_eq!(fetch.primary(recovered(false)), ["end: corrupt"]);
}

#[test]
fn another_copy_does_not_continue_a_view() {
    let mut fetch = sent(chunk(100), &["a", "b"]);
    fetch.primary(etag(200, "\"1\""));
    fetch.primary(zeros(40));
    fetch.primary(broken(false));
    fetch.primary(recovered(false));
    fetch.send("b");
    let failed = fetch.primary(etag(206, "\"2\""));
    assert_eq!(failed, ["headers", "begin", "cancel", "expect nothing", "recover, restart"]);
    // The reader has some of it: only a replica with the same copy can continue.
    assert_eq!(fetch.primary(recovered(false)), ["relookup", "locate again"]);
    assert_eq!(fetch.primary(located(&["b", "a"])), ["wait", "idle", "timer 200ms"]);
    assert_eq!(fetch.primary(Input::Timer), ["failover", "acquire a"]);
    let sent = fetch.send("a");
    assert_eq!(sent.last().unwrap(), "send http://a/1,01 bytes=40-99");
}

#[test]
fn a_failure_without_a_network_costs_no_attempt() {
    let mut fetch = sent(chunk(100), &["a"]);
    fetch.primary(status(200));
    for _ in 0..20 {
        assert_eq!(fetch.primary(broken(true)), ["cancel", "wait", "await network"]);
        assert_eq!(fetch.primary(Input::Network(true)), ["retry", "acquire a"]);
        fetch.send("a");
        fetch.primary(status(200));
    }
    fetch.primary(broken(true));
    assert_eq!(fetch.primary(Input::Network(false)), ["recover"]);
    assert_eq!(fetch.primary(recovered(false)), ["relookup", "locate again"]);
}

#[test]
fn a_refused_token_is_replaced_once() {
    let mut fetch = sent(chunk(100), &["a"]);
    assert_eq!(fetch.primary(status(401)), ["headers", "begin", "cancel", "recover"]);
    assert_eq!(fetch.primary(recovered(false)), ["retry", "acquire a"]);
    assert_eq!(fetch.permit("a"), ["token again"]);
    let sent = fetch.primary(Input::Token(Ok(Some("t".into()))));
    assert_eq!(sent.last().unwrap(), "send http://a/1,01?jwt=t");
    fetch.primary(status(401));
    assert_eq!(fetch.primary(recovered(false)), ["end: unauthorized"]);
}

#[test]
fn a_token_of_the_lookup_is_renewed_by_a_lookup() {
    let location = |token: &str| Location { urls: vec!["http://a/1,01".into()], token: Some(token.into()) };
    let mut fetch = Fetch::new(view(chunk(100), 0..100), Options::default());
    fetch.primary(Input::Located(Ok(location("1"))));
    assert_eq!(fetch.send("a"), ["request", "send http://a/1,01?jwt=1"]);
    fetch.primary(status(401));
    assert_eq!(fetch.primary(recovered(false)), ["locate again"]);
    assert_eq!(fetch.primary(Input::Located(Ok(location("2")))), ["retry", "acquire a"]);
    assert_eq!(fetch.send("a"), ["request", "send http://a/1,01?jwt=2"]);
}

#[test]
fn a_lookup_that_fails_is_repeated_after_a_pause() {
    let error = || Input::Located(Err(Error::new(Kind::NoLocations, "x")));
    let mut fetch = Fetch::new(view(chunk(100), 0..100), Options::default());
    fetch.actions();
    for pause in [&["wait", "idle", "timer 200ms"][..], &["wait", "timer 400ms"]] {
        assert_eq!(fetch.primary(error()), ["recover"]);
        assert_eq!(fetch.primary(recovered(false)), pause);
        assert_eq!(fetch.primary(Input::Timer), ["locate again"]);
    }
    fetch.primary(error());
    assert_eq!(fetch.primary(recovered(false)), ["end: no_locations"]);
}

#[test]
fn after_a_failed_pass_other_replicas_are_looked_up() {
    let options =
        Options { retry: RetryPolicy { passes: 1, ..RetryPolicy::default() }, ..Options::default() };
    let mut fetch = Fetch::new(view(chunk(100), 0..100), options);
    fetch.primary(located(&["a"]));
    fetch.send("a");
    fetch.primary(status(404));
    assert_eq!(fetch.primary(recovered(false)), ["relookup", "locate again"]);
    assert_eq!(fetch.primary(located(&["b"])), ["failover", "acquire b"]);
    fetch.send("b");
    fetch.primary(status(404));
    assert_eq!(fetch.primary(recovered(false)), ["end: not_found"]);
}

#[test]
fn a_stalled_body_is_a_failure_and_a_blocked_one_is_not() {
    let mut fetch = sent(chunk(100), &["a"]);
    fetch.primary(status(200));
    fetch.now += 15_000 * MS;
    assert_eq!(fetch.primary(Input::Resumed), Vec::<String>::new());
    fetch.now += 5000 * MS;
    assert_eq!(fetch.primary(Input::Timer), ["timer 15s"]);
    fetch.now += 15_000 * MS;
    assert_eq!(fetch.primary(Input::Timer), ["cancel", "recover"]);
}

#[test]
fn how_a_complete_body_ends_does_not_matter() {
    let mut fetch = sent(chunk(100), &["a"]);
    fetch.primary(status(200));
    fetch.primary(zeros(100));
    assert_eq!(fetch.primary(broken(false)), ["cancel", "finish", "end"]);
}

/// A body broke off after the last byte, so that it was not known whether more follow.
#[test]
fn a_416_after_the_last_byte_ends_the_body() {
    let truncated = Chunk { md5: checked(120).md5, ..chunk(100) };
    let mut fetch = sent(truncated, &["a", "b"]);
    fetch.primary(status(200));
    fetch.primary(zeros(110));
    fetch.digested();
    let ended = fetch.primary(broken(false));
    assert_eq!(ended, ["cancel", "digesting", "digest"]);
    assert_eq!(fetch.digested(), ["digested", "recover"], "the MD5 is of 120 bytes");
    fetch.primary(recovered(false));
    assert_eq!(fetch.send("b").last().unwrap(), "send http://b/1,01 bytes=110-");
    let ended = fetch.primary(status(416));
    assert_eq!(ended, ["headers", "cancel", "expect nothing", "digesting", "digest"]);
    assert_eq!(fetch.digested(), ["digested", "recover, restart"]);
}

#[test]
fn a_digest_goes_on_if_more_bytes_are_needed() {
    let truncated = Chunk { md5: checked(120).md5, ..chunk(100) };
    let mut fetch = sent(truncated, &["a", "b"]);
    fetch.primary(status(200));
    let checked = ["first-byte", "body", "expect nothing", "digesting", "digest"];
    assert_eq!(fetch.primary(zeros(110)), checked);
    assert_eq!(fetch.digested(), ["digested", "timer 20s"], "it is not of 100 bytes");
    fetch.primary(broken(false));
    fetch.digested();
    fetch.primary(recovered(false));
    fetch.send("b");
    fetch.primary(status(206));
    fetch.primary(zeros(10));
    fetch.primary(Input::BodyEnd);
    assert_eq!(fetch.digested(), ["digested", "deliver 100", "finish", "end"]);
}

#[test]
fn a_broken_body_is_complete_if_the_digest_matches() {
    let mut fetch = sent(checked(100), &["a"]);
    fetch.primary(status(200));
    fetch.primary(zeros(100));
    assert_eq!(fetch.primary(broken(false)), ["cancel", "digesting", "digest"]);
    assert_eq!(fetch.digested(), ["digested", "deliver 100", "finish", "end"]);
}

#[test]
fn a_host_is_free_while_a_digest_is_computed() {
    let mut fetch = sent(checked(100), &["a"]);
    fetch.primary(status(200));
    fetch.primary(zeros(100));
    assert!(fetch.pool.try_acquire("a", 1).is_none());
    fetch.primary(Input::BodyEnd);
    assert!(fetch.pool.try_acquire("a", 1).is_some());
}

fn interrupted() -> Input<Bytes> {
    Input::Decoded(Err(DecodeError::Interrupted))
}

/// A view of an encrypted chunk that is being decoded.
fn decoding(fetch: &mut Fetch) {
    fetch.primary(status(200));
    fetch.primary(zeros(128));
    assert_eq!(fetch.primary(Input::BodyEnd).last().map(String::as_str), Some("decode 128"));
}

// F119
#[test]
fn a_decoder_that_stops_costs_no_attempt_and_no_pass() {
    let options =
        Options { retry: RetryPolicy { passes: 1, ..RetryPolicy::default() }, ..Options::default() };
    let mut fetch = Fetch::new(view(Chunk { key: CipherKey::new(&[7; 32]), ..chunk(100) }, 0..100), options);
    fetch.primary(located(&["a", "b"]));
    for _ in 0..3 {
        fetch.send("a");
        decoding(&mut fetch);
        assert_eq!(fetch.primary(interrupted()), ["decoded", "retry", "acquire a"]);
    }
    fetch.send("a");
    decoding(&mut fetch);
    let decoded = fetch.primary(Input::Decoded(Ok(vec![Bytes::from_static(&[0; 100])])));
    assert_eq!(decoded, ["decoded", "decoded", "deliver 100", "finish, holds 100", "end"]);
}

// F119
#[test]
fn a_decoder_that_always_stops_is_an_internal_error() {
    let mut fetch = sent(Chunk { key: CipherKey::new(&[7; 32]), ..chunk(100) }, &["a"]);
    for _ in 0..3 {
        decoding(&mut fetch);
        fetch.primary(interrupted());
        fetch.send("a");
    }
    decoding(&mut fetch);
    assert_eq!(fetch.primary(interrupted()), ["decoded", "end: internal"]);
}

// F119
#[test]
fn a_lost_digest_restarts_a_view_that_was_not_read() {
    let lost = |fetch: &mut Fetch| fetch.interrupted_digest();
    let mut fetch = sent(checked(100), &["a", "b"]);
    fetch.primary(status(200));
    fetch.primary(zeros(40));
    fetch.primary(zeros(60));
    fetch.primary(Input::BodyEnd);
    assert_eq!(lost(&mut fetch), ["digested", "recover, restart"]);
    assert_eq!(fetch.primary(recovered(true)), ["retry", "acquire a"]);
    assert_eq!(fetch.send("a").last().unwrap(), "send http://a/1,01", "whole");
    fetch.primary(status(200));
    fetch.primary(zeros(100));
    fetch.primary(Input::BodyEnd);
    assert_eq!(lost(&mut fetch), ["digested", "recover, restart"]);
    assert_eq!(fetch.primary(recovered(false)), ["end: internal"], "the reader has some of it");
}

// F120
#[test]
fn without_a_codec_a_view_that_needs_it_fails_at_once() {
    let missing = || Input::Prepared(Err(PrepareError::default()));
    let mut fetch = sent(checked(100), &["a", "b"]);
    assert_eq!(fetch.primary(missing()), ["end: unsupported"]);
    let mut fetch = sent(Chunk { key: CipherKey::new(&[7; 32]), ..chunk(100) }, &["a", "b"]);
    decoding(&mut fetch);
    let unavailable = Input::Decoded(Err(DecodeError::Unavailable(PrepareError::default())));
    assert_eq!(fetch.primary(unavailable), ["decoded", "end: unsupported"]);
    let mut fetch = hedged(checked(100), &["a", "b"]);
    assert_eq!(fetch.hedge(missing()), ["hedge: cancel"], "the primary request finds out itself");
}

#[test]
fn content_under_a_key_stream_waits_for_the_codec() {
    let ctr = Ctr::new(CipherKey::new(&[7; 32]).unwrap(), [0; 16], 0);
    let inline = Chunk { ctr: Some(ctr.into()), ..Chunk::inline([0; 100].into()) };
    let mut fetch = Fetch::new(view(inline.clone(), 10..30), Options::default());
    assert_eq!(fetch.actions(), ["queue", "prepare"]);
    assert_eq!(fetch.primary(Input::Prepared(Ok(()))), ["deliver 20", "finish, holds 0", "end"]);
    let mut fetch = Fetch::new(view(inline, 10..30), Options::default());
    fetch.actions();
    assert_eq!(fetch.primary(Input::Prepared(Err(PrepareError::default()))), ["end: unsupported"]);
}

#[test]
fn a_request_says_whether_its_bytes_need_the_codec() {
    let ctr = Ctr::new(CipherKey::new(&[7; 32]).unwrap(), [0; 16], 0);
    let by_server = Chunk { compression: Compression::ByServer, ..chunk(100) };
    for (chunk, needs_codec) in [
        (chunk(100), false),
        (checked(100), true),
        (Chunk { ctr: Some(ctr.into()), ..chunk(100) }, true),
        (Chunk { key: CipherKey::new(&[7; 32]), ..chunk(100) }, false),
        (by_server.clone(), false),
        (Chunk { md5: Some([0; 16]), ..by_server }, true),
    ] {
        let mut fetch = sent(chunk.clone(), &["a"]);
        assert_eq!(fetch.needs_codec, needs_codec, "{chunk:?}");
        assert_eq!(fetch.primary(status(200)).last().unwrap(), "timer 20s");
    }
}

#[test]
fn an_encrypted_chunk_is_buffered_and_decoded() {
    let key = CipherKey::new(&[7; 32]);
    let sealed = || Chunk { key: key.clone(), ..chunk(100) };
    let mut fetch = sent(sealed(), &["a"]);
    fetch.primary(status(200));
    assert_eq!(fetch.primary(zeros(128)), ["first-byte", "body"]);
    assert_eq!(fetch.primary(Input::BodyEnd), ["cancel", "decoding", "decode 128"]);
    let decoded = fetch.primary(Input::Decoded(Ok(vec![Bytes::from_static(&[0; 100])])));
    assert_eq!(decoded, ["decoded", "decoded", "deliver 100", "finish, holds 100", "end"]);
    let mut fetch = sent(sealed(), &["a"]);
    fetch.primary(status(200));
    fetch.primary(zeros(128));
    fetch.primary(Input::BodyEnd);
    assert_eq!(fetch.primary(Input::Decoded(Err(DecodeError::Tag))), ["decoded", "recover"]);
}

#[test]
fn gzip_that_the_platform_left_is_inflated() {
    let packed: &[u8] =
        &[31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 75, 76, 74, 78, 73, 77, 75, 7, 0, 166, 106, 42, 49, 7, 0, 0, 0];
    let headers = || Headers { content_length: Some(packed.len() as u64), ..Headers::default() };
    let by_server = Chunk { compression: Compression::ByServer, ..chunk(7) };
    let mut fetch = Fetch::new(view(by_server, 0..7), Options::default());
    fetch.primary(located(&["a"]));
    fetch.send("a");
    fetch.primary(head(200, headers()));
    assert_eq!(fetch.primary(Input::Piece(Bytes::from_static(packed))), ["first-byte", "body"]);
    assert_eq!(fetch.primary(Input::BodyEnd), ["cancel", "decoding", "decode 27"]);
    let inflated = Input::Decoded(Ok(vec![Bytes::from_static(b"abcdefg")]));
    assert_eq!(fetch.primary(inflated), ["decoded", "deliver 7", "finish", "end"]);
}

/// A chunk whose content is gzip, beside one whose content the platform left in gzip.
#[test]
fn a_file_that_is_gzip_itself_is_known_by_its_md5() {
    let packed = Bytes::from_static(b"\x1f\x8bxyz");
    let headers = || Headers { content_length: Some(5), ..Headers::default() };
    let content = Bytes::from_static(b"seven..");
    for (md5, size) in [(Md5::digest(&packed), 5), (Md5::digest(&content), 7)] {
        let by_server = Chunk { compression: Compression::ByServer, md5: Some(md5.into()), ..chunk(size) };
        let mut fetch = Fetch::new(view(by_server, 0..size), Options::default());
        fetch.primary(located(&["a"]));
        fetch.send("a");
        fetch.primary(head(200, headers()));
        fetch.primary(Input::Piece(packed.clone()));
        assert_eq!(fetch.primary(Input::BodyEnd), ["cancel", "digesting", "digest"]);
        if size == 5 {
            assert_eq!(fetch.digested(), ["digested", "digesting", "digest"]);
        } else {
            assert_eq!(fetch.digested(), ["digested", "decoding", "decode 5"]);
            let inflated = fetch.primary(Input::Decoded(Ok(vec![content.clone()])));
            assert_eq!(inflated, ["decoded", "digesting", "digest"]);
        }
        assert_eq!(fetch.digested(), ["digested", &format!("deliver {size}"), "finish", "end"]);
    }
}

#[test]
fn content_of_the_metadata_needs_no_request() {
    let inline = Chunk::inline([0; 100].into());
    let mut fetch = Fetch::new(view(inline, 10..30), Options::default());
    assert_eq!(fetch.actions(), ["queue", "deliver 20", "finish, holds 0", "end"]);
}

#[test]
fn a_chunk_manifest_is_decoded_and_learnt() {
    let manifest = Chunk { is_manifest: true, ..chunk(100) };
    let mut fetch = Fetch::new(Job::Manifest(manifest), Options::default());
    fetch.primary(located(&["a", "b"]));
    assert_eq!(fetch.send("a"), ["request", "send http://a/1,01"], "it is never hedged");
    assert_eq!(fetch.primary(status(200)), ["headers", "timer 20s"]);
    fetch.primary(Input::BodyEnd);
    // One chunk of 100 bytes: `chunks { file_id: "1,0100000001", size: 100 }`.
    let listed = Bytes::from_static(b"\x0a\x10\x0a\x0c1,0100000001\x18\x64");
    let decoded = fetch.primary(Input::Decoded(Ok(vec![listed])));
    assert_eq!(decoded, ["decoded", "decoded", "learn 1", "end"]);
}

#[test]
fn inputs_that_nothing_waits_for_are_ignored() {
    let mut fetch = sent(chunk(100), &["a"]);
    for input in [zeros(10), Input::BodyEnd, Input::Timer, Input::Token(Ok(None)), located(&["b"])] {
        assert_eq!(fetch.primary(input), Vec::<String>::new());
    }
    fetch.give(Role::Hedge, zeros(10));
    assert_eq!(fetch.primary(status(200)).len(), 3);
}

/// As [`sent`], with [`Verify::Transit`].
fn in_transit(chunk: Chunk, hosts: &[&str]) -> Fetch {
    let options = Options { verify: Verify::Transit, ..Options::default() };
    let mut fetch = Fetch::new(view(chunk, 0..100), options);
    fetch.primary(located(hosts));
    fetch.send(hosts[0]);
    fetch
}

/// The ETag of these bytes.
fn crc(bytes: &[u8]) -> String {
    format!("\"{:08x}\"", sum(bytes))
}

#[test]
fn a_servers_checksum_is_checked_instead_of_the_md5() {
    let wrong_md5 = Chunk { md5: Some([1; 16]), ..chunk(100) };
    let mut fetch = in_transit(wrong_md5, &["a", "b"]);
    fetch.primary(etag(200, &crc(&[0; 100])));
    fetch.primary(zeros(60));
    // Another replica continues, although its ETag is hidden.
    fetch.primary(broken(false));
    fetch.primary(recovered(false));
    fetch.send("b");
    fetch.primary(status(206));
    fetch.primary(zeros(40));
    fetch.primary(Input::BodyEnd);
    assert_eq!(fetch.digested(), ["digested", "deliver 40", "finish", "end"]);
}

#[test]
fn after_a_wrong_checksum_of_a_server_the_md5_is_checked() {
    let mut fetch = in_transit(checked(100), &["a", "b"]);
    fetch.primary(etag(200, &crc(b"compressed")));
    fetch.primary(zeros(100));
    fetch.primary(Input::BodyEnd);
    assert_eq!(fetch.digested(), ["digested", "recover, restart"]);
    fetch.primary(recovered(true));
    fetch.send("b");
    fetch.primary(etag(200, &crc(b"compressed")));
    fetch.primary(zeros(100));
    fetch.primary(Input::BodyEnd);
    assert_eq!(fetch.digested(), ["digested", "deliver 100", "finish", "end"]);
}
