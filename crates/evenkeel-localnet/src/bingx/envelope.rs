//! Around every answer.

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::header::HeaderValue;
use http::{Response, StatusCode};

use super::json::{Json, object};
use super::limits::Left;
use super::refusals::Refusal;
use crate::answer;

/// What a call has to say.
#[derive(Debug)]
pub(crate) enum Reply {
    /// In `data`.
    Data(Json),
    /// In `data`, with the venue's time beside it.
    Timed(Json),
    /// Beside the code.
    Top(Vec<(&'static str, Json)>),
    /// Alone.
    Bare(Json),
    /// No word, only the status.
    Nothing(StatusCode),
}

pub(crate) type Outcome = Result<Reply, Refusal>;

/// The whole answer.
pub(crate) fn response(outcome: Outcome, now: Timestamp, left: Option<Left>) -> Response<Bytes> {
    let (status, body) = match outcome {
        Ok(Reply::Nothing(status)) => (status, String::new()),
        Ok(Reply::Data(data)) => {
            (StatusCode::OK, object! {"code": 0_u32, "msg": "", "data": data}.to_string())
        }
        Ok(Reply::Timed(data)) => {
            (StatusCode::OK, object! {"code": 0_u32, "msg": "", "timestamp": now.0, "data": data}.to_string())
        }
        Ok(Reply::Top(fields)) => {
            (StatusCode::OK, object! {"code": 0_u32, "msg": ""}.and(fields).to_string())
        }
        Ok(Reply::Bare(body)) => (StatusCode::OK, body.to_string()),
        Err(refusal) => (refusal.status, refused(&refusal, now).to_string()),
    };
    let mut response = answer::with(status, "application/json", Bytes::from(body));
    if let Some(left) = left {
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-requests-remain", HeaderValue::from(left.requests));
        headers.insert("x-ratelimit-requests-expire", HeaderValue::from(left.millis));
    }
    response
}

/// What is refused at the door has no data, and the time instead.
fn refused(refusal: &Refusal, now: Timestamp) -> Json {
    let body = object! {"code": refusal.code, "msg": refusal.text.as_str()};
    if refusal.code < 101_000 {
        return body.and(vec![("timestamp", Json::from(now.0))]);
    }
    body.and(vec![("data", Json::Object(Vec::new()))])
}
