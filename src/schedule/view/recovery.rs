//! What follows a failure: the same replica or another, a pause, a token, a lookup, or the end.
//!
//! `retry` makes the decision; this file prepares it and carries it out. A server that refuses for its load spends no
//! pass while it serves other views. Three cases come before the decision:
//!
//! - While the platform has no network, no server is at fault: the fetch waits, and no attempt is counted.
//! - If the target of an earlier redirect is gone, the URL itself is requested again.
//! - Bytes that do not match the checksum, or are of another copy, are dropped, and the view starts over. If some of
//!   them have reached the reader, the view fails.

use super::{
    fetch::{AfterPause, Circumstance, FailedAttempt, Failure, Purpose, State, ViewFetch},
    io::{Action, Context, Operation, Role},
    request::ReplicaRequest,
};
use crate::{
    error::{Error, Kind},
    host::{
        Piece,
        event::{Event, EventKind},
    },
    model::location::Location,
    schedule::{
        pool::Permit,
        retry::{AttemptError, Decision},
    },
    time::Duration,
};

impl<P: Piece> ViewFetch<'_, P> {
    /// A lookup failed; a decision about it needs a random number.
    pub(super) fn on_lookup_failed(&mut self, purpose: Purpose, error: Error) {
        self.actions.push(Action::Recover { restart: false });
        self.state = State::RecoveringLookup(purpose, error);
    }

    pub(super) fn after_failed_lookup(
        &mut self,
        purpose: Purpose,
        error: Error,
        random: f64,
        cx: &Context<'_, P>,
    ) {
        let failure = AttemptError::new(Kind::NoLocations, "");
        match self.lookup_retry.failed(0, "", failure, random) {
            Decision::Try(_, pause) if !self.locator_retries => {
                if !pause.is_zero() {
                    let event = self.target.host_event(EventKind::Wait, &"".into());
                    self.actions.report(Event { reason: Some(Kind::NoLocations.code()), ..event });
                }
                self.pause(pause, AfterPause::Lookup(purpose), cx);
            }
            _ => self.after_lookup(purpose, Err(error), cx),
        }
    }

    /// The current attempt failed.
    pub(super) fn on_attempt_failed(
        &mut self,
        mut error: AttemptError,
        circumstance: Circumstance,
        cx: &Context<'_, P>,
    ) {
        let permit = self.request.as_ref().and_then(|request| request.permit.as_ref());
        let was_shared = permit.is_some_and(Permit::was_shared);
        self.close_request();
        let Some(ReplicaRequest { replica, name, url, host, status, .. }) = self.request.take() else {
            return;
        };
        self.failure = Failure { replica, host, reason: error.kind.code() };
        let is_offline = error.kind == Kind::Network && circumstance == Circumstance::Offline;
        error.status = error.status.or(status);
        let is_other_copy = circumstance == Circumstance::OtherCopy;
        let is_drip = circumstance == Circumstance::Dripping;
        let failed = FailedAttempt { name, url, error, is_other_copy, is_drip, was_shared };
        if !is_offline {
            return self.on_failed(failed, cx);
        }
        self.failure.reason = "offline";
        self.report_failure(EventKind::Wait);
        self.actions.start(Role::Primary, Operation::AwaitNetwork);
        self.state = State::Offline(failed);
    }

    /// The wait for the network has ended.
    pub(super) fn on_network(&mut self, failed: FailedAttempt, is_back: bool, cx: &Context<'_, P>) {
        if is_back {
            return self.attempt_again(self.failure.replica, true, cx);
        }
        self.failure.reason = failed.error.kind.code();
        self.on_failed(failed, cx);
    }

    /// An attempt failed while there was a network.
    fn on_failed(&mut self, failed: FailedAttempt, cx: &Context<'_, P>) {
        let FailedAttempt { name, url, error, is_other_copy, .. } = &failed;
        // Other views may have followed the redirect anew since this request was sent.
        if self.validators(cx).drop_redirect(name, url, error.status) {
            return self.attempt_again(self.failure.replica, true, cx);
        }
        cx.pool.on_failure(&self.failure.host, error, cx.now);
        if error.kind == Kind::SourceChanged {
            return self.fail_at_once(failed.error);
        }
        let restart = self.must_restart || *is_other_copy || self.has_bad_bytes(error.kind);
        self.actions.push(Action::Recover { restart });
        self.state = State::Recovering(failed);
    }

    /// Whether a failure of this kind means that bytes in the window may be wrong.
    fn has_bad_bytes(&self, kind: Kind) -> bool {
        match kind {
            Kind::Corrupt => self.target.mode.is_stream(),
            // The digest covers them.
            Kind::LongBody => self.target.mode.has_checksum(),
            _ => false,
        }
    }

    pub(super) fn after_failed_attempt(
        &mut self,
        FailedAttempt { error, is_drip, was_shared, .. }: FailedAttempt,
        is_restarted: bool,
        random: f64,
        cx: &Context<'_, P>,
    ) {
        if is_restarted {
            self.must_restart = true;
            self.stream.restart();
            self.etag = None;
        } else if self.has_bad_bytes(error.kind) {
            return self.fail_at_once(error);
        }
        self.narrow();
        let farthest = self.stream.progress.farthest();
        if farthest > self.farthest && !is_drip {
            cx.failures.add_bytes(farthest - self.farthest);
            self.farthest = farthest;
            self.retry.progressed();
        }
        let Failure { replica, host, .. } = &self.failure;
        // The host may have been busy with a request that has ended since.
        let may_serve = || was_shared || cx.pool.may_serve(host, self.options.retry.max_delay, cx.now);
        let is_turned_away = error.is_refusal() && may_serve();
        let decision = match is_turned_away {
            true => self.retry.refused(*replica, host, error, random),
            false => self.retry.failed(*replica, host, error, random),
        };
        if is_turned_away || cx.failures.allows_another(self.replicas.urls().len()) {
            self.carry_out(decision, false, random, cx);
        } else {
            self.give_up();
        }
    }

    /// Carries out a decision about the last failure. `moved`: the replicas are other ones than before.
    fn carry_out(&mut self, decision: Decision, moved: bool, random: f64, cx: &Context<'_, P>) {
        match decision {
            Decision::Try(replica, pause) => {
                if !pause.is_zero() {
                    self.report_failure(EventKind::Wait);
                }
                let is_retry = replica == self.failure.replica && !moved;
                self.pause(pause, AfterPause::Attempt { replica, is_retry }, cx);
            }
            Decision::RenewToken(replica) => {
                self.replicas.refuse_token();
                if self.replicas.has_token() {
                    self.locate(Purpose::Renewal { replica }, true, cx);
                } else {
                    self.attempt_again(replica, replica == self.failure.replica, cx);
                }
            }
            Decision::Lookup => {
                self.report_failure(EventKind::Relookup);
                self.locate(Purpose::Relocation { random }, true, cx);
            }
            Decision::GiveUp => self.give_up(),
        }
    }

    /// A lookup brought a fresh token. If it brought other replicas too, they are taken, but once only: a locator
    /// that returns other replicas each time must not keep the view busy forever.
    pub(super) fn after_renewal(&mut self, replica: usize, mut location: Location, cx: &Context<'_, P>) {
        let mut replica = replica;
        if !self.replicas.renew_token(&mut location) && self.retry.restart_renewed(location.urls.len()) {
            self.replicas.replace(location);
            replica = 0;
        }
        self.attempt_again(replica, replica == self.failure.replica, cx);
    }

    /// The replicas were looked up again. If the lookup failed, the known replicas are tried on, unless all of
    /// them answered that the chunk does not exist.
    pub(super) fn after_relocation(
        &mut self,
        random: f64,
        found: Result<Location, Error>,
        cx: &Context<'_, P>,
    ) {
        let moved = match found {
            Ok(mut location) => {
                let moved = !self.replicas.renew_token(&mut location);
                if moved {
                    self.replicas.replace(location);
                }
                moved
            }
            Err(error) if self.failure.reason == Kind::NotFound.code() => return self.fail(error),
            Err(_) => false,
        };
        let decision = match moved {
            true => self.retry.restart(self.replicas.urls().len()),
            false => self.retry.after_lookup(random),
        };
        self.carry_out(decision, moved, random, cx);
    }

    fn pause(&mut self, pause: Duration, after: AfterPause, cx: &Context<'_, P>) {
        if pause.is_zero() {
            return self.after_pause(after, cx);
        }
        self.set_idle(true);
        self.actions.push(Action::SetTimer(pause));
        self.state = State::Pausing(after);
    }

    /// The body waits for the reader, and has done so for a long time; or it is longer than expected, and there is no room
    /// for it. The server, and others that wait for it, get the connection back. What follows is requested when there is
    /// room.
    pub(super) fn give_back(&mut self) {
        self.drop_request("parked");
        self.state = State::Parked;
    }

    /// The request ends for this reason, which is no failure.
    pub(super) fn drop_request(&mut self, reason: &'static str) {
        self.close_request();
        if let Some(ReplicaRequest { replica, host, .. }) = self.request.take() {
            self.failure = Failure { replica, host, reason };
        }
    }

    pub(super) fn after_pause(&mut self, after: AfterPause, cx: &Context<'_, P>) {
        match after {
            AfterPause::Lookup(purpose) => self.ask_locator(purpose, true),
            AfterPause::Attempt { replica, is_retry } => self.attempt_again(replica, is_retry, cx),
        }
    }

    /// Reports another attempt, at the same replica (`is_retry`) or another, and begins it.
    pub(super) fn attempt_again(&mut self, replica: usize, is_retry: bool, cx: &Context<'_, P>) {
        self.report_failure(if is_retry { EventKind::Retry } else { EventKind::Failover });
        self.attempt(replica, cx);
    }

    fn give_up(&mut self) {
        let error = self.retry.error(self.target.name());
        self.fail(error);
    }

    /// Fails the view without another attempt.
    fn fail_at_once(&mut self, error: AttemptError) {
        let Failure { replica, host, .. } = &self.failure;
        let error = self.retry.fail(*replica, host, error, self.target.name());
        self.fail(error);
    }

    /// Reports an event about the last failure.
    fn report_failure(&mut self, kind: EventKind) {
        let Failure { host, reason, .. } = &self.failure;
        let event = Event { reason: Some(reason), ..self.target.host_event(kind, host) };
        self.actions.report(event);
    }
}
