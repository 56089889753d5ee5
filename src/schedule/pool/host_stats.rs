//! Which replica to ask first, by how their hosts have fared lately.

use std::time::Duration;

use crate::{error::Kind, http::url, schedule::retry::AttemptError};

/// The most hosts that are remembered; the one that was heard of longest ago is forgotten.
const MAX_HOSTS: usize = 64;

/// How long a host that failed is asked last; doubled for each further failure in a row.
const SPARED: Duration = Duration::from_secs(5);

/// The longest that a host is asked last: it may be back.
const SPARED_MOST: Duration = Duration::from_secs(60);

/// Times to deliver that differ by less are no reason to prefer a host.
const SAME: f64 = 0.01;

/// A host with so many requests under way takes as long again as one with none.
const LOAD: f64 = 8.0;

/// What is not known of a host is this part of what the best is known to take: it is worth a try.
const UNKNOWN: f64 = 0.9;

/// So many times as long as it was late is feared.
const FEAR: f64 = 4.0;

/// After so long, half of what is feared of a host that was late is forgotten, and more and more of it.
const HALF_LIFE: f64 = 5.0;

/// What is late is at least so much later than usual, in seconds: a page is busy at times.
const LATE: f64 = 0.03;

/// What is known of hosts, from the one heard of longest ago to the latest.
#[derive(Debug, Default)]
pub(crate) struct HostStats(Vec<Host>);

#[derive(Debug, Default)]
struct Host {
    name: String,
    /// Smoothed time from request to headers, and how far it is off on average, in seconds.
    first_byte: Option<(f64, f64)>,
    /// Smoothed time for each byte of a body, in seconds.
    byte: Option<f64>,
    /// What it is feared to take, after it was late, in seconds; and when that was.
    feared: f64,
    late: Duration,
    /// Failures since it served a chunk, and when the last one was.
    failures: u32,
    failed: Duration,
}

impl HostStats {
    /// A host answered so long after it was asked.
    pub(crate) fn answered(&mut self, name: &str, time: Duration) {
        let (host, time) = (self.host(name), time.as_secs_f64());
        // As TCP smooths its round trips (RFC 6298), faster: a stream asks for dozens of chunks.
        host.first_byte = Some(match host.first_byte {
            Some((known, off)) => (known + (time - known) / 4.0, off + ((time - known).abs() - off) / 4.0),
            None => (time, time / 2.0),
        });
    }

    /// A host served a chunk to its end: so many bytes of its last body, in so much time.
    pub(crate) fn served(&mut self, name: &str, bytes: u64, time: Duration) {
        let host = self.host(name);
        host.failures = 0;
        if bytes > 0 {
            let byte = time.as_secs_f64() / bytes as f64;
            host.byte = Some(host.byte.map_or(byte, |known| known + (byte - known) / 4.0));
        }
    }

    /// An attempt at a host failed. That it does not have a chunk, or wants a token, says nothing
    /// against the host.
    pub(crate) fn failed(&mut self, name: &str, failure: &AttemptError, now: Duration) {
        if matches!(failure.kind, Kind::NotFound | Kind::Unauthorized | Kind::Range | Kind::SourceChanged) {
            return;
        }
        let host = self.host(name);
        // What was under way when it failed first fails, too: one reason, and no more.
        if !host.is_spared(now) {
            host.failures = host.failures.saturating_add(1);
            host.failed = now;
        }
    }

    /// A host has not done in this time what it usually has. What it will take is not known: much
    /// longer, and longer each time.
    pub(crate) fn late(&mut self, name: &str, time: Duration, now: Duration) {
        let host = self.host(name);
        let known = host.first_byte.map_or(0.0, |(known, _)| known);
        host.feared = host.feared.max(known).max(time.as_secs_f64()) * FEAR;
        host.late = now;
    }

    /// The time by which a host has answered as a rule, or sent so many bytes. What is not known of one
    /// is that of the slowest known.
    pub(crate) fn patience(&self, name: &str, bytes: Option<u64>) -> Option<Duration> {
        let name = url::host_key(name);
        let own = self.0.iter().find(|host| host.name == name).and_then(|host| host.patience(bytes));
        let slowest = || self.0.iter().filter_map(|host| host.patience(bytes)).reduce(f64::max);
        Duration::try_from_secs_f64(own.or_else(slowest)?).ok()
    }

