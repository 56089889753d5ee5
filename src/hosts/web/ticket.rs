//! What the core waits for in JavaScript: a response, what a function of the user's returns, a digest.
//!
//! `js/ticket.js` reports everything with a number, the ticket, to one closure that lives as long as the module. What comes
//! waits under the ticket until the [`Call`] is polled. A call that is dropped takes its ticket away first: what comes later for it
//! finds nothing, and wakes nothing.

use std::{
    cell::{OnceCell, RefCell},
    collections::VecDeque,
    fmt,
    future::poll_fn,
    mem,
    task::{Context, Poll, Waker},
};

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};

use super::turn::Turn;
use crate::{host::Request, http::headers::Headers};

#[wasm_bindgen(module = "/js/ticket.js")]
extern "C" {
    /// What is under way in JavaScript.
    pub(super) type Work;

    fn listen(callback: &JsValue, fields: &str);
    #[wasm_bindgen(method)]
    fn cancel(this: &Work);
    /// Of a request that was sent without a ticket.
    #[wasm_bindgen(method)]
    fn report(this: &Work, ticket: u32);
    /// Of a request.
    #[wasm_bindgen(method)]
    fn read(this: &Work);
}

#[wasm_bindgen(module = "/js/request.js")]
extern "C" {
    fn send(
        ticket: u32,
        fetch: Option<&Function>,
        url: &str,
        headers: Option<&Array>,
        start: f64,
        end: f64,
        is_manual: bool,
        gathered: f64,
    ) -> Work;
}

// The files that it imports: wasm-bindgen copies only files that are named in Rust.
#[wasm_bindgen(module = "/js/codec/turns.js")]
extern "C" {
    #[wasm_bindgen(js_name = isSliceOver)]
    fn is_slice_over() -> bool;
}

#[wasm_bindgen(module = "/js/runtime.js")]
extern "C" {
    #[wasm_bindgen(js_name = bodyReader)]
    fn body_reader(body: &JsValue, length: Option<f64>) -> JsValue;
}

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(js_name = isByteStream)]
    fn is_byte_stream(body: &JsValue) -> bool;
}

#[wasm_bindgen(module = "/js/redirects.js")]
extern "C" {
    #[wasm_bindgen(js_name = redirectTarget)]
    fn redirect_target(response: &JsValue) -> JsValue;
}

/// Something that happened.
pub(super) enum Happened {
    /// The head of the response: its status, and the text that `headOf` makes.
    Head(u16, String),
    /// The next bytes of the body.
    Piece(Uint8Array, usize),
    /// The body has ended.
    End,
    /// It failed with this exception.
    Failed(JsValue),
    /// What it has resulted in, a number or a text.
    Value(u32, String),
}

impl Happened {
    fn new(kind: u32, count: u32, text: Option<String>, value: JsValue) -> Self {
        match kind {
            0 => Self::Head(count as u16, text.unwrap_or_default()),
            1 => Self::Piece(value.unchecked_into(), count as usize),
            2 => Self::End,
            4 => Self::Value(count, text.unwrap_or_default()),
            _ => Self::Failed(value),
        }
    }
}

#[derive(Default)]
struct Tickets {
    last: u32,
    open: Vec<Ticket>,
}

struct Ticket {
    number: u32,
    happened: VecDeque<Happened>,
    waker: Option<Waker>,
}

type Callback = Closure<dyn Fn(u32, u32, u32, Option<String>, JsValue)>;

thread_local! {
    static TICKETS: RefCell<Tickets> = RefCell::default();
    static CALLBACK: OnceCell<Callback> = const { OnceCell::new() };
}

impl Tickets {
    fn open(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.open.push(Ticket { number: self.last, happened: VecDeque::new(), waker: None });
        self.last
    }

    fn find(&mut self, number: u32) -> Option<&mut Ticket> {
        self.open.iter_mut().find(|ticket| ticket.number == number)
    }
}

/// Has everything reported that happens, from the first request on.
fn begin_listening() {
    CALLBACK.with(|callback| {
        callback.get_or_init(|| {
            let callback: Callback = Closure::new(on_report);
            let fields = RefCell::new(Vec::new());
            let _ = Headers::read(|name| {
                fields.borrow_mut().push(name);
                None
            });
            listen(callback.as_ref(), &fields.borrow().join(","));
            callback
        });
    });
}

fn on_report(number: u32, kind: u32, count: u32, text: Option<String>, value: JsValue) {
    let _turn = Turn::begin();
    let happened = Happened::new(kind, count, text, value);
    let waker = TICKETS.with_borrow_mut(|tickets| {
        let ticket = tickets.find(number)?;
        ticket.happened.push_back(happened);
        ticket.waker.take()
    });
    // Not while the tickets are borrowed: what it wakes may poll a request.
    waker.into_iter().for_each(Waker::wake);
}

/// Something that is under way in JavaScript. Dropping it stops it.
pub(super) struct Call {
    ticket: u32,
    /// None if it cannot be stopped, or is over.
    work: Option<Work>,
}

impl Call {
    /// Begins it. `begin` gets the ticket.
    pub(super) fn new(begin: impl FnOnce(u32) -> Option<Work>) -> Self {
        begin_listening();
        let ticket = TICKETS.with_borrow_mut(Tickets::open);
        let mut call = Self { ticket, work: None };
        call.work = begin(ticket);
        call
    }

    /// Sends a request. `headers`: the user's, if it may have them. `is_manual`: no redirect is followed.
    pub(super) fn send(
        fetch: Option<&Function>,
        headers: Option<&Array>,
        request: &Request,
        is_manual: bool,
        gathered: u64,
    ) -> Self {
        let (start, end) = match request.range {
            Some(range) => (range.start as f64, range.end.map_or(f64::INFINITY, |end| end as f64)),
            None => (-1.0, 0.0),
        };
        Self::new(|ticket| {
            Some(send(ticket, fetch, &request.url, headers, start, end, is_manual, gathered as f64))
        })
    }

    /// Takes over a request that JavaScript has sent.
    pub(super) fn adopt(request: Work) -> Self {
        Self::new(|ticket| {
            request.report(ticket);
            Some(request)
        })
    }

    /// Asks for the next piece of the body, and for those that follow up to `gathered` bytes.
    pub(super) fn read(&self) {
        if let Some(request) = &self.work {
            request.read();
        }
    }

    /// The next thing that happens.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Happened> {
        let happened = TICKETS.with_borrow_mut(|tickets| {
            let ticket = tickets.find(self.ticket)?;
            let happened = ticket.happened.pop_front();
            if happened.is_none() {
                ticket.waker = Some(cx.waker().clone());
            }
            happened
        });
        if let Some(Happened::End | Happened::Value(..)) = happened {
            self.work = None;
        }
        happened.map_or(Poll::Pending, Poll::Ready)
    }

    /// What it results in: the number and the text, or the exception.
    pub(super) async fn value(mut self) -> Result<(u32, String), JsValue> {
        match poll_fn(|cx| self.poll(cx)).await {
            Happened::Value(number, text) => Ok((number, text)),
            Happened::Failed(thrown) => Err(thrown),
            _ => Err(JsValue::UNDEFINED),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let ticket = TICKETS.with_borrow_mut(|tickets| {
            let at = tickets.open.iter().position(|ticket| ticket.number == self.ticket)?;
            Some(tickets.open.swap_remove(at))
        });
        // Not while the tickets are borrowed, either.
        mem::drop(ticket);
        if let Some(work) = &self.work {
            // Calls the listeners of the user's signal, which may call back.
            work.cancel();
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
