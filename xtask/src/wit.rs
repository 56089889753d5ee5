//! Checks that the interface files in `wit/` parse, and that all names in them exist.

use std::{error::Error, path::Path};

use wit_parser::Resolve;

/// Parses the package in `dir`, and prints its interfaces and worlds.
pub fn check(dir: &Path) -> Result<(), Box<dyn Error>> {
    if !dir.is_dir() {
        return Err(format!("{} is not a folder", dir.display()).into());
    }
    let mut resolve = Resolve::default();
    let parsed = resolve.push_dir(dir);
    // With file, line and source text.
    let (package, _) = parsed.map_err(|error| resolve.render_error(&error))?;
    let package = resolve.packages.get(package).ok_or("the folder has no package")?;
    let interfaces: Vec<&str> = package.interfaces.keys().map(String::as_str).collect();
    let worlds: Vec<&str> = package.worlds.keys().map(String::as_str).collect();
    println!("{}: interfaces {}; worlds {}", package.name, interfaces.join(", "), worlds.join(", "));
    Ok(())
}
