//! Keeps the server of wasm-bindgen's test runner from stalling.
//!
//! The server (tiny_http 0.12) hands each new connection to a waiting thread if there is one, else to a new thread. It
//! counts a thread as waiting until the thread has woken up. So if a page opens several connections at once, two of them
//! may be handed to one thread, and the second one is served when the first one closes, which is never: the page then
//! waits for one of its modules. Connections that keep the first threads busy prevent this, since every further connection
//! gets a thread of its own.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// The variable with the address that the runner listens on.
const ADDRESS: &str = "WASM_BINDGEN_TEST_ADDRESS";

/// The threads that the server starts with.
const THREADS: usize = 4;

const PAUSE: Duration = Duration::from_millis(20);

/// The server listens within this many pauses, or not at all: tests in Node have none.
const PATIENCE: usize = 3000;

/// Chooses the address of the server, unless it is given, and keeps its first threads busy while this process runs.
///
/// # Errors
///
/// If no port is free.
#[allow(unsafe_code, reason = "the runner takes the address from its environment")]
pub fn occupy() -> io::Result<()> {
    if std::env::var_os(ADDRESS).is_some() {
        return Ok(());
    }
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    // SAFETY: this process has one thread until now.
    unsafe { std::env::set_var(ADDRESS, address.to_string()) };
    thread::spawn(move || {
        let mut connections = Vec::new();
        for _ in 0..PATIENCE {
            thread::sleep(PAUSE);
            connections.extend(TcpStream::connect(address));
            if connections.len() == THREADS {
                loop {
                    thread::park();
                }
            }
        }
    });
    Ok(())
}
