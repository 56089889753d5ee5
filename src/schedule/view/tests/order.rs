//! Properties of a view fetch for any order of events.
//!
//! A tape of random numbers says what happens next: which of the things that may happen now, and how it
//! turns out. A [`World`] checks each action against what it knows is under way. When the tape is at its
//! end, everything turns out well, and the fetch has to end.

use bytes::Bytes;
use md5::{Digest, Md5};
use proptest::prelude::*;

use super::harness::{Fetch, MS, broken, digested, head, located, no_response, overdue, recovered, view};
use crate::{
    error::{Error, Kind},
    host::{DecodeError, PrepareError},
    http::headers::{ByteRange, Headers},
    model::chunk::{Chunk, CipherKey, Source},
    schedule::{
        options::Options,
        pool::{Pool, PoolLimits},
        view::{Action, Input, Operation, Role, Update},
    },
};

const HOSTS: [&str; 3] = ["a", "b", "c"];

/// What a request asked for, while its body is read.
#[derive(Clone, Copy)]
struct Asked {
    range: Option<ByteRange>,
    /// Where in the blob the next piece begins.
    at: u64,
}

/// What is under way for one of the two requests.
#[derive(Default)]
struct Side {
    operation: Option<Operation<Bytes>>,
    /// Of the request that was sent last.
    range: Option<ByteRange>,
    body: Option<Asked>,
}

/// Everything outside of the fetch, and what has to hold.
struct World {
    fetch: Fetch,
    blob: Vec<u8>,
    within: std::ops::Range<u64>,
    sides: [Side; 2],
    has_timer: bool,
    is_expecting: bool,
    is_decoding: bool,
    /// The last input was a piece of the hedge.
    is_hedge_piece: bool,
    hedges: usize,
    /// Of the view, what went to the window, and how much of that the reader has.
    delivered: Vec<u8>,
    read: usize,
    /// A server sent wrong bytes.
    is_damaged: bool,
    finished: bool,
    outcome: Option<Result<(), Kind>>,
}

/// A tape of numbers, and 0 after its end.
struct Tape<'a>(std::slice::Iter<'a, u16>);

impl Tape<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.0.next().map_or(0, |number| usize::from(*number) % end)
    }

    fn is_over(&self) -> bool {
        self.0.len() == 0
    }
}

fn role(side: usize) -> Role {
    if side == 0 { Role::Primary } else { Role::Hedge }
}

fn side(role: Role) -> usize {
    usize::from(role == Role::Hedge)
}

impl World {
    fn new(chunk: Chunk, within: std::ops::Range<u64>, blob: Vec<u8>) -> Self {
        let pool = Pool::new(PoolLimits::default());
        let fetch = Fetch::in_pool(view(chunk, within.clone()), Options::default(), pool);
        Self {
            fetch,
            blob,
            within,
            sides: Default::default(),
            has_timer: false,
            is_expecting: false,
            is_decoding: false,
            is_hedge_piece: false,
            hedges: 0,
            delivered: Vec::new(),
            read: 0,
            is_damaged: false,
            finished: false,
            outcome: None,
        }
    }

    /// Takes all actions. Gives what has to be known at once.
    fn act(&mut self) {
        while let Some(action) = self.fetch.fetch.next_action() {
            assert!(self.outcome.is_none(), "an action after the end: {action:?}");
            match action {
                Action::Start(role, operation) => self.start(role, operation),
                Action::Cancel(role) => self.cancel(role),
                Action::Promote => {
                    assert!(self.is_hedge_piece, "a hedge won without a byte");
                    self.cancel(Role::Primary);
                    self.sides.swap(0, 1);
                }
                Action::SetTimer(time) => {
                    assert!(!time.is_zero());
                    self.has_timer = true;
                }
                Action::Recover { restart } => {
                    let is_restarted = restart && self.read == 0;
                    if is_restarted {
                        self.delivered.clear();
                    }
                    self.fetch.give(Role::Primary, recovered(is_restarted));
                }
                Action::Update(update) => self.update(update),
                Action::Report(_) => {}
                Action::End(result) => {
                    assert_eq!(self.finished, result.is_ok());
                    self.outcome = Some(result.map_err(|error| error.kind()));
                }
            }
        }
    }

    fn start(&mut self, role: Role, operation: Operation<Bytes>) {
        let side = &mut self.sides[side(role)];
        // A body waits while something is computed.
        let may_wait = matches!(operation, Operation::Digest { .. } | Operation::Prepare);
        let is_free = side.operation.is_none() && (may_wait || side.body.is_none());
        assert!(is_free, "{role:?} is busy: {operation:?}");
        if let Operation::Send { request, .. } = &operation {
            side.range = request.range;
            if role == Role::Hedge {
                self.hedges += 1;
                assert_eq!(self.hedges, 1, "a view is hedged once");
            }
        }
        side.operation = Some(operation);
    }

