//! Streams of JavaScript for Rust programs that are compiled to wasm, by wasm-streams. Feature `readable-stream`.
//!
//! [`into_stream`] makes a `ReadableStream` of a reader, to be the body of a `Response`, say; [`pieces`] reads one, such as
//! the body of a response. The package of npm has neither: `js/stream.js` polls the core's streams with fewer calls between
//! wasm and JavaScript (`docs/decisions/0017-one-call-a-request.md`).
//!
//! ```ignore
//! let stream = file.readable(0.0, file.size())?;
//! let response = web_sys::Response::new_with_opt_readable_stream(Some(&stream))?;
//! ```

use futures::{Stream, StreamExt, stream};
use js_sys::{Promise, TypeError, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
pub use wasm_streams::readable::sys::ReadableStream;

use super::{error::Causes, file::CoreFile, piece::WebPiece, turn::Turn};
use crate::{error::Error, host::Host, read::Reader};

/// The bytes of a reader as a `ReadableStream` of `Uint8Array`. It has no queue of its own, fails with a `KelpError`, and
/// ends all requests of the reader when it is cancelled. The reader's driver has to be polled, as by `spawn_local`.
#[must_use]
pub fn into_stream<H: Host<Piece = WebPiece> + 'static>(reader: Reader<H>) -> ReadableStream
where
    Reader<H>: Unpin,
{
    readable(reader, |error| Causes::default().error(error))
}

/// The pieces of a `ReadableStream` of `Uint8Array`.
///
/// # Errors
///
/// A `TypeError` if the stream is locked, or as an item if it has something else; what the stream fails with.
pub fn pieces(
    stream: ReadableStream,
) -> Result<impl Stream<Item = Result<WebPiece, JsValue>> + Unpin, JsValue> {
    let stream =
        wasm_streams::ReadableStream::from_raw(stream).try_into_stream().map_err(|(error, _)| error)?;
    Ok(stream.map(|item| {
        let array = item?.dyn_into::<Uint8Array>();
        Ok(array.map_err(|_| TypeError::new("the stream has something else than a Uint8Array"))?.into())
    }))
}

impl CoreFile {
    /// A `ReadableStream` of `start..end`, which the caller has clipped to the size.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    pub fn readable(&self, start: f64, end: f64) -> Result<ReadableStream, JsValue> {
        let (_, reader) = self.start(start, end)?;
        let causes = std::rc::Rc::clone(&self.causes);
        Ok(readable(reader, move |error| causes.error(error)))
    }
}

fn readable<H: Host<Piece = WebPiece> + 'static>(
    mut reader: Reader<H>,
    error: impl Fn(&Error) -> JsValue + 'static,
) -> ReadableStream
where
    Reader<H>: Unpin,
{
    let read = stream::poll_fn(move |cx| {
        let _turn = Turn::begin();
        reader.poll_next_unpin(cx)
    });
    let arrays = read.then(move |piece| {
        let piece = piece.map(WebPiece::leave).map_err(|failed| error(&failed));
        async {
            match piece?.dyn_into::<Promise>() {
                Ok(digested) => JsFuture::from(digested).await,
                Err(array) => Ok(array),
            }
        }
    });
    wasm_streams::ReadableStream::from_stream(arrays).into_raw()
}
