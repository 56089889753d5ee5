//! Validators: make sure that all responses of one URL are of the same version of its file.

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

/// The validators (RFC 9110, section 8.8) of the URLs that are read in ranges, and where their redirects led.
///
/// The first response of a URL sets its version: the ETag, the Last-Modified and the size, as far as the platform shows
/// them. Each later response is compared before a byte of it is used. Clones share the validators, as the streams of a
/// file do.
///
/// No `If-Range` is sent. If the ETag is visible, a comparison has the same effect; if it is not, there is nothing to
/// send. Across origins the header would need a preflight, and after a change the server would send the whole new
/// version, of which nothing can be used.
#[derive(Clone, Default)]
pub struct Validators(Arc<Mutex<VecDeque<Version>>>);

/// The most URLs that are kept; the least recently used one is dropped first. A reader goes from one blob of packed
/// chunks to the next, so bytes of a URL that is that far behind are not joined with later ones.
const MAX_URLS: usize = 256;

#[derive(Default)]
struct Version {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    total: Option<u64>,
    /// Whether the server has sent ranges.
    ranges: bool,
    /// Whether the last response to a range was the whole.
    ignores_ranges: bool,
    /// Where the last redirect led.
    at: Option<String>,
}

/// What a response with 200 or 206 shows.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The range that was requested.
    pub range: Option<ByteRange>,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: &'a Headers,
    /// Where a redirect led, if one was followed.
    pub at: Option<&'a str>,
}

impl Validators {
    /// Sets the size of a URL before the first request.
    pub fn expect(&self, url: &str, total: u64) {
        of(url, &mut self.lock()).total = Some(total);
    }

    /// Compares a response with the earlier ones of this URL, and records the validators that are new.
    ///
    /// # Errors
    ///
    /// [`Kind::SourceChanged`] if the response is of another version. [`Kind::Range`] if the server has sent ranges
    /// before and now sends the whole without any validator to compare.
    pub fn check(&self, url: &str, seen: Seen<'_>) -> Result<(), AttemptError> {
        let Headers { last_modified, .. } = seen.headers;
        // With `Content-Encoding` the ETag and the length are those of the encoded form.
        let encoded = seen.headers.is_encoded();
        let etag = seen.headers.etag.as_ref().filter(|_| !encoded);
        let total = seen.total().filter(|_| !encoded);
        let mut versions = self.lock();
        let version = of(url, &mut versions);
        let tags = version.etag.as_deref().zip(etag.map(String::as_str));
        let times = version.last_modified.as_ref().zip(last_modified.as_ref());
        let totals = version.total.zip(total);
        let same_tag = tags.map(|(one, other)| opaque(one) == opaque(other));
        // With an ETag the time is not compared: servers of one file differ by seconds.
        let same_time = times.map(|(one, other)| one == other).filter(|_| same_tag.is_none());
        let same_total = totals.map(|(one, other)| one == other);
        let comparisons = [same_tag, same_time, same_total];
        let whole = seen.range.is_some() && seen.status == 200;
        // A 200 that is as long as the range may be that range under the wrong status.
        let length_asked = seen.range.and_then(|range| range.end.or(version.total)?.checked_sub(range.start));
        let is_as_asked = whole && total == length_asked;
        if is_as_asked && same_total == Some(false) && !comparisons[..2].contains(&Some(false)) {
            return Err(AttemptError::new(
                Kind::Range,
                "the server answered a range with 200 and not with the whole",
            ));
        }
        if comparisons.contains(&Some(false)) {
            return Err(changed());
        }
        if whole && version.ranges && comparisons == [None; 3] {
            let message =
                "the server sent the whole instead of a range, without an ETag or a size to compare";
            return Err(AttemptError::new(Kind::Range, message));
        }
        version.etag = version.etag.take().or_else(|| etag.cloned());
        version.last_modified = version.last_modified.take().or_else(|| last_modified.clone());
        // Of a range without an end the length is not known.
        let may_be_part = whole && (is_as_asked || length_asked.is_none());
        version.total = version.total.or(total.filter(|_| !may_be_part));
        version.ranges |= seen.status == 206;
        if let Some(at) = seen.at.filter(|at| url::host(at).is_some()) {
            version.at = Some(at.to_owned());
        }
        Ok(())
    }

