//! What a file is made of.

pub mod chunk;
pub mod merge;
