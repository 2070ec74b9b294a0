//! Lists that are longer than one answer, and what else can be read: prices, past funding, balances.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_exchange::{
    Error, ErrorKind, FundingHistory, FundingPayment, FundingPayments, Operation, PastFunding, Quotes,
    Result, WalletBalance, Wallets, async_trait,
};
use evenkeel_http::{Failure, Urgency, cut};
use evenkeel_types::{ClientOrderId, Fill, Price, Quote, Symbol, Timestamp, Usd};
use futures_util::future::{join, join_all};
use futures_util::stream::{StreamExt as _, TryStreamExt as _};

use super::account::Accounts;
use super::plumbing::{AT_ONCE, Key, Plumbing, Reply};
use super::reader::Reader;
use crate::decode::{
    Body, DecodeError, UserTrade, decode_account, decode_book_ticker, decode_funding_rates, decode_income,
    decode_premium_index, decode_user_trades, is_dollar,
};
use crate::encode::Request;
use crate::endpoints;

/// The most rows that an answer of `userTrades`, `income` and `fundingRate` has.
const PAGE: usize = 1000;
/// The longest time that `userTrades` takes at once: seven days, less a minute, as it is not documented whether exactly
/// seven are still allowed.
const TRADES_SPAN: Duration = Duration::from_secs(7 * 24 * 3600 - 60);
/// How long the venue keeps executions and the ledger (three months), less an hour for the clocks.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600 - 3600);
/// When the venue's futures began (2019-09-01): nothing is older.
const FIRST: Timestamp = Timestamp(1_567_296_000_000);
/// How many answers one list may take: thirteen weeks, and a hundred thousand rows in halves of halves.
const PAGES_MAX: usize = 400;
/// How many orders are looked up at most to tell whose executions they were; each costs one of 2 400 a minute.
const LOOKUPS_MAX: usize = 500;
/// How old an execution must be for its order to be no more in the venue's records: those of orders that traded are kept
/// for 90 days, less a day for the clocks. Before that, an order that is not found only came late into view.
const FORGOTTEN: Duration = Duration::from_secs(89 * 24 * 3600);
/// How far back a reading of executions may reach and still use what is kept for reducing risk: so does one by which an
/// order is resolved. A longer list is for looking at, and costs as much as many orders.
const RESOLVING: Duration = Duration::from_secs(600);

/// Which of our orders each order number is, none for others' orders.
type Owners = BTreeMap<(Symbol, String), Option<ClientOrderId>>;

pub(super) struct Reports<'a>(pub(super) &'a Accounts);

/// A list that is read in pieces of time.
struct Walk<'a, T> {
    operation: Operation,
    what: &'a str,
    request: &'a (dyn Fn(u64, u64) -> Request + Sync),
    decode: &'a (dyn Fn(Body<'_>) -> std::result::Result<Vec<T>, DecodeError> + Sync),
}

