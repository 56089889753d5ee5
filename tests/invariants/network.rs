//! Networks: what each replica does with each request.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use kelp_stream::{
    host::LocateError,
    http::headers::{ByteRange, Headers},
    model::{
        chunk::{Chunk, Source},
        location::Location,
    },
    schedule::options::Verify,
    sim::{CodecTimes, Outcome, Script, SimRequest, World},
};
use proptest::prelude::*;

use super::{
    file::{Blob, File, Packing},
    support::{self, MS},
};

#[derive(Clone, Debug)]
pub struct Network {
    /// The number of replicas of each chunk.
    pub replicas: usize,
    /// What happens to requests, chosen by a hash of the chunk, the replica and the number of requests
    /// before.
    pub treatments: Vec<Treatment>,
    /// From this request on, one replica of each chunk works, and no server does what cannot be repaired, so
    /// the file can be read.
    pub saved: Option<usize>,
    /// One chunk in this many has moved, which only a fresh lookup reveals.
    pub moved: Option<usize>,
    /// This many lookups of each chunk fail or find nothing.
    pub lost_lookups: usize,
    pub tokens: Tokens,
    /// The request for the token of this number fails.
    pub lost_token: Option<usize>,
    /// Start and length in milliseconds.
    pub freeze: (u64, u64),
    pub offline: (u64, u64),
    pub codec: Codec,
    /// Each server serves this many requests at a time, and answers the others with this status.
    pub cap: Option<(usize, u16, Option<u8>)>,
    /// Volume servers send the CRC-32C of what is stored as ETag, and it is visible.
    pub shows_crc: bool,
    pub seed: u64,
}

/// The decoder: how long it takes, and when it dies.
#[derive(Clone, Debug)]
pub struct Codec {
    pub load_ms: u32,
    pub job_ms: u32,
    pub byte_us: u32,
    /// The jobs that it does not finish, by number.
    pub dies_in: Vec<usize>,
    /// It dies in digests too. Bytes under a lost digest may have been delivered, so this cannot always be repaired.
    pub loses_digests: bool,
    /// It computes the value of a digest only when a reader waits for one.
    pub is_lazy: bool,
}

/// A view survives this many deaths of the decoder.
const SURVIVED: usize = 3;

impl Codec {
    fn build(&self, world: &World) {
        let byte = MS / 1000 * self.byte_us;
        world.codec_times(CodecTimes { load: MS * self.load_ms, job: MS * self.job_ms, byte });
        if self.is_lazy {
            world.codec_is_lazy();
        }
        let Self { dies_in, loses_digests, .. } = self.clone();
        world.codec_stops(move |job| (job.decodes || loses_digests) && dies_in.contains(&job.nth));
    }

    /// The longest time of a job.
    pub fn longest(&self) -> Duration {
        MS * self.job_ms + MS * self.byte_us * 10
    }

    /// Makes every death repairable.
    fn make_repairable(&mut self, verify: Verify) {
        self.dies_in.truncate(SURVIVED);
        // Nothing is delivered before it is verified.
        self.loses_digests &= verify == Verify::Strict;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    None,
    /// Requested by origin, when a request is sent.
    ByOrigin,
    /// Part of the location.
    WithLocation,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub struct Treatment {
    pub fault: Fault,
    pub latency_ms: u32,
    pub rate: Option<u64>,
    pub piece: usize,
    /// The ETag of the response.
    pub etag: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Good,
    Refused,
    Silent,
    /// A status, and the seconds of `Retry-After`.
    Status(u16, Option<u8>),
    Cut(usize),
    End(usize),
    Stall(usize),
    Extra(usize),
    /// Bytes per second.
    Drip(u64),
    Flip(usize),
    NoRanges,
    WrongRange,
    HiddenRange,
    /// `Content-Length` says that many bytes more, or less.
    Claims(i8),
    /// The range comes under the status 200.
    PartAsWhole,
}

/// A record of the calls for locations and tokens.
#[derive(Debug, Default)]
pub struct Record {
    /// Lookups by file id: those for fresh locations, and all.
    pub lookups: HashMap<String, (usize, usize)>,
    /// Every issued token, with its file id and its origin, if it is for one origin.
    pub tokens: HashMap<String, (String, Option<String>)>,
    token_requests: usize,
    /// Chunks whose damaged bytes may have been delivered before the damage could be detected.
    pub tainted: Vec<usize>,
    /// Statuses and the seconds of `Retry-After`, by URL and number of the request.
    pub statuses: HashMap<(String, usize), (u16, Option<u8>)>,
    /// Requests that a server refused for its load, by the name of the blob.
    pub refusals: HashMap<String, usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Record>>);

impl Recorder {
    pub fn open(&self) -> MutexGuard<'_, Record> {
        self.0.lock().expect("no test panics while it holds the lock")
    }
}

/// The properties of a blob that decide whether damage to it is detected.
#[derive(Clone, Debug)]
struct BlobInfo {
    index: usize,
    /// No byte of it is delivered before all bytes are received and verified.
    is_held: bool,
    /// Its digest may be verified.
    has_digest: bool,
    /// Its digest is verified.
    is_digested: bool,
    is_sealed: bool,
    is_gzip: bool,
    is_manifest: bool,
    is_truncated: bool,
    is_by_server: bool,
    is_shared: bool,
    is_moved: bool,
    /// The ETag of its volume servers.
    crc: Option<String>,
    bytes: Bytes,
}

impl Network {
    /// The chunks of a file with the URLs of this network.
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

