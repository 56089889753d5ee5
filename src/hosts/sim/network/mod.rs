//! Hosts behind links: who may send, how fast bodies come, and what happens next.
//!
//! Bodies are fluids. Between two events each comes at a rate that stays; at an event (one starts,
//! ends, pauses, is read, or a window opens) all rates are found anew. Every connection gets a fair
//! share of each link that it crosses (max-min), as TCP flows of one round trip do in the long run.

mod connection;
mod flow;

use std::{
    collections::{HashMap, VecDeque},
    task::Waker,
    time::Duration,
};

use self::{connection::Connection, flow::Flow};
use super::{
    content::MAX_PIECE,
    link::{Link, Protocol, Shared},
};

/// Bytes that rounding may lose.
const EPSILON: f64 = 1e-3;

/// Hosts behind links. Time is an argument, and never goes back.
#[derive(Debug, Default)]
pub(super) struct Network {
    names: HashMap<String, usize>,
    hosts: Vec<Host>,
    /// Bytes per second of shared links.
    shared: Vec<f64>,
    flows: Vec<Option<Flow>>,
    /// Until when bodies have come.
    settled: Duration,
    next: Option<Duration>,
    /// Bytes that servers sent, and those that came after nobody wanted them.
    sent: f64,
    abandoned: f64,
    count: u64,
}

#[derive(Debug)]
struct Host {
    link: Link,
    connections: Vec<Connection>,
    /// Requests that have a connection.
    requests: usize,
    /// Those that wait for one.
    queue: VecDeque<(u64, Waker)>,
    /// Connections that bring bytes now, and how fast each may.
    moving: usize,
    rate: f64,
}

/// A request's place at a host.
#[derive(Debug)]
pub(super) struct Seat {
    host: usize,
    connection: usize,
    flow: Option<usize>,
}

/// A place in the queue of a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    host: usize,
    number: u64,
}

impl Network {
    /// A host behind a link, from now on.
    pub(super) fn link(&mut self, name: &str, link: Link) {
        let link = Link { piece: link.piece.clamp(1, MAX_PIECE), ..link };
        match self.names.get(name).and_then(|at| self.hosts.get_mut(*at)) {
            Some(host) => host.link = link,
            None => {
                self.names.insert(name.to_owned(), self.hosts.len());
                self.hosts.push(Host {
                    link,
                    connections: Vec::new(),
                    requests: 0,
                    queue: VecDeque::new(),
                    moving: 0,
                    rate: 0.0,
                });
            }
        }
    }

    /// A link of so many bytes per second that hosts may share.
    pub(super) fn share(&mut self, bandwidth: u64) -> Shared {
        self.shared.push(bandwidth as f64);
        Shared(self.shared.len() - 1)
    }

    /// A place in the queue of this host, if it is behind a link.
    pub(super) fn queue(&mut self, name: &str) -> Option<Place> {
        let host = *self.names.get(name)?;
        self.count += 1;
        Some(Place { host, number: self.count })
    }

    /// A connection for the request at this place, if it is its turn; else `waker` is woken then.
    pub(super) fn enter(&mut self, place: Place, now: Duration, waker: &Waker) -> Option<Seat> {
        let host = self.hosts.get_mut(place.host)?;
        let at = host.queue.iter().position(|(number, _)| *number == place.number);
        let before = at.unwrap_or(host.queue.len());
        if host.requests + before >= host.link.protocol.slots() {
            match at.and_then(|at| host.queue.get_mut(at)) {
                Some((_, waiting)) => waiting.clone_from(waker),
                None => host.queue.push_back((place.number, waker.clone())),
            }
            return None;
        }
        if let Some(at) = at {
            host.queue.remove(at);
        }
        let connection = host.enter(now);
        Some(Seat { host: place.host, connection, flow: None })
    }

    /// Gives a place in the queue up.
    pub(super) fn forget(&mut self, place: Place) {
        if let Some(host) = self.hosts.get_mut(place.host) {
            host.queue.retain(|(number, _)| *number != place.number);
            host.call();
        }
    }

    /// When the headers of an answer are there if its request leaves now.
    pub(super) fn answered(&self, seat: &Seat, now: Duration) -> Duration {
        let Some(host) = self.hosts.get(seat.host) else { return now };
        let ready = host.connections.get(seat.connection).map_or(now, |connection| connection.ready);
        ready.max(now) + host.link.latency(now)
    }

    /// What a server that has too much to do answers with: a status, and when to come again.
    pub(super) fn busy(&self, seat: &Seat) -> Option<(u16, Option<String>)> {
        let host = self.hosts.get(seat.host)?;
        let busy = host.link.busy.as_ref().filter(|busy| host.requests > busy.above)?;
        Some((busy.status, busy.retry_after.clone()))
    }

