//! Opening files, and what an open one tells: what the libraries on WASI 0.2 and 0.3 share.

use std::sync::Arc;

use super::{bindings::exports::kelp::stream::types, host::WasiHost, settings};
use crate::{
    error::{Error, Kind},
    formats::seaweedfs::{
        entry::{Entry, Keys},
        urls,
    },
    http::url,
    model::chunk::{Chunk, Source},
    read::{
        Reader, open,
        open::{Metadata, Opened},
        prefetch,
        session::Session,
        streams::Streams,
    },
    schedule::{
        plan::{Plan, Summary},
        pool::Pool,
    },
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
) -> Result<OpenFile, Error> {
    let (entry_url, url) = urls::entry_url(&settings::url(&url, "url")?);
    let home = url::origin(&url).unwrap_or_default().to_owned();
    let mut desk = OpenContext::new(given, home.clone())?;
    desk.of_filer(&filer, Some(&home))?;
    let keys = settings::keys(&filer)?;
    let entry = open::entry(&desk.host, &desk.session.options, &entry_url, false).await?;
    desk.open_entry(&entry, Some(&url), &keys)
}

/// Opens a file by its entry.
pub(super) fn entry(
    entry: &str,
    origin: Option<String>,
    filer: &types::FilerOptions,
    given: types::Options,
) -> Result<OpenFile, Error> {
    let home = origin.as_deref().map(settings::origin).transpose()?;
    let mut desk = OpenContext::new(given, home.clone().unwrap_or_default())?;
    desk.of_filer(filer, home.as_deref())?;
    let entry = Entry::parse(entry.as_bytes())?;
    let url = home.map(|home| urls::file_url(&home, entry.path()));
    desk.open_entry(&entry, url.as_deref(), &settings::keys(filer)?)
}

/// Opens a file by a list of its chunks.
pub(super) fn manifest(manifest: types::Manifest, given: types::Options) -> Result<OpenFile, Error> {
    let desk = OpenContext::new(given, String::new())?;
    let file = open::of_manifest(settings::manifest(manifest)?, &desk.session.options);
    Ok(desk.open(file))
}

/// Opens one URL.
pub(super) async fn url(
    url: String,
    known: types::UrlOptions,
    given: types::Options,
) -> Result<OpenFile, Error> {
    let url = settings::url(&url, "url")?;
    let known = settings::url_head(known)?;
    let desk = OpenContext::new(given, url::origin(&url).unwrap_or_default().to_owned())?;
    let file = open::of_url(&desk.host, &desk.session, &url, known).await?;
    Ok(desk.open(file))
}

/// Where a file is opened.
struct OpenContext {
    host: WasiHost,
    session: Session,
    has_no_locator: bool,
}

impl OpenContext {
    fn new(given: types::Options, home: String) -> Result<Self, Error> {
        let (host, options) = settings::of_file(given, home)?;
        Ok(Self {
            host,
            session: Session { pool: POOL.with(Pool::clone), ..options.into() },
            has_no_locator: false,
        })
    }

    fn of_filer(&mut self, filer: &types::FilerOptions, origin: Option<&str>) -> Result<(), Error> {
        self.host.filer_token = filer.token.as_deref().map(Into::into);
        match settings::locator(filer, origin)? {
            Some(locator) => self.session.locator = locator,
            None => self.has_no_locator = true,
        }
        Ok(())
    }

    fn open_entry(self, entry: &Entry, url: Option<&str>, keys: &Keys) -> Result<OpenFile, Error> {
        let file = open::of_entry(entry, url, keys, &self.session)?;
        let of_filer = |chunk: &Chunk| matches!(chunk.source, Source::FileId(_));
        if self.has_no_locator && file.chunks.iter().any(of_filer) {
            return Err(Error::new(Kind::NoLocations, "a filer or a master must say where the chunks are"));
        }
        Ok(self.open(file))
    }

    fn open(self, Opened { head, chunks }: Opened) -> OpenFile {
        let Self { host, session, .. } = self;
        OpenFile { head, chunks: chunks.into(), host, session, streams: Streams::default() }
    }
}

/// An open file. Dropping it makes its streams fail with `closed`.
pub(super) struct OpenFile {
    pub(super) head: Metadata,
    chunks: Arc<[Chunk]>,
    host: WasiHost,
    session: Session,
    streams: Streams<WasiHost>,
}

impl OpenFile {
    /// A stream of a range, and the driver that is to run for it.
    pub(super) fn start(
        &self,
        range: Option<types::Span>,
    ) -> Result<(impl Future<Output = ()> + use<>, Reader<WasiHost>), Error> {
        let (driver, reader) = prefetch(self.plan_of(range)?, self.host.clone(), self.session.clone());
        self.streams.add(reader.handle());
        Ok((driver, reader))
    }

    fn plan_of(&self, range: Option<types::Span>) -> Result<Plan, Error> {
        let size = self.head.size;
        let range = range.map_or(0..size, |range| range.start..range.end);
        if range.start > range.end {
            return Err(settings::refused("range.start", "at most its end"));
        }
        let end = range.end.min(size);
        Ok(Plan::new(Arc::clone(&self.chunks), range.start.min(end)..end))
    }

    pub(super) fn plan(&self, range: Option<types::Span>) -> Result<types::PlanSummary, Error> {
        let plan = Arc::new(self.plan_of(range)?);
        let told = Summary::of(&plan, &self.session.manifests, self.session.options.max_bytes_ahead);
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
        let stats = self.session.stats.stats();
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

/// Methods of the resource `file`, for a struct that begins with an [`OpenFile`]: each library has a resource of
/// its own, and of all but its bytes they tell alike.
macro_rules! about_a_file {
    () => {
        fn size(&self) -> u64 {
            self.0.head.size
        }

        fn name(&self) -> String {
            self.0.head.name.clone()
        }

        fn media_type(&self) -> String {
            self.0.head.media_type.clone()
        }

        fn etag(&self) -> Option<String> {
            self.0.head.etag.clone()
        }

        fn last_modified(&self) -> Option<i64> {
            self.0.head.modified_ms
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

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.streams.close();
    }
}
