//! The I/O of one view: the only async code between a plan and the window.
//!
//! [`ViewFetch`] decides. This driver takes its actions, waits for what they start, and gives it what
//! happened. Its one rule is the order in which it looks at what may have happened: the primary request
//! before its hedge, and a body before its timer.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::future::{OptionFuture, try_join};

use super::{
    kept::{Claim, Outcome, Place},
    shared::Shared,
    shared_body::ViewBody,
};
use crate::{
    fetch::{
        allowed,
        filer_token::filer_token,
        timeout::{back_online, within},
    },
    host::{
        Digest, Host, Request, Response, SMALL_BODY,
        event::{Event, EventKind},
        rare,
    },
    http::url,
    schedule::{
        pool::Flight,
        view::{self, Action, Input, Operation, Part, ResponseStart, Role, Update, ViewFetch},
        window::{Job, JobId},
    },
    time::Duration,
};

/// A body that waits this long for its reader gives its connection back.
const GIVE_BACK_AFTER: Duration = Duration::from_secs(5);

/// How a fetch ended.
pub(super) enum FetchOutcome {
    /// The view is in the window. Or it was a chunk manifest; that one cannot be had, or was dropped, counts when the
    /// reader comes there.
    Done,
    /// The view at this place in the plan cannot be had.
    Failed(usize),
}

/// Fetches a view, or a chunk manifest, into the window. `flight`: what the pool counts for it.
pub(super) async fn fetch_view<H: Host>(
    shared: Arc<Shared<H>>,
    job: Job,
    mut flight: Flight,
) -> FetchOutcome {
    let shared = &*shared;
    let mut has_waited = false;
    let Some(mut place) = share(shared, &job, &mut flight, &mut has_waited).await else {
        return FetchOutcome::Done;
    };
    let mut fetch = in_context(shared, |cx| {
        let locator_retries = shared.session.locator.retries_itself();
        let is_kept = place.is_some();
        ViewFetch::new(job, flight, &shared.session.options, locator_retries, is_kept, cx)
    });
    let (primary, hedge) = (pin!(OptionFuture::from(None)), pin!(OptionFuture::from(None)));
    let mut io = ViewIo::new(shared, primary, hedge);
    loop {
        while let Some(action) = fetch.next_action() {
            match action {
                Action::Start(role, Operation::Acquire(name)) => {
                    let input = match shared.session.pool.try_acquire(&name, shared.session.options.per_host)
                    {
                        Some(permit) => Input::Permit { permit, unix_time: shared.host.unix_time() },
                        None => {
                            let operation = Operation::Acquire(name);
                            io.request(role).start(perform(shared, fetch.index(), operation));
                            Input::Queued
                        }
                    };
                    in_context(shared, |cx| fetch.handle(role, input, cx));
                }
                Action::Start(role, operation) => {
                    io.request(role).start(perform(shared, fetch.index(), operation));
                }
                Action::Cancel(role) => io.cancel(role),
                Action::Promote => io.promote(),
                Action::SetTimer(time) => io.timer = Some(shared.host.sleep(time)),
                Action::Recover { restart } => {
                    let is_restarted = restart && fetch.index().is_some_and(|index| shared.restart(index));
                    let input = Input::Recovered { is_restarted, random: shared.host.random() };
                    in_context(shared, |cx| fetch.handle(Role::Primary, input, cx));
                }
                Action::Update(update) => shared.update(fetch.job_id(), update),
                // It is reported when the view began to wait for the fetch of another one.
                Action::Report(event) if has_waited && event.kind == EventKind::Queue => {}
                Action::Report(event) => {
                    if let Some(place) = place.as_ref().filter(|_| event.kind == EventKind::Body) {
                        place.progress();
                    }
                    shared.report(event);
                }
                Action::End(result) => {
                    if let Some(place) = place.as_mut().filter(|_| result.is_err()) {
                        place.fail();
                    }
                    return end(shared, &fetch, result);
                }
            }
        }
        if fetch.has_given_back() {
            // Those who wait for the chunk need not wait for the reader of this stream.
            place = None;
        }
        let input = poll_fn(|cx| match shared.is_dropped(fetch.job_id(), cx) {
            true => Poll::Ready(None),
            false => io.poll_input(&fetch, cx).map(Some),
        });
        let Some((role, input)) = input.await else { return FetchOutcome::Done };
        in_context(shared, |cx| fetch.handle(role, input, cx));
    }
}

