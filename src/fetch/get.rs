//! Small bodies, whole and with patience: an entry, the probe of a URL.

use std::fmt;

use futures::StreamExt;

use crate::{
    error::{Error, Kind},
    fetch::{
        filer_token::filer_token,
        timeout::{back_online, within},
    },
    host::{Host, Piece, Request, Response},
    http::{
        headers::{ByteRange, Headers},
        url,
    },
    schedule::{
        options::Options,
        retry::{Abilities, AttemptError, Decision, RetryState},
        validators::Validators,
    },
};

/// What is wanted of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The body, of at most so many bytes.
    Body(u64),
    /// The body, of at most so many bytes, of an answer with the whole whose length no header tells;
    /// of any other the headers alone: its body is cancelled.
    Unsized(u64),
}

/// An answer to a GET, whole.
#[derive(Debug)]
pub struct Fetched<P> {
    /// 200 or 206.
    pub status: u16,
    /// What may be seen of its headers.
    pub headers: Headers,
    /// Where a redirect led, if one was followed.
    pub url: Option<String>,
    /// Its body; empty if only the headers were.
    pub body: Vec<P>,
}

/// What is asked for; it becomes a request anew for each attempt.
#[derive(Clone, Copy)]
pub enum GetTarget<'a> {
    /// An answer of the filer's own, with a fresh token where it wants one.
    Filer {
        /// Where to ask.
        url: &'a str,
        /// Whether there is a way to another token.
        may_renew: bool,
    },
    /// A URL that is read in ranges, where its last redirect led.
    Url {
        /// The URL itself.
        url: &'a str,
        /// Where its last redirect led.
        validators: &'a Validators,
        /// The bytes wanted; the whole otherwise.
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
            Self::Url { url, validators, range } => Ok(Request { url: validators.at(url), range }),
        }
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

/// Sends a GET, again after a failure as the policy has it. After a 401 it is sent once more where
/// there is a way to another token.
///
/// # Errors
///
/// As a stream's: by what the attempts came to. [`Kind::Limit`] if the body is too long.
pub async fn retrieve<H: Host>(
    host: &H,
    options: &Options,
    wanted: Expect,
    asked: GetTarget<'_>,
) -> Result<Fetched<H::Piece>, Error> {
    let abilities = Abilities { refresh_token: asked.may_renew(), relookup: false };
    let mut attempts = RetryState::new(options.retry, 1, abilities);
    loop {
        let request = asked.request(host, options).await?;
        let url = request.url.clone();
        let failure = match attempt(host, options, wanted, request).await {
            Ok(Ok(retrieved)) => return Ok(retrieved),
            Ok(Err(limit)) => return Err(limit.of_chunk(url::without_query(&url))),
            Err(failure) => failure,
        };
        if failure.kind == Kind::Network && host.is_offline() && back_online(host).await {
            continue;
        }
        let name = url::host(&url).unwrap_or_default();
        // What is not there, or must not be read, is so for good: there is but one place to ask.
        let final_answer = matches!(failure.kind, Kind::NotFound | Kind::Range);
        match attempts.failed(0, name, failure, host.random()) {
            Decision::Try(_, pause) if !final_answer => host.sleep(pause).await,
            Decision::RenewToken(_) => {}
            _ => return Err(attempts.error(url::without_query(&url))),
        }
    }
}

/// Sends one GET. The inner error: its body is longer than wanted.
pub(crate) async fn attempt<H: Host>(
    host: &H,
    options: &Options,
    wanted: Expect,
    request: Request,
) -> Result<Result<Fetched<H::Piece>, Error>, AttemptError> {
    let whole = request.range.is_none_or(|range| range.start == 0 && range.end.is_none());
    let fetched = host.fetch(request);
    let Response { status, headers, url, mut body } =
        within(host, options.timeout.headers, "no answer in time", fetched).await??;
    if status != 200 && status != 206 {
        return Err(AttemptError::status(status, headers.retry_after.as_deref(), host.unix_time()));
    }
    let mut pieces = Vec::new();
    let most = match wanted {
        Expect::Body(most) => most,
        Expect::Unsized(most) if (status == 200 || whole) && headers.body_length().is_none() => most,
        Expect::Unsized(_) => return Ok(Ok(Fetched { status, headers, url, body: pieces })),
    };
    let mut len = 0;
    while let Some(piece) = within(host, options.timeout.idle, "the body stalled", body.next()).await? {
        let piece = piece?;
        len += piece.len() as u64;
        if len > most {
            return Ok(Err(Error::new(Kind::Limit, format!("it is longer than {most} bytes"))));
        }
        pieces.push(piece);
    }
    Ok(Ok(Fetched { status, headers, url, body: pieces }))
}
