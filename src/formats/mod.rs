//! The formats that list the chunks of a file.

pub mod manifest;
pub mod seaweedfs;
