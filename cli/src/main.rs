//! `kelp`: reads files from SeaweedFS and similar stores on the command line.

mod arguments;
mod cat;
mod checkpoints;
mod destination;
mod failure;
mod output;
mod partial;
mod private_file;
mod progress;
mod settings;
mod stats;

use std::{
    env,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use arguments::Command;
use failure::Failure;
use kelp_stream::http::file_name::printable;

/// Bodies arrive in buffers of hundreds of KiB, which many allocators return to the system each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // For example `kelp cat ... | head`.
        Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure) => {
            // Names and messages of servers and manifests are in it, and this may be a terminal.
            let _ = writeln!(std::io::stderr(), "kelp: {}", printable(&failure.to_string()));
            failure.code()
        }
    }
}

/// Exits at once: the thread that writes may be blocked by the reader of the output.
fn exit(signal: u8) -> ! {
    let mut error = std::io::stderr();
    let line_end = if error.is_terminal() { "\n" } else { "" };
    let _ = writeln!(error, "{line_end}kelp: interrupted");
    std::process::exit(i32::from(signal) + 128)
}

fn run() -> Result<(), Failure> {
    let (source, cat) = match arguments::parse(lexopt::Parser::from_env())? {
        Command::Cat(source, cat) => (source, cat),
        Command::Help => return print(HELP),
        Command::Version => return print(concat!("kelp ", env!("CARGO_PKG_VERSION"), "\n")),
    };
    let options = settings::options(&cat, |name| env::var(name).ok().filter(|value| !value.is_empty()))?;
    // One thread fetches and this one writes. More threads would not be faster: they would spend the time on passing
    // tasks to one another.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.spawn(async { exit(interrupted().await) });
    let outcome = runtime.block_on(cat::cat(&source, &cat, &options));
    // Requests in flight are not needed any more; their connections close with the process.
    runtime.shutdown_background();
    outcome
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Resolves to the number of the signal that stops the command.
#[cfg(unix)]
async fn interrupted() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => 2,
        _ = terminate.recv() => 15,
    }
}

/// Resolves to the number of the signal that stops the command.
#[cfg(not(unix))]
async fn interrupted() -> u8 {
    let _ = tokio::signal::ctrl_c().await;
    2
}
