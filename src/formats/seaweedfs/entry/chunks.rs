//! The chunks of an entry that a plan is made of.

use super::{
    metadata::Entry,
    sse::{self, DataKeys, Keys},
};
use crate::{
    formats::seaweedfs::error::{EntryError, Unsupported},
    model::{
        chunk::{Chunk, Source},
        ranges::cut,
    },
};

/// The length of one request for a file in a remote storage, in bytes: the size of the chunks that the filer
/// makes.
const FILER_RANGE: u64 = 4 << 20;

impl Entry {
    /// The chunks to plan with, in the order of the list. Inline content is one chunk. The chunks of an
    /// encrypted S3 object carry the key streams that `keys` open, with the decrypted [`Entry::wrapped_keys`].
    ///
    /// # Errors
    ///
    /// [`EntryError::Unsupported`] for a directory, a symbolic link, a file in a remote storage only, and an
    /// S3 encryption without its key; [`EntryError::WrongKey`] for a key that is not the object's.
    pub fn chunks_to_read(&self, keys: &Keys, data_keys: &DataKeys) -> Result<Vec<Chunk>, EntryError> {
        if self.is_directory() {
            return Err(Unsupported::Directory.into());
        }
        if self.is_symlink {
            return Err(Unsupported::Symlink.into());
        }
        if self.is_remote_only() {
            return Err(Unsupported::Remote.into());
        }
        let object = sse::Object::new(self, keys, data_keys);
        // Like the filer, prefer the content if it reaches to the end of the file.
        if let Some(content) = &self.content
            && (self.chunks.is_empty() || self.size() <= self.content_len())
        {
            return Ok(vec![Chunk { ctr: object.ctr_of_content()?, ..Chunk::inline(content.clone()) }]);
        }
        self.chunks
            .iter()
            .enumerate()
            .map(|(index, each)| match &each.sse {
                None => Ok(each.chunk.clone()),
                Some(sse) => {
                    let ctr = object.ctr_of_chunk(index, &each.chunk, sse)?;
                    Ok(Chunk { ctr: Some(ctr), ..each.chunk.clone() })
                }
            })
            .collect()
    }

    /// As [`Entry::chunks_to_read`], for a file that a filer serves at `url`. If the file is in a remote
    /// storage only, the chunks are ranges of `url`: the filer fetches them from the remote storage.
    ///
    /// # Errors
    ///
    /// As [`Entry::chunks_to_read`]. An encrypted S3 object in a remote storage is unsupported, because the
    /// filer does not decrypt it.
    pub fn chunks_to_read_at(
        &self,
        url: &str,
        keys: &Keys,
        data_keys: &DataKeys,
    ) -> Result<Vec<Chunk>, EntryError> {
        match (self.chunks_to_read(keys, data_keys), sse::kind(self)) {
            (Err(EntryError::Unsupported(Unsupported::Remote)), Some(kind)) => {
                Err(Unsupported::Sse(kind).into())
            }
            (Err(EntryError::Unsupported(Unsupported::Remote)), None) => {
                Ok(cut(&Source::Filer(url.into()), self.size(), FILER_RANGE))
            }
            (chunks, _) => chunks,
        }
    }
}
