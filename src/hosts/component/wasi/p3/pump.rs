//! Writes bytes to a `stream<u8>` of the component model.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use wit_bindgen::StreamWriter;

use crate::error::Error;

/// Writes all pieces, each as soon as the one before it was taken. Returns `false` if the other end dropped the stream
/// before it had all.
pub(in crate::hosts::component) async fn pump(
    mut pieces: impl Stream<Item = Result<Bytes, Error>> + Unpin,
    mut writer: StreamWriter<u8>,
) -> Result<bool, Error> {
    while let Some(piece) = pieces.next().await {
        if !writer.write_all(piece?.into()).await.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
