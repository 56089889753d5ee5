//! Networks as values that shrink: what each replica does with each request.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use kelp_stream::{
    host::LocateError,
    http::headers::Headers,
    model::{
        chunk::{Chunk, Source},
        location::Location,
    },
    schedule::options::Verify,
    sim::{Outcome, Script, SimRequest, World},
};
use proptest::prelude::*;

use super::{
    file::{Blob, File},
    support::MS,
};

#[derive(Clone, Debug)]
pub struct Network {
    /// Replicas of each chunk.
    pub replicas: usize,
    /// By a hash of chunk, replica and how often that was asked before.
    pub fates: Vec<Fate>,
    /// From this request on, one replica of each chunk is good, and nobody does what cannot be
    /// made good: the file can be read.
    pub saved: Option<usize>,
    /// Every so many chunks, one has moved, which only a lookup past the caches tells.
    pub moved: Option<usize>,
    /// So many lookups of each chunk fail, or find nothing.
    pub lost_lookups: usize,
    pub tokens: Tokens,
    /// The token of this number cannot be had.
    pub lost_token: Option<usize>,
    /// Start and length in milliseconds.
    pub freeze: (u64, u64),
    pub offline: (u64, u64),
    pub decode_ms: u32,
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    None,
    /// Asked for by origin, when a request leaves.
    ByOrigin,
    /// Come with the replicas.
    WithLocation,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub struct Fate {
    pub act: Act,
    pub latency_ms: u32,
    pub rate: Option<u64>,
    pub piece: usize,
    /// The ETag that is told.
    pub etag: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Good,
    Refused,
    Silent,
    /// And how many seconds it asks to be left alone.
    Status(u16, Option<u8>),
    Cut(usize),
    End(usize),
    Stall(usize),
    Extra(usize),
    Flip(usize),
    NoRanges,
    WrongRange,
    HiddenRange,
}

/// What was asked of the locator and for tokens, and what came back.
#[derive(Debug, Default)]
pub struct Notes {
    /// Calls of the locator for fresh replicas, and all, by file id.
    pub lookups: HashMap<String, (usize, usize)>,
    /// Every token that was given out, with its file id and its origin, if it is for one.
    pub tokens: HashMap<String, (String, Option<String>)>,
    token_requests: usize,
    /// Chunks of which damaged bytes may have left before that could be noticed.
    pub tainted: Vec<usize>,
    /// Seconds that a server asked to be left alone, and statuses, by URL and number of the request.
    pub statuses: HashMap<(String, usize), (u16, Option<u8>)>,
}

#[derive(Clone, Debug, Default)]
pub struct Notebook(Arc<Mutex<Notes>>);

impl Notebook {
    pub fn open(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// What is needed to know of a blob to tell whether damage to it is noticed.
#[derive(Clone, Debug)]
struct About {
    index: usize,
    /// Nothing of it leaves before all of it is here and right.
    is_held: bool,
    /// Its digest is looked at as it comes by: perhaps, and surely.
    has_digest: bool,
    is_digested: bool,
    is_sealed: bool,
    is_gzip: bool,
    is_list: bool,
    is_truncated: bool,
    is_shared: bool,
    is_moved: bool,
}

impl Network {
    /// The chunks of a file as they are reached here.
    pub fn chunks(&self, file: &File) -> Vec<Chunk> {
        let mut chunks = file.chunks.clone();
        for chunk in &mut chunks {
            if let Source::Urls(names) = &chunk.source {
                let name = &names[0];
                chunk.source =
                    Source::Urls((0..self.replicas).map(|r| format!("http://h{r}/{name}")).collect());
            }
        }
        chunks
    }

    /// Stores a file's blobs and lets servers, locator and tokens be as they are here. Readers
    /// read `ranges` and `verify`.
    pub fn build(&self, world: &World, file: &File, ranges: &[Range<u64>], verify: Verify) -> Notebook {
        let notebook = Notebook::default();
        world.seed(self.seed);
        world.decode_time(MS * self.decode_ms);
        let times =
            |(start, len): (u64, u64)| Duration::from_millis(start)..Duration::from_millis(start + len);
        world.freeze(times(self.freeze));
        world.offline(times(self.offline));
        let mut abouts = HashMap::new();
        for (index, blob) in file.blobs.iter().enumerate() {
            let about = self.about(file, blob, index, ranges, verify);
            let host = if about.is_moved { "m" } else { "h" };
            for replica in 0..self.replicas {
                world.store(&format!("http://{host}{replica}/{}", blob.name), blob.bytes.clone());
            }
            abouts.insert(blob.name.clone(), about);
        }
        self.serve(world, abouts.clone(), notebook.clone());
        self.locate(world, abouts, notebook.clone());
        self.give_tokens(world, notebook.clone());
        notebook
    }

    fn about(&self, file: &File, blob: &Blob, index: usize, ranges: &[Range<u64>], verify: Verify) -> About {
        let digest = blob.digest && verify != Verify::Off && !blob.shared;
        let whole = || ranges.iter().all(|range| file.is_seen_whole(index, range));
        About {
            index,
            is_held: blob.is_whole() && !blob.shared || digest && verify == Verify::Strict,
            has_digest: digest,
            is_digested: digest && (blob.is_whole() || verify == Verify::Strict || whole()),
            is_sealed: blob.is_sealed(),
            is_gzip: blob.packing == super::file::Packing::Gzip,
            is_list: blob.is_manifest,
            is_truncated: blob.truncated,
            is_shared: blob.shared,
            is_moved: blob.by_id && self.moved.is_some_and(|every| index.is_multiple_of(every)),
        }
    }

    /// A URL that tells of two versions has changed, and that is final.
    pub fn tell_one_version(&mut self) {
        self.fates.iter_mut().for_each(|fate| fate.etag = None);
    }

    fn serve(&self, world: &World, abouts: HashMap<String, About>, notebook: Notebook) {
        let network = self.clone();
        world.script(move |asked| {
            assert!(asked.nth < 1000, "there is no end to it");
            let (fate, act) = network.fate(asked, &abouts, &notebook);
            let etag = fate.etag.filter(|_| act != Act::Good).map(|etag| format!("\"{etag}\""));
            let mut headers = Headers { etag, ..Headers::default() };
            let script = Script::default().latency(MS * fate.latency_ms).piece(fate.piece);
            let script = fate.rate.into_iter().fold(script, Script::rate);
            match act {
                Act::Good => script,
                Act::Refused => script.outcome(Outcome::Refused),
                Act::Silent => script.outcome(Outcome::Silent),
                Act::Status(status, retry_after) => {
                    headers.retry_after = retry_after.map(|seconds| seconds.to_string());
                    script.headers(headers).outcome(Outcome::Status(status))
                }
                Act::Cut(n) => script.headers(headers).outcome(Outcome::Cut(n)),
                Act::End(n) => script.headers(headers).outcome(Outcome::End(n)),
                Act::Stall(n) => script.headers(headers).outcome(Outcome::Stall(n)),
                Act::Extra(n) => script.outcome(Outcome::Extra(n)),
                Act::Flip(n) => script.outcome(Outcome::Flip(n)),
                Act::NoRanges => script.no_ranges(),
                Act::WrongRange => {
                    headers.content_range = Some("bytes 999999-1000000/*".into());
                    // These are other bytes, and the header says so. Of the whole it says nothing.
                    let other =
                        asked.range.map_or(Outcome::Good, |range| Outcome::Flip(range.start as usize));
                    script.headers(headers).outcome(other)
                }
                Act::HiddenRange => script.headers(headers),
            }
        });
    }

    fn fate(&self, asked: &SimRequest, abouts: &HashMap<String, About>, notebook: &Notebook) -> (Fate, Act) {
        let (host, name) = asked.url.trim_start_matches("http://").split_once('/').expect("it has a path");
        let about = &abouts[name];
        let replica: usize = host[1..].parse().expect("hosts are numbered");
        let hash = (about.index * 7 + replica * 3 + asked.nth * 5) % self.fates.len();
        let fate = self.fates[hash].clone();
        let is_old = about.is_moved && host.starts_with('h');
        let act = match self.saved {
            None => fate.act.noticed(about),
            Some(from) => {
                // Where a chunk was, everybody has to say that it is gone.
                let saves = is_old || about.index % self.replicas == replica;
                if saves && asked.nth >= from {
                    Act::Good
                } else {
                    let kept = saves || about.is_moved;
                    fate.act.noticed(about).survived(about, kept)
                }
            }
        };
        let mut notes = notebook.open();
        if matches!(act, Act::Flip(_) | Act::Extra(_) | Act::End(_)) && !about.is_held {
            notes.tainted.push(about.index);
        }
        if let Act::Status(status, wait) = act {
            notes.statuses.insert((asked.url.clone(), asked.nth), (status, wait));
        }
        (fate, act)
    }

    fn locate(&self, world: &World, abouts: HashMap<String, About>, notebook: Notebook) {
        let network = self.clone();
        world.locator(move |id, refresh| {
            let mut notes = notebook.open();
            let (fresh, all) = notes.lookups.entry(id.to_owned()).or_default();
            *fresh += usize::from(refresh);
            *all += 1;
            let nth = *all;
            if nth <= network.lost_lookups {
                return if nth % 2 == 0 { Ok(Location::default()) } else { Err(LocateError { cause: None }) };
            }
            let host = if abouts[id].is_moved && refresh { "m" } else { "h" };
            let mut urls: Vec<_> =
                (0..network.replicas).map(|replica| format!("http://{host}{replica}/{id}")).collect();
            // Lookups shuffle.
            urls.rotate_left(nth % network.replicas);
            let token = (network.tokens == Tokens::WithLocation).then(|| notes.token(id, None));
            Ok(Location { urls, token })
        });
    }

    fn give_tokens(&self, world: &World, notebook: Notebook) {
        let (tokens, lost) = (self.tokens, self.lost_token);
        world.tokens(move |id, origin| {
            let mut notes = notebook.open();
            notes.token_requests += 1;
            match tokens {
                Tokens::ByOrigin if lost == Some(notes.token_requests) => Err(LocateError { cause: None }),
                Tokens::ByOrigin => Ok(Some(notes.token(id, Some(origin.to_owned())))),
                Tokens::None | Tokens::WithLocation => Ok(None),
            }
        });
    }

    /// Nothing goes wrong here.
    pub fn is_calm(&self) -> bool {
        self.fates.iter().all(|fate| fate.act == Act::Good) && self.moved.is_none() && self.offline.1 == 0
    }
}

impl Notes {
    fn token(&mut self, id: &str, origin: Option<String>) -> String {
        let token = format!("t{}", self.tokens.len());
        self.tokens.insert(token.clone(), (id.to_owned(), origin));
        token
    }
}

impl Act {
    /// What nobody could notice is not done: bytes that nothing vouches for.
    fn noticed(self, about: &About) -> Self {
        match self {
            Self::Flip(_) if about.is_shared => Self::Good,
            // Damaged where its kind is told, gzip passes for something that was unpacked before.
            Self::Flip(n) if about.is_gzip && (n > 2 || about.is_digested) => self,
            Self::Flip(_) if about.is_digested || about.is_sealed => self,
            Self::Flip(_) => Self::Good,
            Self::Extra(_) if about.is_shared => Self::Good,
            // So does the beginning of it, and a list that ends early is a shorter list.
            Self::End(n) if about.is_shared || about.is_gzip && n < 2 => Self::Cut(n),
            Self::End(n) if about.is_list && !about.is_sealed && !about.is_digested => Self::Cut(n),
            act => act,
        }
    }

    /// What nobody could make good is not done either: damage to bytes that have left.
    fn survived(self, about: &About, saves: bool) -> Self {
        let flows = !about.is_held;
        match self {
            Self::Flip(_) | Self::Extra(_) if flows => Self::Good,
            // A digest covers what a truncation left: without it, it does not fit.
            Self::End(n) if flows && about.is_truncated && about.has_digest => Self::Cut(n),
            // Of bytes that were there it says that another version is there now.
            Self::Status(416, _) => Self::Refused,
            Self::Status(401 | 403, wait) if saves => Self::Status(503, wait),
            act => act,
        }
    }
}

pub fn network() -> impl Strategy<Value = Network> {
    let window = || prop_oneof![4 => Just((0, 0)), 1 => (0..3000_u64, 1..20_000_u64)];
    let tokens = prop_oneof![Just(Tokens::None), Just(Tokens::ByOrigin), Just(Tokens::WithLocation)];
    let saved = prop::option::weighted(0.7, 0..MOST_PASSES);
    let calm = prop::collection::vec(fate(Just(Act::Good)), 1..3);
    let fates = prop_oneof![1 => calm, 4 => prop::collection::vec(fate(act()), 1..24)];
    let lost = (0..MOST_PASSES, prop::option::weighted(0.05, 1..8_usize));
    let odd = prop::option::weighted(0.2, 1..4_usize);
    (1..4_usize, fates, saved, odd, lost, tokens, window(), window(), (0..3_u32, any::<u64>())).prop_map(
        move |(replicas, fates, saved, moved, lost, tokens, freeze, offline, (decode_ms, seed))| Network {
            replicas,
            fates,
            saved,
            moved,
            lost_lookups: if lost.0 % 3 == 1 { lost.0 } else { 0 },
            tokens,
            lost_token: lost.1.filter(|_| saved.is_none()),
            freeze,
            offline,
            decode_ms,
            seed,
        },
    )
}

/// The most passes that courses have.
pub const MOST_PASSES: usize = 3;

fn fate(act: impl Strategy<Value = Act>) -> impl Strategy<Value = Fate> {
    let rate = prop_oneof![2 => Just(None), 1 => (1000..5000_u64).prop_map(Some), 1 => (5000..1_000_000_u64).prop_map(Some)];
    let etag = prop::option::weighted(0.3, 1..3_u8);
    let piece = prop_oneof![1 => 1..20_usize, 2 => 1..300_usize];
    (act, 0..400_u32, rate, piece, etag).prop_map(|(act, latency_ms, rate, piece, etag)| Fate {
        act,
        latency_ms,
        rate,
        piece,
        etag,
    })
}

fn act() -> impl Strategy<Value = Act> {
    let status = prop::sample::select(vec![401, 403, 404, 410, 416, 429, 500, 503, 503]);
    let bytes = || 0..450_usize;
    prop_oneof![
        6 => Just(Act::Good),
        1 => Just(Act::Refused),
        1 => Just(Act::Silent),
        3 => (status, prop::option::weighted(0.4, 0..9_u8)).prop_map(|(s, wait)| Act::Status(s, wait)),
        2 => bytes().prop_map(Act::Cut),
        1 => bytes().prop_map(Act::End),
        1 => bytes().prop_map(Act::Stall),
        1 => (1..50_usize).prop_map(Act::Extra),
        2 => bytes().prop_map(Act::Flip),
        1 => Just(Act::NoRanges),
        1 => Just(Act::WrongRange),
        1 => Just(Act::HiddenRange),
    ]
}
