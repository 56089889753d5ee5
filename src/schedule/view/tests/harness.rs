//! A view fetch without a driver: actions are written down as text, inputs are given one by one.

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use md5::Md5;

use crate::{
    host::{Algorithm, BytesDigest, Checksum, DecodeError, Digest, DigestBytes, FetchError, Request},
    http::headers::Headers,
    model::{
        chunk::{Chunk, Ctr},
        location::Location,
    },
    schedule::{
        options::Options,
        plan::View,
        pool::{Flight, Pool},
        retry::AttemptError,
        validators::Validators,
        view::{Action, Context, FailureLimit, Input, Operation, ResponseStart, Role, Update, ViewFetch},
        window::{Job, JobId},
    },
    time::Duration,
};

pub(super) const MS: Duration = Duration::from_millis(1);

/// A fetch, and what it needs to know.
pub(super) struct Fetch {
    pub(super) fetch: ViewFetch<'static, Bytes>,
    pub(super) pool: Pool,
    pub(super) now: Duration,
    validators: Validators,
    failures: FailureLimit,
    /// The digest whose value is to be computed.
    digest: Option<BytesDigest>,
    /// Whether the last request needs the codec.
    pub(super) needs_codec: bool,
}

fn context<'a>(
    now: Duration,
    pool: &'a Pool,
    validators: &'a Validators,
    failures: &'a FailureLimit,
) -> Context<'a, Bytes> {
    let (keep, piece, digest, apply_ctr) = (&keep, &piece, &digest, &apply_ctr);
    let outgrow = &|_: JobId<'_>, _| true;
    Context { now, pool, validators, failures, piece, keep, digest, apply_ctr, outgrow }
}

/// Keeps no chunk.
fn keep(_: &Chunk, _: &View, pieces: Vec<Bytes>) -> Result<Vec<Bytes>, Vec<Bytes>> {
    Err(pieces)
}

/// A digest that keeps the bytes. In place of CRC-32C it adds them up.
struct TestDigest(Algorithm, Vec<u8>);

impl DigestBytes for TestDigest {
    fn update(&mut self, piece: &Bytes) {
        self.1.extend_from_slice(piece);
    }

    fn value(&mut self) -> BoxFuture<'_, Result<Checksum, DecodeError>> {
        let value = match self.0 {
            Algorithm::Md5 => Checksum::Md5(<Md5 as md5::Digest>::digest(&self.1).into()),
            Algorithm::Crc32c => Checksum::Crc32c(sum(&self.1)),
        };
        ready(Ok(value)).boxed()
    }
}

/// What the digest has in place of CRC-32C.
pub(super) fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(1, |sum, byte| sum * 3 % 0x0fff_ffff + u32::from(*byte))
}

fn digest(algorithm: Algorithm) -> BytesDigest {
    BytesDigest::new(TestDigest(algorithm, Vec::new()))
}

/// Removes no key stream: its bytes do not matter here.
fn apply_ctr(piece: Bytes, _ctr: &Ctr, _at: u64) -> Bytes {
    piece
}

/// The value of a digest, as a driver computes it.
pub(super) fn digested(mut digest: BytesDigest) -> Input<Bytes> {
    let value = digest.value().now_or_never().expect("it is computed at once");
    Input::Digested { digest, value }
}

