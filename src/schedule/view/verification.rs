//! The steps of an attempt after its body: decoding, digest, delivery of the last bytes.
//!
//! A chunk that is decoded whole is checked by the host that decodes it. A view that was handed on as it arrived
//! waits for the value of its digest. Both take time, during which no server is busy with the view.
//!
//! The decoder may stop, with a worker that dies. Then bytes are lost that had arrived: they are fetched and decoded
//! again at once. No server is to blame, so no attempt is counted; but it happens a few times only.

use super::{
    body::{BufferSink, StreamSink},
    decoding,
    fetch::{AfterDigest, Circumstance, Failure, State, ViewFetch},
    gzip_sniffer::Sniffed,
    io::{Action, Context, Operation, Role, Update},
    stream::{decrypted_all, deliver_view},
    target::{BodyMode, Target},
};
use crate::{
    error::{Error, Kind},
    host::{
        Algorithm, Checksum, DecodeError, Piece, PrepareError,
        event::{Event, EventKind},
    },
    schedule::retry::AttemptError,
};

/// A view is fetched again this many times because the decoder stopped.
const MAX_INTERRUPTIONS: u32 = 3;

impl<P: Piece> ViewFetch<'_, P> {
    /// A body that is handed on as it arrives has ended.
    pub(super) fn on_stream_end(&mut self, mut sink: StreamSink<P>, cx: &Context<'_, P>) {
        match sink.sniff() {
            Sniffed::Plain => self.pass_held(sink, cx),
            Sniffed::Gzip => self.inflate(sink),
            Sniffed::PlainIf(plain) => {
                let mut digest = (cx.digest)(Algorithm::Md5);
                sink.digest_held(&mut digest);
                self.compute(digest, AfterDigest::Sniffed { sink, plain });
            }
        }
    }

    /// Passes on what a body held back.
    fn pass_held(&mut self, mut sink: StreamSink<P>, cx: &Context<'_, P>) {
        let (held, _) = sink.take_held();
        self.pass_last(sink, held, cx);
    }

    /// Inflates what a body held back.
    fn inflate(&mut self, mut sink: StreamSink<P>) {
        let (stored, params) = sink.take_held();
        self.actions.update(Update::Decoding(true));
        self.actions.start(Role::Primary, Operation::Decode { stored, params });
        self.state = State::Inflating(Box::new(sink));
    }

    pub(super) fn on_inflated(
        &mut self,
        sink: StreamSink<P>,
        inflated: Result<Vec<P>, DecodeError>,
        cx: &Context<'_, P>,
    ) {
        self.actions.update(Update::Decoding(false));
        match inflated {
            Ok(pieces) => self.pass_last(sink, pieces, cx),
            Err(error) => self.on_not_decoded(error, cx),
        }
    }

    fn pass_last(&mut self, mut sink: StreamSink<P>, pieces: Vec<P>, cx: &Context<'_, P>) {
        match sink.pass_all(pieces, &self.target, &mut self.stream, &mut self.actions, cx) {
            Ok(_) => self.check_stream(cx),
            Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
        }
    }

    /// No more bytes of a view come: checks that it is complete and correct.
    pub(super) fn check_stream(&mut self, cx: &Context<'_, P>) {
        self.digest_stream(AfterDigest::Complete, cx);
    }

    /// Computes the digest of a view, if it has one.
    pub(super) fn digest_stream(&mut self, after: AfterDigest<P>, cx: &Context<'_, P>) {
        match self.stream.digest() {
            Ok(Some(digest)) => self.compute(digest, after),
            Ok(None) => self.end_stream(cx),
            Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
        }
    }

    pub(super) fn compute(&mut self, digest: P::Digest, after: AfterDigest<P>) {
        self.actions.update(Update::Digesting(true));
        // What follows a body that broke off is another request, which should not be late. A body that goes on waits for
        // the value, and its connection with it.
        let is_urgent = matches!(after, AfterDigest::Broken { .. } | AfterDigest::Surplus(_));
        self.actions.start(Role::Primary, Operation::Digest { digest, is_urgent });
        self.state = State::Digesting(Box::new(after));
    }

    pub(super) fn on_digested(
        &mut self,
        after: AfterDigest<P>,
        digest: P::Digest,
        value: Result<Checksum, DecodeError>,
        cx: &Context<'_, P>,
    ) {
        self.actions.update(Update::Digesting(false));
        let value = match value {
            Ok(value) => value,
            Err(error) => return self.on_not_decoded(error, cx),
        };
        match after {
            AfterDigest::Sniffed { sink, plain } if value == Checksum::Md5(plain) => self.pass_held(sink, cx),
            AfterDigest::Sniffed { sink, .. } => self.inflate(sink),
            AfterDigest::Surplus(body) => {
                let is_right = self.stream.matches(value);
                self.stream.resume(digest);
                self.after_surplus(body, is_right, cx);
            }
            _ if self.stream.matches(value) => self.end_stream(cx),
            AfterDigest::Complete => {
                let error = self.stream.mismatch();
                self.on_attempt_failed(error, Circumstance::Online, cx);
            }
            AfterDigest::Broken { error, circumstance } => {
                self.stream.resume(digest);
                self.on_attempt_failed(error, circumstance, cx);
            }
        }
    }

    /// A view has arrived and is as verified as it can be.
    pub(super) fn end_stream(&mut self, cx: &Context<'_, P>) {
        self.stream.finish(&mut self.actions);
        cx.failures.reset();
        self.end(None);
    }

    /// Decodes a chunk that has arrived.
    pub(super) fn decode(&mut self, sink: BufferSink<P>) {
        let BufferSink { stored, headers, .. } = sink;
        let params = decoding::params(&self.target, self.options.verify, &stored, &headers);
        self.actions.update(Update::Decoding(true));
        self.actions.start(Role::Primary, Operation::Decode { stored, params });
        self.state = State::Decoding;
    }

    pub(super) fn on_decoded(&mut self, decoded: Result<Vec<P>, DecodeError>, cx: &Context<'_, P>) {
        self.actions.update(Update::Decoding(false));
        let pieces = match decoded {
            Ok(pieces) => pieces,
            Err(error) => return self.on_not_decoded(error, cx),
        };
        match self.accept(pieces, cx) {
            Ok(()) => cx.failures.reset(),
            Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
        }
    }

    /// Hands on decoded bytes, if they are those of the chunk.
    fn accept(&mut self, pieces: Vec<P>, cx: &Context<'_, P>) -> Result<(), AttemptError> {
        let event = self.target.event(EventKind::Decoded);
        let bytes = Some(decoding::len_of(&pieces));
        self.actions.report(Event { bytes, ..event });
        decoding::check(&self.target, &pieces)?;
        if self.target.mode == BodyMode::Manifest {
            let chunks = decoding::manifest(&self.target.chunk, &pieces)?;
            self.actions.update(Update::Learn(chunks));
            self.end(None);
        } else {
            let Target { chunk, view, .. } = &self.target;
            let pieces = decrypted_all(chunk, pieces, cx);
            let holds = match (cx.keep)(chunk, view, pieces) {
                Ok(copies) => {
                    copies.into_iter().for_each(|piece| self.actions.update(Update::Deliver(piece)));
                    view.len()
                }
                Err(pieces) => deliver_view(view, pieces, &mut self.actions),
            };
            self.end(Some(holds));
        }
        Ok(())
    }

    /// Neither a decoded chunk nor the value of a digest.
    fn on_not_decoded(&mut self, error: DecodeError, cx: &Context<'_, P>) {
        match error {
            DecodeError::Interrupted => self.on_interrupted(cx),
            DecodeError::Unavailable(error) => self.fail_without_codec(error),
            _ => self.on_attempt_failed(error.into(), Circumstance::Online, cx),
        }
    }

    /// The decoder stopped: the bytes are lost, and with them the digest of those before.
    fn on_interrupted(&mut self, cx: &Context<'_, P>) {
        self.close_request();
        let Some(request) = self.request.take() else { return };
        self.failure = Failure { replica: request.replica, host: request.host, reason: "interrupted" };
        self.interruptions += 1;
        if self.interruptions > MAX_INTERRUPTIONS {
            let message = format!("the decoder stopped {} times", self.interruptions);
            return self.fail(Error::new(Kind::Internal, message).of_chunk(self.target.name()));
        }
        if self.target.mode.is_stream() {
            self.actions.push(Action::Recover { restart: true });
            self.state = State::Restarting;
        } else {
            self.attempt_again(self.failure.replica, true, cx);
        }
    }

    /// The window dropped the view, unless some of it has reached the reader.
    pub(super) fn after_restart(&mut self, is_restarted: bool, cx: &Context<'_, P>) {
        if !is_restarted {
            let message = "the decoder stopped, and bytes were delivered that can no longer be verified";
            return self.fail(Error::new(Kind::Internal, message).of_chunk(self.target.name()));
        }
        self.stream.restart();
        self.narrow();
        self.etag = None;
        self.attempt_again(self.failure.replica, true, cx);
    }

    /// The host can neither decode nor digest.
    pub(super) fn fail_without_codec(&mut self, error: PrepareError) {
        let cause = error.cause;
        let error = Error::new(Kind::Unsupported, error.to_string()).of_chunk(self.target.name());
        self.fail(error.because(cause));
    }
}
