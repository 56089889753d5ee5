//! A SeaweedFS master, asked where volumes are and for read tokens
//! (`master_server_handlers.go`, `/dir/lookup`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    error::{Error, Kind},
    fetch::{
        get,
        get::{Expect, Fetched},
        single_flight::{Found, SingleFlight},
    },
    host::{Host, Request, joined},
    http::{jwt, url},
    json::{Value, walk},
    model::location::Location,
    schedule::{
        options::Options,
        retry::{Abilities, AttemptError, Decision, RetryState},
    },
};

/// What is known of a volume is asked for again after this time, though it works: SeaweedFS's own
/// clients keep it as long (`operation/lookup.go`).
const MAX_AGE: Duration = Duration::from_secs(600);

/// A longer answer is none: a location takes about 100 bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

const CANNOT: &str = "the master cannot be asked: ";
/// What a page can do nothing about, but its author can.
const HINT: &str = "; a master sends no CORS headers, so a page of another origin cannot ask it";

/// One master. Clones are handles on the same cache.
#[derive(Clone, Debug)]
pub struct Master(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Up to the question, with what is to go before it in the query.
    lookup_url: String,
    /// `http` or `https`: what servers speak that are named without it.
    scheme: String,
    answers: SingleFlight<Result<Found, Error>>,
    /// A volume server wanted a token: from now on each request gets one.
    wants_tokens: AtomicBool,
}

/// What a known answer has to be, to be given again.
#[derive(Clone, Copy)]
struct Need {
    /// What came until then did not work.
    newer_than: Option<Duration>,
    /// It is for its token; else for its servers.
    token: bool,
}

impl Need {
    fn is_met(self, found: &Found, at: Duration, now: Duration, unix_time: Duration) -> bool {
        let holds = match &found.token {
            Some(token) if self.token => !jwt::is_due(token, unix_time),
            _ => !self.token && now.saturating_sub(at) < MAX_AGE,
        };
        holds && self.newer_than.is_none_or(|stale| at > stale)
    }
}

