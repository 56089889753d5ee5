//! Tools for which cargo has no command: `cargo xtask bindgen | component | test-runner | wit`.
//!
//! They are libraries, so `Cargo.lock` keeps the tool that generates the bindings at the version of the crate, and nothing must be
//! installed.

mod bindgen;
mod component;
mod linker;
mod test_server;
mod wit;

use std::{
    error::Error,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use wasm_bindgen_cli::{wasm_bindgen, wasm_bindgen_test_runner};

const USAGE: &str = "\
usage: cargo xtask bindgen <in.wasm> <outdir>      generates the JavaScript bindings, for release
       cargo xtask component <in.wasm> <out.wasm>  encodes it as a component
       cargo xtask test-runner <in.wasm> [args]    runs wasm-bindgen tests (cargo calls it)
       cargo xtask wit <dir>                       checks the interface files";

fn main() -> ExitCode {
    match run_as(std::env::args_os().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Runs as the program by whose name it is called. wasm-pack looks for the programs of wasm-bindgen on PATH: links of these
/// names to this program have the right version.
fn run_as(arguments: Vec<OsString>) -> Result<(), Box<dyn Error>> {
    let name = arguments.first().and_then(|path| Path::new(path).file_stem()).unwrap_or_default();
    match name.to_str() {
        Some("wasm-bindgen") => Ok(wasm_bindgen::run_cli_with_args(arguments)?),
        Some("wasm-bindgen-test-runner") => run_test_runner(arguments),
        _ => run(arguments.into_iter().skip(1).collect()),
    }
}

fn run(arguments: Vec<OsString>) -> Result<(), Box<dyn Error>> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    match (command.to_str(), rest.as_slice()) {
        (Some("bindgen"), [wasm, out]) => bindgen::write(&PathBuf::from(wasm), &PathBuf::from(out)),
        (Some("component"), [wasm, out]) => component::write(&PathBuf::from(wasm), &PathBuf::from(out)),
        (Some("test-runner"), [_, ..]) => run_tests(rest),
        // rustc calls it as the linker: `-flavor wasm` and so on.
        (Some("-flavor"), _) => linker::run(std::env::args_os().skip(1).collect()),
        (Some("wit"), [dir]) => wit::check(&PathBuf::from(dir)),
        _ => Err(USAGE.into()),
    }
}

/// Runs the tests of one wasm file like `wasm-bindgen-test-runner`, with its environment variables (`WASM_BINDGEN_USE_BROWSER=1` and
/// others).
fn run_tests(mut arguments: Vec<OsString>) -> Result<(), Box<dyn Error>> {
    arguments.insert(0, "wasm-bindgen-test-runner".into());
    run_test_runner(arguments)
}

fn run_test_runner(arguments: Vec<OsString>) -> Result<(), Box<dyn Error>> {
    test_server::occupy()?;
    Ok(wasm_bindgen_test_runner::run_cli_with_args(arguments)?)
}

/// The error and its causes, on one line.
fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    line
}
