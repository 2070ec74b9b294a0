//! What every answer is wrapped in.

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::answer;

/// A success.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) result: Value,
    pub(super) text: &'static str,
    pub(super) extra: Value,
}

impl From<Value> for Reply {
    fn from(result: Value) -> Self {
        Self { result, text: "OK", extra: json!({}) }
    }
}

/// A refusal, which the venue sends with status 200 unless it is about the door itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u64,
    pub(super) text: String,
    pub(super) status: StatusCode,
    pub(super) result: Value,
}

impl Refusal {
    pub(super) fn new(code: u64, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), status: StatusCode::OK, result: json!({}) }
    }

    /// A parameter that is missing or no such thing.
    pub(super) fn parameter(name: &str) -> Self {
        Self::new(10001, format!("params error: {name} invalid"))
    }

    pub(super) fn symbol(name: &str) -> Self {
        Self::new(10001, format!("params error: symbol invalid {name}"))
    }
}

pub(super) type Answer = Result<Reply, Refusal>;

/// An answer without a code: whatever stands before the venue.
pub(super) fn bare(status: StatusCode, text: &str) -> Response<Bytes> {
    answer::text(status, text)
}

pub(super) fn wrap(answer: Answer, now: Timestamp) -> Response<Bytes> {
    let (status, body) = match answer {
        Ok(reply) => (
            StatusCode::OK,
            json!({
                "retCode": 0, "retMsg": reply.text, "result": reply.result, "retExtInfo": reply.extra,
                "time": now.0,
            }),
        ),
        Err(refusal) => (
            refusal.status,
            json!({
                "retCode": refusal.code, "retMsg": refusal.text, "result": refusal.result, "retExtInfo": {},
                "time": now.0,
            }),
        ),
    };
    answer::json(status, &body)
}

/// Fields of two objects in one; those of the second count.
pub(super) fn merged(mut row: Value, fields: Value) -> Value {
    if let (Value::Object(row), Value::Object(fields)) = (&mut row, fields) {
        row.extend(fields);
    }
    row
}
