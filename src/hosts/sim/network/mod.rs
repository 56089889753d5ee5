//! Servers behind links: which requests get a connection, how fast bodies arrive, and when something happens
//! next.
//!
//! Bodies are modelled as fluids. Between two events each body arrives at a constant rate. An event is the
//! start, end, pause or reading of a body, or the opening of a congestion window. At each event all rates are
//! computed again: every connection gets a fair share (max-min) of each link that it crosses, as TCP flows
//! with the same round trip do in the long run.
//!
//! ```text
//!  advance(t):  until the next event is later than t
//!                 transfer      bytes arrive at the current rates until the event
//!                 recompute     apply the event, share the links, set the rates, find the next event
//! ```

mod connection;
mod flow;
mod rounding;
mod server_link;

use std::{collections::HashMap, task::Waker, time::Duration};

use self::{flow::Flow, server_link::ServerLink};
use super::{
    content::MAX_PIECE,
    link::{Link, Shared},
};

/// The servers behind links. Time is an argument, and never decreases.
#[derive(Debug, Default)]
pub(super) struct Network {
    names: HashMap<String, usize>,
    servers: Vec<ServerLink>,
    /// The bytes per second of shared links.
    shared: Vec<f64>,
    flows: Vec<Option<Flow>>,
    /// The time up to which bodies have been transferred.
    now: Duration,
    next_event: Option<Duration>,
    /// Bytes that servers sent, and those of dropped requests, which no client read.
    sent: f64,
    abandoned: f64,
    /// Numbers tickets, and seeds the stalls.
    count: u64,
}

/// The connection of a request.
#[derive(Debug)]
pub(super) struct Lease {
    server: usize,
    connection: usize,
    flow: Option<usize>,
}

/// The place of a request in the queue of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueTicket {
    server: usize,
    number: u64,
}

impl Network {
    /// Puts a server behind a link.
    pub(super) fn link(&mut self, name: &str, link: Link) {
        let link = Link { piece: link.piece.clamp(1, MAX_PIECE), ..link };
        match self.names.get(name).and_then(|at| self.servers.get_mut(*at)) {
            Some(server) => server.link = link,
            None => {
                self.names.insert(name.to_owned(), self.servers.len());
                self.servers.push(ServerLink::new(link));
            }
        }
    }

    /// A link of this many bytes per second that servers may share.
    pub(super) fn share(&mut self, bandwidth: u64) -> Shared {
        self.shared.push(bandwidth as f64);
        Shared(self.shared.len() - 1)
    }

    /// A place in the queue of a server, if it is behind a link.
    pub(super) fn queue(&mut self, name: &str) -> Option<QueueTicket> {
        let server = *self.names.get(name)?;
        self.count += 1;
        Some(QueueTicket { server, number: self.count })
    }

    /// A connection for the request with this ticket, if it is its turn. If not, `waker` is woken then.
    pub(super) fn try_connect(&mut self, ticket: QueueTicket, now: Duration, waker: &Waker) -> Option<Lease> {
        let connection = self.servers.get_mut(ticket.server)?.try_connect(ticket.number, now, waker)?;
        Some(Lease { server: ticket.server, connection, flow: None })
    }

    /// Removes a request from its queue.
    pub(super) fn leave_queue(&mut self, ticket: QueueTicket) {
        if let Some(server) = self.servers.get_mut(ticket.server) {
            server.leave_queue(ticket.number);
        }
    }

    /// When the headers of the response arrive if the request is sent now.
    pub(super) fn headers_at(&self, lease: &Lease, now: Duration) -> Duration {
        let Some(server) = self.servers.get(lease.server) else { return now };
        let ready = server.connections.get(lease.connection).map_or(now, |connection| connection.ready);
        ready.max(now) + server.link.latency(now)
    }

    /// What a busy server responds: a status, and `Retry-After`.
    pub(super) fn rejection(&self, lease: &Lease) -> Option<(u16, Option<String>)> {
        self.servers.get(lease.server)?.rejection()
    }

