//! Parses the command line.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Parser, ValueExt};

use crate::failure::Failure;

pub(crate) enum Command {
    Cat(Source, Box<Cat>),
    Help,
    Version,
}

/// What to read.
#[derive(Debug, PartialEq)]
pub(crate) enum Source {
    Filer(String),
    Url(String),
    Manifest(PathBuf),
}

/// The range to read, before the size is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum RangeArgument {
    #[default]
    All,
    From(u64),
    /// Both included.
    Between(u64, u64),
    Last(u64),
}

/// The options of `kelp cat`.
#[derive(Debug, Default)]
pub(crate) struct Cat {
    pub(crate) range: RangeArgument,
    pub(crate) output: Option<PathBuf>,
    pub(crate) filer: Option<String>,
    /// The masters that are asked for the chunks.
    pub(crate) masters: Vec<String>,
    pub(crate) concurrency: Option<u64>,
    pub(crate) max_bytes_ahead: Option<u64>,
    pub(crate) throttle: Option<u64>,
    pub(crate) passes: Option<u64>,
    pub(crate) timeout: Option<u64>,
    pub(crate) hedge: Option<String>,
    /// The only origins that requests go to; empty for all.
    pub(crate) origins: Vec<String>,
    pub(crate) verify: Option<String>,
    pub(crate) holes: Option<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

pub(crate) fn parse(mut parser: Parser) -> Result<Command, Failure> {
    match parser.next()? {
        Some(Arg::Value(command)) if command == "cat" => cat(parser),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Help),
        Some(Arg::Short('V') | Arg::Long("version")) => Ok(Command::Version),
        Some(Arg::Value(_)) | None => Err(Failure::usage("the command must be `cat`")),
        Some(other) => Err(other.unexpected().into()),
    }
}

fn cat(mut parser: Parser) -> Result<Command, Failure> {
    let mut source = None;
    let mut cat = Cat::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Value(url) => set(&mut source, Source::Filer(url.string()?))?,
            Arg::Long("url") => set(&mut source, Source::Url(text(&mut parser)?))?,
            Arg::Long("manifest") => set(&mut source, Source::Manifest(parser.value()?.into()))?,
            Arg::Short('o') | Arg::Long("output") => {
                let path: OsString = parser.value()?;
                cat.output = (path != "-").then(|| path.into());
            }
            Arg::Short('r') | Arg::Long("range") => cat.range = range(&text(&mut parser)?)?,
            Arg::Long("filer") => cat.filer = Some(text(&mut parser)?),
            Arg::Long("locate") => cat.masters.extend(locate(&text(&mut parser)?)?),
            Arg::Long("concurrency") => cat.concurrency = number("concurrency", &mut parser)?,
            Arg::Long("max-bytes-ahead") => cat.max_bytes_ahead = number("max-bytes-ahead", &mut parser)?,
            Arg::Long("throttle") => cat.throttle = number("throttle", &mut parser)?,
            Arg::Long("passes") => cat.passes = number("passes", &mut parser)?,
            Arg::Long("timeout") => cat.timeout = number("timeout", &mut parser)?,
            Arg::Long("origin") => cat.origins.push(text(&mut parser)?),
            Arg::Long("hedge") => cat.hedge = word("hedge", &mut parser, &["on", "off"])?,
            Arg::Long("verify") => {
                cat.verify = word("verify", &mut parser, &["stream", "transit", "strict", "off"])?
            }
            Arg::Long("holes") => cat.holes = word("holes", &mut parser, &["zero", "error"])?,
            Arg::Short('H') | Arg::Long("header") => cat.headers.push(text(&mut parser)?),
            Arg::Long("ca-file") => cat.ca_file = Some(parser.value()?.into()),
            Arg::Long("json") => cat.json = true,
            Arg::Short('q') | Arg::Long("quiet") => cat.quiet = true,
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    let source = source.ok_or_else(|| Failure::usage("no URL was given"))?;
    Ok(Command::Cat(source, Box::new(cat)))
}

fn set(source: &mut Option<Source>, to: Source) -> Result<(), Failure> {
    match source.replace(to) {
        None => Ok(()),
        Some(_) => Err(Failure::usage("only one file can be read at a time")),
    }
}

fn locate(text: &str) -> Result<Option<String>, Failure> {
    match text.strip_prefix("master=") {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => Ok(Some(url.to_owned())),
        None if text == "proxy" => Ok(None),
        _ => Err(Failure::usage("--locate must be proxy or master=URL")),
    }
}

/// `A-B`, `A-` or `-N`, as in the header `Range`.
fn range(text: &str) -> Result<RangeArgument, Failure> {
    let wrong = || Failure::usage("--range must be A-B, A- or -N");
    let (start, last) = text.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    match (start, last) {
        ("", last) => Ok(RangeArgument::Last(number(last)?)),
        (start, "") => Ok(RangeArgument::From(number(start)?)),
        (start, last) => match (number(start)?, number(last)?) {
            (start, last) if start <= last => Ok(RangeArgument::Between(start, last)),
            _ => Err(wrong()),
        },
    }
}

/// A number of at least 1, with an optional unit K, M or G.
fn count(name: &str, text: &str) -> Result<u64, Failure> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, unit)) if unit.is_ascii_alphabetic() => {
            (text.get(..at).unwrap_or_default(), unit.to_ascii_uppercase())
        }
        _ => (text, ' '),
    };
    let shift = match unit {
        ' ' => Some(0),
        'K' => Some(10),
        'M' => Some(20),
        'G' => Some(30),
        _ => None,
    };
    let number =
        digits.parse::<u64>().ok().zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift));
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| Failure::usage(format!("--{name} must be a number of at least 1")))
}

/// The value of an option.
fn text(parser: &mut Parser) -> Result<String, Failure> {
    Ok(parser.value()?.string()?)
}

fn number(name: &str, parser: &mut Parser) -> Result<Option<u64>, Failure> {
    count(name, &text(parser)?).map(Some)
}

fn word(name: &str, parser: &mut Parser, words: &[&str]) -> Result<Option<String>, Failure> {
    let text = text(parser)?;
    if words.contains(&text.as_str()) {
        return Ok(Some(text));
    }
    Err(Failure::usage(format!("--{name} must be one of {}", words.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        assert_eq!(range("0-9").unwrap(), RangeArgument::Between(0, 9));
        assert_eq!(range("7-").unwrap(), RangeArgument::From(7));
        assert_eq!(range("-5").unwrap(), RangeArgument::Last(5));
        for wrong in ["", "-", "9-8", "a-b", "1", "1-2-3", "+1-2x"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_have_units_and_zero_is_none() {
        assert_eq!(count("n", "32M").unwrap(), 32 << 20);
        assert_eq!(count("n", "7").unwrap(), 7);
        for wrong in ["", "0", "M", "1T", "-1", "99999999999G", "1 M"] {
            assert!(count("n", wrong).is_err(), "{wrong}");
        }
    }
}