/// Whether the chunk of a view is fetched here: `Some`, with a place if others may wait for it. `None`: the view has come
/// without a request, from what is kept or from the fetch of another view.
async fn share<H: Host>(
    shared: &Shared<H>,
    job: &Job,
    flight: &mut Flight,
    has_waited: &mut bool,
) -> Option<Option<Place<H::Piece>>> {
    let Job::View { index, view, chunk } = job else { return Some(None) };
    loop {
        let Some(identity) = shared.identity(chunk, view) else { return Some(None) };
        let pieces = match shared.kept.join(identity, &view.within, shared.owner(*index)) {
            Claim::Kept(pieces) => pieces,
            Claim::Lead(place) => return Some(Some(place)),
            Claim::Wait(place) => {
                if !std::mem::replace(has_waited, true) {
                    let (chunk, index) = (Some(chunk.source.clone()), Some(*index));
                    shared.report(Event { chunk, index, ..Event::default() });
                }
                // No server is asked for the view.
                flight.expect_at_most(0);
                shared.update(JobId::View(*index), Update::Idle(true));
                let mut timer = None;
                let outcome = poll_fn(|cx| {
                    loop {
                        if let Poll::Ready(outcome) = place.poll_outcome(cx) {
                            return Poll::Ready(outcome);
                        }
                        let limit = shared.session.options.timeout.idle;
                        let sleep = timer.get_or_insert_with(|| shared.host.sleep(limit));
                        ready!(Pin::new(sleep).poll(cx));
                        // It may wait for something that this stream need not wait for.
                        if !place.has_progressed() {
                            return Poll::Ready(Outcome::Failed);
                        }
                        timer = None;
                    }
                })
                .await;
                shared.update(JobId::View(*index), Update::Idle(false));
                match outcome {
                    Outcome::Chunk(pieces) => pieces,
                    Outcome::Left => continue,
                    Outcome::Failed => return Some(None),
                }
            }
        };
        pieces.into_iter().for_each(|piece| shared.update(JobId::View(*index), Update::Deliver(piece)));
        shared.update(JobId::View(*index), Update::Finish(Some(view.len())));
        shared.session.stats.lock().cache_hits += 1;
        return None;
    }
}

fn end<H: Host>(
    shared: &Shared<H>,
    fetch: &ViewFetch<'_, H::Piece>,
    result: Result<(), crate::Error>,
) -> FetchOutcome {
    let Err(error) = result else { return FetchOutcome::Done };
    shared.fail(fetch.job_id(), error);
    fetch.index().map_or(FetchOutcome::Done, FetchOutcome::Failed)
}