    /// Stores the blobs of a file, and sets up servers, locator and tokens. Readers read `ranges` with
    /// `verify`.
    pub fn build(&self, world: &World, file: &File, ranges: &[Range<u64>], verify: Verify) -> Recorder {
        let recorder = Recorder::default();
        world.seed(self.seed);
        self.codec(verify).build(world);
        let times =
            |(start, len): (u64, u64)| Duration::from_millis(start)..Duration::from_millis(start + len);
        world.freeze(times(self.freeze));
        world.offline(times(self.offline));
        let mut infos = HashMap::new();
        for (index, blob) in file.blobs.iter().enumerate() {
            let info = self.info(file, blob, index, ranges, verify);
            let host = if info.is_moved { "m" } else { "h" };
            for replica in 0..self.replicas {
                world.store(&format!("http://{host}{replica}/{}", blob.name), blob.bytes.clone());
            }
            infos.insert(blob.name.clone(), info);
        }
        self.serve(world, infos.clone(), recorder.clone());
        self.locate(world, infos, recorder.clone());
        self.issue_tokens(world, recorder.clone());
        recorder
    }

    fn info(
        &self,
        file: &File,
        blob: &Blob,
        index: usize,
        ranges: &[Range<u64>],
        verify: Verify,
    ) -> BlobInfo {
        let digest = blob.digest && verify != Verify::Off && !blob.shared;
        let whole = || ranges.iter().all(|range| file.is_seen_whole(index, range));
        BlobInfo {
            index,
            is_held: blob.is_whole() && !blob.shared || digest && verify == Verify::Strict,
            has_digest: digest,
            is_digested: digest && (blob.is_whole() || verify == Verify::Strict || whole()),
            is_sealed: blob.is_sealed(),
            is_gzip: blob.packing == Packing::Gzip,
            is_manifest: blob.is_manifest,
            is_truncated: blob.truncated,
            is_by_server: blob.packing == Packing::ByServer,
            is_shared: blob.shared,
            is_moved: blob.by_id && self.moved.is_some_and(|every| index.is_multiple_of(every)),
            // The platform has undone the compression of a server, and the ETag is of the compressed form.
            crc: (self.shows_crc && blob.by_id && blob.packing != Packing::ByServer)
                .then(|| format!("\"{:08x}\"", support::crc32c(&blob.bytes))),
            bytes: blob.bytes.clone().into(),
        }
    }

    /// Removes the cap if there are faults: a host whose only request fails has served none, so that a refusal meanwhile
    /// spends a pass, and the passes may not suffice for both.
    pub fn keep_passes(&mut self) {
        if self.treatments.iter().any(|treatment| treatment.fault != Fault::Good) {
            self.cap = None;
        }
    }

    /// Removes ETags: a URL with two ETags has changed, and that is a final error.
    pub fn send_no_etags(&mut self) {
        self.treatments.iter_mut().for_each(|treatment| treatment.etag = None);
    }

    /// The decoder of readers with `verify`.
    fn codec(&self, verify: Verify) -> Codec {
        let mut codec = self.codec.clone();
        if self.saved.is_some() {
            codec.make_repairable(verify);
        }
        codec
    }

