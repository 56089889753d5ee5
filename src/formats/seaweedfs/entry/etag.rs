//! The entity tag of an entry.

use super::metadata::Entry;
use crate::model::derived_etag;

impl Entry {
    /// A strong entity tag, quotes included (docs/seaweedfs-format.md, Entity tags).
    ///
    /// It is the first of these that the entry allows:
    /// - the MD5 of the file, in hexadecimal;
    /// - if every chunk has an `e_tag`, the tag that the filer composes: the digest of the only chunk, or the
    ///   MD5 over the digests of all n chunks in the order of the list, followed by `-n`;
    /// - a digest of the list of chunks, followed by `-chunks`.
    #[must_use]
    pub fn etag(&self) -> String {
        if let Some(md5) = &self.md5 {
            return derived_etag::of_digest(md5, "");
        }
        let digests: Option<Vec<&[u8; 16]>> =
            self.chunks.iter().map(|each| each.chunk.md5.as_ref()).collect();
        match digests.as_deref() {
            None | Some([]) => self.etag_of_list(),
            Some([md5]) => derived_etag::of_digest(*md5, ""),
            Some(all) => derived_etag::of_digests(all),
        }
    }

    fn etag_of_list(&self) -> String {
        let digest =
            derived_etag::ListDigest::new(self.size()).bytes(self.content.as_deref().unwrap_or_default());
        let remote = self.remote.as_ref().filter(|_| self.is_remote_only());
        let digest = match remote {
            Some(remote) => digest.number(remote.size).bytes(remote.e_tag.as_bytes()),
            None => digest,
        };
        self.chunks.iter().fold(digest, |digest, each| digest.chunk(&each.chunk)).finish()
    }
}
