//! Decisions: what to fetch, when, from which replica, and what to do after a failure.
//!
//! Nothing here does I/O, reads a clock or draws a random number. Time and chance are arguments, events are
//! method calls, and decisions are return values, so every module is tested without a network.
//!
//! | module | what it decides |
//! |---|---|
//! | [`options`] | nothing; it holds what users set |
//! | [`plan`] | which parts of which chunks a range of a file needs |
//! | [`window`] | which of them may start, and which bytes may be delivered |
//! | `concurrency` | how many may be in flight |
//! | [`pool`] | which of several streams goes first, and which replica |
//! | `view` | the next step of one view: look up, request, read, decode, retry, hedge |
//! | [`retry`], `attempt_error` | what follows a failed attempt, and why it failed |
//! | [`validators`] | whether a response is of the version that is being read |
//! | `idle_timer` | when a silent server has timed out |
//! | `pace` | whether a body is too slow to be waited for |
//! | `read_rate` | how many bytes the reader can need soon |
//! | `throttle` | how many bytes may be delivered now |

mod attempt_error;
pub(crate) mod concurrency;
pub(crate) mod idle_timer;
pub mod options;
pub(crate) mod pace;
pub mod plan;
pub mod pool;
pub(crate) mod read_rate;
pub mod retry;
pub(crate) mod throttle;
pub mod validators;
pub(crate) mod view;
pub mod window;
