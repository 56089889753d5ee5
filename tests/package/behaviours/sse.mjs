// Encrypted objects of the S3 gateway: their keys, and that errors, events and requests do not contain them.
import { equal, fails, ok, sameBytes } from "./assert.mjs";
import { caseOf, keysOf } from "./cases.mjs";
import { QUICK, mentions, readAll } from "./helpers.mjs";

/** Each encrypted object, and the option of its key. */
const OBJECTS = { "sse-c.bin": "customerKey", "sse-c-small.bin": "customerKey", "sse-s3.bin": "kek" };

const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const fromHex = (text) => Uint8Array.from(text.match(/../g), (digits) => parseInt(digits, 16));

/** The key of a case as bytes. */
const keyBytes = ({ key }) => (key.sseC ? fromBase64(key.sseC) : fromHex(key.sseS3Kek));

const withKey = (store, name) => ({ ...QUICK, locate: store.locate, sse: keysOf(caseOf(store, name)) });

export const sse = [
  {
    name: "without a key the error names the option", cluster: "s3",
    async run(kelp, store) {
      for (const [name, option] of Object.entries(OBJECTS)) {
        const found = caseOf(store, name);
        const other = option === "kek" ? { customerKey: keyBytes(found) } : { kek: keyBytes(found) };
        for (const keys of [undefined, {}, other]) {
          const error = await fails(kelp, "unsupported", kelp.openFiler(store.urlOf(found.path), { sse: keys }), name);
          ok(error.message.includes(`sse.${option}`), `${error.message} names sse.${option}`);
        }
      }
      equal((await store.chunkRequests()).length, 0, "requests for chunks");
    },
  },
  {
    name: "a wrong key is detected before any chunk is fetched", cluster: "s3",
    async run(kelp, store) {
      for (const [name, option] of Object.entries(OBJECTS)) {
        const found = caseOf(store, name);
        const almost = keyBytes(found);
        almost[31] ^= 1;
        const error = await fails(kelp, "corrupt", kelp.openFiler(store.urlOf(found.path), { sse: { [option]: almost } }), name);
        ok(error.message.includes(`sse.${option}`), `${error.message} names sse.${option}`);
        equal(error.retryable, false, "retryable");
      }
      equal((await store.chunkRequests()).length, 0, "requests for chunks");
    },
  },
  {
    // F73
    name: "SSE-KMS is unsupported", cluster: "s3",
    async run(kelp, store) {
      const { path, ...found } = caseOf(store, "sse-c.bin");
      const entry = (await store.text(`${store.urlOf(path)}?metadata=true`)).replaceAll('"sse_type":1', '"sse_type":2');
      const error = await fails(kelp, "unsupported", kelp.openEntry(entry, { filer: store.filer, sse: { customerKey: keyBytes(found), kek: keyBytes(found) } }));
      ok(error.message.includes("SSE-KMS"), error.message);
    },
  },
  {
    name: "a key is copied from bytes or text", cluster: "s3",
    async run(kelp, store, help) {
      for (const [name, option] of Object.entries(OBJECTS)) {
        const { path, sha256, ...found } = caseOf(store, name);
        const key = keyBytes(found);
        const padded = new Uint8Array([1, ...key, 2]).subarray(1, 33);
        const texts = option === "kek" ? [found.key.sseS3Kek, found.key.sseS3Kek.toUpperCase()] : [found.key.sseC];
        for (const form of [key, padded, ...texts]) {
          const opening = kelp.openFiler(store.urlOf(path), { sse: { [option]: form } });
          if (typeof form !== "string") form.fill(0);
          equal(await help.sha256(await (await opening).bytes()), sha256, `${name} with ${typeof form}`);
        }
      }
    },
  },
  {
    name: "a broken encrypted body is resumed by a range", cluster: "s3",
    async run(kelp, store, help) {
      for (const name of ["sse-c.bin", "sse-s3.bin"]) {
        const { path, sha256 } = caseOf(store, name);
        const file = await kelp.openFiler(store.urlOf(path), withKey(store, name));
        await store.resetLog();
        // Slowly, since Chromium drops bytes that arrive together with the end.
        const fault = await store.fault({ server: /^volume/, nth: 1 }, { rate: 200_000, cut: 33_333 });
        const { bytes, error } = await readAll(file.stream());
        if (error) throw error;
        equal(await help.sha256(bytes), sha256, "sha256");
        equal(await fault.hits(), 1, "bodies cut");
        const ranges = (await store.chunkRequests()).filter(({ range }) => range !== null);
        ok(ranges.length > 0, "the rest was requested as a range");
        await fault.remove();
      }
    },
  },
  {
    name: "damaged bytes of an encrypted object are corrupt", cluster: "s3",
    async run(kelp, store) {
      const { path } = caseOf(store, "sse-c-small.bin");
      await store.fault({ server: /^volume/ }, { corrupt: 500 });
      const file = await kelp.openFiler(store.urlOf(path), withKey(store, "sse-c-small.bin"));
      await fails(kelp, "corrupt", file.bytes());
    },
  },
  {
    name: "parts of an encrypted object are requested as ranges", cluster: "s3",
    async run(kelp, store) {
      const file = await kelp.openFiler(store.urlOf(caseOf(store, "sse-s3.bin").path), withKey(store, "sse-s3.bin"));
      const whole = await file.bytes();
      await store.resetLog();
      for (const [start, end] of [[0, 1], [15, 17], [1_048_575, 1_048_577], [1_099_999, 1_100_000]]) {
        sameBytes(await file.bytes({ start, end }), whole.subarray(start, end), `${start}..${end}`);
      }
      ok((await store.chunkRequests()).every(({ range }) => range !== null), "all are ranges");
    },
  },
  {
    name: "decryption does not change the pieces of a body", cluster: "s3",
    async run(kelp, store, help) {
      const { path, sha256 } = caseOf(store, "sse-c.bin");
      const bodies = [];
      const inOnePiece = async (url, init) => {
        const response = await fetch(url, init);
        const piece = new Uint8Array(await response.arrayBuffer());
        bodies.push([piece, piece.slice()]);
        return new Response(new ReadableStream({ start: (controller) => (controller.enqueue(piece), controller.close()) }), { status: response.status });
      };
      const file = await kelp.openFiler(store.urlOf(path), { ...withKey(store, "sse-c.bin"), fetch: inOnePiece });
      equal(await help.sha256(await file.bytes()), sha256, "sha256");
      ok(bodies.some(([{ length }]) => length === 1_048_576), "there was a large piece");
      for (const [piece, before] of bodies) sameBytes(piece, before, "what fetch handed out");
    },
  },
  {
    name: "no key is in an error, an event or a request", cluster: "s3",
    async run(kelp, store) {
      const events = [];
      const errors = [];
      for (const [name, option] of Object.entries(OBJECTS)) {
        const found = caseOf(store, name);
        const url = store.urlOf(found.path);
        const open = (sse) => kelp.openFiler(url, { ...withKey(store, name), sse, onEvent: (event) => events.push(event) });
        const file = await open(keysOf(found));
        await file.bytes();
        const fault = await store.fault({ server: /^volume/ }, { corrupt: 500 });
        errors.push(await fails(kelp, "corrupt", file.bytes()));
        await fault.remove();
        const almost = keyBytes(found);
        almost[0] ^= 1;
        errors.push(await fails(kelp, "corrupt", open({ [option]: almost })));
        // One character is missing.
        const cut = (found.key.sseC ?? found.key.sseS3Kek).slice(0, -2);
        errors.push(await open({ [option]: cut }).then(() => ok(false, "it is refused"), (error) => error));
      }
      ok(events.length > 0, "there are events");
      const requests = await store.requests();
      for (const name of Object.keys(OBJECTS)) {
        const { key } = caseOf(store, name);
        const text = key.sseC ?? key.sseS3Kek;
        for (const secret of [text.slice(0, -2), [...keyBytes({ key })].slice(1, 5).join()]) {
          for (const error of errors) ok(!mentions(error, secret), `${error.message} mentions a key`);
          for (const text of [...events, ...requests]) ok(!mentions(text, secret), `${JSON.stringify(text)} mentions a key`);
        }
      }
    },
  },
];