    fn cancel(&mut self, role: Role) {
        self.sides[side(role)] = Side::default();
        if role == Role::Primary {
            self.has_timer = false;
        }
    }

    fn update(&mut self, update: Update<Bytes>) {
        match update {
            Update::Deliver(piece) => {
                assert!(!piece.is_empty() && !self.finished);
                self.delivered.extend_from_slice(&piece);
                let len = (self.within.end - self.within.start) as usize;
                assert!(self.delivered.len() <= len, "more bytes than the view has");
            }
            Update::Decoding(is_decoding) | Update::Digesting(is_decoding) => {
                assert_ne!(self.is_decoding, is_decoding);
                self.is_decoding = is_decoding;
            }
            Update::Finish(_) => {
                assert!(!self.finished);
                self.finished = true;
            }
            Update::Expect(_) => self.is_expecting = true,
            Update::ExpectNothing => self.is_expecting = false,
            Update::Begin | Update::Idle(_) => {}
            Update::Learn(_) => panic!("a view has no chunks"),
        }
    }

    /// One of the things that may happen now, as the tape has it.
    fn step(&mut self, tape: &mut Tape<'_>) {
        self.fetch.now += MS * tape.below(3000) as u32;
        let mut ready: Vec<usize> = (0..2).filter(|side| self.sides[*side].operation.is_some()).collect();
        let has_body =
            |side: &usize| self.sides[*side].operation.is_none() && self.sides[*side].body.is_some();
        ready.extend((0..2).filter(has_body).map(|side| 2 + side));
        if self.has_timer && (ready.is_empty() || !tape.is_over()) {
            ready.push(4);
        }
        if self.is_expecting && self.fetch.fetch.is_hedge_armed() && !tape.is_over() {
            ready.push(5);
        }
        assert!(!ready.is_empty(), "nothing is under way");
        // The reader takes some.
        self.read = self.delivered.len().min(self.read + tape.below(3));
        self.is_hedge_piece = false;
        let (by, input) = match ready[tape.below(ready.len())] {
            4 => {
                self.has_timer = false;
                (Role::Primary, Input::Timer)
            }
            5 => (Role::Hedge, overdue()),
            side @ (2 | 3) => (role(side - 2), self.body(side - 2, tape)),
            side => (role(side), self.perform(side, tape)),
        };
        self.fetch.give(by, input);
        self.act();
    }

    /// An operation ends, well if the tape says 0.
    fn perform(&mut self, side: usize, tape: &mut Tape<'_>) -> Input<Bytes> {
        let failure = || Error::new(Kind::NoLocations, "x");
        let is_good = tape.below(4) < 3;
        match self.sides[side].operation.take().expect("it is ready") {
            Operation::Locate { .. } if !is_good => Input::Located(Err(failure())),
            Operation::Locate { .. } => located(&HOSTS[tape.below(3)..]),
            Operation::Token { .. } => Input::Token(Ok((!is_good).then(|| "token".into()))),
            Operation::FilerToken => panic!("the chunk is not the filer's"),
            Operation::Acquire(host) => {
                let permit = self.fetch.pool.try_acquire(&host, 1).expect("no other request goes there");
                Input::Permit { permit, unix_time: MS }
            }
            Operation::AwaitNetwork => Input::Network(is_good),
            Operation::Prepare if !is_good => Input::Prepared(Err(PrepareError { cause: None })),
            Operation::Prepare => Input::Prepared(Ok(())),
            Operation::Digest { digest, .. } if !is_good => {
                Input::Digested { digest, value: Err(DecodeError::Interrupted) }
            }
            Operation::Digest { digest, .. } => digested(digest),
            Operation::Decode { .. } if !is_good && tape.below(2) == 1 => {
                Input::Decoded(Err(DecodeError::Interrupted))
            }
            Operation::Decode { .. } if !is_good => Input::Decoded(Err(DecodeError::Tag)),
            Operation::Decode { .. } => Input::Decoded(Ok(vec![self.blob.clone().into()])),
            Operation::Send { .. } => match tape.below(8) {
                0..4 => self.respond(side, tape),
                4 => no_response(),
                other => head([500, 404, 401][other - 5], Headers::default()),
            },
        }
    }

    fn respond(&mut self, side: usize, tape: &mut Tape<'_>) -> Input<Bytes> {
        let range = self.sides[side].range;
        let is_part = range.is_some() && tape.below(4) < 3;
        let at = range.filter(|_| is_part).map_or(0, |range| range.start);
        self.sides[side].body = Some(Asked { range: range.filter(|_| is_part), at });
        let etag = [None, None, Some("\"1\""), Some("\"2\"")][tape.below(4)];
        let headers = Headers { etag: etag.map(str::to_owned), ..Headers::default() };
        head(if is_part { 206 } else { 200 }, headers)
    }

