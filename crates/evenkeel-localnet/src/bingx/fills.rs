//! Executions, and orders of the venue itself.

use evenkeel_types::{Timestamp, Usd};

use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::numbers::{cut, date, money, whole_second};
use super::order_rows::{leg, position_number, side};
use super::refusals::Refusal;
use super::server::{Asked, Server};
use crate::floor::{Account, FillRow, Listed};

/// How long the two lists reach back, in milliseconds.
const ALL_KEPT: u64 = 30 * 24 * 3_600_000;
const HISTORY_WINDOW: u64 = 7 * 24 * 3_600_000;
/// Rows of a page, and the most that can be asked for.
const PAGE: u64 = 50;
const MAX_PAGE: u64 = 1000;
const FORCED: u64 = 50;
const MAX_FORCED: u64 = 100;

impl Server {
    /// The older list: no numbers of executions, sizes of the venue's rounding, no client ids.
    pub(crate) fn all_fill_orders(&mut self, asked: &Asked) -> Outcome {
        let params = &asked.params;
        let only = self.market_or_all(params)?.map(|market| market.symbol.clone());
        let from = params.integer("startTs")?.ok_or_else(|| Refusal::required("startTs"))?;
        let until = params.integer("endTs")?.ok_or_else(|| Refusal::required("endTs"))?;
        let contracts = match params.text("tradingUnit").unwrap_or("COIN") {
            "COIN" => false,
            "CONT" => true,
            _ => return Err(Refusal::malformed("tradingUnit", "This field must be COIN or CONT.")),
        };
        let order = params.integer("orderId")?;
        let oldest = self.floor.now.0.saturating_sub(ALL_KEPT);
        let desk = self.desk(asked)?;
        let account = self.account(asked)?;
        let mut rows = Vec::new();
        for fill in account.fills.iter().rev() {
            let in_time = fill.time.0 >= from.max(oldest) && whole_second(fill.time) <= until;
            let number = desk.executes_as(fill.order);
            let meant = only.as_ref().is_none_or(|symbol| fill.symbol == *symbol);
            let Some(market) = self.floor.market(fill.symbol.as_str()).filter(|_| in_time && meant) else {
                continue;
            };
            if order.is_some_and(|order| order != number) {
                continue;
            }
            rows.push(self.old_row(account, market, fill, number, contracts));
        }
        Ok(Reply::Data(object! {"fill_orders": rows}))
    }

    fn old_row(
        &self,
        account: &Account,
        market: &Listed,
        fill: &FillRow,
        number: u64,
        contracts: bool,
    ) -> Json {
        let size = if contracts { super::contracts::label(market.symbol.as_str()).size } else { "1" };
        let size = super::params::parse(size).unwrap_or(evenkeel_types::Decimal::ONE);
        let volume = super::numbers::ratio(fill.qty.get(), size);
        let ticket = account.tickets.get(&fill.order);
        let word = ticket.map_or("LIQUIDATION", |ticket| super::order_rows::word(&ticket.wish, "type"));
        object! {
            "filledTm": format!("{}Z", date(fill.time, 0)),
            "volume": crate::floor::text(volume),
            "price": cut(fill.price.get(), Listed::decimals(market.tick.get())),
            "amount": money(fill.value.get()),
            "commission": cut(fill.fee.negated().get(), 4),
            "currency": market.quote_coin.as_str(),
            "orderId": number.to_string(),
            "liquidatedPrice": "",
            "liquidatedMarginRatio": "",
            "filledTime": format!("{}.000+0800", date(fill.time, 8)),
            "clientOrderID": "",
            "symbol": fill.symbol.as_str(),
            "side": side(fill.side),
            "positionSide": leg(fill.leg),
            "type": word,
            "triggerOrderId": if number == fill.order { 0 } else { fill.order },
            "onlyOnePosition": fill.leg == evenkeel_types::PositionSide::Net,
        }
    }

    /// The newer list: a week at most, in pages, with numbers.
    pub(crate) fn fill_history(&mut self, asked: &Asked) -> Outcome {
        let params = &asked.params;
        let only = self.market_or_all(params)?.map(|market| market.symbol.clone());
        let now = self.floor.now.0;
        let until = params.integer("endTs")?.unwrap_or(now);
        let from = params.integer("startTs")?.unwrap_or(until.saturating_sub(HISTORY_WINDOW));
        if until.saturating_sub(from) > HISTORY_WINDOW {
            return Err(Refusal::malformed("startTs", "the time span must not exceed 7 days"));
        }
        let page = params.integer("pageIndex")?.unwrap_or(1).max(1);
        let size = params.integer("pageSize")?.unwrap_or(PAGE).clamp(1, MAX_PAGE);
        let order = params.integer("orderId")?;
        let (account, desk) = (self.account(asked)?, self.desk(asked)?);
        let meant: Vec<&FillRow> = account
            .fills
            .iter()
            .rev()
            .filter(|fill| {
                // The venue compares what it shows: whole seconds.
                let time = whole_second(fill.time);
                let of = only.as_ref().is_none_or(|symbol| fill.symbol == *symbol);
                of && time >= from
                    && time <= until
                    && order.is_none_or(|order| desk.executes_as(fill.order) == order)
            })
            .collect();
        let skip = usize::try_from(page.saturating_sub(1).saturating_mul(size)).unwrap_or(usize::MAX);
        let take = usize::try_from(size).unwrap_or(usize::MAX);
        let total = u64::try_from(meant.len()).unwrap_or(u64::MAX);
        let mut rows = Vec::new();
        for fill in meant.into_iter().skip(skip).take(take) {
            let Some(market) = self.floor.market(fill.symbol.as_str()) else { continue };
            rows.push(self.new_row(account, market, fill, desk.executes_as(fill.order)));
        }
        Ok(Reply::Data(object! {"fill_history_orders": rows, "total": total}))
    }

