//! Which replica to ask first, by how their hosts have fared lately.

use std::time::Duration;

use crate::{error::Kind, locate, retry::Failure};

/// The most hosts that are remembered; the one that was heard of longest ago is forgotten.
const MAX_HOSTS: usize = 64;

/// How long a host that failed is asked last; doubled for each further failure in a row.
const SPARED: Duration = Duration::from_secs(5);

/// The longest that a host is asked last: it may be back.
const SPARED_MOST: Duration = Duration::from_secs(60);

/// Times to the first byte that differ by less are no reason to prefer a host.
const SAME: Duration = Duration::from_millis(10);

/// What is known of hosts, from the one heard of longest ago to the latest.
#[derive(Debug, Default)]
pub(crate) struct Health(Vec<Host>);

#[derive(Debug, Default)]
struct Host {
    name: String,
    /// Smoothed time from request to headers.
    first_byte: Option<Duration>,
    /// Failures since it served a chunk, and when the last one was.
    failures: u32,
    failed: Duration,
}

impl Health {
    /// A host answered so long after it was asked.
    pub(crate) fn answered(&mut self, name: &str, time: Duration) {
        let host = self.host(name);
        // As TCP smooths its round trips (RFC 6298), faster: a stream asks for dozens of chunks.
        host.first_byte = Some(host.first_byte.map_or(time, |known| (known * 3 + time) / 4));
    }

    /// A host served a chunk to its end.
    pub(crate) fn served(&mut self, name: &str) {
        self.host(name).failures = 0;
    }

    /// An attempt at a host failed. That it does not have a chunk, or wants a token, says nothing
    /// against the host.
    pub(crate) fn failed(&mut self, name: &str, failure: &Failure, now: Duration) {
        if matches!(failure.kind, Kind::NotFound | Kind::Unauthorized | Kind::Range | Kind::SourceChanged) {
            return;
        }
        let host = self.host(name);
        host.failures = host.failures.saturating_add(1);
        host.failed = now;
    }

    /// Orders URLs: first those of hosts that did not fail lately, among them the quicker ones.
    /// What is not known of a host is no reason to avoid it, and the order stays where nothing
    /// speaks against it.
    pub(crate) fn rank(&self, urls: &mut Vec<String>, now: Duration) {
        let cost = |url: String| {
            let name = locate::host_key(locate::host(&url).unwrap_or_default());
            let known = self.0.iter().find(|host| host.name == name);
            (known.map(|host| host.cost(now)).unwrap_or_default(), url)
        };
        let mut left: Vec<_> = urls.drain(..).map(cost).collect();
        // There are sixteen at most, and the code of a sort is larger than all of this.
        while let Some(first) = (0..left.len()).min_by_key(|&at| left.get(at).map(|(cost, _)| *cost)) {
            urls.push(left.remove(first).1);
        }
    }

    fn host(&mut self, name: &str) -> &mut Host {
        let name = locate::host_key(name);
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
    /// Whether it failed lately; then the doublings of its time to the first byte.
    fn cost(&self, now: Duration) -> (bool, u32) {
        let doubled = SPARED.saturating_mul(1 << self.failures.saturating_sub(1).min(8));
        let spared = self.failures > 0 && now.saturating_sub(self.failed) < doubled.min(SPARED_MOST);
        let first_byte = self.first_byte.unwrap_or_default();
        let times = first_byte.as_micros().checked_div(SAME.as_micros()).unwrap_or_default();
        (spared, times.checked_ilog2().map_or(0, |doublings| doublings + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ranked(health: &Health, now: Duration) -> String {
        let mut urls = ["http://a/1", "http://b/1", "http://c/1"].map(str::to_owned).to_vec();
        health.rank(&mut urls, now);
        urls.iter().map(|url| &url[7..8]).collect()
    }

    fn fail(health: &mut Health, name: &str, kind: Kind, now: Duration) {
        health.failed(name, &Failure::new(kind, ""), now);
    }

    #[test]
    fn the_order_stays_while_nothing_is_known() {
        assert_eq!(ranked(&Health::default(), MS), "abc");
    }

    #[test]
    fn a_host_that_failed_is_asked_last_for_a_while() {
        let mut health = Health::default();
        fail(&mut health, "A:80", Kind::Network, 1000 * MS);
        assert_eq!(ranked(&health, 1000 * MS), "bca");
        assert_eq!(ranked(&health, 5999 * MS), "bca");
        assert_eq!(ranked(&health, 6000 * MS), "abc");
    }

    #[test]
    fn each_failure_in_a_row_is_remembered_longer_and_a_served_chunk_forgives_all() {
        let mut health = Health::default();
        fail(&mut health, "a", Kind::Network, MS);
        fail(&mut health, "a", Kind::Timeout, MS);
        assert_eq!(ranked(&health, 9000 * MS), "bca");
        for _ in 0..100 {
            fail(&mut health, "a", Kind::Http(503), MS);
        }
        assert_eq!(
            (ranked(&health, 59_000 * MS), ranked(&health, 61_000 * MS)),
            ("bca".into(), "abc".into())
        );
        health.served("a");
        assert_eq!(ranked(&health, 2 * MS), "abc");
    }

    #[test]
    fn a_chunk_that_is_not_there_says_nothing_against_its_host() {
        let mut health = Health::default();
        fail(&mut health, "a", Kind::NotFound, MS);
        fail(&mut health, "a", Kind::Unauthorized, MS);
        assert_eq!(ranked(&health, MS), "abc");
    }

    #[test]
    fn a_host_that_is_much_slower_is_asked_later_and_one_a_little_slower_is_not() {
        let mut health = Health::default();
        health.answered("a", 9 * MS);
        health.answered("b", MS);
        assert_eq!(ranked(&health, MS), "abc");
        health.answered("a", 400 * MS);
        assert_eq!(ranked(&health, MS), "bca");
    }

    #[test]
    fn the_host_heard_of_longest_ago_is_forgotten() {
        let mut health = Health::default();
        fail(&mut health, "a", Kind::Network, MS);
        for i in 0..MAX_HOSTS {
            health.answered(&format!("h{i}"), MS);
        }
        assert_eq!((ranked(&health, MS).as_str(), health.0.len()), ("abc", MAX_HOSTS));
    }
}
