//! The imports of Rust files: `use` lines, and paths that begin with `crate`, `super` or `self`.

use std::collections::BTreeMap;

use crate::graph::Graph;

/// The files of a crate by path, each with the names that its `pub use` lines publish.
struct Crate<'a> {
    files: &'a BTreeMap<String, String>,
    published: BTreeMap<&'a str, Vec<(String, Vec<String>)>>,
}

/// The imports between files; paths are relative to the folder of `lib.rs`.
pub fn imports(files: &BTreeMap<String, String>) -> Graph {
    let code: BTreeMap<&str, String> =
        files.iter().map(|(path, text)| (path.as_str(), code_of(text))).collect();
    let published = code.iter().map(|(path, code)| (*path, published(path, code))).collect();
    let all = Crate { files, published };
    let mut graph = Graph::new();
    for (path, code) in &code {
        if path.ends_with("tests.rs") {
            continue;
        }
        for target in paths(path, code) {
            if let Some(file) = all.resolve(&target, 0).filter(|file| file != path) {
                graph.insert(((*path).to_owned(), file.to_owned()));
            }
        }
    }
    graph
}

impl<'a> Crate<'a> {
    /// The file in which an absolute path is defined.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&'a str> {
        let mut at = (0..=path.len()).rev().filter_map(|len| Some((len, self.file(&path[..len])?)));
        let (len, file) = at.next()?;
        let Some(rest) = path.get(len) else { return Some(file) };
        let through = self.published.get(file)?.iter().find(|(name, _)| name == rest);
        match through {
            Some((_, target)) if depth < 8 => self.resolve(target, depth + 1).or(Some(file)),
            _ => Some(file),
        }
    }

    /// The file of a module.
    fn file(&self, module: &[String]) -> Option<&'a str> {
        let base = module.join("/");
        let names = if base.is_empty() {
            vec!["lib.rs".into()]
        } else {
            vec![format!("{base}.rs"), format!("{base}/mod.rs")]
        };
        names.iter().find_map(|name| self.files.get_key_value(name).map(|(path, _)| path.as_str()))
    }
}

/// The code of a file: without comments and texts, and without its test module.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let line = |line: &str| -> String {
        let code = line.split("//").next().unwrap_or_default();
        code.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The path of the module that a file holds.
fn module(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// A path as an absolute one; `None` if it leads to another crate.
fn absolute(file: &str, path: &str) -> Option<Vec<String>> {
    let mut parts = path.split("::").map(str::trim);
    let mut at = match parts.next()? {
        "crate" => Vec::new(),
        "self" => module(file),
        "super" => parent(module(file)),
        _ => return None,
    };
    for part in parts {
        match part {
            "super" => at = parent(at),
            "self" | "*" => {}
            name => at.push(name.split_whitespace().next().unwrap_or_default().to_owned()),
        }
    }
    Some(at)
}

fn parent(mut module: Vec<String>) -> Vec<String> {
    module.pop();
    module
}

/// The `use` declarations of a file: whether they publish, and the tree.
fn uses(code: &str) -> impl Iterator<Item = (bool, String)> + '_ {
    code.split(';').filter_map(|statement| {
        let at = statement.rfind("use ").filter(|at| {
            let before = statement[..*at].trim_end();
            before.is_empty() || before.ends_with(['}', '{', ']', ')']) || before.ends_with("pub")
        })?;
        let is_public =
            statement[..at].trim_end().ends_with("pub") || statement[..at].trim_end().ends_with("pub(crate)");
        Some((is_public, statement[at + 4..].split_whitespace().collect::<Vec<_>>().join(" ")))
    })
}

/// The paths of a `use` tree.
fn flat(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, inner)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut depth = 0;
    let parts = inner.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    let parts = parts.filter(|part| !part.trim().is_empty());
    parts.flat_map(flat).map(|rest| format!("{}{}", before.trim(), rest)).collect()
}

/// What a file publishes of others: the name, and the absolute path behind it.
fn published(file: &str, code: &str) -> Vec<(String, Vec<String>)> {
    let public = uses(code).filter(|(is_public, _)| *is_public).flat_map(|(_, tree)| flat(&tree));
    let named = public.filter_map(|path| {
        let name = path.rsplit(" as ").next()?.rsplit("::").next()?.trim().to_owned();
        Some((name, absolute(file, &child(file, code, path.split(" as ").next()?))?))
    });
    named.collect()
}

/// A path that begins with a module of the file itself, with `self` before it.
fn child(file: &str, code: &str, path: &str) -> String {
    let first = path.split("::").next().unwrap_or_default().trim();
    let is_child = (file.ends_with("mod.rs") || file == "lib.rs") && code.contains(&format!("mod {first};"));
    if is_child { format!("self::{path}") } else { path.to_owned() }
}

/// The absolute paths that a file names, but for those that it only publishes.
fn paths(file: &str, code: &str) -> Vec<Vec<String>> {
    let private = uses(code).filter(|(is_public, _)| !is_public).flat_map(|(_, tree)| flat(&tree));
    let private = private.map(|path| child(file, code, &path));
    let is_use = |statement: &&str| !uses(&format!("{statement};")).next().is_some_and(|_| true);
    let inline: Vec<String> = code.split(';').filter(is_use).flat_map(inline).collect();
    private.chain(inline).filter_map(|path| absolute(file, &path)).collect()
}

/// The paths in code that begin with `crate` or `super`.
fn inline(code: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c: char| !is_path(c));
    words
        .filter(|word| word.starts_with("crate::") || word.starts_with("super::"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn use_trees_are_flattened() {
    assert_eq!(
        flat("crate::{a::B, c::{self, D as E}}"),
        ["crate::a::B", "crate::c::self", "crate::c::D as E"]
    );
}

#[test]
fn a_published_name_counts_for_the_file_that_defines_it() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a/mod.rs", "mod inner;\npub use inner::Name;\n// use crate::b::C;\n"),
        ("a/inner.rs", "pub struct Name;\n"),
        ("b.rs", "use crate::a::Name;\n#[cfg(test)]\nmod tests {\n use crate::c::D;\n}\n"),
        ("c.rs", "fn f(d: super::b::D) {}\n"),
    ];
    let graph = imports(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let arrows: Vec<_> = graph.iter().map(|(from, to)| format!("{from} {to}")).collect();
    assert_eq!(arrows, ["b.rs a/inner.rs", "c.rs b.rs"]);
}