    /// A body of `len` bytes starts to arrive.
    pub(super) fn start_body(&mut self, lease: &mut Lease, len: u64, now: Duration) {
        self.transfer(now);
        let stall = self.draw_stall(lease.server, len);
        let flow = Flow::new(lease.server, lease.connection, len, stall);
        let free = self.flows.iter().position(Option::is_none);
        let at = free.unwrap_or(self.flows.len());
        match self.flows.get_mut(at) {
            Some(slot) => *slot = Some(flow),
            None => self.flows.push(Some(flow)),
        }
        lease.flow = Some(at);
        self.recompute();
    }

    /// Reads the next piece of a body and returns its length. If there is none, `waker` is woken when there
    /// is.
    pub(super) fn take_piece(&mut self, lease: &Lease, now: Duration, waker: &Waker) -> Option<usize> {
        self.transfer(now);
        let link = &self.servers.get(lease.server)?.link;
        let flow = self.flows.get_mut(lease.flow?)?.as_mut()?;
        let was_full = flow.is_full(link);
        let piece = flow.take_piece(now, link, waker);
        let next = flow.next_event(now, link);
        if was_full && piece.is_some() {
            self.recompute();
        } else {
            self.next_event = self.next_event.into_iter().chain(next).min();
        }
        piece
    }

    /// A request ends. `is_aborted`: before its body was read to the end.
    pub(super) fn release(&mut self, lease: &mut Lease, is_aborted: bool, now: Duration) {
        self.transfer(now);
        let Some(server) = self.servers.get_mut(lease.server) else { return };
        match lease.flow.and_then(|flow| self.flows.get_mut(flow)) {
            // The server sends until it learns that the request was aborted.
            Some(Some(flow)) if !flow.is_complete() => {
                flow.abandoned_until = Some(now + server.link.round_trip);
                server.release(lease.connection, true, now);
            }
            Some(slot) => {
                let has_just_ended = slot.take().is_some_and(|flow| flow.rate > 0.0);
                // Otherwise its connection was released when the last byte arrived.
                if has_just_ended {
                    server.release(lease.connection, false, now);
                }
            }
            None => server.release(lease.connection, is_aborted, now),
        }
        self.recompute();
    }

    /// When something happens next.
    pub(super) fn next_event(&self) -> Option<Duration> {
        self.next_event
    }