/// Calls a view fetch with what it needs to know.
fn in_context<H: Host, T>(shared: &Shared<H>, call: impl FnOnce(&view::Context<'_, H::Piece>) -> T) -> T {
    call(&view::Context {
        now: shared.host.now(),
        pool: &shared.session.pool,
        validators: &shared.session.validators,
        failures: &shared.failures,
        piece: &|bytes| shared.host.piece(bytes),
        keep: &|chunk, view, pieces| shared.keep(chunk, view, pieces),
        digest: &|algorithm| shared.host.digest(algorithm),
        apply_ctr: &|piece, ctr, at| shared.host.apply_ctr(piece, ctr, at),
        outgrow: &|job, bytes| shared.outgrow(job, bytes),
    })
}

/// What an operation ended with: news for the view fetch and, of a response, its body.
type Performed<H> = (Input<<H as Host>::Piece>, Option<ViewBody<H>>);

/// Performs an operation for the view at this place in the plan.
async fn perform<H: Host>(
    shared: &Shared<H>,
    index: Option<usize>,
    operation: Operation<H::Piece>,
) -> Performed<H> {
    let Shared { host, session, .. } = shared;
    let options = &session.options;
    let input = match operation {
        Operation::Locate { file_id, stale, is_unreachable } => Input::Located(
            session.locator.locate(host, (options, &session.pool), &file_id, stale, is_unreachable).await,
        ),
        Operation::Token { file_id, origin, refused } => Input::Token(
            session.locator.token(host, (options, &session.pool), &file_id, &origin, refused).await,
        ),
        Operation::FilerToken => Input::Token(filer_token(host, options).await),
        Operation::Acquire(name) => {
            let permit = session.pool.acquire(&name, options.per_host).await;
            Input::Permit { permit, unix_time: host.unix_time() }
        }
        Operation::Send { request, len, needs_codec, part } => {
            // Of the view that the reader waits for, each byte is wanted at once.
            let is_awaited = index.is_some_and(|index| shared.is_awaited(index));
            let small = Some(len).filter(|len| *len <= SMALL_BODY && !is_awaited);
            return send(shared, request, small, needs_codec, part).await;
        }
        Operation::Prepare => Input::Prepared(host.prepare().await),
        Operation::Decode { stored, params } => Input::Decoded(host.decode(stored, &params).await),
        Operation::Digest { mut digest, is_urgent } => {
            if is_urgent {
                host.hurry();
            }
            let value = digest.value().await;
            Input::Digested { digest, value }
        }
        Operation::AwaitNetwork => Input::Network(back_online(host).await),
    };
    (input, None)
}

/// Sends a request and waits for the head of its response, and for the codec if it is needed. A failure is reported at
/// once: what the platform says of its network is true only then.
async fn send<H: Host>(
    shared: &Shared<H>,
    request: Request,
    small: Option<u64>,
    needs_codec: bool,
    part: Option<Box<Part>>,
) -> Performed<H> {
    let host = &shared.host;
    let prepared = async {
        if needs_codec { host.prepare().await.map_err(|error| Input::Prepared(Err(error))) } else { Ok(()) }
    };
    let answered = async {
        match part {
            Some(part) => rare::wait(respond_with_part(shared, request, *part)).await,
            None => {
                respond(shared, request, small).await.map(|(head, at, body)| (head, at, ViewBody::own(body)))
            }
        }
    };
    match try_join(answered, prepared).await {
        Ok(((head, at, body), ())) => {
            let unix_time = host.unix_time();
            let response = Input::Response { response: Ok(Box::new(head)), at, unix_time, is_offline: false };
            (response, Some(body))
        }
        Err(failed) => (failed, None),
    }
}

/// Sends a request and waits for the head of its response. An error is an input too. `small`: the length of a body whose
/// pieces may come together.
async fn respond<H: Host>(
    shared: &Shared<H>,
    request: Request,
    small: Option<u64>,
) -> Result<(ResponseStart, Duration, H::Body), Input<H::Piece>> {
    let Shared { host, session, .. } = shared;
    // A body that no view continues is not kept beside another request.
    shared.bodies.clear();
    let limit = session.options.timeout.headers;
    let name = url::host(&request.url).unwrap_or_default().to_owned();
    let mut fetched = pin!(allowed::send(host, &session.options, request, small));
    let answer = loop {
        let answer = within(host, limit, "the server sent no response in time", fetched.as_mut()).await;
        // It may wait in the platform for a connection.
        if answer.is_ok() || !session.pool.may_queue(&name, limit, host.now()) {
            break answer;
        }
    };
    let (at, unix_time) = (host.now(), host.unix_time());
    match answer.and_then(|answer| answer) {
        Ok(Response { status, headers, url, body }) => {
            Ok((ResponseStart { status, headers, url, ..ResponseStart::default() }, at, body))
        }
        Err(error) => {
            Err(Input::Response { response: Err(error), at, unix_time, is_offline: host.is_offline() })
        }
    }
}

/// As [`respond`], for a part of a URL. If the server ignores `Range`, the body may be one that another view has left.
async fn respond_with_part<H: Host>(
    shared: &Shared<H>,
    request: Request,
    part: Part,
) -> Result<(ResponseStart, Duration, ViewBody<H>), Input<H::Piece>> {
    let Part { url, waits, event, .. } = part.clone();
    let mut claim = shared.bodies.claim(part);
    // When the response arrived whose body was dropped because views before this one have to be waited for.
    let mut arrived = None;
    loop {
        if waits || arrived.is_some() {
            claim = match claim.turn().await {
                Ok((head, body)) => {
                    let head = ResponseStart { is_continued: arrived.is_none(), ..head };
                    return Ok((head, arrived.unwrap_or_else(|| shared.host.now()), body));
                }
                Err(claim) => claim,
            };
            shared.report(event.clone());
        }
        let (head, at, body) = respond(shared, request.clone(), None).await?;
        let is_whole = head.status == 200;
        if is_whole || head.status == 206 {
            shared.session.validators.set_ignores_ranges(&url, is_whole);
        }
        if !is_whole {
            return Ok((head, at, ViewBody::own(body)));
        }
        match claim.keep(head, body) {
            Ok((head, body)) => return Ok((head, at, body)),
            Err(kept) => (claim, arrived) = (kept, Some(at)),
        }
    }
}

/// What a view fetch waits for: its two requests, a timer, and room in the window.
struct ViewIo<'a, H: Host, F> {
    shared: &'a Shared<H>,
    primary: RequestIo<'a, H, F>,
    hedge: RequestIo<'a, H, F>,
    timer: Option<H::Sleep>,
    /// Until the connection of a body that is blocked is given back.
    parked: Option<H::Sleep>,
    /// The body waits until the reader has taken some of what it brought.
    is_blocked: bool,
}

