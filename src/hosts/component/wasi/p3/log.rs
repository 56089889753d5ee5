//! Standard error of WASI 0.3.

use wit_bindgen::spawn_local;

use crate::hosts::component::bindings::{wasi::cli::stderr, wit_stream};

/// Writes a text, in a task. A host that cannot write it drops it.
pub(crate) fn log(text: String) {
    spawn_local(async move {
        let (mut writer, reader) = wit_stream::new();
        let written = stderr::write_via_stream(reader);
        writer.write_all(text.into_bytes()).await;
        drop(writer);
        let _ = written.await;
    });
}