impl Reports<'_> {
    fn plumbing(&self) -> &Plumbing {
        &self.0.plumbing
    }

    async fn ask(&self, operation: Operation, request: &Request) -> Result<Reply> {
        self.plumbing().ask(operation, request).await.map_err(self.0.failed(operation))
    }

    fn too_long(&self, operation: Operation, what: &str) -> Error {
        let problem = format!("there are more {what} than can be read; ask for a shorter time");
        self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, problem))
    }

    /// Everything between two moments. A full answer may have left something out, whichever end the venue began at: its
    /// time is cut in two, and both halves are asked for. Pieces overlap in the millisecond where they meet, so that it
    /// does not matter whether the venue counts an end as inside; the caller drops what comes twice.
    async fn walk<T>(&self, walk: &Walk<'_, T>, from: Timestamp, span: Option<Duration>) -> Result<Vec<T>> {
        let now = self.plumbing().by_venue(self.plumbing().now());
        let mut found = Vec::new();
        if from > now {
            return Ok(found);
        }
        let span = span.map_or(u64::MAX, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        // What happens while we read is part of it as far as it is seen.
        let end = now.0.saturating_add(1000);
        let mut pieces = Vec::new();
        let mut start = from.0;
        while start < end {
            if pieces.len() >= PAGES_MAX {
                return Err(self.too_long(walk.operation, walk.what));
            }
            let stop = start.saturating_add(span).min(end);
            pieces.push((start, stop));
            start = stop;
        }
        pieces.reverse();
        let mut left = PAGES_MAX;
        while let Some((start, stop)) = pieces.pop() {
            left = left.checked_sub(1).ok_or_else(|| self.too_long(walk.operation, walk.what))?;
            let reply = self.ask(walk.operation, &(walk.request)(start, stop)).await?;
            let page = self.plumbing().understood(walk.operation, (walk.decode)(reply.body()))?;
            if page.len() < PAGE {
                found.extend(page);
                continue;
            }
            let middle = start.saturating_add(stop.saturating_sub(start).checked_div(2).unwrap_or(0));
            if middle == start || middle == stop {
                return Err(self.too_long(walk.operation, walk.what));
            }
            pieces.push((middle, stop));
            pieces.push((start, middle));
        }
        Ok(found)
    }

    /// From when on the venue is asked. Zero is everything that it still keeps; another moment from before that would be a
    /// list with a hole, and is refused.
    fn kept(&self, operation: Operation, what: &str, since: Timestamp) -> Result<Timestamp> {
        let now = self.plumbing().by_venue(self.plumbing().now());
        let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
        let oldest = Timestamp(now.0.saturating_sub(kept));
        if since == Timestamp(0) || since >= oldest {
            return Ok(since.max(oldest));
        }
        let problem = format!(
            "the venue keeps {what} for 90 days, since {oldest}; ask for a later moment than {since}, or for everything \
             that there still is (since 0)"
        );
        Err(self.plumbing().error(operation, &Failure::nothing(ErrorKind::NotSupported, problem)))
    }

    /// All executions of these symbols, oldest first.
    pub(super) async fn fills(
        &self,
        reader: &Reader,
        symbols: &[Symbol],
        since: Timestamp,
    ) -> Result<Vec<Fill>> {
        let operation = Operation::Fills;
        self.plumbing().ready().await.map_err(self.0.failed(operation))?;
        let distinct: BTreeSet<Symbol> = symbols.iter().cloned().collect();
        let from = self.kept(operation, "executions", since)?;
        let now = self.plumbing().by_venue(self.plumbing().now());
        let resolves = now.since(from) <= RESOLVING;
        let urgency = if resolves { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let reads = distinct.into_iter().map(|symbol| self.trades(symbol, from, urgency));
        let reads = futures_util::stream::iter(reads).buffered(AT_ONCE);
        let trades: Vec<Vec<UserTrade>> = reads.try_collect().await?;
        let mut trades: Vec<UserTrade> =
            trades.into_iter().flatten().filter(|trade| trade.time >= since).collect();
        trades.sort_by(|a, b| (a.time, &a.symbol, a.id).cmp(&(b.time, &b.symbol, b.id)));
        let owners = self.look_up(reader, &trades, urgency).await?;
        let rates = self.fee_prices(&trades).await?;
        trades
            .iter()
            .map(|trade| {
                let rate = rates.get(trade.fee_asset.as_str()).copied().flatten();
                let fee = match rate {
                    Some(price) => price.value(trade.fee),
                    None => Usd::new(trade.fee.get()),
                };
                let fee = fee.map_err(|error| {
                    self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, error.to_string()))
                })?;
                // One that is missing is not nobody's: that would make one of ours look as if it had not traded.
                let owner = owners.get(&(trade.symbol.clone(), trade.order_id.clone()));
                let order = *owner.ok_or_else(|| self.not_in_view(&trade.symbol, &trade.order_id))?;
                Ok(Fill { order, ..trade.fill(fee) })
            })
            .collect()
    }

    async fn trades(&self, symbol: Symbol, from: Timestamp, urgency: Urgency) -> Result<Vec<UserTrade>> {
        let operation = Operation::Fills;
        let request = |start: u64, stop: u64| {
            let request = Request::of(endpoints::USER_TRADES, &symbol).at(urgency);
            request.with("startTime", start).with("endTime", stop).with("limit", PAGE)
        };
        let walk = Walk { operation, what: "fills", request: &request, decode: &decode_user_trades };
        let found = self.walk(&walk, from, Some(TRADES_SPAN)).await?;
        if let Some(other) = found.iter().find(|trade| trade.symbol != symbol) {
            let problem = format!("asked for {symbol}, the venue answered about {}", other.symbol);
            return Err(self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, problem)));
        }
        let mut seen = BTreeSet::new();
        Ok(found.into_iter().filter(|trade| seen.insert(trade.id)).collect())
    }

    fn not_in_view(&self, symbol: &Symbol, number: &str) -> Error {
        let problem =
            format!("{symbol}: the order of an execution, {}, is not in view yet; read again", cut(number));
        self.plumbing().error(Operation::Fills, &Failure::nothing(ErrorKind::NotFound, problem))
    }

    /// Which of our orders these executions are of: the venue names them by its own number only. What is answered does not
    /// depend on the memory, which may forget some of it meanwhile.
    async fn look_up(&self, reader: &Reader, trades: &[UserTrade], urgency: Urgency) -> Result<Owners> {
        let operation = Operation::Fills;
        let now = self.plumbing().by_venue(self.plumbing().now());
        let mut owners = Owners::new();
        // With the moment of the newest execution.
        let mut unknown: BTreeMap<(Symbol, String), Timestamp> = BTreeMap::new();
        {
            let memory = self.0.memory.lock();
            for trade in trades {
                let key = (trade.symbol.clone(), trade.order_id.clone());
                match memory.number(&trade.symbol, &trade.order_id) {
                    Some(owner) => drop(owners.insert(key, owner)),
                    None => drop(unknown.insert(key, trade.time)),
                }
            }
        }
        if unknown.len() > LOOKUPS_MAX {
            return Err(self.too_long(operation, "orders behind the fills"));
        }
        let reads = unknown.into_iter().map(|((symbol, number), newest)| async move {
            let record = reader.record_by_number(operation, &symbol, &number, urgency).await?;
            let owner = match record {
                Some(record) => record.ours(),
                // The venue does not keep it any more. Not remembered: it is no proof.
                None if now.since(newest) >= FORGOTTEN => None,
                // The record of an order can come into view long after its execution. Calling that nobody's would make
                // one of ours look as if it had not traded.
                None => return Err(self.not_in_view(&symbol, &number)),
            };
            Ok(((symbol, number), owner))
        });
        let reads = futures_util::stream::iter(reads).buffer_unordered(AT_ONCE);
        let found: Vec<((Symbol, String), Option<ClientOrderId>)> = reads.try_collect().await?;
        owners.extend(found);
        Ok(owners)
    }

    /// The price of each currency that fees were paid in; none where it is a dollar.
    async fn fee_prices(&self, trades: &[UserTrade]) -> Result<BTreeMap<String, Option<Price>>> {
        let operation = Operation::Fills;
        let assets: BTreeSet<&str> = trades.iter().map(|trade| trade.fee_asset.as_str()).collect();
        let prices = join_all(assets.into_iter().map(|asset| async move {
            let price = if is_dollar(asset) { None } else { Some(self.price_of(operation, asset).await?) };
            Ok((asset.to_owned(), price))
        }))
        .await;
        prices.into_iter().collect()
    }

    async fn price_of(&self, operation: Operation, asset: &str) -> Result<Price> {
        let failed =
            |problem: String| self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, problem));
        let symbol = Symbol::new(&format!("{asset}USDT")).map_err(|error| failed(error.to_string()))?;
        let reply = self.ask(operation, &Request::of(endpoints::PREMIUM_INDEX, &symbol)).await?;
        let wanted = BTreeSet::from([symbol.clone()]);
        let found = self.plumbing().understood(operation, decode_premium_index(reply.body(), &wanted))?;
        let mark = found.get(&symbol).and_then(|premium| premium.mark);
        mark.ok_or_else(|| failed(format!("a fee was paid in {}, which has no price", cut(asset))))
    }

    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<PastFunding>> {
        let operation = Operation::FundingHistory;
        let request = |start: u64, stop: u64| {
            let request = Request::of(endpoints::FUNDING_RATE, symbol);
            request.with("startTime", start).with("endTime", stop).with("limit", PAGE)
        };
        let decode = |body: Body<'_>| decode_funding_rates(body, symbol);
        self.plumbing().ready().await.map_err(self.0.failed(operation))?;
        let walk = Walk { operation, what: "funding rates", request: &request, decode: &decode };
        let mut rates = self.walk(&walk, since.max(FIRST), None).await?;
        rates.retain(|rate| rate.time >= since);
        // Two of one moment can be a regular and a special one; pieces overlap where they meet.
        rates.sort_by_key(|rate| (rate.time, rate.rate));
        rates.dedup();
        Ok(rates)
    }

    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        self.plumbing().ready().await.map_err(self.0.failed(Operation::FundingPayments))?;
        // Dividends of stock contracts are paid as the second kind since 2026-09-10.
        let (regular, special) =
            join(self.payments("FUNDING_FEE", since), self.payments("SPECIAL_FUNDING_FEE", since)).await;
        let mut payments = regular?;
        payments.extend(special?);
        payments.sort_by(|a, b| (a.time, &a.symbol).cmp(&(b.time, &b.symbol)));
        Ok(payments)
    }

    async fn payments(&self, kind: &'static str, since: Timestamp) -> Result<Vec<FundingPayment>> {
        let operation = Operation::FundingPayments;
        let request = |start: u64, stop: u64| {
            let request = Request::all(endpoints::INCOME).with("incomeType", kind);
            request.with("startTime", start).with("endTime", stop).with("limit", PAGE)
        };
        let walk = Walk { operation, what: "funding payments", request: &request, decode: &decode_income };
        let mut seen = BTreeSet::new();
        let from = self.kept(operation, "payments", since)?;
        let rows = self.walk(&walk, from, None).await?.into_iter();
        let rows = rows.filter(|row| row.kind == kind && row.time >= since);
        let rows = rows.filter(|row| seen.insert((row.id.clone(), row.symbol.clone(), row.time)));
        rows.map(|row| self.plumbing().understood(operation, row.payment())).collect()
    }

    /// Marks and best prices: two requests, whatever the number of symbols.
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        let operation = Operation::Quotes;
        let wanted: BTreeSet<Symbol> = symbols.iter().cloned().collect();
        let request = |call: crate::endpoints::Call| match wanted.first() {
            Some(symbol) if wanted.len() == 1 => Request::of(call, symbol),
            _ => Request::all(call),
        };
        let (marks, books) = (request(endpoints::PREMIUM_INDEX), request(endpoints::BOOK_TICKER));
        if wanted.is_empty() {
            return Vec::new();
        }
        let (marks, books) = join(self.ask(operation, &marks), self.ask(operation, &books)).await;
        let read = marks.and_then(|marks| {
            let marks = self.plumbing().understood(operation, decode_premium_index(marks.body(), &wanted))?;
            let books = self.plumbing().understood(operation, decode_book_ticker(books?.body(), &wanted))?;
            Ok((marks, books))
        });
        let (marks, books) = match read {
            Ok(read) => read,
            Err(error) => {
                let failure = Failure::of(&error);
                return symbols.iter().map(|_| Err(self.plumbing().error(operation, &failure))).collect();
            }
        };
        let quote = |symbol: &Symbol| {
            let Some(premium) = marks.get(symbol) else { return Err(self.0.unlisted(operation, symbol)) };
            let Some(mark) = premium.mark else {
                let problem = format!("the venue names no mark price for {symbol}");
                return Err(self
                    .plumbing()
                    .error(operation, &Failure::nothing(ErrorKind::NotFound, problem)));
            };
            let book = books.get(symbol);
            Ok(Quote { mark, bid: book.and_then(|book| book.bid), ask: book.and_then(|book| book.ask) })
        };
        symbols.iter().map(quote).collect()
    }
}

