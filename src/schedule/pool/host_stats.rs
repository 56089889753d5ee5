//! Orders the replicas of a chunk by what is known of their hosts.
//!
//! For each host the pool keeps the smoothed response latency, the smoothed time per byte of a body, and the
//! recent failures. From these it estimates how long a host will take to deliver a chunk. A host that failed
//! recently comes last for a while (its cooldown), and a host that was late is expected to be late again (its
//! penalty). A host that is slow beside the others, as `under_way` finds out, comes last until a *probe*, a request now
//! and then, shows that it is not.

use crate::{error::Kind, http::url, schedule::retry::AttemptError, time::Duration};

/// The most hosts that are remembered; the least recently used one is dropped.
const MAX_HOSTS: usize = 64;

/// How long a host that failed comes last; doubled for each further failure in a row.
const COOLDOWN: Duration = Duration::from_secs(5);

/// The longest cooldown: the host may work again.
const MAX_COOLDOWN: Duration = Duration::from_secs(60);

/// The least delivery time in seconds. Smaller differences are no reason to prefer a host.
const MIN_TIME: f64 = 0.01;

/// A host with this many requests in flight takes twice as long as an idle one.
const REQUESTS_TO_DOUBLE: f64 = 8.0;

/// An unknown host is assumed to take this share of the time of the best known host, so that it is tried.
const UNKNOWN_SHARE: f64 = 0.9;

/// The penalty is the observed delay times this factor.
const PENALTY_FACTOR: f64 = 4.0;

/// After this many seconds half of a penalty remains. It decays faster and faster.
const PENALTY_HALF_LIFE: f64 = 5.0;

/// The time before a slow host is tried again; doubled for each further try.
const PROBE: Duration = Duration::from_secs(1);

/// A response is late only if it exceeds the usual time by this many seconds: the page may be busy.
const MIN_LATENESS: f64 = 0.03;

/// What is known of hosts, the least recently used first.
#[derive(Debug, Default)]
pub(crate) struct HostStats(Vec<Host>);

#[derive(Debug, Default)]
struct Host {
    name: String,
    latency: Option<Latency>,
    /// The smoothed time per byte of a body, in seconds.
    byte_time: Option<f64>,
    /// The time that a request is expected to take after the host was late, in seconds, and when it was late.
    penalty: f64,
    late_at: Duration,
    /// Failures since the host last delivered a chunk, and the time of the last one.
    failures: u32,
    failed_at: Duration,
    /// When it last sent bytes of a chunk.
    served_at: Option<Duration>,
    /// When it last responded, and when the latest request was sent to which it did.
    answered_at: Duration,
    asked_at: Duration,
    slow: Option<Slow>,
}

/// A host that is slow beside others.
#[derive(Clone, Copy, Debug)]
struct Slow {
    /// Since when this is known.
    since: Duration,
    /// Its bodies are slow, and not only its responses.
    by_rate: bool,
    /// When it may be tried again, and how often it was.
    probe_at: Duration,
    probes: u32,
}

/// The time from a request to its response headers, in seconds.
#[derive(Clone, Copy, Debug)]
struct Latency {
    smoothed: f64,
    /// The smoothed deviation from it.
    deviation: f64,
}

/// The estimate by which replicas are ordered; the smallest comes first.
type Rank = (bool, f64);

impl HostStats {
    /// A host responded `latency` after the request.
    pub(crate) fn on_response(&mut self, name: &str, latency: Duration, now: Duration) {
        let usual = self.usual_lateness(&url::host_key(name), None);
        let (host, asked, latency) = (self.host(name), now.saturating_sub(latency), latency.as_secs_f64());
        (host.answered_at, host.asked_at) = (now, host.asked_at.max(asked));
        let is_fine = usual.is_none_or(|usual| latency <= usual);
        host.slow = host.slow.filter(|slow| !is_fine || slow.by_rate || asked <= slow.since);
        // TCP smooths its round trips in the same way (RFC 6298), with smaller weights. A stream requests
        // only dozens of chunks.
        host.latency = Some(match host.latency {
            Some(Latency { smoothed, deviation }) => Latency {
                smoothed: smoothed + (latency - smoothed) / 4.0,
                deviation: deviation + ((latency - smoothed).abs() - deviation) / 4.0,
            },
            None => Latency { smoothed: latency, deviation: latency / 2.0 },
        });
    }

