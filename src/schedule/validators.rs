//! Which version of what is at a URL is being read, and where a redirect led.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::Kind,
    http::{
        content_range,
        headers::{ByteRange, Headers},
        url,
    },
    schedule::retry::AttemptError,
};

/// The versions of URLs whose ranges are put together, so that no two are ever mixed.
///
/// The first answer of a URL pins it: by its ETag, its Last-Modified, and its size, as far as they
/// can be seen. Every later answer is held against that before a byte of it is used. Clones are
/// handles on the same pins: the streams of a file share them.
///
/// No `If-Range` is sent. Where an ETag can be seen, looking at it says as much; where it
/// cannot, there is none to send; and across origins the header would cost a preflight. A server
/// that finds it changed would answer it with all of the new version, of which nothing is of use.
#[derive(Clone, Default)]
pub struct Validators(Arc<Mutex<VecDeque<Pin>>>);

/// The most URLs that are remembered; those not asked for the longest are forgotten first. A reader
/// goes from one packed blob to the next, and what lies that far behind is not read with what comes.
const MAX_URLS: usize = 256;

#[derive(Default)]
struct Pin {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    total: Option<u64>,
    /// It has answered in ranges.
    ranges: bool,
    /// Where its answers came from, after redirects.
    at: Option<String>,
}

/// What there is to see of an answer with 200 or 206.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The range that was asked for.
    pub range: Option<ByteRange>,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: &'a Headers,
    /// Where a redirect led, if one was followed.
    pub at: Option<&'a str>,
}

impl Validators {
    /// Pins the size of a URL before it is asked.
    pub fn expect(&self, url: &str, total: u64) {
        of(url, &mut self.lock()).total = Some(total);
    }

    /// Holds an answer against what was seen of this URL before, and remembers what is new.
    ///
    /// # Errors
    ///
    /// [`Kind::SourceChanged`] if it is of another version. [`Kind::Range`] if a URL that had
    /// answered in ranges sends the whole, and nothing tells whether it is the same version.
    pub fn see(&self, url: &str, seen: Seen<'_>) -> Result<(), AttemptError> {
        let Headers { last_modified, .. } = seen.headers;
        // What is packed on the way has another tag, and another length, than what is not.
        let packed = seen.headers.is_encoded();
        let etag = seen.headers.etag.as_ref().filter(|_| !packed);
        let total = seen.total().filter(|_| !packed);
        let mut pins = self.lock();
        let pin = of(url, &mut pins);
        let tags = pin.etag.as_deref().zip(etag.map(String::as_str));
        let times = pin.last_modified.as_ref().zip(last_modified.as_ref());
        let totals = pin.total.zip(total);
        let same_tag = tags.map(|(one, other)| opaque(one) == opaque(other));
        // Where there is a tag, the time says nothing: servers of one file differ by seconds.
        let same_time = times.map(|(one, other)| one == other).filter(|_| same_tag.is_none());
        let same_total = totals.map(|(one, other)| one == other);
        let verdicts = [same_tag, same_time, same_total];
        if verdicts.contains(&Some(false)) {
            return Err(changed());
        }
        let whole = seen.range.is_some() && seen.status == 200;
        if whole && pin.ranges && verdicts == [None; 3] {
            let message = "the server answers in ranges no longer, and does not say of what version";
            return Err(AttemptError::new(Kind::Range, message));
        }
        pin.etag = pin.etag.take().or_else(|| etag.cloned());
        pin.last_modified = pin.last_modified.take().or_else(|| last_modified.clone());
        pin.total = pin.total.or(total);
        pin.ranges |= seen.status == 206;
        if let Some(at) = seen.at.filter(|at| url::host(at).is_some()) {
            pin.at = Some(at.to_owned());
        }
        Ok(())
    }

    /// What a 412 or a 416 means for bytes from `start` on, if it means that the URL changed: the
    /// condition of a header of the user's fails, or the file was longer before.
    #[must_use]
    pub fn refused(&self, url: &str, status: u16, start: u64) -> Option<AttemptError> {
        let was_there = || of(url, &mut self.lock()).total.is_some_and(|total| start < total);
        (status == 412 || (status == 416 && was_there())).then(changed)
    }

    /// Where to ask for this URL: where the last redirect led, else itself.
    #[must_use]
    pub fn at(&self, url: &str) -> String {
        let pins = self.lock();
        let found = pins.iter().find(|pin| pin.url == url).and_then(|pin| pin.at.as_ref());
        found.map_or(url, String::as_str).to_owned()
    }

