//! What a failed attempt means, and what to try next.
//!
//! A *pass* is one attempt on each replica. Within a pass the next replica is tried at once; between
//! passes there is a pause that doubles and is jittered. After each pass in which a replica failed in a
//! way that a new location could cure, the replicas are looked up again. A 401 gets a fresh token once.
//! Times and random numbers are arguments.
//!
//! # Example
//!
//! Two replicas, two passes; both connections fail each time, and the lookup finds the same replicas:
//!
//! | failed | decision |
//! |---|---|
//! | replica 0 | try 1 at once |
//! | replica 1 | look up, then try 0 after a pause of 100 to 200 ms |
//! | replica 0 | try 1 at once |
//! | replica 1 | look up, then give up with an error that lists four attempts |

use std::time::Duration;

use crate::{
    error::{Attempt, Cause, Error, Kind},
    host::{DecodeError, FetchError},
    http::date,
};

/// How often a view, or another request, is tried, and how long the pauses are.
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

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError {
    /// The kind of failure.
    pub kind: Kind,
    /// What happened, for people; without secrets.
    pub message: String,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// `Retry-After`: how long the server wants no request.
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

impl From<DecodeError> for AttemptError {
    fn from(error: DecodeError) -> Self {
        let kind = match error {
            DecodeError::TooLong => Kind::Limit,
            DecodeError::Unavailable(_) => Kind::Unsupported,
            DecodeError::Interrupted => Kind::Internal,
            DecodeError::Tag | DecodeError::Truncated | DecodeError::Gzip | DecodeError::Md5 => Kind::Corrupt,
        };
        Self::new(kind, error.to_string())
    }
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Get a fresh token, then try this replica again.
    RenewToken(usize),
    /// Try this replica, after a pause.
    Try(usize, Duration),
    /// Look up the replicas again; then call [`RetryState::restart`] if they are other ones, else
    /// [`RetryState::after_lookup`].
    Lookup,
    /// Nothing is left to try.
    GiveUp,
}

/// What can be done about a failure beside another attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// There is a source of fresh tokens.
    pub refresh_token: bool,
    /// There is a locator that may know other replicas.
    pub relookup: bool,
}

/// The attempts so far, and what they leave to try.
#[derive(Clone, Debug)]
pub struct RetryState {
    policy: RetryPolicy,
    abilities: Abilities,
    /// Per replica, whether it refused access (401, 403) and is left out of later passes.
    refused: Vec<bool>,
    /// Per replica, whether it has failed in this pass.
    tried: Vec<bool>,
    pass: u32,
    /// The longest `Retry-After` of this pass.
    retry_after: Duration,
    /// The lookups since bytes arrived.
    lookups: u32,
    token_renewed: bool,
    relocated: bool,
    attempts: Vec<Attempt>,
    /// Per replica, how its latest attempt failed.
    kinds: Vec<Option<Kind>>,
    last: Option<AttemptError>,
}

impl RetryState {
    /// No attempt at any of these replicas has been made.
    #[must_use]
    pub fn new(policy: RetryPolicy, replicas: usize, abilities: Abilities) -> Self {
        Self {
            policy,
            abilities,
            refused: vec![false; replicas],
            tried: vec![false; replicas],
            pass: 1,
            retry_after: Duration::ZERO,
            lookups: 0,
            token_renewed: false,
            relocated: false,
            attempts: Vec::new(),
            kinds: vec![None; replicas],
            last: None,
        }
    }

    /// Records that an attempt at `replica`, on `host`, failed, and decides what to do. `jitter` is a random
    /// number in `0.0..1.0`.
    pub fn failed(&mut self, replica: usize, host: &str, error: AttemptError, jitter: f64) -> Decision {
        let renew = error.status == Some(401) && self.abilities.refresh_token && !self.token_renewed;
        if error.kind == Kind::Unauthorized && !renew {
            set(&mut self.refused, replica, true);
        }
        self.record(replica, host, error);
        self.token_renewed = renew;
        if renew {
            return Decision::RenewToken(replica);
        }
        set(&mut self.tried, replica, true);
        if let Some(next) = self.next_in_pass() {
            return Decision::Try(next, Duration::ZERO);
        }
        if self.abilities.relookup && self.lookups < self.policy.passes && self.may_have_moved() {
            self.lookups += 1;
            return Decision::Lookup;
        }
        self.after_lookup(jitter)
    }

