//! Decryption and decompression (F54 to F74, F119, F120).

use std::{sync::Arc, time::Duration};

use kelp_stream::{
    Kind,
    model::{
        chunk::{Chunk, CipherKey, Compression, Ctr},
        limit::{MAX_CHUNK_BYTES, max_output},
    },
    sim::{CodecTimes, Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F55
#[test]
fn a_wrong_key_is_corrupt_and_delivers_nothing() {
    let world = World::new();
    let chunk = Chunk { key: CipherKey::new(&[8; 32]), ..sealed(&world, 1000) };
    let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(2)));
    assert_eq!((none.len(), error.kind(), error.attempts().len()), (0, Kind::Corrupt, 4));
}

// F63
#[test]
fn gzip_is_inflated_after_decryption() {
    let world = World::new();
    let stored = encrypted(&gzip(&bytes(0..100_000)), &key());
    let chunk = Chunk { key: Some(key()), compression: Compression::Gzip, ..at_two(&world, stored, 100_000) };
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..100_000));
    assert_eq!(read_part(&world, chunk, 70_000..70_010, passes(1)).unwrap(), bytes(70_000..70_010));
}

// F64, F65
#[test]
fn inflated_bytes_are_clipped_and_a_bomb_is_refused() {
    let inflates_to = |len: u64| encrypted(&gzip(&vec![0; len as usize]), &key());
    let world = World::new();
    let chunk = |len| Chunk {
        key: Some(key()),
        compression: Compression::Gzip,
        ..at_two(&world, inflates_to(len), 1000)
    };
    let most = max_output(&plain(&[], 0, 1000));
    assert_eq!(read_one(&world, chunk(10 << 20), passes(1)).unwrap(), vec![0; 1000]);
    let error = read_one(&world, chunk(most + 1), passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (Kind::Limit, Some(0)));
}

// F65
#[test]
fn a_decoded_chunk_shorter_than_its_size_is_short() {
    let world = World::new();
    for compression in [Compression::None, Compression::Gzip] {
        let content = match compression {
            Compression::Gzip => gzip(&bytes(0..500)),
            _ => bytes(0..500),
        };
        let chunk =
            Chunk { key: Some(key()), compression, ..at_two(&world, encrypted(&content, &key()), 600) };
        let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(1)));
        assert_eq!((none.len(), error.kind(), error.attempts().len()), (0, Kind::ShortBody, 2));
    }
}

// F57
#[test]
fn a_truncated_ciphertext_is_an_error_at_every_length() {
    let world = World::new();
    let stored = encrypted(b"x", &key());
    for len in 0..stored.len() {
        let chunk = Chunk { key: Some(key()), ..at_two(&world, stored[..len].to_vec(), 1) };
        let error = read_one(&world, chunk, passes(1)).unwrap_err();
        assert!(matches!(error.kind(), Kind::Corrupt | Kind::ShortBody), "{len} bytes: {error:?}");
    }
}

// F61, F108
#[test]
fn a_chunk_too_large_for_memory_is_not_requested() {
    for (key, compression) in [(Some(key()), Compression::None), (None, Compression::Gzip)] {
        let world = World::new();
        let chunk = Chunk { key, compression, ..plain(&["http://a/0"], 0, MAX_CHUNK_BYTES + 1) };
        let error = read_part(&world, chunk, 0..10, passes(1)).unwrap_err();
        assert_eq!((error.kind(), error.chunk()), (Kind::Limit, Some("http://a/0")));
        assert_eq!(world.log().len(), 0);
    }
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    let plain = plain(&["http://a/0"], 0, MAX_CHUNK_BYTES + 1);
    assert_eq!(
        read_part(&world, plain, 0..10, passes(1)).unwrap(),
        bytes(0..10),
        "a plain chunk is streamed"
    );
}

// F60
#[test]
fn an_encrypted_chunk_longer_than_its_size_is_clipped() {
    let world = World::new();
    let chunk = Chunk { size: 600, ..sealed(&world, 1000) };
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..600));
    let with_md5 = digested(chunk, &bytes(0..1000));
    assert_eq!(read_one(&world, with_md5, passes(1)).unwrap(), bytes(0..600));
}

// F70
#[test]
fn plain_bytes_declared_gzip_under_a_cipher_are_corrupt() {
    let world = World::new();
    let chunk = Chunk { compression: Compression::Gzip, ..sealed(&world, 1000) };
    let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(1)));
    assert_eq!((none.len(), error.kind()), (0, Kind::Corrupt));
}

/// A fault of the writer, which the reader does not detect.
// F62
#[test]
fn a_reused_key_and_nonce_is_read() {
    let world = World::new();
    let first = sealed(&world, 1000);
    world.store("http://a/1", encrypted(&bytes(1000..2000), &key()));
    let second = Chunk { offset: 1000, ..plain_at(&first, "http://a/1") };
    assert_eq!(read(&world, vec![first, second], passes(1)).unwrap(), bytes(0..2000));
}

// F66
#[test]
fn damaged_gzip_is_corrupt_and_read_elsewhere() {
    let world = World::new();
    let packed = gzip(&bytes(0..1000));
    let trailer = packed.len() - 1;
    let chunk = Chunk { compression: Compression::Gzip, ..at_two(&world, packed, 1000) };
    outcomes(&world, move |asked| if asked.host == "a" { Outcome::Flip(trailer) } else { Outcome::Good });
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    outcomes(&world, move |_| Outcome::Flip(trailer));
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap_err().kind(), Kind::Corrupt);
}

// F71
#[test]
fn gzip_that_is_not_declared_is_not_inflated() {
    let world = World::new();
    let packed = gzip(&bytes(0..1000));
    let size = packed.len() as u64;
    let chunk = at_two(&world, packed.clone(), size);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), packed);
}

