//! GETs of small bodies, with retries: an entry, a lookup, the probe of a URL.

use std::fmt;

use futures::StreamExt;

use crate::{
    error::{Error, Kind},
    fetch::{
        allowed::send,
        filer_token::filer_token,
        timeout::{back_online, within},
    },
    host::{FetchError, Host, Piece, Request, Response, rare},
    http::{
        headers::{ByteRange, Headers},
        url,
    },
    schedule::{
        options::Options,
        pace::{Pace, Speed, Traffic},
        pool::Pool,
        retry::{Abilities, AttemptError, Decision, RetryState},
        validators::Validators,
    },
};

/// Which part of the response is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The body, up to this many bytes.
    Body(u64),
    /// Reads the body, up to this many bytes, only if the response is the whole and no header has its length.
    /// Otherwise reads the headers only and cancels the body.
    Unsized(u64),
}

/// The response to a GET, as far as it was read.
#[derive(Debug)]
pub struct Fetched<P> {
    /// 200 or 206.
    pub status: u16,
    /// The headers, as far as the platform shows them.
    pub headers: Headers,
    /// Where a redirect led, if one was followed.
    pub url: Option<String>,
    /// The body; empty if only the headers were read.
    pub body: Vec<P>,
}

/// What a GET is sent to. Each attempt makes a new request from it.
#[derive(Clone, Copy)]
pub enum GetTarget<'a> {
    /// A URL at the filer, with a fresh token if the user has one.
    Filer {
        /// The URL.
        url: &'a str,
        /// Whether the token can be renewed after a 401.
        may_renew: bool,
    },
    /// A URL that is read in ranges. The request goes to where its last redirect led.
    Url {
        /// The URL itself.
        url: &'a str,
        /// Know where the last redirect led.
        validators: &'a Validators,
        /// The range to request; the whole if absent.
        range: Option<ByteRange>,
    },
}

impl GetTarget<'_> {
    async fn request<H: Host>(self, host: &H, options: &Options) -> Result<Request, Error> {
        match self {
            Self::Filer { url, .. } => {
                let token = filer_token(host, options).await?;
                let url = token.map_or_else(|| url.to_owned(), |token| url::with_token(url, &token));
                Ok(Request { url, range: None })
            }
            Self::Url { url, validators, range } => {
                Ok(Request { url: rare::call(|| validators.at(url)), range })
            }
        }
    }

    /// Whether a request to `at` failed because an earlier redirect led there and is outdated. Then the URL itself is
    /// requested.
    fn drops_redirect(self, at: &str, status: Option<u16>) -> bool {
        matches!(self, Self::Url { url, validators, .. } if rare::call(|| validators.drop_redirect(url, at, status)))
    }

    fn may_renew(self) -> bool {
        matches!(self, Self::Filer { may_renew: true, .. })
    }
}

impl fmt::Debug for GetTarget<'_> {
    /// Without the query, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Filer { url, .. } | Self::Url { url, .. }) = self;
        f.debug_tuple("GetTarget").field(&url::without_query(url)).finish()
    }
}

/// Why a GET failed.
#[derive(Debug)]
pub(crate) enum GetError {
    /// Another attempt may succeed.
    Retry(AttemptError),
    /// No attempt can succeed.
    Final(Error),
}

impl From<AttemptError> for GetError {
    fn from(error: AttemptError) -> Self {
        Self::Retry(error)
    }
}

impl From<FetchError> for GetError {
    fn from(error: FetchError) -> Self {
        Self::Retry(error.into())
    }
}

/// Sends a GET, and repeats it after failures according to the retry policy. After a 401 it is sent once more if the
/// token can be renewed. A refusal for load spends no pass while the server serves others of the pool.
///
/// # Errors
///
/// Those of a stream, by the last attempt. [`Kind::Limit`] if the body is too long.
pub async fn get<H: Host>(
    host: &H,
    options: &Options,
    pool: &Pool,
    expect: Expect,
    target: GetTarget<'_>,
) -> Result<Fetched<H::Piece>, Error> {
    let abilities = Abilities { refresh_token: target.may_renew(), relookup: false };
    let mut retry = RetryState::new(options.retry, 1, abilities);
    loop {
        let request = target.request(host, options).await?;
        let url = request.url.clone();
        let error = match get_once(host, options, expect, request).await {
            Ok(fetched) => return Ok(fetched),
            Err(GetError::Final(error)) => return Err(error.of_chunk(url::without_query(&url))),
            Err(GetError::Retry(error)) => error,
        };
        let is_offline = error.kind == Kind::Network && host.is_offline();
        if is_offline && back_online(host).await || target.drops_redirect(&url, error.status) {
            continue;
        }
        let name = url::host(&url).unwrap_or_default();
        // There is no other replica that could have the file, or send the range.
        let is_final = matches!(error.kind, Kind::NotFound | Kind::Range);
        match failed(&mut retry, 0, name, error, (host, options, pool)) {
            Decision::Try(_, pause) if !is_final => host.sleep(pause).await,
            Decision::RenewToken(_) => {}
            _ => return Err(retry.error(url::without_query(&url))),
        }
    }
}

/// What follows a failed attempt at a server that may have refused it for its load.
pub(crate) fn failed<H: Host>(
    retry: &mut RetryState,
    replica: usize,
    name: &str,
    error: AttemptError,
    (host, options, pool): (&H, &Options, &Pool),
) -> Decision {
    let is_turned_away = error.is_refusal() && pool.may_serve(name, options.retry.max_delay, host.now());
    match is_turned_away {
        true => retry.refused(replica, name, error, host.random()),
        false => retry.failed(replica, name, error, host.random()),
    }
}

/// Sends one GET.
pub(crate) async fn get_once<H: Host>(
    host: &H,
    options: &Options,
    expect: Expect,
    request: Request,
) -> Result<Fetched<H::Piece>, GetError> {
    let is_whole = request.range.is_none_or(|range| range.start == 0 && range.end.is_none());
    let fetched = send(host, options, request, None);
    let Response { status, headers, url, mut body } =
        within(host, options.timeout.headers, "the server sent no response in time", fetched).await??;
    if status != 200 && status != 206 {
        return Err(AttemptError::status(status, headers.retry_after.as_deref(), host.unix_time()).into());
    }
    let mut pieces = Vec::new();
    let max = match expect {
        Expect::Body(max) => max,
        Expect::Unsized(max) if (status == 200 || is_whole) && headers.body_length().is_none() => max,
        Expect::Unsized(_) => return Ok(Fetched { status, headers, url, body: pieces }),
    };
    let too_long = || {
        let message = format!("the response is longer than {max} bytes, which is the limit");
        Err(GetError::Final(Error::new(Kind::Limit, message)))
    };
    if headers.body_length().is_some_and(|length| length > max) {
        return too_long();
    }
    let mut len = 0;
    let mut pace = Pace::new(options.timeout.idle, Traffic::default(), host.now());
    while let Some(piece) = within(host, options.timeout.idle, "the body stalled", body.next()).await? {
        let piece = piece?;
        len += piece.len() as u64;
        if len > max {
            return too_long();
        }
        let now = host.now();
        if pace.on_bytes(piece.len() as u64, now) && pace.judge(Traffic::default(), now) == Speed::Drip {
            let error = AttemptError::new(Kind::Timeout, "the body brings less than 1 KiB a second");
            return Err(error.into());
        }
        pieces.push(piece);
    }
    Ok(Fetched { status, headers, url, body: pieces })
}