    /// Records whether the server of a URL ignores `Range`.
    pub(crate) fn set_ignores_ranges(&self, url: &str, ignores: bool) {
        of(url, &mut self.lock()).ignores_ranges = ignores;
    }

    /// Whether the server of a URL ignored `Range` when it was asked last.
    pub(crate) fn ignores_ranges(&self, url: &str) -> bool {
        self.lock().iter().any(|version| version.url == url && version.ignores_ranges)
    }

    /// The error for a 412 or 416 in response to a request for bytes from `start` on, if the status means that the file
    /// changed: a condition in the user's headers failed, or the file was longer before.
    #[must_use]
    pub fn refused(&self, url: &str, status: u16, start: u64) -> Option<AttemptError> {
        let was_there = || of(url, &mut self.lock()).total.is_some_and(|total| start < total);
        (status == 412 || (status == 416 && was_there())).then(changed)
    }

    /// Where to send a request for this URL: where its last redirect led, else the URL itself.
    #[must_use]
    pub fn at(&self, url: &str) -> String {
        let versions = self.lock();
        let found =
            versions.iter().find(|version| version.url == url).and_then(|version| version.at.as_ref());
        found.map_or(url, String::as_str).to_owned()
    }

    /// Drops a redirect that led to `at` if this status, of a request to `at`, may mean that it is outdated. Returns
    /// whether the URL itself should be requested again.
    #[must_use]
    pub fn drop_redirect(&self, url: &str, at: &str, status: Option<u16>) -> bool {
        let gone = matches!(status, Some(400 | 401 | 403 | 404 | 410));
        if gone && at != url {
            of(url, &mut self.lock()).at.take_if(|known| known == at);
        }
        gone && at != url
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Version>> {
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
    /// The size of the whole, if the response has it.
    fn total(&self) -> Option<u64> {
        match (self.status, self.range) {
            (206, _) => self.headers.content_range.as_deref().and_then(content_range::parse)?.total,
            // Without `Range` a browser accepts compression, and across origins it hides that the response has it.
            (_, Some(_)) => self.headers.content_length,
            (_, None) => None,
        }
    }
}

/// The version of a URL, a new one if there is none. It becomes the most recently used one.
fn of<'a>(url: &str, versions: &'a mut VecDeque<Version>) -> &'a mut Version {
    let known =
        versions.iter().position(|version| version.url == url).and_then(|index| versions.remove(index));
    let fresh = || Version { url: url.to_owned(), ..Version::default() };
    versions.truncate(MAX_URLS - 1);
    versions.push_front_mut(known.unwrap_or_else(fresh))
}

