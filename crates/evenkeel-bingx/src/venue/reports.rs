//! Lists that are longer than one answer, and prices without the account.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_exchange::{
    ErrorKind, FundingHistory, FundingPayment, FundingPayments, Operation, PastFunding, Quotes, Result,
    async_trait,
};
use evenkeel_http::Failure;
use evenkeel_types::{ClientOrderId, Fill, Quote, Symbol, Timestamp};
use futures_util::future::join_all;

use super::plumbing::unread;
use super::reader::{OrderKey, Reader};
use super::rules::{Outcome, of};
use crate::decode::{Income, UserFill, decode_fill_history, decode_funding_rates, decode_income};
use crate::endpoints;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest time that one question about orders and executions may span.
const WINDOW: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the venue promises to keep executions.
const FILLS_PROMISED_DAYS: u32 = 7;
/// How long another list of them reaches back: what is asked for where everything that there still is will do.
const FILLS_KEPT_DAYS: u32 = 30;
/// How long it keeps the ledger: three months.
const LEDGER_KEPT_DAYS: u32 = 90;
/// Rows of a page, the most that the venue gives.
const PAGE: usize = 1000;
/// Pages of one week and one symbol: fifty thousand executions.
const FILL_PAGES_MAX: usize = 50;
/// How many orders are looked up for whose they are: a minute's worth of the calls that are not kept for resolving orders.
/// More is a history, not a run.
const ORDERS_ASKED_MAX: usize = 180;
/// Questions about one list of payments: the weeks of three months, and those that were too full, in halves.
const PAYMENT_QUESTIONS_MAX: usize = 200;
/// Rates are an hour apart at least, so that this much fits one page of them.
const RATES_WINDOW: Duration = Duration::from_secs(1000 * 3600);
/// Pages of rates: eleven years.
const RATE_PAGES_MAX: usize = 100;

/// Sizes of pages are multiples of this, whatever was asked for.
const PAGE_STEP: usize = 50;

/// The venue's numbers of an execution and of its order: of a trade with ourselves, both sides have the same first one.
type FillKey = (String, String);

pub(super) struct Reports<'a>(pub(super) &'a Reader);

/// Windows of time from `start` to `end`, in order, each at most `length` long.
fn windows(start: Timestamp, end: Timestamp, length: Duration) -> Vec<(Timestamp, Timestamp)> {
    let mut windows = Vec::new();
    let mut from = start;
    while from < end {
        let to = from.after(length).min(end);
        windows.push((from, to));
        from = to;
    }
    windows
}

/// `days` before a moment.
fn before(moment: Timestamp, days: u32) -> Timestamp {
    let kept = u64::try_from(DAY.saturating_mul(days).as_millis()).unwrap_or(u64::MAX);
    Timestamp(moment.0.saturating_sub(kept))
}

/// Refuses a moment from before what is kept: the list would have a hole. Zero is everything that there still is.
fn reaches_back(what: &str, since: Timestamp, now: Timestamp, days: u32) -> Outcome<()> {
    let oldest = before(now, days);
    if since == Timestamp(0) || since >= oldest {
        return Ok(());
    }
    let problem = format!(
        "the venue keeps {what} for {days} days, since {oldest}; ask for a later moment than {since}, or for everything \
         that there still is (since 0)"
    );
    Err(Failure::nothing(ErrorKind::NotSupported, problem))
}

fn too_long(what: &str) -> Failure {
    Failure::nothing(ErrorKind::Decode, format!("the list of {what} does not end; ask for a shorter time"))
}

