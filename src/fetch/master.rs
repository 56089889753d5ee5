//! A SeaweedFS master: which servers have a volume, and read tokens (`/dir/lookup`, `master_server_handlers.go`).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::{
    error::{Error, Kind},
    fetch::{
        get::{Expect, Fetched, GetError, failed, get_once},
        single_flight::{LookupResult, SingleFlight},
    },
    host::{Host, Request, joined},
    http::{jwt, url},
    json::{Value, walk},
    model::location::Location,
    schedule::{
        options::Options,
        pool::Pool,
        retry::{Abilities, AttemptError, Decision, RetryState},
    },
    time::Duration,
};

/// The servers of a volume are looked up again after this time, even if they work. SeaweedFS's own clients keep them as
/// long (`operation/lookup.go`).
const MAX_AGE: Duration = Duration::from_secs(600);

/// A longer response is not one of a master: a location takes about 100 bytes.
const MAX_RESPONSE_BYTES: u64 = 64 << 10;

const FAILED: &str = "the lookup at the master failed: ";
/// A browser does not tell this cause from a broken connection.
const CORS_HINT: &str =
    "; a master sends no CORS headers, so a page of another origin cannot send it requests";

/// The masters of a cluster and their cached responses. Clones share the cache.
#[derive(Clone, Debug)]
pub struct Master(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    addresses: Vec<Address>,
    /// The place of the one that answered last. It is asked first.
    last: AtomicUsize,
    responses: SingleFlight<Result<LookupResult, Error>>,
    /// Whether a volume server has required a token. Then each request gets one.
    needs_tokens: AtomicBool,
    /// Whether public addresses could not be reached. Then locations have the other ones too.
    needs_internal: AtomicBool,
}

/// One master.
#[derive(Debug)]
struct Address {
    /// The URL of lookups, up to the last parameters of the query.
    lookup_url: String,
    /// `http` or `https`, for servers that are named without a scheme.
    scheme: String,
}

impl Address {
    fn new(url: &str) -> Self {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut lookup_url = [base.trim_end_matches('/'), "/dir/lookup?", query].concat();
        if !query.is_empty() {
            lookup_url.push('&');
        }
        let scheme = url::scheme(base).unwrap_or("http").to_owned();
        Self { lookup_url, scheme }
    }
}

/// Which cached response may be used.
#[derive(Clone, Copy)]
struct Need {
    /// A response that arrived until then did not work.
    newer_than: Option<Duration>,
    /// Whether its token is needed; else its servers are.
    token: bool,
}

impl Need {
    fn is_met(self, found: &LookupResult, at: Duration, now: Duration, unix_time: Duration) -> bool {
        let holds = match &found.token {
            Some(token) if self.token => !jwt::is_due(token, unix_time),
            _ => !self.token && now.saturating_sub(at) < MAX_AGE,
        };
        holds && self.newer_than.is_none_or(|stale| at > stale)
    }
}

impl Master {
    /// The URL of lookups, at the first master.
    pub(crate) fn realm(&self) -> &str {
        self.0.addresses.first().map_or("", |address| &address.lookup_url)
    }

