//! Runs `kelp` as a user does, against the stand-in cluster.
#![allow(dead_code, reason = "each program of tests uses some")]

#[path = "../../../tests/support/store.rs"]
pub mod store;

use std::{
    fs,
    io::Read,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread::{JoinHandle, sleep, spawn},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::Store;

pub const SIZE: usize = 1_000_000;

pub fn kelp(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kelp"));
    command.arg("cat").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Not to be used.
    command.env("http_proxy", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9");
    command
}

pub fn output(command: &mut Command) -> Output {
    ended(command.spawn().unwrap())
}

/// What it printed, when it has ended, within twenty seconds.
pub fn ended(mut child: Child) -> Output {
    fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
        spawn(move || {
            let mut all = Vec::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(&mut all).unwrap();
            }
            all
        })
    }
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let until = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it does not end");
        }
        sleep(Duration::from_millis(5));
    };
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

pub fn succeeded(done: &Output, bytes: &[u8], sha256: &Value) {
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(hex(bytes), *sha256);
}

pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn account(done: &Output) -> Value {
    serde_json::from_slice(&done.stderr)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&done.stderr)))
}

/// A file in an empty folder of this test's own.
pub fn target(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path.join("f.bin").to_str().unwrap().to_owned()
}

/// A store with one file; its URL, and what the store says of it.
pub fn stored() -> (Store, String, Value) {
    let mut store = Store::start("");
    let file = store.add("/f.bin", SIZE, 50_000, &json!({ "replicas": [0, 1] }));
    let url = format!("{}/f.bin", store.filer);
    (store, url, file)
}

/// Breaks a download off amid the file, and returns how many bytes are there.
pub fn broken_off(store: &mut Store, url: &str, file: &Value, to: &str) -> u64 {
    let fault = store.ask("fault", &json!([{ "fileId": file["fileIds"][12] }, { "status": 404 }]));
    let done = output(&mut kelp(&[url, "-o", to, "--passes", "1"]));
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    store.ask("removeFault", &json!([fault]));
    assert!(!PathBuf::from(to).exists(), "what is not whole has not the name of what is");
    let there = fs::metadata(format!("{to}.part")).unwrap().len();
    assert!(there > 0 && there < SIZE as u64, "{there}");
    there
}
