//! Generates the JavaScript bindings of the wasm module, as they are published.

use std::{error::Error, path::Path};

use wasm_bindgen_cli_support::Bindgen;

/// Writes `<stem>.js`, `<stem>_bg.wasm` and the snippets of `wasm` into `out`.
///
/// Without types, since `js/index.d.ts` is written by hand. The names of functions are kept, for `scripts/split.mjs`.
pub fn write(wasm: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    if !wasm.is_file() {
        return Err(format!("{} does not exist: build it first", wasm.display()).into());
    }
    let mut output = Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .keep_debug(false)
        .remove_name_section(false)
        .remove_producers_section(true)
        .generate_output()?;
    let bridge = output.js().to_owned();
    drop_unused_exports(output.wasm_mut(), &bridge);
    output.emit(out)?;
    Ok(())
}

/// Removes exports that the bridge does not use, and what only they use.
fn drop_unused_exports(module: &mut walrus::Module, bridge: &str) {
    let unused = |name: &str| !bridge.contains(&format!("wasm.{name}"));
    let ids: Vec<_> =
        module.exports.iter().filter(|export| unused(&export.name)).map(|export| export.id()).collect();
    ids.into_iter().for_each(|id| module.exports.delete(id));
    walrus::passes::gc::run(module);
}
