//! The ledger, margin that was moved, and positions that are over.

use std::collections::BTreeMap;

use evenkeel_types::{Exact, PositionSide, Side, Symbol, Timestamp, Usd};

use super::envelope::{Outcome, Reply};
use super::fills::Closed;
use super::json::{Json, object};
use super::numbers::{cut, ratio};
use super::order_rows::{leg, position_id};
use super::refusals::Refusal;
use super::server::{Asked, Server};
use crate::floor::{Account, Income, IncomeKind, Listed, text};

/// Funding is booked this long after it was due, in milliseconds: 46 s to 60 s were seen.
const BOOKED_AFTER: u64 = 46_000;
/// The ledger's age, in milliseconds: three months.
const KEPT: u64 = 90 * 24 * 3_600_000;
/// Rows of one answer, and the most that can be asked for.
const ROWS: u64 = 100;
const MAX_ROWS: u64 = 1000;

impl Server {
    pub(crate) fn income(&mut self, asked: &Asked) -> Outcome {
        let params = &asked.params;
        let only = self.market_or_all(params)?.map(|market| market.symbol.clone());
        let kind = params.text("incomeType");
        let now = self.floor.now.0;
        let from = params.integer("startTime")?.unwrap_or(0).max(now.saturating_sub(KEPT));
        let until = params.integer("endTime")?.unwrap_or(now).min(now);
        let limit = params.integer("limit")?.unwrap_or(ROWS).min(MAX_ROWS);
        let account = self.account(asked)?;
        let mut rows: Vec<(u64, u64, Json)> = Vec::new();
        for row in &account.income {
            let (word, info) = names(row.kind);
            let time = booked(row);
            let of = only.is_none() || row.symbol == only;
            if of && kind.is_none_or(|kind| kind == word) && time >= from && time <= until {
                rows.push((time, row.id, self.income_row(account, row, word, info, time)));
            }
        }
        // The youngest first.
        rows.sort_by_key(|(time, id, _)| std::cmp::Reverse((*time, *id)));
        let rows = rows.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|(.., row)| row);
        Ok(Reply::Data(Json::List(rows.collect())))
    }

    fn income_row(&self, account: &Account, row: &Income, word: &str, info: &str, time: u64) -> Json {
        let id = format!("{}_{}_{}", super::account::user(account), account.number, row.id);
        object! {
            "symbol": row.symbol.as_ref().map_or("", Symbol::as_str),
            "incomeType": word,
            "income": cut(row.amount.get(), 8),
            "asset": self.coin(),
            "info": info,
            "time": time,
            "tranId": id.as_str(),
            "tradeId": row.trade.map_or_else(|| id.clone(), |trade| trade.to_string()),
        }
    }

    pub(crate) fn margin_history(&mut self, asked: &Asked) -> Outcome {
        let symbol = self.market(&asked.params)?.symbol.clone();
        let (account, desk) = (self.account(asked)?, self.desk(asked)?);
        let moves = desk.margin_moves.iter().rev().filter(|moved| moved.symbol == symbol);
        let rows: Vec<Json> = moves
            .map(|moved| {
                let isolated = account.position(&symbol, moved.leg).and_then(|position| position.isolated);
                object! {
                    "symbol": symbol.as_str(),
                    "positionId": position_id(account, &symbol, moved.leg).to_string(),
                    "changeReason": if moved.amount.is_negative() { "ReduceMargin" } else { "AddMargin" },
                    "marginChange": cut(moved.amount.get(), 8),
                    "marginAfterChange": cut(isolated.map_or(Usd::ZERO, |bucket| bucket.equity).get(), 8),
                    "time": moved.time.0,
                }
            })
            .collect();
        let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Ok(Reply::Timed(object! {"records": rows, "total": total}))
    }

    pub(crate) fn position_history(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let from = Timestamp(asked.params.integer("startTs")?.unwrap_or(0));
        let until = Timestamp(asked.params.integer("endTs")?.unwrap_or(u64::MAX));
        let account = self.account(asked)?;
        let closed = closed(account, &market.symbol).ok_or_else(Refusal::internal)?;
        let rows = closed.iter().rev().filter(|position| position.last >= from && position.last <= until);
        let rows: Vec<Json> = rows.map(|position| history_row(account, market, position)).collect();
        Ok(Reply::Data(object! {"positionHistory": rows}))
    }
}