impl Master {
    /// The master at this http or https URL; `/dir/lookup` is below its path.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut lookup_url = [base.trim_end_matches('/'), "/dir/lookup?", query].concat();
        if !query.is_empty() {
            lookup_url.push('&');
        }
        let scheme = base.split_once("://").map_or("http", |(scheme, _)| scheme).to_owned();
        Self(Arc::new(Inner {
            lookup_url,
            scheme,
            answers: SingleFlight::default(),
            wants_tokens: AtomicBool::new(false),
        }))
    }

    /// The replicas of a chunk. `stale`: what was known at that time of the host's clock did not
    /// work, so only what was learnt later will do.
    ///
    /// Whoever asks for a volume at the same time shares one request and its patience.
    ///
    /// # Errors
    ///
    /// [`Kind::NotFound`] where the master knows no such volume, and goes on saying so: it may be on
    /// the move. Else [`Kind::NoLocations`]. Asking again at once is of no use.
    pub async fn locate<H: Host>(
        &self,
        host: &H,
        options: &Options,
        file_id: &str,
        stale: Option<Duration>,
    ) -> Result<Location, Error> {
        let volume = file_id.split(',').next().unwrap_or_default();
        // Never with a collection: the master would not look among erasure-coded shards then.
        let question = ["volumeId=", volume].concat();
        let found = self.ask(host, options, &question, Need { newer_than: stale, token: false }).await?;
        // As SeaweedFS itself asks: who has opened a file reads on where it is written anew meanwhile.
        let url = |server: &String| [server, "/", file_id, "?readDeleted=true"].concat();
        let urls = found.servers.iter().map(url).collect();
        Ok(Location { urls, token: None })
    }

    /// A read token for a chunk, once a volume server has wanted one. `refused`: one wants another
    /// than was known at that time of the host's clock.
    ///
    /// # Errors
    ///
    /// As `locate`.
    pub async fn token<H: Host>(
        &self,
        host: &H,
        options: &Options,
        file_id: &str,
        refused: Option<Duration>,
    ) -> Result<Option<String>, Error> {
        let wanted = &self.0.wants_tokens;
        if refused.is_some() {
            wanted.store(true, Ordering::Relaxed);
        }
        if !wanted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // Without `read` it would be a token for writing.
        let question = ["fileId=", file_id, "&read=yes"].concat();
        let need = Need { newer_than: refused, token: true };
        Ok(self.ask(host, options, &question, need).await?.token)
    }

    async fn ask<H: Host>(
        &self,
        host: &H,
        options: &Options,
        question: &str,
        need: Need,
    ) -> Result<Found, Error> {
        let good = |answer: &Result<Found, Error>, at| {
            let met = |found| need.is_met(found, at, host.now(), host.unix_time());
            answer.as_ref().is_ok_and(met)
        };
        let asking = self.look_up(host, options, question);
        self.0.answers.ask(question, || host.now(), good, asking).await
    }

    /// Asks until there is an answer that is of use, with patience.
    async fn look_up<H: Host>(&self, host: &H, options: &Options, question: &str) -> Result<Found, Error> {
        let url = [&self.0.lookup_url, question].concat();
        let name = url::host(&url).unwrap_or_default();
        let mut attempts = RetryState::new(options.retry, 1, Abilities::default());
        loop {
            let failure = match self.request(host, options, url.clone()).await {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            let last = (failure.kind, failure.message.clone());
            match attempts.failed(0, name, failure, host.random()) {
                Decision::Try(_, pause) => host.sleep(pause).await,
                _ => return Err(in_vain(last, &attempts.error(""))),
            }
        }
    }

    async fn request<H: Host>(
        &self,
        host: &H,
        options: &Options,
        url: String,
    ) -> Result<Found, AttemptError> {
        let nonsense = || AttemptError::new(Kind::NoLocations, "its answer is not that of a master");
        let request = Request { url, range: None };
        let retrieved = get::attempt(host, options, Expect::Body(MAX_ANSWER_BYTES), request).await?;
        let Ok(Fetched { headers, body, .. }) = retrieved else { return Err(nonsense()) };
        let servers = parse(&joined(&body), &self.0.scheme).ok_or_else(nonsense)?;
        if servers.is_empty() {
            return Err(AttemptError::new(Kind::NoLocations, "it knows no location"));
        }
        let token = headers.authorization.as_deref().and_then(bearer).map(str::to_owned);
        Ok(Found { servers, token })
    }
}

/// What a caller is told after the last attempt.
fn in_vain((kind, message): (Kind, String), told: &Error) -> Error {
    let (kind, message) = match kind {
        Kind::NotFound => (kind, "the master does not know its volume".to_owned()),
        Kind::Network => (Kind::NoLocations, [CANNOT, &message, HINT].concat()),
        _ => (Kind::NoLocations, [CANNOT, &message].concat()),
    };
    Error::new(kind, message).after(told.attempts().to_vec()).because(told.cause())
}

/// The servers of a master's answer, as URLs without a slash at the end; `None` if it is none.
///
/// `publicUrl` is the one for clients. An operator may have given it a scheme and a path.
pub(crate) fn parse(text: &[u8], scheme: &str) -> Option<Vec<String>> {
    /// One location of the list; `public` is what was read of `publicUrl`.
    #[derive(Default)]
    struct Place {
        object: usize,
        url: String,
        public: String,
    }
    let mut places: Vec<Place> = Vec::new();
    let mut is_answer = false;
    let whole = walk(text, &mut |seen| {
        is_answer |= seen.object == 0 && seen.key == "volumeOrFileId";
        let ("locations", Value::Text(text)) = (seen.within, seen.value) else { return };
        if places.last().is_none_or(|place| place.object != seen.object) {
            places.push(Place { object: seen.object, ..Place::default() });
        }
        match (places.last_mut(), seen.key) {
            (Some(place), "url") => text.clone_into(&mut place.url),
            (Some(place), "publicUrl") => text.clone_into(&mut place.public),
            _ => {}
        }
    });
    let servers =
        places.into_iter().map(|Place { url, public, .. }| if public.is_empty() { url } else { public });
    let servers = servers.filter(|server| !server.is_empty()).map(|server| {
        let server = server.trim_end_matches('/');
        if server.contains("://") { server.to_owned() } else { [scheme, "://", server].concat() }
    });
    (whole && is_answer).then(|| servers.collect())
}

