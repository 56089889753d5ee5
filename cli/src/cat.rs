//! `kelp cat`.

use std::{fs, ops::Range, path::Path, time::Instant};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use kelp_stream::{
    Error, Kind,
    formats::manifest::Manifest,
    native::{File, Options},
    read::open::UrlHints,
};

use crate::{
    arguments::{Cat, RangeArgument, Source},
    destination::Destination,
    failure::Failure,
    output::Output,
    partial::Partial,
    progress::Progress,
    settings, stats,
};

/// From this many bytes on, no further pieces are taken before the next write. The look-ahead does not count them.
const MOST_AT_ONCE: usize = 1 << 20;

/// The most pieces in one write: fewer than the buffers that any system takes at a time (POSIX: at least 16).
const MOST_PIECES: usize = 16;

pub(crate) async fn cat(source: &Source, cat: &Cat, options: &Options) -> Result<(), Failure> {
    let since = Instant::now();
    let destination = cat.output.as_deref().map(Destination::find).transpose()?;
    let client = settings::client(cat)?;
    let failed = |error: Error| {
        let cause = client.cause(&error).map(|cause| chain(&**cause));
        Failure::Read(Box::new(error), cause)
    };
    let file = match source {
        Source::Filer(url) => client.open_filer(url, options).await.map_err(failed)?,
        Source::Url(url) => client.open_url(url, UrlHints::default(), options).await.map_err(failed)?,
        Source::Manifest(path) => client.open_manifest(manifest(path)?, options).map_err(failed)?,
    };
    let range = range(cat.range, file.size()).map_err(failed)?;
    let (output, start) = match destination {
        None => (Output::standard()?, range.start),
        Some(Destination::Special(path)) => {
            (Output::Stream(Box::new(Destination::open_special(&path)?)), range.start)
        }
        Some(Destination::File(path)) => {
            let partial = resume(&path, &file, &range, failed).await?;
            let start = range.start + partial.len;
            (Output::File(Box::new(partial)), start)
        }
    };
    let resumed_at = start - range.start;
    let progress = Progress::new(resumed_at, range.end - range.start, cat.quiet);
    let copied = copy(&file, start..range.end, output, progress, failed).await;
    if cat.json {
        stats::print(&file.stats(), file.size(), resumed_at, since.elapsed());
    }
    copied
}

fn manifest(path: &Path) -> Result<Manifest, Failure> {
    let wrong = |message: &str| Failure::usage(format!("{}: {message}", path.display()));
    let text = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    Manifest::from_json(&text).map_err(|error| wrong(error.message()))
}

async fn copy(
    file: &File,
    range: Range<u64>,
    mut output: Output,
    mut progress: Progress,
    failed: impl Fn(Error) -> Failure,
) -> Result<(), Failure> {
    let mut reader = file.stream(range).map_err(&failed)?;
    while let Some(first) = reader.next().await {
        // Other threads fetch, decode and digest meanwhile.
        let (pieces, error) = ready(first, &mut reader);
        output.write_all(&pieces)?;
        progress.add(pieces.iter().map(|piece| piece.len() as u64).sum());
        if let Some(error) = error {
            output.pause()?;
            return Err(failed(error));
        }
    }
    drop(progress);
    Ok(output.finish()?)
}

/// The pieces that are ready, for one call that writes them, and the error behind them. `first` is the first of them.
fn ready(
    first: Result<Bytes, Error>,
    reader: &mut (impl Stream<Item = Result<Bytes, Error>> + Unpin),
) -> (Vec<Bytes>, Option<Error>) {
    let (mut pieces, mut next) = (Vec::new(), Some(first));
    let mut len = 0;
    while let Some(piece) = next {
        match piece {
            Ok(piece) => {
                len += piece.len();
                pieces.push(piece);
            }
            Err(error) => return (pieces, Some(error)),
        }
        let is_full = len >= MOST_AT_ONCE || pieces.len() >= MOST_PIECES;
        next = if is_full { None } else { reader.next().now_or_never().flatten() };
    }
    (pieces, None)
}

/// The output as far as an earlier run wrote it and it can be continued. It must be of the same version of the file and have the
/// digest that was noted then, its chunks must have the MD5s of the metadata, and its last bytes must be those of the source.
async fn resume(
    path: &Path,
    file: &File,
    range: &Range<u64>,
    failed: impl Fn(Error) -> Failure,
) -> Result<Partial, Failure> {
    let mut partial = Partial::open(path, tag(file, range).as_deref(), range.end - range.start)?;
    if partial.len > 0 {
        let matching = file.matching_prefix(range.start, partial.copy()?)?;
        partial.cut(matching)?;
    }
    if partial.len > 0 {
        let tail = partial.tail()?;
        let end = range.start + partial.len;
        let stored = file.bytes(end - tail.len() as u64..end).await.map_err(failed)?;
        if stored != tail {
            partial.cut(0)?;
        }
    }
    Ok(partial)
}

/// A text that identifies the version of these bytes; `None` if the file has neither an ETag nor a time.
fn tag(file: &File, range: &Range<u64>) -> Option<String> {
    let head = file.head();
    let version = head.etag.clone().or_else(|| Some(format!("modified {}", head.modified_ms?)))?;
    Some(format!("kelp 2\n{version}\n{}-{} of {}\n", range.start, range.end, head.size))
}

fn range(argument: RangeArgument, size: u64) -> Result<Range<u64>, Error> {
    let range = match argument {
        RangeArgument::All => return Ok(0..size),
        RangeArgument::From(start) => start..size,
        RangeArgument::Between(start, last) => start..last.saturating_add(1).min(size),
        RangeArgument::Last(count) => size.saturating_sub(count)..size,
    };
    if range.start >= size {
        return Err(Error::new(
            Kind::Range,
            format!("the range starts after the end of the file, which has {size} bytes"),
        ));
    }
    Ok(range)
}

/// The messages of an error and its sources.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
