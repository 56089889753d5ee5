//! The checksum that a volume server sends as its ETag (`verify: "transit"`).

use kelp_stream::{
    Kind,
    http::headers::Headers,
    model::chunk::{Chunk, Compression},
    read::session::Session,
    schedule::options::Verify,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

/// A chunk of a volume server at hosts a and b, with a wrong MD5 in the metadata unless `has_md5`.
fn stored(world: &World, has_md5: bool) -> Chunk {
    let chunk = located(world, &["a", "b"], 1000);
    digested(chunk, &bytes(0..if has_md5 { 1000 } else { 7 }))
}

/// Responses with this ETag, in pieces of 100 bytes; host a damages byte `flip`.
fn serve(world: &World, etag: u32, flip: Option<usize>) {
    world.script(move |asked| {
        if asked.host == "slow" {
            return Script::default().latency(SECOND);
        }
        let script = Script::default().piece(100).etag(format!("\"{etag:08x}\""));
        match flip.filter(|_| asked.host == "a") {
            Some(at) => script.outcome(Outcome::Flip(at)),
            None => script,
        }
    });
}

fn transit() -> Session {
    verify(Verify::Transit)
}

#[test]
fn the_servers_checksum_replaces_the_md5() {
    let world = World::new();
    serve(&world, crc32c(&bytes(0..1000)), None);
    let chunk = stored(&world, false);
    assert_eq!(read_one(&world, chunk.clone(), transit()).unwrap(), bytes(0..1000));
    assert_eq!(read_one(&world, chunk, verify(Verify::Stream)).unwrap_err().kind(), Kind::Corrupt);
}

/// The server's disk changed a bit after the checksum was computed.
#[test]
fn a_flipped_bit_under_an_old_etag_is_detected() {
    let world = World::new();
    for at in [0, 500, 999] {
        serve(&world, crc32c(&bytes(0..1000)), Some(at));
        let chunk = stored(&world, true);
        // What comes after a slow first chunk is complete before it is due.
        world.store("http://slow/0", bytes(0..10));
        let slow = plain(&["http://slow/0"], 0, 10);
        let chunks = vec![slow, Chunk { offset: 10, ..chunk.clone() }];
        let expected = [bytes(0..10), bytes(0..1000)].concat();
        assert_eq!(read(&world, chunks, transit()).unwrap(), expected, "byte {at}");
        world.locator(|id, _| Ok(location(&["a"], id)));
        let (read, error) = read_to_error(&world, open(&world, vec![chunk], transit()));
        assert_eq!((error.kind(), read.len() < 1000), (Kind::Corrupt, true), "byte {at}");
    }
}

#[test]
fn a_checksum_of_old_servers_is_known() {
    let world = World::new();
    serve(&world, crc32c(&bytes(0..1000)).rotate_right(15).wrapping_add(0xa282_ead8), None);
    let chunk = stored(&world, false);
    assert_eq!(read_one(&world, chunk, transit()).unwrap(), bytes(0..1000));
}

#[test]
fn the_checksum_is_not_that_of_a_range() {
    let world = World::new();
    serve(&world, crc32c(b"other"), None);
    let chunk = stored(&world, true);
    assert_eq!(read_part(&world, chunk, 100..200, transit()).unwrap(), bytes(100..200));
}

#[test]
fn the_checksum_is_not_that_of_an_inflated_body() {
    let world = World::new();
    world.script(|_| {
        let headers = Headers {
            etag: Some(format!("\"{:08x}\"", crc32c(b"compressed"))),
            content_encoding: Some("gzip".into()),
            ..Headers::default()
        };
        Script::default().piece(100).headers(headers)
    });
    for compression in [Compression::None, Compression::ByServer] {
        let chunk = Chunk { compression, ..stored(&world, true) };
        assert_eq!(read_one(&world, chunk, transit()).unwrap(), bytes(0..1000));
        let chunk = Chunk { compression, ..stored(&world, false) };
        assert_eq!(read_one(&world, chunk, transit()).unwrap_err().kind(), Kind::Corrupt);
    }
}

#[test]
fn without_a_visible_checksum_the_md5_is_checked() {
    let world = World::new();
    assert_eq!(read_one(&world, stored(&world, true), transit()).unwrap(), bytes(0..1000));
    assert_eq!(read_one(&world, stored(&world, false), transit()).unwrap_err().kind(), Kind::Corrupt);
    // An entity tag of another kind.
    world.script(|_| Script::default().etag("\"abc\""));
    assert_eq!(read_one(&world, stored(&world, true), transit()).unwrap(), bytes(0..1000));
}

#[test]
fn an_encrypted_chunk_is_verified_by_its_tag() {
    let world = World::new();
    let sealed = encrypted(&bytes(0..1000), &key());
    serve(&world, crc32c(b"other"), None);
    let chunk = located(&world, &["a", "b"], 1000);
    for host in ["a", "b"] {
        world.store(&format!("http://{host}/3,01"), sealed.clone());
    }
    let chunk = Chunk { key: Some(key()), ..chunk };
    assert_eq!(read_one(&world, chunk.clone(), transit()).unwrap(), bytes(0..1000));
    serve(&world, crc32c(&sealed), Some(500));
    assert_eq!(read_one(&world, chunk, transit()).unwrap(), bytes(0..1000), "from the other replica");
}
