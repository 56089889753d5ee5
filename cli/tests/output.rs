//! `kelp cat -o`: what it writes to, and what it takes for its own earlier work.
#![cfg(unix)]
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "clippy does not see that helpers are a test's"
)]

mod command;

use std::{
    fs::{self, Permissions},
    io::Read,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
    thread::spawn,
};

use command::{SIZE, account, broken_off, hex, kelp, output, stored, succeeded, target};
use serde_json::json;

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(beside: &str) -> Vec<String> {
    let all = fs::read_dir(Path::new(beside).parent().unwrap()).unwrap();
    let mut all: Vec<_> = all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

// F181
#[test]
fn a_device_and_a_fifo_are_written_to() {
    let (_store, url, file) = stored();
    let done = output(&mut kelp(&[&url, "-o", "/dev/null"]));
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(!Path::new("/dev/null.part").exists());
    let done = output(&mut kelp(&[&url, "-o", "/dev/stdout"]));
    succeeded(&done, &done.stdout, &file["sha256"]);

    let fifo = target("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = {
        let fifo = fifo.clone();
        spawn(move || {
            let mut all = Vec::new();
            fs::File::open(fifo).unwrap().read_to_end(&mut all).unwrap();
            all
        })
    };
    let done = output(&mut kelp(&[&url, "-o", &fifo]));
    succeeded(&done, &reader.join().unwrap(), &file["sha256"]);
    assert_eq!(names(&fifo), ["f.bin"]);
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
}

// F182
#[test]
fn a_folder_is_refused_before_anything_is_requested() {
    let (mut store, url, _) = stored();
    let to = target("folder");
    let folder = Path::new(&to).parent().unwrap();
    symlink(folder, folder.join("link")).unwrap();
    let missing = format!("{to}/");
    for wrong in [folder, &folder.join("link"), &folder.join("."), Path::new(&missing)] {
        let done = output(kelp(&[&url, "-o"]).arg(wrong));
        assert_eq!(done.status.code(), Some(1), "{wrong:?}");
    }
    assert_eq!(names(&to), ["link"]);
    assert!(store.requests().is_empty());
}

// F182
#[test]
fn a_link_stays_one_and_its_file_is_replaced() {
    let (_store, url, file) = stored();
    let to = target("link");
    let folder = Path::new(&to).parent().unwrap();
    fs::create_dir(folder.join("far")).unwrap();
    for is_there in [true, false] {
        let far = folder.join("far/real.bin");
        let _ = fs::remove_file(&far);
        if is_there {
            fs::write(&far, "before").unwrap();
        }
        let _ = fs::remove_file(&to);
        symlink("far/real.bin", &to).unwrap();
        let done = output(&mut kelp(&[&url, "-o", &to]));
        succeeded(&done, &fs::read(&far).unwrap(), &file["sha256"]);
        assert!(fs::symlink_metadata(&to).unwrap().is_symlink());
    }
    symlink("circle", folder.join("circle")).unwrap();
    assert_eq!(output(kelp(&[&url, "-o"]).arg(folder.join("circle"))).status.code(), Some(1));
}

// F183
#[test]
fn a_partial_file_is_private_and_the_mode_is_kept() {
    let (mut store, url, file) = stored();
    let to = target("mode");
    for (before, after) in [(Some(0o640), 0o640), (Some(0o755), 0o755), (None, 0o644)] {
        let _ = fs::remove_file(&to);
        broken_off(&mut store, &url, &file, &to);
        assert_eq!((mode(&format!("{to}.part")), mode(&format!("{to}.part.tag"))), (0o600, 0o600));
        if let Some(before) = before {
            fs::write(&to, "before").unwrap();
            fs::set_permissions(&to, Permissions::from_mode(before)).unwrap();
        }
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "umask 022; exec \"$0\" cat \"$1\" -o \"$2\"",
            env!("CARGO_BIN_EXE_kelp"),
            &url,
            &to,
        ]);
        assert!(shell.status().unwrap().success());
        assert_eq!(
            (hex(&fs::read(&to).unwrap()), mode(&to)),
            (file["sha256"].as_str().unwrap().to_owned(), after)
        );
        assert_eq!(names(&to), ["f.bin"]);
    }
}

// F184
#[test]
fn a_planted_partial_file_is_not_adopted() {
    let (mut store, _, _) = stored();
    // Without MD5s: nothing but the digests of the tag can tell.
    let file = store.add("/e.bin", SIZE, 50_000, &json!({ "cipher": true, "replicas": [0, 1] }));
    let url = format!("{}/e.bin", store.filer);
    let to = target("planted");
    let part = format!("{to}.part");
    broken_off(&mut store, &url, &file, &to);
    let mut bytes = fs::read(&part).unwrap();
    // The end that is compared with the source stays.
    bytes[1000] ^= 1;
    fs::write(&part, &bytes).unwrap();
    let done = output(&mut kelp(&[&url, "-o", &to, "--json"]));
    succeeded(&done, &fs::read(&to).unwrap(), &file["sha256"]);
    assert_eq!(account(&done)["resumedAt"], 0);

    // A link, another name of the file, and a FIFO: what they lead to stays as it is.
    let victim = format!("{to}.victim");
    fs::write(&victim, "precious").unwrap();
    for suffix in [".part", ".part.tag"] {
        let planted = format!("{to}{suffix}");
        let plant: [&dyn Fn(); 3] =
            [&|| symlink(&victim, &planted).unwrap(), &|| fs::hard_link(&victim, &planted).unwrap(), &|| {
                assert!(Command::new("mkfifo").arg(&planted).status().unwrap().success())
            }];
        for plant in plant {
            plant();
            let done = output(&mut kelp(&[&url, "-o", &to]));
            assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
            fs::remove_file(&planted).unwrap();
            let _ = fs::remove_file(&part);
        }
    }
    // Another user's, if this is root.
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        fs::write(&part, "planted").unwrap();
        std::os::unix::fs::chown(&part, Some(12345), None).unwrap();
        let done = output(&mut kelp(&[&url, "-o", &to]));
        assert!(String::from_utf8_lossy(&done.stderr).contains("of this user"));
    }
}

// F185
#[test]
fn a_name_of_250_bytes_is_written() {
    let (mut store, url, file) = stored();
    for len in [246, 247, 250, 255] {
        let to = target("long");
        let to = Path::new(&to).with_file_name("n".repeat(len)).to_str().unwrap().to_owned();
        let fault = store.ask("fault", &json!([{ "fileId": file["fileIds"][12] }, { "status": 404 }]));
        assert_eq!(output(&mut kelp(&[&url, "-o", &to, "--passes", "1"])).status.code(), Some(1));
        store.ask("removeFault", &json!([fault]));
        let done = output(&mut kelp(&[&url, "-o", &to, "--json"]));
        succeeded(&done, &fs::read(&to).unwrap(), &file["sha256"]);
        assert_eq!((&account(&done)["resumedAt"], names(&to).len()), (&json!(600_000), 1));
    }
}
