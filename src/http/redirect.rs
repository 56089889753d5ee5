//! The limit on redirects.

/// As many redirects as browsers follow.
pub(crate) const MAX_REDIRECTS: usize = 20;
