//! Standard error of WASI 0.2.

use crate::hosts::component::bindings::wasi::cli::stderr::get_stderr;

/// Bytes that one call writes at most.
const MOST: usize = 4096;

/// Writes a text. A host that cannot write it drops it.
pub(crate) fn log(text: String) {
    let stderr = get_stderr();
    for part in text.as_bytes().chunks(MOST) {
        if stderr.blocking_write_and_flush(part).is_err() {
            return;
        }
    }
}
