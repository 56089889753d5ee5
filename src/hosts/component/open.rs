//! Opening files, and what an open one tells: what the libraries on WASI 0.2 and 0.3 share.

use std::{ops::Range, sync::Arc};

use super::{bindings::exports::kelp::stream::types, host::WasiHost, settings};
use crate::{
    error::{Error, Kind},
    formats::seaweedfs::urls,
    http::url,
    read::{Reader, open::OpenContext, open_file::OpenFile, session::Session, streams::Streams},
    schedule::pool::Pool,
};

thread_local! {
    /// What all files share.
    static POOL: Pool = Pool::default();
}

/// Opens a file by the URL that a filer serves it at.
pub(super) async fn filer(
    url: String,
    filer: types::FilerOptions,
    given: types::Options,
) -> Result<File, Error> {
    let (entry_url, url) = urls::entry_url(&settings::url(&url, "url")?);
    let home = url::origin(&url).unwrap_or_default().to_owned();
    let mut context = context(given, home.clone())?;
    set_filer(&mut context, &filer, Some(&home))?;
    Ok(File(context.open_filer(&entry_url, Some(&url), &settings::keys(&filer)?).await?))
}

/// Opens a file by its entry.
pub(super) fn entry(
    entry: &str,
    origin: Option<String>,
    filer: &types::FilerOptions,
    given: types::Options,
) -> Result<File, Error> {
    let home = origin.as_deref().map(settings::origin).transpose()?;
    let mut context = context(given, home.clone().unwrap_or_default())?;
    let has_locator = set_filer(&mut context, filer, home.as_deref())?;
    let file = context.open_entry(entry.as_bytes(), home.as_deref(), &settings::keys(filer)?)?;
    if !has_locator && file.needs_locator() {
        return Err(Error::new(Kind::NoLocations, "a filer or a master must say where the chunks are"));
    }
    Ok(File(file))
}

/// Opens a file by a list of its chunks.
pub(super) fn manifest(manifest: types::Manifest, given: types::Options) -> Result<File, Error> {
    let context = context(given, String::new())?;
    Ok(File(context.open_manifest(settings::manifest(manifest)?)?))
}

/// Opens one URL.
pub(super) async fn url(url: String, known: types::UrlOptions, given: types::Options) -> Result<File, Error> {
    let url = settings::url(&url, "url")?;
    let known = settings::url_head(known)?;
    let context = context(given, url::origin(&url).unwrap_or_default().to_owned())?;
    Ok(File(context.open_url(&url, known).await?))
}

fn context(given: types::Options, home: String) -> Result<OpenContext<WasiHost>, Error> {
    let (host, options) = settings::of_file(given, home)?;
    Ok(OpenContext {
        host,
        session: Session { pool: POOL.with(Pool::clone), ..options.into() },
        shared_streams: Streams::default(),
        can_renew_filer_token: false,
    })
}

/// Sets the filer's token and the locator; returns whether there is a locator.
fn set_filer(
    context: &mut OpenContext<WasiHost>,
    filer: &types::FilerOptions,
    origin: Option<&str>,
) -> Result<bool, Error> {
    context.host.filer_token = filer.token.as_deref().map(Into::into);
    let locator = settings::locator(filer, origin)?;
    let has_locator = locator.is_some();
    context.session.locator = locator.unwrap_or_default();
    Ok(has_locator)
}

/// An open file. Dropping it makes its streams fail with `closed`.
pub(super) struct File(pub(super) OpenFile<WasiHost>);

impl File {
    /// A stream of a range, and the driver that is to run for it.
    pub(super) fn start(
        &self,
        range: Option<types::Span>,
    ) -> Result<(impl Future<Output = ()> + use<>, Reader<WasiHost>), Error> {
        self.0.start(range_of(range)?)
    }

    pub(super) fn plan(&self, range: Option<types::Span>) -> Result<types::PlanSummary, Error> {
        let plan = Arc::new(self.0.plan(range_of(range)?));
        let told = self.0.summary(&plan);
        Ok(types::PlanSummary {
            range: types::Span { start: plan.range().start, end: plan.range().end },
            views: told.views,
            gaps: told.gaps,
            gap_bytes: told.gap_bytes,
            chunks: told.chunks,
            requests: told.requests,
            manifests: told.manifests,
            peak_bytes: told.peak_bytes,
        })
    }

    pub(super) fn stats(&self) -> types::Stats {
        let stats = self.0.stats();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        types::Stats {
            bytes_delivered: stats.bytes_delivered,
            bytes_received: stats.bytes_received,
            bytes_ahead: stats.bytes_ahead,
            peak_bytes_ahead: stats.peak_bytes_ahead,
            in_flight: count(stats.in_flight),
            concurrency: count(stats.concurrency),
            requests: stats.requests,
            retries: stats.retries,
            failovers: stats.failovers,
            hedges: stats.hedges,
            relookups: stats.relookups,
            holes: stats.holes,
            hole_bytes: stats.hole_bytes,
            waits: types::Waits {
                network: ms(stats.waits.network),
                decode: ms(stats.waits.decode),
                budget: ms(stats.waits.budget),
                reader: ms(stats.waits.reader),
            },
        }
    }
}

fn range_of(range: Option<types::Span>) -> Result<Range<u64>, Error> {
    let range = range.map_or(0..u64::MAX, |range| range.start..range.end);
    if range.start > range.end {
        return Err(settings::refused("range.start", "at most its end"));
    }
    Ok(range)
}

/// Methods of the resource `file`, for a struct that begins with a [`File`]: each library has a resource of
/// its own, and of all but its bytes they tell alike.
macro_rules! about_a_file {
    () => {
        fn size(&self) -> u64 {
            self.0.0.metadata().size
        }

        fn name(&self) -> String {
            self.0.0.metadata().name.clone()
        }

        fn media_type(&self) -> String {
            self.0.0.metadata().media_type.clone()
        }

        fn etag(&self) -> Option<String> {
            self.0.0.metadata().etag.clone()
        }

        fn last_modified(&self) -> Option<i64> {
            self.0.0.metadata().modified_ms
        }

        fn plan(&self, range: Option<types::Span>) -> Result<types::PlanSummary, types::Error> {
            Ok(self.0.plan(range)?)
        }

        fn stats(&self) -> types::Stats {
            self.0.stats()
        }
    };
}

pub(super) use about_a_file;

impl Drop for File {
    fn drop(&mut self) {
        self.0.close();
    }
}
