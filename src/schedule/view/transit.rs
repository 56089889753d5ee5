//! The checksum in the `ETag` of a SeaweedFS volume server.
//!
//! A volume server sends, as eight hexadecimal digits, the CRC-32C of what it stores
//! (`weed/storage/needle/crc.go`). Its digits can be compared with a body that is exactly what is stored: all of the
//! blob, neither a range of it nor what a platform inflated. They do not show damage from before the server
//! computed them, as the MD5 in the metadata does, which comes from the writer.

use super::io::ResponseStart;
use crate::{
    host::Checksum,
    model::chunk::{Chunk, Compression, Source},
};

/// The CRC-32C of a whole chunk in its response; `None` if there is none, or it is not of the body.
pub(super) fn checksum(chunk: &Chunk, start: &ResponseStart, is_whole: bool) -> Option<Checksum> {
    let is_as_stored = chunk.compression == Compression::None && !start.headers.is_encoded();
    let is_blob = matches!(chunk.source, Source::FileId(_)) && chunk.stored.is_none();
    if start.status != 200 || !is_whole || !is_as_stored || !is_blob {
        return None;
    }
    let digits = start.headers.etag.as_deref()?.strip_prefix('"')?.strip_suffix('"')?;
    let is_hex = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let crc = is_hex.then(|| u32::from_str_radix(digits, 16).ok())??;
    Some(Checksum::Crc32c(crc))
}

/// Whether a computed checksum is the one that was sent. Servers before version 3.09 stored a CRC-32C in another
/// form, and send it so for large blobs.
pub(super) fn matches(sent: Checksum, computed: Checksum) -> bool {
    match (sent, computed) {
        (Checksum::Crc32c(sent), Checksum::Crc32c(crc)) => {
            sent == crc || sent == crc.rotate_right(15).wrapping_add(0xa282_ead8)
        }
        _ => sent == computed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::headers::Headers;

    fn response(etag: &str) -> ResponseStart {
        let headers = Headers { etag: Some(etag.into()), ..Headers::default() };
        ResponseStart { status: 200, headers, ..ResponseStart::default() }
    }

    fn chunk() -> Chunk {
        Chunk::plain(Source::FileId("3,01".into()), 0, 34)
    }

    /// docs/seaweedfs-format.md, Test vectors.
    const CRC: Option<Checksum> = Some(Checksum::Crc32c(0x1079_8195));

    #[test]
    fn eight_digits_are_a_checksum_and_other_tags_are_not() {
        assert_eq!(checksum(&chunk(), &response("\"10798195\""), true), CRC);
        for etag in
            ["10798195", "W/\"10798195\"", "\"1079819\"", "\"107981955\"", "\"1079819x\"", "\"+1079819\"", ""]
        {
            assert_eq!(checksum(&chunk(), &response(etag), true), None, "{etag}");
        }
    }

    #[test]
    fn only_a_whole_blob_as_it_is_stored_has_one() {
        let start = response("\"10798195\"");
        assert_eq!(checksum(&chunk(), &start, false), None);
        assert_eq!(checksum(&chunk(), &ResponseStart { status: 206, ..start.clone() }, true), None);
        let by_server = Chunk { compression: Compression::ByServer, ..chunk() };
        let part = Chunk { stored: Some(0..34), ..chunk() };
        let elsewhere = Chunk { source: Source::Urls(["http://a/1".to_owned()].into()), ..chunk() };
        for other in [by_server, part, elsewhere] {
            assert_eq!(checksum(&other, &start, true), None);
        }
        let mut inflated = start;
        inflated.headers.content_encoding = Some("gzip".into());
        assert_eq!(checksum(&chunk(), &inflated, true), None);
    }

    #[test]
    fn the_form_of_old_servers_matches_too() {
        let crc = Checksum::Crc32c(0x1079_8195);
        assert!(matches(crc, crc));
        // rotr15(0x10798195) = 0x032a20f3.
        assert!(matches(Checksum::Crc32c(0x032a_20f3_u32.wrapping_add(0xa282_ead8)), crc));
        assert!(!matches(Checksum::Crc32c(0x1079_8194), crc));
        assert!(!matches(Checksum::Md5([0; 16]), crc));
    }
}
