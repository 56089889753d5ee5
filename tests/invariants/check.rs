//! The properties of every run. The numbers are those of the table in `CONTRIBUTING.md`.

use std::{collections::HashMap, time::Duration};

use kelp_stream::{
    Kind,
    host::event::{Event, EventKind},
    schedule::options::{Concurrency, Holes, Verify},
    sim::Logged,
};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::{
    file::{Blob, Packing},
    network::{Fault, Tokens},
    scenario::{End, Outcome, Scenario, Stop},
    support::MS,
};

type Checked = Result<(), TestCaseError>;

/// Checks all properties.
pub fn all(scenario: &Scenario, outcome: &Outcome) -> Checked {
    for nth in 0..outcome.readings.len() {
        bytes(outcome, nth)?;
        end(scenario, outcome, nth)?;
        holes(scenario, outcome, nth)?;
        bounds(scenario, outcome, nth)?;
    }
    pool(scenario, outcome)?;
    requests(scenario, outcome)?;
    tokens(scenario, outcome)?;
    if scenario.behaviors.len() == 1 {
        attempts(scenario, outcome)?;
        pauses(scenario, outcome)?;
    }
    time(scenario, outcome)?;
    nothing_is_left(outcome)
}

/// I1, I5, I6: the delivered bytes are a prefix of the file, each byte once, and contain no byte of a chunk
/// whose tag, digest or length was wrong.
fn bytes(outcome: &Outcome, nth: usize) -> Checked {
    let (reading, (model, owners)) = (&outcome.readings[nth], &outcome.models[nth]);
    prop_assert!(reading.wrong.is_none(), "{}", reading.wrong.unwrap_or_default());
    prop_assert!(reading.bytes.len() <= model.len(), "I1: more bytes were delivered than the range has");
    let tainted = &outcome.recorder.open().tainted;
    let differs = |at: &usize| reading.bytes[*at] != model[*at];
    // If bytes are delivered as they arrive, damage is detected at the end of its chunk.
    let may = |at: usize| {
        !matches!(reading.end, End::Whole)
            && owners[at]
                .and_then(|owner| outcome.file.blob_of(owner))
                .is_some_and(|blob| tainted.contains(&blob))
    };
    let wrong = (0..reading.bytes.len()).filter(differs).find(|at| !may(*at));
    prop_assert!(wrong.is_none(), "I1: a wrong byte at {wrong:?} of {:?}", reading.range);
    Ok(())
}

/// I2, I3, I4: a stream ends without an error only after all bytes, and with an error only for a reason.
fn end(scenario: &Scenario, outcome: &Outcome, nth: usize) -> Checked {
    let (reading, (model, owners)) = (&outcome.readings[nth], &outcome.models[nth]);
    match &reading.end {
        End::Whole => prop_assert_eq!(reading.bytes.len(), model.len(), "I2: the stream ended early"),
        End::Cancelled => {}
        End::Failed(error) => {
            let at = reading.range.start + reading.bytes.len() as u64;
            prop_assert_eq!(error.offset(), Some(at), "the error has the wrong offset: {}", error);
            let may_die = !scenario.network.codec.dies_in.is_empty();
            prop_assert!(error.kind() != Kind::Internal || may_die, "{}", error);
            let closed =
                matches!(scenario.behaviors[nth].stop, Stop::Fail(_)) && error.kind() == Kind::Closed;
            let holds_none = owners.get(reading.bytes.len()).is_some_and(Option::is_none);
            let hole = scenario.settings.holes == Holes::Error && error.kind() == Kind::Hole && holds_none;
            let excused = closed || hole || scenario.network.saved.is_none();
            prop_assert!(excused, "I3: the stream failed without a reason: {:?}", error);
        }
    }
    Ok(())
}

/// I22: each byte of a hole is counted once, or is an error.
fn holes(scenario: &Scenario, outcome: &Outcome, nth: usize) -> Checked {
    let (reading, (_, owners)) = (&outcome.readings[nth], &outcome.models[nth]);
    let stats = reading.stats.stats();
    let delivered = owners.iter().take(reading.bytes.len()).filter(|owner| owner.is_none()).count() as u64;
    match scenario.settings.holes {
        Holes::Error => prop_assert_eq!((delivered, stats.hole_bytes), (0, 0), "I22: zeros were delivered"),
        // A hole is counted when its first zeros are delivered.
        Holes::Zero if matches!(reading.end, End::Whole) => {
            prop_assert_eq!(stats.hole_bytes, delivered, "I22")
        }
        Holes::Zero => prop_assert!(stats.hole_bytes >= delivered, "I22: zeros were not counted"),
    }
    prop_assert_eq!(stats.bytes_delivered, reading.bytes.len() as u64, "I23");
    Ok(())
}

