//! A store in JavaScript, and files that are opened in it.

use js_sys::{Array, BigInt64Array, Float64Array, Function, Object, Promise, Reflect, Uint8Array};
use kelp_stream::web::{
    file::{CoreFile, CoreStream},
    manifest::JsManifest,
    open::open_manifest,
    pool::CorePool,
    settings::Settings,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

pub fn function(arguments: &str, body: &str) -> Function {
    Function::new_with_args(arguments, body)
}

pub fn global(name: &str) -> JsValue {
    get(&js_sys::global(), name)
}

pub fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

pub fn set(object: &JsValue, name: &str, value: impl Into<JsValue>) {
    Reflect::set(object, &name.into(), &value.into()).unwrap();
}

pub fn text(object: &JsValue, name: &str) -> String {
    get(object, name).as_string().unwrap_or_else(|| panic!("{name} is a text: {object:?}"))
}

pub async fn wait(promise: JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&promise)).await
}

/// Lets what is due run.
pub async fn pause(ms: i32) {
    let sleep = function("ms", "return new Promise((resolve) => setTimeout(resolve, ms))");
    wait(sleep.call1(&JsValue::NULL, &ms.into()).unwrap()).await.unwrap();
}

/// Gives the codec module that `npm run build` has made. The test runner serves the files of the repository.
pub async fn give_codec() {
    let load = "return fetch('/dist/kelp_stream_codec.wasm').then((found) => {
        if (!found.ok) throw new Error('there is no codec module: npm run build');
        return WebAssembly.compileStreaming(found);
    })";
    let module = wait(function("", load).call0(&JsValue::NULL).unwrap()).await.unwrap();
    kelp_stream::web::decode::give_codec(&module);
}

/// The byte at a position of every test's file.
pub fn bytes(range: std::ops::Range<u32>) -> Vec<u8> {
    range.map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// Blobs by URL, and the requests that were made.
pub struct Store {
    world: Object,
    /// What to open files with; change what a test is about.
    pub settings: Object,
}

/// Answers as a volume server would. Each request is logged: `{ url, range, init, aborted }`.
const FETCH: &str = "return async (url, init) => {
    const range = new Headers(init.headers).get('range');
    const asked = { url, range, init, aborted: false };
    world.log.push(asked);
    init.signal.addEventListener('abort', () => (asked.aborted = true));
    const blob = world.blobs[url];
    if (blob === undefined) return new Response(null, { status: 404 });
    if (range === null) return new Response(blob);
    const [, start, end] = range.match(/^bytes=(\\d+)-(\\d*)$/);
    const part = blob.subarray(Number(start), end === '' ? undefined : Number(end) + 1);
    const headers = { 'content-range': `bytes ${start}-${Number(start) + part.length - 1}/${blob.length}` };
    return new Response(part, { status: 206, headers });
}";

impl Store {
    pub fn new() -> Self {
        let world = Object::new();
        set(&world, "blobs", Object::new());
        set(&world, "log", Array::new());
        let settings = settings();
        let fetch = function("world", FETCH).call1(&JsValue::NULL, &world).unwrap();
        set(&settings, "fetch", fetch);
        Self { world, settings }
    }

    /// A store whose `fetch` is this body of a function of `url`, `init` and `world`.
    pub fn with_fetch(body: &str) -> Self {
        let store = Self::new();
        let body = format!("return (url, init) => {{ {body} }}");
        let fetch = function("world", &body).call1(&JsValue::NULL, &store.world).unwrap();
        set(&store.settings, "fetch", fetch);
        store
    }

    /// What `fetch` and callbacks know as `world`.
    pub fn world(&self) -> &Object {
        &self.world
    }

    pub fn store(&self, url: &str, bytes: &[u8]) {
        set(&get(&self.world, "blobs"), url, Uint8Array::from(bytes));
    }

    /// A callback of `argument` that knows `world`.
    pub fn callback(&self, name: &str, body: &str) {
        let body = format!("return (argument) => {{ {body} }}");
        let callback = function("world", &body).call1(&JsValue::NULL, &self.world).unwrap();
        set(&self.settings, name, callback);
    }

    /// Sets a number of the settings, by its place in `js/options.js`.
    pub fn set_number(&self, place: u32, number: f64) {
        get(&self.settings, "numbers").unchecked_into::<Float64Array>().set_index(place, number);
    }

    /// The requests so far.
    pub fn log(&self) -> Vec<JsValue> {
        get(&self.world, "log").unchecked_into::<Array>().iter().collect()
    }

    pub fn settings(&self) -> Settings {
        self.settings.clone().unchecked_into()
    }

