//! Replicas and tokens from the user's functions.

use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::{
    error::Causes,
    ticket::{Call, Work},
};
use crate::{host::LocateError, model::location::Location};

#[wasm_bindgen(module = "/js/functions.js")]
extern "C" {
    fn locate(ticket: u32, call: &Function, file_id: &str, refresh: bool) -> Work;
    #[wasm_bindgen(js_name = askToken)]
    fn ask_token(ticket: u32, call: &Function, file_id: Option<&str>, origin: Option<&str>) -> Work;
}

/// The user's functions that find chunks and issue tokens.
#[derive(Debug)]
pub(super) struct UserLocator {
    pub(super) locate: Option<Function>,
    pub(super) token: Option<Function>,
    pub(super) filer_token: Option<Function>,
    pub(super) causes: Rc<Causes>,
}

impl UserLocator {
    pub(super) async fn locate(&self, file_id: &str, refresh: bool) -> Result<Location, LocateError> {
        let Some(call) = &self.locate else { return Ok(Location::default()) };
        let lines = self.result(|ticket| locate(ticket, call, file_id, refresh)).await?;
        let mut lines = lines.split('\n').map(str::to_owned);
        let token = lines.next().filter(|token| !token.is_empty());
        Ok(Location { urls: lines.collect(), token })
    }

    pub(super) async fn token(&self, file_id: &str, origin: &str) -> Result<Option<String>, LocateError> {
        self.ask(self.token.as_ref(), Some(file_id), Some(origin)).await
    }

    pub(super) async fn filer_token(&self) -> Result<Option<String>, LocateError> {
        self.ask(self.filer_token.as_ref(), None, None).await
    }

    async fn ask(
        &self,
        call: Option<&Function>,
        file_id: Option<&str>,
        origin: Option<&str>,
    ) -> Result<Option<String>, LocateError> {
        let Some(call) = call else { return Ok(None) };
        self.result(|ticket| ask_token(ticket, call, file_id, origin)).await.map(Some)
    }

    /// What a user's function results in. It is cancelled if this is dropped.
    async fn result(&self, call: impl FnOnce(u32) -> Work) -> Result<String, LocateError> {
        let result = Call::new(|ticket| Some(call(ticket))).value().await;
        result.map(|(_, text)| text).map_err(|thrown| LocateError { cause: Some(self.causes.keep(thrown)) })
    }
}
