//! Questions that are asked once, for all who want to know at the same time.

use std::{
    fmt,
    future::{Future, poll_fn},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// What locators learn: servers, a token, or both.
#[derive(Clone, Default)]
pub(crate) struct Found {
    /// Where servers begin, without a slash at the end.
    pub(crate) servers: Vec<String>,
    pub(crate) token: Option<String>,
}

/// Answers by their questions, and who waits for one.
///
/// Whoever asks first does the asking in their own future, and the others wait for what comes of it.
/// So there is nothing to spawn, and nothing goes on when nobody waits any more. If the first one is
/// dropped, one of the others begins anew.
pub(crate) struct SingleFlight<T>(Mutex<State<T>>);

struct State<T> {
    known: Vec<Inquiry<T>>,
    waiting: Vec<Waker>,
}

struct Inquiry<T> {
    question: String,
    /// The latest answer, and when it came.
    answer: Option<(T, Duration)>,
    /// How many answers have come.
    rounds: u64,
    /// Somebody is asking.
    busy: bool,
}

/// More answers are not kept: the oldest question goes first. A file has some hundred volumes at
/// most, and its tokens live for seconds.
const MAX_KNOWN: usize = 512;

impl<T: Clone> SingleFlight<T> {
    /// The answer to a question: a known one that is `good`, by what it is and when it came; else the
    /// one that somebody is asking for already; else what comes of `asking`.
    pub(crate) async fn ask(
        &self,
        question: &str,
        now: impl Fn() -> Duration,
        good: impl Fn(&T, Duration) -> bool,
        asking: impl Future<Output = T>,
    ) -> T {
        let mut joined = None;
        if let Some(answer) = poll_fn(|cx| self.poll_known(question, &mut joined, &good, cx)).await {
            return answer;
        }
        let turn = Turn { inquiries: self, question };
        let answer = asking.await;
        turn.answered(answer.clone(), now());
        answer
    }

    /// The answer, once there is one; `None` where it is now up to the caller to ask. `joined`: the
    /// round that was under way when the caller came, whose answer will do.
    fn poll_known(
        &self,
        question: &str,
        joined: &mut Option<u64>,
        good: &dyn Fn(&T, Duration) -> bool,
        cx: &Context<'_>,
    ) -> Poll<Option<T>> {
        let mut state = self.lock();
        let inquiry = state.find(question);
        if let Some((answer, at)) = &inquiry.answer
            && (good(answer, *at) || joined.is_some_and(|round| round != inquiry.rounds))
        {
            return Poll::Ready(Some(answer.clone()));
        }
        if inquiry.busy {
            *joined = joined.or(Some(inquiry.rounds));
            if !state.waiting.iter().any(|known| known.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        }
        inquiry.busy = true;
        Poll::Ready(None)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn find(&mut self, question: &str) -> &mut Inquiry<T> {
        let at = self.known.iter().position(|known| known.question == question).unwrap_or_else(|| {
            if self.known.len() >= MAX_KNOWN
                && let Some(oldest) = self.known.iter().position(|known| !known.busy)
            {
                self.known.remove(oldest);
            }
            self.known.push(Inquiry { question: question.to_owned(), answer: None, rounds: 0, busy: false });
            self.known.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was just found or put there")]
        &mut self.known[at]
    }
}

/// Somebody asks; dropping it lets others.
struct Turn<'a, T: Clone> {
    inquiries: &'a SingleFlight<T>,
    question: &'a str,
}

impl<T: Clone> Turn<'_, T> {
    fn answered(self, answer: T, now: Duration) {
        let mut state = self.inquiries.lock();
        let inquiry = state.find(self.question);
        inquiry.answer = Some((answer, now));
        inquiry.rounds += 1;
    }
}

impl<T: Clone> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.inquiries.lock();
            state.find(self.question).busy = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::new(State { known: Vec::new(), waiting: Vec::new() }))
    }
}

impl<T> fmt::Debug for SingleFlight<T> {
    /// Without the answers: tokens are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::{FutureExt, channel::oneshot, future::join};

    use super::*;

    const NOW: fn() -> Duration = || Duration::ZERO;

    fn never_good(_: &u32, _: Duration) -> bool {
        false
    }

    #[test]
    fn those_who_ask_at_the_same_time_get_one_answer() {
        let inquiries = SingleFlight::default();
        let (told, answer) = oneshot::channel();
        let first = inquiries.ask("q", NOW, never_good, async { answer.await.unwrap() });
        let second = inquiries.ask("q", NOW, never_good, async { panic!("it is being asked already") });
        let mut both = Box::pin(join(first, second));
        assert!(both.as_mut().now_or_never().is_none());
        told.send(7).unwrap();
        assert_eq!(both.now_or_never(), Some((7, 7)));
    }

    #[test]
    fn another_question_does_not_wait() {
        let inquiries = SingleFlight::default();
        let first = inquiries.ask("q", NOW, never_good, std::future::pending());
        let mut first = Box::pin(first);
        assert!(first.as_mut().now_or_never().is_none());
        assert_eq!(inquiries.ask("r", NOW, never_good, async { 1 }).now_or_never(), Some(1));
    }

    #[test]
    fn a_known_answer_is_given_while_it_is_good() {
        let inquiries = SingleFlight::default();
        let asked = Cell::new(0);
        let ask = |good: bool| {
            let asking = async {
                asked.set(asked.get() + 1);
                asked.get()
            };
            inquiries.ask("q", NOW, move |_, _| good, asking).now_or_never()
        };
        assert_eq!([ask(true), ask(true), ask(false), ask(true)], [Some(1), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn when_the_one_who_asks_goes_away_another_begins_anew() {
        let inquiries = SingleFlight::default();
        let mut first = Box::pin(inquiries.ask("q", NOW, never_good, std::future::pending()));
        let mut second = Box::pin(inquiries.ask("q", NOW, never_good, async { 2 }));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(second.now_or_never(), Some(2));
    }

    #[test]
    fn not_every_answer_is_kept() {
        let inquiries = SingleFlight::default();
        for i in 0..MAX_KNOWN + 100 {
            let question = i.to_string();
            inquiries.ask(&question, NOW, never_good, async { 0 }).now_or_never().unwrap();
        }
        assert_eq!(inquiries.lock().known.len(), MAX_KNOWN);
    }
}