/// The token of an `Authorization` header.
pub(crate) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: &str) -> Option<Vec<String>> {
        parse(text.as_bytes(), "http")
    }

    #[test]
    fn an_answer_of_a_real_master_names_its_servers() {
        let text = r#"{"volumeOrFileId":"3","locations":[{"url":"127.0.0.1:8080","publicUrl":"127.0.0.1:8081","dataCenter":"DefaultDataCenter","grpcPort":18080},{"url":"10.0.0.2:8080","publicUrl":"10.0.0.2:8080"}]}"#;
        assert_eq!(servers(text).unwrap(), ["http://127.0.0.1:8081", "http://10.0.0.2:8080"]);
        assert_eq!(parse(text.as_bytes(), "https").unwrap()[1], "https://10.0.0.2:8080");
    }

    #[test]
    fn a_public_url_keeps_its_scheme_and_its_path() {
        for (public, server) in [
            ("https://cdn.example/v1", "https://cdn.example/v1"),
            ("https://cdn.example/v1/", "https://cdn.example/v1"),
            ("cdn.example/v1/", "http://cdn.example/v1"),
            ("cdn.example", "http://cdn.example"),
            ("", "http://10.0.0.1:8080"),
        ] {
            let text = format!(
                r#"{{"volumeOrFileId":"3","locations":[{{"publicUrl":"{public}","url":"10.0.0.1:8080"}}]}}"#
            );
            assert_eq!(servers(&text).unwrap(), [server], "{public}");
        }
    }

    #[test]
    fn what_is_not_an_answer_of_a_master_is_none() {
        for text in ["", "{}", "<html>", "[]", r#"{"locations":[{"url":"a"}]}"#, r#"{"volumeOrFileId":"3""#] {
            assert_eq!(servers(text), None, "{text}");
        }
        for text in [
            r#"{"volumeOrFileId":"3","error":"volume id 3 not found"}"#,
            r#"{"volumeOrFileId":"3","locations":null}"#,
            r#"{"volumeOrFileId":"3","locations":[{"dataCenter":"d"},{"url":5},{}]}"#,
        ] {
            assert_eq!(servers(text), Some(Vec::new()), "{text}");
        }
    }

    #[test]
    fn a_lookup_is_below_the_path_of_the_master_and_keeps_its_query() {
        for (url, lookup) in [
            ("http://m:9333", "http://m:9333/dir/lookup?"),
            ("https://edge.example/master/", "https://edge.example/master/dir/lookup?"),
            ("https://edge.example/?key=1", "https://edge.example/dir/lookup?key=1&"),
        ] {
            assert_eq!(Master::new(url).0.lookup_url, lookup);
        }
    }

    #[test]
    fn a_token_stands_behind_bearer() {
        for (header, token) in [
            ("Bearer a.b.c", Some("a.b.c")),
            ("BEARER x", Some("x")),
            ("Bearer ", None),
            ("Basic x", None),
            ("x", None),
        ] {
            assert_eq!(bearer(header), token, "{header}");
        }
    }

    // proptest is a dependency of native tests only.
    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "\\PC*", place in "\\PC*") {
            let _ = servers(&text);
            let json = serde_json::json!({ "volumeOrFileId": "3", "locations": [{ "publicUrl": place, "url": text }] });
            let _ = servers(&json.to_string());
        }
    }
}
