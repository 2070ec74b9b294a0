//! What was: executions, funding; and prices alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_exchange::{
    ErrorKind, FundingHistory, FundingPayment, FundingPayments, Operation, PastFunding, Quotes, Result,
    async_trait,
};
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::{Fill, Quote, Symbol, Timestamp};
use futures_util::stream::StreamExt as _;

use super::plumbing::{Outcome, unread};
use super::reader::Reader;
use super::rules::{Accounts, DEFAULT_PAGE, Walk, contract_in};
use crate::decode::{decode_executions, decode_funding_history, decode_funding_payments};
use crate::encode::Query;
use crate::endpoints;

/// The longest time that lists of the past may be asked for at once is seven days; a second less, so that no rounding
/// matters.
const WINDOW: Duration = Duration::from_secs(7 * 24 * 3600 - 1);
/// For how long the venue keeps lists of the past.
const KEPT: Duration = Duration::from_secs(2 * 365 * 24 * 3600);
/// How many of these windows are asked for at once.
const AT_ONCE: usize = 8;
/// Executions in an answer, the most that the venue gives.
const EXECUTIONS_PAGE: u64 = 100;
/// Rows of the ledger in an answer, the most that the venue gives.
const TRANSACTIONS_PAGE: u64 = 50;
/// Pages of one window: fifty thousand executions in a week are more than a bot makes that anybody reads.
const WINDOW_PAGES_MAX: usize = 500;
/// Funding rates in an answer, the most that the venue gives.
const RATES_PAGE: u64 = 200;
/// Four and a half years of hourly rates.
const RATES_PAGES_MAX: usize = 200;

pub(super) struct Reports<'a>(pub(super) &'a Accounts);

/// The time from `since` to `now` in windows, oldest first.
fn windows(since: Timestamp, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let kept = Timestamp(now.0.saturating_sub(u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX)));
    // Whether the ends belong to a window is not documented; what comes twice is told by its id.
    let mut from = Timestamp(since.max(kept).0.saturating_sub(1));
    let mut windows = Vec::new();
    // At most `KEPT / WINDOW`, a hundred and five.
    while from <= now {
        let to = from.after(WINDOW).min(now.after(Duration::from_secs(1)));
        windows.push((from, to));
        from = to.after(Duration::from_millis(1));
    }
    windows
}

