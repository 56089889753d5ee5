//! `kelp cat` as a user runs it, against the stand-in cluster.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "clippy does not see that helpers are a test's"
)]

mod command;

use std::{
    fs,
    io::Read,
    path::PathBuf,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use command::{SIZE, account, broken_off, ended, hex, kelp, output, store::Store, stored, succeeded, target};
use serde_json::json;

#[test]
fn a_file_goes_to_stdout_and_its_statistics_to_stderr() {
    let (_store, url, file) = stored();
    let done = output(&mut kelp(&[&url, "--json"]));
    succeeded(&done, &done.stdout, &file["sha256"]);
    // No terminal, no progress.
    assert_eq!((&account(&done)["bytesDelivered"], &account(&done)["requests"]), (&json!(SIZE), &json!(20)));
}

#[test]
fn a_file_is_verified_as_asked() {
    let (_store, url, file) = stored();
    for how in ["stream", "transit", "strict", "off"] {
        let done = output(&mut kelp(&[&url, "--verify", how]));
        succeeded(&done, &done.stdout, &file["sha256"]);
    }
    assert_eq!(output(&mut kelp(&[&url, "--verify", "crc"])).status.code(), Some(2));
}

#[test]
fn ranges_are_inclusive_and_beyond_the_file_an_error() {
    let (_store, url, _) = stored();
    let all = output(&mut kelp(&[&url])).stdout;
    let ranges =
        [("0-0", 0..1), ("49990-50010", 49_990..50_011), ("999000-", 999_000..SIZE), ("-7", SIZE - 7..SIZE)];
    for (range, expected) in ranges {
        let done = output(&mut kelp(&[&url, "--range", range]));
        assert_eq!((done.status.code(), &done.stdout[..]), (Some(0), &all[expected]), "{range}");
    }
    assert_eq!(output(&mut kelp(&[&url, "-r", "1000000-"])).status.code(), Some(1));
}

// F135
#[test]
fn a_name_in_an_error_cannot_control_the_terminal() {
    let folder = std::env::temp_dir().join(format!("kelp-names-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("list.json");
    let urls = ["http://127.0.0.1:1/a\u{202e}b\u{9b}31m"];
    let manifest = json!({ "size": 1, "chunks": [{ "urls": urls, "offset": 0, "size": 1 }] });
    fs::write(&path, manifest.to_string()).unwrap();
    let done = output(&mut kelp(&["--manifest", path.to_str().unwrap(), "--passes", "1"]));
    let text = String::from_utf8(done.stderr).unwrap();
    assert!(text.starts_with("kelp: network"), "{text:?}");
    assert!(!text.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn several_masters_and_the_url_of_a_filer_may_be_given() {
    let (store, url, file) = stored();
    let (dead, alive) = ("master=http://127.0.0.1:1", format!("master={}", store.master));
    let filer = format!("{}/", store.filer);
    for args in [vec!["--locate", dead, "--locate", &alive], vec!["--filer", &filer]] {
        let done = output(&mut kelp(&[&[url.as_str()][..], &args].concat()));
        succeeded(&done, &done.stdout, &file["sha256"]);
    }
    let done = output(&mut kelp(&[&url, "--filer", "http://127.0.0.1:1/files/"]));
    assert_eq!(done.status.code(), Some(1), "{done:?}");
}

#[test]
fn the_master_locates_chunks_and_a_dead_replica_is_replaced() {
    let (mut store, url, file) = stored();
    store.ask("killVolume", &json!([0]));
    let done = output(&mut kelp(&[&url, "--locate", &format!("master={}", store.master)]));
    succeeded(&done, &done.stdout, &file["sha256"]);
    assert!(store.requests().iter().any(|request| request["server"] == "volume1"));
}

#[test]
fn any_url_is_read_in_ranges_and_a_manifest_in_chunks() {
    let (store, url, file) = stored();
    let done = output(&mut kelp(&["--url", &url]));
    succeeded(&done, &done.stdout, &file["sha256"]);
    let chunks = file["fileIds"].as_array().unwrap().iter().enumerate().map(|(at, id)| {
        let url = format!("{}/{}", store.volumes[0], id.as_str().unwrap());
        json!({ "urls": [url], "offset": at * 50_000, "size": 50_000 })
    });
    let list = target("manifest");
    fs::write(&list, json!({ "size": SIZE, "chunks": chunks.collect::<Vec<_>>() }).to_string()).unwrap();
    let done = output(&mut kelp(&["--manifest", &list]));
    succeeded(&done, &done.stdout, &file["sha256"]);
}

#[test]
fn an_interrupted_copy_is_continued_and_leaves_no_file() {
    let (mut store, url, file) = stored();
    let to = target("continued");
    let there = broken_off(&mut store, &url, &file, &to);
    let done = output(&mut kelp(&[&url, "-o", &to, "--json"]));
    succeeded(&done, &fs::read(&to).unwrap(), &file["sha256"]);
    assert_eq!(account(&done)["resumedAt"], there);
    assert_eq!(fs::read_dir(PathBuf::from(&to).parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_damaged_part_is_continued_before_the_damage() {
    let (mut store, url, file) = stored();
    let to = target("damaged");
    // By the digests of what was written.
    let (filer, plain) = ([url.as_str()], ["--url", url.as_str()]);
    let cases = [(&filer[..], 310_000), (&filer, 600_000), (&plain, 590_000), (&plain, 600_000), (&plain, 0)];
    for (source, at) in cases {
        let there = broken_off(&mut store, &url, &file, &to);
        assert_eq!(there, 600_000);
        let part = format!("{to}.part");
        let mut bytes = fs::read(&part).unwrap();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
        fs::write(&part, &bytes).unwrap();
        let done = output(kelp(&["-o", &to, "--json"]).args(source));
        succeeded(&done, &fs::read(&to).unwrap(), &file["sha256"]);
        let resumed = account(&done)["resumedAt"].as_u64().unwrap() as usize;
        let expected = at.saturating_sub(200_000)..at + 1;
        assert!(expected.contains(&resumed), "{source:?}: {resumed}");
        fs::remove_file(&to).unwrap();
    }
}

#[test]
fn a_changed_source_or_another_range_starts_over() {
    let (mut store, url, file) = stored();
    let to = target("changed");
    broken_off(&mut store, &url, &file, &to);
    assert_eq!(output(&mut kelp(&[&url, "-o", &to, "-r", "5-104"])).status.code(), Some(0));
    assert_eq!(fs::read(&to).unwrap().len(), 100);

    fs::remove_file(&to).unwrap();
    broken_off(&mut store, &url, &file, &to);
    let more = json!({ "replicas": [0, 1], "content": "noise:other" });
    let changed = store.add("/f.bin", SIZE, 50_000, &more);
    let done = output(&mut kelp(&[&url, "-o", &to, "--json"]));
    succeeded(&done, &fs::read(&to).unwrap(), &changed["sha256"]);
    assert_eq!(account(&done)["resumedAt"], 0);
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let (mut store, url, _) = stored();
    store.ask("setRate", &json!([200_000]));
    let mut child = kelp(&[&url]).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let done = ended(child);
    assert_eq!((done.status.code(), &done.stderr[..]), (Some(0), &b""[..]));
    assert!(store.settles());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_write_error() {
    let (mut store, url, _) = stored();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let done = output(kelp(&[&url]).stdout(full));
    let printed = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && printed.contains("cannot write: No space left"), "{printed}");
    assert!(store.settles());
}

#[test]
fn a_server_that_does_not_respond_times_out() {
    let (mut store, url, file) = stored();
    store.ask("fault", &json!([{ "fileId": file["fileIds"][3] }, { "stall": 1000 }]));
    let done = output(&mut kelp(&[&url, "--timeout", "1", "--passes", "1"]));
    let printed = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(3) && printed.starts_with("kelp: timeout: "), "{printed}");
}

// F123
#[test]
fn requests_go_to_listed_origins_only() {
    let (store, url, file) = stored();
    let done = output(&mut kelp(&[&url, "--origin", &store.filer, "--origin", "http://127.0.0.1:9"]));
    succeeded(&done, &done.stdout, &file["sha256"]);
    let refused = output(&mut kelp(&[&url, "--origin", "https://files.example/any"]));
    let printed = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && printed.starts_with("kelp: unsupported: "), "{printed}");
    let wrong = output(&mut kelp(&[&url, "--origin", "files.example"]));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--origin must be"));
}

#[test]
fn a_late_replica_is_hedged_unless_hedging_is_off() {
    let (mut store, url, _) = stored();
    let master = format!("master={}", store.master);
    // All replicas respond; one is very late, so that waiting for it is visible.
    store.ask("shapeVolume", &json!([0, { "latency": 1500 }]));
    for (hedge, happens) in [("on", true), ("off", false)] {
        let done =
            output(&mut kelp(&[&url, "--locate", &master, "--hedge", hedge, "--json", "--concurrency", "4"]));
        let hedges = account(&done)["hedges"].as_u64().unwrap();
        assert_eq!((done.status.code(), hedges > 0), (Some(0), happens), "{hedge}: {hedges}");
    }
}

#[test]
fn a_private_authority_is_trusted_if_it_is_given() {
    let mut store = Store::start_http2("");
    let file = store.add("/f.bin", SIZE, 50_000, &json!({}));
    let url = format!("{}/f.bin", store.filer);
    let path = target("ca.pem");
    fs::write(&path, &store.certificate).unwrap();
    let done = output(&mut kelp(&[&url, "--ca-file", &path]));
    succeeded(&done, &done.stdout, &file["sha256"]);
    let done = output(kelp(&[&url]).env("SSL_CERT_FILE", &path));
    succeeded(&done, &done.stdout, &file["sha256"]);
    let done = output(&mut kelp(&[&url, "--passes", "1"]));
    let printed = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(3) && printed.contains("certificate"), "{printed}");
    // Without certificates of the system, https reports it, and http works.
    let bare =
        |args: &[&str]| output(kelp(args).env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nowhere"));
    let done = bare(&[&url, "--passes", "1"]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("no certificate authority"));
    let (_store, plain, file) = stored();
    let done = bare(&[&plain]);
    succeeded(&done, &done.stdout, &file["sha256"]);
}

/// What a command shows on a terminal; nothing where there is no `script` that makes one.
#[cfg(target_os = "linux")]
fn on_a_terminal(command: &str) -> Option<String> {
    let mut script = Command::new("script");
    script.args(["-qefc", command, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped());
    match script.stderr(Stdio::piped()).spawn() {
        Ok(child) => Some(String::from_utf8_lossy(&ended(child).stdout).into_owned()),
        Err(error) => {
            eprintln!("SKIPPED: there is no script(1) to make a terminal with: {error}");
            None
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn progress_is_printed_on_a_terminal_unless_quiet() {
    let (mut store, url, file) = stored();
    store.ask("setRate", &json!([200_000]));
    let to = target("progress");
    let kelp = env!("CARGO_BIN_EXE_kelp");
    let Some(printed) = on_a_terminal(&format!("{kelp} cat '{url}' -o '{to}'")) else { return };
    assert_eq!(hex(&fs::read(&to).unwrap()), file["sha256"]);
    let lines: Vec<&str> = printed.split('\r').filter(|line| line.starts_with('[')).collect();
    let shares: Vec<u64> = lines
        .iter()
        .map(|line| line.split("] ").nth(1).unwrap().split('%').next().unwrap().trim().parse().unwrap())
        .collect();
    assert!(shares.len() > 2 && shares.is_sorted() && shares[0] < 50, "{shares:?}");
    let last = lines[lines.len() - 1];
    let whole = format!("[{}] 100 %  1.0 of 1.0 MiB, ", "#".repeat(30));
    assert!(last.starts_with(&whole) && printed.ends_with("\r\n"), "{printed:?}");

    let quiet = on_a_terminal(&format!("{kelp} cat -q '{url}' -r 0-9 -o '{to}'")).unwrap();
    assert_eq!(quiet, "");
    // Standard error is none: that is not the place for it.
    let aside = on_a_terminal(&format!("{kelp} cat '{url}' -r 0-9 -o '{to}' 2>'{to}.err'")).unwrap();
    assert_eq!((aside.as_str(), fs::read(format!("{to}.err")).unwrap().len()), ("", 0));
}

#[cfg(unix)]
#[test]
fn an_interrupted_download_is_continued() {
    let (mut store, url, file) = stored();
    let to = target("interrupted");
    store.ask("setRate", &json!([100_000]));
    let child = kelp(&[&url, "-o", &to]).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while fs::metadata(format!("{to}.part")).map_or(0, |part| part.len()) < 50_000 {
        assert!(Instant::now() < until, "it does not begin");
        sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let done = ended(child);
    assert_eq!((done.status.code(), &done.stderr[..]), (Some(130), &b"kelp: interrupted\n"[..]));
    assert!(store.settles());
    store.ask("setRate", &json!([0]));
    let done = output(&mut kelp(&[&url, "-o", &to, "--json"]));
    succeeded(&done, &fs::read(&to).unwrap(), &file["sha256"]);
    assert!(account(&done)["resumedAt"].as_u64().unwrap() >= 25_000);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_program_if_its_pipe_is_full() {
    let (mut store, url, _) = stored();
    store.ask("setRate", &json!([200_000]));
    for after in [200, 1500] {
        let child = kelp(&[&url]).spawn().unwrap();
        sleep(Duration::from_millis(after));
        let sent = Instant::now();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(ended(child).status.code(), Some(130));
        assert!(sent.elapsed() < Duration::from_secs(2));
        assert!(store.settles());
    }
}

#[test]
fn exit_codes_show_whether_a_retry_can_help() {
    let (mut store, url, file) = stored();
    let wrong: [&[&str]; 10] = [
        &["--range", "9-8", &url],
        &[],
        &["--what", &url],
        &[&url, &url],
        &["--locate", "x", &url],
        &["-H", "x", &url],
        &["--hedge", "maybe", &url],
        &["--timeout", "0", &url],
        &["--ca-file", "/nowhere/ca.pem", &url],
        &["--ca-file", "Cargo.toml", &url],
    ];
    for wrong in wrong {
        let done = output(&mut kelp(wrong));
        assert_eq!((done.status.code(), done.stdout.len()), (Some(2), 0), "{wrong:?}");
    }
    let missing = output(&mut kelp(&[&format!("{url}.missing")]));
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).starts_with("kelp: not_found: "));
    let refused = output(&mut kelp(&["http://127.0.0.1:1/x", "--passes", "1"]));
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("refused"), "the cause is printed");
    store.ask("fault", &json!([{ "fileId": file["fileIds"][3] }, { "status": 503 }]));
    assert_eq!(output(&mut kelp(&[&url, "--passes", "1"])).status.code(), Some(3));
    let nowhere = output(&mut kelp(&[&url, "-o", "/nowhere/f.bin"]));
    let printed = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(nowhere.status.code() == Some(1) && printed.contains("/nowhere/f.bin"), "{printed}");
}

#[test]
fn tokens_and_keys_come_from_the_environment() {
    let mut store = Store::start("jwt");
    let token = store.ask("sign", &json!(["filerRead"])).as_str().unwrap().to_owned();
    let case = store.case("one");
    let url = format!("{}{}", store.filer, case["path"].as_str().unwrap());
    let done = output(kelp(&[&url]).env("KELP_FILER_TOKEN", &token));
    succeeded(&done, &done.stdout, &case["sha256"]);
    let refused = output(kelp(&[&url]).env("KELP_FILER_TOKEN", "a-secret"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("a-secret"));

    let store = Store::start("s3");
    let case = store.case("sse-c.bin");
    let url = format!("{}{}", store.filer, case["path"].as_str().unwrap());
    let done = output(kelp(&[&url]).env("KELP_SSE_CUSTOMER_KEY", case["key"]["sseC"].as_str().unwrap()));
    succeeded(&done, &done.stdout, &case["sha256"]);
    let wrong = output(kelp(&[&url]).env("KELP_SSE_CUSTOMER_KEY", "a-secret"));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&wrong.stderr).contains("a-secret"));
}

#[test]
fn an_encrypted_film_is_read_with_bounded_look_ahead() {
    let store = Store::start("cipher");
    let case = store.case("film");
    let url = format!("{}{}", store.filer, case["path"].as_str().unwrap());
    let done = output(&mut kelp(&[&url, "--json", "--max-bytes-ahead", "1M", "--concurrency", "2"]));
    succeeded(&done, &done.stdout, &case["sha256"]);
    assert_eq!(account(&done)["concurrency"], 2);
}
