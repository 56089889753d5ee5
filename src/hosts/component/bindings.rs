//! The worlds in `wit/`, as Rust.

#[cfg(all(feature = "component-gateway", not(feature = "component-async")))]
mod world {
    use crate::hosts::component::p2::gateway::Gateway;

    wit_bindgen::generate!({ path: "wit", world: "gateway", generate_all });
    export!(Gateway);
}

#[cfg(all(feature = "component-gateway", feature = "component-async"))]
mod world {
    use crate::hosts::component::p3::gateway::Gateway;

    wit_bindgen::generate!({ path: "wit", world: "gateway-async", generate_all });
    export!(Gateway);
}

#[cfg(all(
    feature = "component-library",
    not(any(feature = "component-gateway", feature = "component-async"))
))]
mod world {
    use crate::hosts::component::p2::library::Library;

    wit_bindgen::generate!({ path: "wit", world: "library", generate_all });
    export!(Library);
}

#[cfg(all(feature = "component-library", feature = "component-async", not(feature = "component-gateway")))]
mod world {
    use crate::hosts::component::p3::library::Library;

    wit_bindgen::generate!({ path: "wit", world: "library-async", generate_all });
    export!(Library);
}

#[cfg(not(any(feature = "component-gateway", feature = "component-library", feature = "component-async")))]
mod world {
    wit_bindgen::generate!({ path: "wit", world: "platform", generate_all });
}

#[cfg(all(
    feature = "component-async",
    not(any(feature = "component-gateway", feature = "component-library"))
))]
mod world {
    wit_bindgen::generate!({ path: "wit", world: "platform-async", generate_all });
}

pub(super) use world::*;

/// WASI by the names that it has where there is one version of it.
#[cfg(not(feature = "component-async"))]
pub(super) mod wasi {
    #[cfg(feature = "component-gateway")]
    pub(crate) use super::world::wasi::cli0_2_12 as cli;
    pub(crate) use super::world::wasi::{
        clocks0_2_12 as clocks, http0_2_12 as http, io, random0_2_12 as random,
    };
}

/// WASI by the names that it has where there is one version of it.
#[cfg(feature = "component-async")]
pub(super) mod wasi {
    #[cfg(feature = "component-gateway")]
    pub(crate) use super::world::wasi::cli0_3_2 as cli;
    pub(crate) use super::world::wasi::{clocks0_3_2 as clocks, http0_3_2 as http, random0_3_2 as random};
}