/// The I/O of one request: an operation, or a body.
struct RequestIo<'a, H: Host, F> {
    operation: Pin<&'a mut OptionFuture<F>>,
    body: Option<ViewBody<H>>,
}

impl<'a, H: Host, F: Future<Output = Performed<H>>> ViewIo<'a, H, F> {
    fn new(
        shared: &'a Shared<H>,
        primary: Pin<&'a mut OptionFuture<F>>,
        hedge: Pin<&'a mut OptionFuture<F>>,
    ) -> Self {
        let request = |operation| RequestIo { operation, body: None };
        Self {
            shared,
            primary: request(primary),
            hedge: request(hedge),
            timer: None,
            parked: None,
            is_blocked: false,
        }
    }

    fn request(&mut self, role: Role) -> &mut RequestIo<'a, H, F> {
        match role {
            Role::Primary => &mut self.primary,
            Role::Hedge => &mut self.hedge,
        }
    }

    fn cancel(&mut self, role: Role) {
        self.request(role).cancel();
        if role == Role::Primary {
            self.timer = None;
        }
    }

    /// The hedge takes the place of the primary request.
    fn promote(&mut self) {
        self.cancel(Role::Primary);
        self.primary.body = self.hedge.body.take();
    }

    /// Resolves when a body that is blocked has waited so long that its connection is given back.
    fn poll_parked(&mut self, fetch: &ViewFetch<'_, H::Piece>, cx: &mut Context<'_>) -> Poll<()> {
        if !fetch.may_give_back() {
            return Poll::Pending;
        }
        let parked = self.parked.get_or_insert_with(|| self.shared.host.sleep(GIVE_BACK_AFTER));
        ready!(Pin::new(parked).poll(cx));
        self.parked = None;
        Poll::Ready(())
    }

    /// The next thing that happened.
    fn poll_input(
        &mut self,
        fetch: &ViewFetch<'_, H::Piece>,
        cx: &mut Context<'_>,
    ) -> Poll<(Role, Input<H::Piece>)> {
        let has_connection = self.primary.body.is_some();
        let may_wait = has_connection || fetch.has_given_back();
        if let Some(index) = fetch.index().filter(|_| may_wait) {
            // While the body is blocked, neither the timer nor a hedge runs against it.
            if self.shared.poll_room(index, has_connection, &mut self.is_blocked, cx).is_pending() {
                fetch.park();
                ready!(self.poll_parked(fetch, cx));
                return Poll::Ready((Role::Primary, Input::Parked));
            }
            self.parked = None;
            if std::mem::take(&mut self.is_blocked) {
                return Poll::Ready((Role::Primary, Input::Resumed));
            }
        }
        if let Poll::Ready(input) = self.primary.poll_input(self.shared, cx) {
            return Poll::Ready((Role::Primary, input));
        }
        if let Some(timer) = &mut self.timer
            && Pin::new(timer).poll(cx).is_ready()
        {
            self.timer = None;
            return Poll::Ready((Role::Primary, Input::Timer));
        }
        if let Some(index) = fetch.index().filter(|_| fetch.is_hedge_armed())
            && self.shared.poll_overdue(index, cx).is_ready()
        {
            let unix_time = self.shared.host.unix_time();
            return Poll::Ready((Role::Hedge, Input::Overdue { unix_time }));
        }
        self.hedge.poll_input(self.shared, cx).map(|input| (Role::Hedge, input))
    }
}

impl<H: Host, F: Future<Output = Performed<H>>> RequestIo<'_, H, F> {
    fn start(&mut self, operation: F) {
        self.operation.set(Some(operation).into());
    }

    fn cancel(&mut self) {
        self.operation.set(None.into());
        self.body = None;
    }

    fn poll_input(&mut self, shared: &Shared<H>, cx: &mut Context<'_>) -> Poll<Input<H::Piece>> {
        // While something is computed, a body waits.
        if let Some((input, body)) = ready!(self.operation.as_mut().poll(cx)) {
            self.operation.set(None.into());
            self.body = body.or_else(|| self.body.take());
            return Poll::Ready(input);
        }
        let Some(body) = &mut self.body else { return Poll::Pending };
        Poll::Ready(match ready!(body.poll_piece(cx)) {
            Some(Ok(piece)) => Input::Piece(piece),
            Some(Err(error)) => {
                self.body = None;
                Input::BodyError { error, is_offline: shared.host.is_offline() }
            }
            None => {
                self.body = None;
                Input::BodyEnd
            }
        })
    }
}