impl Reports<'_> {
    /// All executions of these symbols, oldest first, with the orders that are ours.
    pub(super) async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Outcome<Vec<Fill>> {
        let now = self.0.plumbing().venue_now().await?;
        reaches_back("executions", since, now, FILLS_PROMISED_DAYS)?;
        let symbols: BTreeSet<&Symbol> = symbols.iter().collect();
        let read = join_all(symbols.into_iter().map(|symbol| self.fills_of(symbol, since, now))).await;
        let mut fills: Vec<Fill> = Vec::new();
        for rows in read {
            let (rows, ids) = rows?;
            fills.extend(rows.into_iter().map(|row| Fill {
                order: ids.get(&row.venue_order_id).copied().flatten(),
                trade_id: row.trade_id,
                symbol: row.symbol,
                side: row.side,
                qty: row.qty,
                price: row.price,
                fee: row.fee,
                time: row.time,
            }));
        }
        // Within a second by the venue's numbers, which rise.
        fills.sort_by(|a, b| {
            let key =
                |fill: &Fill| (fill.time, fill.symbol.clone(), fill.trade_id.len(), fill.trade_id.clone());
            key(a).cmp(&key(b))
        });
        Ok(fills)
    }

    #[allow(clippy::type_complexity, reason = "the rows and whose they are")]
    async fn fills_of(
        &self,
        symbol: &Symbol,
        since: Timestamp,
        now: Timestamp,
    ) -> Outcome<(Vec<UserFill>, BTreeMap<String, Option<ClientOrderId>>)> {
        // Times are cut to seconds, and whether a window's ends belong to it is not documented.
        let second = Timestamp(since.0.saturating_sub(since.0.checked_rem(1000).unwrap_or(0)));
        let start = second.max(before(now, FILLS_KEPT_DAYS));
        let mut found: BTreeMap<FillKey, UserFill> = BTreeMap::new();
        for (from, to) in
            windows(Timestamp(start.0.saturating_sub(1)), now.after(Duration::from_secs(1)), WINDOW)
        {
            self.fill_pages(symbol, from, to, &mut found).await?;
        }
        let rows: Vec<UserFill> = found.into_values().filter(|row| row.time >= second).collect();
        let ids = self.owners(symbol, &rows).await?;
        Ok((rows, ids))
    }

    /// The pages of one window.
    async fn fill_pages(
        &self,
        symbol: &Symbol,
        from: Timestamp,
        to: Timestamp,
        found: &mut BTreeMap<FillKey, UserFill>,
    ) -> Outcome<()> {
        let mut seen: BTreeSet<FillKey> = BTreeSet::new();
        for page in 1..=FILL_PAGES_MAX {
            let mut parameters = of(symbol);
            parameters.extend([
                ("startTs", from.0.to_string()),
                ("endTs", to.0.to_string()),
                ("pageIndex", page.to_string()),
                ("pageSize", PAGE.to_string()),
            ]);
            let reply = self.0.plumbing().read(endpoints::FILL_HISTORY, parameters, None).await?;
            let answer = decode_fill_history(reply.body()).map_err(|error| unread(&error))?;
            let (before, rows) = (seen.len(), answer.fills.len());
            for fill in answer.fills {
                if fill.symbol != *symbol {
                    let problem = format!("asked for executions of {symbol}, got one of {}", fill.symbol);
                    return Err(Failure::nothing(ErrorKind::Decode, problem));
                }
                let key = (fill.trade_id.clone(), fill.venue_order_id.clone());
                seen.insert(key.clone());
                found.insert(key, fill);
            }
            let all = answer.total.is_some_and(|total| u64::try_from(seen.len()).is_ok_and(|n| n >= total));
            // A full page is never the last one: whether `total` counts all pages is not documented, nor how large the
            // venue makes them. Only a page with nothing new ends after it.
            let full = rows > 0 && rows.checked_rem(PAGE_STEP) == Some(0);
            if (all && !full) || seen.len() == before {
                // A page with nothing new is the end; where the venue counts, it must be the end of all.
                if all || answer.total.is_none() {
                    return Ok(());
                }
                let problem = format!("{} of {:?} executions were listed", seen.len(), answer.total);
                return Err(Failure::nothing(ErrorKind::Decode, problem));
            }
        }
        Err(too_long("executions"))
    }

    /// Which of our orders these executions belong to. Rows have the venue's number alone; what this connector did not
    /// place or read itself is asked for.
    async fn owners(
        &self,
        symbol: &Symbol,
        rows: &[UserFill],
    ) -> Outcome<BTreeMap<String, Option<ClientOrderId>>> {
        let numbers: BTreeSet<&String> = rows.iter().map(|row| &row.venue_order_id).collect();
        let mut owners = BTreeMap::new();
        let mut unknown = Vec::new();
        {
            let memory = self.0.accounts.memory.lock();
            for number in numbers {
                match memory.id_of(number) {
                    Some(id) => drop(owners.insert(number.clone(), id)),
                    None => unknown.push(number.clone()),
                }
            }
        }
        if unknown.len() > ORDERS_ASKED_MAX {
            return Err(too_long("orders behind these executions"));
        }
        let asked = unknown.into_iter().map(|number| async move {
            let key = OrderKey::Number(number.clone());
            let record = self.0.record_by(endpoints::ORDER_BEHIND, symbol, &key).await?;
            Ok::<_, Failure>((number, record))
        });
        for answer in join_all(asked).await {
            let (number, record) = answer?;
            let Some(record) = record else {
                // Not found proves nothing, and is not remembered: it may be the one that we wait to hear of.
                if self.may_be_ours() {
                    let problem = format!(
                        "order {number} was executed, and is not known yet; it may be ours; ask again"
                    );
                    return Err(Failure::nothing(ErrorKind::Decode, problem));
                }
                owners.insert(number, None);
                continue;
            };
            owners.insert(number, record.id());
        }
        Ok(owners)
    }

    /// Whether an order that the venue does not know yet may be one of ours: sent from here without an answer, or by an
    /// earlier process just before this one began.
    fn may_be_ours(&self) -> bool {
        let plumbing = self.0.plumbing();
        let now = plumbing.by_venue(plumbing.now());
        now <= plumbing.started().after(plumbing.arrival())
            || self.0.accounts.memory.lock().has_unnumbered(now)
    }

    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Outcome<Vec<PastFunding>> {
        let contract = self.0.accounts.contract(symbol).await?;
        let now = self.0.plumbing().venue_now().await?;
        let start = contract.launched.map_or(since, |launched| launched.max(since));
        let pages =
            windows(Timestamp(start.0.saturating_sub(1)), now.after(Duration::from_secs(1)), RATES_WINDOW);
        if pages.len() > RATE_PAGES_MAX {
            return Err(too_long("funding rates"));
        }
        let mut rates = BTreeMap::new();
        for (from, to) in pages {
            let mut parameters = of(symbol);
            parameters.extend([
                ("startTime", from.0.to_string()),
                ("endTime", to.0.to_string()),
                ("limit", PAGE.to_string()),
            ]);
            let reply = self.0.plumbing().read(endpoints::FUNDING_RATE, parameters, None).await?;
            let page = decode_funding_rates(reply.body(), symbol).map_err(|error| unread(&error))?;
            rates.extend(page.into_iter().map(|row| (row.time, row)));
        }
        Ok(rates.into_values().filter(|row| row.time >= since).collect())
    }

    /// An answer that is full may have been cut: its time is halved until it is not.
    async fn funding_payments(&self, since: Timestamp) -> Outcome<Vec<FundingPayment>> {
        let now = self.0.plumbing().venue_now().await?;
        reaches_back("funding payments", since, now, LEDGER_KEPT_DAYS)?;
        let start = Timestamp(since.max(before(now, LEDGER_KEPT_DAYS)).0.saturating_sub(1));
        let mut waiting = windows(start, now.after(Duration::from_secs(1)), WINDOW);
        let mut found: BTreeMap<(String, Symbol, Timestamp), FundingPayment> = BTreeMap::new();
        for _ in 0..PAYMENT_QUESTIONS_MAX {
            let Some((from, to)) = waiting.pop() else {
                let mut payments: Vec<FundingPayment> =
                    found.into_values().filter(|payment| payment.time >= since).collect();
                payments.sort_by(|a, b| (a.time, &a.symbol).cmp(&(b.time, &b.symbol)));
                return Ok(payments);
            };
            let parameters = vec![
                ("incomeType", "FUNDING_FEE".to_owned()),
                ("startTime", from.0.to_string()),
                ("endTime", to.0.to_string()),
                ("limit", PAGE.to_string()),
            ];
            let reply = self.0.plumbing().read(endpoints::INCOME, parameters, None).await?;
            let page = decode_income(reply.body()).map_err(|error| unread(&error))?;
            if page.len() >= PAGE {
                let middle = from.after(to.since(from).checked_div(2).unwrap_or_default());
                if middle <= from || middle >= to {
                    return Err(too_long("funding payments"));
                }
                waiting.extend([(from, middle), (middle, to)]);
                continue;
            }
            let key = |row: &Income| (row.transaction.clone(), row.payment.symbol.clone(), row.payment.time);
            found.extend(page.into_iter().map(|row| (key(&row), row.payment)));
        }
        Err(too_long("funding payments"))
    }

    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Outcome<Quote>> {
        let contracts = match self.0.accounts.contracts().await {
            Ok(contracts) => contracts,
            Err(failure) => return symbols.iter().map(|_| Err(failure.clone())).collect(),
        };
        let listed: BTreeSet<Symbol> =
            symbols.iter().filter(|symbol| contracts.list.contains_key(*symbol)).cloned().collect();
        let prices = self.0.accounts.prices(&listed).await;
        symbols
            .iter()
            .map(|symbol| {
                super::rules::contract_in(&contracts, symbol)?;
                let prices = prices.as_ref().map_err(Clone::clone)?;
                let (premium, best) = prices.get(symbol).ok_or_else(|| {
                    Failure::nothing(ErrorKind::NotFound, format!("the venue names no prices of {symbol}"))
                })?;
                Ok(Quote { mark: premium.mark, bid: best.bid, ask: best.ask })
            })
            .collect()
    }
}

#[async_trait]
impl Quotes for Reader {
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        let quotes = Reports(self).quotes(symbols).await;
        quotes.into_iter().map(|quote| self.told(Operation::Quotes, quote)).collect()
    }
}

#[async_trait]
impl FundingHistory for Reader {
    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<PastFunding>> {
        let rates = Reports(self).funding_history(symbol, since).await;
        self.told(Operation::FundingHistory, rates)
    }
}

#[async_trait]
impl FundingPayments for Reader {
    /// The venue keeps three months, and books up to a minute after the settlement. An older moment is refused, except
    /// zero, which is everything that there still is.
    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        let payments = Reports(self).funding_payments(since).await;
        self.told(Operation::FundingPayments, payments)
    }
}
