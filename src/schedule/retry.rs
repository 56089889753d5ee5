//! What a failure means, and when to try what next.
//!
//! A *pass* is one attempt on each replica. Within a pass the next replica is tried at once;
//! between passes there is a pause that doubles and is jittered. Time and chance are arguments.

use std::time::Duration;

use crate::{
    error::{Attempt, Cause, Error, Kind},
    host::FetchError,
    http::date,
};

/// How patient to be with one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often each replica is tried. Defaults to 3; at least 1.
    pub passes: u32,
    /// The pause after the first pass, doubled after each further one. Defaults to 200 ms.
    pub base_delay: Duration,
    /// The longest pause, a server's `Retry-After` included. Defaults to 10 s.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { passes: 3, base_delay: Duration::from_millis(200), max_delay: Duration::from_secs(10) }
    }
}

/// Why an attempt was in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError {
    /// What went wrong.
    pub kind: Kind,
    /// What happened, for people; without secrets.
    pub message: String,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long the server asked to be left alone.
    pub retry_after: Option<Duration>,
    /// What the platform threw.
    pub cause: Option<Cause>,
}

impl AttemptError {
    /// A failure that is not a status.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None, retry_after: None, cause: None }
    }

    /// What a status other than 200 and 206 means; `unix_time` is the time since 1970.
    #[must_use]
    pub fn status(status: u16, retry_after: Option<&str>, unix_time: Duration) -> Self {
        let kind = match status {
            401 | 403 => Kind::Unauthorized,
            404 | 410 => Kind::NotFound,
            416 => Kind::Range,
            _ => Kind::Http(status),
        };
        Self {
            kind,
            message: format!("the server answered {status}"),
            status: Some(status),
            retry_after: retry_after.and_then(|text| parse_retry_after(text, unix_time)),
            cause: None,
        }
    }
}

impl From<FetchError> for AttemptError {
    fn from(error: FetchError) -> Self {
        Self { cause: error.cause, ..Self::new(Kind::Network, "the connection failed") }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask for a fresh token, then try this replica again.
    Token(usize),
    /// Try this replica, after a pause.
    Try(usize, Duration),
    /// Look the replicas up again; if they changed, start over, else ask `after_lookup`.
    Lookup,
    /// Nothing is left to try.
    GiveUp,
}

/// The attempts at one view.
#[derive(Clone, Debug)]
pub struct RetryState {
    policy: RetryPolicy,
    /// One for each replica: refused for good (401, 403), so left out of later passes.
    refused: Vec<bool>,
    /// Per replica, whether it has failed in this pass.
    tried: Vec<bool>,
    pass: u32,
    /// The failures of this pass asked for a pause at least this long.
    asked: Duration,
    /// How often it was looked up again, since bytes were won.
    lookups: u32,
    token_renewed: bool,
    relocated: bool,
    attempts: Vec<Attempt>,
    /// What each replica's latest attempt came to.
    kinds: Vec<Option<Kind>>,
    last: Option<AttemptError>,
}

impl RetryState {
    /// A trial of this many replicas, of which none has been asked.
    #[must_use]
    pub fn new(policy: RetryPolicy, replicas: usize) -> Self {
        Self {
            policy,
            refused: vec![false; replicas],
            tried: vec![false; replicas],
            pass: 1,
            asked: Duration::ZERO,
            lookups: 0,
            token_renewed: false,
            relocated: false,
            attempts: Vec::new(),
            kinds: vec![None; replicas],
            last: None,
        }
    }

