//! `kelp`: reads files of SeaweedFS, and of stores like it, on the command line.

mod arguments;
mod cat;
mod failure;
mod output;
mod partial;
mod progress;
mod settings;
mod stats;

use std::{env, io::Write, process::ExitCode};

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

fn run() -> Result<(), Failure> {
    let cat = match arguments::parse(lexopt::Parser::from_env())? {
        Command::Cat(cat) => cat,
        Command::Help => return print(HELP),
        Command::Version => return print(concat!("kelp ", env!("CARGO_PKG_VERSION"), "\n")),
    };
    let options = settings::options(&cat, |name| env::var(name).ok().filter(|value| !value.is_empty()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // A task of its own: while it waits for whoever reads our output, signals are heard.
    let reading = runtime.spawn(async move { cat::cat(&cat, &options).await });
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = reading => outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
            signal = interrupted() => Err(Failure::Interrupted(signal)),
        }
    });
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
