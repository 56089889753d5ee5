// The encrypted film, without latency or limits.
import { interleave } from "../rounds.mjs";
import { amount, ratio, table } from "../table.mjs";

export const title = "the film, 2.3 MB in 36 encrypted chunks, four at a time through the filer";

export async function run(bench) {
  const store = await bench.startStore({ cluster: "cipher" });
  const { path, size } = store.cases.find(({ name }) => name === "film");
  const url = store.filer + path;
  const { chunks } = JSON.parse(await store.ask("text", `${url}?metadata=true`));
  // Through the filer, since each volume server holds only some of the chunks.
  const sorted = chunks.map((chunk) => ({ offset: 0, ...chunk })).sort((a, b) => a.offset - b.offset);
  const stored = sorted.map(({ file_id: fileId, cipher_key: key }) => ({ fileId, urls: [`${store.filer}/?proxyChunkId=${fileId}`], key }));
  const file = await bench.keep({ name: "film", url, size, chunks: stored, proxied: true });
  const byPackage = (decoder) => bench.kelp(file, { decoder, concurrency: 4 });
  const byHand = () => bench.rival(file, "pipeline", 4);
  const samples = await interleave({ native: byPackage("native"), wasm: byPackage("wasm"), hand: byHand(), again: byHand() }, bench.rounds(9, 5), 2);
  table(["WebCrypto over wasm", "kelp-stream with WebCrypto over by hand", "kelp-stream with wasm over by hand", "by hand over itself", "kelp-stream with WebCrypto"], [[
    ratio(samples.ratio("wasm", "native")), ratio(samples.ratio("hand", "native")), ratio(samples.ratio("hand", "wasm")),
    ratio(samples.ratio("hand", "again")), amount(samples.of("native")),
  ]]);
}
