//! The options of the library, from the arguments and the environment.

use std::{fmt::Display, fs, time::Duration};

use base64ct::{Base64, Encoding};
use kelp_stream::{
    http::origins::Origins,
    model::chunk::CipherKey,
    native::{Client, Locate, Options, Token},
    schedule::{
        options::{Holes, Timeout, Verify},
        pool::PoolLimits,
    },
};

use crate::{arguments::Cat, failure::Failure};

/// `secret` returns the value of an environment variable.
pub(crate) fn options(cat: &Cat, secret: impl Fn(&str) -> Option<String>) -> Result<Options, Failure> {
    let mut options = Options::default();
    let read = &mut options.read;
    read.concurrency =
        cat.concurrency.map_or(read.concurrency, |views| usize::try_from(views).unwrap_or(usize::MAX).into());
    read.max_bytes_ahead = cat.max_bytes_ahead.unwrap_or(read.max_bytes_ahead);
    read.throttle = cat.throttle.map(|rate| rate as f64);
    read.retry.passes =
        cat.passes.map_or(read.retry.passes, |passes| u32::try_from(passes).unwrap_or(u32::MAX));
    if let Some(seconds) = cat.timeout {
        let time = Duration::from_secs(seconds);
        read.timeout = Timeout { headers: time, idle: time };
    }
    read.hedge = cat.hedge.as_deref() != Some("off");
    read.holes = if cat.holes.as_deref() == Some("error") { Holes::Error } else { Holes::Zero };
    read.verify = match cat.verify.as_deref() {
        Some("transit") => Verify::Transit,
        Some("strict") => Verify::Strict,
        Some("off") => Verify::Off,
        _ => Verify::Stream,
    };
    options.filer.clone_from(&cat.filer);
    if !cat.masters.is_empty() {
        options.locate = Locate::Masters(cat.masters.clone());
    }
    if !cat.origins.is_empty() {
        let origins = Origins::only(&cat.origins);
        options.read.origins =
            origins.ok_or_else(|| Failure::usage("--origin must be an http or https URL"))?;
    }
    options.token = secret("KELP_TOKEN").map(Token::fixed).unwrap_or_default();
    options.filer_token = secret("KELP_FILER_TOKEN").map(Token::fixed).unwrap_or_default();
    let key = |name: &str, decode: fn(&str) -> Option<Vec<u8>>| {
        let Some(text) = secret(name) else { return Ok(None) };
        let key = decode(text.trim()).and_then(|bytes| CipherKey::new(&bytes));
        key.map(Some).ok_or_else(|| Failure::usage(format!("{name} must be a key of 32 bytes")))
    };
    options.keys.customer = key("KELP_SSE_CUSTOMER_KEY", |text| Base64::decode_vec(text).ok())?;
    options.keys.kek = key("KELP_SSE_KEK", from_hex)?;
    for line in &cat.headers {
        options.header(line).map_err(|_| Failure::usage("--header must be 'Name: value'"))?;
    }
    Ok(options)
}

/// A client that also trusts the certificates in `--ca-file`.
pub(crate) fn client(cat: &Cat) -> Result<Client, Failure> {
    // A file is read once.
    let limits = PoolLimits { max_cache_bytes: 0, ..PoolLimits::default() };
    let mut builder = Client::builder().limits(limits);
    if let Some(path) = &cat.ca_file {
        let wrong = |error: &dyn Display| Failure::usage(format!("{}: {error}", path.display()));
        let pem = fs::read(path).map_err(|error| wrong(&error))?;
        builder = builder.trust(&pem).map_err(|error| wrong(&error))?;
    }
    Ok(builder.build())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.len().is_multiple_of(2).then_some(text)?;
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}