/// The codec needs this for each byte.
const NS: Duration = Duration::from_nanos(1);

fn slow_codec(world: &World, byte: Duration) {
    world.codec_times(CodecTimes { byte, ..CodecTimes::default() });
}

// F119
#[test]
fn a_chunk_whose_decoder_died_is_fetched_again_at_once() {
    let world = World::new();
    let chunk = sealed(&world, 1000);
    slow_codec(&world, 1000 * NS);
    world.codec_stops(|job| job.nth < 3);
    let session = passes(1);
    let stats = session.stats.clone();
    assert_eq!(read_one(&world, chunk, session).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["a", "a", "a", "a"], "no replica is blamed");
    // Three times half of a job, and a whole one.
    assert_eq!(world.now(), 1028 * 1000 * NS * 5 / 2, "without a pause");
    assert_eq!((stats.stats().retries, stats.stats().failovers), (3, 0));
}

// F119
#[test]
fn a_decoder_that_always_dies_is_an_internal_error() {
    let world = World::new();
    let chunk = sealed(&world, 1000);
    world.codec_stops(|job| job.decodes);
    let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(3)));
    assert_eq!((none.len(), error.kind(), error.chunk()), (0, Kind::Internal, Some("http://a/0")));
    assert_eq!(asked(&world), ["a", "a", "a", "a"]);
}

// F119
#[test]
fn a_digest_that_is_lost_before_the_reader_comes_is_repeated() {
    let world = World::new();
    let mut chunks = second_after_a_slow_first(&world, bytes(1000..2000));
    chunks[1].md5 = Some(md5(&bytes(1000..2000)));
    world.script(|asked| {
        let script = Script::default().piece(100);
        if asked.host == "slow" { script.latency(SECOND) } else { script }
    });
    world.codec_stops(|job| job.nth == 0);
    assert_eq!(read(&world, chunks, passes(1)).unwrap(), bytes(0..2000));
    assert_eq!(asked(&world), ["slow", "a", "a"]);
}

// F119
#[test]
fn a_digest_that_is_lost_after_delivery_is_an_internal_error() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.script(|_| Script::default().piece(100).rate(1000));
    world.codec_stops(|job| !job.decodes);
    let (read, error) = read_to_error(&world, open(&world, vec![chunk], passes(1)));
    assert_eq!((read, error.kind()), (bytes(0..900), Kind::Internal));
}

// F120
#[test]
fn without_a_codec_only_what_needs_it_fails() {
    let world = World::new();
    world.remove_codec();
    let chunk = two(&world, 1000);
    assert_eq!(read_one(&world, chunk.clone(), passes(3)).unwrap(), bytes(0..1000));
    let ctr = Ctr::new(key(), [0; 16], 0);
    let content: Arc<[u8]> = bytes(0..10).into();
    for chunk in [
        digested(chunk.clone(), &bytes(0..1000)),
        Chunk { ctr: Some(ctr.clone().into()), ..chunk },
        Chunk { ctr: Some(ctr.into()), ..Chunk::inline(content) },
        sealed(&world, 1000),
    ] {
        let before = world.log().len();
        let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(3)));
        assert_eq!((none.len(), error.kind(), error.kind().retryable()), (0, Kind::Unsupported, false));
        assert!(world.log().len() <= before + 1, "it was tried again");
        assert_eq!(world.open(), 0);
    }
}

#[test]
fn the_codec_is_loaded_during_the_first_request() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.script(|_| Script::default().latency(SECOND));
    world.codec_times(CodecTimes { load: SECOND, ..CodecTimes::default() });
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(world.now(), SECOND);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(world.now(), 2 * SECOND, "it is loaded once");
}

/// A request fails while there is no network, and the codec is loaded only after it is back.
#[test]
fn a_slow_codec_does_not_hide_that_the_network_was_gone() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    let chunk = plain_at(&chunk, "http://a/0");
    world.offline(Duration::ZERO..SECOND);
    world.codec_times(CodecTimes { load: 2 * SECOND, ..CodecTimes::default() });
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
}

/// Computing a digest takes time, and the reader comes to the chunk meanwhile.
#[test]
fn a_chunk_complete_before_it_is_due_is_verified_first() {
    let world = World::new();
    let mut chunks = second_after_a_slow_first(&world, bytes(1000..2000));
    chunks[1].md5 = Some(md5(&bytes(1000..2000)));
    world.script(|asked| match asked.host.as_str() {
        "slow" => Script::default().latency(SECOND),
        "a" => Script::default().piece(100).outcome(Outcome::Flip(0)),
        _ => Script::default().piece(100),
    });
    slow_codec(&world, 2_000_000 * NS);
    assert_eq!(read(&world, chunks, passes(1)).unwrap(), bytes(0..2000));
    assert_eq!(asked(&world), ["slow", "a", "b"]);
    assert_eq!(world.now(), 4 * SECOND, "two digests");
}

#[test]
fn bytes_in_decoding_are_within_the_budget() {
    let world = World::new();
    let chunks: Vec<Chunk> = (0..20)
        .map(|n| {
            let url = format!("http://a/{n}");
            world.store(&url, encrypted(&gzip(&bytes(n * 1000..n * 1000 + 1000)), &key()));
            Chunk { key: Some(key()), compression: Compression::Gzip, ..plain(&[&url], n * 1000, 1000) }
        })
        .collect();
    slow_codec(&world, 1000 * NS);
    let mut session = passes(1);
    session.options.max_bytes_ahead = 7000;
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..20_000));
    let most = world.most_bytes_decoding();
    assert!((2000..=7000).contains(&most), "{most} bytes");
}