/// I8, I10, I12: nothing is sent before the first read, and the bytes that are held or promised are limited,
/// as counted by the stats and by the network.
fn bounds(scenario: &Scenario, outcome: &Outcome, nth: usize) -> Checked {
    let reading = &outcome.readings[nth];
    prop_assert_eq!(reading.early.get(), 0, "I10: something was sent before the first read");
    let stats = reading.stats.stats();
    let behavior = &scenario.behaviors[nth];
    let before = |ms| ms < behavior.wait_ms;
    if behavior.stop == Stop::Reads(0) || matches!(behavior.stop, Stop::At(ms) | Stop::Fail(ms) if before(ms))
    {
        prop_assert_eq!(stats.requests, 0, "I12: something was sent, and nothing was read");
    }
    let (limit, head) = (scenario.settings.max_bytes_ahead, head(scenario, outcome, true));
    let most = limit.max(head) + growth(scenario, outcome);
    prop_assert!(stats.peak_bytes_ahead <= most, "I8: {} bytes, not {most}", stats.peak_bytes_ahead);
    // If a chunk is fetched as a whole, more is received than the view needs; and a hedge brings bytes a second time, of
    // which one copy is dropped.
    let as_needed = |blob: &Blob| blob.cost == 0 && blob.packing == Packing::Plain && !blob.truncated;
    let strict = scenario.settings.verify == Verify::Strict;
    if stats.hedges == 0 && scenario.network.is_calm() && !strict && outcome.file.blobs.iter().all(as_needed)
    {
        // A body pauses only after a piece.
        let slack =
            scenario.network.treatments.iter().map(|treatment| treatment.piece).max().unwrap_or(0) as u64;
        prop_assert!(reading.most_ahead <= most + slack, "I10: {} bytes ahead", reading.most_ahead);
    }
    Ok(())
}

/// The largest cost of a head.
fn head(scenario: &Scenario, outcome: &Outcome, own: bool) -> u64 {
    let limit = scenario.settings.max_bytes_ahead;
    let flows = scenario.settings.verify != Verify::Strict;
    let cost = outcome.file.blobs.iter().map(|blob| {
        if blob.is_manifest && !own {
            // Its length is not known before it is fetched, so a fixed cost is charged.
            blob.cost.max(limit.min(1 << 20))
        } else if is_kept_whole(scenario, blob) {
            2 * blob.flow
        } else {
            blob.cost.max(if flows { blob.flow.min(limit) } else { blob.flow })
        }
    });
    cost.max().unwrap_or(0)
}

/// Whether an object is fetched whole because it is kept, although ranges of it cannot be requested.
fn is_kept_whole(scenario: &Scenario, blob: &Blob) -> bool {
    scenario.settings.pool.max_cache_bytes > 0 && blob.packing == Packing::ByServer && !blob.is_manifest
}

/// The bytes that a truncated chunk, or a server that sends too much, holds beyond its declared size. Only that of the
/// head may exceed the budget.
fn growth(scenario: &Scenario, outcome: &Outcome) -> u64 {
    let extra = scenario.network.treatments.iter().map(|treatment| match treatment.fault {
        Fault::Extra(n) => 2 * n as u64,
        _ => 0,
    });
    let extra = extra.max().unwrap_or(0);
    let blobs = outcome.file.blobs.iter().map(|blob| {
        let is_kept = is_kept_whole(scenario, blob);
        let stored = if is_kept { 2 * (blob.bytes.len() as u64).saturating_sub(blob.flow) } else { 0 };
        blob.growth + stored + if blob.is_whole() || is_kept { extra } else { 0 }
    });
    blobs.max().unwrap_or(0)
}

/// I8, I29: readers of one pool share its byte budget, which only the head of each may exceed.
fn pool(scenario: &Scenario, outcome: &Outcome) -> Checked {
    let readers = scenario.behaviors.len() as u64;
    let most = scenario.settings.pool.max_bytes
        + readers * (head(scenario, outcome, false) + growth(scenario, outcome));
    let peak = outcome.pool.peak_bytes();
    prop_assert!(peak <= most, "I8: {peak} bytes in the pool, not {most}");
    // How long a decoded chunk manifest is cannot be known beforehand.
    let lists = outcome.file.blobs.iter().filter(|blob| blob.is_manifest).map(|blob| blob.decoded);
    let (decoding, most) = (outcome.world.most_bytes_decoding(), most + lists.sum::<u64>() * readers);
    prop_assert!(decoding <= most, "I8: {decoding} bytes in decoding, not {most}");
    Ok(())
}