    /// A host sends bytes of a chunk.
    pub(crate) fn on_served(&mut self, name: &str, now: Duration) {
        self.host(name).served_at = Some(now);
    }

    /// Whether a host has sent bytes of a chunk within this time.
    pub(crate) fn has_served(&self, name: &str, within: Duration, now: Duration) -> bool {
        let name = url::host_key(name);
        let host = self.0.iter().find(|host| host.name == name);
        host.and_then(|host| host.served_at).is_some_and(|at| now.saturating_sub(at) <= within)
    }

    /// A host delivered a chunk; its last body brought `bytes` in `time`.
    pub(crate) fn on_complete(&mut self, name: &str, bytes: u64, time: Duration, now: Duration) {
        let usual = self.usual_lateness(&url::host_key(name), Some(bytes));
        let host = self.host(name);
        host.failures = 0;
        if bytes > 0 {
            let byte_time = time.as_secs_f64() / bytes as f64;
            let is_fine = usual.is_none_or(|usual| time.as_secs_f64() <= usual);
            let began = now.saturating_sub(time);
            host.slow = host.slow.filter(|slow| !is_fine || !slow.by_rate || began <= slow.since);
            host.byte_time =
                Some(host.byte_time.map_or(byte_time, |known| known + (byte_time - known) / 4.0));
        }
    }

    /// An attempt at a host failed. A missing chunk or a refused token is not a failure of the host.
    pub(crate) fn on_failure(&mut self, name: &str, error: &AttemptError, now: Duration) {
        if matches!(error.kind, Kind::NotFound | Kind::Unauthorized | Kind::Range | Kind::SourceChanged) {
            return;
        }
        let host = self.host(name);
        // The other requests in flight fail for the same reason as the first, so they do not count.
        if !host.is_cooling_down(now) {
            host.failures = host.failures.saturating_add(1);
            host.failed_at = now;
        }
    }

    /// A host took `time` without doing what it usually does in that time. How long it will take is unknown,
    /// so the penalty exceeds the delay, and grows each time.
    pub(crate) fn on_late(&mut self, name: &str, time: Duration, now: Duration) {
        let host = self.host(name);
        let latency = host.latency.map_or(0.0, |latency| latency.smoothed);
        host.penalty = host.penalty.max(latency).max(time.as_secs_f64()) * PENALTY_FACTOR;
        host.late_at = now;
    }

    /// The time after which a host is late: by then it has usually responded or, if `bytes` is given, sent
    /// that many bytes. For an unknown host it is the time of the slowest known one.
    pub(crate) fn hedge_delay(&self, name: &str, bytes: Option<u64>) -> Option<Duration> {
        let name = url::host_key(name);
        let own = self.0.iter().find(|host| host.name == name).and_then(|host| host.hedge_delay(bytes));
        let slowest = || self.0.iter().filter_map(|host| host.hedge_delay(bytes)).reduce(f64::max);
        Duration::try_from_secs_f64(own.or_else(slowest)?).ok()
    }

    /// The hosts that are known, if there are several.
    pub(crate) fn names(&self) -> Vec<String> {
        let several = self.0.iter().filter(|_| self.0.len() > 1);
        several.map(|host| host.name.clone()).collect()
    }

    /// Judges whether a host is slow beside the others. `since`: when the oldest request was sent that it may have answered
    /// and has not; `is_outrun`: others send much more.
    pub(crate) fn judge(&mut self, name: &str, since: Option<Duration>, is_outrun: bool, now: Duration) {
        let Some(host) = self.0.iter().find(|host| host.name == name) else { return };
        let since = since.map(|since| since.max(host.answered_at));
        let is_quiet = since.is_some_and(|since| {
            let has_peer = self.0.iter().any(|peer| peer.name != name && peer.asked_at >= since);
            let usual = self.usual_lateness(name, None);
            has_peer && usual.is_some_and(|usual| now.saturating_sub(since).as_secs_f64() > usual)
        });
        if !is_quiet && !is_outrun {
            return;
        }
        let Some(host) = self.0.iter_mut().find(|host| host.name == name) else { return };
        let before = host.slow.filter(|slow| slow.by_rate || !is_outrun);
        // What is known already is news only if it was found out by what was requested later.
        if before.is_some_and(|slow| since.is_none_or(|since| since <= slow.since)) {
            return;
        }
        let probes = host.slow.map_or(0, |slow| slow.probes);
        let by_rate = is_outrun || before.is_some_and(|slow| slow.by_rate);
        host.slow = Some(Slow { since: now, by_rate, probe_at: now + probe_pause(probes), probes });
    }