    /// Forgets where a redirect led if that was `at`, and this status may mean that it leads there no
    /// more; says whether the URL itself is worth asking again.
    #[must_use]
    pub fn forget(&self, url: &str, at: &str, status: Option<u16>) -> bool {
        let gone = matches!(status, Some(401 | 403 | 404 | 410));
        if gone && at != url {
            of(url, &mut self.lock()).at.take_if(|known| known == at);
        }
        gone && at != url
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Pin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Validators {
    /// Without the URLs, whose queries may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Validators").field(&self.lock().len()).finish()
    }
}

impl Seen<'_> {
    /// The size of the whole, if the answer tells it.
    fn total(&self) -> Option<u64> {
        match (self.status, self.range) {
            (206, _) => self.headers.content_range.as_deref().and_then(content_range::parse)?.total,
            // Without `Range` a browser takes what is packed, and across origins does not say so.
            (_, Some(_)) => self.headers.content_length,
            (_, None) => None,
        }
    }
}

/// The pin of a URL, a fresh one if there is none; from now on it is the last to be forgotten.
fn of<'a>(url: &str, pins: &'a mut VecDeque<Pin>) -> &'a mut Pin {
    let known = pins.iter().position(|pin| pin.url == url).and_then(|index| pins.remove(index));
    let fresh = || Pin { url: url.to_owned(), ..Pin::default() };
    pins.truncate(MAX_URLS - 1);
    pins.push_front_mut(known.unwrap_or_else(fresh))
}

