//! Imports between files, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

/// Pairs of paths: the first file imports from the second one.
pub type Graph = BTreeSet<(String, String)>;

/// The import circles, one line each: the folder, then the files and folders in it that import one another.
///
/// A file in a folder stands for that folder where it imports from outside of it.
pub fn circles(graph: &Graph) -> Vec<String> {
    let mut folders: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (from, to) in graph {
        let (folder, from, to) = siblings(from, to);
        if from != to {
            folders.entry(folder).or_default().entry(from).or_default().insert(to);
        }
    }
    let found = folders.iter().filter_map(|(folder, arrows)| Some(format!("{folder} : {}", circle(arrows)?)));
    found.collect()
}

/// The folder that holds both paths, and the entries of that folder in which they are.
fn siblings(from: &str, to: &str) -> (String, String, String) {
    let (from, to): (Vec<_>, Vec<_>) = (from.split('/').collect(), to.split('/').collect());
    let most = from.len().min(to.len()) - 1;
    let common = (0..most).take_while(|at| from[*at] == to[*at]).count();
    let folder = if common == 0 { ".".to_owned() } else { from[..common].join("/") };
    (folder, from[common].to_owned(), to[common].to_owned())
}

/// One circle among these arrows, as `a -> b -> a`.
fn circle(arrows: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|start| visit(start, arrows, &mut Vec::new(), &mut done))
}

fn visit<'a>(
    node: &'a str,
    arrows: &'a BTreeMap<String, BTreeSet<String>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<String> {
    if let Some(at) = path.iter().position(|before| *before == node) {
        return Some([&path[at..], &[node]].concat().join(" -> "));
    }
    if done.contains(node) {
        return None;
    }
    path.push(node);
    let next = arrows.get(node).into_iter().flatten();
    let found = next.into_iter().find_map(|next| visit(next, arrows, path, done));
    path.pop();
    done.insert(node);
    found
}

#[test]
fn a_circle_of_three_files_is_found() {
    let graph = |arrows: &[(&str, &str)]| -> Graph {
        arrows.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    };
    let straight = [("a/x.rs", "a/y.rs"), ("a/y.rs", "b.rs"), ("a/x.rs", "b.rs")];
    assert!(circles(&graph(&straight)).is_empty());
    let round = [("a/x.rs", "a/y.rs"), ("a/y.rs", "a/z.rs"), ("a/z.rs", "a/x.rs")];
    assert_eq!(circles(&graph(&round)), ["a : x.rs -> y.rs -> z.rs -> x.rs"]);
    let folders = [("a/x.rs", "b/y.rs"), ("b/z.rs", "a/w.rs")];
    assert_eq!(circles(&graph(&folders)), [". : a -> b -> a"]);
}