    fn record(&mut self, replica: usize, host: &str, error: AttemptError) {
        self.retry_after = self.retry_after.max(error.retry_after.unwrap_or_default());
        // After hundreds of attempts the error is still small.
        if self.attempts.len() < MAX_ATTEMPTS_LISTED {
            let (status, reason) = (error.status, error.kind.code());
            self.attempts.push(Attempt { host: host.to_owned(), status, reason });
        }
        set(&mut self.kinds, replica, Some(error.kind));
        self.last = Some(error);
    }

    /// Decides what to do after a lookup that found the same replicas: the next pass, or nothing.
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
        self.retry_after = Duration::ZERO;
        Decision::Try(first, pause)
    }

    /// Starts over with other replicas. The error still lists the attempts before.
    pub fn restart(&mut self, replicas: usize) -> Decision {
        self.refused = vec![false; replicas];
        self.tried = vec![false; replicas];
        self.kinds = vec![None; replicas];
        self.pass = 1;
        Decision::Try(0, Duration::ZERO)
    }

    /// As [`Self::restart`], with a token that was just renewed: a 401 of the first replica gets no other.
    /// Does so once only, and returns whether it did.
    pub fn restart_renewed(&mut self, replicas: usize) -> bool {
        if std::mem::replace(&mut self.relocated, true) {
            return false;
        }
        self.restart(replicas);
        self.token_renewed = true;
        true
    }

    /// Bytes arrived, so the passes start over: else a long chunk on a poor connection could not be read to
    /// its end.
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
        // If the replicas failed in different ways, "not found" and "corrupt" are not certain.
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

    fn all(&self, kind: Kind) -> bool {
        self.kinds.iter().all(|known| *known == Some(kind))
    }

    /// Every replica failed, and at least one for a reason that another location could cure. Damage and
    /// refused access go wherever the chunk goes.
    fn may_have_moved(&self) -> bool {
        let elsewhere = |kind| matches!(kind, Kind::NotFound | Kind::Network | Kind::Timeout | Kind::Http(_));
        self.kinds.iter().all(Option::is_some) && self.kinds.iter().flatten().copied().any(elsewhere)
    }

    /// The first replica that has not failed in this pass: one whose hedge won may be tried again.
    fn next_in_pass(&self) -> Option<usize> {
        self.refused.iter().zip(&self.tried).position(|(refused, tried)| !refused && !tried)
    }

    /// Equal jitter: between half and the whole of the doubled delay, so that clients that failed
    /// together do not return together, and none returns at once.
    fn pause(&self, jitter: f64) -> Duration {
        let doubled =
            self.policy.base_delay.saturating_mul(1_u32.checked_shl(self.pass - 1).unwrap_or(u32::MAX));
        let jittered = doubled.min(self.policy.max_delay).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        jittered.max(self.retry_after).min(self.policy.max_delay)
    }
}

/// Sets the value of a replica, if there is such a replica.
fn set<T>(values: &mut [T], replica: usize, value: T) {
    if let Some(known) = values.get_mut(replica) {
        *known = value;
    }
}

/// Parses `Retry-After`: seconds or a date (RFC 9110, 10.2.3). A date that is past means no pause, one that
/// is too far off the longest; text of neither form counts as not given.
fn parse_retry_after(text: &str, unix_time: Duration) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = u64::try_from(date::from_http(text)?).unwrap_or_default();
    Some(Duration::from_secs(date).saturating_sub(unix_time))
}

