//! WASI 0.2. It has no callbacks: a call blocks until a pollable is ready. The `executor` is the one place that
//! blocks, so that many requests can be in flight at once.

pub(in crate::hosts::component) mod clock;
pub(in crate::hosts::component) mod executor;
pub(in crate::hosts::component) mod http;
#[cfg(feature = "component-gateway")]
pub(in crate::hosts::component) mod log;