    /// The seconds after which hosts other than this one are usually late with a response, or with `bytes` of a body:
    /// the median.
    fn usual_lateness(&self, name: &str, bytes: Option<u64>) -> Option<f64> {
        let others = self.0.iter().filter(|host| host.name != name && host.slow.is_none());
        let times: Vec<f64> = others.filter_map(|host| host.hedge_delay(bytes)).collect();
        median(&times)
    }

    /// Whether a host is slow.
    pub(crate) fn has_slow(&self) -> bool {
        self.0.iter().any(|host| host.slow.is_some())
    }

    /// Since when this host is known to be slow, and whether its bodies are.
    fn slow(&self, name: &str) -> Option<Slow> {
        let name = url::host_key(name);
        self.0.iter().find(|host| host.name == name)?.slow
    }

    /// Whether this host is slow.
    pub(crate) fn is_known_slow(&self, name: &str) -> bool {
        self.slow(name).is_some()
    }

    /// Whether this host is slow, and what it was asked for then is not a probe that may still come in time.
    pub(crate) fn is_slow(&self, name: &str, since: Duration, bytes: Option<u64>, now: Duration) -> bool {
        let Some(slow) = self.slow(name).filter(|slow| bytes.is_none() || slow.by_rate) else { return false };
        let usual = self.usual_lateness(&url::host_key(name), bytes);
        since < slow.since || usual.is_some_and(|usual| now.saturating_sub(since).as_secs_f64() > usual)
    }

    /// Orders the URLs of an object of `bytes` bytes. Hosts without a recent failure come first, and among
    /// them those that will deliver sooner, given the requests in flight at each (`load`, by host key). An
    /// unknown host ranks as the best known one. URLs of equal rank keep their order.
    pub(crate) fn rank(
        &mut self,
        urls: &mut Vec<String>,
        bytes: u64,
        now: Duration,
        may_probe: bool,
        load: impl Fn(&str) -> usize,
    ) {
        if urls.len() < 2 {
            return;
        }
        let known = |url: String| {
            let name = url::host_key(url::host(&url).unwrap_or_default());
            let estimate = self.0.iter_mut().find(|host| host.name == name).and_then(|host| {
                let is_probe = may_probe && host.take_probe(now);
                (!is_probe).then(|| host.estimate(bytes, now))
            });
            (estimate, load(&name), url)
        };
        let known: Vec<_> = urls.drain(..).map(known).collect();
        let times = known.iter().filter_map(|(estimate, ..)| *estimate).map(|(_, time)| time);
        let unknown = times.reduce(f64::min).map_or(MIN_TIME, |best| (best * UNKNOWN_SHARE).max(MIN_TIME));
        let rank = |(estimate, load, url): (Option<Rank>, usize, String)| {
            // A host of which nothing has come yet gets few requests at a time: it may be slow.
            let to_double = if estimate.is_some() { REQUESTS_TO_DOUBLE } else { 1.0 };
            let (is_last, time) = estimate.unwrap_or((false, unknown));
            ((is_last, time * (1.0 + load as f64 / to_double)), url)
        };
        *urls = sorted(known.into_iter().map(rank).collect());
    }

    /// The entry of a host, now the most recently used one.
    fn host(&mut self, name: &str) -> &mut Host {
        let name = url::host_key(name);
        let host = match self.0.iter().position(|host| host.name == name) {
            Some(at) => self.0.remove(at),
            None => Host { name, ..Host::default() },
        };
        if self.0.len() == MAX_HOSTS {
            self.0.remove(0);
        }
        self.0.push_mut(host)
    }
}

