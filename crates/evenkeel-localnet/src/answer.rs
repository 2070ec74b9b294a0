//! HTTP answers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response<Bytes> {
    with(status, "application/json", Bytes::from(body.to_string()))
}

/// An answer with a body that is JSON already.
pub(crate) fn json_text(status: StatusCode, body: &'static str) -> Response<Bytes> {
    with(status, "application/json", Bytes::from_static(body.as_bytes()))
}

/// An answer in words.
pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Response<Bytes> {
    with(status, "text/plain; charset=utf-8", Bytes::from(body.into()))
}

/// An answer with a body of this type.
pub(crate) fn with(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