fn piece(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

impl Fetch {
    pub(super) fn new(job: Job, options: Options) -> Self {
        Self::in_pool(job, options, Pool::default())
    }

    pub(super) fn in_pool(job: Job, options: Options, pool: Pool) -> Self {
        let options: &'static Options = Box::leak(Box::new(options));
        let (validators, failures) = (Validators::default(), FailureLimit::new(options.retry.passes, 4));
        let now = 1000 * MS;
        let cx = context(now, &pool, &validators, &failures);
        let flight = Flight::empty(pool.clone());
        let fetch = ViewFetch::new(job, flight, options, false, false, &cx);
        Self { fetch, pool, now, validators, failures, digest: None, needs_codec: false }
    }

    pub(super) fn give(&mut self, role: Role, input: Input<Bytes>) {
        let Self { fetch, pool, now, validators, failures, .. } = self;
        fetch.handle(role, input, &context(*now, pool, validators, failures));
    }

    /// Gives an input to the primary request; returns the actions that follow.
    pub(super) fn primary(&mut self, input: Input<Bytes>) -> Vec<String> {
        self.give(Role::Primary, input);
        self.actions()
    }

    /// Gives an input to the hedge; returns the actions that follow.
    pub(super) fn hedge(&mut self, input: Input<Bytes>) -> Vec<String> {
        self.give(Role::Hedge, input);
        self.actions()
    }

    /// The actions so far, reports of bodies left out.
    pub(super) fn actions(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(action) = self.fetch.next_action() {
            all.push(text(&action));
            match action {
                Action::Start(_, Operation::Digest { digest, .. }) => self.digest = Some(digest),
                Action::Start(_, Operation::Send { needs_codec, .. }) => self.needs_codec = needs_codec,
                _ => {}
            }
        }
        all
    }

    /// Computes the digest; returns the actions that follow.
    pub(super) fn digested(&mut self) -> Vec<String> {
        let digest = self.digest.take().expect("there is a digest");
        self.primary(digested(digest))
    }

    /// Loses the digest; returns the actions that follow.
    pub(super) fn interrupted_digest(&mut self) -> Vec<String> {
        let digest = self.digest.take().expect("there is a digest");
        self.primary(Input::Digested { digest, value: Err(DecodeError::Interrupted) })
    }

    pub(super) fn permit(&mut self, host: &str) -> Vec<String> {
        let permit = self.pool.try_acquire(host, usize::MAX).expect("the host takes a request");
        self.primary(Input::Permit { permit, unix_time: Duration::ZERO })
    }

    /// The attempt at this host, up to a request without a token.
    pub(super) fn send(&mut self, host: &str) -> Vec<String> {
        let actions = self.permit(host);
        if actions.last().is_some_and(|last| last == "token") {
            self.primary(Input::Token(Ok(None)))
        } else {
            actions
        }
    }
}

/// An action in a few words.
fn text(action: &Action<Bytes>) -> String {
    let role = |role: &Role| if *role == Role::Hedge { "hedge: " } else { "" };
    match action {
        Action::Start(by, operation) => [role(by), &operation_text(operation)].concat(),
        Action::Cancel(by) => [role(by), "cancel"].concat(),
        Action::Promote => "promote".into(),
        Action::SetTimer(time) => format!("timer {time:?}"),
        Action::Recover { restart } => if *restart { "recover, restart" } else { "recover" }.into(),
        Action::Update(update) => update_text(update),
        Action::Report(event) => event.kind.name().into(),
        Action::End(Ok(())) => "end".into(),
        Action::End(Err(error)) => format!("end: {}", error.kind().code()),
    }
}

fn operation_text(operation: &Operation<Bytes>) -> String {
    match operation {
        Operation::Locate { stale, .. } => if stale.is_some() { "locate again" } else { "locate" }.into(),
        Operation::Token { refused, .. } => if refused.is_some() { "token again" } else { "token" }.into(),
        Operation::FilerToken => "filer token".into(),
        Operation::Acquire(host) => format!("acquire {host}"),
        Operation::Send { request: Request { url, range: None }, .. } => format!("send {url}"),
        Operation::Send { request: Request { url, range: Some(range) }, .. } => format!("send {url} {range}"),
        Operation::Prepare => "prepare".into(),
        Operation::Digest { .. } => "digest".into(),
        Operation::Decode { stored, .. } => format!("decode {}", stored.concat().len()),
        Operation::AwaitNetwork => "await network".into(),
    }
}

fn update_text(update: &Update<Bytes>) -> String {
    match update {
        Update::Begin => "begin".into(),
        Update::Deliver(piece) => format!("deliver {}", piece.len()),
        Update::Idle(true) => "idle".into(),
        Update::Idle(false) => "not idle".into(),
        Update::Decoding(true) => "decoding".into(),
        Update::Decoding(false) => "decoded".into(),
        Update::Digesting(true) => "digesting".into(),
        Update::Digesting(false) => "digested".into(),
        Update::Finish(None) => "finish".into(),
        Update::Finish(Some(holds)) => format!("finish, holds {holds}"),
        Update::Learn(chunks) => format!("learn {}", chunks.len()),
        Update::Expect(expectation) => match expectation.bytes {
            Some(bytes) => format!("expect {bytes} bytes of {}", expectation.host),
            None => format!("expect a response of {}", expectation.host),
        },
        Update::ExpectNothing => "expect nothing".into(),
    }
}

pub(super) fn view(chunk: Chunk, within: std::ops::Range<u64>) -> Job {
    let view = View { chunk: 0, at: within.start, within };
    Job::View { index: 0, view, chunk }
}

/// The chunk at these hosts.
pub(super) fn located(hosts: &[&str]) -> Input<Bytes> {
    let urls = hosts.iter().map(|host| format!("http://{host}/1,01")).collect();
    Input::Located(Ok(Location { urls, token: None }))
}

pub(super) fn head(status: u16, headers: Headers) -> Input<Bytes> {
    let start = ResponseStart { status, headers, ..ResponseStart::default() };
    Input::Response {
        response: Ok(Box::new(start)),
        at: Duration::ZERO,
        unix_time: Duration::ZERO,
        is_offline: false,
    }
}

pub(super) fn status(status: u16) -> Input<Bytes> {
    head(status, Headers::default())
}

pub(super) fn etag(status: u16, etag: &str) -> Input<Bytes> {
    head(status, Headers { etag: Some(etag.into()), ..Headers::default() })
}

pub(super) fn no_response() -> Input<Bytes> {
    let response = Err(AttemptError::from(FetchError { cause: None }));
    Input::Response { response, at: Duration::ZERO, unix_time: Duration::ZERO, is_offline: false }
}

pub(super) fn broken(is_offline: bool) -> Input<Bytes> {
    Input::BodyError { error: FetchError { cause: None }, is_offline }
}

pub(super) fn recovered(is_restarted: bool) -> Input<Bytes> {
    Input::Recovered { is_restarted, random: 1.0 }
}

pub(super) fn overdue() -> Input<Bytes> {
    Input::Overdue { unix_time: Duration::ZERO }
}
