//! `kelp`: reads files of SeaweedFS, and of stores like it, on the command line.

mod arguments;
mod cat;
mod failure;
mod output;
mod partial;
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

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read has enough.
        Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "kelp: {failure}");
            failure.code()
        }
    }
}

/// Ends it here and now: the thread that writes may wait for whoever reads our output.
fn exit(signal: u8) -> ! {
    let mut error = std::io::stderr();
    let line_end = if error.is_terminal() { "\n" } else { "" };
    let _ = writeln!(error, "{line_end}kelp: interrupted");
    std::process::exit(i32::from(signal) + 128)
}

fn run() -> Result<(), Failure> {
    let cat = match arguments::parse(lexopt::Parser::from_env())? {
        Command::Cat(cat) => cat,
        Command::Help => return print(HELP),
        Command::Version => return print(concat!("kelp ", env!("CARGO_PKG_VERSION"), "\n")),
    };
    let options = settings::options(&cat, |name| env::var(name).ok().filter(|value| !value.is_empty()))?;
    // One thread fetches and another one, this, writes: what has arrived waits in the window, for whoever
    // reads our output, and more threads hand more over to one another than they do.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.spawn(async { exit(interrupted().await) });
    let outcome = runtime.block_on(cat::cat(&cat, &options));
    // What is under way is of no use to anybody: its connections close with us.
    runtime.shutdown_background();
    outcome
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Resolves to the number of the signal that asks us to stop.
#[cfg(unix)]
async fn interrupted() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => 2,
        _ = terminate.recv() => 15,
    }
}

/// Resolves to the number of the signal that asks us to stop.
#[cfg(not(unix))]
async fn interrupted() -> u8 {
    let _ = tokio::signal::ctrl_c().await;
    2
}