    /// A body of so many bytes begins to come.
    pub(super) fn start(&mut self, seat: &mut Seat, len: u64, now: Duration) {
        self.settle(now);
        let stall = self.stall(seat.host, len);
        let flow = Flow::new(seat.host, seat.connection, len, stall);
        let free = self.flows.iter().position(Option::is_none);
        let at = free.unwrap_or(self.flows.len());
        match self.flows.get_mut(at) {
            Some(slot) => *slot = Some(flow),
            None => self.flows.push(Some(flow)),
        }
        seat.flow = Some(at);
        self.refresh();
    }

    /// Takes the next piece of a body: its length. If there is none, `waker` is woken when there is.
    pub(super) fn take(&mut self, seat: &Seat, now: Duration, waker: &Waker) -> Option<usize> {
        self.settle(now);
        let link = &self.hosts.get(seat.host)?.link;
        let flow = self.flows.get_mut(seat.flow?)?.as_mut()?;
        let was_full = flow.is_full(link);
        let taken = flow.take(now, link, waker);
        let next = flow.next(now, link);
        if was_full && taken.is_some() {
            self.refresh();
        } else {
            self.next = self.next.into_iter().chain(next).min();
        }
        taken
    }

    /// A request is over; `given_up`: before its body was read.
    pub(super) fn leave(&mut self, seat: &mut Seat, given_up: bool, now: Duration) {
        self.settle(now);
        let Some(host) = self.hosts.get_mut(seat.host) else { return };
        match seat.flow.and_then(|flow| self.flows.get_mut(flow)) {
            // What the server sends until it hears of that comes for nothing.
            Some(Some(flow)) if !flow.is_complete() => {
                flow.abandoned = Some(now + host.link.round_trip);
                host.leave(seat.connection, true, now);
            }
            Some(slot) => {
                let just_now = slot.take().is_some_and(|flow| flow.rate > 0.0);
                // Else it made way when its last byte came.
                if just_now {
                    host.leave(seat.connection, false, now);
                }
            }
            None => host.leave(seat.connection, given_up, now),
        }
        self.refresh();
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// Lets happen what happens until then.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some(next) = self.next.filter(|next| *next <= now) {
            self.settle(next);
            self.refresh();
        }
    }

    /// Bytes that servers sent, and how many of them came when nobody wanted them any more.
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.sent.round() as u64, self.abandoned.round() as u64)
    }

    /// Where a body is to pause, and for how long, by a chance that is the same in each run.
    fn stall(&mut self, host: usize, len: u64) -> Option<(f64, Duration)> {
        let stalls = self.hosts.get(host)?.link.stalls?;
        self.count += 1;
        let jitter = mixed(self.count);
        let at = (jitter >> 32) as f64 / f64::from(u32::MAX) * len as f64;
        jitter.is_multiple_of(stalls.one_in.max(1)).then_some((at, stalls.pause))
    }

    /// Bodies come until now, at the rates that they have.
    fn settle(&mut self, now: Duration) {
        let seconds = now.saturating_sub(self.settled).as_secs_f64();
        self.settled = self.settled.max(now);
        if seconds == 0.0 {
            return;
        }
        for flow in self.flows.iter_mut().flatten().filter(|flow| flow.rate > 0.0) {
            let Some(host) = self.hosts.get_mut(flow.host) else { continue };
            let came = flow.pass(seconds, &host.link);
            self.sent += came;
            if flow.abandoned.is_some() {
                self.abandoned += came;
            }
            if let Some(connection) = host.connections.get_mut(flow.connection) {
                connection.took(came);
            }
        }
    }

    /// Does what is due, and finds rates and the next event anew.
    fn refresh(&mut self) {
        let now = self.settled;
        self.turn(now);
        self.count_moving();
        self.allot(now);
        self.set_rates();
        self.next = self.upcoming(now);
    }

    /// Bodies end, begin and end pauses; rounds of connections end.
    fn turn(&mut self, now: Duration) {
        for slot in &mut self.flows {
            let Some(flow) = slot else { continue };
            let Some(host) = self.hosts.get_mut(flow.host) else { continue };
            flow.turn(now);
            if flow.is_complete() && flow.rate > 0.0 {
                flow.rate = 0.0;
                if flow.abandoned.is_none() {
                    host.leave(flow.connection, false, now);
                }
            }
            flow.wake(now, &host.link);
            if flow.abandoned.is_some_and(|until| until <= now || flow.is_complete()) {
                *slot = None;
            }
        }
        for host in &mut self.hosts {
            for connection in &mut host.connections {
                connection.turn(now, &host.link);
            }
        }
    }

    /// Counts the bodies that may come, and the connections that bring them.
    fn count_moving(&mut self) {
        for host in &mut self.hosts {
            host.connections.iter_mut().for_each(|connection| connection.moving = 0);
        }
        for flow in self.flows.iter_mut().flatten() {
            flow.rate = 0.0;
            let Some(host) = self.hosts.get_mut(flow.host) else { continue };
            if flow.is_moving(&host.link)
                && let Some(connection) = host.connections.get_mut(flow.connection)
                && connection.has_left(&host.link)
            {
                flow.rate = 1.0;
                connection.moving += 1;
            }
        }
        for host in &mut self.hosts {
            host.moving = host.connections.iter().filter(|connection| connection.moving > 0).count();
        }
    }

    /// Gives each host's connections their fair share: the slowest hosts first, and what they
    /// leave to the others.
    fn allot(&mut self, now: Duration) {
        for host in &mut self.hosts {
            let slowness = host.link.slowness(now);
            let all = host.link.bandwidth as f64 / slowness / host.moving.max(1) as f64;
            host.rate = all.min(host.link.per_connection as f64 / slowness);
        }
        for (at, bandwidth) in self.shared.iter().enumerate() {
            let mut sharers: Vec<_> = self.hosts.iter_mut().filter(|host| host.shares(at)).collect();
            sharers.sort_by(|a, b| a.rate.total_cmp(&b.rate));
            let mut moving: usize = sharers.iter().map(|host| host.moving).sum();
            let mut left = *bandwidth;
            for host in sharers {
                host.rate = host.rate.min(left / moving as f64);
                left -= host.rate * host.moving as f64;
                moving -= host.moving;
            }
        }
    }

    /// From the rates of hosts to those of bodies and connections.
    fn set_rates(&mut self) {
        for flow in self.flows.iter_mut().flatten().filter(|flow| flow.rate > 0.0) {
            let Some(host) = self.hosts.get(flow.host) else { continue };
            let Some(connection) = host.connections.get(flow.connection) else { continue };
            flow.rate = host.rate / connection.moving as f64;
        }
        for host in &mut self.hosts {
            for connection in &mut host.connections {
                connection.rate = if connection.moving > 0 { host.rate } else { 0.0 };
            }
        }
    }

    fn upcoming(&self, now: Duration) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        let mut at_most = |time: Option<Duration>| next = next.into_iter().chain(time).min();
        for flow in self.flows.iter().flatten() {
            let Some(host) = self.hosts.get(flow.host) else { continue };
            at_most(flow.next(now, &host.link));
        }
        for host in self.hosts.iter().filter(|host| host.requests > 0) {
            at_most(host.link.next_change(now).filter(|_| host.moving > 0));
            let used = host.connections.iter().filter(|connection| connection.users > 0 || connection.closed);
            used.for_each(|connection| at_most(connection.next(now, &host.link)));
        }
        next
    }
}