    pub fn open(&self, size: u32, chunks: &[Chunk]) -> CoreFile {
        open_manifest(manifest(size, chunks), self.settings(), &pool()).unwrap()
    }

    /// Opens a file of these chunks and reads it whole.
    pub async fn read(&self, chunks: &[Chunk]) -> Result<Vec<u8>, JsValue> {
        let size = chunks.iter().map(|chunk| chunk.offset + chunk.size).max().unwrap();
        read(&self.open(size, chunks).stream(0.0, size.into()).unwrap()).await
    }
}

pub fn pool() -> CorePool {
    CorePool::new(Some(f64::INFINITY), Some(f64::INFINITY), Some(f64::INFINITY), None, None)
}

/// The defaults, but for patience: one pass.
fn settings() -> Object {
    let settings = Object::new();
    // As `js/options.js` lists them.
    let numbers = [
        1.0,
        64.0,
        0.0,
        1.0,
        f64::INFINITY,
        33_554_432.0,
        0.0,
        0.0,
        f64::NAN,
        f64::NAN,
        1.0,
        1.0,
        10.0,
        15_000.0,
        20_000.0,
    ];
    set(&settings, "numbers", Float64Array::from(&numbers[..]));
    for name in ["home", "filer"] {
        set(&settings, name, "");
    }
    set(&settings, "proxy", false);
    set(&settings, "isPrivate", false);
    set(&settings, "headers", Array::new());
    settings
}

/// Places of numbers in the settings.
pub const PASSES: u32 = 10;
pub const HEADERS_TIMEOUT: u32 = 13;
pub const IDLE_TIMEOUT: u32 = 14;

/// A chunk of a generic manifest.
#[derive(Clone, Default)]
pub struct Chunk {
    pub url: &'static str,
    pub offset: u32,
    pub size: u32,
    pub key: Option<[u8; 32]>,
    pub gzip: bool,
    pub md5: Option<Vec<u8>>,
}

pub fn manifest(size: u32, chunks: &[Chunk]) -> JsManifest {
    let mut numbers: Vec<f64> = Vec::new();
    let mut bytes = Vec::new();
    for Chunk { offset, size, key, gzip, md5, .. } in chunks {
        let len = |len: Option<usize>| len.map_or(-1.0, |len| len as f64);
        let (key_len, md5_len) = (key.map(|key| key.len()), md5.as_ref().map(Vec::len));
        let gzip = f64::from(u8::from(*gzip));
        let (offset, size) = (f64::from(*offset), f64::from(*size));
        numbers.extend([1.0, offset, size, -1.0, -1.0, gzip, len(key_len), len(md5_len)]);
        bytes.extend(key.iter().flatten().chain(md5.iter().flatten()));
    }
    let urls: Vec<_> = chunks.iter().map(|chunk| chunk.url).collect();
    let manifest = Object::new();
    set(&manifest, "size", size);
    set(&manifest, "numbers", Float64Array::from(&numbers[..]));
    set(&manifest, "urls", urls.join("\n"));
    set(&manifest, "bytes", Uint8Array::from(&bytes[..]));
    set(&manifest, "modified", BigInt64Array::new_with_length(chunks.len() as u32));
    manifest.unchecked_into()
}

/// Reads to the end.
pub async fn read(stream: &CoreStream) -> Result<Vec<u8>, JsValue> {
    let mut all = Vec::new();
    loop {
        let piece = next(stream).await?;
        if piece.is_undefined() {
            return Ok(all);
        }
        all.extend(piece.unchecked_into::<Uint8Array>().to_vec());
    }
}

pub async fn next(stream: &CoreStream) -> Result<JsValue, JsValue> {
    JsFuture::from(stream.read()).await
}

/// The error of a promise that must not be pending for long, nor succeed.
pub async fn error_of(reading: impl Future<Output = Result<Vec<u8>, JsValue>>) -> JsValue {
    let reading = std::pin::pin!(reading);
    let clock = std::pin::pin!(pause(5000));
    match futures::future::select(reading, clock).await {
        futures::future::Either::Left((read, _)) => read.unwrap_err(),
        futures::future::Either::Right(_) => panic!("it hangs"),
    }
}

/// What must be true of every error.
#[track_caller]
pub fn assert_error(error: &JsValue, code: &str) {
    assert!(error.is_instance_of::<js_sys::Error>(), "{error:?}");
    assert_eq!(text(&get(error, "constructor"), "name"), "KelpError");
    assert_eq!((text(error, "name"), text(error, "code")), ("KelpError".to_owned(), code.to_owned()));
    assert!(!text(error, "message").is_empty());
    assert!(get(error, "retryable").as_bool().is_some());
    assert!(Array::is_array(&get(error, "attempts")));
}
