//! Positions and leverage settings.

use evenkeel_types::{Decimal, Exact, Leverage, PositionSide, Price, Usd};
use serde_json::{Value, json};

use super::account::{initial, maintenance};
use super::auth::Caller;
use super::envelope::{Answer, Refusal};
use super::market::highest;
use super::numbers::{fine, price, text, usd};
use super::params::{Category, Params, encode_cursor};
use super::server::Server;
use crate::floor::{Account, Figures, Held, Kind, Listed, Ticket};

pub(super) const FIRST_SEQ: u64 = 140_612_148_849_382;

/// The venue's number of a leg.
pub(super) fn position_idx(leg: PositionSide) -> u8 {
    match leg {
        PositionSide::Net => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    }
}

pub(super) fn legs(hedged: bool) -> &'static [PositionSide] {
    if hedged { &[PositionSide::Long, PositionSide::Short] } else { &[PositionSide::Net] }
}

/// What guards the whole of a leg: take profit, stop loss, trailing distance.
fn guards(account: &Account, market: &Listed, leg: PositionSide) -> [String; 3] {
    let of = |ticket: &&Ticket| {
        ticket.wish.symbol == market.symbol && ticket.wish.leg == leg && ticket.wish.qty.is_none()
    };
    let mut found = [String::new(), String::new(), "0".to_owned()];
    for ticket in account.open().filter(of) {
        let [profit, loss, trailing] = &mut found;
        let word = ticket.wish.words.get("stopOrderType").and_then(Value::as_str);
        match (&ticket.wish.kind, word) {
            (Kind::Trigger(trigger), Some("TakeProfit")) => *profit = price(market, trigger.at),
            (Kind::Trigger(trigger), Some("StopLoss")) => *loss = price(market, trigger.at),
            (Kind::Trailing { callback: crate::floor::Callback::Distance(distance), .. }, _) => {
                *trailing = price(market, *distance);
            }
            _ => {}
        }
    }
    found
}

/// Nothing where it would lie beyond the prices that an order can have.
fn liquidation(market: &Listed, held: &Held) -> String {
    let inside = |at: &Price| *at > market.tick && *at < highest(market);
    held.liquidation.filter(inside).map_or_else(String::new, |at| price(market, at))
}

/// What an execution, and the position after it, are numbered with.
pub(super) fn seq(trade: u64) -> u64 {
    FIRST_SEQ.saturating_add(trade)
}

impl Server {
    pub(super) fn leverage_of(
        &self,
        account: &Account,
        market: &Listed,
        leg: PositionSide,
        held: Option<&Held>,
    ) -> Leverage {
        let setting = account.setting(&market.symbol);
        setting.map_or(Leverage::ONE, |setting| match leg {
            PositionSide::Short => setting.short,
            PositionSide::Net if held.is_some_and(|held| held.qty.is_negative()) => setting.short,
            _ => setting.long,
        })
    }

    /// One leg of a symbol, held or not.
    pub(super) fn position_row(
        &self,
        account: &Account,
        figures: &Figures,
        market: &Listed,
        leg: PositionSide,
    ) -> Value {
        let held = figures.of(&market.symbol).find(|held| held.leg == leg);
        let earned = account.earned.get(&(market.symbol.clone(), leg)).copied().unwrap_or_default();
        let (all, cycle) = (earned.all, held.map_or(Usd::ZERO, |_| earned.since));
        let [take_profit, stop_loss, trailing] = guards(account, market, leg);
        let leverage = text(self.leverage_of(account, market, leg, held).get());
        let tiers = &market.instrument.tiers;
        let tier = tiers.at(held.map_or(Usd::ZERO, |held| held.notional));
        let number = tiers.as_slice().iter().position(|row| *row == tier).unwrap_or(0);
        let limit =
            tiers.as_slice().get(number.saturating_add(1)).map(|row| row.notional_floor).or(tiers.cap());
        let since = held.map_or("0".to_owned(), |held| held.since.0.to_string());
        let updated = earned.last.map_or(since.clone(), |(time, _)| time.0.to_string());
        let seq = earned.last.map_or(json!(-1), |(_, trade)| json!(seq(trade)));
        let mark = self.floor.quote(&market.symbol).map_or(market.mark, |quote| quote.mark);
        let amount = |of: fn(&Held) -> Usd| held.map_or("0".to_owned(), |held| usd(of(held)));
        let margin = held.map_or("0".to_owned(), |held| usd(maintenance(held, self.closing_fee(held))));
        let (side, size) = match held {
            Some(held) if held.qty.is_negative() => ("Sell", held.qty.abs().get()),
            Some(held) => ("Buy", held.qty.get()),
            None => ("", Decimal::ZERO),
        };
        json!({
            "positionIdx": position_idx(leg), "riskId": number.saturating_add(1),
            "riskLimitValue": limit.map_or_else(String::new, |limit| limit.to_string()),
            "symbol": market.symbol.as_str(), "side": side, "size": text(size),
            "avgPrice": held.map_or("0".to_owned(), |held| fine(held.entry.get())),
            "positionValue": held.and_then(|held| held.entry.value(held.qty.abs()).ok()).map_or("0".to_owned(), usd),
            "tradeMode": 0, "positionStatus": "Normal", "autoAddMargin": 0, "adlRankIndicator": if held.is_some() { 2 } else { 0 },
            "leverage": leverage, "positionBalance": "0", "markPrice": price(market, mark),
            "liqPrice": held.map_or_else(String::new, |held| liquidation(market, held)), "bustPrice": "",
            "positionIM": amount(initial), "positionIMByMp": amount(initial),
            "positionMM": margin, "positionMMByMp": margin,
            "unrealisedPnl": held.map_or("0".to_owned(), |held| usd(held.unrealised)),
            "curRealisedPnl": usd(cycle), "cumRealisedPnl": usd(all),
            "tpslMode": "Full", "takeProfit": take_profit, "stopLoss": stop_loss, "trailingStop": trailing,
            "sessionAvgPrice": "", "breakEvenPrice": break_even(held, self), "isReduceOnly": false,
            "mmrSysUpdatedTime": "", "leverageSysUpdatedTime": "", "createdTime": since, "updatedTime": updated,
            "seq": seq,
        })
    }

