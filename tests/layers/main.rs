//! The layers of the source tree, held against its `use` and `import` lines.
//!
//! [`LAYERS`] lists the folders and files of `src/` from the bottom to the top. A file imports from its own layer or from a
//! layer below it. No import circle exists: at each folder, the files and folders in it import one another in one direction
//! only. The JavaScript folders in [`SCRIPTS`] have no layers, and no circles either.
//!
//! Not counted: what a test module imports, and a `pub use` by which a folder's `mod.rs` publishes a name of a file in the
//! folder. A path through such a `pub use` counts as an import of the file that defines the name.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may say what it expects"
)]

mod graph;
mod rust;
mod script;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use graph::{Graph, circles};

/// The layers of `src/`, from the bottom to the top.
const LAYERS: [&str; 12] = [
    "time", "error", "json", "http", "model", "host", "formats", "schedule", "fetch", "read", "decode",
    "hosts",
];

/// The crates that compute on the bytes of a file, and the folders that may use them. The core steers: in the package
/// for the web it has no code that touches a byte.
const CODECS: [&str; 2] = ["kelp_stream_codec", "flate2"];
const CODEC_USERS: [&str; 3] = ["decode", "hosts", "fuzz"];

/// The root, and the fuzz targets, may import from every layer.
const ABOVE_ALL: [&str; 2] = ["lib", "fuzz"];

/// Folders of JavaScript and TypeScript.
const SCRIPTS: [&str; 5] = ["js", "gateway/src", "www", "scripts", "benches"];

/// The platforms in `src/hosts/`. None imports from another.
const HOSTS: [&str; 4] = ["component", "native", "sim", "web"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The files below a folder with one of these extensions: path relative to the folder, and text.
fn files(folder: &str, extensions: &[&str]) -> BTreeMap<String, String> {
    fn visit(at: &Path, base: &Path, extensions: &[&str], found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(at).unwrap_or_else(|error| panic!("{}: {error}", at.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("dist") {
                visit(&path, base, extensions, found);
            } else if path.extension().is_some_and(|end| extensions.iter().any(|known| end == *known)) {
                let name = path.strip_prefix(base).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let base = root().join(folder);
    let mut found = BTreeMap::new();
    visit(&base, &base, extensions, &mut found);
    found
}

fn source_graph() -> Graph {
    let graph = rust::imports(&files("src", &["rs"]));
    assert!(graph.len() > 300, "{} imports were found in src/: the parser has lost its way", graph.len());
    graph
}

/// The first component of a path in `src/`, without its extension.
fn layer(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The rank of a file's layer; `None` above all layers.
fn rank(path: &str) -> Option<usize> {
    let layer = layer(path);
    if ABOVE_ALL.contains(&layer) {
        return None;
    }
    let rank = LAYERS.iter().position(|known| *known == layer);
    Some(rank.unwrap_or_else(|| panic!("src/{path} is in no layer: add it to LAYERS")))
}

/// The imports from a layer to a higher one.
fn upward(graph: &Graph) -> Vec<String> {
    let is_upward = |from: &str, to: &str| match (rank(from), rank(to)) {
        (Some(from), Some(to)) => to > from,
        (Some(_), None) => true,
        (None, _) => false,
    };
    graph
        .iter()
        .filter(|(from, to)| is_upward(from, to))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect()
}

#[test]
fn no_layer_imports_from_a_higher_layer() {
    let upward = upward(&source_graph());
    assert!(upward.is_empty(), "imports from a higher layer:\n{}", upward.join("\n"));
}

#[test]
fn only_hosts_and_what_they_share_use_a_codec() {
    let uses = |text: &str| CODECS.iter().any(|name| text.contains(name));
    let sources = files("src", &["rs"]);
    let users: Vec<_> = sources.iter().filter(|(_, text)| uses(text)).map(|(path, _)| path).collect();
    assert!(!users.is_empty(), "no file uses a codec: their names have changed");
    let others: Vec<_> = users.iter().filter(|path| !CODEC_USERS.contains(&layer(path))).collect();
    assert!(others.is_empty(), "{others:?} use a codec");
}

#[test]
fn no_import_circle_in_rust() {
    let circles = circles(&source_graph());
    assert!(circles.is_empty(), "import circles:\n{}", circles.join("\n"));
}

#[test]
fn no_import_circle_in_javascript() {
    for folder in SCRIPTS {
        let files = files(folder, &["js", "mjs", "ts"]);
        let circles = circles(&script::imports(&files));
        assert!(circles.is_empty(), "import circles in {folder}/:\n{}", circles.join("\n"));
    }
}

#[test]
fn no_platform_imports_from_another() {
    let host = |path: &str| {
        let rest = path.strip_prefix("hosts/")?;
        HOSTS.into_iter().find(|host| rest.split('/').next() == Some(host))
    };
    let between =
        |(from, to): &&(String, String)| matches!((host(from), host(to)), (Some(a), Some(b)) if a != b);
    let found: Vec<_> =
        source_graph().iter().filter(between).map(|(from, to)| format!("{from} -> {to}")).collect();
    assert!(found.is_empty(), "imports between platforms:\n{}", found.join("\n"));
}

#[test]
fn an_import_of_a_higher_layer_is_found() {
    let files = [
        ("http/url.rs", "use crate::{error::Error, schedule::retry};\n"),
        ("schedule/retry.rs", "fn date() { crate::http::url::date() }\n"),
        ("error.rs", "pub struct Error;\n"),
    ];
    let graph = rust::imports(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    assert_eq!(upward(&graph), ["http/url.rs -> schedule/retry.rs"]);
    assert_eq!(circles(&graph), [". : http -> schedule -> http"]);
}
