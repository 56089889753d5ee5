//! The way of one view, or of one chunk manifest, from its replicas to the window.
//!
//! A [`ViewFetch`] is a state machine: it takes what happened ([`Input`]) and returns what to do next
//! ([`Action`]). It knows no clock, no chance and no I/O: times and random numbers are part of the
//! inputs, and one small driver (`read`) performs the actions. So each decision can be tested in
//! any order of events.
//!
//! A fetch looks up the replicas of its chunk and ranks them. For each attempt it waits for a permit of
//! the replica's host, gets a token if one is needed, sends a GET request for the bytes that have not
//! arrived, and reads the body. A failed attempt is followed by a decision (`retry`): the same replica or
//! another, perhaps after a pause, a fresh token, or another lookup. An attempt resumes where the one
//! before broke off, also on another replica; if the bytes of two replicas do not fit together, the
//! view starts over, unless some of it has reached the reader. The last piece of a requested range is held until the
//! body has ended there: a server that sends more lies. After the body comes `verification`: a chunk that
//! was kept is decoded and checked, a view that was handed on waits for the value of its digest. The fetch never
//! computes on bytes: decoding and digests are operations of the host, and their results are inputs.
//!
//! ```text
//!  Locating ─► Acquiring ─► AwaitingToken ─► AwaitingResponse ─► ReadingBody ─► Decoding, Digesting ─► Done
//!     ▲            ▲                │                │               │             │
//!     │            │                └────────────────┴── failed ─────┴─────────────┘
//!     │ lookup     │ same or other replica               ▼
//!     └────────────┴──────── Pausing ◄──────────── Recovering ◄── Offline
//! ```
//!
//! # Example
//!
//! A chunk of 100 bytes has two replicas, `a` and `b`; `a` breaks off after 60 bytes:
//!
//! | input | actions |
//! |---|---|
//! | (start) | `Start(Locate)` |
//! | `Located(a, b)` | `Start(Acquire(a))` |
//! | `Permit` | `Start(Token)` |
//! | `Token(None)` | `Expect(a, response)`, `Report(request)`, `Start(Send(a))` |
//! | `Response(200)` | `Report(headers)`, `Begin`, `Expect(a, 100 bytes)`, `SetTimer(20 s)` |
//! | `Piece(60 bytes)` | `Report(first-byte)`, `Report(body)`, `Deliver(60 bytes)` |
//! | `BodyError` | `Cancel(Primary)`, `ExpectNothing`, `Recover` |
//! | `Recovered` | `Report(failover)`, `Start(Acquire(b))` |
//! | `Permit` | `Start(Token)` |
//! | `Token(None)` | `Expect(b, response)`, `Report(request)`, `Start(Send(b, bytes=60-99))` |
//! | `Response(206)` | `Report(headers)`, `Begin`, `Expect(b, 40 bytes)`, `SetTimer(20 s)` |
//! | `Overdue` | `ExpectNothing`, `Report(hedge)`, `Start(Hedge, Send(a, bytes=60-99))`, … |
//! | `Piece(40 bytes)` | `Report(first-byte)`, `Report(body)` |
//! | `BodyEnd` | `Cancel(Primary)`, `Cancel(Hedge)`, `Deliver(40 bytes)`, `Finish`, `End(Ok)` |

mod attempt;
mod blob_range;
mod body;
mod decoding;
mod failure_limit;
mod fetch;
mod gzip_sniffer;
mod hedge;
mod hedge_watch;
mod io;
mod progress;
mod recovery;
mod replicas;
mod request;
mod response;
mod stream;
mod target;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
mod transit;
mod verification;

pub(crate) use self::{
    failure_limit::FailureLimit,
    fetch::ViewFetch,
    hedge_watch::{CHECK_AGAIN, HedgeWatch},
    io::{Action, Context, Input, Operation, Part, ResponseStart, Role, Update},
};
