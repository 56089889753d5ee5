//! What must hold of every course. The numbers are those of the list in `CONTRIBUTING.md`.

use std::{collections::HashMap, time::Duration};

use kelp_stream::{
    Kind,
    host::event::{Event, EventKind},
    schedule::options::{Concurrency, Holes, Verify},
    sim::Logged,
};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::{
    course::{Course, End, Outcome, Stop},
    file::{Blob, Packing},
    network::{Act, Tokens},
    support::MS,
};

type Checked = Result<(), TestCaseError>;

/// All of them.
pub fn all(course: &Course, outcome: &Outcome) -> Checked {
    for nth in 0..outcome.readings.len() {
        bytes(outcome, nth)?;
        end(course, outcome, nth)?;
        holes(course, outcome, nth)?;
        bounds(course, outcome, nth)?;
    }
    pool(course, outcome)?;
    requests(course, outcome)?;
    tokens(course, outcome)?;
    if course.habits.len() == 1 {
        attempts(course, outcome)?;
        pauses(course, outcome)?;
    }
    time(course, outcome)?;
    nothing_is_left(outcome)
}

/// I1, I5, I6: what was delivered is the beginning of the file, each byte once, and none of it of
/// a chunk whose tag, digest or length was not right.
fn bytes(outcome: &Outcome, nth: usize) -> Checked {
    let (reading, (model, owners)) = (&outcome.readings[nth], &outcome.models[nth]);
    prop_assert!(reading.wrong.is_none(), "{}", reading.wrong.unwrap_or_default());
    prop_assert!(reading.bytes.len() <= model.len(), "I1: more bytes than the range has");
    let tainted = &outcome.notebook.open().tainted;
    let differs = |at: &usize| reading.bytes[*at] != model[*at];
    // Where bytes leave as they come, damage is told when it is noticed, at the end of its chunk.
    let may = |at: usize| {
        !matches!(reading.end, End::Whole)
            && owners[at]
                .and_then(|owner| outcome.file.blob_of(owner))
                .is_some_and(|blob| tainted.contains(&blob))
    };
    let wrong = (0..reading.bytes.len()).filter(differs).find(|at| !may(*at));
    prop_assert!(wrong.is_none(), "I1: another byte at {wrong:?} of {:?}", reading.range);
    Ok(())
}

/// I2, I3, I4: it ends well only with all bytes, and badly only with a reason.
fn end(course: &Course, outcome: &Outcome, nth: usize) -> Checked {
    let (reading, (model, owners)) = (&outcome.readings[nth], &outcome.models[nth]);
    match &reading.end {
        End::Whole => prop_assert_eq!(reading.bytes.len(), model.len(), "I2: it ended early"),
        End::Cancelled => {}
        End::Failed(error) => {
            let at = reading.range.start + reading.bytes.len() as u64;
            prop_assert_eq!(error.offset(), Some(at), "the error does not say how far it came: {}", error);
            prop_assert!(error.kind() != Kind::Internal, "{}", error);
            let closed = matches!(course.habits[nth].stop, Stop::Fail(_)) && error.kind() == Kind::Closed;
            let holds_none = owners.get(reading.bytes.len()).is_some_and(Option::is_none);
            let hole = course.settings.holes == Holes::Error && error.kind() == Kind::Hole && holds_none;
            let excused = closed || hole || course.network.saved.is_none();
            prop_assert!(excused, "I3: it failed without need: {:?}", error);
        }
    }
    Ok(())
}

/// I22: each byte that no chunk holds is counted once, or is an error.
fn holes(course: &Course, outcome: &Outcome, nth: usize) -> Checked {
    let (reading, (_, owners)) = (&outcome.readings[nth], &outcome.models[nth]);
    let stats = reading.meter.stats();
    let delivered = owners.iter().take(reading.bytes.len()).filter(|owner| owner.is_none()).count() as u64;
    match course.settings.holes {
        Holes::Error => prop_assert_eq!((delivered, stats.hole_bytes), (0, 0), "I22: zeros were delivered"),
        // A gap is counted when its first zeros leave.
        Holes::Zero if matches!(reading.end, End::Whole) => {
            prop_assert_eq!(stats.hole_bytes, delivered, "I22")
        }
        Holes::Zero => prop_assert!(stats.hole_bytes >= delivered, "I22: zeros were not counted"),
    }
    prop_assert_eq!(stats.bytes_delivered, reading.bytes.len() as u64, "I23");
    Ok(())
}

