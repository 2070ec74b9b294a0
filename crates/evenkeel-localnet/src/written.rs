//! Rules of faults as people write them, in JSON and TOML.

use std::time::Duration;

use evenkeel_types::Symbol;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, FaultRule, Heard};

/// The longest delay: an hour, so that a slip of the keyboard does not park connections for ever.
const MAX_DELAY_MS: u64 = 3_600_000;

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Written {
    fault: Option<What>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<Symbol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permille: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nth: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<WhichAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filled_permille: Option<u32>,
    /// Only told, never asked for.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    struck: Option<u32>,
    /// As `struck`: words are given in Rust.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    body: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    LoseRequest,
    LoseAnswer,
    DelayRequest,
    DelayAnswer,
    ServerError,
    #[serde(skip_deserializing)]
    InWords,
    TooManyRequests,
    Maintenance,
    Duplicate,
    StaleRead,
    PartialFill,
    RefuseOrders,
    CutSocket,
    LosePush,
    DelayPush,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum WhichAnswer {
    First,
    Second,
}

impl TryFrom<Written> for FaultRule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let what = written.fault.ok_or("missing field `fault`")?;
        let belongs = |field: &str, given: bool, faults: &[What]| {
            if given && !faults.contains(&what) {
                return Err(format!("`{field}` does not belong to this fault"));
            }
            Ok(())
        };
        belongs("ms", written.ms.is_some(), &[What::DelayRequest, What::DelayAnswer, What::DelayPush])?;
        belongs("status", written.status.is_some(), &[What::ServerError])?;
        belongs("applied", written.applied.is_some(), &[What::ServerError])?;
        belongs("heard", written.heard.is_some(), &[What::Duplicate])?;
        belongs("writes", written.writes.is_some(), &[What::StaleRead])?;
        belongs("symbol", written.symbol.is_some(), &[What::PartialFill, What::RefuseOrders])?;
        belongs("filled_permille", written.filled_permille.is_some(), &[What::PartialFill])?;
        let fault = match what {
            What::LoseRequest => Fault::LoseRequest,
            What::LoseAnswer => Fault::LoseAnswer,
            What::DelayRequest => Fault::DelayRequest(delay(written.ms)?),
            What::DelayAnswer => Fault::DelayAnswer(delay(written.ms)?),
            What::CutSocket => Fault::CutSocket,
            What::LosePush => Fault::LosePush,
            What::DelayPush => Fault::DelayPush(delay(written.ms)?),
            What::ServerError => {
                let status = written.status.unwrap_or(500);
                let fits = StatusCode::from_u16(status).ok().filter(|_| (400..=599).contains(&status));
                let status = fits.ok_or_else(|| format!("`status` is 400 to 599, not {status}"))?;
                Fault::ServerError { status, applied: written.applied.unwrap_or(false) }
            }
            What::InWords => return Err("`in_words` can be asked for in Rust only".to_owned()),
            What::TooManyRequests => Fault::TooManyRequests,
            What::Maintenance => Fault::Maintenance,
            What::Duplicate => Fault::Duplicate(match written.heard {
                Some(WhichAnswer::Second) => Heard::Second,
                _ => Heard::First,
            }),
            What::StaleRead => match written.writes.unwrap_or(1) {
                0 => return Err("`writes` is at least 1".to_owned()),
                writes => Fault::StaleRead { writes },
            },
            What::RefuseOrders => Fault::RefuseOrders,
            What::PartialFill => {
                Fault::PartialFill { permille: thousandths("filled_permille", written.filled_permille, 500)? }
            }
        };
        let mut rule = FaultRule::new(fault).permille(thousandths("permille", written.permille, 1000)?);
        match (written.nth, written.from, written.times) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                return Err("`nth` is `from` and once: it goes without `from` and `times`".to_owned());
            }
            (Some(0), ..) | (_, Some(0), _) => return Err("calls are counted from 1".to_owned()),
            (Some(number), ..) => rule = rule.nth(number),
            (None, from, times) => {
                rule = rule.from(from.unwrap_or(1));
                rule = times.into_iter().fold(rule, FaultRule::times);
            }
        }
        rule.call = written.on;
        rule.account = written.account;
        rule.symbol = written.symbol;
        Ok(rule)
    }
}