/// What tells versions apart, in a weak tag too.
fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn changed() -> AttemptError {
    AttemptError::new(Kind::SourceChanged, "it changed while it was read")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Option<ByteRange> = Some(ByteRange { start: 0, end: Some(10) });

    fn etag(etag: &str) -> Headers {
        Headers { etag: Some(etag.into()), ..Headers::default() }
    }

    fn modified(time: &str) -> Headers {
        Headers { last_modified: Some(time.into()), ..Headers::default() }
    }

    fn total(total: u64) -> Headers {
        Headers { content_range: Some(format!("bytes 0-9/{total}")), ..Headers::default() }
    }

    fn length(length: u64) -> Headers {
        Headers { content_length: Some(length), ..Headers::default() }
    }

    fn see(pins: &Validators, status: u16, headers: &Headers) -> Result<(), Kind> {
        pins.see("http://a/x", Seen { range: PART, status, headers, at: None }).map_err(|f| f.kind)
    }

    /// What comes of a second answer in parts after a first.
    fn after(first: &Headers, second: &Headers) -> Result<(), Kind> {
        let pins = Validators::default();
        see(&pins, 206, first).expect("the first one pins");
        see(&pins, 206, second)
    }

    const CHANGED: Result<(), Kind> = Err(Kind::SourceChanged);

    #[test]
    fn what_can_be_seen_of_two_answers_must_be_the_same() {
        assert_eq!(after(&etag("\"1\""), &etag("\"1\"")), Ok(()));
        assert_eq!(after(&etag("\"1\""), &etag("\"2\"")), CHANGED);
        assert_eq!(after(&modified("Mon"), &modified("Tue")), CHANGED);
        assert_eq!(after(&total(20), &total(21)), CHANGED);
        assert_eq!(after(&etag("\"1\""), &modified("Tue")), Ok(()), "nothing to compare");
        let both = Headers { last_modified: Some("Mon".into()), ..etag("\"1\"") };
        assert_eq!(after(&both, &Headers { last_modified: Some("Tue".into()), ..etag("\"1\"") }), Ok(()));
        assert_eq!(after(&both, &modified("Tue")), CHANGED);
        let long = Headers { content_range: total(21).content_range, ..etag("\"1\"") };
        assert_eq!(
            after(&Headers { content_range: total(20).content_range, ..etag("\"1\"") }, &long),
            CHANGED
        );
    }

    #[test]
    fn a_weak_tag_tells_by_what_is_in_its_quotes() {
        assert_eq!(after(&etag("W/\"1\""), &etag("W/\"2\"")), CHANGED);
        assert_eq!(after(&etag("W/\"1\""), &etag("\"2\"")), CHANGED);
        assert_eq!(after(&etag("\"1\""), &etag("W/\"1\"")), Ok(()));
    }

    #[test]
    fn what_was_hidden_at_first_is_pinned_when_it_is_seen() {
        let pins = Validators::default();
        for headers in [Headers::default(), etag("\"1\""), Headers::default(), etag("\"1\"")] {
            assert_eq!(see(&pins, 206, &headers), Ok(()));
        }
        assert_eq!(see(&pins, 206, &etag("\"2\"")), CHANGED);
    }

    #[test]
    fn the_whole_after_ranges_is_taken_only_if_something_says_that_it_is_the_same() {
        let pins = Validators::default();
        see(&pins, 206, &Headers { etag: Some("\"1\"".into()), ..total(20) }).unwrap();
        assert_eq!(see(&pins, 200, &Headers::default()), Err(Kind::Range));
        assert_eq!(see(&pins, 200, &etag("\"1\"")), Ok(()));
        assert_eq!(see(&pins, 200, &length(20)), Ok(()));
        assert_eq!(see(&pins, 200, &length(21)), CHANGED);
        let never = Validators::default();
        assert_eq!([200, 200].map(|status| see(&never, status, &Headers::default())), [Ok(()); 2]);
    }

    #[test]
    fn what_was_packed_on_the_way_is_not_held_against_what_was_not() {
        let packed = |etag: &str| Headers {
            content_encoding: Some("gzip".into()),
            etag: Some(etag.into()),
            ..length(7)
        };
        let pins = Validators::default();
        assert_eq!(see(&pins, 200, &packed("\"1-gzip\"")), Ok(()));
        assert_eq!(see(&pins, 206, &Headers { etag: Some("\"1\"".into()), ..total(20) }), Ok(()));
        assert_eq!(see(&pins, 200, &length(20)), Ok(()));
    }

    #[test]
    fn a_size_that_is_told_beforehand_is_pinned() {
        let pins = Validators::default();
        pins.expect("http://a/x", 20);
        assert_eq!(see(&pins, 206, &total(20)), Ok(()));
        assert_eq!(see(&pins, 206, &total(19)), CHANGED);
        assert_eq!(pins.refused("http://a/x", 416, 19).map(|f| f.kind), Some(Kind::SourceChanged));
        assert_eq!(pins.refused("http://a/x", 416, 20), None);
        assert_eq!(pins.refused("http://a/y", 416, 0), None);
        assert!(pins.refused("http://a/y", 412, 0).is_some() && pins.refused("http://a/x", 404, 0).is_none());
    }

    #[test]
    fn each_url_has_its_own_version_and_those_long_out_of_use_are_forgotten() {
        let pins = Validators::default();
        let see = |url: &str, etag: &Headers| {
            pins.see(url, Seen { range: PART, status: 206, headers: etag, at: None })
        };
        for i in 0..=MAX_URLS {
            see(&format!("http://a/x?{i}"), &etag(&format!("\"{i}\""))).unwrap();
            see("http://a/x?0", &etag("\"0\"")).unwrap();
        }
        for kept in [0, 2, MAX_URLS] {
            assert!(see(&format!("http://a/x?{kept}"), &etag("\"other\"")).is_err(), "{kept}");
        }
        assert!(see("http://a/x?1", &etag("\"other\"")).is_ok(), "forgotten");
        assert_eq!(format!("{pins:?}"), format!("Validators({MAX_URLS})"));
    }

    #[test]
    fn where_a_redirect_led_is_asked_until_that_is_gone() {
        let pins = Validators::default();
        let headers = Headers::default();
        let seen = |at| Seen { range: PART, status: 206, headers: &headers, at: Some(at) };
        assert_eq!(pins.at("http://a/x"), "http://a/x");
        pins.see("http://a/x", seen("http://cdn/1?sig=1")).unwrap();
        assert_eq!(pins.at("http://a/x"), "http://cdn/1?sig=1");
        assert!(!pins.forget("http://a/x", "http://cdn/1?sig=1", Some(500)));
        assert!(!pins.forget("http://a/x", "http://a/x", Some(403)), "it was asked itself");
        // Another flight was faster: what it found stays.
        assert!(pins.forget("http://a/x", "http://cdn/0?sig=0", Some(403)));
        assert_eq!(pins.at("http://a/x"), "http://cdn/1?sig=1");
        assert!(pins.forget("http://a/x", "http://cdn/1?sig=1", Some(403)));
        assert_eq!(pins.at("http://a/x"), "http://a/x");
        pins.see("http://a/x", seen("data:,x")).unwrap();
        assert_eq!(pins.at("http://a/x"), "http://a/x");
    }
}
