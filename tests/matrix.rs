//! Checks the table of faults in `tests/README.md` against the files that it names.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may say what it expects")]

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

/// Faults are numbered from F01 to this one.
const LAST: usize = 218;

/// A line of the table.
struct Row {
    number: String,
    /// Files, each followed by its tests: the texts in backticks.
    tests: Vec<String>,
    remark: String,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rows() -> Vec<Row> {
    let table = read("tests/README.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, _, tests, remark, _] = cells[..] else { return None };
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        is_number(number).then(|| Row { number: number.to_owned(), tests, remark: remark.to_owned() })
    };
    table.lines().filter_map(row).collect()
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('F').is_some_and(|rest| rest.parse::<usize>().is_ok())
}

fn is_file(text: &str) -> bool {
    text.contains('/') && (text.ends_with(".rs") || text.ends_with(".mjs"))
}

/// Whether a line begins a test of this name: a function, a behaviour, a test of Node, or an entry in
/// a table of tests.
fn begins(line: &str, name: &str) -> bool {
    let starts = [
        format!("fn {name}("),
        format!("async fn {name}("),
        format!("name: \"{name}\""),
        format!("name: `{name}`"),
        format!("test(\"{name}\""),
        format!("test(`{name}`"),
        format!("\"{name}\": "),
    ];
    starts.iter().any(|start| line.trim_start().starts_with(start))
}

/// The comments right above the test of this name, attributes aside; `None` if there is not exactly one.
fn comments<'t>(file: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    let mut found = (0..lines.len()).filter(|&at| lines.get(at).is_some_and(|line| begins(line, name)));
    let at = found.next().filter(|_| found.next().is_none())?;
    let above = lines.into_iter().take(at).rev();
    let belongs = |line: &&str| line.starts_with("//") || line.starts_with("#[");
    Some(above.take_while(belongs).filter(|line| line.starts_with("//")).collect())
}

#[test]
fn every_fault_is_in_the_table_once_and_in_order() {
    let numbers: Vec<String> = rows().into_iter().map(|row| row.number).collect();
    let all: Vec<String> = (1..=LAST).map(|number| format!("F{number:02}")).collect();
    assert_eq!(numbers, all);
}

#[test]
fn every_test_in_the_table_exists_and_has_its_numbers() {
    let mut files = HashMap::new();
    let mut wrong = Vec::new();
    for row in rows() {
        let mut file = String::new();
        let mut count = 0;
        for text in row.tests {
            if is_file(&text) {
                file = text;
                continue;
            }
            count += 1;
            let content = files.entry(file.clone()).or_insert_with(|| read(&file));
            match comments(content, &text) {
                None => wrong.push(format!("{}: {file} does not have exactly one test {text:?}", row.number)),
                Some(lines) if !lines.iter().any(|line| line.contains(&row.number)) => {
                    wrong.push(format!("{}: missing above {text:?} in {file}", row.number));
                }
                Some(_) => {}
            }
        }
        if count == 0 && row.remark.is_empty() {
            wrong.push(format!("{}: neither a test nor a reason", row.number));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A number above a test must be in the table, or the test cannot be found from there.
#[test]
fn every_number_above_a_test_is_in_the_table() {
    let rows = rows();
    let files: BTreeSet<&String> =
        rows.iter().flat_map(|row| &row.tests).filter(|text| is_file(text)).collect();
    let mut wrong = Vec::new();
    for file in files {
        for tag in read(file).lines().flat_map(tags) {
            if !rows.iter().any(|row| row.number == tag && row.tests.contains(file)) {
                wrong.push(format!("{tag} is in {file}, but not in the table"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The numbers in a comment that consists of numbers.
fn tags(line: &str) -> Vec<String> {
    let tags: Vec<String> =
        line.trim().strip_prefix("// ").unwrap_or_default().split(", ").map(str::to_owned).collect();
    if tags.iter().all(|tag| is_number(tag)) { tags } else { Vec::new() }
}
