//! What the streams of one file share.

use crate::{
    fetch::locator::Locator,
    read::stats::StatsHandle,
    schedule::{options::Options, plan::ManifestCache, pool::Pool, validators::Validators},
};

/// The options of a file, and the handles that its streams share.
///
/// Clones share the handles. `From<Options>` makes one with new handles and the pool of no other file.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Session {
    /// The values that the user set.
    pub options: Options,
    /// Finds the replicas and the read tokens of SeaweedFS chunks. Asks the host by default.
    pub locator: Locator,
    /// Limits and measurements, shared with the streams of other files.
    pub pool: Pool,
    /// The validators of the URLs that are read in ranges.
    pub validators: Validators,
    /// The chunk manifests that were read.
    pub manifests: ManifestCache,
    /// The counters of the file.
    pub stats: StatsHandle,
    /// Whether a credential is needed to read the file, so that shared caches must not keep responses with its bytes.
    pub is_private: bool,
}

impl From<Options> for Session {
    fn from(options: Options) -> Self {
        Self { options, ..Self::default() }
    }
}
