//! The errors of connections and of the user's functions.

use std::sync::Arc;

use crate::host::causes::Causes;

/// The error of a user's function, or of a connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The latest of these errors. The core refers to them by number.
pub(super) type NativeCauses = Causes<Arc<BoxError>>;
