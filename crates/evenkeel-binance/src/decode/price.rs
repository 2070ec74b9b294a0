//! Prices and funding: `premiumIndex`, `ticker/bookTicker`, `fundingRate`.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_exchange::PastFunding;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{Price, Rate, Symbol, Timestamp};

use super::Body;
use crate::read::Fields as _;
use crate::wire;

/// A row of `premiumIndex`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Premium {
    /// Mark price; none before a contract trades.
    pub mark: Option<Price>,
    /// The rate that will be applied at [`Premium::next`], per interval, as estimated now; none for dated contracts.
    pub rate: Option<Rate>,
    /// When funding is paid next; none for dated contracts.
    pub next: Option<Timestamp>,
    /// As of when.
    pub time: Timestamp,
}

/// The rows of an answer that is one object for one symbol and a list for all: those that are wanted.
fn rows<T>(
    body: Body<'_>,
    wanted: &BTreeSet<Symbol>,
    decode: impl Fn(&Node<'_, '_>) -> Result<Option<(Symbol, T)>, DecodeError>,
) -> Result<BTreeMap<Symbol, T>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let mut found = BTreeMap::new();
    if root.is_object() {
        found.extend(decode(&root)?.filter(|(symbol, _)| wanted.contains(symbol)));
        return Ok(found);
    }
    for (index, raw) in root.array()?.into_iter().enumerate() {
        found.extend(decode(&root.index(index, Some(raw)))?);
    }
    Ok(found)
}

/// The symbol of a row, if it is one of those wanted. Rows of others are not looked into: of hundreds there is always one
/// that is about to be listed or was just settled.
fn is_wanted(name: &Node<'_, '_>, wanted: &BTreeSet<Symbol>) -> Result<Option<Symbol>, DecodeError> {
    match name.symbol() {
        Ok(symbol) => Ok(Some(symbol).filter(|symbol| wanted.contains(symbol))),
        Err(error) if error.kind() == DecodeErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

/// Decodes `premiumIndex`, for one symbol or all: the rows of those wanted.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_premium_index(
    body: Body<'_>,
    wanted: &BTreeSet<Symbol>,
) -> Result<BTreeMap<Symbol, Premium>, DecodeError> {
    rows(body, wanted, |row| {
        let wire: wire::PremiumIndex<'_> = row.object()?;
        let Some(symbol) = is_wanted(&row.key("symbol", wire.symbol), wanted)? else { return Ok(None) };
        let next = row.key("nextFundingTime", wire.next_funding_time).integer()?;
        let rate = row.key("lastFundingRate", wire.last_funding_rate);
        // Dated contracts have an empty rate, and zero for the time.
        let rate = if next == 0 { None } else { Some(rate.number()?) };
        Ok(Some((
            symbol,
            Premium {
                mark: row.key("markPrice", wire.mark_price).required_price()?,
                rate,
                next: (next != 0).then_some(Timestamp(next)),
                time: Timestamp(row.key("time", wire.time).integer()?),
            },
        )))
    })
}

/// Best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Book {
    /// Highest bid, where there is one.
    pub bid: Option<Price>,
    /// Lowest ask, where there is one.
    pub ask: Option<Price>,
}

/// Decodes `ticker/bookTicker`, for one symbol or all: the rows of those wanted.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_book_ticker(
    body: Body<'_>,
    wanted: &BTreeSet<Symbol>,
) -> Result<BTreeMap<Symbol, Book>, DecodeError> {
    rows(body, wanted, |row| {
        let wire: wire::BookTicker<'_> = row.object()?;
        let Some(symbol) = is_wanted(&row.key("symbol", wire.symbol), wanted)? else { return Ok(None) };
        // An empty side has the price zero.
        let bid = row.key("bidPrice", wire.bid_price).required_price()?;
        let ask = row.key("askPrice", wire.ask_price).required_price()?;
        Ok(Some((symbol, Book { bid, ask })))
    })
}

/// Decodes `fundingRate`: rates that were applied, in the order sent, special ones (dividends) included.
///
/// # Errors
/// [`DecodeError`] naming the field, also for a row of another symbol.
pub fn decode_funding_rates(body: Body<'_>, of: &Symbol) -> Result<Vec<PastFunding>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| {
        let row = root.index(index, Some(raw));
        let wire: wire::FundingRate<'_> = row.object()?;
        let name = row.key("symbol", wire.symbol);
        if name.symbol()? != *of {
            return Err(name.error(
                DecodeErrorKind::Inconsistent,
                &format!("asked was {of}"),
                "read it again",
            ));
        }
        Ok(PastFunding {
            time: Timestamp(row.key("fundingTime", wire.funding_time).integer()?),
            rate: row.key("fundingRate", wire.funding_rate).number()?,
        })
    })
    .collect()
}
