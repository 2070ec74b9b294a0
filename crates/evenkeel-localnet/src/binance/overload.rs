//! The four ways in which the venue says 503, for fault rules.

use http::StatusCode;

use crate::fault::Fault;

/// What HTTP 503 of this venue means, which only its text tells.
///
/// ```
/// use evenkeel_localnet::FaultRule;
/// use evenkeel_localnet::binance::Overload;
///
/// // The second order is carried out, and nobody says so.
/// let rule = FaultRule::new(Overload::Unknown { applied: true }.fault()).on("order").nth(2);
/// # let _ = rule;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Overload {
    /// Accepted, and no answer in time: it may have been carried out.
    Unknown {
        /// Whether it was.
        applied: bool,
    },
    /// `Service Unavailable.`: failed.
    Unavailable,
    /// `Internal error; unable to process your request. Please try again.`: failed.
    Internal,
    /// Code -1008: failed, the node has too much to do.
    Throttled,
}

impl Overload {
    /// As a fault.
    #[must_use]
    pub fn fault(self) -> Fault {
        let (body, applied) = match self {
            Overload::Unknown { applied } => (
                r#"{"code":-1000,"msg":"Unknown error, please check your request or try again later."}"#,
                applied,
            ),
            Overload::Unavailable => (r#"{"code":-1000,"msg":"Service Unavailable."}"#, false),
            Overload::Internal => (
                r#"{"code":-1001,"msg":"Internal error; unable to process your request. Please try again."}"#,
                false,
            ),
            Overload::Throttled => (
                r#"{"code":-1008,"msg":"Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."}"#,
                false,
            ),
        };
        Fault::InWords { status: StatusCode::SERVICE_UNAVAILABLE, body, applied }
    }
}