impl Host {
    /// Takes a connection: the one used last, or a new one.
    fn enter(&mut self, now: Duration) -> usize {
        self.requests += 1;
        let shared = matches!(self.link.protocol, Protocol::Http2(_));
        let free =
            |connection: &&(usize, &Connection)| !connection.1.closed && (shared || connection.1.users == 0);
        let last = self.connections.iter().enumerate().rev();
        let found = last.filter(|entry| free(&entry)).max_by_key(|(_, connection)| connection.idle);
        let at = match found {
            Some((at, _)) => at,
            None => self.open(now),
        };
        if let Some(connection) = self.connections.get_mut(at) {
            connection.enter(now, &self.link);
        }
        at
    }

    fn open(&mut self, now: Duration) -> usize {
        let handshake = self.link.round_trip * self.link.handshake;
        let connection = Connection::new(now + handshake.mul_f64(self.link.slowness(now)), &self.link);
        // Those that were closed, and whose last bytes have come, make way.
        let over = |old: &Connection| old.closed && old.idle + self.link.round_trip < now;
        let at = self.connections.iter().position(over).unwrap_or(self.connections.len());
        match self.connections.get_mut(at) {
            Some(old) => *old = connection,
            None => self.connections.push(connection),
        }
        at
    }

    /// A request makes way for others. One that is given up takes its connection with it, unless
    /// others share it.
    fn leave(&mut self, connection: usize, given_up: bool, now: Duration) {
        self.requests -= 1;
        let shared = matches!(self.link.protocol, Protocol::Http2(_));
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.users -= 1;
            connection.idle = now;
            connection.closed |= given_up && !shared;
        }
        self.call();
    }

    /// Wakes those whose turn it is.
    fn call(&self) {
        let free = self.link.protocol.slots().saturating_sub(self.requests);
        self.queue.iter().take(free).for_each(|(_, waker)| waker.wake_by_ref());
    }

    fn shares(&self, link: usize) -> bool {
        self.moving > 0 && self.link.shared == Some(Shared(link))
    }
}

/// So many seconds later, rounded up: at an event what it waits for is there.
fn after(now: Duration, seconds: f64) -> Duration {
    let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    now.saturating_add(time).saturating_add(Duration::from_nanos(1))
}

/// SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