    /// The masters at these http or https URLs, which are asked in turn until one answers. `/dir/lookup` is appended to
    /// the path of each.
    #[must_use]
    pub fn new<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Arc::new(Inner {
            addresses: urls.into_iter().map(Address::new).collect(),
            last: AtomicUsize::new(0),
            responses: SingleFlight::default(),
            needs_tokens: AtomicBool::new(false),
            needs_internal: AtomicBool::new(false),
        }))
    }

    /// Looks up the replicas of a chunk. `stale`: replicas that were known at that time of the host's clock did not
    /// work, so newer ones are needed. `is_unreachable`: some of them could not be reached. From then on a location has
    /// the public addresses of the servers, and after them those inside the cluster.
    ///
    /// Concurrent lookups of a volume share one request and its retries.
    ///
    /// # Errors
    ///
    /// [`Kind::NotFound`] if the master does not know the volume after all retries (a volume that is being moved is
    /// unknown for a while), else [`Kind::NoLocations`]. The lookup was repeated already.
    pub async fn look_up<H: Host>(
        &self,
        host: &H,
        (options, pool): (&Options, &Pool),
        file_id: &str,
        stale: Option<Duration>,
        is_unreachable: bool,
    ) -> Result<Location, Error> {
        let volume = file_id.split(',').next().unwrap_or_default();
        // Without a collection: with one the master does not search erasure-coded shards.
        let query = ["volumeId=", volume].concat();
        let found =
            self.cached(host, (options, pool), &query, Need { newer_than: stale, token: false }).await?;
        // As SeaweedFS itself does: an open reader can finish after the file is overwritten.
        let url = |server: &String| [server, "/", file_id, "?readDeleted=true"].concat();
        self.0.needs_internal.fetch_or(is_unreachable, Ordering::Relaxed);
        let internal = found.internal.iter().filter(|_| self.0.needs_internal.load(Ordering::Relaxed));
        let urls = found.servers.iter().chain(internal).map(url).collect();
        Ok(Location { urls, token: None })
    }

    /// A read token for a chunk; `None` until a volume server has required one. `refused`: a server refused the token
    /// that was known at that time of the host's clock.
    ///
    /// # Errors
    ///
    /// Those of [`Self::look_up`].
    pub async fn token<H: Host>(
        &self,
        host: &H,
        (options, pool): (&Options, &Pool),
        file_id: &str,
        refused: Option<Duration>,
    ) -> Result<Option<String>, Error> {
        let required = &self.0.needs_tokens;
        if refused.is_some() {
            required.store(true, Ordering::Relaxed);
        }
        if !required.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // Without `read=yes` the token would be one for writing.
        let query = ["fileId=", file_id, "&read=yes"].concat();
        let need = Need { newer_than: refused, token: true };
        Ok(self.cached(host, (options, pool), &query, need).await?.token)
    }

    /// The cached response to a query, if it may be used; else a new one.
    async fn cached<H: Host>(
        &self,
        host: &H,
        (options, pool): (&Options, &Pool),
        query: &str,
        need: Need,
    ) -> Result<LookupResult, Error> {
        let is_usable = |response: &Result<LookupResult, Error>, at| {
            let met = |found| need.is_met(found, at, host.now(), host.unix_time());
            response.as_ref().is_ok_and(met)
        };
        let request = self.request(host, (options, pool), query);
        self.0.responses.ask(query, || host.now(), is_usable, request).await
    }

    /// Sends a query to one master after another, and repeats it according to the retry policy.
    async fn request<H: Host>(
        &self,
        host: &H,
        (options, pool): (&Options, &Pool),
        query: &str,
    ) -> Result<LookupResult, Error> {
        let Inner { addresses, last, .. } = &*self.0;
        let first = last.load(Ordering::Relaxed);
        let mut attempts = RetryState::new(options.retry, addresses.len(), Abilities::default());
        let mut turn = 0;
        loop {
            let place = (first + turn) % addresses.len().max(1);
            let Some(address) = addresses.get(place) else { return Err(lookup_error(&attempts.error(""))) };
            let url = [&address.lookup_url, query].concat();
            let name = url::host(&address.lookup_url).unwrap_or_default();
            let failure = match self.request_once(host, options, url, &address.scheme).await {
                Ok(found) => {
                    last.store(place, Ordering::Relaxed);
                    pool.on_served(name, host.now());
                    return Ok(found);
                }
                Err(failure) => failure,
            };
            match failed(&mut attempts, turn, name, failure, (host, options, pool)) {
                Decision::Try(next, pause) => {
                    turn = next;
                    host.sleep(pause).await;
                }
                _ => return Err(lookup_error(&attempts.error(""))),
            }
        }
    }

    async fn request_once<H: Host>(
        &self,
        host: &H,
        options: &Options,
        url: String,
        scheme: &str,
    ) -> Result<LookupResult, AttemptError> {
        let invalid = || AttemptError::new(Kind::NoLocations, "the response is not one of a master");
        let request = Request { url, range: None };
        let Fetched { headers, body, .. } =
            match get_once(host, options, Expect::Body(MAX_RESPONSE_BYTES), request).await {
                Ok(fetched) => fetched,
                Err(GetError::Retry(error)) => return Err(error),
                Err(GetError::Final(_)) => return Err(invalid()),
            };
        let Servers { public: servers, internal } = parse(&joined(&body), scheme).ok_or_else(invalid)?;
        if servers.is_empty() {
            return Err(AttemptError::new(
                Kind::NoLocations,
                "the master knows no server that has the volume",
            ));
        }
        let token = headers.authorization.as_deref().and_then(bearer).map(str::to_owned);
        Ok(LookupResult { servers, internal, token })
    }
}