/// I8, I10, I12: nothing before the first read; bytes that are held or promised, by our count and by what came from the network.
fn bounds(course: &Course, outcome: &Outcome, nth: usize) -> Checked {
    let reading = &outcome.readings[nth];
    prop_assert_eq!(reading.early, 0, "I10: something was sent before the first read");
    let stats = reading.meter.stats();
    let habit = &course.habits[nth];
    let before = |ms| ms < habit.wait_ms;
    if habit.stop == Stop::Reads(0) || matches!(habit.stop, Stop::At(ms) | Stop::Fail(ms) if before(ms)) {
        prop_assert_eq!(stats.requests, 0, "I12: something was sent, and nobody read");
    }
    let (limit, head) = (course.settings.max_bytes_ahead, head(course, outcome, true));
    // A head does not wait for a chunk manifest that is read ahead.
    let lists = outcome.file.blobs.iter().any(|blob| blob.is_manifest);
    let most = growth(course, outcome) + if lists { limit + head } else { limit.max(head) };
    prop_assert!(stats.peak_bytes_ahead <= most, "I8: {} bytes, not {most}", stats.peak_bytes_ahead);
    // Where all of a chunk comes by, whatever the view, more is received than is ever held.
    let as_needed = |blob: &Blob| blob.cost == 0 && blob.packing == Packing::Plain && !blob.truncated;
    let strict = course.settings.verify == Verify::Strict;
    if course.network.is_calm() && !strict && outcome.file.blobs.iter().all(as_needed) {
        // A body is asked to wait after a piece.
        let slack = course.network.fates.iter().map(|fate| fate.piece).max().unwrap_or(0) as u64;
        prop_assert!(reading.most_ahead <= most + slack, "I10: {} bytes ahead", reading.most_ahead);
    }
    Ok(())
}

/// The most that a head costs.
fn head(course: &Course, outcome: &Outcome, own: bool) -> u64 {
    let limit = course.settings.max_bytes_ahead;
    let flows = course.settings.verify != Verify::Strict;
    let cost = outcome.file.blobs.iter().map(|blob| {
        if blob.is_manifest && !own {
            // Its length is not known before, so that a little is set aside.
            blob.cost.max(limit.min(1 << 20))
        } else {
            blob.cost.max(if flows { blob.flow.min(limit) } else { blob.flow })
        }
    });
    cost.max().unwrap_or(0)
}

/// What truncated chunks, and servers that send too much, turn out to hold beyond what was told.
fn growth(course: &Course, outcome: &Outcome) -> u64 {
    let extra = course.network.fates.iter().map(|fate| match fate.act {
        Act::Extra(n) => 2 * n as u64,
        _ => 0,
    });
    let extra = extra.max().unwrap_or(0);
    let blobs = outcome.file.blobs.iter().map(|blob| {
        let each = blob.growth + if blob.is_whole() { extra } else { 0 };
        // Each view of a chunk is decoded by itself.
        if each == 0 { 0 } else { each * queued(outcome, &blob.name) as u64 }
    });
    blobs.sum()
}

/// I8, I29: readers of one pool share its bytes; only the head of each may pass.
fn pool(course: &Course, outcome: &Outcome) -> Checked {
    let readers = course.habits.len() as u64;
    let most =
        course.settings.pool.max_bytes + readers * (head(course, outcome, false) + growth(course, outcome));
    let peak = outcome.pool.peak_bytes();
    prop_assert!(peak <= most, "I8: {peak} bytes in the pool, not {most}");
    Ok(())
}

/// I7: requests at one time, in all and at one host. What servers pack is not asked for in parts.
fn requests(course: &Course, outcome: &Outcome) -> Checked {
    let log = outcome.world.log();
    let settings = &course.settings;
    let width =
        settings.concurrency.limit().saturating_mul(course.habits.len()).min(settings.pool.max_concurrency);
    // A view that is hedged is asked for twice; and one whose bytes turn out to be bad when they are decoded is
    // asked for again, with others on the way where the width is found.
    let is_found = matches!(settings.concurrency, Concurrency::Auto { .. });
    let again = if is_found { course.habits.len() * settings.concurrency.limit() } else { 0 };
    let width = (width + again).min(settings.pool.max_concurrency) + hedges(outcome);
    prop_assert!(most_open(log.iter()) <= width, "I7: {} requests, not {width}", most_open(log.iter()));
    let per_host = settings.per_host.min(settings.pool.per_host);
    for replica in 0..course.network.replicas {
        for host in [format!("h{replica}"), format!("m{replica}")] {
            let most = most_open(log.iter().filter(|logged| logged.asked.host == host));
            prop_assert!(most <= per_host, "I7: {most} requests to {host}, not {per_host}");
        }
    }
    for blob in outcome.file.blobs.iter().filter(|blob| blob.packing == Packing::ByServer) {
        let mut asked = log.iter().filter(|logged| logged.asked.url.ends_with(&format!("/{}", blob.name)));
        prop_assert!(asked.all(|logged| logged.asked.range.is_none()), "packed bytes were cut");
    }
    Ok(())
}

