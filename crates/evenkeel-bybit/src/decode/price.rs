//! `market/tickers`.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_http::json::{DecodeError, Node};
use evenkeel_types::{Price, Rate, Symbol, Timestamp};

use super::market::optional_price;
use super::{Body, listed_name, page};
use crate::wire;

/// Prices and funding of one symbol. What the venue leaves empty is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticker {
    /// Mark price.
    pub mark: Option<Price>,
    /// Best bid.
    pub bid: Option<Price>,
    /// Best ask.
    pub ask: Option<Price>,
    /// Rate of the next settlement; positive: longs pay shorts.
    pub funding_rate: Option<Rate>,
    /// When that is.
    pub next_funding: Option<Timestamp>,
    /// Time between settlements.
    pub funding_interval: Option<Duration>,
}

/// Decodes `market/tickers`: of the symbols wanted, or of all. A row that is not understood is an error of its symbol alone.
///
/// # Errors
/// [`DecodeError`] where the answer as a whole is not understood, or a row has no name. A name outside ASCII is left out.
pub fn decode_tickers(
    body: Body<'_>,
    wanted: Option<&BTreeSet<Symbol>>,
) -> Result<BTreeMap<Symbol, Result<Ticker, DecodeError>>, DecodeError> {
    let page = page(body, |row| {
        let wire: wire::Ticker<'_> = row.object()?;
        let name = listed_name(&row.key("symbol", wire.symbol))?;
        let name = name.filter(|name| wanted.is_none_or(|wanted| wanted.contains(name)));
        Ok(name.map(|symbol| (symbol, ticker(row, &wire))))
    })?;
    Ok(page.rows.into_iter().flatten().collect())
}

fn ticker(row: &Node<'_, '_>, wire: &wire::Ticker<'_>) -> Result<Ticker, DecodeError> {
    let next = row.key("nextFundingTime", wire.next_funding_time).filled();
    let next = next.map(|node| node.integer()).transpose()?;
    let hours = row.key("fundingIntervalHour", wire.funding_interval_hour);
    let interval = match hours.filled().map(|node| node.integer()).transpose()? {
        None | Some(0) => None,
        Some(count) => {
            let seconds = count.checked_mul(3600).ok_or_else(|| hours.invalid("too long"))?;
            Some(Duration::from_secs(seconds))
        }
    };
    Ok(Ticker {
        mark: optional_price(row.key("markPrice", wire.mark_price))?,
        bid: optional_price(row.key("bid1Price", wire.bid1_price))?,
        ask: optional_price(row.key("ask1Price", wire.ask1_price))?,
        funding_rate: super::number_or_none(row.key("fundingRate", wire.funding_rate))?,
        next_funding: next.filter(|time| *time > 0).map(Timestamp),
        funding_interval: interval,
    })
}
