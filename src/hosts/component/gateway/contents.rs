//! The bytes of a body: a text, or a range of a file that is read while the client takes it.

use std::{cell::RefCell, collections::HashMap};

use bytes::Bytes;
use futures::StreamExt;

use super::audit::Audit;
use crate::{
    error::Error,
    hosts::component::{host::WasiHost, wasi},
    read::{Reader, open_file::OpenFile},
};

/// The body of a response, and what ends with it. An error among its pieces means that it is incomplete.
pub(super) struct Contents {
    text: Option<Bytes>,
    file: Option<FileRange>,
    pub(super) audit: Audit,
    /// Its place among the downloads of its URL.
    _admission: Option<Admission>,
}

struct FileRange {
    file: OpenFile<WasiHost>,
    /// What is left of the range.
    at: u64,
    end: u64,
    /// `None` before the first piece, and while the client is stalled.
    reader: Option<Reader<WasiHost>>,
}

impl Contents {
    pub(super) fn of_text(text: String, audit: Audit) -> Self {
        Self {
            text: Some(text.into()).filter(|text: &Bytes| !text.is_empty()),
            file: None,
            audit,
            _admission: None,
        }
    }

    /// A range of a file. Resolves when the first piece is there: until a header is sent, an error can become a status.
    pub(super) async fn of_file(
        file: OpenFile<WasiHost>,
        range: std::ops::Range<u64>,
        audit: Audit,
        admission: Option<Admission>,
    ) -> Result<Self, (Error, Audit)> {
        let mut range = FileRange { file, at: range.start, end: range.end, reader: None };
        match range.next().await.transpose() {
            Ok(first) => Ok(Self { text: first, file: Some(range), audit, _admission: admission }),
            Err(error) => Err((error, audit)),
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        match self.text.take() {
            Some(text) => Some(Ok(text)),
            None => self.file.as_mut()?.next().await,
        }
    }

    /// Counts bytes that the client took. Those of a problem are none of a file.
    pub(super) fn count(&mut self, bytes: u64) {
        if self.file.is_some() {
            self.audit.bytes += bytes;
        }
    }

    /// Gives back what is fetched ahead. The next piece opens a stream where this one has ended.
    pub(super) fn suspend(&mut self) {
        if let Some(file) = &mut self.file {
            file.reader = None;
        }
    }
}

impl FileRange {
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.at >= self.end {
            return None;
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => match self.file.start(self.at..self.end) {
                Ok((driver, reader)) => {
                    wasi::spawn(driver);
                    none.insert(reader)
                }
                Err(error) => return Some(Err(error)),
            },
        };
        let piece = reader.next().await;
        if let Some(Ok(piece)) = &piece {
            self.at += piece.len() as u64;
        }
        piece
    }
}

thread_local! {
    /// Downloads by signature.
    static ACTIVE: RefCell<HashMap<String, usize>> = RefCell::default();
}

/// A place among the downloads of a signed URL. Dropping it gives it back.
pub(super) struct Admission(String);

impl Admission {
    /// `None` if the URL has `most` downloads already.
    pub(super) fn of(signature: String, most: usize) -> Option<Self> {
        let is_free = ACTIVE.with_borrow_mut(|active| {
            let count = active.entry(signature.clone()).or_default();
            let is_free = *count < most;
            *count += usize::from(is_free);
            is_free
        });
        is_free.then_some(Self(signature))
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        ACTIVE.with_borrow_mut(|active| {
            if let Some(count) = active.get_mut(&self.0) {
                *count -= 1;
                if *count == 0 {
                    active.remove(&self.0);
                }
            }
        });
    }
}
