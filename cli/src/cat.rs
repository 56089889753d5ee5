//! `kelp cat`.

use std::{fs, ops::Range, path::Path, time::Instant};

use futures::StreamExt;
use kelp_stream::{
    Error, Kind,
    formats::manifest::Manifest,
    native::{File, Options},
    read::open::UrlHints,
};

use crate::{
    arguments::{Cat, Source, Wanted},
    failure::Failure,
    output::Output,
    partial::Partial,
    progress::Progress,
    settings, stats,
};

pub(crate) async fn cat(cat: &Cat, options: &Options) -> Result<(), Failure> {
    let since = Instant::now();
    let client = settings::client(cat)?;
    let failed = |error: Error| {
        let cause = client.cause(&error).map(|cause| chain(&**cause));
        Failure::Read(Box::new(error), cause)
    };
    let file = match &cat.source {
        Source::Filer(url) => client.open_filer(url, options).await.map_err(failed)?,
        Source::Url(url) => client.open_url(url, UrlHints::default(), options).await.map_err(failed)?,
        Source::Manifest(path) => client.open_manifest(manifest(path)?, options).map_err(failed)?,
    };
    let range = range(cat.wanted, file.size()).map_err(failed)?;
    let (output, start) = match &cat.output {
        None => (Output::standard()?, range.start),
        Some(path) => {
            let partial = resume(path, &file, &range, failed).await?;
            let start = range.start + partial.len;
            (Output::File(Box::new(partial)), start)
        }
    };
    let begun = start - range.start;
    let progress = Progress::new(begun, range.end - range.start, cat.quiet);
    let copied = copy(&file, start..range.end, output, progress, failed).await;
    if cat.json {
        stats::print(&file.stats(), file.size(), begun, since.elapsed());
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
    while let Some(piece) = reader.next().await {
        let piece = piece.map_err(&failed)?;
        // Fetching goes on meanwhile, on another thread.
        output.write_all(&piece)?;
        progress.add(piece.len() as u64);
    }
    drop(progress);
    Ok(output.finish()?)
}

/// What is there already of the output, as far as it can be continued: it is of the same version, no MD5 of
/// the metadata speaks against it, and its end is what the source has there.
async fn resume(
    path: &Path,
    file: &File,
    range: &Range<u64>,
    failed: impl Fn(Error) -> Failure,
) -> Result<Partial, Failure> {
    let mut partial = Partial::open(path, tag(file, range).as_deref(), range.end - range.start)?;
    if partial.len > 0 {
        let agreed = file.matching_prefix(range.start, partial.copy()?)?;
        partial.cut(agreed)?;
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

/// Says of which version these bytes are; `None` where nothing tells.
fn tag(file: &File, range: &Range<u64>) -> Option<String> {
    let head = file.head();
    let version = head.etag.clone().or_else(|| Some(format!("modified {}", head.modified_ms?)))?;
    Some(format!("kelp 1\n{version}\n{}-{} of {}\n", range.start, range.end, head.size))
}

fn range(wanted: Wanted, size: u64) -> Result<Range<u64>, Error> {
    let range = match wanted {
        Wanted::All => return Ok(0..size),
        Wanted::From(start) => start..size,
        Wanted::Between(start, last) => start..last.saturating_add(1).min(size),
        Wanted::Last(count) => size.saturating_sub(count)..size,
    };
    if range.start >= size {
        return Err(Error::new(Kind::Range, format!("there is no such range in {size} bytes")));
    }
    Ok(range)
}

/// An error and what it came of.
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