    /// Applies all events up to this time.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some(next) = self.next_event.filter(|next| *next <= now) {
            self.transfer(next);
            self.recompute();
        }
    }

    /// Bytes that servers sent, and those of dropped requests, which no client read.
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.sent.round() as u64, self.abandoned.round() as u64)
    }

    /// Where a body stalls, and for how long. The random numbers are the same in every run.
    fn draw_stall(&mut self, server: usize, len: u64) -> Option<(f64, Duration)> {
        let stalls = self.servers.get(server)?.link.stalls?;
        self.count += 1;
        let random = split_mix(self.count);
        let at = (random >> 32) as f64 / f64::from(u32::MAX) * len as f64;
        random.is_multiple_of(stalls.one_in.max(1)).then_some((at, stalls.pause))
    }

    /// Transfers bodies at their current rates until `now`.
    fn transfer(&mut self, now: Duration) {
        let seconds = now.saturating_sub(self.now).as_secs_f64();
        self.now = self.now.max(now);
        if seconds == 0.0 {
            return;
        }
        for flow in self.flows.iter_mut().flatten().filter(|flow| flow.rate > 0.0) {
            let Some(server) = self.servers.get_mut(flow.server) else { continue };
            let arrived = flow.transfer(seconds, &server.link);
            self.sent += arrived;
            if flow.abandoned_until.is_some() {
                self.abandoned += arrived;
            }
            if let Some(connection) = server.connections.get_mut(flow.connection) {
                connection.on_bytes(arrived);
            }
        }
    }

    /// Applies what is due now, and computes the rates and the next event.
    fn recompute(&mut self) {
        let now = self.now;
        self.apply_due(now);
        self.count_moving();
        self.share_links(now);
        self.set_rates();
        self.next_event = self.find_next_event(now);
    }

    /// Ends bodies, starts and ends pauses, and ends round trips of connections.
    fn apply_due(&mut self, now: Duration) {
        for slot in &mut self.flows {
            let Some(flow) = slot else { continue };
            let Some(server) = self.servers.get_mut(flow.server) else { continue };
            flow.update_pause(now);
            if flow.is_complete() && flow.rate > 0.0 {
                flow.rate = 0.0;
                if flow.abandoned_until.is_none() {
                    server.release(flow.connection, false, now);
                }
            }
            flow.wake(now, &server.link);
            if flow.abandoned_until.is_some_and(|until| until <= now || flow.is_complete()) {
                *slot = None;
            }
        }
        for server in &mut self.servers {
            for connection in &mut server.connections {
                connection.update_round(now, &server.link);
            }
        }
    }

    /// Counts the bodies that may arrive now, and the connections that transfer them.
    fn count_moving(&mut self) {
        for server in &mut self.servers {
            server.connections.iter_mut().for_each(|connection| connection.moving = 0);
        }
        for flow in self.flows.iter_mut().flatten() {
            flow.rate = 0.0;
            let Some(server) = self.servers.get_mut(flow.server) else { continue };
            if flow.is_moving(&server.link)
                && let Some(connection) = server.connections.get_mut(flow.connection)
                && connection.can_transfer(&server.link)
            {
                flow.rate = 1.0;
                connection.moving += 1;
            }
        }
        for server in &mut self.servers {
            server.moving = server.connections.iter().filter(|connection| connection.moving > 0).count();
        }
    }

    /// Gives the connections of each server their fair share: the slowest servers first, and what they leave
    /// to the others.
    fn share_links(&mut self, now: Duration) {
        for server in &mut self.servers {
            let slowness = server.link.slowness(now);
            let all = server.link.bandwidth as f64 / slowness / server.moving.max(1) as f64;
            server.rate = all.min(server.link.per_connection as f64 / slowness);
        }
        for (at, bandwidth) in self.shared.iter().enumerate() {
            let mut users: Vec<_> = self.servers.iter_mut().filter(|server| server.uses(at)).collect();
            users.sort_by(|a, b| a.rate.total_cmp(&b.rate));
            let mut moving: usize = users.iter().map(|server| server.moving).sum();
            let mut left = *bandwidth;
            for server in users {
                server.rate = server.rate.min(left / moving as f64);
                left -= server.rate * server.moving as f64;
                moving -= server.moving;
            }
        }
    }

    /// Sets the rates of bodies and connections from the rates of servers.
    fn set_rates(&mut self) {
        for flow in self.flows.iter_mut().flatten().filter(|flow| flow.rate > 0.0) {
            let Some(server) = self.servers.get(flow.server) else { continue };
            let Some(connection) = server.connections.get(flow.connection) else { continue };
            flow.rate = server.rate / connection.moving as f64;
        }
        for server in &mut self.servers {
            for connection in &mut server.connections {
                connection.rate = if connection.moving > 0 { server.rate } else { 0.0 };
            }
        }
    }

    fn find_next_event(&self, now: Duration) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        let mut consider = |time: Option<Duration>| next = next.into_iter().chain(time).min();
        for flow in self.flows.iter().flatten() {
            let Some(server) = self.servers.get(flow.server) else { continue };
            consider(flow.next_event(now, &server.link));
        }
        for server in self.servers.iter().filter(|server| server.requests > 0) {
            consider(server.link.next_change(now).filter(|_| server.moving > 0));
            let used =
                server.connections.iter().filter(|connection| connection.users > 0 || connection.is_closed);
            used.for_each(|connection| consider(connection.next_event(now, &server.link)));
        }
        next
    }
}

/// A random number from a seed: `SplitMix64`.
fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
