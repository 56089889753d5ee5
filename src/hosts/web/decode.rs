//! Decodes chunks: WebCrypto decrypts if the platform has it, else this module does.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use super::piece::{WebDigest, WebPiece};
use crate::{
    decode::{self, DirectDigest},
    host::{Algorithm, Checksum, DecodeError, DecodeParams, Digest, Piece},
    model::chunk::{CipherKey, GCM_OVERHEAD},
};

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(js_name = hasSubtle)]
    pub(super) fn has_subtle() -> bool;
    fn join(pieces: &Array, length: f64) -> Uint8Array;
    #[wasm_bindgen(catch)]
    async fn decrypt(key: &Uint8Array, stored: &Uint8Array) -> Result<JsValue, JsValue>;
}

/// The size of decoded pieces. One large array per chunk would be new memory every time, which costs more than the copy.
const PIECE: usize = 256 << 10;

pub(super) async fn decode(
    stored: Vec<WebPiece>,
    params: &DecodeParams,
    decrypts_natively: bool,
) -> Result<Vec<WebPiece>, DecodeError> {
    let Some(key) = params.key.as_ref().filter(|_| decrypts_natively) else {
        return in_wasm(&stored, params);
    };
    let mut plain = open(stored, key).await?;
    if params.gzip {
        return in_wasm(&[plain], &DecodeParams { key: None, ..params.clone() });
    }
    if let Some(md5) = params.md5 {
        let mut digest = WebDigest::from(DirectDigest::new(Algorithm::Md5));
        digest.update(&mut plain);
        if digest.value().await? != Checksum::Md5(md5) {
            return Err(DecodeError::Md5);
        }
    }
    let keep = usize::try_from(params.output_len).unwrap_or(usize::MAX).min(plain.len());
    Ok(vec![plain.split_to(keep)])
}

async fn open(stored: Vec<WebPiece>, key: &CipherKey) -> Result<WebPiece, DecodeError> {
    let whole = whole(stored);
    if u64::from(whole.length()) < GCM_OVERHEAD {
        return Err(DecodeError::Truncated);
    }
    let key = Uint8Array::from(&key.bytes()[..]);
    let plain = decrypt(&key, &whole).await.map_err(|_| DecodeError::Tag)?;
    // The platform has its own copy of the key; this one is erased.
    key.fill(0, 0, key.length());
    Ok(plain.unchecked_into::<Uint8Array>().into())
}

fn whole(stored: Vec<WebPiece>) -> Uint8Array {
    let len: usize = stored.iter().map(Piece::len).sum();
    let pieces: Array = stored.into_iter().map(WebPiece::into_array).collect();
    if pieces.length() == 0 {
        return Uint8Array::new_with_length(0);
    }
    join(&pieces, len as f64)
}

fn in_wasm(stored: &[WebPiece], params: &DecodeParams) -> Result<Vec<WebPiece>, DecodeError> {
    let len: usize = stored.iter().map(Piece::len).sum();
    let mut bytes = vec![0; len];
    let mut rest = bytes.as_mut_slice();
    for piece in stored {
        let (start, end) = std::mem::take(&mut rest).split_at_mut(piece.len());
        piece.array().copy_to(start);
        rest = end;
    }
    let mut pieces = Vec::new();
    decode::decode(bytes, params, &mut |decoded| {
        pieces.extend(decoded.chunks(PIECE).map(|part| WebPiece::from(Uint8Array::from(part))));
    })?;
    Ok(pieces)
}