/// The error of a lookup whose attempts ended with this one.
fn lookup_error(last: &Error) -> Error {
    let failed = |hint: &str| Error::new(Kind::NoLocations, [FAILED, last.message(), hint].concat());
    let error = match last.kind() {
        Kind::NotFound => Error::new(Kind::NotFound, "the master does not know the volume of the chunk"),
        Kind::Network => failed(CORS_HINT),
        _ => failed(""),
    };
    error.after(last.attempts().to_vec()).because(last.cause())
}

/// The servers in a master's response, as URLs without a slash at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    /// The addresses for clients, one for each server.
    pub(crate) public: Vec<String>,
    /// The addresses inside the cluster, of servers that have another one for clients.
    pub(crate) internal: Vec<String>,
}

/// The servers in a master's response; `None` if it is not such a response.
///
/// `publicUrl` is the address for clients. An operator may have given it a scheme and a path.
pub(crate) fn parse(text: &[u8], scheme: &str) -> Option<Servers> {
    let mut locations: Vec<(usize, [String; 2])> = Vec::new();
    let mut is_response = false;
    let whole = walk(text, &mut |seen| {
        is_response |= seen.object == 0 && seen.key == "volumeOrFileId";
        let ("locations", Value::Text(text)) = (seen.within, seen.value) else { return };
        if locations.last().is_none_or(|(object, _)| *object != seen.object) {
            locations.push((seen.object, Default::default()));
        }
        match (locations.last_mut(), seen.key) {
            (Some((_, [public, _])), "publicUrl") => text.clone_into(public),
            (Some((_, [_, internal])), "url") => text.clone_into(internal),
            _ => {}
        }
    });
    let mut servers = Servers::default();
    for (_, addresses) in locations {
        let mut addresses = addresses.into_iter().filter(|address| !address.is_empty()).map(|address| {
            let address = address.trim_end_matches('/');
            if url::scheme(address).is_some() {
                address.to_owned()
            } else {
                [scheme, "://", address].concat()
            }
        });
        let public = addresses.next();
        servers.internal.extend(addresses.filter(|address| Some(address) != public.as_ref()));
        servers.public.extend(public);
    }
    (whole && is_response).then_some(servers)
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
        parse(text.as_bytes(), "http").map(|servers| servers.public)
    }

    // F132
    #[test]
    fn servers_are_read_from_a_real_masters_response() {
        let text = r#"{"volumeOrFileId":"3","locations":[{"url":"127.0.0.1:8080","publicUrl":"127.0.0.1:8081","dataCenter":"DefaultDataCenter","grpcPort":18080},{"url":"10.0.0.2:8080","publicUrl":"10.0.0.2:8080"}]}"#;
        assert_eq!(servers(text).unwrap(), ["http://127.0.0.1:8081", "http://10.0.0.2:8080"]);
        let servers = parse(text.as_bytes(), "https").unwrap();
        assert_eq!(servers.public[1], "https://10.0.0.2:8080");
        assert_eq!(servers.internal, ["https://127.0.0.1:8080"], "of the server with two addresses");
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
    fn other_text_is_not_a_masters_response() {
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
    fn the_lookup_url_keeps_path_and_query_of_the_master() {
        for (url, lookup) in [
            ("http://m:9333", "http://m:9333/dir/lookup?"),
            ("https://edge.example/master/", "https://edge.example/master/dir/lookup?"),
            ("https://edge.example/?key=1", "https://edge.example/dir/lookup?key=1&"),
        ] {
            assert_eq!(Address::new(url).lookup_url, lookup);
        }
    }

    #[test]
    fn the_bearer_token_is_read() {
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
