//! A small HTTP server on loopback whose every byte is written by the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A running server; its threads end with the process.
#[derive(Clone)]
pub struct Server {
    pub origin: String,
    log: Arc<Mutex<Vec<String>>>,
    open: Arc<Mutex<(isize, isize)>>,
}

impl Server {
    /// Answers each request, given as its head, with these bytes. An answer without `Content-Length` ends
    /// with its connection.
    pub fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let origin = format!("http://{}", listener.local_addr().expect("it is bound"));
        let server = Self { origin, log: Arc::default(), open: Arc::default() };
        let (started, answer) = (server.clone(), Arc::new(answer));
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (server, answer) = (started.clone(), Arc::clone(&answer));
                thread::spawn(move || {
                    server.count(1, 1);
                    let _ = server.serve(socket, &*answer);
                    server.count(-1, 0);
                });
            }
        });
        server
    }

    fn count(&self, now: isize, all: isize) {
        let mut open = self.open.lock().unwrap();
        *open = (open.0 + now, open.1 + all);
    }

    fn serve(&self, mut socket: TcpStream, answer: &dyn Fn(&str) -> Vec<u8>) -> std::io::Result<()> {
        let mut reader = BufReader::new(socket.try_clone()?);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let head = head.to_ascii_lowercase();
            self.log.lock().unwrap().push(head.clone());
            let bytes = answer(&head);
            socket.write_all(&bytes)?;
            let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            if text.contains("x-stall") {
                // Until the client leaves.
                let _ = reader.read(&mut [0]);
                return Ok(());
            }
            if !text.contains("content-length") {
                return Ok(());
            }
        }
    }

    /// The heads of all requests so far, in lower case.
    pub fn heads(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// How many connections are open now, and how many there were.
    pub fn connections(&self) -> (isize, isize) {
        *self.open.lock().unwrap()
    }

    /// Whether all connections close within two seconds.
    pub async fn empties(&self) -> bool {
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.connections().0 == 0 {
                return true;
            }
        }
        false
    }
}

/// An answer with a body and its length.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