    /// A piece of a body, or its end; wrong bytes and too many of them if the tape says so.
    fn body(&mut self, side: usize, tape: &mut Tape<'_>) -> Input<Bytes> {
        let asked = self.sides[side].body.expect("it is ready");
        let end = asked.range.and_then(|range| range.end).unwrap_or(self.blob.len() as u64);
        let event = tape.below(16);
        if event == 14 || event == 15 {
            self.sides[side].body = None;
            return if event == 14 { Input::BodyEnd } else { broken(tape.below(3) == 1) };
        }
        let rest = end.saturating_sub(asked.at) as usize;
        let extra = usize::from(event == 12) * 30;
        let len = if tape.is_over() { rest } else { (rest + extra).min(1 + tape.below(40)) };
        if len == 0 {
            self.sides[side].body = None;
            return Input::BodyEnd;
        }
        let at = asked.at as usize;
        let mut piece: Vec<u8> = (at..at + len).map(|at| self.blob.get(at).copied().unwrap_or(0)).collect();
        if event == 13 {
            piece[0] ^= 1;
            self.is_damaged = true;
        }
        self.sides[side].body = Some(Asked { at: asked.at + len as u64, ..asked });
        self.is_hedge_piece = side == 1;
        Input::Piece(piece.into())
    }

    /// Something that nothing waits for.
    fn stray(&mut self, tape: &mut Tape<'_>) {
        let by = role(tape.below(2));
        let is_idle = self.sides[side(by)].operation.is_none() && self.sides[side(by)].body.is_none();
        let input = match tape.below(6) {
            0 => located(&HOSTS),
            1 => Input::Token(Ok(None)),
            2 => no_response(),
            3 => Input::Decoded(Ok(Vec::new())),
            4 => Input::Network(true),
            _ => Input::Piece(Bytes::from_static(b"x")),
        };
        if is_idle {
            self.fetch.give(by, input);
            assert!(self.fetch.fetch.next_action().is_none(), "a stray input was not ignored");
        }
    }
}

/// What is read: a chunk of 100 bytes as it is, with a checksum, inside a larger blob, a part of one with a checksum, or
/// encrypted.
fn case(number: usize) -> World {
    let blob: Vec<u8> = (0..200).map(|at| (at * 7 % 251) as u8).collect();
    let file_id = || Source::FileId("1,01".into());
    let plain = Chunk::plain(file_id(), 0, 100);
    let md5 = Some(Md5::digest(&blob[..100]).into());
    match number {
        0 => World::new(plain, 0..100, blob[..100].into()),
        1 => World::new(plain, 30..60, blob[..100].into()),
        2 => World::new(Chunk { md5, ..plain }, 0..100, blob[..100].into()),
        3 => {
            let urls = HOSTS.map(|host| format!("http://{host}/1")).to_vec();
            let source = Source::Urls(urls.into());
            World::new(Chunk { source, stored: Some(50..150), ..plain }, 20..100, blob)
        }
        4 => World::new(Chunk { md5, ..plain }, 30..60, blob[..100].into()),
        _ => World::new(Chunk { key: CipherKey::new(&[7; 32]), ..plain }, 10..90, blob[..100].into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_ends_once_and_never_delivers_too_much(
        number in 0..6_usize,
        tape in prop::collection::vec(any::<u16>(), 0..300),
    ) {
        let mut world = case(number);
        let mut tape = Tape(tape.iter());
        world.act();
        let mut steps = 0;
        while world.outcome.is_none() {
            if tape.below(8) == 7 {
                world.stray(&mut tape);
            }
            world.step(&mut tape);
            steps += 1;
            prop_assert!(steps < 1000, "it does not end");
        }
        let base = if number == 3 { 50 } else { 0 };
        let range = (base + world.within.start) as usize..(base + world.within.end) as usize;
        if world.outcome == Some(Ok(())) {
            prop_assert_eq!(world.delivered.len(), range.len());
            // Damage is noticed where there is a checksum or a tag.
            if number == 2 || number == 5 || !world.is_damaged {
                prop_assert_eq!(&world.delivered[..], &world.blob[range]);
            }
        }
        // Nothing follows the end, and nothing is kept.
        for by in [Role::Primary, Role::Hedge] {
            for input in [located(&HOSTS), Input::Timer, overdue(), Input::BodyEnd, recovered(true)] {
                world.fetch.give(by, input);
                prop_assert!(world.fetch.fetch.next_action().is_none());
            }
        }
        let pool = world.fetch.pool.clone();
        drop(world);
        for host in HOSTS {
            prop_assert!(pool.try_acquire(host, 1).is_some(), "a permit was kept");
        }
    }
}
