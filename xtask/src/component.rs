//! Encodes a core module as a component, as it is published.

use std::{error::Error, fs, path::Path};

use wit_component::{ComponentEncoder, DecodedWasm, decode};
use wit_parser::{Resolve, WorldItem, WorldKey};

/// Encodes `wasm`, whose custom sections name its world, and prints its imports and exports.
pub fn write(wasm: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let module = fs::read(wasm).map_err(|error| format!("{}: {error}", wasm.display()))?;
    let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    fs::write(out, &component)?;
    let DecodedWasm::Component(resolve, world) = decode(&component)? else {
        return Err("the output is not a component".into());
    };
    let world = resolve.worlds.get(world).ok_or("the component has no world")?;
    println!("imports {}", names(&resolve, &world.imports).join(", "));
    println!("exports {}", names(&resolve, &world.exports).join(", "));
    Ok(())
}

fn names<'a>(
    resolve: &Resolve,
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<String> {
    items.into_iter().map(|(key, _)| resolve.name_world_key(key)).collect()
}
