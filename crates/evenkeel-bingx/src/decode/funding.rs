//! Past funding: the market's rates, and what the account paid.

use evenkeel_exchange::{FundingPayment, PastFunding};
use evenkeel_http::json::DecodeError;
use evenkeel_types::{Symbol, Timestamp};

use super::market::about;
use super::{Body, data, in_dollars, rows};
use crate::wire;

/// Decodes `quote/fundingRate` of one symbol, oldest first.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_funding_rates(body: Body<'_>, symbol: &Symbol) -> Result<Vec<PastFunding>, DecodeError> {
    data(body, |node| {
        if node.optional().is_none() {
            return Ok(Vec::new());
        }
        let mut rates = rows(node, |row| {
            let wire: wire::PastFunding<'_> = row.object()?;
            about(row, wire.symbol, symbol)?;
            Ok(PastFunding {
                time: Timestamp(row.key("fundingTime", wire.funding_time).integer()?),
                rate: row.key("fundingRate", wire.funding_rate).scientific()?,
            })
        })?;
        rates.sort_by_key(|row| row.time);
        Ok(rates)
    })
}

/// A row of the account's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Income {
    /// What it did to the account.
    pub payment: FundingPayment,
    /// The venue's number of it.
    pub transaction: String,
}

/// Decodes `user/income`, asked for funding: above zero is received. The booking is up to a minute after the
/// settlement.
///
/// # Errors
/// [`DecodeError`] naming the field; a row of another kind is refused.
pub fn decode_income(body: Body<'_>) -> Result<Vec<Income>, DecodeError> {
    data(body, |node| {
        if node.optional().is_none() {
            return Ok(Vec::new());
        }
        rows(node, |row| {
            let wire: wire::Income<'_> = row.object()?;
            let kind = row.key("incomeType", wire.income_type);
            let spelled = kind.string()?;
            if spelled != "FUNDING_FEE" {
                let problem = format!("asked for FUNDING_FEE, got {}", evenkeel_http::cut(&spelled));
                return Err(kind.invalid(&problem));
            }
            in_dollars(&row.key("asset", wire.asset))?;
            let payment = FundingPayment {
                time: Timestamp(row.key("time", wire.time).integer()?),
                symbol: row.key("symbol", wire.symbol).symbol()?,
                amount: row.key("income", wire.income).scientific()?,
                qty: None,
                rate: None,
            };
            Ok(Income { payment, transaction: row.key("tranId", wire.tran_id).digits()? })
        })
    })
}