/// I7: the requests in flight are limited, in all and at each host. Objects that servers compress are not
/// requested in ranges.
fn requests(scenario: &Scenario, outcome: &Outcome) -> Checked {
    let log = outcome.world.log();
    let settings = &scenario.settings;
    let limit = settings
        .concurrency
        .limit()
        .saturating_mul(scenario.behaviors.len())
        .min(settings.pool.max_concurrency);
    // A hedged view has two requests. A view whose bytes turn out to be damaged when they are decoded is
    // requested again; automatic concurrency has started other views meanwhile.
    let is_auto = matches!(settings.concurrency, Concurrency::Auto { .. });
    let again = if is_auto { scenario.behaviors.len() * settings.concurrency.limit() } else { 0 };
    // A reader may keep the body of a server without ranges until its next view continues it.
    let kept = if has_no_ranges(scenario) { scenario.behaviors.len() } else { 0 };
    // A view that got nothing for long while others did takes no place.
    let took = |logged: &&Logged| logged.ended.unwrap_or(Duration::MAX) - logged.at;
    let late =
        log.iter().filter(|logged| took(logged) >= MS * 250).count().min(settings.pool.max_concurrency);
    let limit =
        (limit + again).min(settings.pool.max_concurrency).saturating_add(hedges(outcome) + kept + late);
    prop_assert!(max_open(log.iter()) <= limit, "I7: {} requests, not {limit}", max_open(log.iter()));
    let per_host = settings.per_host.min(settings.pool.per_host).saturating_add(kept);
    for replica in 0..scenario.network.replicas {
        for host in [format!("h{replica}"), format!("m{replica}")] {
            let most = max_open(log.iter().filter(|logged| logged.asked.host == host));
            prop_assert!(most <= per_host, "I7: {most} requests to {host}, not {per_host}");
        }
    }
    for blob in outcome.file.blobs.iter().filter(|blob| blob.packing == Packing::ByServer) {
        let mut asked = log.iter().filter(|logged| logged.asked.url.ends_with(&format!("/{}", blob.name)));
        prop_assert!(
            asked.all(|logged| logged.asked.range.is_none()),
            "a range of a compressed object was requested"
        );
    }
    Ok(())
}

fn has_no_ranges(scenario: &Scenario) -> bool {
    scenario
        .network
        .treatments
        .iter()
        .any(|treatment| matches!(treatment.fault, Fault::NoRanges | Fault::PartAsWhole))
}

fn hedges(outcome: &Outcome) -> usize {
    outcome.world.events().iter().filter(|event| event.kind == EventKind::Hedge).count()
}

fn max_open<'a>(log: impl Iterator<Item = &'a Logged>) -> usize {
    let mut changes = Vec::new();
    for logged in log {
        let ended = logged.ended.unwrap_or(Duration::MAX);
        if ended > logged.at {
            changes.extend([(logged.at, 1), (ended, -1)]);
        }
    }
    changes.sort_unstable();
    let (mut open, mut most) = (0_i32, 0);
    for (_, change) in changes {
        open += change;
        most = most.max(open);
    }
    most as usize
}

/// I17: each request has its own token, for its chunk and its origin. Requests for plain URLs have none.
fn tokens(scenario: &Scenario, outcome: &Outcome) -> Checked {
    let record = outcome.recorder.open();
    let mut sent = Vec::new();
    for logged in outcome.world.log() {
        let asked = &logged.asked;
        let name = asked.url.rsplit('/').next().unwrap_or_default();
        let by_id = outcome.file.blobs.iter().any(|blob| blob.name == name && blob.by_id);
        let token = asked.query.strip_prefix("jwt=");
        let expected = by_id && scenario.network.tokens != Tokens::None;
        prop_assert_eq!(token.is_some(), expected, "I17: {} with {:?}", &asked.url, token);
        let Some(token) = token else { continue };
        let (id, origin) = &record.tokens[token];
        prop_assert_eq!(id, name, "I17: the token is for another chunk");
        if let Some(origin) = origin {
            prop_assert_eq!(
                origin,
                &format!("http://{}", asked.host),
                "I17: the token is for another origin"
            );
            prop_assert!(!sent.contains(&token.to_owned()), "I17: the token was used before");
            sent.push(token.to_owned());
        }
    }
    Ok(())
}