impl Reports<'_> {
    /// All executions of these symbols, oldest first.
    pub(super) async fn fills(
        &self,
        symbols: &[Symbol],
        since: Timestamp,
        urgency: Urgency,
    ) -> Outcome<Vec<Fill>> {
        let now = self.0.plumbing.venue_now().await?;
        if symbols.is_empty() || since > now {
            return Ok(Vec::new());
        }
        let wanted: BTreeSet<&Symbol> = symbols.iter().collect();
        let (query, about) = match symbols {
            [symbol] => (Query::linear().symbol(symbol), symbol.as_str()),
            _ => (Query::linear(), ""),
        };
        let asked = windows(since, now).into_iter().map(|(from, to)| {
            let query = query.clone().number("startTime", from.0).number("endTime", to.0);
            self.0.walk(Walk {
                endpoint: endpoints::EXECUTIONS,
                query: query.number("limit", EXECUTIONS_PAGE),
                about,
                id: |fill: &Option<Fill>| fill.as_ref().map(|fill| fill.trade_id.clone()),
                pages: WINDOW_PAGES_MAX,
                urgency,
                decode: decode_executions,
            })
        });
        let answers: Vec<_> = futures_util::stream::iter(asked).buffered(AT_ONCE).collect().await;
        let (mut fills, mut seen) = (Vec::new(), BTreeSet::new());
        for answer in answers {
            // Newest first within a window; the windows are oldest first.
            for fill in answer?.0.into_iter().rev().flatten() {
                let known = !seen.insert((fill.symbol.clone(), fill.trade_id.clone()));
                if !known && fill.time >= since && wanted.contains(&fill.symbol) {
                    fills.push(fill);
                }
            }
        }
        // Stable: within a millisecond the venue's own order stays.
        fills.sort_by_key(|fill| fill.time);
        Ok(fills)
    }

    /// From now backwards: an answer is the newest part of the time asked for.
    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Outcome<Vec<PastFunding>> {
        self.0.contract(symbol).await?;
        let mut end = self.0.plumbing.venue_now().await?;
        let mut rates: BTreeMap<Timestamp, PastFunding> = BTreeMap::new();
        for _ in 0..RATES_PAGES_MAX {
            if since > end {
                return Ok(rates.into_values().collect());
            }
            let query = Query::linear().symbol(symbol);
            let query = query.number("startTime", since.0).number("endTime", end.0);
            let query = query.number("limit", RATES_PAGE);
            let reply = self.0.plumbing.read(endpoints::FUNDING_HISTORY, query, symbol.as_str()).await?;
            let page = decode_funding_history(reply.body(), symbol).map_err(unread)?;
            let (count, oldest) = (page.len(), page.iter().map(|row| row.time).min());
            rates.extend(page.into_iter().filter(|row| row.time >= since).map(|row| (row.time, row)));
            match oldest {
                // A page of fewer is the last, whatever the venue makes of our wish for more.
                Some(oldest) if count >= DEFAULT_PAGE && oldest <= end => {
                    end = Timestamp(oldest.0.saturating_sub(1));
                }
                _ => return Ok(rates.into_values().collect()),
            }
        }
        Err(Failure::nothing(
            ErrorKind::Decode,
            "more funding rates than are read at once; ask for a shorter time",
        ))
    }

    async fn funding_payments(&self, since: Timestamp) -> Outcome<Vec<FundingPayment>> {
        let now = self.0.plumbing.venue_now().await?;
        if since > now {
            return Ok(Vec::new());
        }
        let query = Query::default().with("accountType", "UNIFIED").with("category", "linear");
        let query = query.with("currency", "USDT").with("type", "SETTLEMENT");
        let asked = windows(since, now).into_iter().map(|(from, to)| {
            let query = query.clone().number("startTime", from.0).number("endTime", to.0);
            self.0.walk(Walk {
                endpoint: endpoints::TRANSACTIONS,
                query: query.number("limit", TRANSACTIONS_PAGE),
                about: "",
                id: |payment: &Option<(String, FundingPayment)>| payment.as_ref().map(|(id, _)| id.clone()),
                pages: WINDOW_PAGES_MAX,
                urgency: Urgency::Ordinary,
                decode: decode_funding_payments,
            })
        });
        let answers: Vec<_> = futures_util::stream::iter(asked).buffered(AT_ONCE).collect().await;
        let mut found: BTreeMap<String, FundingPayment> = BTreeMap::new();
        for answer in answers {
            found.extend(answer?.0.into_iter().flatten().filter(|(_, payment)| payment.time >= since));
        }
        let mut payments: Vec<FundingPayment> = found.into_values().collect();
        payments.sort_by(|a, b| (a.time, &a.symbol).cmp(&(b.time, &b.symbol)));
        Ok(payments)
    }

    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Outcome<Quote>> {
        let contracts = match self.0.contracts().await {
            Ok(contracts) => contracts,
            Err(failure) => return symbols.iter().map(|_| Err(failure.clone())).collect(),
        };
        let listed: BTreeSet<Symbol> =
            symbols.iter().filter(|symbol| contracts.list.contains_key(*symbol)).cloned().collect();
        let tickers = self.0.tickers(&listed).await;
        symbols
            .iter()
            .map(|symbol| {
                contract_in(&contracts, symbol)?;
                let tickers = tickers.as_ref().map_err(Clone::clone)?;
                let ticker =
                    tickers.get(symbol).map(|ticker| ticker.as_ref().map_err(|error| unread(error.clone())));
                let ticker = ticker.transpose()?;
                let mark = ticker.and_then(|ticker| ticker.mark).ok_or_else(|| {
                    Failure::nothing(
                        ErrorKind::NotFound,
                        format!("the venue names no mark price of {symbol}"),
                    )
                })?;
                let (bid, ask) = (ticker.and_then(|ticker| ticker.bid), ticker.and_then(|ticker| ticker.ask));
                Ok(Quote { mark, bid, ask })
            })
            .collect()
    }
}

#[async_trait]
impl Quotes for Reader {
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        let quotes = Reports(&self.accounts).quotes(symbols).await;
        quotes.into_iter().map(|quote| self.told(Operation::Quotes, quote)).collect()
    }
}

#[async_trait]
impl FundingHistory for Reader {
    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<PastFunding>> {
        let rates = Reports(&self.accounts).funding_history(symbol, since).await;
        self.told(Operation::FundingHistory, rates)
    }
}

#[async_trait]
impl FundingPayments for Reader {
    /// Of the contracts that are settled in USDT, for at most the last two years.
    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        let payments = Reports(&self.accounts).funding_payments(since).await;
        self.told(Operation::FundingPayments, payments)
    }
}
