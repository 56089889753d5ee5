//! What a copy of a file is worth.

use kelp_stream::{
    formats::manifest::{ChunkFields, ManifestFields},
    native::{Client, File},
};
use md5::{Digest, Md5};

use crate::{quick, run};

/// Three chunks of ten bytes: the second one without a digest; then a gap of five bytes.
fn file() -> File {
    let chunk = |at: u64, md5: Option<&[u8]>| ChunkFields {
        urls: vec![format!("http://127.0.0.1:9/{at}")],
        offset: at,
        size: 10,
        md5: md5.map(|bytes| Md5::digest(bytes)[..].to_vec()),
        ..ChunkFields::default()
    };
    let chunks = vec![chunk(0, Some(&[1; 10])), chunk(10, None), chunk(20, Some(&[3; 10]))];
    let manifest = ManifestFields { size: 35, chunks, ..ManifestFields::default() }.check().unwrap();
    Client::new().open_manifest(manifest, &quick()).unwrap()
}

fn copy() -> Vec<u8> {
    [[1; 10], [2; 10], [3; 10]].concat()
}

#[test]
fn a_copy_matches_up_to_the_first_chunk_that_differs() {
    run(async {
        let file = file();
        let matching_prefix = |start, copy: &[u8]| file.matching_prefix(start, copy).unwrap();
        assert_eq!(matching_prefix(0, &copy()), 30);
        assert_eq!(matching_prefix(0, &[copy(), vec![0; 9]].concat()), 35, "it ends with the file");
        for (wrong, agreed) in [(0, 0), (9, 0), (10, 30), (19, 30), (20, 20), (29, 20)] {
            let mut bytes = copy();
            bytes[wrong] ^= 1;
            assert_eq!(matching_prefix(0, &bytes), agreed, "byte {wrong}");
        }
        // Of a chunk that is not there in full nothing is known.
        assert_eq!(matching_prefix(0, &[9; 9]), 9);
        assert_eq!(matching_prefix(5, &[9; 5]), 5);
        assert_eq!(matching_prefix(5, &[&[9; 15][..], &[3; 10]].concat()), 25);
        assert_eq!(matching_prefix(5, &[9; 25]), 15);
        assert_eq!(matching_prefix(35, &[9]), 0);
        assert_eq!(file.stats().requests, 0);
    });
}
