//! The body of `/exchange`, and the three shapes of its answers.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer;

/// What stands around an action.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Envelope {
    pub(crate) action: Value,
    pub(crate) nonce: u64,
    pub(crate) signature: SignatureWire,
    #[serde(default)]
    pub(crate) vault_address: Option<String>,
    #[serde(default)]
    pub(crate) expires_after: Option<u64>,
    /// Clients of the venue's own page send it; it changes nothing.
    #[serde(default, rename = "isFrontend")]
    pub(crate) _is_frontend: Option<bool>,
}

/// A signature as it is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureWire {
    pub(crate) r: String,
    pub(crate) s: String,
    pub(crate) v: u64,
}

/// Carried out: `response` says what there is to report.
pub(crate) fn done(response: &Value) -> Response<Bytes> {
    answer::json(StatusCode::OK, &json!({"status": "ok", "response": response}))
}

/// The whole action is refused. With status 200, as the venue does.
pub(crate) fn refused(text: &str) -> Response<Bytes> {
    answer::json(StatusCode::OK, &json!({"status": "err", "response": text}))
}

/// The body was not understood.
pub(crate) fn unreadable(why: &str) -> Response<Bytes> {
    let text = format!("Failed to deserialize the JSON body into the target type: {why}");
    answer::text(StatusCode::UNPROCESSABLE_ENTITY, text)
}
