//! Copies a file from a filer to standard output: `cargo run --features native --example native -- <url>`.

use std::{env, error::Error, io::Write};

use futures::StreamExt;
use kelp_stream::native::{Client, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: native <URL of a file at a filer>")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(copy(&url))
}

async fn copy(url: &str) -> Result<(), Box<dyn Error>> {
    let file = Client::new().open_filer(url, &Options::default()).await?;
    eprintln!("{}: {} bytes of {}", file.head().name, file.size(), file.head().media_type);

    let mut reader = file.stream(..)?;
    let mut out = std::io::stdout().lock();
    while let Some(piece) = reader.next().await {
        out.write_all(&piece?)?;
    }
    eprintln!("{} requests", file.stats().requests);
    Ok(())
}
