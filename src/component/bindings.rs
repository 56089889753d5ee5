//! The worlds in `wit/`, as Rust.

#[cfg(feature = "component-gateway")]
mod world {
    use crate::component::gateway::Gateway;

    wit_bindgen::generate!({ path: "wit", world: "gateway", generate_all });
    export!(Gateway);
}

#[cfg(all(feature = "component-library", not(feature = "component-gateway")))]
mod world {
    use crate::component::library::Library;

    wit_bindgen::generate!({ path: "wit", world: "library", generate_all });
    export!(Library);
}

#[cfg(not(any(feature = "component-gateway", feature = "component-library")))]
mod world {
    wit_bindgen::generate!({ path: "wit", world: "platform", generate_all });
}

pub(super) use world::*;