/// I9, I14, I18: views start in file order, and the options limit the attempts at each view and the lookups
/// of each chunk.
fn attempts(scenario: &Scenario, outcome: &Outcome) -> Checked {
    let events = outcome.world.events();
    let passes = scenario.settings.retry.passes as usize;
    let replicas = scenario.network.replicas;
    let mut views: HashMap<(Option<usize>, String), [usize; 5]> = HashMap::new();
    for event in &events {
        let Some(chunk) = &event.chunk else { continue };
        let counts = views.entry((event.index, chunk.name().to_owned())).or_default();
        match event.kind {
            EventKind::Queue => counts[0] += 1,
            EventKind::Request => counts[1] += 1,
            EventKind::FirstByte => counts[2] += 1,
            EventKind::Retry if event.reason == Some("offline") => counts[3] += 1,
            _ if is_interruption(event) => counts[3] += 1,
            EventKind::Hedge => counts[4] += 1,
            _ => {}
        }
    }
    let queue = events.iter().filter(|event| event.kind == EventKind::Queue).filter_map(|event| event.index);
    prop_assert!(queue.is_sorted_by(|a, b| a < b), "I9: views did not start in file order");
    let mut by_chunk: HashMap<&str, (usize, usize, usize)> = HashMap::new();
    let record = outcome.recorder.open();
    for ((_, name), [queued, requests, bodies, offline, hedged]) in &views {
        let by_id = outcome.file.blobs.iter().any(|blob| blob.by_id && blob.name == *name);
        // Each attempt may renew a token once, and a lookup may replace the replicas twice. Received bytes
        // reset the count of attempts, and attempts without a network do not count.
        let each = if by_id { passes * replicas * 2 * 3 } else { passes * replicas };
        // A view that drops its body because an earlier view has begun to read one asks again if that one breaks off.
        let each = if has_no_ranges(scenario) { each * 2 } else { each };
        // After a refusal by a host that serves, all replicas are asked again.
        let refused =
            name.rsplit('/').next().and_then(|blob| record.refusals.get(blob)).copied().unwrap_or(0);
        let most = each * (1 + bodies) * queued + offline + hedged + refused * replicas;
        prop_assert!(*requests <= most, "I14: {requests} requests for {name}, not {most}");
        let counts = by_chunk.entry(name).or_default();
        counts.0 += queued;
        counts.1 += requests;
        counts.2 += queued * (1 + bodies);
    }
    let relookups = outcome.readings[0].stats.stats().relookups;
    let queued: usize = by_chunk.values().map(|(queued, ..)| queued).sum();
    // At most once after each pass of each view. Received bytes reset that count, too.
    let renewed: usize = by_chunk.values().map(|(.., renewed)| renewed).sum();
    let most = (passes * renewed) as u64;
    prop_assert!(relookups <= most, "I18: {relookups} repeated lookups for {queued} views, not {most}");
    for (name, (fresh, all)) in &record.lookups {
        let (_, requests, renewed) = by_chunk.get(name.as_str()).copied().unwrap_or_default();
        let tokens = if scenario.network.tokens == Tokens::WithLocation { requests } else { 0 };
        let most = passes * (renewed * 2 + tokens);
        prop_assert!(*all <= most && fresh <= all, "I18: {all} lookups of {name}, not {most}");
    }
    Ok(())
}

/// I16, I18: a request is repeated only after a pause, and after the time that the server asked for, up to
/// the longest pause.
fn pauses(scenario: &Scenario, outcome: &Outcome) -> Checked {
    let log = outcome.world.log();
    let retry = scenario.settings.retry;
    let record = outcome.recorder.open();
    if scenario.network.offline.1 > 0 {
        return Ok(());
    }
    let mut last: HashMap<&str, &Logged> = HashMap::new();
    for logged in &log {
        let url = logged.asked.url.as_str();
        let Some(before) = last.insert(url, logged) else { continue };
        // Two views of a chunk are retried independently, and a hedged request does not wait for the first
        // one to fail.
        if queued(outcome, url) > 1 || has_event(outcome, url, |event| event.kind == EventKind::Hedge) {
            continue;
        }
        let pause = logged.at - before.ended.unwrap_or_default();
        let (status, wait) =
            record.statuses.get(&(url.to_owned(), before.asked.nth)).copied().unwrap_or_default();
        let asked = Duration::from_secs(wait.unwrap_or(0).into());
        let least = asked.max(retry.base_delay / 2).min(retry.max_delay / 2).max(asked.min(retry.max_delay));
        // A token is renewed at once. Half of the pause is jitter, and a microsecond is for rounding.
        let is_due = status == 401 || has_event(outcome, url, is_interruption);
        prop_assert!(is_due || pause + MS / 1000 >= least, "I16: {url} again after {pause:?}");
    }
    Ok(())
}