const MAX_ATTEMPTS_LISTED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: Duration = Duration::from_secs(784_111_777);

    const TOKENS: Abilities = Abilities { refresh_token: true, relookup: false };
    const LOOKUPS: Abilities = Abilities { refresh_token: false, relookup: true };

    /// Without a source of tokens, and without a locator.
    fn plain(replicas: usize) -> RetryState {
        RetryState::new(RetryPolicy::default(), replicas, Abilities::default())
    }

    fn fail(retry: &mut RetryState, replica: usize, kind: Kind) -> Decision {
        retry.failed(replica, "h", AttemptError::new(kind, "x"), 1.0)
    }

    fn fail_status(retry: &mut RetryState, replica: usize, status: u16) -> Decision {
        retry.failed(replica, "h", AttemptError::status(status, None, NOW), 1.0)
    }

    #[test]
    fn replicas_are_tried_at_once_and_a_pass_ends_with_a_pause() {
        let mut retry = plain(2);
        assert_eq!(fail(&mut retry, 0, Kind::Network), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail(&mut retry, 1, Kind::Network), Decision::Try(0, 200 * MS));
        assert_eq!(fail(&mut retry, 0, Kind::Network), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail(&mut retry, 1, Kind::Network), Decision::Try(0, 400 * MS));
        assert_eq!(fail(&mut retry, 0, Kind::Network), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail(&mut retry, 1, Kind::Network), Decision::GiveUp);
    }

    #[test]
    fn jitter_shortens_a_pause_by_at_most_half() {
        let mut retry = plain(1);
        assert_eq!(
            retry.failed(0, "h", AttemptError::new(Kind::Network, "x"), 0.0),
            Decision::Try(0, 100 * MS)
        );
    }

    #[test]
    fn pauses_stop_growing_at_the_maximum() {
        let policy = RetryPolicy { passes: 40, ..RetryPolicy::default() };
        let mut retry = RetryState::new(policy, 1, Abilities::default());
        for _ in 0..39 {
            let Decision::Try(0, pause) = fail(&mut retry, 0, Kind::Timeout) else {
                panic!("passes are left")
            };
            assert!(pause <= policy.max_delay);
        }
        assert_eq!(fail(&mut retry, 0, Kind::Timeout), Decision::GiveUp);
    }

    // F28
    #[test]
    fn retry_after_is_respected_up_to_the_longest_pause() {
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
            let mut retry = plain(1);
            let next = retry.failed(0, "h", AttemptError::status(503, Some(header), NOW), 1.0);
            assert_eq!(next, Decision::Try(0, pause), "{header}");
        }
    }

    #[test]
    fn a_refused_token_is_renewed_once_for_each_replica() {
        let mut retry = RetryState::new(RetryPolicy::default(), 2, TOKENS);
        assert_eq!(fail_status(&mut retry, 0, 401), Decision::RenewToken(0));
        assert_eq!(fail_status(&mut retry, 0, 401), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail_status(&mut retry, 1, 401), Decision::RenewToken(1));
        assert_eq!(fail_status(&mut retry, 1, 401), Decision::GiveUp);
        assert_eq!(retry.error("3,01").kind(), Kind::Unauthorized);
    }

    #[test]
    fn a_403_is_not_tried_again() {
        let mut retry = RetryState::new(RetryPolicy::default(), 1, TOKENS);
        assert_eq!(fail_status(&mut retry, 0, 403), Decision::GiveUp);
    }

    #[test]
    fn a_chunk_that_no_replica_has_is_looked_up_once() {
        let mut retry = RetryState::new(RetryPolicy { passes: 1, ..RetryPolicy::default() }, 1, LOOKUPS);
        assert_eq!(fail_status(&mut retry, 0, 404), Decision::Lookup);
        retry.restart(2);
        assert_eq!(fail_status(&mut retry, 0, 404), Decision::Try(1, Duration::ZERO));
        assert_eq!(fail_status(&mut retry, 1, 404), Decision::GiveUp);
        let error = retry.error("3,01");
        assert_eq!((error.kind(), error.attempts().len()), (Kind::NotFound, 3));
    }

    #[test]
    fn each_failed_pass_ends_with_a_lookup_but_not_forever() {
        let mut retry = RetryState::new(RetryPolicy { passes: 2, ..RetryPolicy::default() }, 2, LOOKUPS);
        let dead = |retry: &mut RetryState, replica| fail(retry, replica, Kind::Network);
        assert_eq!(dead(&mut retry, 0), Decision::Try(1, Duration::ZERO));
        assert_eq!(dead(&mut retry, 1), Decision::Lookup);
        assert_eq!(retry.after_lookup(1.0), Decision::Try(0, 200 * MS));
        dead(&mut retry, 0);
        assert_eq!(dead(&mut retry, 1), Decision::Lookup);
        // Always other replicas, never one that works.
        retry.restart(1);
        assert_eq!(dead(&mut retry, 0), Decision::Try(0, 200 * MS));
        assert_eq!(dead(&mut retry, 0), Decision::GiveUp);
    }

    #[test]
    fn damage_and_refused_access_are_not_looked_up() {
        for error in [AttemptError::new(Kind::Corrupt, "x"), AttemptError::status(403, None, NOW)] {
            let mut retry = RetryState::new(RetryPolicy { passes: 1, ..RetryPolicy::default() }, 1, LOOKUPS);
            assert_eq!(retry.failed(0, "h", error, 1.0), Decision::GiveUp);
        }
    }

    #[test]
    fn not_found_needs_the_404_of_every_replica() {
        let mut retry =
            RetryState::new(RetryPolicy { passes: 1, ..RetryPolicy::default() }, 2, Abilities::default());
        fail(&mut retry, 0, Kind::Network);
        fail_status(&mut retry, 1, 404);
        assert_eq!(retry.error("3,01").kind(), Kind::Network);
    }
}
