// The component as modules that Node runs: generated/library.js and its types.
import { transpile, writeFiles } from "@bytecodealliance/jco-transpile";

const component = process.argv[2] ?? "../../target/component/library.wasm";
const { files } = await transpile(component, { outDir: "generated", name: "library" });
await writeFiles(files);
console.log(Object.keys(files).join("\n"));