/// Whether there was such an event of the chunk at this URL.
fn has_event(outcome: &Outcome, url: &str, is_such: fn(&Event) -> bool) -> bool {
    let name = url.rsplit('/').next().unwrap_or_default();
    let is_of = |event: &Event| {
        event.chunk.as_ref().is_some_and(|chunk| chunk.name().rsplit('/').next() == Some(name))
    };
    outcome.world.events().iter().any(|event| is_such(event) && is_of(event))
}

/// Whether a view is fetched again because the decoder died, because its reader paused for long, or because the server
/// was known to be slow.
fn is_interruption(event: &Event) -> bool {
    match event.kind {
        EventKind::Retry => matches!(event.reason, Some("interrupted" | "parked")),
        EventKind::Failover => event.reason == Some("slow"),
        _ => false,
    }
}

/// How many views need the blob at this URL.
fn queued(outcome: &Outcome, url: &str) -> usize {
    let name = url.rsplit('/').next().unwrap_or_default();
    let events = outcome.world.events();
    let is_of = |event: &&Event| {
        let chunk = event.chunk.as_ref().map_or("", |chunk| chunk.name());
        event.kind == EventKind::Queue && chunk.rsplit('/').next() == Some(name)
    };
    events.iter().filter(is_of).count()
}

/// I15: a run takes no longer than all attempts and pauses together.
fn time(scenario: &Scenario, outcome: &Outcome) -> Checked {
    let log = outcome.world.log();
    let settings = &scenario.settings;
    let network = &scenario.network;
    let window = |(_, len): (u64, u64)| Duration::from_millis(len);
    let pauses = scenario.behaviors.iter().map(|behavior| {
        let reads = outcome.readings.iter().map(|reading| reading.bytes.len()).sum::<usize>() + 4;
        let each = behavior.pauses_ms.iter().copied().max().unwrap_or(0);
        MS * behavior.wait_ms + MS * each * reads as u32
    });
    let stops = scenario.behaviors.iter().map(|behavior| match behavior.stop {
        Stop::At(ms) | Stop::Fail(ms) => MS * ms,
        Stop::Never | Stop::Reads(_) => Duration::ZERO,
    });
    // A body of at most 4 KB arrives at one byte per millisecond or faster.
    let body = Duration::from_secs(20);
    let frozen = window(network.freeze);
    let each = settings.headers_timeout * 4 + settings.idle_timeout * 4 + settings.retry.max_delay + body;
    let lookups: usize = outcome.recorder.open().lookups.values().map(|(_, all)| all).sum();
    let most = each * log.len() as u32
        + settings.retry.max_delay * lookups as u32
        + pauses.sum::<Duration>()
        + stops.sum::<Duration>()
        + frozen
        + MS * network.codec.load_ms
        // A body that may be gzip is digested, inflated, and digested again.
        + network.codec.longest() * (3 * log.len() as u32)
        + window(network.offline)
        + Duration::from_millis(network.offline.0 + network.freeze.0)
        + Duration::from_secs(60);
    prop_assert!(outcome.world.now() <= most, "I15: {:?}, not {most:?}", outcome.world.now());
    Ok(())
}

/// I11, I12: after the end no request is open, no timer is set, no bytes are held or promised, and nothing
/// starts.
pub fn nothing_is_left(outcome: &Outcome) -> Checked {
    let world = &outcome.world;
    let sent = world.log().len();
    for _ in 0..2 {
        prop_assert_eq!((world.open(), world.timers()), (0, 0), "I11: open requests, timers");
        prop_assert_eq!((outcome.pool.bytes(), outcome.pool.in_flight()), (0, 0), "I11: the pool");
        for reading in &outcome.readings {
            let stats = reading.stats.stats();
            prop_assert_eq!((stats.bytes_ahead, stats.in_flight), (0, 0), "I11: the stats");
            prop_assert!(reading.is_driver_done.get(), "I11: a driver did not end");
        }
        let hosts = format!("{:?}", outcome.pool);
        prop_assert!(hosts.contains("hosts: []"), "I11: a permit for a host is held: {hosts}");
        world.run_for(Duration::from_secs(3600));
        prop_assert_eq!(world.log().len(), sent, "I11: a request after the end");
    }
    Ok(())
}