    pub(super) fn position_list(&mut self, caller: &Caller, params: &Params) -> Answer {
        let category = params.category()?;
        let limit = params.limit(20, 200)?;
        let mut rows: Vec<Value> = Vec::new();
        if category == Category::Linear {
            let (account, figures) = self.figures(caller.account)?;
            if params.text("symbol")?.is_some() {
                let market = self.market(params)?;
                let legs = legs(account.is_hedged()).iter();
                rows.extend(legs.map(|leg| self.position_row(account, &figures, market, *leg)));
            } else {
                let coin = params.text("settleCoin")?;
                let coin =
                    coin.ok_or_else(|| Refusal::new(10001, "params error: symbol or settleCoin invalid"))?;
                let meant = |held: &&Held| {
                    self.floor.market(held.symbol.as_str()).is_some_and(|market| market.quote_coin == coin)
                };
                rows.extend(figures.held.iter().filter(meant).filter_map(|held| {
                    let market = self.floor.market(held.symbol.as_str())?;
                    Some(self.position_row(account, &figures, market, held.leg))
                }));
            }
        }
        let key = |row: &Value| {
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let index = row.get("positionIdx").and_then(Value::as_u64).unwrap_or(0);
            format!("{},{},{index}", text("symbol"), text("updatedTime"))
        };
        let (page, cursor) = page_after(&rows, params.cursor()?.as_deref(), limit, key);
        Ok(json!({"category": category.name(), "list": page, "nextPageCursor": cursor}).into())
    }

    pub(super) fn symbol_info(&mut self, caller: &Caller, params: &Params) -> Answer {
        let category = params.category()?;
        let mut rows = Vec::new();
        if category == Category::Linear {
            let (account, figures) = self.figures(caller.account)?;
            let markets: Vec<&Listed> = match params.text("symbol")? {
                Some(_) => vec![self.market(params)?],
                None => self.floor.markets.iter().collect(),
            };
            for market in markets {
                for leg in legs(account.is_hedged()) {
                    let held = figures.of(&market.symbol).find(|held| held.leg == *leg);
                    let side = held.map_or("", |held| if held.qty.is_negative() { "Sell" } else { "Buy" });
                    rows.push(json!({
                        "symbol": market.symbol.as_str(), "side": side, "positionIdx": position_idx(*leg),
                        "leverage": text(self.leverage_of(account, market, *leg, held).get()),
                    }));
                }
            }
        }
        Ok(json!({"category": category.name(), "list": rows}).into())
    }
}

/// Where closing at the taker's rate would give back what opening at it cost.
fn break_even(held: Option<&Held>, server: &Server) -> String {
    let at = held.and_then(|held| {
        let fee = server.closing_fee(held).get();
        let (up, down) = (Decimal::ONE.plus(fee).ok()?, Decimal::ONE.minus(fee).ok()?);
        let factor = if held.qty.is_negative() { down.over(up) } else { up.over(down) };
        held.entry.get().times(factor.ok()?).ok()
    });
    at.map_or_else(String::new, fine)
}

/// The rows after the cursor, and the cursor behind them. The venue prints one whenever there are rows, also behind the
/// last page.
pub(super) fn page_after(
    rows: &[Value],
    cursor: Option<&str>,
    limit: usize,
    key: impl Fn(&Value) -> String,
) -> (Vec<Value>, String) {
    let first = match cursor {
        None => 0,
        Some(cursor) => rows
            .iter()
            .position(|row| cursor.ends_with(&key(row)))
            .map_or(rows.len(), |place| place.saturating_add(1)),
    };
    let page: Vec<Value> = rows.iter().skip(first).take(limit).cloned().collect();
    let next = match (page.first(), page.last()) {
        (Some(first), Some(last)) if key(first).contains(':') => {
            encode_cursor(&format!("{},{}", key(first), key(last)))
        }
        (_, Some(last)) => encode_cursor(&key(last)),
        _ => String::new(),
    };
    (page, next)
}