    fn new_row(&self, account: &Account, market: &Listed, fill: &FillRow, number: u64) -> Json {
        object! {
            "symbol": fill.symbol.as_str(),
            "qty": cut(fill.qty.get(), Listed::decimals(market.lot)),
            "price": cut(fill.price.get(), Listed::decimals(market.tick.get())),
            "quoteQty": money(fill.value.get()),
            "commission": crate::floor::text(fill.fee.negated().get()),
            "commissionAsset": self.coin(),
            "orderId": number.to_string(),
            "tradeId": fill.trade.to_string(),
            "filledTime": format!("{}.000+08:00", date(fill.time, 8)),
            "side": side(fill.side),
            "positionSide": leg(fill.leg),
            "role": if fill.maker { "maker" } else { "taker" },
            "total": 0_u32,
            "realisedPNL": money(fill.realised.get()),
            "positionID": super::order_rows::position_id(account, &fill.symbol, fill.leg),
        }
    }

    /// What the venue closed by itself.
    pub(crate) fn force_orders(&mut self, asked: &Asked) -> Outcome {
        let params = &asked.params;
        let only = self.market_or_all(params)?.map(|market| market.symbol.clone());
        let from = params.integer("startTime")?.unwrap_or(0);
        let until = params.integer("endTime")?.unwrap_or(u64::MAX);
        let limit = params.integer("limit")?.unwrap_or(FORCED).min(MAX_FORCED);
        let liquidations = match params.text("autoCloseType").unwrap_or("LIQUIDATION") {
            "LIQUIDATION" => true,
            "ADL" => false,
            _ => return Err(Refusal::malformed("autoCloseType", "This field must be LIQUIDATION or ADL.")),
        };
        let account = self.account(asked)?;
        let forced = account.fills.iter().rev().filter(|fill| {
            let of = only.as_ref().is_none_or(|symbol| fill.symbol == *symbol);
            liquidations && fill.liquidation && of && fill.time.0 >= from && fill.time.0 <= until
        });
        let mut rows = Vec::new();
        for fill in forced.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            let Some(market) = self.floor.market(fill.symbol.as_str()) else { continue };
            rows.push(forced_row(account, market, fill));
        }
        Ok(Reply::Data(object! {"orders": rows}))
    }
}

fn forced_row(account: &Account, market: &Listed, fill: &FillRow) -> Json {
    let (ticks, lots) = (Listed::decimals(market.tick.get()), Listed::decimals(market.lot));
    let leverage = account.setting(&fill.symbol).map_or_else(String::new, |setting| {
        // It sold what was long.
        let of = if fill.side == evenkeel_types::Side::Sell { setting.long } else { setting.short };
        format!("{}X", crate::floor::text(of.get()))
    });
    let stub = || {
        object! {"type": "", "quantity": 0_u32, "stopPrice": 0_u32, "price": 0_u32, "workingType": ""}
    };
    object! {
        "symbol": fill.symbol.as_str(),
        "orderId": fill.order,
        "side": side(fill.side),
        "positionSide": leg(fill.leg),
        "type": "LIMIT",
        "origQty": cut(fill.qty.get(), lots),
        "price": cut(fill.price.get(), ticks),
        "executedQty": cut(fill.qty.get(), lots),
        "avgPrice": cut(fill.price.get(), ticks),
        "cumQuote": crate::floor::places(fill.value.get(), 0),
        "stopPrice": "",
        "profit": money(fill.realised.get()),
        "commission": cut(fill.fee.negated().get(), 6),
        "status": "FILLED",
        "time": whole_second(fill.time),
        "updateTime": whole_second(fill.time),
        "clientOrderId": "",
        "leverage": leverage,
        "takeProfit": stub(),
        "stopLoss": stub(),
        "advanceAttr": 0_u32,
        "positionID": 0_u32,
        "takeProfitEntrustPrice": 0_u32,
        "stopLossEntrustPrice": 0_u32,
        "orderType": "",
        "workingType": "MARK_PRICE",
    }
}

/// A position from its first execution to its last.
#[derive(Debug, Clone)]
pub(crate) struct Closed<'a> {
    pub(crate) first: &'a FillRow,
    pub(crate) last: Timestamp,
    pub(crate) opened: (evenkeel_types::Decimal, evenkeel_types::Decimal),
    pub(crate) closed: (evenkeel_types::Decimal, evenkeel_types::Decimal),
    pub(crate) realised: Usd,
    pub(crate) fees: Usd,
    pub(crate) short: bool,
}

impl Closed<'_> {
    pub(crate) fn number(&self) -> u64 {
        position_number(self.first.time, &self.first.symbol, self.first.leg)
    }
}
