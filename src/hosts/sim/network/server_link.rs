//! A server behind a link: its connections and the requests that wait for one.

use std::{collections::VecDeque, task::Waker, time::Duration};

use super::connection::Connection;
use crate::hosts::sim::link::{Link, Protocol, Shared};

/// A server behind a link.
#[derive(Debug)]
pub(super) struct ServerLink {
    pub(super) link: Link,
    pub(super) connections: Vec<Connection>,
    /// Requests that have a connection.
    pub(super) requests: usize,
    /// The tickets of requests that wait for a connection.
    queue: VecDeque<(u64, Waker)>,
    /// Connections that transfer bytes now, and the bytes per second that each may use.
    pub(super) moving: usize,
    pub(super) rate: f64,
}

impl ServerLink {
    pub(super) fn new(link: Link) -> Self {
        Self { link, connections: Vec::new(), requests: 0, queue: VecDeque::new(), moving: 0, rate: 0.0 }
    }

    /// A connection for the request with this ticket, if it is its turn. If not, `waker` is woken then.
    pub(super) fn try_connect(&mut self, ticket: u64, now: Duration, waker: &Waker) -> Option<usize> {
        let at = self.queue.iter().position(|(number, _)| *number == ticket);
        let before = at.unwrap_or(self.queue.len());
        if self.requests + before >= self.link.protocol.slots() {
            match at.and_then(|at| self.queue.get_mut(at)) {
                Some((_, waiting)) => waiting.clone_from(waker),
                None => self.queue.push_back((ticket, waker.clone())),
            }
            return None;
        }
        if let Some(at) = at {
            self.queue.remove(at);
        }
        Some(self.connect(now))
    }

    /// Removes a request from the queue.
    pub(super) fn leave_queue(&mut self, ticket: u64) {
        self.queue.retain(|(number, _)| *number != ticket);
        self.wake_next();
    }

    /// Uses the connection that was used last, or opens a new one.
    fn connect(&mut self, now: Duration) -> usize {
        self.requests += 1;
        let is_shared = matches!(self.link.protocol, Protocol::Http2(_));
        let is_free = |connection: &&(usize, &Connection)| {
            !connection.1.is_closed && (is_shared || connection.1.users == 0)
        };
        let newest_first = self.connections.iter().enumerate().rev();
        let found =
            newest_first.filter(|entry| is_free(&entry)).max_by_key(|(_, connection)| connection.idle_since);
        let at = match found {
            Some((at, _)) => at,
            None => self.open(now),
        };
        if let Some(connection) = self.connections.get_mut(at) {
            connection.add_user(now, &self.link);
        }
        at
    }

    fn open(&mut self, now: Duration) -> usize {
        let handshake = self.link.round_trip * self.link.handshake;
        let connection = Connection::new(now + handshake.mul_f64(self.link.slowness(now)), &self.link);
        // It takes the place of a closed connection whose last bytes have arrived.
        let is_over = |old: &Connection| old.is_closed && old.idle_since + self.link.round_trip < now;
        let at = self.connections.iter().position(is_over).unwrap_or(self.connections.len());
        match self.connections.get_mut(at) {
            Some(old) => *old = connection,
            None => self.connections.push(connection),
        }
        at
    }

    /// A request frees its connection. An aborted request closes it, unless other requests share it.
    pub(super) fn release(&mut self, connection: usize, is_aborted: bool, now: Duration) {
        self.requests -= 1;
        let is_shared = matches!(self.link.protocol, Protocol::Http2(_));
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.users -= 1;
            connection.idle_since = now;
            connection.is_closed |= is_aborted && !is_shared;
        }
        self.wake_next();
    }

    /// Wakes the requests for which there is a connection.
    fn wake_next(&self) {
        let free = self.link.protocol.slots().saturating_sub(self.requests);
        self.queue.iter().take(free).for_each(|(_, waker)| waker.wake_by_ref());
    }

    /// Whether bytes come over this shared link now.
    pub(super) fn uses(&self, shared: usize) -> bool {
        self.moving > 0 && self.link.shared == Some(Shared(shared))
    }

    /// What a busy server responds: a status, and `Retry-After`.
    pub(super) fn rejection(&self) -> Option<(u16, Option<String>)> {
        let busy = self.link.busy.as_ref().filter(|busy| self.requests > busy.above)?;
        Some((busy.status, busy.retry_after.clone()))
    }
}