#[async_trait]
impl Quotes for Reader {
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        Reports(&self.accounts).quotes(symbols).await
    }
}

#[async_trait]
impl FundingHistory for Reader {
    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<PastFunding>> {
        Reports(&self.accounts).funding_history(symbol, since).await
    }
}

#[async_trait]
impl FundingPayments for Reader {
    /// Regular and special ones. The venue keeps them for 90 days: an older moment is refused, except for zero, which means
    /// everything that there still is.
    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        Reports(&self.accounts).funding_payments(since).await
    }
}

#[async_trait]
impl Wallets for Reader {
    /// What is in the futures wallet and backs nothing in single-asset mode, such as BNB for fees. The spot wallet is behind
    /// another interface of the venue.
    async fn balances(&self) -> Result<Vec<WalletBalance>> {
        let operation = Operation::Balances;
        let plumbing = self.plumbing();
        let answers = plumbing.gather(operation, [Key::State]).await;
        let reply = answers.get(&Key::State).map_err(|failure| plumbing.error(operation, &failure))?;
        let state = plumbing.understood(operation, decode_account(reply.body()))?;
        let others = state.assets.into_iter().filter(|asset| !is_dollar(asset.asset.as_str()));
        others
            .filter(|asset| !asset.wallet.is_zero())
            .map(|asset| {
                let available = evenkeel_types::Qty::new(asset.transferable.get()).map_err(|error| {
                    plumbing.error(operation, &Failure::nothing(ErrorKind::Decode, error.to_string()))
                })?;
                Ok(WalletBalance {
                    wallet: "futures".into(),
                    coin: asset.asset.to_string(),
                    total: asset.wallet,
                    available,
                })
            })
            .collect()
    }
}
