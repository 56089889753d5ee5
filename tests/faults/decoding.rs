//! Decryption and decompression (F54 to F74).

use kelp_stream::{
    Kind,
    model::{
        chunk::{Chunk, CipherKey, Compression},
        limit::{MAX_CHUNK_BYTES, max_output},
    },
    sim::{Outcome, World},
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
