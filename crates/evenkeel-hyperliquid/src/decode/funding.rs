//! `fundingHistory` and `userFunding`.

use evenkeel_exchange::{FundingPayment, PastFunding};
use evenkeel_http::json::{DecodeError, Document};
use evenkeel_types::Timestamp;

use super::Body;
use crate::wire;

/// Decodes `fundingHistory`: the hourly rates that were applied to one coin.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_funding_history(body: Body<'_>) -> Result<Vec<PastFunding>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let row = |(index, raw)| {
        let row = root.index(index, Some(raw));
        let wire: wire::FundingRow<'_> = row.object()?;
        Ok(PastFunding {
            time: Timestamp(row.key("time", wire.time).integer()?),
            rate: row.key("fundingRate", wire.funding_rate).number()?,
        })
    };
    root.array()?.into_iter().enumerate().map(row).collect()
}

/// Decodes `userFunding`: what the account received (above zero) or paid. Rows of another type are left out.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_user_funding(body: Body<'_>) -> Result<Vec<FundingPayment>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let mut payments = Vec::new();
    for (index, raw) in root.array()?.into_iter().enumerate() {
        let row = root.index(index, Some(raw));
        let wire: wire::FundingPayment<'_> = row.object()?;
        let time = Timestamp(row.key("time", wire.time).integer()?);
        let delta = row.key("delta", wire.delta);
        let wire: wire::FundingDelta<'_> = delta.object()?;
        if delta.key("type", wire.r#type).string()? != "funding" {
            continue;
        }
        let rate = delta.key("fundingRate", wire.funding_rate);
        payments.push(FundingPayment {
            time,
            symbol: delta.key("coin", wire.coin).symbol()?,
            amount: delta.key("usdc", wire.usdc).number()?,
            qty: Some(delta.key("szi", wire.szi).number()?),
            rate: rate.optional().map(|node| node.number()).transpose()?,
        });
    }
    Ok(payments)
}
