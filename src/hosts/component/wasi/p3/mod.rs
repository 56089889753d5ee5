//! WASI 0.3. Its functions are futures and streams already, so it needs no executor of ours.

pub(in crate::hosts::component) mod clock;
pub(in crate::hosts::component) mod http;
#[cfg(feature = "component-gateway")]
pub(in crate::hosts::component) mod log;
#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
pub(in crate::hosts::component) mod pump;
