//! Replicas and tokens from the user's functions.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect, TypeError};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;

use super::{
    abort::AbortOnDrop,
    error::{Causes, set},
};
use crate::{host::LocateError, model::location::Location};

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
        let Some(locate) = &self.locate else { return Ok(Location::default()) };
        self.call_locate(locate, file_id, refresh).await.map_err(|thrown| self.failed(thrown))
    }

    async fn call_locate(
        &self,
        locate: &Function,
        file_id: &str,
        refresh: bool,
    ) -> Result<Location, JsValue> {
        // Aborts the signal of the user's function if this future is dropped.
        let mut guard = AbortOnDrop::new()?;
        let options = Object::new();
        set(&options, "signal", &guard.signal());
        set(&options, "refresh", &refresh.into());
        let returned = locate.call2(&JsValue::UNDEFINED, &file_id.into(), &options)?;
        let location = JsFuture::from(Promise::resolve(&returned)).await;
        guard.finish();
        let location = location?;
        let urls = field(&location, "urls")?;
        let urls: Array =
            urls.dyn_into().map_err(|_| TypeError::new("locate must return { urls: string[] }"))?;
        let urls = urls.iter().map(|url| url.as_string());
        let urls = urls
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| TypeError::new("the urls that locate returns must be strings"))?;
        let token = field(&location, "token")?;
        if !token.is_undefined() && token.as_string().is_none_or(|token| token.is_empty()) {
            return Err(TypeError::new("the token that locate returns must be a non-empty string").into());
        }
        Ok(Location { urls, token: token.as_string() })
    }

    pub(super) async fn token(&self, file_id: &str, origin: &str) -> Result<Option<String>, LocateError> {
        let Some(token) = &self.token else { return Ok(None) };
        let returned = token.call2(&JsValue::UNDEFINED, &file_id.into(), &origin.into());
        self.settled_token(returned).await.map(Some)
    }

    pub(super) async fn filer_token(&self) -> Result<Option<String>, LocateError> {
        let Some(token) = &self.filer_token else {
            return Ok(None);
        };
        self.settled_token(token.call0(&JsValue::UNDEFINED)).await.map(Some)
    }

    /// The token that a user's function returned, or whose promise it returned.
    async fn settled_token(&self, returned: Result<JsValue, JsValue>) -> Result<String, LocateError> {
        let returned = returned.map_err(|thrown| self.failed(thrown))?;
        let text = JsFuture::from(Promise::resolve(&returned)).await.map_err(|thrown| self.failed(thrown))?;
        let text = text.as_string().filter(|text| !text.is_empty());
        text.ok_or_else(|| self.failed(TypeError::new("a token must be a non-empty string").into()))
    }

    fn failed(&self, thrown: JsValue) -> LocateError {
        LocateError { cause: Some(self.causes.keep(thrown)) }
    }
}

fn field(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(object, &name.into())
        .map_err(|_| TypeError::new("locate must return an object with urls").into())
}
