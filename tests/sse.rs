//! Encrypted objects of the S3 gateway: from the stored metadata and the keys to the bytes.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic")]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
use base64ct::{Base64, Encoding};
use hmac::{Hmac, Mac};
use kelp_stream::{
    Error, Kind, Options, Plan, decode,
    formats::seaweedfs::entry::{Entry, EntryError, Keys, Reason, SseKind, Unsupported, WrongKey},
    model::chunk::{Chunk, CipherKey, Compression, Ctr},
    read::{open::OpenContext, open_file::OpenFile, session::Session, streams::Streams},
    schedule::options::Verify,
    sim::{Outcome, Script, SimHost, World},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use support::*;

const IV: [u8; 16] = *b"\x01\x02\x03\x04\x05\x06\x07\x08\xff\xff\xff\xff\xff\xff\xff\xff";

fn cipher_key(byte: u8) -> CipherKey {
    CipherKey::new(&[byte; 32]).unwrap()
}

fn customer() -> Keys {
    Keys { customer: Some(cipher_key(1)), kek: None }
}

fn gateway() -> Keys {
    Keys { customer: None, kek: Some(cipher_key(2)) }
}

/// The data key of objects under SSE-S3.
fn data_key() -> CipherKey {
    CipherKey::new(&(0..32).collect::<Vec<u8>>()).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// The bytes that the gateway stores: plaintext under a key stream, from its position `offset`.
fn encrypted_at(key: &CipherKey, offset: u64, plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    decode::apply(&Ctr::new(key.clone(), IV, offset), 0, &mut bytes);
    bytes
}

/// The parameters of a chunk under SSE-C, as the gateway writes them.
fn c_parameters(offset: u64) -> Value {
    json!({"algorithm": "AES256", "iv": base64(&IV), "keyMD5": base64(&md5(&[1; 32])), "partOffset": offset})
}

/// The parameters of a chunk or an object under SSE-S3.
fn s3_parameters(iv: &[u8; 16]) -> Value {
    let nonce = [3; 12];
    let wrapped = Aes256Gcm::new(&[2; 32].into()).encrypt(&nonce.into(), &data_key().bytes()[..]).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(data_key().bytes()).unwrap();
    mac.update(iv);
    mac.update(b"AES256");
    json!({
        "algorithm": "AES256", "keyId": "sse-s3-key-1", "encryptedDEK": base64(&wrapped), "nonce": base64(&nonce),
        "iv": base64(iv), "keyCommitment": base64(&mac.finalize().into_bytes()),
    })
}

fn without(mut parameters: Value, field: &str) -> Value {
    parameters.as_object_mut().unwrap().remove(field).unwrap();
    parameters
}

fn with(mut parameters: Value, field: &str, value: Value) -> Value {
    parameters[field] = value;
    parameters
}

/// A chunk of an entry, at `http://a/`.
fn chunk(key: u64, offset: u64, size: u64, kind: u32, parameters: Option<&Value>) -> Value {
    let mut chunk =
        json!({"file_id": format!("3,{key:02x}00000000"), "offset": offset, "size": size, "sse_type": kind});
    if let Some(parameters) = parameters {
        chunk["sse_metadata"] = base64(parameters.to_string().as_bytes()).into();
    }
    chunk
}

fn entry(chunks: Value, more: Value) -> Entry {
    let mut all =
        json!({"FullPath": "/buckets/b/o", "Mtime": "2026-08-22T12:00:00Z", "Mode": 432, "chunks": chunks});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Entry::parse(all.to_string().as_bytes()).unwrap()
}

/// An entry with one chunk of 34 bytes.
fn one(kind: u32, parameters: &Value) -> Entry {
    entry(json!([chunk(1, 0, 34, kind, Some(parameters))]), json!({}))
}

fn inline(content: &[u8], extended: Value) -> Entry {
    entry(json!([]), json!({"Content": base64(content), "Extended": extended}))
}

fn c_attributes(iv: &[u8]) -> Value {
    json!({
        "x-seaweedfs-sse-c-iv": base64(iv),
        "X-Amz-Server-Side-Encryption-Customer-Algorithm": base64(b"AES256"),
        "X-Amz-Server-Side-Encryption-Customer-Key-MD5": base64(base64(&md5(&[1; 32])).as_bytes()),
    })
}

fn s3_attributes(parameters: &Value) -> Value {
    json!({
        "X-Amz-Server-Side-Encryption": base64(b"AES256"),
        "x-seaweedfs-sse-s3-key": base64(parameters.to_string().as_bytes()),
    })
}

/// The key stream over the one chunk.
fn ctr(entry: &Entry, keys: &Keys) -> Result<Ctr, EntryError> {
    let chunks = chunks_to_read(entry, keys)?;
    Ok(chunks[0].ctr.as_deref().unwrap().clone())
}

fn refused(entry: &Entry, keys: &Keys) -> EntryError {
    chunks_to_read(entry, keys).unwrap_err()
}

/// Reads an entry in a world that has the `stored` chunks.
fn read_entry(entry: &Entry, keys: &Keys, stored: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let world = World::new();
    world.script(|_| Script::default().piece(7));
    for (key, bytes) in stored {
        world.store(&format!("http://a/3,{key:02x}00000000"), bytes.clone());
    }
    world.locator(|id, _| {
        Ok(kelp_stream::model::location::Location { urls: vec![format!("http://a/{id}")], token: None })
    });
    read(&world, chunks_to_read(entry, keys).unwrap(), Options::default()).unwrap()
}

#[test]
fn an_sse_c_chunk_begins_at_its_part_offset() {
    // Two parts, each with a key stream of its own. The second one is cut inside a block.
    let key = cipher_key(1);
    let list = json!([
        chunk(1, 0, 50, 1, Some(&c_parameters(0))),
        chunk(2, 50, 20, 1, Some(&c_parameters(0))),
        chunk(3, 70, 30, 1, Some(&c_parameters(20))),
    ]);
    let stored = [
        (1, encrypted_at(&key, 0, &bytes(0..50))),
        (2, encrypted_at(&key, 0, &bytes(50..70))),
        (3, encrypted_at(&key, 20, &bytes(70..100))),
    ];
    assert_eq!(read_entry(&entry(list, json!({})), &customer(), &stored), bytes(0..100));
}

#[test]
fn the_vector_of_an_sse_s3_chunk_is_for_its_first_byte() {
    let (first, second) = (Ctr::new(data_key(), IV, 0), Ctr::new(data_key(), IV, 64));
    let list = json!([
        chunk(1, 0, 64, 3, Some(&s3_parameters(first.iv()))),
        // A part offset has no meaning here and is ignored.
        chunk(2, 64, 36, 3, Some(&with(s3_parameters(second.iv()), "partOffset", json!(64)))),
    ]);
    let stored = [
        (1, encrypted_at(&data_key(), 0, &bytes(0..64))),
        (2, encrypted_at(&data_key(), 64, &bytes(64..100))),
    ];
    assert_eq!(read_entry(&entry(list, json!({})), &gateway(), &stored), bytes(0..100));
}

#[test]
fn inline_content_is_decrypted_too() {
    let stored = encrypted_at(&cipher_key(1), 0, b"hello kelp");
    // Early gateways stored the vector in base64.
    for iv in [&IV[..], base64(&IV).as_bytes()] {
        assert_eq!(read_entry(&inline(&stored, c_attributes(iv)), &customer(), &[]), b"hello kelp");
    }
    let stored = encrypted_at(&data_key(), 0, b"hello kelp");
    let object = inline(&stored, s3_attributes(&s3_parameters(&IV)));
    assert_eq!(read_entry(&object, &gateway(), &[]), b"hello kelp");
}

#[test]
fn chunks_without_parameters_use_the_objects_stream() {
    let extended = json!({"Extended": c_attributes(&IV)});
    let list = json!([
        chunk(1, 0, 50, 1, None),
        chunk(2, 50, 50, 1, Some(&c_parameters(50))),
        chunk(3, 100, 20, 1, None)
    ]);
    let stored: Vec<_> = [(1, 0..50), (2, 50..100), (3, 100..120)]
        .map(|(id, range)| (id, encrypted_at(&cipher_key(1), range.start, &bytes(range))))
        .into();
    assert_eq!(read_entry(&entry(list, extended.clone()), &customer(), &stored), bytes(0..120));

    let parts = json!([
        chunk(1, 0, 50, 1, Some(&c_parameters(0))),
        chunk(2, 50, 50, 1, Some(&c_parameters(0))),
        chunk(3, 100, 20, 1, None),
    ]);
    // Each part has a key stream of its own, and nothing shows which one the third chunk has.
    assert_eq!(refused(&entry(parts, extended), &customer()), missing("chunks[2].sse_metadata"));
}

#[test]
fn an_sse_s3_object_can_use_the_vector_of_its_first_chunk() {
    let object = s3_attributes(&without(s3_parameters(&IV), "iv"));
    let list = json!([chunk(1, 0, 50, 3, Some(&s3_parameters(&IV))), chunk(2, 50, 50, 3, None)]);
    let stored = [
        (1, encrypted_at(&data_key(), 0, &bytes(0..50))),
        (2, encrypted_at(&data_key(), 50, &bytes(50..100))),
    ];
    let all = entry(list, json!({"Extended": object}));
    assert_eq!(read_entry(&all, &gateway(), &stored), bytes(0..100));
    assert_eq!(refused(&inline(b"hello", object), &gateway()), missing("x-seaweedfs-sse-s3-key.iv"));
}

#[test]
fn a_valid_or_missing_commitment_is_accepted() {
    let parameters = s3_parameters(&IV);
    assert_eq!(parameters["keyCommitment"], "IOnlBh1nOqzx+hil0O9W5Q/tIwEXrzIqRGdryx0D4i8=");
    assert_eq!(ctr(&one(3, &parameters), &gateway()), Ok(Ctr::new(data_key(), IV, 0)));
    let parameters = without(parameters, "keyCommitment");
    assert_eq!(ctr(&one(3, &parameters), &gateway()), Ok(Ctr::new(data_key(), IV, 0)));
}

#[test]
fn a_flipped_bit_in_the_stored_parameters_is_detected() {
    for (field, wrong) in [
        ("keyCommitment", WrongKey::Commitment),
        ("iv", WrongKey::Commitment),
        ("encryptedDEK", WrongKey::Kek),
        ("nonce", WrongKey::Kek),
    ] {
        let bytes = Base64::decode_vec(s3_parameters(&IV)[field].as_str().unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let parameters = with(s3_parameters(&IV), field, base64(&changed).into());
            assert_eq!(refused(&one(3, &parameters), &gateway()), wrong.into(), "{field} bit {bit}");
            let object = inline(b"hello", s3_attributes(&parameters));
            assert_eq!(refused(&object, &gateway()), wrong.into(), "{field} bit {bit}");
        }
        for cut in [1, bytes.len() - 1] {
            let parameters = with(s3_parameters(&IV), field, base64(&bytes[..cut]).into());
            assert!(chunks_to_read(&one(3, &parameters), &gateway()).is_err(), "{field} of {cut} bytes");
        }
    }
}

#[test]
fn a_wrong_key_is_corrupt() {
    let other = Keys { customer: Some(cipher_key(8)), kek: Some(cipher_key(9)) };
    let list = json!([chunk(1, 0, 34, 1, None)]);
    for (object, wrong) in [
        (one(1, &c_parameters(0)), WrongKey::Customer),
        (inline(b"hello", c_attributes(&IV)), WrongKey::Customer),
        (entry(list, json!({"Extended": c_attributes(&IV)})), WrongKey::Customer),
        // Only the object has the MD5 of the key.
        (
            entry(
                json!([chunk(1, 0, 34, 1, Some(&without(c_parameters(0), "keyMD5")))]),
                json!({"Extended": c_attributes(&IV)}),
            ),
            WrongKey::Customer,
        ),
        (one(3, &s3_parameters(&IV)), WrongKey::Kek),
        (inline(b"hello", s3_attributes(&s3_parameters(&IV))), WrongKey::Kek),
    ] {
        let error = refused(&object, &other);
        assert_eq!(error, wrong.into());
        assert_eq!(Error::from(error).kind(), Kind::Corrupt);
    }
}

#[test]
fn a_key_without_a_stored_md5_is_accepted() {
    let parameters = without(c_parameters(0), "keyMD5");
    assert_eq!(ctr(&one(1, &parameters), &customer()), Ok(Ctr::new(cipher_key(1), IV, 0)));
}

#[test]
fn an_error_names_the_missing_key() {
    let all = Keys { customer: Some(cipher_key(1)), kek: Some(cipher_key(2)) };
    let header = |name: &str, value: &str| inline(b"hello", json!({name: base64(value.as_bytes())}));
    for (object, keys, kind, needed) in [
        (one(1, &c_parameters(0)), gateway(), SseKind::C, "sse.customerKey"),
        (one(3, &s3_parameters(&IV)), customer(), SseKind::S3, "sse.kek"),
        (one(2, &c_parameters(0)), all.clone(), SseKind::Kms, "key server"),
        (one(9, &c_parameters(0)), all.clone(), SseKind::Unknown, "unknown"),
        (one(1, &with(c_parameters(0), "algorithm", json!("SM4"))), all.clone(), SseKind::Unknown, "unknown"),
        (inline(b"hello", c_attributes(&IV)), gateway(), SseKind::C, "sse.customerKey"),
        (header("x-seaweedfs-sse-kms-key", "{}"), all.clone(), SseKind::Kms, "key server"),
        (header("x-amz-server-side-encryption", "aws:kms"), all, SseKind::Kms, "key server"),
        // The other attributes are missing, but the stored bytes are still encrypted.
        (header("x-amz-server-side-encryption", "AES256"), customer(), SseKind::S3, "sse.kek"),
        (
            header("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            gateway(),
            SseKind::C,
            "sse.customerKey",
        ),
    ] {
        let error = refused(&object, &keys);
        assert_eq!(error, Unsupported::Sse(kind).into());
        let error = Error::from(error);
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.to_string().contains(needed), "{error}");
    }
}

fn missing(field: &str) -> EntryError {
    EntryError::Field { field: field.into(), reason: Reason::Missing }
}

#[test]
fn a_wrong_parameter_is_named() {
    let of_chunk = |parameters: &Value| match refused(&one(1, parameters), &customer()) {
        EntryError::Field { field, reason } => (field, reason),
        other => panic!("not a field error: {other:?}"),
    };
    for (name, value, reason) in [
        ("iv", json!("AAAA"), Reason::Not("16 bytes in base64")),
        ("iv", json!("secret!"), Reason::Not("base64")),
        ("iv", json!(5), Reason::Not("base64")),
        ("iv", json!([1]), Reason::Not("base64")),
        ("iv", json!(null), Reason::Missing),
        ("partOffset", json!(-1), Reason::Negative),
        ("partOffset", json!("1"), Reason::Not("an integer in the range of its type")),
        ("partOffset", json!(0.5), Reason::Not("an integer in the range of its type")),
        ("keyMD5", json!(5), Reason::Not("a string")),
        ("algorithm", json!({}), Reason::Not("a string")),
        ("nonce", json!("?"), Reason::Not("base64")),
    ] {
        let error = of_chunk(&with(c_parameters(0), name, value.clone()));
        assert_eq!(error, (format!("chunks[0].sse_metadata.{name}"), reason), "{value}");
    }
    for parameters in [json!([]), json!("secret"), json!(null)] {
        let error = of_chunk(&parameters);
        assert_eq!(error, ("chunks[0].sse_metadata".into(), Reason::Not("an object")), "{parameters}");
    }
    let list =
        json!([{"file_id": "3,1637037d6a", "size": 34, "sse_type": 1, "sse_metadata": base64(b"{\"secret")}]);
    let error = refused(&entry(list, json!({})), &customer());
    assert_eq!(error.to_string(), "invalid SeaweedFS metadata: chunks[0].sse_metadata is not JSON");
    assert_eq!(Error::from(error).kind(), Kind::Manifest);

    let list = json!([chunk(1, 0, 34, 3, Some(&json!({})))]);
    assert_eq!(refused(&entry(list, json!({})), &gateway()), missing("chunks[0].sse_metadata.iv"));
    let list = || json!([chunk(1, 0, 34, 1, None)]);
    assert_eq!(refused(&entry(list(), json!({})), &customer()), missing("chunks[0].sse_metadata"));
    let header = json!({"X-Amz-Server-Side-Encryption-Customer-Algorithm": base64(b"AES256")});
    assert_eq!(
        refused(&entry(list(), json!({"Extended": header})), &customer()),
        missing("x-seaweedfs-sse-c-iv")
    );
    let bad = json!({"Extended": {"x-seaweedfs-sse-c-iv": base64(b"short")}});
    assert_eq!(
        refused(&entry(list(), bad), &customer()).to_string(),
        "invalid SeaweedFS metadata: x-seaweedfs-sse-c-iv is not an initialisation vector"
    );
}

#[test]
fn unknown_parameters_may_have_any_value() {
    let parameters = with(c_parameters(0), "context", json!({"a": [1, {}], "iv": 5}));
    assert!(ctr(&one(1, &parameters), &customer()).is_ok());
}

#[test]
fn the_objects_parameters_are_parsed_once() {
    let list: Vec<_> = (0..20_000).map(|i| chunk(1, i, 1, 3, None)).collect();
    let object = with(s3_parameters(&IV), "keyId", "k".repeat(1 << 20).into());
    let all = entry(list.into(), json!({"Extended": s3_attributes(&object)}));
    let start = std::time::Instant::now();
    assert_eq!(chunks_to_read(&all, &gateway()).unwrap().len(), 20_000);
    // Parsing the object's parameters for each chunk would take a minute.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn no_key_is_printed() {
    let keys = Keys { customer: Some(cipher_key(77)), kek: Some(cipher_key(77)) };
    let read = chunks_to_read(&one(3, &s3_parameters(&IV)), &gateway()).unwrap();
    let printed = format!("{keys:?} {read:?}");
    assert!(!printed.contains("77, 77") && !printed.contains("1, 2, 3, 4, 5, 6, 7, 8, 9"), "{printed}");
}

/// A chunk of 1000 bytes under a key stream, on hosts a and b. Its digest is of the ciphertext.
fn at_two(world: &World) -> Chunk {
    let stored = encrypted_at(&data_key(), 20, &bytes(0..1000));
    for host in ["a", "b"] {
        world.store(&format!("http://{host}/0"), stored.clone());
    }
    let ctr = Some(Ctr::new(data_key(), IV, 20).into());
    Chunk { ctr, md5: Some(md5(&stored)), ..plain(&["http://a/0", "http://b/0"], 0, 1000) }
}

/// Host a has this outcome, in pieces of 100 bytes, and host b works.
fn first(world: &World, outcome: Outcome) {
    world.script(move |asked| {
        let outcome = if asked.host == "a" { outcome.clone() } else { Outcome::Good };
        Script::default().piece(100).outcome(outcome)
    });
}

fn verify(verify: Verify) -> Options {
    let mut options = Options::default();
    options.verify = verify;
    options
}

#[test]
fn a_broken_body_is_resumed_at_the_right_counter() {
    for check in [Verify::Stream, Verify::Strict, Verify::Off] {
        for cut in [0, 1, 15, 16, 17, 500, 999] {
            let world = World::new();
            let chunk = at_two(&world);
            first(&world, Outcome::Cut(cut));
            assert_eq!(read(&world, vec![chunk], verify(check)).unwrap(), bytes(0..1000), "cut at {cut}");
            let last = world.log().pop().unwrap().asked;
            let from = last.range.map_or(0, |range| range.start);
            assert_eq!((last.host.as_str(), from), ("b", cut as u64));
        }
    }
}

#[test]
fn the_digest_of_the_ciphertext_is_verified() {
    for flip in [0, 500, 999] {
        let world = World::new();
        let chunk = at_two(&world);
        first(&world, Outcome::Flip(flip));
        let strict = read(&world, vec![chunk.clone()], verify(Verify::Strict)).unwrap();
        assert_eq!(strict, bytes(0..1000), "flipped at {flip}");
        let world = World::new();
        let chunk = Chunk { md5: Some(md5(&bytes(0..1000))), ..at_two(&world) };
        let error = read(&world, vec![chunk], Options::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
    }
}

#[test]
fn a_part_of_a_chunk_is_requested_as_a_range() {
    let world = World::new();
    let chunk = at_two(&world);
    first(&world, Outcome::Good);
    let reader = open_plan(&world, Plan::new([chunk].into(), 333..777), Options::default());
    let part = world.run(kelp_stream::sim::collect(reader)).unwrap().unwrap();
    assert_eq!(part, bytes(333..777));
    let range = world.log()[0].asked.range.unwrap();
    assert_eq!((range.start, range.end), (333, Some(777)));
}

#[test]
fn a_200_to_a_range_request_is_decrypted_correctly() {
    let world = World::new();
    let chunk = at_two(&world);
    world.script(|_| Script::default().piece(100).no_ranges());
    let reader = open_plan(&world, Plan::new([chunk].into(), 333..777), Options::default());
    assert_eq!(world.run(kelp_stream::sim::collect(reader)).unwrap().unwrap(), bytes(333..777));
}

#[test]
fn a_key_stream_below_cipher_and_gzip_is_removed_last() {
    let world = World::new();
    let under = encrypted_at(&data_key(), 20, &bytes(0..1000));
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &under).unwrap();
        encoder.finish().unwrap()
    };
    let ctr = Some(Ctr::new(data_key(), IV, 20).into());
    for (stored, compression) in [(&under, Compression::None), (&gzip, Compression::Gzip)] {
        world.store("http://a/0", encrypted(stored, &key()));
        let md5 = Some(md5(&under));
        let chunk = Chunk {
            key: Some(key()),
            compression,
            ctr: Clone::clone(&ctr),
            md5,
            ..plain(&["http://a/0"], 0, 1000)
        };
        for range in [0..1000, 3..998] {
            let plan = Plan::new([chunk.clone()].into(), range.clone());
            let reader = open_plan(&world, plan, Options::default());
            assert_eq!(world.run(kelp_stream::sim::collect(reader)).unwrap().unwrap(), bytes(range));
        }
    }
}

proptest! {
    #[test]
    fn any_range_of_any_chunk_in_any_pieces_is_decrypted(
        offset in 0_u64..1 << 40, start in 0_u64..1000, length in 1_u64..1000, piece in 1_usize..300, cut in 0_usize..1000,
    ) {
        let world = World::new();
        let stored = encrypted_at(&data_key(), offset, &bytes(0..1000));
        for host in ["a", "b"] {
            world.store(&format!("http://{host}/0"), stored.clone());
        }
        world.script(move |asked| {
            let outcome = if asked.host == "a" { Outcome::Cut(cut) } else { Outcome::Good };
            Script::default().piece(piece).outcome(outcome)
        });
        let ctr = Some(Ctr::new(data_key(), IV, offset).into());
        let chunk = Chunk { ctr, ..plain(&["http://a/0", "http://b/0"], 0, 1000) };
        let range = start..(start + length).min(1000);
        let reader = open_plan(&world, Plan::new([chunk].into(), range.clone()), Options::default());
        prop_assert_eq!(world.run(kelp_stream::sim::collect(reader)).unwrap().unwrap(), bytes(range));
    }

    #[test]
    fn no_parameters_cause_a_panic(text in prop::collection::vec(any::<u8>(), 0..100), kind in 1_u32..4) {
        let list = json!([{"file_id": "3,1637037d6a", "size": 34, "sse_type": kind, "sse_metadata": base64(&text)}]);
        let keys = Keys { customer: Some(cipher_key(1)), kek: Some(cipher_key(2)) };
        let entry = entry(list, json!({}));
        prop_assert!(chunks_to_read(&entry, &keys).is_err(), "{:?}", text);
    }
}

/// Opens an entry in a world whose chunks have no place.
fn opened(world: &World, entry: &str, keys: &Keys) -> Result<OpenFile<SimHost>, Error> {
    let context = OpenContext {
        host: world.host(),
        session: Session::default(),
        shared_streams: Streams::default(),
        can_renew_filer_token: false,
    };
    let (entry, keys) = (entry.to_owned(), keys.clone());
    world.run(async move { context.open_entry(entry.as_bytes(), None, &keys).await }).expect("it ends")
}

/// An entry of three chunks, of which two have the same data key.
fn three_chunks() -> String {
    let other = {
        let nonce = [4; 12];
        let wrapped = Aes256Gcm::new(&[2; 32].into()).encrypt(&nonce.into(), &[9; 32][..]).unwrap();
        let with_key = with(s3_parameters(&IV), "encryptedDEK", json!(base64(&wrapped)));
        without(with(with_key, "nonce", json!(base64(&nonce))), "keyCommitment")
    };
    let list = json!([
        chunk(1, 0, 34, 3, Some(&s3_parameters(&IV))),
        chunk(2, 34, 34, 3, Some(&s3_parameters(&IV))),
        chunk(3, 68, 34, 3, Some(&other)),
    ]);
    json!({"FullPath": "/o", "Mtime": "2026-08-22T12:00:00Z", "Mode": 432, "chunks": list}).to_string()
}

#[test]
fn the_host_decrypts_each_data_key_once() {
    let world = World::new();
    let jobs = Arc::new(AtomicUsize::new(0));
    world.codec_stops({
        let jobs = Arc::clone(&jobs);
        move |_| {
            jobs.fetch_add(1, Ordering::Relaxed);
            false
        }
    });
    assert!(opened(&world, &three_chunks(), &gateway()).is_ok());
    assert_eq!(jobs.load(Ordering::Relaxed), 2);
    let error = opened(&world, &three_chunks(), &Keys::default()).unwrap_err();
    assert_eq!((error.kind(), jobs.load(Ordering::Relaxed)), (Kind::Unsupported, 2));
    let other = Keys { customer: None, kek: Some(cipher_key(9)) };
    assert_eq!(opened(&world, &three_chunks(), &other).unwrap_err().kind(), Kind::Corrupt);
}

// F119, F120
#[test]
fn a_decoder_that_dies_while_keys_are_decrypted() {
    let world = World::new();
    world.codec_stops(|job| job.nth < 3);
    assert!(opened(&world, &three_chunks(), &gateway()).is_ok());
    world.codec_stops(|_| true);
    assert_eq!(opened(&world, &three_chunks(), &gateway()).unwrap_err().kind(), Kind::Internal);
    world.remove_codec();
    assert_eq!(opened(&world, &three_chunks(), &gateway()).unwrap_err().kind(), Kind::Unsupported);
}
