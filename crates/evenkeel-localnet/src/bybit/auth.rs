//! Who asks: the headers of a signed request, in the order in which they are looked at.

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::{Method, Request};

use super::envelope::Refusal;
use super::server::Server;

const DEFAULT_WINDOW: u64 = 5000;
/// How far ahead a client's clock may be.
const AHEAD: u64 = 1000;

/// Whose key it is.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Its place among the accounts.
    pub(super) account: usize,
    pub(super) key: String,
    pub(super) reads_only: bool,
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Server {
    /// Verifies time, key and signature.
    pub(super) fn authenticate(&self, now: Timestamp, request: &Request<Bytes>) -> Result<Caller, Refusal> {
        let (key, time, sign) = (
            header(request, "x-bapi-api-key"),
            header(request, "x-bapi-timestamp"),
            header(request, "x-bapi-sign"),
        );
        if key.is_empty() || time.is_empty() || sign.is_empty() {
            let text = format!(
                "empty value: apiTimestamp[{time}] apiKey[{key}] apiSignature[{sign}]: openapi sign params error!"
            );
            return Err(Refusal::new(10001, text));
        }
        let window = header(request, "x-bapi-recv-window");
        let length = if window.is_empty() { Ok(DEFAULT_WINDOW) } else { window.parse::<u64>() };
        let (Ok(sent), Ok(length)) = (time.parse::<u64>(), length) else {
            return Err(untimely(time, now, window));
        };
        if sent < now.0.saturating_sub(length) || sent >= now.0.saturating_add(AHEAD) {
            return Err(untimely(time, now, &length.to_string()));
        }
        let Some((account, found, reads_only)) = self.key_owner(key) else {
            return Err(Refusal::new(10003, "API key is invalid."));
        };
        let mut message = format!("{time}{key}{window}").into_bytes();
        if request.method() == Method::GET {
            message.extend_from_slice(request.uri().query().unwrap_or_default().as_bytes());
        } else {
            message.extend_from_slice(request.body());
        }
        if !found.verifies(&message, sign) {
            let text = format!("error sign! origin_string[{}]", String::from_utf8_lossy(&message));
            return Err(Refusal::new(10004, text));
        }
        Ok(Caller { account, key: key.to_owned(), reads_only })
    }
}

fn untimely(sent: &str, now: Timestamp, window: &str) -> Refusal {
    let text = format!(
        "invalid request, please check your server timestamp or recv_window param. \
         req_timestamp[{sent}],server_timestamp[{}],recv_window[{window}]",
        now.0
    );
    Refusal::new(10002, text)
}