fn names(kind: IncomeKind) -> (&'static str, &'static str) {
    match kind {
        IncomeKind::Transfer => ("TRANSFER", "Transfer"),
        IncomeKind::Realised => ("REALIZED_PNL", "Position closing"),
        IncomeKind::Commission => ("TRADING_FEE", "Trading Fee"),
        IncomeKind::Funding => ("FUNDING_FEE", "Funding Fee"),
    }
}

fn booked(row: &Income) -> u64 {
    if row.kind == IncomeKind::Funding { row.time.0.saturating_add(BOOKED_AFTER) } else { row.time.0 }
}

/// What was opened and closed again, as far as the executions tell; `None` where sums do not fit into numbers.
fn closed<'a>(account: &'a Account, symbol: &Symbol) -> Option<Vec<Closed<'a>>> {
    let mut open: BTreeMap<PositionSide, Closed<'a>> = BTreeMap::new();
    let mut over = Vec::new();
    for fill in account.fills.iter().filter(|fill| fill.symbol == *symbol) {
        let nothing = (evenkeel_types::Decimal::ZERO, evenkeel_types::Decimal::ZERO);
        let position = open.entry(fill.leg).or_insert(Closed {
            first: fill,
            last: fill.time,
            opened: nothing,
            closed: nothing,
            realised: Usd::ZERO,
            fees: Usd::ZERO,
            short: fill.side == Side::Sell,
        });
        let closing = fill.closed.get();
        let opening = fill.qty.get().minus(closing).ok()?;
        let price = fill.price.get();
        let add = |sum: (evenkeel_types::Decimal, evenkeel_types::Decimal), qty: evenkeel_types::Decimal| {
            Some((sum.0.plus(qty).ok()?, sum.1.plus(qty.times(price).ok()?).ok()?))
        };
        position.closed = add(position.closed, closing)?;
        position.realised = position.realised.plus(fill.realised).ok()?;
        position.fees = position.fees.plus(fill.fee).ok()?;
        position.last = fill.time;
        let flips = !closing.is_zero() && !opening.is_zero();
        if !flips {
            position.opened = add(position.opened, opening)?;
        }
        if flips || position.opened.0 == position.closed.0 {
            over.extend(open.remove(&fill.leg));
        }
        if flips {
            let next = Closed {
                first: fill,
                last: fill.time,
                opened: add(nothing, opening)?,
                closed: nothing,
                realised: Usd::ZERO,
                fees: Usd::ZERO,
                short: fill.side == Side::Sell,
            };
            open.insert(fill.leg, next);
        }
    }
    Some(over)
}

fn history_row(account: &Account, market: &Listed, position: &Closed<'_>) -> Json {
    let ticks = Listed::decimals(market.tick.get());
    let (symbol, since) = (&position.first.symbol, position.first.time);
    let of = |row: &&Income| {
        let same_way = row.funding.is_some_and(|(qty, _)| qty.is_negative() == position.short);
        same_way && row.symbol.as_ref() == Some(symbol) && row.time >= since && row.time <= position.last
    };
    let funding = Usd::sum(account.income.iter().filter(of).map(|row| row.amount)).unwrap_or(Usd::ZERO);
    let net = position.realised.minus(position.fees).and_then(|sum| sum.plus(funding));
    let setting = account.setting(symbol);
    let leverage = setting.as_ref().map(|setting| if position.short { setting.short } else { setting.long });
    let isolated = setting.is_some_and(|setting| setting.mode == evenkeel_types::MarginMode::Isolated);
    let side = match position.first.leg {
        PositionSide::Net if position.short => "SHORT",
        PositionSide::Net => "LONG",
        other => leg(other),
    };
    object! {
        "positionId": position.number().to_string(),
        "symbol": symbol.as_str(),
        "isolated": isolated,
        "positionSide": side,
        "openTime": since.0,
        "updateTime": position.last.0,
        "avgPrice": cut(ratio(position.opened.1, position.opened.0), ticks),
        "avgClosePrice": cut(ratio(position.closed.1, position.closed.0), ticks),
        "realisedProfit": cut(position.realised.get(), 4),
        "netProfit": cut(net.unwrap_or(position.realised).get(), 4),
        "positionAmt": text(position.opened.0),
        "closePositionAmt": text(position.closed.0),
        "leverage": leverage.map_or(Json::from(0_u32), |leverage| Json::number(leverage.get())),
        "closeAllPositions": true,
        "positionCommission": text(position.fees.negated().get()),
        "totalFunding": text(funding.get()),
    }
}
