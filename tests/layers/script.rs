//! The imports of JavaScript and TypeScript files: `import` and `export` lines with a relative path.

use std::collections::BTreeMap;

use crate::graph::Graph;

/// The imports between files; paths are relative to one folder.
pub fn imports(files: &BTreeMap<String, String>) -> Graph {
    let mut graph = Graph::new();
    for (path, text) in files {
        for target in specifiers(text) {
            if let Some(file) = resolve(path, target, files).filter(|file| file != path) {
                graph.insert((path.clone(), file));
            }
        }
    }
    graph
}

/// The relative specifiers of a module.
fn specifiers(text: &str) -> impl Iterator<Item = &str> {
    let starts = ["from \"", "import \"", "import(\""];
    let code = text.lines().filter(|line| !line.trim_start().starts_with(['/', '*']));
    code.flat_map(move |line| {
        starts
            .into_iter()
            .flat_map(move |start| line.split(start).skip(1))
            .filter_map(|rest| rest.split('"').next())
    })
    .filter(|specifier| specifier.starts_with('.'))
}

/// The file that a specifier names, if it is one of these; TypeScript files may be named without extension or as `.js`.
fn resolve(from: &str, specifier: &str, files: &BTreeMap<String, String>) -> Option<String> {
    let mut at: Vec<&str> = from.split('/').collect();
    at.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => drop(at.pop()?),
            name => at.push(name),
        }
    }
    let path = at.join("/");
    let names = [path.clone(), format!("{path}.ts"), path.replace(".js", ".ts")];
    names.into_iter().find(|name| files.contains_key(name))
}

#[test]
fn imports_and_exports_count_and_comments_do_not() {
    let files = [
        ("a.js", "import { b } from \"./b.js\";\n// import { c } from \"./c.js\";\n"),
        ("b.js", "export { c } from \"./inner/c.js\";\nimport fs from \"node:fs\";\n"),
        ("inner/c.js", "const a = await import(\"../a.js\");\n"),
    ];
    let graph = imports(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let arrows: Vec<_> = graph.iter().map(|(from, to)| format!("{from} {to}")).collect();
    assert_eq!(arrows, ["a.js b.js", "b.js inner/c.js", "inner/c.js a.js"]);
}
