//! The worlds `library` and `library-async`: open files and read ranges of them.
//!
//! `settings` checks what a caller passes, `open` opens files, `convert` turns the core's types into those of `wit/`.
//! `p2` and `p3` export the interface of WASI 0.2 and 0.3.

mod convert;
mod open;
#[cfg(not(feature = "component-async"))]
mod p2;
#[cfg(feature = "component-async")]
mod p3;
mod settings;