    /// Takes note that `replica`, on `host`, failed, and decides what to do. `may_renew`: there is
    /// a way to a fresh token; `may_lookup`: there is one to fresh locations; `dice` is in `0..1`.
    pub fn failed(
        &mut self,
        replica: usize,
        host: &str,
        failure: AttemptError,
        may_renew: bool,
        may_lookup: bool,
        jitter: f64,
    ) -> Decision {
        let renew = failure.status == Some(401) && may_renew && !self.token_renewed;
        if failure.kind == Kind::Unauthorized
            && !renew
            && let Some(refused) = self.refused.get_mut(replica)
        {
            *refused = true;
        }
        self.asked = self.asked.max(failure.retry_after.unwrap_or_default());
        // A long struggle is not told in full: the error stays small.
        if self.attempts.len() < MAX_ATTEMPTS_TOLD {
            self.attempts.push(Attempt {
                host: host.to_owned(),
                status: failure.status,
                reason: failure.kind.code(),
            });
        }
        if let Some(kind) = self.kinds.get_mut(replica) {
            *kind = Some(failure.kind);
        }
        self.last = Some(failure);
        if renew {
            self.token_renewed = true;
            return Decision::Token(replica);
        }
        self.token_renewed = false;
        if let Some(tried) = self.tried.get_mut(replica) {
            *tried = true;
        }
        if let Some(next) = self.next_in_pass() {
            return Decision::Try(next, Duration::ZERO);
        }
        if may_lookup && self.lookups < self.policy.passes && self.may_have_moved() {
            self.lookups += 1;
            return Decision::Lookup;
        }
        self.after_lookup(jitter)
    }

    /// What to do when fresh locations were no others: the next pass, or nothing.
    pub fn after_lookup(&mut self, jitter: f64) -> Decision {
        if self.pass >= self.policy.passes {
            return Decision::GiveUp;
        }
        self.tried.fill(false);
        let Some(first) = self.next_in_pass() else {
            return Decision::GiveUp;
        };
        let pause = self.pause(jitter);
        self.pass += 1;
        self.asked = Duration::ZERO;
        Decision::Try(first, pause)
    }

    /// Starts over with other replicas; what was tried before is still told.
    pub fn restart(&mut self, replicas: usize) -> Decision {
        self.refused = vec![false; replicas];
        self.tried = vec![false; replicas];
        self.kinds = vec![None; replicas];
        self.pass = 1;
        Decision::Try(0, Duration::ZERO)
    }

    /// As `restart`, with a token that was just renewed: the first replica gets no other. Does so
    /// once only, and says whether it did.
    pub fn restart_renewed(&mut self, replicas: usize) -> bool {
        if std::mem::replace(&mut self.relocated, true) {
            return false;
        }
        self.restart(replicas);
        self.token_renewed = true;
        true
    }

    /// Bytes were won: patience is renewed, or a long chunk on a shaky line could not end.
    pub fn progressed(&mut self) {
        self.pass = 1;
        self.lookups = 0;
    }

    /// The error that sums up all attempts.
    #[must_use]
    pub fn error(&self, chunk: &str) -> Error {
        let Some(last) = &self.last else {
            return Error::new(Kind::NoLocations, "no replica is known").of_chunk(chunk);
        };
        // After mixed failures "it does not exist" and "it is damaged" would be too much said.
        let kind = match last.kind {
            Kind::NotFound | Kind::Corrupt if !self.all(last.kind) => self
                .kinds
                .iter()
                .rev()
                .copied()
                .flatten()
                .find(|kind| *kind != last.kind)
                .unwrap_or(last.kind),
            kind => kind,
        };
        Error::new(kind, last.message.clone())
            .of_chunk(chunk)
            .after(self.attempts.clone())
            .because(last.cause)
    }

    /// Whether an attempt has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.last.is_some()
    }

    fn all(&self, kind: Kind) -> bool {
        self.kinds.iter().all(|known| *known == Some(kind))
    }

    /// Every replica failed, and not all of them for a reason that goes wherever the chunk goes.
    fn may_have_moved(&self) -> bool {
        let elsewhere = |kind| matches!(kind, Kind::NotFound | Kind::Network | Kind::Timeout | Kind::Http(_));
        self.kinds.iter().all(Option::is_some) && self.kinds.iter().flatten().copied().any(elsewhere)
    }