/// Sorts by rank and keeps the order of equals. A chunk has at most sixteen replicas, and the code of the
/// standard library's sort is larger than this module.
fn sorted(mut ranked: Vec<(Rank, String)>) -> Vec<String> {
    let mut urls = Vec::new();
    while !ranked.is_empty() {
        let mut first = 0;
        for at in 1..ranked.len() {
            if ranked.get(at).map(|(rank, _)| rank) < ranked.get(first).map(|(rank, _)| rank) {
                first = at;
            }
        }
        urls.push(ranked.remove(first).1);
    }
    urls
}

/// The pause before the next probe, after this number of them.
fn probe_pause(probes: u32) -> Duration {
    PROBE.saturating_mul(1 << probes.min(8)).min(MAX_COOLDOWN)
}

/// The lower median. The code that sorts is larger than this module.
fn median(values: &[f64]) -> Option<f64> {
    let below = |value: &f64| values.iter().filter(|other| *other < value).count();
    let middle = values.len().checked_sub(1)? / 2;
    values.iter().copied().filter(|value| below(value) <= middle).reduce(f64::max)
}

impl Host {
    /// Whether the host is cooling down, and the seconds that it will take to deliver `bytes`.
    fn estimate(&self, bytes: u64, now: Duration) -> Rank {
        let latency = self.latency.map_or(0.0, |latency| latency.smoothed);
        let time = latency + self.byte_time.unwrap_or(0.0) * bytes as f64;
        let age = now.saturating_sub(self.late_at).as_secs_f64() / PENALTY_HALF_LIFE;
        let penalty = self.penalty / (1.0 + age * age);
        (self.is_cooling_down(now) || self.slow.is_some(), time.max(penalty).max(MIN_TIME))
    }

    /// Whether it is slow, and is tried again now.
    fn take_probe(&mut self, now: Duration) -> bool {
        let Some(slow) = self.slow.as_mut().filter(|slow| now >= slow.probe_at) else { return false };
        slow.probes += 1;
        slow.probe_at = now + probe_pause(slow.probes);
        true
    }

    /// Whether the host failed recently.
    fn is_cooling_down(&self, now: Duration) -> bool {
        let doubled = COOLDOWN.saturating_mul(1 << self.failures.saturating_sub(1).min(8));
        self.failures > 0 && now.saturating_sub(self.failed_at) < doubled.min(MAX_COOLDOWN)
    }

