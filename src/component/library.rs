//! The world `library`.

use std::{cell::RefCell, future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use futures::StreamExt;

use super::{
    bindings::exports::kelp::stream::{reader as wit, types},
    executor,
    host::WasiHost,
    settings,
};
use crate::{
    chunk::{Chunk, Source},
    entry::{Entry, Keys},
    error::{Error, Kind},
    locate,
    opening::{self, Head, Opened},
    options::Options,
    plan::{Plan, Summary},
    prefetch::{Reader, prefetch},
    streams::{Streams, closed},
    target,
};

/// Opens files.
pub(super) struct Library;

impl wit::Guest for Library {
    type File = File;
    type Body = Body;

    fn open_filer(
        url: String,
        filer: types::FilerOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        let (entry_url, url) = target::of_entry(&settings::url(&url, "url")?);
        let home = locate::origin(&url).unwrap_or_default().to_owned();
        let mut desk = Desk::new(given, home.clone())?;
        desk.of_filer(&filer, Some(&home))?;
        let keys = settings::keys(&filer)?;
        let entry = wait(opening::entry(&desk.host, &desk.options, &entry_url, false))?;
        Ok(desk.open_entry(&entry, Some(&url), &keys)?)
    }

    fn open_entry(
        entry: String,
        origin: Option<String>,
        filer: types::FilerOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        let home = origin.as_deref().map(settings::origin).transpose()?;
        let mut desk = Desk::new(given, home.clone().unwrap_or_default())?;
        desk.of_filer(&filer, home.as_deref())?;
        let entry = Entry::parse(entry.as_bytes()).map_err(Error::from)?;
        let url = home.map(|home| locate::file_url(&home, entry.path()));
        Ok(desk.open_entry(&entry, url.as_deref(), &settings::keys(&filer)?)?)
    }

    fn open_manifest(manifest: types::Manifest, given: types::Options) -> Result<wit::File, types::Error> {
        let desk = Desk::new(given, String::new())?;
        let file = opening::of_manifest(settings::manifest(manifest)?, &desk.options);
        Ok(desk.open(file))
    }

    fn open_url(
        url: String,
        known: types::UrlOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        let url = settings::url(&url, "url")?;
        let known = settings::url_head(known)?;
        let desk = Desk::new(given, locate::origin(&url).unwrap_or_default().to_owned())?;
        let file = wait(opening::of_url(&desk.host, &desk.options, &url, known))?;
        Ok(desk.open(file))
    }
}

/// Where a file is opened.
struct Desk {
    host: WasiHost,
    options: Options,
    is_lost: bool,
}

impl Desk {
    fn new(given: types::Options, home: String) -> Result<Self, Error> {
        let (host, options) = settings::of_file(given, home)?;
        Ok(Self { host, options, is_lost: false })
    }

    fn of_filer(&mut self, filer: &types::FilerOptions, origin: Option<&str>) -> Result<(), Error> {
        self.host.filer_token = filer.token.as_deref().map(Into::into);
        match settings::locator(filer, origin)? {
            Some(locator) => self.options.locator = locator,
            None => self.is_lost = true,
        }
        Ok(())
    }

    fn open_entry(self, entry: &Entry, url: Option<&str>, keys: &Keys) -> Result<wit::File, Error> {
        let file = opening::of_entry(entry, url, keys, &self.options)?;
        let of_filer = |chunk: &Chunk| matches!(chunk.source, Source::FileId(_));
        if self.is_lost && file.chunks.iter().any(of_filer) {
            return Err(Error::new(Kind::NoLocations, "a filer or a master must say where the chunks are"));
        }
        Ok(self.open(file))
    }

    fn open(self, Opened { head, chunks }: Opened) -> wit::File {
        let Self { host, options, .. } = self;
        wit::File::new(File { head, chunks: chunks.into(), host, options, streams: Streams::default() })
    }
}

/// Waits for what may fail.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    executor::run(future).unwrap_or_else(|| Err(Error::new(Kind::Internal, "nothing is under way")))
}

/// An open file.
pub(super) struct File {
    head: Head,
    chunks: Arc<[Chunk]>,
    host: WasiHost,
    options: Options,
    streams: Streams<WasiHost>,
}

impl File {
    fn plan_of(&self, range: Option<types::Span>) -> Result<Plan, Error> {
        let size = self.head.size;
        let range = range.map_or(0..size, |range| range.start..range.end);
        if range.start > range.end {
            return Err(settings::refused("range.start", "at most its end"));
        }
        let end = range.end.min(size);
        Ok(Plan::new(Arc::clone(&self.chunks), range.start.min(end)..end))
    }
}

impl wit::GuestFile for File {
    fn size(&self) -> u64 {
        self.head.size
    }

    fn name(&self) -> String {
        self.head.name.clone()
    }

    fn media_type(&self) -> String {
        self.head.media_type.clone()
    }

    fn etag(&self) -> Option<String> {
        self.head.etag.clone()
    }

    fn last_modified(&self) -> Option<i64> {
        self.head.modified_ms
    }

    fn read_range(&self, range: Option<types::Span>) -> Result<wit::Body, types::Error> {
        let plan = self.plan_of(range)?;
        let (driver, reader) = prefetch(plan, self.host.clone(), self.options.clone());
        executor::spawn(driver);
        self.streams.add(reader.handle());
        Ok(wit::Body::new(Body(RefCell::new(Some(Reading { reader, rest: Bytes::new() })))))
    }

    fn plan(&self, range: Option<types::Span>) -> Result<types::PlanSummary, types::Error> {
        let plan = Arc::new(self.plan_of(range)?);
        let told = Summary::of(&plan, &self.options.lists, self.options.max_bytes_ahead);
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

    fn stats(&self) -> types::Stats {
        let stats = self.options.meter.stats();
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

impl Drop for File {
    fn drop(&mut self) {
        self.streams.close();
        executor::turn();
    }
}

/// A range that is being read; nothing once it is dropped.
pub(super) struct Body(RefCell<Option<Reading>>);

struct Reading {
    reader: Reader<WasiHost>,
    /// Of the last piece, what did not fit.
    rest: Bytes,
}

impl wit::GuestBody for Body {
    fn read(&self, max: u32) -> Result<Vec<u8>, types::Error> {
        if max == 0 {
            return Err(settings::refused("max", "at least 1").into());
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut reading = self.0.borrow_mut();
        let reading = reading.as_mut().ok_or_else(closed)?;
        Ok(wait(reading.next(max))?)
    }
}

impl Reading {
    /// What there is, once there is some: one call for many pieces, as each costs the host one.
    async fn next(&mut self, max: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        poll_fn(|cx| {
            loop {
                let len = self.rest.len().min(max - bytes.len());
                bytes.extend_from_slice(&self.rest.split_to(len));
                if bytes.len() == max {
                    return Poll::Ready(Ok(()));
                }
                match self.reader.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(piece))) => self.rest = piece,
                    // What came before a failure is delivered first; the failure stays.
                    Poll::Ready(Some(Err(error))) if bytes.is_empty() => return Poll::Ready(Err(error)),
                    Poll::Pending if bytes.is_empty() => return Poll::Pending,
                    Poll::Ready(_) | Poll::Pending => return Poll::Ready(Ok(())),
                }
            }
        })
        .await?;
        Ok(bytes)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        drop(self.0.take());
        executor::turn();
    }
}
