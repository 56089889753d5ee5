//! Opens files, and has the methods of an open file that are the same on WASI 0.2 and 0.3.

use std::ops::Range;

use futures::FutureExt;

use super::{convert, settings};
use crate::{
    error::{Error, Kind},
    formats::seaweedfs::urls,
    hosts::component::{bindings::exports::kelp::stream::types, host::WasiHost},
    http::url,
    read::{
        Reader, metadata::Metadata, open::OpenContext, open_file::OpenFile, session::Session,
        streams::Streams,
    },
    schedule::pool::{Pool, PoolLimits},
};

thread_local! {
    /// Shared by all files.
    static POOL: Pool = Pool::default();
    /// The decoded chunks that are kept for them.
    static STREAMS: Streams<WasiHost> = Streams::keeping(PoolLimits::DEFAULT_MAX_CACHE_BYTES);
}

/// Opens a file by its URL at a filer.
pub(super) async fn filer(
    url: String,
    filer: types::FilerOptions,
    given: types::Options,
) -> Result<File, Error> {
    let (entry_url, url) = urls::entry_url(&settings::url(&url, "url")?);
    let home = url::origin(&url).unwrap_or_default().to_owned();
    let base = filer.base.as_deref().map(|base| settings::filer(base, "filer.base")).transpose()?;
    if base.as_deref().is_some_and(|base| !urls::is_below(&url, base)) {
        return Err(settings::invalid("url", "below filer.base"));
    }
    let mut context = context(given, home.clone())?;
    set_filer(&mut context, &filer, Some(&base.unwrap_or(home)))?;
    Ok(File(context.open_filer(&entry_url, Some(&url), &settings::keys(&filer)?).await?))
}

/// Opens a file by its entry.
pub(super) fn entry(
    entry: &str,
    origin: Option<String>,
    filer: &types::FilerOptions,
    given: types::Options,
) -> Result<File, Error> {
    let base = origin.as_deref().map(|origin| (origin, "origin"));
    let base = base.or_else(|| filer.base.as_deref().map(|base| (base, "filer.base")));
    let base = base.map(|(base, field)| settings::filer(base, field)).transpose()?;
    let home = base.as_deref().and_then(url::origin).unwrap_or_default();
    let mut context = context(given, home.to_owned())?;
    let has_locator = set_filer(&mut context, filer, base.as_deref())?;
    let keys = settings::keys(filer)?;
    // Keys are decrypted at once on WASI, so there is nothing to wait for.
    let opening = context.open_entry(entry.as_bytes(), base.as_deref(), &keys);
    let waits = || Err(Error::new(Kind::Internal, "opening an entry waited for something"));
    let file = opening.now_or_never().unwrap_or_else(waits)?;
    if !has_locator && file.needs_locator() {
        return Err(Error::new(
            Kind::NoLocations,
            "the chunks cannot be found: neither a filer nor a master was given",
        ));
    }
    Ok(File(file))
}

/// Opens a file by a manifest.
pub(super) fn manifest(manifest: types::Manifest, given: types::Options) -> Result<File, Error> {
    let context = context(given, String::new())?;
    Ok(File(context.open_manifest(settings::manifest(manifest)?)?))
}

/// Opens one URL.
pub(super) async fn url(url: String, known: types::UrlOptions, given: types::Options) -> Result<File, Error> {
    let url = settings::url(&url, "url")?;
    let hints = settings::url_hints(known)?;
    let context = context(given, url::origin(&url).unwrap_or_default().to_owned())?;
    Ok(File(context.open_url(&url, hints).await?))
}

fn context(given: types::Options, home: String) -> Result<OpenContext<WasiHost>, Error> {
    let (host, options) = settings::host_and_options(given, home)?;
    Ok(OpenContext {
        host,
        session: Session { pool: POOL.with(Pool::clone), ..options.into() },
        shared_streams: STREAMS.with(Streams::clone),
        can_renew_filer_token: false,
    })
}

/// Sets the filer's token and the locator; returns whether there is a locator.
fn set_filer(
    context: &mut OpenContext<WasiHost>,
    filer: &types::FilerOptions,
    base: Option<&str>,
) -> Result<bool, Error> {
    context.host.filer_token = filer.token.as_deref().map(Into::into);
    let locator = settings::locator(filer, base)?;
    let has_locator = locator.is_some();
    context.session.locator = locator.unwrap_or_default();
    Ok(has_locator)
}

/// An open file. Dropping it makes its streams fail with `closed`.
pub(super) struct File(OpenFile<WasiHost>);

impl File {
    /// Starts a stream of a range. The driver must be spawned.
    pub(super) fn start(
        &self,
        range: Option<types::Span>,
    ) -> Result<(impl Future<Output = ()> + use<>, Reader<WasiHost>), Error> {
        self.0.start(range_of(range)?)
    }

    /// What reading a range would take.
    pub(super) fn plan(&self, range: Option<types::Span>) -> Result<types::PlanSummary, Error> {
        let plan = self.0.plan(range_of(range)?);
        Ok(convert::plan_summary(&plan, &self.0.summary(&plan)))
    }

    pub(super) fn metadata(&self) -> &Metadata {
        self.0.metadata()
    }

    pub(super) fn stats(&self) -> types::Stats {
        convert::stats(&self.0.stats())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The range; all of the file if absent.
fn range_of(range: Option<types::Span>) -> Result<Range<u64>, Error> {
    let range = range.map_or(0..u64::MAX, |range| range.start..range.end);
    if range.start > range.end {
        return Err(settings::invalid("range.start", "at most its end"));
    }
    Ok(range)
}

/// The functions that open a file without I/O, which are the same in both libraries. `opened` makes the resource.
macro_rules! open_functions {
    () => {
        fn open_entry(
            entry: String,
            origin: Option<String>,
            filer: types::FilerOptions,
            given: types::Options,
        ) -> Result<wit::File, types::Error> {
            opened(open::entry(&entry, origin, &filer, given))
        }

        fn open_manifest(
            manifest: types::Manifest,
            given: types::Options,
        ) -> Result<wit::File, types::Error> {
            opened(open::manifest(manifest, given))
        }
    };
}

/// The methods of the resource `file` that are the same in both libraries, for a struct whose first field is a
/// [`File`]. Each library has its own trait, so a macro implements them.
macro_rules! file_methods {
    () => {
        fn size(&self) -> u64 {
            self.0.metadata().size
        }

        fn name(&self) -> String {
            self.0.metadata().name.clone()
        }

        fn media_type(&self) -> String {
            self.0.metadata().media_type.clone()
        }

        fn etag(&self) -> Option<String> {
            self.0.metadata().etag.clone()
        }

        fn last_modified(&self) -> Option<i64> {
            self.0.metadata().modified_ms
        }

        fn plan(&self, range: Option<types::Span>) -> Result<types::PlanSummary, types::Error> {
            Ok(self.0.plan(range)?)
        }

        fn stats(&self) -> types::Stats {
            self.0.stats()
        }
    };
}

pub(super) use file_methods;
pub(super) use open_functions;
