//! Decisions without async, clock, chance or I/O.

pub(crate) mod concurrency;
pub(crate) mod idle_timer;
pub mod options;
pub mod plan;
pub mod pool;
pub(crate) mod read_rate;
pub mod retry;
pub(crate) mod throttle;
pub mod validators;
pub(crate) mod view;
pub mod window;