    fn serve(&self, world: &World, infos: HashMap<String, BlobInfo>, recorder: Recorder) {
        let network = self.clone();
        world.script(move |asked| {
            assert!(asked.nth < 1000, "requests do not end");
            let (treatment, fault) = network.treatment(asked, &infos, &recorder);
            let etag = treatment.etag.filter(|_| fault != Fault::Good).map(|etag| format!("\"{etag}\""));
            let mut headers = Headers { etag, ..Headers::default() };
            let script = Script::default().latency(MS * treatment.latency_ms).piece(treatment.piece);
            let script = treatment.rate.into_iter().fold(script, Script::rate);
            let script = network.crc(asked, &infos).into_iter().fold(script, Script::etag);
            match fault {
                Fault::Good => script,
                Fault::Refused => script.outcome(Outcome::Refused),
                Fault::Silent => script.outcome(Outcome::Silent),
                Fault::Status(status, retry_after) => {
                    headers.retry_after = retry_after.map(|seconds| seconds.to_string());
                    script.headers(headers).outcome(Outcome::Status(status))
                }
                Fault::Cut(n) => script.headers(headers).outcome(Outcome::Cut(n)),
                Fault::End(n) => script.headers(headers).outcome(Outcome::End(n)),
                Fault::Stall(n) => script.headers(headers).outcome(Outcome::Stall(n)),
                Fault::Extra(n) => script.outcome(Outcome::Extra(n)),
                Fault::Drip(rate) => script.piece(1).rate(rate),
                Fault::Flip(n) => script.outcome(Outcome::Flip(n)),
                Fault::NoRanges => script.no_ranges(),
                Fault::WrongRange => {
                    headers.content_range = Some("bytes 999999-1000000/*".into());
                    // The body has other bytes, and the header says so. A response with the whole object has
                    // no such header.
                    let other =
                        asked.range.map_or(Outcome::Good, |range| Outcome::Flip(range.start as usize));
                    script.headers(headers).outcome(other)
                }
                Fault::HiddenRange => script.headers(headers),
                Fault::Claims(more) => script.claims(more.into()),
                Fault::PartAsWhole => {
                    match asked.range.and_then(|range| part(&infos[name_of(&asked.url)], range)) {
                        None => script,
                        Some(part) => {
                            headers.content_length = Some(part.len() as u64);
                            script.headers(headers).outcome(Outcome::Body(part))
                        }
                    }
                }
            }
        });
    }

    /// The ETag of a volume server. It stays the same if the server's disk is damaged.
    fn crc(&self, asked: &SimRequest, infos: &HashMap<String, BlobInfo>) -> Option<String> {
        infos[name_of(&asked.url)].crc.clone()
    }

    fn treatment(
        &self,
        asked: &SimRequest,
        infos: &HashMap<String, BlobInfo>,
        recorder: &Recorder,
    ) -> (Treatment, Fault) {
        let (host, name) = asked.url.trim_start_matches("http://").split_once('/').expect("it has a path");
        let info = &infos[name];
        let replica: usize = host[1..].parse().expect("hosts are numbered");
        let hash = (info.index * 7 + replica * 3 + asked.nth * 5) % self.treatments.len();
        let treatment = self.treatments[hash].clone();
        let is_old = info.is_moved && host.starts_with('h');
        if let Some((_, status, wait)) = self.cap.filter(|(above, ..)| asked.open > *above) {
            let mut record = recorder.open();
            record.refuse(asked, name, status, wait);
            return (treatment, Fault::Status(status, wait));
        }
        let fault = match self.saved {
            None => treatment.fault.make_detectable(info),
            Some(from) => {
                // All replicas at the old location must respond that the chunk is gone.
                let works = is_old || info.index % self.replicas == replica;
                if works && asked.nth >= from {
                    Fault::Good
                } else {
                    let is_kept = works || info.is_moved;
                    treatment.fault.make_detectable(info).make_repairable(info, is_kept)
                }
            }
        };
        let mut record = recorder.open();
        if matches!(fault, Fault::Flip(_) | Fault::Extra(_) | Fault::End(_)) && !info.is_held {
            record.tainted.push(info.index);
        }
        if let Fault::Status(status, wait) = fault {
            record.refuse(asked, name, status, wait);
        }
        (treatment, fault)
    }