impl From<FaultRule> for Written {
    fn from(rule: FaultRule) -> Self {
        let mut written = Self { struck: Some(rule.struck()), ..Self::default() };
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).ok();
        written.fault = Some(match rule.fault {
            Fault::LoseRequest => What::LoseRequest,
            Fault::LoseAnswer => What::LoseAnswer,
            Fault::DelayRequest(by) => {
                written.ms = milliseconds(by);
                What::DelayRequest
            }
            Fault::DelayAnswer(by) => {
                written.ms = milliseconds(by);
                What::DelayAnswer
            }
            Fault::CutSocket => What::CutSocket,
            Fault::LosePush => What::LosePush,
            Fault::DelayPush(by) => {
                written.ms = milliseconds(by);
                What::DelayPush
            }
            Fault::ServerError { status, applied } => {
                (written.status, written.applied) = (Some(status.as_u16()), Some(applied));
                What::ServerError
            }
            Fault::InWords { status, body, applied } => {
                (written.status, written.applied) = (Some(status.as_u16()), Some(applied));
                written.body = Some(body);
                What::InWords
            }
            Fault::TooManyRequests => What::TooManyRequests,
            Fault::Maintenance => What::Maintenance,
            Fault::Duplicate(heard) => {
                let which = if heard == Heard::First { WhichAnswer::First } else { WhichAnswer::Second };
                written.heard = Some(which);
                What::Duplicate
            }
            Fault::StaleRead { writes } => {
                written.writes = Some(writes);
                What::StaleRead
            }
            Fault::PartialFill { permille } => {
                written.filled_permille = Some(permille);
                What::PartialFill
            }
            Fault::RefuseOrders => What::RefuseOrders,
        });
        written.permille = (rule.permille < 1000).then_some(rule.permille);
        written.from = (rule.from > 1).then_some(rule.from);
        written.times = rule.times;
        written.on = rule.call;
        written.account = rule.account;
        written.symbol = rule.symbol;
        written
    }
}

fn delay(ms: Option<u64>) -> Result<Duration, String> {
    match ms {
        None => Err("missing field `ms`".to_owned()),
        Some(ms) if ms > MAX_DELAY_MS => Err(format!("`ms` is at most {MAX_DELAY_MS}, not {ms}")),
        Some(ms) => Ok(Duration::from_millis(ms)),
    }
}

fn thousandths(field: &str, given: Option<u32>, otherwise: u32) -> Result<u32, String> {
    let given = given.unwrap_or(otherwise);
    if given > 1000 { Err(format!("`{field}` is 0 to 1000 thousandths, not {given}")) } else { Ok(given) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_the_rule() {
        for (text, rule) in [
            (
                r#"{"fault":"lose_answer","on":"order","account":"main","nth":2}"#,
                FaultRule::new(Fault::LoseAnswer).on("order").account("main").nth(2),
            ),
            (
                r#"{"fault":"delay_answer","ms":250,"permille":50,"times":3}"#,
                FaultRule::new(Fault::DelayAnswer(Duration::from_millis(250))).permille(50).times(3),
            ),
            (
                r#"{"fault":"server_error","status":503,"applied":true,"from":4}"#,
                FaultRule::new(Fault::ServerError { status: StatusCode::SERVICE_UNAVAILABLE, applied: true })
                    .from(4),
            ),
            (r#"{"fault":"duplicate","heard":"second"}"#, FaultRule::new(Fault::Duplicate(Heard::Second))),
            (r#"{"fault":"stale_read","writes":2}"#, FaultRule::new(Fault::StaleRead { writes: 2 })),
            (r#"{"fault":"partial_fill"}"#, FaultRule::new(Fault::PartialFill { permille: 500 })),
            (
                r#"{"fault":"refuse_orders","symbol":"BTC"}"#,
                FaultRule::new(Fault::RefuseOrders).symbol("BTC".parse().unwrap()),
            ),
            (r#"{"fault":"maintenance"}"#, FaultRule::new(Fault::Maintenance)),
            (
                r#"{"fault":"cut_socket","on":"orderUpdates"}"#,
                FaultRule::new(Fault::CutSocket).on("orderUpdates"),
            ),
            (r#"{"fault":"lose_push","nth":3}"#, FaultRule::new(Fault::LosePush).nth(3)),
            (r#"{"fault":"delay_push","ms":9}"#, FaultRule::new(Fault::DelayPush(Duration::from_millis(9)))),
        ] {
            let read: FaultRule = serde_json::from_str(text).unwrap();
            assert_eq!(read, rule, "{text}");
            let mut back = serde_json::to_value(&rule).unwrap();
            assert_eq!(back.as_object_mut().unwrap().remove("struck"), Some(serde_json::json!(0)));
            assert_eq!(serde_json::from_value::<FaultRule>(back).unwrap(), rule, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, part) in [
            (r#"{"on":"order"}"#, "`fault`"),
            (r#"{"fault":"explode"}"#, "explode"),
            (r#"{"fault":"lose_answer","offten":1}"#, "offten"),
            (r#"{"fault":"lose_answer","ms":1}"#, "`ms` does not belong"),
            (r#"{"fault":"lose_answer","symbol":"BTC"}"#, "`symbol` does not belong"),
            (r#"{"fault":"delay_answer"}"#, "missing field `ms`"),
            (r#"{"fault":"delay_answer","ms":3600001}"#, "at most 3600000"),
            (r#"{"fault":"server_error","status":200}"#, "400 to 599, not 200"),
            (r#"{"fault":"server_error","status":70000}"#, "70000"),
            (r#"{"fault":"stale_read","writes":0}"#, "at least 1"),
            (r#"{"fault":"lose_answer","permille":1001}"#, "0 to 1000"),
            (r#"{"fault":"lose_answer","nth":0}"#, "counted from 1"),
            (r#"{"fault":"lose_answer","nth":1,"times":2}"#, "without `from` and `times`"),
            (r#"{"fault":"lose_answer","struck":2}"#, "struck"),
        ] {
            let error = serde_json::from_str::<FaultRule>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
