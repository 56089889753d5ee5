//! The stand-in cluster of `tests/store`. It runs in a Node process that ends when the [`Store`] is dropped.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::panic, clippy::indexing_slicing, clippy::unwrap_used, reason = "tests may panic")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub struct Store {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub filer: String,
    pub master: String,
    pub volumes: Vec<String>,
    pub cases: Vec<Value>,
    /// The certificate of the filer and the volume servers in PEM; empty without TLS.
    pub certificate: String,
}

impl Store {
    /// Starts a captured cluster, or an empty one for an empty name.
    pub fn start(cluster: &str) -> Self {
        Self::start_with(cluster, "")
    }

    /// Starts it with HTTP/2 over TLS only.
    pub fn start_http2(cluster: &str) -> Self {
        Self::start_with(cluster, "http2")
    }

    fn start_with(cluster: &str, protocol: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().find(|folder| folder.join("tests/package/serve.mjs").exists());
        let mut child = Command::new("node")
            .arg(root.expect("this is the repository").join("tests/package/serve.mjs"))
            .args([cluster, protocol])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut store = Self {
            child,
            input,
            output,
            filer: String::new(),
            master: String::new(),
            volumes: Vec::new(),
            cases: Vec::new(),
            certificate: String::new(),
        };
        let about = store.answer();
        let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
        store.filer = text(&about["filer"]);
        store.master = text(&about["master"]);
        store.volumes = about["volumes"].as_array().expect("a list").iter().map(text).collect();
        store.certificate = about["certificate"].as_str().unwrap_or_default().to_owned();
        store.cases = about["cases"].as_array().expect("a list").clone();
        store
    }

    /// Calls a method of `tests/package/control.mjs`.
    pub fn ask(&mut self, method: &str, args: &Value) -> Value {
        let line = json!({ "method": method, "args": args });
        writeln!(self.input.as_mut().expect("it runs"), "{line}").expect("it listens");
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        let mut answer: Value = serde_json::from_str(&line).expect("it answers JSON");
        assert!(answer.get("error").is_none(), "{}", answer["error"]);
        answer["result"].take()
    }

    pub fn case(&self, name: &str) -> Value {
        self.cases.iter().find(|case| case["name"] == name).expect("there is such a case").clone()
    }

    /// Adds a file with `length` random bytes in chunks, and returns the store's description of it.
    pub fn add(&mut self, path: &str, length: usize, chunk: usize, more: &Value) -> Value {
        let mut file = json!({ "path": path, "content": "noise:cli", "length": length, "chunkSize": chunk });
        file.as_object_mut().expect("it is").extend(more.as_object().expect("it is").clone());
        self.ask("addFile", &json!([file]))
    }

    pub fn requests(&mut self) -> Vec<Value> {
        self.ask("requests", &json!([])).as_array().expect("a list").clone()
    }

    /// Waits up to two seconds until no request is open; returns whether that happened.
    pub fn settles(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(2);
        while self.ask("inFlight", &json!([])) != 0 {
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