    fn locate(&self, world: &World, infos: HashMap<String, BlobInfo>, recorder: Recorder) {
        let network = self.clone();
        world.locator(move |id, refresh| {
            let mut record = recorder.open();
            let (fresh, all) = record.lookups.entry(id.to_owned()).or_default();
            *fresh += usize::from(refresh);
            *all += 1;
            let nth = *all;
            if nth <= network.lost_lookups {
                return if nth % 2 == 0 { Ok(Location::default()) } else { Err(LocateError { cause: None }) };
            }
            let host = if infos[id].is_moved && refresh { "m" } else { "h" };
            let mut urls: Vec<_> =
                (0..network.replicas).map(|replica| format!("http://{host}{replica}/{id}")).collect();
            // Lookups return replicas in varying order.
            urls.rotate_left(nth % network.replicas);
            let token = (network.tokens == Tokens::WithLocation).then(|| record.token(id, None));
            Ok(Location { urls, token })
        });
    }

    fn issue_tokens(&self, world: &World, recorder: Recorder) {
        let (tokens, lost) = (self.tokens, self.lost_token);
        world.tokens(move |id, origin| {
            let mut record = recorder.open();
            record.token_requests += 1;
            match tokens {
                Tokens::ByOrigin if lost == Some(record.token_requests) => Err(LocateError { cause: None }),
                Tokens::ByOrigin => Ok(Some(record.token(id, Some(origin.to_owned())))),
                Tokens::None | Tokens::WithLocation => Ok(None),
            }
        });
    }

    /// Whether no fault occurs.
    pub fn is_calm(&self) -> bool {
        self.treatments.iter().all(|treatment| treatment.fault == Fault::Good)
            && self.moved.is_none()
            && self.cap.is_none()
            && self.offline.1 == 0
    }
}

impl Record {
    fn refuse(&mut self, asked: &SimRequest, name: &str, status: u16, wait: Option<u8>) {
        self.statuses.insert((asked.url.clone(), asked.nth), (status, wait));
        // Such a refusal spends no pass while the host serves others.
        if matches!((status, wait), (429 | 503, _) | (403, Some(_))) {
            *self.refusals.entry(name.to_owned()).or_default() += 1;
        }
    }

    fn token(&mut self, id: &str, origin: Option<String>) -> String {
        let token = format!("t{}", self.tokens.len());
        self.tokens.insert(token.clone(), (id.to_owned(), origin));
        token
    }
}

impl Fault {
    /// Replaces faults that cannot be detected: wrong bytes that no checksum covers.
    fn make_detectable(self, info: &BlobInfo) -> Self {
        match self {
            // The rest of such a blob is as long as the chunk that a truncation left.
            Self::PartAsWhole if info.is_truncated => Self::Good,
            Self::Flip(_) if info.is_shared => Self::Good,
            // Gzip with a damaged magic number counts as content that was decompressed before.
            Self::Flip(n) if info.is_gzip && (n > 2 || info.is_digested) => self,
            Self::Flip(_) if info.is_digested || info.is_sealed => self,
            Self::Flip(_) => Self::Good,
            // So does a prefix of it, and a manifest that ends early is a shorter manifest.
            Self::End(n) if info.is_shared || info.is_gzip && n < 2 => Self::Cut(n),
            Self::End(n) if info.is_manifest && !info.is_sealed && !info.is_digested => Self::Cut(n),
            fault => fault,
        }
    }