    /// In seconds.
    fn hedge_delay(&self, bytes: Option<u64>) -> Option<f64> {
        Some(match bytes {
            None => {
                let Latency { smoothed, deviation } = self.latency?;
                smoothed + (4.0 * deviation).max(smoothed).max(MIN_LATENESS)
            }
            Some(bytes) => 3.0 * self.byte_time? * bytes as f64 + MIN_LATENESS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ranked(stats: &mut HostStats, now: Duration) -> String {
        let mut urls = ["http://a/1", "http://b/1", "http://c/1"].map(str::to_owned).to_vec();
        stats.rank(&mut urls, 0, now, false, |_| 0);
        urls.iter().map(|url| &url[7..8]).collect()
    }

    fn fail(stats: &mut HostStats, name: &str, kind: Kind, now: Duration) {
        stats.on_failure(name, &AttemptError::new(kind, ""), now);
    }

    #[test]
    fn unknown_hosts_keep_their_order() {
        assert_eq!(ranked(&mut HostStats::default(), MS), "abc");
    }

    #[test]
    fn a_host_that_failed_comes_last_during_its_cooldown() {
        let mut stats = HostStats::default();
        fail(&mut stats, "A:80", Kind::Network, 1000 * MS);
        assert_eq!(ranked(&mut stats, 1000 * MS), "bca");
        assert_eq!(ranked(&mut stats, 5999 * MS), "bca");
        assert_eq!(ranked(&mut stats, 6000 * MS), "abc");
    }

    #[test]
    fn cooldowns_double_until_the_host_delivers_a_chunk() {
        let mut stats = HostStats::default();
        fail(&mut stats, "a", Kind::Network, MS);
        fail(&mut stats, "a", Kind::Timeout, 6000 * MS);
        assert_eq!(
            (ranked(&mut stats, 15_000 * MS), ranked(&mut stats, 16_001 * MS)),
            ("bca".into(), "abc".into())
        );
        let mut now = 16_001 * MS;
        for _ in 0..10 {
            fail(&mut stats, "a", Kind::Http(503), now);
            now += MAX_COOLDOWN;
        }
        assert_eq!((ranked(&mut stats, now - MS), ranked(&mut stats, now)), ("bca".into(), "abc".into()));
        fail(&mut stats, "a", Kind::Http(503), now);
        stats.on_complete("a", 0, MS, MS);
        assert_eq!(ranked(&mut stats, now), "abc");
    }

    #[test]
    fn failures_during_a_cooldown_do_not_count() {
        let mut stats = HostStats::default();
        (0..7).for_each(|i| fail(&mut stats, "a", Kind::Network, MS * i));
        assert_eq!(
            (ranked(&mut stats, 4999 * MS), ranked(&mut stats, 5000 * MS)),
            ("bca".into(), "abc".into())
        );
    }

    #[test]
    fn similar_hosts_share_the_load_and_slow_ones_get_none() {
        let mut stats = HostStats::default();
        let hosts = [("a", 20), ("b", 25), ("c", 400)];
        hosts.iter().for_each(|(name, ms)| stats.on_response(name, MS * *ms, MS));
        let mut load = std::collections::HashMap::<String, usize>::new();
        for _ in 0..24 {
            let mut urls = ["http://a/1", "http://b/1", "http://c/1"].map(str::to_owned).to_vec();
            stats.rank(&mut urls, 1000, MS, false, |host| load.get(host).copied().unwrap_or(0));
            *load.entry(url::host_key(url::host(&urls[0]).unwrap())).or_default() += 1;
        }
        let at = |name: &str| load.get(&url::host_key(name)).copied().unwrap_or(0);
        assert_eq!((at("a"), at("b"), at("c")), (14, 10, 0));
    }

    #[test]
    fn penalties_of_late_hosts_grow_each_time_and_decay() {
        let mut stats = HostStats::default();
        ["a", "b", "c"].iter().for_each(|name| stats.on_response(name, 20 * MS, MS));
        stats.on_late("a", 60 * MS, MS);
        assert_eq!((ranked(&mut stats, MS), ranked(&mut stats, 60_000 * MS)), ("bca".into(), "abc".into()));
        let estimate =
            |stats: &HostStats| stats.0.iter().find(|host| host.name == "a").unwrap().estimate(0, MS).1;
        let once = estimate(&stats);
        stats.on_late("a", 60 * MS, MS);
        assert!(estimate(&stats) > once, "{} {once}", estimate(&stats));
    }

    #[test]
    fn the_hedge_delay_of_an_unknown_host_is_the_longest_known() {
        let mut stats = HostStats::default();
        assert_eq!(stats.hedge_delay("a", None), None);
        (0..50).for_each(|_| stats.on_response("a", 100 * MS, MS));
        (0..50).for_each(|_| stats.on_response("b", 20 * MS, MS));
        let is = |name, ms: u64| {
            let delay = stats.hedge_delay(name, None).unwrap();
            assert!(delay.abs_diff(MS * ms as u32) < MS, "{name}: {delay:?}");
        };
        is("a", 200);
        is("b", 50);
        is("unknown", 200);
        assert_eq!(stats.hedge_delay("a", Some(10)), None, "no body has come yet");
    }

    #[test]
    fn a_missing_chunk_is_not_a_failure_of_the_host() {
        let mut stats = HostStats::default();
        fail(&mut stats, "a", Kind::NotFound, MS);
        fail(&mut stats, "a", Kind::Unauthorized, MS);
        assert_eq!(ranked(&mut stats, MS), "abc");
    }

    #[test]
    fn only_a_much_slower_host_comes_later() {
        let mut stats = HostStats::default();
        stats.on_response("a", 9 * MS, MS);
        stats.on_response("b", MS, MS);
        assert_eq!(ranked(&mut stats, MS), "abc");
        stats.on_response("a", 400 * MS, MS);
        assert_eq!(ranked(&mut stats, MS), "bca");
    }

    #[test]
    fn the_least_recently_used_host_is_dropped() {
        let mut stats = HostStats::default();
        fail(&mut stats, "a", Kind::Network, MS);
        for i in 0..MAX_HOSTS {
            stats.on_response(&format!("h{i}"), MS, MS);
        }
        assert_eq!((ranked(&mut stats, MS).as_str(), stats.0.len()), ("abc", MAX_HOSTS));
    }
}
