//! The progress on a terminal.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// A line on standard error that is rewritten in place. Prints nothing if standard error is not a terminal.
pub(crate) struct Progress {
    total: u64,
    done: u64,
    resumed_at: u64,
    since: Instant,
    shown: Option<Instant>,
    is_shown: bool,
}

const EVERY: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

impl Progress {
    pub(crate) fn new(done: u64, total: u64, quiet: bool) -> Self {
        let is_shown = !quiet && std::io::stderr().is_terminal();
        Self { total, done, resumed_at: done, since: Instant::now(), shown: None, is_shown }
    }

    pub(crate) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if self.is_shown && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            let _ = write!(std::io::stderr(), "\r{}", self.line());
        }
    }

    fn line(&self) -> String {
        let share = if self.total == 0 { 1.0 } else { self.done as f64 / self.total as f64 };
        let filled = ((share * WIDTH as f64) as usize).min(WIDTH);
        let rate = (self.done - self.resumed_at) as f64 / self.since.elapsed().as_secs_f64().max(0.001);
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        format!(
            "[{}{}] {:3.0} %  {:.1} of {:.1} MiB, {:.1} MiB/s ",
            "#".repeat(filled),
            "-".repeat(WIDTH - filled),
            share * 100.0,
            mib(self.done as f64),
            mib(self.total as f64),
            mib(rate)
        )
    }
}

impl Drop for Progress {
    /// Ends the line, so that later messages are on lines of their own.
    fn drop(&mut self) {
        if self.is_shown {
            let _ = writeln!(std::io::stderr(), "\r{}", self.line());
        }
    }
}