fn hedges(outcome: &Outcome) -> usize {
    outcome.world.events().iter().filter(|event| event.kind == EventKind::Hedge).count()
}

fn most_open<'a>(log: impl Iterator<Item = &'a Logged>) -> usize {
    let mut turns = Vec::new();
    for logged in log {
        let ended = logged.ended.unwrap_or(Duration::MAX);
        if ended > logged.at {
            turns.extend([(logged.at, 1), (ended, -1)]);
        }
    }
    turns.sort_unstable();
    let (mut open, mut most) = (0_i32, 0);
    for (_, turn) in turns {
        open += turn;
        most = most.max(open);
    }
    most as usize
}

/// I17: each request has a token of its own, for its chunk and its origin; URLs of a manifest none.
fn tokens(course: &Course, outcome: &Outcome) -> Checked {
    let notes = outcome.notebook.open();
    let mut sent = Vec::new();
    for logged in outcome.world.log() {
        let asked = &logged.asked;
        let name = asked.url.rsplit('/').next().unwrap_or_default();
        let by_id = outcome.file.blobs.iter().any(|blob| blob.name == name && blob.by_id);
        let token = asked.query.strip_prefix("jwt=");
        let wanted = by_id && course.network.tokens != Tokens::None;
        prop_assert_eq!(token.is_some(), wanted, "I17: {} with {:?}", &asked.url, token);
        let Some(token) = token else { continue };
        let (id, origin) = &notes.tokens[token];
        prop_assert_eq!(id, name, "I17: the token of another chunk");
        if let Some(origin) = origin {
            prop_assert_eq!(origin, &format!("http://{}", asked.host), "I17: the token of another origin");
            prop_assert!(!sent.contains(&token.to_owned()), "I17: a token that is not fresh");
            sent.push(token.to_owned());
        }
    }
    Ok(())
}

/// I9, I14, I18: views start in file order; attempts at each view, and lookups of each chunk, come to an end that can be told
/// from the options.
fn attempts(course: &Course, outcome: &Outcome) -> Checked {
    let events = outcome.world.events();
    let passes = course.settings.retry.passes as usize;
    let replicas = course.network.replicas;
    let mut views: HashMap<(Option<usize>, String), [usize; 5]> = HashMap::new();
    for event in &events {
        let Some(chunk) = &event.chunk else { continue };
        let counts = views.entry((event.index, chunk.name().to_owned())).or_default();
        match event.kind {
            EventKind::Queue => counts[0] += 1,
            EventKind::Request => counts[1] += 1,
            EventKind::FirstByte => counts[2] += 1,
            EventKind::Retry if event.reason == Some("offline") => counts[3] += 1,
            EventKind::Hedge => counts[4] += 1,
            _ => {}
        }
    }
    let queue = events.iter().filter(|event| event.kind == EventKind::Queue).filter_map(|event| event.index);
    prop_assert!(queue.is_sorted_by(|a, b| a < b), "I9: what is farther ahead was started before");
    let mut flights: HashMap<&str, (usize, usize, usize)> = HashMap::new();
    for ((_, name), [queued, requests, won, offline, hedged]) in &views {
        let by_id = outcome.file.blobs.iter().any(|blob| blob.by_id && blob.name == *name);
        // A token may be renewed once for each attempt, and replicas may be others twice. Bytes
        // that are won renew patience, and what came while there was no network costs none.
        let each = if by_id { passes * replicas * 2 * 3 } else { passes * replicas };
        let most = each * (1 + won) * queued + offline + hedged;
        prop_assert!(*requests <= most, "I14: {requests} requests for {name}, not {most}");
        let counts = flights.entry(name).or_default();
        counts.0 += queued;
        counts.1 += requests;
        counts.2 += queued * (1 + won);
    }
    let relookups = outcome.readings[0].meter.stats().relookups;
    let queued: usize = flights.values().map(|(queued, ..)| queued).sum();
    // At most once after each pass of each view; bytes that are won renew that patience, too.
    let renewed: usize = flights.values().map(|(.., renewed)| renewed).sum();
    let most = (passes * renewed) as u64;
    prop_assert!(relookups <= most, "I18: {relookups} times looked up again for {queued} views, not {most}");
    for (name, (fresh, all)) in &outcome.notebook.open().lookups {
        let (_, requests, renewed) = flights.get(name.as_str()).copied().unwrap_or_default();
        let tokens = if course.network.tokens == Tokens::WithLocation { requests } else { 0 };
        let most = passes * (renewed * 2 + tokens);
        prop_assert!(*all <= most && fresh <= all, "I18: {all} lookups of {name}, not {most}");
    }
    Ok(())
}

