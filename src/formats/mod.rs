//! The formats that list the chunks of a file: bytes in, values of the model out.
//!
//! There are two: the [formats of SeaweedFS](seaweedfs), and the [generic manifest](manifest) for any other
//! store.

pub mod manifest;
pub mod seaweedfs;