    /// Orders URLs of something of so many bytes: first those of hosts that did not fail lately, among
    /// them those that will deliver sooner, with as many requests as are under way there. A host of
    /// which nothing is known is as good as the best, and the order stays where nothing speaks
    /// against it.
    pub(crate) fn rank(
        &self,
        urls: &mut Vec<String>,
        bytes: u64,
        now: Duration,
        load: impl Fn(&str) -> usize,
    ) {
        if urls.len() < 2 {
            return;
        }
        let known = |url: String| {
            let name = url::host_key(url::host(&url).unwrap_or_default());
            (self.0.iter().find(|host| host.name == name).map(|host| host.cost(bytes, now)), load(&name), url)
        };
        let known: Vec<_> = urls.drain(..).map(known).collect();
        let times = known.iter().filter_map(|(cost, ..)| *cost).map(|(_, time)| time);
        let best = times.reduce(f64::min).map_or(SAME, |best| (best * UNKNOWN).max(SAME));
        let cost = |(cost, load, url): (Option<(bool, f64)>, usize, String)| {
            let (spared, time) = cost.unwrap_or((false, best));
            ((spared, time * (1.0 + load as f64 / LOAD)), url)
        };
        let mut left: Vec<_> = known.into_iter().map(cost).collect();
        // There are sixteen at most, and the code of a sort is larger than all of this.
        while !left.is_empty() {
            let mut first = 0;
            for at in 1..left.len() {
                if left.get(at).map(|(cost, _)| cost) < left.get(first).map(|(cost, _)| cost) {
                    first = at;
                }
            }
            urls.push(left.remove(first).1);
        }
    }

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

impl Host {
    /// Whether it failed lately; then how long it takes to deliver so many bytes, in seconds.
    fn cost(&self, bytes: u64, now: Duration) -> (bool, f64) {
        let time = self.first_byte.map_or(0.0, |(time, _)| time) + self.byte.unwrap_or(0.0) * bytes as f64;
        let age = now.saturating_sub(self.late).as_secs_f64() / HALF_LIFE;
        let feared = self.feared / (1.0 + age * age);
        (self.is_spared(now), time.max(feared).max(SAME))
    }

    /// Whether it failed lately.
    fn is_spared(&self, now: Duration) -> bool {
        let doubled = SPARED.saturating_mul(1 << self.failures.saturating_sub(1).min(8));
        self.failures > 0 && now.saturating_sub(self.failed) < doubled.min(SPARED_MOST)
    }

