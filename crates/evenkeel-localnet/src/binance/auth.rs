//! Keys, signatures and timestamps.

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::{Request, StatusCode};

use super::params::{Params, form};
use super::refusals::Refusal;
use super::server::Server;

/// Unless the request says otherwise.
const RECEIVE_WINDOW: u64 = 5_000;
const MAX_RECEIVE_WINDOW: u64 = 60_000;
/// How far a timestamp may be ahead of the venue.
const AHEAD: u64 = 1_000;

/// Which key a request came with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holder {
    Hmac(usize),
    Ed25519(usize),
}

impl Server {
    /// Whose key it is.
    pub(crate) fn holder(&self, request: &Request<Bytes>) -> Result<(usize, Holder), Refusal> {
        let sent =
            request.headers().get("x-mbx-apikey").and_then(|key| key.to_str().ok()).unwrap_or_default();
        if sent.len() != super::builder::KEY_LENGTH || !sent.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(Refusal::new(-2014, "API-key format invalid.").with(StatusCode::UNAUTHORIZED));
        }
        if let Some(account) = self.floor.account_of(sent) {
            return Ok((account, Holder::Hmac(account)));
        }
        let other = self.public_keys.iter().position(|key| key.id == sent);
        let account = other.and_then(|index| Some((self.public_keys.get(index)?.account, index)));
        let (account, index) = account.ok_or_else(|| {
            Refusal::new(-2015, "Invalid API-key, IP, or permissions for action")
                .with(StatusCode::UNAUTHORIZED)
        })?;
        Ok((account, Holder::Ed25519(index)))
    }

    /// Whether the request is signed by the key's owner, and neither old nor early.
    pub(crate) fn is_signed(
        &self,
        now: Timestamp,
        request: &Request<Bytes>,
        params: &Params,
        holder: Holder,
    ) -> Result<(), Refusal> {
        let timestamp: u64 = params.text("timestamp")?.parse().map_err(|_| Refusal::missing("timestamp"))?;
        let signature = params.text("signature")?;
        let window = params.number("recvWindow")?.unwrap_or(RECEIVE_WINDOW);
        if window > MAX_RECEIVE_WINDOW {
            return Err(Refusal::new(-1131, "recvWindow must be less than 60000"));
        }
        if timestamp >= now.0.saturating_add(AHEAD) {
            let text = "Timestamp for this request was 1000ms ahead of the server's time.";
            return Err(Refusal::new(-1021, text));
        }
        if now.0.saturating_sub(timestamp) > window {
            let text = "Timestamp for this request is outside of the recvWindow.";
            return Err(Refusal::new(-1021, text));
        }
        let query = unsigned(request.uri().query().unwrap_or_default());
        let message = format!("{query}{}", unsigned(form(request)));
        let fits = match holder {
            Holder::Hmac(account) => self
                .floor
                .accounts
                .get(account)
                .is_some_and(|account| account.key.verifies(message.as_bytes(), signature)),
            Holder::Ed25519(index) => {
                self.public_keys.get(index).is_some_and(|key| key.verifies(message.as_bytes(), signature))
            }
        };
        if fits { Ok(()) } else { Err(Refusal::new(-1022, "Signature for this request is not valid.")) }
    }
}

/// The bytes as they were sent, without the signature.
fn unsigned(text: &str) -> String {
    let pairs: Vec<&str> = text.split('&').filter(|pair| !pair.starts_with("signature=")).collect();
    pairs.join("&")
}
