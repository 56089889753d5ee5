//! Replays the inputs that fuzzing found, in every `cargo test`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::TARGETS;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_seed_of_every_target_is_replayed() {
    for (name, run) in TARGETS {
        let folder = folder().join(name);
        let seeds = names(&folder);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            let bytes = fs::read(folder.join(&seed)).unwrap();
            let outcome = std::panic::catch_unwind(|| run(&bytes));
            assert!(outcome.is_ok(), "fuzz/seeds/{name}/{seed} fails: see above");
        }
    }
}

#[test]
fn seeds_and_programs_match_the_targets() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder()), targets);
    let manifest = fs::read_to_string(folder().join("../Cargo.toml")).unwrap();
    let programs = manifest.lines().filter_map(|line| line.trim().strip_prefix("{ name = \""));
    let programs: BTreeSet<String> = programs.map(|line| line.split('"').next().unwrap().into()).collect();
    assert_eq!(programs, targets);
}
