//! A server that serves a few requests at a time and refuses the others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use kelp_stream::{
    native::{Client, Options},
    read::open::UrlHints,
};

use crate::{
    run,
    server::{Server, answer},
};

const SIZE: usize = 8 << 20;

// F138
#[test]
fn a_server_that_serves_a_few_at_a_time_is_read_to_its_end() {
    let content: Arc<Vec<u8>> = Arc::new((0..SIZE).map(|at| (at * 31 % 251) as u8).collect());
    for (most, status, retry_after) in [
        (1, "503 Busy", ""),
        (2, "429 Slow Down", "Retry-After: 0\r\n"),
        (3, "503 Busy", "Retry-After: 1\r\n"),
    ] {
        let (now, refused) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (stored, count) = (Arc::clone(&content), Arc::clone(&refused));
        let server = Server::start(move |head| {
            if now.fetch_add(1, Ordering::SeqCst) >= most {
                now.fetch_sub(1, Ordering::SeqCst);
                count.fetch_add(1, Ordering::SeqCst);
                return answer(status, retry_after, b"");
            }
            thread::sleep(Duration::from_millis(3));
            let range = head.split("range: bytes=").nth(1).and_then(|text| text.lines().next());
            let (start, last) = range.and_then(|text| text.split_once('-')).unwrap();
            let (start, last): (usize, usize) = (start.parse().unwrap(), last.parse().unwrap());
            let headers = format!("Content-Range: bytes {start}-{last}/{SIZE}\r\nETag: \"v\"\r\n");
            let bytes = answer("206 Partial Content", &headers, &stored[start..=last]);
            now.fetch_sub(1, Ordering::SeqCst);
            bytes
        });
        let content = Arc::clone(&content);
        run(async move {
            let known = UrlHints { chunk_size: 128 << 10, ..UrlHints::default() };
            let url = format!("{}/file", server.origin);
            let file = Client::new().open_url(&url, known, &Options::default()).await.unwrap();
            assert!(file.bytes(..).await.unwrap() == *content, "{most} at a time");
            assert!(refused.load(Ordering::SeqCst) > 0, "some are refused");
        });
    }
}
