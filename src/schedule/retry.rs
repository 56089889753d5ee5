//! What a failed attempt means, and what to try next.
//!
//! A *pass* is one attempt on each replica. Within a pass the next replica is tried at once; between
//! passes there is a pause that doubles and is jittered. After each pass in which a replica failed in a
//! way that a new location could cure, the replicas are looked up again. A 401 gets a fresh token once.
//! A server that refuses for its load, and serves others, is asked again without an end of the pass. Times and random
//! numbers are arguments.
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

pub use super::attempt_error::AttemptError;
use crate::{
    error::{Attempt, Error, Kind},
    time::Duration,
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
    /// A server refused for load in this pass, and serves others.
    is_pass_free: bool,
    /// The passes that ended so since bytes arrived.
    free_passes: u32,
    attempts: Vec<Attempt>,
    /// How many attempts failed.
    failures: usize,
    /// Per replica, how its latest attempt failed, and the number of that attempt.
    latest: Vec<Option<(usize, AttemptError)>>,
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
            is_pass_free: false,
            free_passes: 0,
            attempts: Vec::new(),
            failures: 0,
            latest: vec![None; replicas],
        }
    }

    /// Records that an attempt at `replica`, on `host`, failed, and decides what to do. `jitter` is a random
    /// number in `0.0..1.0`.
    pub fn failed(&mut self, replica: usize, host: &str, error: AttemptError, jitter: f64) -> Decision {
        let renew = error.status == Some(401) && self.abilities.refresh_token && !self.token_renewed;
        if error.kind == Kind::Unsupported || error.kind == Kind::Unauthorized && !renew {
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
        if std::mem::take(&mut self.is_pass_free)
            && let Some(next) = self.wait_for_turn(jitter)
        {
            return next;
        }
        if self.abilities.relookup && self.lookups < self.policy.passes && self.may_have_moved() {
            self.lookups += 1;
            return Decision::Lookup;
        }
        self.after_lookup(jitter)
    }

    /// As [`Self::failed`], of a refusal for load by a host that serves others. The pass is not spent, unless that
    /// happened 64 times in a row.
    pub fn refused(&mut self, replica: usize, host: &str, error: AttemptError, jitter: f64) -> Decision {
        self.is_pass_free = true;
        self.failed(replica, host, error, jitter)
    }

    /// Waits for a server that serves others, with pauses that grow; then all replicas are tried again.
    fn wait_for_turn(&mut self, jitter: f64) -> Option<Decision> {
        if self.free_passes >= MAX_FREE_PASSES {
            return None;
        }
        self.tried.fill(false);
        let next = self.next_in_pass()?;
        let pause = self.pause(self.free_passes, jitter);
        self.free_passes += 1;
        self.retry_after = Duration::ZERO;
        Some(Decision::Try(next, pause))
    }

    fn record(&mut self, replica: usize, host: &str, error: AttemptError) {
        self.retry_after = self.retry_after.max(error.retry_after.unwrap_or_default());
        // After hundreds of attempts the error is still small: it lists the first ones and the last one.
        self.attempts.truncate(MAX_ATTEMPTS_LISTED - 1);
        let (status, reason) = (error.status, error.kind.code());
        self.attempts.push(Attempt { host: host.to_owned(), status, reason });
        self.failures += 1;
        set(&mut self.latest, replica, Some((self.failures, error)));
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
        let pause = self.pause(self.pass - 1, jitter);
        self.pass += 1;
        self.retry_after = Duration::ZERO;
        Decision::Try(first, pause)
    }

    /// Starts over with other replicas. The error still lists the attempts before.
    pub fn restart(&mut self, replicas: usize) -> Decision {
        self.refused = vec![false; replicas];
        self.tried = vec![false; replicas];
        self.latest = vec![None; replicas];
        self.is_pass_free = false;
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
        self.free_passes = 0;
    }

    /// The error that sums up all attempts. Its code and its message are those of one of them: of the last one, but
    /// "not found" only if every replica said so, and "corrupt" only if every replica that has the chunk sent bad
    /// bytes.
    #[must_use]
    pub fn error(&self, chunk: &str) -> Error {
        let certainty = |kind| match kind {
            Kind::NotFound => 0,
            Kind::Corrupt => 1,
            _ => 2,
        };
        let latest = self.latest.iter().flatten();
        match latest.max_by_key(|(number, error)| (certainty(error.kind), *number)) {
            Some((_, error)) => self.error_of(error, chunk),
            None => Error::new(Kind::NoLocations, "no replica is known").of_chunk(chunk),
        }
    }

    /// Records an attempt that failed in a way that no other can mend, and returns its error.
    pub fn fail(&mut self, replica: usize, host: &str, error: AttemptError, chunk: &str) -> Error {
        self.record(replica, host, error.clone());
        self.error_of(&error, chunk)
    }

    /// The error of an attempt, after all others.
    fn error_of(&self, error: &AttemptError, chunk: &str) -> Error {
        Error::new(error.kind, error.message.clone())
            .of_chunk(chunk)
            .after(self.attempts.clone())
            .because(error.cause)
    }

    /// Every replica failed, and at least one for a reason that another location could cure. Damage and
    /// refused access go wherever the chunk goes.
    fn may_have_moved(&self) -> bool {
        let elsewhere = |kind| matches!(kind, Kind::NotFound | Kind::Network | Kind::Timeout | Kind::Http(_));
        self.latest.iter().all(Option::is_some)
            && self.latest.iter().flatten().any(|(_, error)| elsewhere(error.kind))
    }

    /// Whether a replica could not be reached when it was tried last, or a proxy in front of it said so (RFC 9110, 15.6).
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        let is_unreachable = |kind| matches!(kind, Kind::Network | Kind::Timeout | Kind::Http(502..=504));
        self.latest.iter().flatten().any(|(_, error)| is_unreachable(error.kind))
    }

    /// The first replica that has not failed in this pass: one whose hedge won may be tried again.
    fn next_in_pass(&self) -> Option<usize> {
        self.refused.iter().zip(&self.tried).position(|(refused, tried)| !refused && !tried)
    }

    /// The pause after as many others. Equal jitter: between half and the whole of the doubled delay, so that clients
    /// that failed together do not return together, and none returns at once.
    fn pause(&self, before: u32, jitter: f64) -> Duration {
        let doubled = self.policy.base_delay.saturating_mul(1_u32.checked_shl(before).unwrap_or(u32::MAX));
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

const MAX_ATTEMPTS_LISTED: usize = 32;

/// This many passes in a row are not spent because a server that serves others refuses for load: it may do so only for
/// this chunk.
const MAX_FREE_PASSES: u32 = 64;

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

    // F137
    #[test]
    fn code_and_message_are_those_of_one_attempt() {
        use Kind::{Corrupt, Http, Network, NotFound, ShortBody};
        for (kinds, expected) in [
            (&[NotFound, Corrupt][..], "Corrupt 1"),
            (&[Corrupt, NotFound], "Corrupt 0"),
            (&[ShortBody, Corrupt], "ShortBody 0"),
            (&[Network, NotFound], "Network 0"),
            (&[NotFound, Network, Corrupt], "Network 1"),
            (&[Network, Http(500), NotFound], "Http(500) 1"),
            (&[NotFound, NotFound], "NotFound 1"),
            (&[Corrupt, Corrupt], "Corrupt 1"),
            (&[Corrupt, Network], "Network 1"),
        ] {
            let policy = RetryPolicy { passes: 1, ..RetryPolicy::default() };
            let mut retry = RetryState::new(policy, kinds.len(), Abilities::default());
            for (replica, kind) in kinds.iter().enumerate() {
                retry.failed(replica, "h", AttemptError::new(*kind, format!("{kind:?} {replica}")), 0.0);
            }
            let error = retry.error("3,01");
            assert_eq!((error.message(), error.attempts().len()), (expected, kinds.len()));
            assert!(expected.starts_with(&format!("{:?}", error.kind())), "{expected}");
        }
    }

    // F137
    #[test]
    fn the_last_of_many_attempts_is_listed() {
        let mut retry = plain(1);
        (0..99).for_each(|_| _ = fail(&mut retry, 0, Kind::Network));
        fail_status(&mut retry, 0, 500);
        let error = retry.error("3,01");
        assert_eq!(error.attempts().len(), MAX_ATTEMPTS_LISTED);
        assert_eq!(
            (error.kind(), error.attempts()[MAX_ATTEMPTS_LISTED - 1].status),
            (Kind::Http(500), Some(500))
        );
    }

    // F138
    #[test]
    fn a_refusal_by_a_host_that_serves_spends_no_pass() {
        let mut retry = RetryState::new(RetryPolicy { passes: 1, ..RetryPolicy::default() }, 1, LOOKUPS);
        let refused =
            |retry: &mut RetryState| retry.refused(0, "h", AttemptError::status(429, None, NOW), 1.0);
        let pauses: Vec<_> = (0..MAX_FREE_PASSES).map(|_| refused(&mut retry)).collect();
        assert_eq!(pauses[..2], [Decision::Try(0, 200 * MS), Decision::Try(0, 400 * MS)]);
        assert_eq!(pauses.last(), Some(&Decision::Try(0, 10_000 * MS)));
        assert_eq!(refused(&mut retry), Decision::Lookup, "but it is not asked without an end");
        assert_eq!(retry.after_lookup(1.0), Decision::GiveUp);
        retry.progressed();
        assert_eq!(refused(&mut retry), Decision::Try(0, 200 * MS));
        assert_eq!(fail_status(&mut retry, 0, 503), Decision::Lookup, "one that serves none spends a pass");
    }

    // F138
    #[test]
    fn a_403_with_retry_after_is_a_refusal_for_load() {
        let refusal = AttemptError::status(403, Some("1"), NOW);
        assert!(refusal.is_refusal() && refusal.kind == Kind::Http(403));
        assert_eq!(plain(1).failed(0, "h", refusal, 0.0), Decision::Try(0, 1000 * MS));
        assert!(!AttemptError::status(403, Some("soon"), NOW).is_refusal());
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
