//! Bytes into a `stream<u8>`.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use wit_bindgen::StreamWriter;

use crate::error::Error;

/// Writes all that there is, as fast as it is taken; says whether all of it was.
pub(super) async fn pump(
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