    /// Replaces faults that cannot be repaired: damage to bytes that have been delivered.
    fn make_repairable(self, info: &BlobInfo, is_kept: bool) -> Self {
        let flows = !info.is_held;
        match self {
            Self::Flip(_) if flows => Self::Good,
            // With these bytes the digest of a body matches nowhere.
            Self::Extra(_) if flows && info.has_digest && (info.is_truncated || info.is_by_server) => {
                Self::Good
            }
            // The digest covers the bytes behind a truncation, so it does not match without them.
            Self::End(n) if flows && info.is_truncated && info.has_digest => Self::Cut(n),
            // For bytes that were received before it means that the version has changed.
            Self::Status(416, _) => Self::Refused,
            Self::Status(401 | 403, wait) if is_kept => Self::Status(503, wait),
            fault => fault,
        }
    }
}

/// The name of the blob at a URL.
fn name_of(url: &str) -> &str {
    url.rsplit_once('/').map_or("", |(_, name)| name)
}

/// The bytes of a range.
fn part(info: &BlobInfo, range: ByteRange) -> Option<Bytes> {
    let size = info.bytes.len() as u64;
    let end = range.end.unwrap_or(size).min(size);
    (range.start < end).then(|| info.bytes.slice(range.start as usize..end as usize))
}

pub fn network() -> impl Strategy<Value = Network> {
    let window = || prop_oneof![4 => Just((0, 0)), 1 => (0..3000_u64, 1..20_000_u64)];
    let tokens = prop_oneof![Just(Tokens::None), Just(Tokens::ByOrigin), Just(Tokens::WithLocation)];
    let saved = prop::option::weighted(0.7, 0..MAX_PASSES);
    let calm = prop::collection::vec(treatment(Just(Fault::Good)), 1..3);
    let treatments = prop_oneof![1 => calm, 4 => prop::collection::vec(treatment(fault()), 1..24)];
    let lost = (0..MAX_PASSES, prop::option::weighted(0.05, 1..8_usize));
    let odd = prop::option::weighted(0.2, 1..4_usize);
    (
        1..4_usize,
        treatments,
        saved,
        odd,
        lost,
        tokens,
        window(),
        window(),
        (codec(), cap(), any::<bool>(), any::<u64>()),
    )
        .prop_map(
            move |(
                replicas,
                treatments,
                saved,
                moved,
                lost,
                tokens,
                freeze,
                offline,
                (codec, cap, shows_crc, seed),
            )| Network {
                replicas,
                treatments,
                saved,
                moved,
                lost_lookups: if lost.0 % 3 == 1 { lost.0 } else { 0 },
                tokens,
                lost_token: lost.1.filter(|_| saved.is_none()),
                freeze,
                offline,
                codec,
                cap,
                shows_crc,
                seed,
            },
        )
}

fn cap() -> impl Strategy<Value = Option<(usize, u16, Option<u8>)>> {
    let status = prop::sample::select(vec![429, 503]);
    prop::option::weighted(0.2, (1..4_usize, status, prop::option::weighted(0.4, 0..4_u8)))
}

fn codec() -> impl Strategy<Value = Codec> {
    let load_ms = prop_oneof![3 => Just(0), 1 => 1..3000_u32];
    let byte_us = prop_oneof![1 => Just(0), 2 => 1..200_u32];
    let dies_in = prop_oneof![1 => Just(vec![]), 1 => prop::collection::vec(0..12_usize, 1..8)];
    (load_ms, 0..3_u32, byte_us, dies_in, any::<bool>(), any::<bool>()).prop_map(
        |(load_ms, job_ms, byte_us, dies_in, loses_digests, is_lazy)| Codec {
            load_ms,
            job_ms,
            byte_us,
            dies_in,
            loses_digests,
            is_lazy,
        },
    )
}

/// The most passes of retries.
pub const MAX_PASSES: usize = 3;

fn treatment(fault: impl Strategy<Value = Fault>) -> impl Strategy<Value = Treatment> {
    let rate = prop_oneof![2 => Just(None), 1 => (1100..5000_u64).prop_map(Some), 1 => (5000..1_000_000_u64).prop_map(Some)];
    let etag = prop::option::weighted(0.3, 1..3_u8);
    let piece = prop_oneof![1 => 1..20_usize, 2 => 1..300_usize];
    (fault, 0..400_u32, rate, piece, etag).prop_map(|(fault, latency_ms, rate, piece, etag)| Treatment {
        fault,
        latency_ms,
        rate,
        piece,
        etag,
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    let status = prop::sample::select(vec![401, 403, 404, 410, 416, 429, 500, 503, 503]);
    let bytes = || 0..450_usize;
    prop_oneof![
        6 => Just(Fault::Good),
        1 => Just(Fault::Refused),
        1 => Just(Fault::Silent),
        3 => (status, prop::option::weighted(0.4, 0..9_u8)).prop_map(|(s, wait)| Fault::Status(s, wait)),
        2 => bytes().prop_map(Fault::Cut),
        1 => bytes().prop_map(Fault::End),
        1 => bytes().prop_map(Fault::Stall),
        1 => (1..50_usize).prop_map(Fault::Extra),
        1 => (1..900_u64).prop_map(Fault::Drip),
        2 => bytes().prop_map(Fault::Flip),
        1 => Just(Fault::NoRanges),
        1 => Just(Fault::WrongRange),
        1 => Just(Fault::HiddenRange),
        1 => any::<i8>().prop_map(Fault::Claims),
        1 => Just(Fault::PartAsWhole),
    ]
}
