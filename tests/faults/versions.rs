//! Versions of a file, and content encodings (F45 to F48).

use kelp_stream::{
    Kind,
    http::headers::Headers,
    model::chunk::{Chunk, Compression},
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F45
#[test]
fn a_changed_file_is_an_error_and_not_retried() {
    let world = World::new();
    let chunk = Chunk { stored: Some(0..1000), ..two(&world, 1000) };
    let version = |etag: &str| Headers { etag: Some(etag.into()), ..Headers::default() };
    let session = passes(3);
    world.script(move |_| Script::default().headers(version("\"1\"")));
    assert_eq!(read_one(&world, chunk.clone(), session.clone()).unwrap(), bytes(0..1000));
    world.script(move |_| Script::default().headers(version("\"2\"")));
    let (none, error) = read_to_error(&world, open(&world, vec![chunk], session));
    assert_eq!((none.len(), error.kind(), error.kind().retryable()), (0, Kind::SourceChanged, false));
    assert_eq!(asked(&world), ["a bytes=0-999", "a bytes=0-999"]);
}

// F46, F70
#[test]
fn gzip_is_inflated_unless_the_platform_did() {
    let undone =
        || Script::default().headers(Headers { content_encoding: Some("gzip".into()), ..Headers::default() });
    let file = bytes(0..1000);
    let packed = gzip(&file);
    let packed_len = packed.len() as u64;
    let twice = gzip(&packed);
    for (stored, says_undone, content, why) in [
        (packed.clone(), false, &file, "it starts like gzip"),
        (file.clone(), true, &file, "it was inflated"),
        (file.clone(), false, &file, "it was inflated, without a header that says so"),
        (packed.clone(), true, &packed, "the file itself is gzip"),
        (twice, false, &packed, "the file itself is gzip"),
    ] {
        let world = World::new();
        let size = if content == &packed { packed_len } else { 1000 };
        let chunk = Chunk { compression: Compression::Gzip, ..at_two(&world, stored, size) };
        world.script(move |_| if says_undone { undone() } else { Script::default() }.piece(1));
        assert_eq!(&read_one(&world, digested(chunk, content), passes(1)).unwrap(), content, "{why}");
        assert_eq!(asked(&world), ["a"]);
    }
}

// F46
#[test]
fn a_body_that_the_platform_left_packed_is_inflated() {
    let file = bytes(0..1000);
    let packed = gzip(&file);
    let twice = gzip(&packed);
    let odd = [&[0x1f, 0x8b][..], &file].concat();
    let with_length = |len: usize| Headers { content_length: Some(len as u64), ..Headers::default() };
    for (body, encoded, content, why) in [
        (&packed, &packed, &file, "it was left compressed"),
        (&file, &packed, &file, "it was inflated"),
        (&packed, &twice, &packed, "the file itself is gzip, and its encoding was decoded"),
        (&twice, &twice, &packed, "the file itself is gzip, and was left compressed"),
        (&packed, &packed, &packed, "the file itself is gzip, without an encoding"),
        (&odd, &odd, &odd, "it only starts like gzip"),
    ] {
        for step in [1, 7, 4096] {
            let world = World::new();
            let size = content.len() as u64;
            let chunk = Chunk { compression: Compression::ByServer, ..at_two(&world, body.clone(), size) };
            let encoded = with_length(encoded.len());
            world.script(move |_| Script::default().headers(encoded.clone()).piece(step));
            assert_eq!(&read_one(&world, chunk.clone(), passes(1)).unwrap(), content, "{why}, {step}");
            assert_eq!(
                &read_one(&world, digested(chunk.clone(), content), passes(1)).unwrap(),
                content,
                "{why}"
            );
            assert_eq!(
                read_part(&world, chunk, 30..50, passes(1)).unwrap(),
                content[30..50],
                "{why}, {step}"
            );
            assert_eq!(asked(&world), ["a", "a", "a"], "{why}");
        }
    }
}

// F46
#[test]
fn a_packed_body_that_breaks_is_read_elsewhere() {
    let file = bytes(0..1000);
    let packed = gzip(&file);
    for outcome in [Outcome::Cut(100), Outcome::End(100), Outcome::Flip(packed.len() - 6)] {
        let world = World::new();
        let chunk = Chunk { compression: Compression::ByServer, ..at_two(&world, packed.clone(), 1000) };
        let (encoded, bad) = (packed.len() as u64, outcome.clone());
        world.script(move |asked| {
            let outcome = if asked.host == "a" { bad.clone() } else { Outcome::Good };
            Script::default()
                .headers(Headers { content_length: Some(encoded), ..Headers::default() })
                .outcome(outcome)
                .piece(64)
        });
        assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), file, "{outcome:?}");
        assert_eq!(asked(&world), ["a", "b"], "{outcome:?}");
    }
}

// F46, F47
#[test]
fn the_length_of_an_encoded_body_is_ignored() {
    let file = bytes(0..1000);
    for encoding in ["gzip", "br", "zstd"] {
        let world = World::new();
        let plain = digested(two(&world, 1000), &file);
        let stored = encrypted(&file, &key());
        world.store("http://a/1", stored);
        let sealed = Chunk { key: Some(key()), ..plain_at(&plain, "http://a/1") };
        world.store("http://a/2", gzip(&file));
        let packed = Chunk { compression: Compression::Gzip, ..plain_at(&plain, "http://a/2") };
        world.script(move |_| {
            let content_encoding = Some(encoding.into());
            Script::default().headers(Headers {
                content_encoding,
                content_length: Some(7),
                ..Headers::default()
            })
        });
        assert_eq!(read_one(&world, plain, passes(1)).unwrap(), file, "{encoding}");
        assert_eq!(read_one(&world, sealed, passes(1)).unwrap(), file, "{encoding} around a ciphertext");
        if encoding != "gzip" {
            assert_eq!(read_one(&world, packed, passes(1)).unwrap(), file, "{encoding} around gzip");
        }
        assert_eq!(world.log().len(), world.log().iter().filter(|each| each.asked.range.is_none()).count());
    }
}

// F48
#[test]
fn a_chunk_packed_by_its_server_is_requested_whole() {
    let world = World::new();
    let chunk = Chunk { compression: Compression::ByServer, ..two(&world, 1000) };
    hosts(&world, &[("a", Outcome::Cut(500))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(read_part(&world, chunk, 300..700, passes(1)).unwrap(), bytes(300..700));
    assert_eq!(asked(&world), ["a", "b", "a", "b"]);
}