    /// In seconds.
    fn patience(&self, bytes: Option<u64>) -> Option<f64> {
        Some(match bytes {
            None => {
                let (usual, off) = self.first_byte?;
                usual + (4.0 * off).max(usual).max(LATE)
            }
            Some(bytes) => 3.0 * self.byte? * bytes as f64 + LATE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ranked(health: &HostStats, now: Duration) -> String {
        let mut urls = ["http://a/1", "http://b/1", "http://c/1"].map(str::to_owned).to_vec();
        health.rank(&mut urls, 0, now, |_| 0);
        urls.iter().map(|url| &url[7..8]).collect()
    }

    fn fail(health: &mut HostStats, name: &str, kind: Kind, now: Duration) {
        health.failed(name, &AttemptError::new(kind, ""), now);
    }

    #[test]
    fn the_order_stays_while_nothing_is_known() {
        assert_eq!(ranked(&HostStats::default(), MS), "abc");
    }

    #[test]
    fn a_host_that_failed_is_asked_last_for_a_while() {
        let mut health = HostStats::default();
        fail(&mut health, "A:80", Kind::Network, 1000 * MS);
        assert_eq!(ranked(&health, 1000 * MS), "bca");
        assert_eq!(ranked(&health, 5999 * MS), "bca");
        assert_eq!(ranked(&health, 6000 * MS), "abc");
    }

    #[test]
    fn each_failure_in_a_row_is_remembered_longer_and_a_served_chunk_forgives_all() {
        let mut health = HostStats::default();
        fail(&mut health, "a", Kind::Network, MS);
        fail(&mut health, "a", Kind::Timeout, 6000 * MS);
        assert_eq!(
            (ranked(&health, 15_000 * MS), ranked(&health, 16_001 * MS)),
            ("bca".into(), "abc".into())
        );
        let mut now = 16_001 * MS;
        for _ in 0..10 {
            fail(&mut health, "a", Kind::Http(503), now);
            now += SPARED_MOST;
        }
        assert_eq!((ranked(&health, now - MS), ranked(&health, now)), ("bca".into(), "abc".into()));
        fail(&mut health, "a", Kind::Http(503), now);
        health.served("a", 0, MS);
        assert_eq!(ranked(&health, now), "abc");
    }

    #[test]
    fn all_that_one_broken_host_breaks_counts_once() {
        let mut health = HostStats::default();
        (0..7).for_each(|i| fail(&mut health, "a", Kind::Network, MS * i));
        assert_eq!((ranked(&health, 4999 * MS), ranked(&health, 5000 * MS)), ("bca".into(), "abc".into()));
    }

    #[test]
    fn hosts_that_are_alike_share_and_a_much_slower_one_is_left_alone() {
        let mut health = HostStats::default();
        let hosts = [("a", 20), ("b", 25), ("c", 400)];
        hosts.iter().for_each(|(name, ms)| health.answered(name, MS * *ms));
        let mut load = std::collections::HashMap::<String, usize>::new();
        for _ in 0..24 {
            let mut urls = ["http://a/1", "http://b/1", "http://c/1"].map(str::to_owned).to_vec();
            health.rank(&mut urls, 1000, MS, |host| load.get(host).copied().unwrap_or(0));
            *load.entry(url::host_key(url::host(&urls[0]).unwrap())).or_default() += 1;
        }
        let at = |name: &str| load.get(&url::host_key(name)).copied().unwrap_or(0);
        assert_eq!((at("a"), at("b"), at("c")), (14, 10, 0));
    }

    #[test]
    fn a_host_that_is_late_is_feared_the_more_each_time_and_forgiven_in_time() {
        let mut health = HostStats::default();
        ["a", "b", "c"].iter().for_each(|name| health.answered(name, 20 * MS));
        health.late("a", 60 * MS, MS);
        assert_eq!((ranked(&health, MS), ranked(&health, 60_000 * MS)), ("bca".into(), "abc".into()));
        let cost = |health: &HostStats| health.0.iter().find(|host| host.name == "a").unwrap().cost(0, MS).1;
        let once = cost(&health);
        health.late("a", 60 * MS, MS);
        assert!(cost(&health) > once, "{} {once}", cost(&health));
    }

    #[test]
    fn patience_is_what_a_host_usually_takes_and_that_of_the_slowest_where_it_is_not_known() {
        let mut health = HostStats::default();
        assert_eq!(health.patience("a", None), None);
        (0..50).for_each(|_| health.answered("a", 100 * MS));
        (0..50).for_each(|_| health.answered("b", 20 * MS));
        let is = |name, ms: u64| {
            let patience = health.patience(name, None).unwrap();
            assert!(patience.abs_diff(MS * ms as u32) < MS, "{name}: {patience:?}");
        };
        is("a", 200);
        is("b", 50);
        is("unknown", 200);
        assert_eq!(health.patience("a", Some(10)), None, "no body has come yet");
    }

    #[test]
    fn a_chunk_that_is_not_there_says_nothing_against_its_host() {
        let mut health = HostStats::default();
        fail(&mut health, "a", Kind::NotFound, MS);
        fail(&mut health, "a", Kind::Unauthorized, MS);
        assert_eq!(ranked(&health, MS), "abc");
    }

    #[test]
    fn a_host_that_is_much_slower_is_asked_later_and_one_a_little_slower_is_not() {
        let mut health = HostStats::default();
        health.answered("a", 9 * MS);
        health.answered("b", MS);
        assert_eq!(ranked(&health, MS), "abc");
        health.answered("a", 400 * MS);
        assert_eq!(ranked(&health, MS), "bca");
    }

    #[test]
    fn the_host_heard_of_longest_ago_is_forgotten() {
        let mut health = HostStats::default();
        fail(&mut health, "a", Kind::Network, MS);
        for i in 0..MAX_HOSTS {
            health.answered(&format!("h{i}"), MS);
        }
        assert_eq!((ranked(&health, MS).as_str(), health.0.len()), ("abc", MAX_HOSTS));
    }
}