    /// The first replica that has not failed in this pass: one that was overtaken may be tried again.
    fn next_in_pass(&self) -> Option<usize> {
        self.refused.iter().zip(&self.tried).position(|(refused, tried)| !refused && !tried)
    }

    /// Equal jitter: between half and the whole of the doubled delay, so that clients that failed
    /// together do not come back together, and none comes back at once.
    fn pause(&self, jitter: f64) -> Duration {
        let doubled =
            self.policy.base_delay.saturating_mul(1_u32.checked_shl(self.pass - 1).unwrap_or(u32::MAX));
        let jittered = doubled.min(self.policy.max_delay).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        jittered.max(self.asked).min(self.policy.max_delay)
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3). What is past is no time at all, what is
/// too far off is for ever, and what is neither form counts as not given.
fn parse_retry_after(text: &str, unix_time: Duration) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = u64::try_from(date::from_http(text)?).unwrap_or_default();
    Some(Duration::from_secs(date).saturating_sub(unix_time))
}

const MAX_ATTEMPTS_TOLD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: Duration = Duration::from_secs(784_111_777);

    fn fail(trial: &mut RetryState, replica: usize, kind: Kind) -> Decision {
        trial.failed(replica, "h", AttemptError::new(kind, "x"), false, false, 1.0)
    }

    #[test]
    fn each_replica_is_tried_at_once_and_a_pass_ends_with_a_pause() {
        let mut trial = RetryState::new(RetryPolicy::default(), 2);
        assert_eq!(fail(&mut trial, 0, Kind::Network), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail(&mut trial, 1, Kind::Network), Decision::Try(0, 200 * MS));
        assert_eq!(fail(&mut trial, 0, Kind::Network), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail(&mut trial, 1, Kind::Network), Decision::Try(0, 400 * MS));
        assert_eq!(fail(&mut trial, 0, Kind::Network), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail(&mut trial, 1, Kind::Network), Decision::GiveUp);
    }

    #[test]
    fn chance_shortens_a_pause_by_at_most_half() {
        let mut trial = RetryState::new(RetryPolicy::default(), 1);
        assert_eq!(
            trial.failed(0, "h", AttemptError::new(Kind::Network, "x"), false, false, 0.0),
            Decision::Try(0, 100 * MS)
        );
    }

    #[test]
    fn pauses_stop_growing_at_the_ceiling() {
        let policy = RetryPolicy { passes: 40, ..RetryPolicy::default() };
        let mut trial = RetryState::new(policy, 1);
        for _ in 0..39 {
            let Decision::Try(0, pause) = fail(&mut trial, 0, Kind::Timeout) else {
                panic!("passes are left")
            };
            assert!(pause <= policy.max_delay);
        }
        assert_eq!(fail(&mut trial, 0, Kind::Timeout), Decision::GiveUp);
    }

    // F28
    #[test]
    fn a_server_that_asks_for_time_gets_it_up_to_the_ceiling() {
        for (header, pause) in [
            ("3", 3000 * MS),
            (" 3 ", 3000 * MS),
            ("0", 200 * MS),
            ("86400", 10_000 * MS),
            ("315360000", 10_000 * MS),
            ("99999999999999999999999", 10_000 * MS),
            ("-1", 200 * MS),
            ("+3", 200 * MS),
            ("3.5", 200 * MS),
            ("soon", 200 * MS),
            ("", 200 * MS),
            ("Sun, 06 Nov 1994 08:49:40 GMT", 3000 * MS),
            ("Sun, 06 Nov 1994 08:49:30 GMT", 200 * MS),
            ("Fri, 06 Nov 2093 08:49:37 GMT", 10_000 * MS),
            ("Wed, 06 Nov 1963 08:49:37 GMT", 200 * MS),
            ("Sun, 06 Nov 1994 08:49:40 CET", 200 * MS),
        ] {
            let mut trial = RetryState::new(RetryPolicy::default(), 1);
            let next = trial.failed(0, "h", AttemptError::status(503, Some(header), NOW), false, false, 1.0);
            assert_eq!(next, Decision::Try(0, pause), "{header}");
        }
    }

    #[test]
    fn a_refused_token_is_renewed_once_then_the_replica_is_left_alone() {
        let mut trial = RetryState::new(RetryPolicy::default(), 2);
        let refused = || AttemptError::status(401, None, NOW);
        assert_eq!(trial.failed(0, "h", refused(), true, false, 1.0), Decision::Token(0));
        assert_eq!(trial.failed(0, "h", refused(), true, false, 1.0), Decision::Try(1, Duration::ZERO));
        assert_eq!(trial.failed(1, "h", refused(), true, false, 1.0), Decision::Token(1));
        assert_eq!(trial.failed(1, "h", refused(), true, false, 1.0), Decision::GiveUp);
        assert_eq!(trial.error("3,01").kind(), Kind::Unauthorized);
    }

    #[test]
    fn a_403_is_not_tried_again() {
        let mut trial = RetryState::new(RetryPolicy::default(), 1);
        assert_eq!(
            trial.failed(0, "h", AttemptError::status(403, None, NOW), true, false, 1.0),
            Decision::GiveUp
        );
    }

    #[test]
    fn what_no_replica_has_is_looked_up_once_and_then_not_found() {
        let mut trial = RetryState::new(RetryPolicy { passes: 1, ..RetryPolicy::default() }, 1);
        let missing = || AttemptError::status(404, None, NOW);
        assert_eq!(trial.failed(0, "h", missing(), false, true, 1.0), Decision::Lookup);
        trial.restart(2);
        assert_eq!(trial.failed(0, "h", missing(), false, true, 1.0), Decision::Try(1, Duration::ZERO));
        assert_eq!(trial.failed(1, "h", missing(), false, true, 1.0), Decision::GiveUp);
        let error = trial.error("3,01");
        assert_eq!((error.kind(), error.attempts().len()), (Kind::NotFound, 3));
    }

    #[test]
    fn after_each_pass_in_vain_the_replicas_are_looked_up_again_but_not_for_ever() {
        let mut trial = RetryState::new(RetryPolicy { passes: 2, ..RetryPolicy::default() }, 2);
        let dead = |trial: &mut RetryState, replica| {
            trial.failed(replica, "h", AttemptError::new(Kind::Network, "x"), false, true, 1.0)
        };
        assert_eq!(dead(&mut trial, 0), Decision::Try(1, Duration::ZERO));
        assert_eq!(dead(&mut trial, 1), Decision::Lookup);
        assert_eq!(trial.after_lookup(1.0), Decision::Try(0, 200 * MS));
        dead(&mut trial, 0);
        assert_eq!(dead(&mut trial, 1), Decision::Lookup);
        // Always others, never one that works.
        trial.restart(1);
        assert_eq!(dead(&mut trial, 0), Decision::Try(0, 200 * MS));
        assert_eq!(dead(&mut trial, 0), Decision::GiveUp);
    }

    #[test]
    fn damage_and_refusal_go_wherever_a_chunk_goes() {
        for failure in [AttemptError::new(Kind::Corrupt, "x"), AttemptError::status(403, None, NOW)] {
            let mut trial = RetryState::new(RetryPolicy { passes: 1, ..RetryPolicy::default() }, 1);
            assert_eq!(trial.failed(0, "h", failure, false, true, 1.0), Decision::GiveUp);
        }
    }

    #[test]
    fn one_other_failure_keeps_an_error_from_saying_not_found() {
        let mut trial = RetryState::new(RetryPolicy { passes: 1, ..RetryPolicy::default() }, 2);
        fail(&mut trial, 0, Kind::Network);
        trial.failed(1, "h", AttemptError::status(404, None, NOW), false, false, 1.0);
        assert_eq!(trial.error("3,01").kind(), Kind::Network);
    }
}