/// I16, I18: nobody is asked the same again before a pause, and not before the time that they asked
/// for, up to the longest pause.
fn pauses(course: &Course, outcome: &Outcome) -> Checked {
    let log = outcome.world.log();
    let retry = course.settings.retry;
    let notes = outcome.notebook.open();
    if course.network.offline.1 > 0 {
        return Ok(());
    }
    let mut last: HashMap<&str, &Logged> = HashMap::new();
    for logged in &log {
        let url = logged.asked.url.as_str();
        let Some(before) = last.insert(url, logged) else { continue };
        // Of two views of a chunk, each has its own patience; and a second request does not wait for the
        // first to fail.
        if queued(outcome, url) > 1 || is_hedged(outcome, url) {
            continue;
        }
        let pause = logged.at - before.ended.unwrap_or_default();
        let (status, wait) =
            notes.statuses.get(&(url.to_owned(), before.asked.nth)).copied().unwrap_or_default();
        let asked = Duration::from_secs(wait.unwrap_or(0).into());
        let least = asked.max(retry.base_delay / 2).min(retry.max_delay / 2).max(asked.min(retry.max_delay));
        // A token is renewed at once. Half of the pause is chance; a microsecond is for rounding.
        prop_assert!(status == 401 || pause + MS / 1000 >= least, "I16: {url} again after {pause:?}");
    }
    Ok(())
}

/// Whether what is at this URL was asked for at two replicas.
fn is_hedged(outcome: &Outcome, url: &str) -> bool {
    let name = url.rsplit('/').next().unwrap_or_default();
    let is_of = |event: &Event| {
        event.chunk.as_ref().is_some_and(|chunk| chunk.name().rsplit('/').next() == Some(name))
    };
    outcome.world.events().iter().any(|event| event.kind == EventKind::Hedge && is_of(event))
}

/// How many views need what is at this URL.
fn queued(outcome: &Outcome, url: &str) -> usize {
    let name = url.rsplit('/').next().unwrap_or_default();
    let events = outcome.world.events();
    let is_of = |event: &&Event| {
        let chunk = event.chunk.as_ref().map_or("", |chunk| chunk.name());
        event.kind == EventKind::Queue && chunk.rsplit('/').next() == Some(name)
    };
    events.iter().filter(is_of).count()
}

/// I15: all of it takes no longer than all attempts and pauses together may.
fn time(course: &Course, outcome: &Outcome) -> Checked {
    let log = outcome.world.log();
    let settings = &course.settings;
    let network = &course.network;
    let window = |(_, len): (u64, u64)| Duration::from_millis(len);
    let pauses = course.habits.iter().map(|habit| {
        let reads = outcome.readings.iter().map(|reading| reading.bytes.len()).sum::<usize>() + 4;
        let each = habit.pauses_ms.iter().copied().max().unwrap_or(0);
        MS * habit.wait_ms + MS * each * reads as u32
    });
    let stops = course.habits.iter().map(|habit| match habit.stop {
        Stop::At(ms) | Stop::Fail(ms) => MS * ms,
        Stop::Never | Stop::Reads(_) => Duration::ZERO,
    });
    // A body of at most 4 KB comes at no less than a byte a millisecond.
    let body = Duration::from_secs(20);
    let frozen = window(network.freeze);
    let each = settings.headers_timeout * 4 + settings.idle_timeout * 4 + settings.retry.max_delay + body;
    let lookups: usize = outcome.notebook.open().lookups.values().map(|(_, all)| all).sum();
    let most = each * log.len() as u32
        + settings.retry.max_delay * lookups as u32
        + pauses.sum::<Duration>()
        + stops.sum::<Duration>()
        + frozen
        + window(network.offline)
        + Duration::from_millis(network.offline.0 + network.freeze.0)
        + Duration::from_secs(60);
    prop_assert!(outcome.world.now() <= most, "I15: {:?}, not {most:?}", outcome.world.now());
    Ok(())
}

/// I11, I12: after the end nothing is open, set, held or promised, and nothing starts any more.
pub fn nothing_is_left(outcome: &Outcome) -> Checked {
    let world = &outcome.world;
    let sent = world.log().len();
    for _ in 0..2 {
        prop_assert_eq!((world.open(), world.timers()), (0, 0), "I11: open requests, timers");
        prop_assert_eq!((outcome.pool.bytes(), outcome.pool.in_flight()), (0, 0), "I11: the pool");
        for reading in &outcome.readings {
            let stats = reading.meter.stats();
            prop_assert_eq!((stats.bytes_ahead, stats.in_flight), (0, 0), "I11: the meter");
            prop_assert!(reading.is_driver_done.get(), "I11: a driver runs on");
        }
        let hosts = format!("{:?}", outcome.pool);
        prop_assert!(hosts.contains("hosts: []"), "I11: somebody has a turn at a host: {hosts}");
        world.run_for(Duration::from_secs(3600));
        prop_assert_eq!(world.log().len(), sent, "I11: a request after the end");
    }
    Ok(())
}