/// The opaque part of a tag, which differs between versions in a weak tag too.
fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn changed() -> AttemptError {
    AttemptError::new(Kind::SourceChanged, "the file changed while it was read")
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

    fn see(validators: &Validators, status: u16, headers: &Headers) -> Result<(), Kind> {
        validators.check("http://a/x", Seen { range: PART, status, headers, at: None }).map_err(|f| f.kind)
    }

    /// The result of a second partial response after a first.
    fn after(first: &Headers, second: &Headers) -> Result<(), Kind> {
        let validators = Validators::default();
        see(&validators, 206, first).expect("the first one validators");
        see(&validators, 206, second)
    }

    const CHANGED: Result<(), Kind> = Err(Kind::SourceChanged);

    #[test]
    fn the_validators_of_two_responses_must_be_equal() {
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
    fn a_weak_tag_is_compared_by_its_opaque_part() {
        assert_eq!(after(&etag("W/\"1\""), &etag("W/\"2\"")), CHANGED);
        assert_eq!(after(&etag("W/\"1\""), &etag("\"2\"")), CHANGED);
        assert_eq!(after(&etag("\"1\""), &etag("W/\"1\"")), Ok(()));
    }

    // F210
    #[test]
    fn the_length_of_a_200_to_an_open_range_is_not_the_size() {
        let range = Some(ByteRange { start: 1, end: None });
        let validators = Validators::default();
        let see = |status, headers: &Headers| {
            validators.check("http://a/x", Seen { range, status, headers, at: None }).map_err(|f| f.kind)
        };
        assert_eq!(see(200, &length(19)), Ok(()));
        assert_eq!([see(206, &total(20)), see(206, &total(19))], [Ok(()), CHANGED]);
    }

    #[test]
    fn a_validator_that_appears_later_is_recorded() {
        let validators = Validators::default();
        for headers in [Headers::default(), etag("\"1\""), Headers::default(), etag("\"1\"")] {
            assert_eq!(see(&validators, 206, &headers), Ok(()));
        }
        assert_eq!(see(&validators, 206, &etag("\"2\"")), CHANGED);
    }

    #[test]
    fn the_whole_after_ranges_needs_an_equal_validator() {
        let validators = Validators::default();
        see(&validators, 206, &Headers { etag: Some("\"1\"".into()), ..total(20) }).unwrap();
        assert_eq!(see(&validators, 200, &Headers::default()), Err(Kind::Range));
        assert_eq!(see(&validators, 200, &etag("\"1\"")), Ok(()));
        assert_eq!(see(&validators, 200, &length(20)), Ok(()));
        assert_eq!(see(&validators, 200, &length(21)), CHANGED);
        let never = Validators::default();
        assert_eq!([200, 200].map(|status| see(&never, status, &Headers::default())), [Ok(()); 2]);
    }

    #[test]
    fn encoded_and_plain_responses_are_not_compared() {
        let packed = |etag: &str| Headers {
            content_encoding: Some("gzip".into()),
            etag: Some(etag.into()),
            ..length(7)
        };
        let validators = Validators::default();
        assert_eq!(see(&validators, 200, &packed("\"1-gzip\"")), Ok(()));
        assert_eq!(see(&validators, 206, &Headers { etag: Some("\"1\"".into()), ..total(20) }), Ok(()));
        assert_eq!(see(&validators, 200, &length(20)), Ok(()));
    }

    #[test]
    fn a_size_that_was_given_is_compared() {
        let validators = Validators::default();
        validators.expect("http://a/x", 20);
        assert_eq!(see(&validators, 206, &total(20)), Ok(()));
        assert_eq!(see(&validators, 206, &total(19)), CHANGED);
        assert_eq!(validators.refused("http://a/x", 416, 19).map(|f| f.kind), Some(Kind::SourceChanged));
        assert_eq!(validators.refused("http://a/x", 416, 20), None);
        assert_eq!(validators.refused("http://a/y", 416, 0), None);
        assert!(
            validators.refused("http://a/y", 412, 0).is_some()
                && validators.refused("http://a/x", 404, 0).is_none()
        );
    }

    #[test]
    fn each_url_has_its_own_version_up_to_a_limit() {
        let validators = Validators::default();
        let see = |url: &str, etag: &Headers| {
            validators.check(url, Seen { range: PART, status: 206, headers: etag, at: None })
        };
        for i in 0..=MAX_URLS {
            see(&format!("http://a/x?{i}"), &etag(&format!("\"{i}\""))).unwrap();
            see("http://a/x?0", &etag("\"0\"")).unwrap();
        }
        for kept in [0, 2, MAX_URLS] {
            assert!(see(&format!("http://a/x?{kept}"), &etag("\"other\"")).is_err(), "{kept}");
        }
        assert!(see("http://a/x?1", &etag("\"other\"")).is_ok(), "forgotten");
        assert_eq!(format!("{validators:?}"), format!("Validators({MAX_URLS})"));
    }

    #[test]
    fn the_target_of_a_redirect_is_requested_until_it_fails() {
        let validators = Validators::default();
        let headers = Headers::default();
        let seen = |at| Seen { range: PART, status: 206, headers: &headers, at: Some(at) };
        assert_eq!(validators.at("http://a/x"), "http://a/x");
        validators.check("http://a/x", seen("http://cdn/1?sig=1")).unwrap();
        assert_eq!(validators.at("http://a/x"), "http://cdn/1?sig=1");
        assert!(!validators.drop_redirect("http://a/x", "http://cdn/1?sig=1", Some(500)));
        assert!(!validators.drop_redirect("http://a/x", "http://a/x", Some(403)), "it was asked itself");
        // Another request was faster: its redirect stays.
        assert!(validators.drop_redirect("http://a/x", "http://cdn/0?sig=0", Some(403)));
        assert_eq!(validators.at("http://a/x"), "http://cdn/1?sig=1");
        assert!(validators.drop_redirect("http://a/x", "http://cdn/1?sig=1", Some(403)));
        assert_eq!(validators.at("http://a/x"), "http://a/x");
        validators.check("http://a/x", seen("data:,x")).unwrap();
        assert_eq!(validators.at("http://a/x"), "http://a/x");
    }
}
