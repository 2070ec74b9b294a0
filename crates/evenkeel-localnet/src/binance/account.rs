//! Answers about the account.

use evenkeel_types::{
    Decimal, Leverage, MarginMode, NumberError, PositionSide, Price, Qty, Side, Symbol, Usd,
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::limits::{ORDERS_LONG, ORDERS_SHORT};
use super::money::{average, bare, break_even, cut, pointed, qty, usd, usd_or_zero};
use super::refusals::Refusal;
use super::routes::Ask;
use super::rows::{is_algo_waiting, leg_name};
use super::server::Server;
use crate::floor::{Account, Figures, Held, Kind, Listed, text};

type Answer = Result<Value, Refusal>;

/// What is held and ordered of one leg.
struct Leg<'a> {
    market: &'a Listed,
    leg: PositionSide,
    held: Option<&'a Held>,
    setting: (Leverage, MarginMode),
    /// Values of open orders, without sign.
    bids: Usd,
    asks: Usd,
}

impl Leg<'_> {
    fn is_empty(&self) -> bool {
        self.held.is_none() && self.bids.is_zero() && self.asks.is_zero()
    }

    fn notional(&self) -> Usd {
        self.held.map_or(Usd::ZERO, |held| {
            if held.qty.is_negative() { held.notional.negated() } else { held.notional }
        })
    }

    fn initial(&self) -> Usd {
        self.held.map_or(Usd::ZERO, |held| held.initial)
    }

    /// The larger of what the position becomes by either side of its orders, less what it is.
    fn order_initial(&self) -> Result<Usd, NumberError> {
        let (up, down) = (self.notional().plus(self.bids)?, self.notional().minus(self.asks)?);
        let most = self.setting.0.margin(up.abs().max(down.abs()))?;
        Ok(most.minus(self.initial())?.max(Usd::ZERO))
    }

    fn isolated(&self) -> (Usd, Usd) {
        self.held.and_then(|held| held.isolated).unwrap_or((Usd::ZERO, Usd::ZERO))
    }
}

/// Everything that the answers are made from.
struct View<'a> {
    account: &'a Account,
    figures: &'a Figures,
    legs: Vec<Leg<'a>>,
}

fn legs_of<'a>(
    account: &'a Account,
    figures: &'a Figures,
    markets: &'a [Listed],
) -> Result<View<'a>, Refusal> {
    let snapshot = account.snapshot(markets).ok_or_else(Refusal::number)?;
    let sides: &[PositionSide] =
        if account.is_hedged() { &[PositionSide::Long, PositionSide::Short] } else { &[PositionSide::Net] };
    let mut legs = Vec::new();
    for market in markets {
        let setting = snapshot.settings.get(&market.symbol).ok_or_else(Refusal::number)?;
        for side in sides {
            let held = figures.of(&market.symbol).find(|held| held.leg == *side);
            let (mut bids, mut asks) = (Usd::ZERO, Usd::ZERO);
            let open = account.open().filter(|ticket| {
                ticket.wish.symbol == market.symbol
                    && ticket.wish.leg == *side
                    && !is_algo_waiting(account, ticket)
            });
            for ticket in open.filter(|ticket| !ticket.wish.reduce_only) {
                let limit = match &ticket.wish.kind {
                    Kind::Limit(price) => Some(*price),
                    Kind::Trigger(trigger) => trigger.limit,
                    _ => None,
                };
                let left = Qty::new(ticket.remaining(&account.world)).map_err(|_| Refusal::number())?;
                let value = limit.map_or(Ok(Usd::ZERO), |limit: Price| limit.value(left));
                let value = value.map_err(|_| Refusal::number())?;
                let sum = if ticket.wish.side == Side::Buy { &mut bids } else { &mut asks };
                *sum = sum.plus(value).map_err(|_| Refusal::number())?;
            }
            legs.push(Leg { market, leg: *side, held, setting: (setting.long, setting.mode), bids, asks });
        }
    }
    Ok(View { account, figures, legs })
}

impl Server {
    fn view<T>(&self, ask: &Ask, show: impl FnOnce(&View<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let account = self.account(ask)?;
        let figures = account.figures(&self.floor.markets).ok_or_else(Refusal::number)?;
        show(&legs_of(account, &figures, &self.floor.markets)?)
    }

    /// What a position may be worth at a leverage.
    pub(crate) fn max_notional(market: &Listed, leverage: Leverage) -> String {
        market
            .instrument
            .tiers
            .max_notional(leverage)
            .map_or_else(|| "INF".to_owned(), |most| text(most.get()))
    }
}

/// Free money that can leave: without profit that is not realised.
fn withdrawable(figures: &Figures) -> Usd {
    let profit = figures.cross_unrealised.max(Usd::ZERO);
    figures.free.minus(profit).unwrap_or(Usd::ZERO).max(Usd::ZERO)
}

pub(crate) fn balance(server: &mut Server, ask: &Ask) -> Answer {
    let coin = coin(server);
    server.view(ask, |view| {
        let figures = view.figures;
        Ok(json!([{
            "accountAlias": alias(view.account), "asset": coin, "balance": usd(figures.wallet),
            "crossWalletBalance": usd(figures.cross_wallet), "crossUnPnl": usd(figures.cross_unrealised),
            "availableBalance": usd(figures.free), "maxWithdrawAmount": usd(withdrawable(figures)),
            "marginAvailable": true, "updateTime": ask.now.0,
        }]))
    })
}

fn coin(server: &Server) -> String {
    server.floor.markets.first().map_or("USDT", |market| market.quote_coin.as_str()).to_owned()
}

/// A short name that stays the same, as the venue has one for each account.
fn alias(account: &Account) -> String {
    let hash = Sha256::digest(account.key.id().as_bytes());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn sums(figures: &Figures) -> Result<Map<String, Value>, Refusal> {
    let initial = figures.position_initial.plus(figures.order_initial).map_err(|_| Refusal::number())?;
    let margin = figures.equity();
    let sums = json!({
        "totalInitialMargin": usd(initial), "totalMaintMargin": usd(figures.maintenance),
        "totalWalletBalance": usd(figures.wallet), "totalUnrealizedProfit": usd(figures.unrealised),
        "totalMarginBalance": usd(margin), "totalPositionInitialMargin": usd(figures.position_initial),
        "totalOpenOrderInitialMargin": usd(figures.order_initial),
        "totalCrossWalletBalance": usd(figures.cross_wallet), "totalCrossUnPnl": usd(figures.cross_unrealised),
        "availableBalance": usd(figures.free), "maxWithdrawAmount": usd(withdrawable(figures)),
    });
    Ok(object(sums))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn asset(coin: &str, figures: &Figures, now: u64) -> Result<Map<String, Value>, Refusal> {
    let initial = figures.position_initial.plus(figures.order_initial).map_err(|_| Refusal::number())?;
    Ok(object(json!({
        "asset": coin, "walletBalance": usd(figures.wallet), "unrealizedProfit": usd(figures.unrealised),
        "marginBalance": usd(figures.equity()), "maintMargin": usd(figures.maintenance),
        "initialMargin": usd(initial), "positionInitialMargin": usd(figures.position_initial),
        "openOrderInitialMargin": usd(figures.order_initial), "crossWalletBalance": usd(figures.cross_wallet),
        "crossUnPnl": usd(figures.cross_unrealised), "availableBalance": usd(figures.free),
        "maxWithdrawAmount": usd(withdrawable(figures)), "updateTime": now,
    })))
}

/// The fields that positions have in both versions of the account.
fn position(leg: &Leg<'_>, now: u64) -> Result<Map<String, Value>, Refusal> {
    let orders = leg.order_initial().map_err(|_| Refusal::number())?;
    let initial = leg.initial().plus(orders).map_err(|_| Refusal::number())?;
    let (isolated, wallet) = leg.isolated();
    Ok(object(json!({
        "symbol": leg.market.symbol.as_str(), "positionSide": leg_name(leg.leg),
        "positionAmt": qty(leg.market, leg.held.map_or(Qty::ZERO, |held| held.qty)),
        "unrealizedProfit": usd(leg.held.map_or(Usd::ZERO, |held| held.unrealised)),
        "isolatedMargin": usd_or_zero(isolated), "notional": usd_or_zero(leg.notional()),
        "isolatedWallet": usd_or_zero(wallet), "initialMargin": usd_or_zero(initial),
        "maintMargin": usd_or_zero(leg.held.map_or(Usd::ZERO, |held| held.maintenance)), "updateTime": now,
    })))
}

pub(crate) fn account_v3(server: &mut Server, ask: &Ask) -> Answer {
    let coin = coin(server);
    server.view(ask, |view| {
        let mut answer = sums(view.figures)?;
        answer.insert("assets".to_owned(), json!([asset(&coin, view.figures, ask.now.0)?]));
        let used = view.used();
        let rows = view.legs.iter().filter(|leg| used.contains(&&leg.market.symbol));
        let rows = rows.map(|leg| position(leg, ask.now.0)).collect::<Result<Vec<_>, _>>()?;
        answer.insert("positions".to_owned(), json!(rows));
        Ok(Value::Object(answer))
    })
}

impl<'a> View<'a> {
    /// Symbols with a position or an open order.
    fn used(&self) -> Vec<&'a Symbol> {
        self.legs
            .iter()
            .filter(|leg| !leg.is_empty() || self.has_orders(leg.market))
            .map(|leg| &leg.market.symbol)
            .collect()
    }

    fn has_orders(&self, market: &Listed) -> bool {
        self.account
            .open()
            .any(|ticket| ticket.wish.symbol == market.symbol && !is_algo_waiting(self.account, ticket))
    }
}

pub(crate) fn account_v2(server: &mut Server, ask: &Ask) -> Answer {
    let coin = coin(server);
    server.view(ask, |view| {
        let mut answer = sums(view.figures)?;
        answer.extend(config(view.account, false));
        let mut asset = asset(&coin, view.figures, ask.now.0)?;
        asset.insert("marginAvailable".to_owned(), json!(true));
        answer.insert("assets".to_owned(), json!([asset]));
        let mut rows = Vec::with_capacity(view.legs.len());
        for leg in &view.legs {
            let mut row = position(leg, ask.now.0)?;
            row.remove("isolatedMargin");
            let orders = leg.order_initial().map_err(|_| Refusal::number())?;
            let entry = leg.held.map_or(Decimal::ZERO, |held| held.entry.get());
            row.extend(object(json!({
                "leverage": text(leg.setting.0.get()), "isolated": leg.setting.1 == MarginMode::Isolated,
                "entryPrice": average(entry), "breakEvenPrice": break_even_of(view.account, leg),
                "maxNotional": Server::max_notional(leg.market, leg.setting.0),
                "positionInitialMargin": usd_or_zero(leg.initial()), "openOrderInitialMargin": usd_or_zero(orders),
                "bidNotional": usd_or_zero(leg.bids), "askNotional": usd_or_zero(leg.asks),
            })));
            rows.push(row);
        }
        answer.insert("positions".to_owned(), json!(rows));
        Ok(Value::Object(answer))
    })
}

fn break_even_of(account: &Account, leg: &Leg<'_>) -> String {
    let taker = fees(account, &leg.market.symbol).map(|(_, taker)| taker);
    match (leg.held, taker) {
        (Some(held), Some(taker)) => break_even(held.entry, taker, !held.qty.is_negative()),
        _ => "0.0".to_owned(),
    }
}

fn fees(account: &Account, symbol: &Symbol) -> Option<(Decimal, Decimal)> {
    let snapshot = account.world.peek(&evenkeel_types::Scope::of([symbol.clone()])).ok()?;
    let fees = snapshot.fees.get(symbol)?;
    Some((fees.maker.get(), fees.taker.get()))
}

pub(crate) fn position_risk_v3(server: &mut Server, ask: &Ask) -> Answer {
    let wanted: Vec<Symbol> =
        server.listed_or_all(&ask.params)?.into_iter().map(|m| m.symbol.clone()).collect();
    server.view(ask, |view| {
        let used = view.used();
        let legs = view
            .legs
            .iter()
            .filter(|leg| used.contains(&&leg.market.symbol) && wanted.contains(&leg.market.symbol));
        let mut rows = Vec::new();
        for leg in legs {
            rows.push(risk(server, view, leg, ask.now.0)?);
        }
        Ok(Value::Array(rows))
    })
}

fn risk(server: &Server, view: &View<'_>, leg: &Leg<'_>, now: u64) -> Answer {
    let orders = leg.order_initial().map_err(|_| Refusal::number())?;
    let initial = leg.initial().plus(orders).map_err(|_| Refusal::number())?;
    let (isolated, wallet) = leg.isolated();
    let mark = server.quoted(leg.market)?.mark;
    Ok(json!({
        "symbol": leg.market.symbol.as_str(), "positionSide": leg_name(leg.leg),
        "positionAmt": qty(leg.market, leg.held.map_or(Qty::ZERO, |held| held.qty)),
        "entryPrice": average(leg.held.map_or(Decimal::ZERO, |held| held.entry.get())),
        "breakEvenPrice": break_even_of(view.account, leg), "markPrice": cut(mark.get()),
        "unRealizedProfit": usd(leg.held.map_or(Usd::ZERO, |held| held.unrealised)),
        "liquidationPrice": liquidation(leg),
        "isolatedMargin": usd_or_zero(isolated), "notional": usd_or_zero(leg.notional()),
        "marginAsset": leg.market.quote_coin, "isolatedWallet": usd_or_zero(wallet),
        "initialMargin": usd_or_zero(initial),
        "maintMargin": usd_or_zero(leg.held.map_or(Usd::ZERO, |held| held.maintenance)),
        "positionInitialMargin": usd_or_zero(leg.initial()), "openOrderInitialMargin": usd_or_zero(orders),
        "adl": u32::from(leg.held.is_some()), "bidNotional": usd_or_zero(leg.bids),
        "askNotional": usd_or_zero(leg.asks), "updateTime": now,
    }))
}

fn liquidation(leg: &Leg<'_>) -> String {
    leg.held.and_then(|held| held.liquidation).map_or_else(|| "0".to_owned(), |price| cut(price.get()))
}

pub(crate) fn position_risk_v2(server: &mut Server, ask: &Ask) -> Answer {
    let wanted: Vec<Symbol> =
        server.listed_or_all(&ask.params)?.into_iter().map(|m| m.symbol.clone()).collect();
    server.view(ask, |view| {
        let mut rows = Vec::new();
        for leg in view.legs.iter().filter(|leg| wanted.contains(&leg.market.symbol)) {
            let (isolated, wallet) = leg.isolated();
            let is_isolated = leg.setting.1 == MarginMode::Isolated;
            rows.push(json!({
                "symbol": leg.market.symbol.as_str(), "positionSide": leg_name(leg.leg),
                "positionAmt": qty(leg.market, leg.held.map_or(Qty::ZERO, |held| held.qty)),
                "entryPrice": average(leg.held.map_or(Decimal::ZERO, |held| held.entry.get())),
                "breakEvenPrice": break_even_of(view.account, leg),
                "markPrice": cut(server.quoted(leg.market)?.mark.get()),
                "unRealizedProfit": usd(leg.held.map_or(Usd::ZERO, |held| held.unrealised)),
                "liquidationPrice": liquidation(leg),
                "leverage": text(leg.setting.0.get()), "maxNotionalValue": Server::max_notional(leg.market, leg.setting.0),
                "marginType": if is_isolated { "isolated" } else { "cross" }, "isolatedMargin": usd(isolated),
                "isAutoAddMargin": "false", "notional": usd_or_zero(leg.notional()),
                "isolatedWallet": usd_or_zero(wallet), "updateTime": ask.now.0,
            }));
        }
        Ok(Value::Array(rows))
    })
}

pub(crate) fn symbol_config(server: &mut Server, ask: &Ask) -> Answer {
    let account = server.account(ask)?;
    let mut rows = Vec::new();
    for market in server.listed_or_all(&ask.params)? {
        let setting = account.setting(&market.symbol).ok_or_else(Refusal::number)?;
        rows.push(json!({
            "symbol": market.symbol.as_str(),
            "marginType": if setting.mode == MarginMode::Isolated { "ISOLATED" } else { "CROSSED" },
            "isAutoAddMargin": false, "leverage": bare(setting.long.get()),
            "maxNotionalValue": Server::max_notional(market, setting.long),
        }));
    }
    Ok(Value::Array(rows))
}

fn config(account: &Account, with_mode: bool) -> Map<String, Value> {
    let mut fields = object(json!({
        "feeTier": 0, "canTrade": true, "canDeposit": true, "canWithdraw": true, "updateTime": 0,
        "multiAssetsMargin": false, "tradeGroupId": -1,
    }));
    if with_mode {
        fields.insert("dualSidePosition".to_owned(), json!(account.is_hedged()));
    } else {
        fields.insert("feeBurn".to_owned(), json!(false));
    }
    fields
}

pub(crate) fn account_config(server: &mut Server, ask: &Ask) -> Answer {
    Ok(Value::Object(config(server.account(ask)?, true)))
}

pub(crate) fn leverage_bracket(server: &mut Server, ask: &Ask) -> Answer {
    let row = |market: &&Listed| {
        let tiers = market.instrument.tiers.as_slice();
        let next = tiers.iter().skip(1).map(|tier| Some(tier.notional_floor));
        let caps = next.chain([market.instrument.tiers.cap()]);
        let brackets: Vec<Value> = tiers
            .iter()
            .zip(caps)
            .enumerate()
            .map(|(index, (tier, cap))| {
                json!({
                    "bracket": index.saturating_add(1), "initialLeverage": bare(tier.max_leverage.get()),
                    // A table without an end has a number that no account reaches.
                    "notionalCap": cap.map_or_else(|| json!(9_223_372_036_854_775_807_u64), |cap| bare(cap.get())),
                    "notionalFloor": bare(tier.notional_floor.get()),
                    "maintMarginRatio": bare(tier.maintenance_rate.get()), "cum": pointed(tier.deduction.get()),
                })
            })
            .collect();
        json!({"symbol": market.symbol.as_str(), "brackets": brackets})
    };
    Ok(server.listed_or_all(&ask.params)?.iter().map(row).collect())
}

pub(crate) fn commission_rate(server: &mut Server, ask: &Ask) -> Answer {
    let market = server.listed(&ask.params)?;
    let (maker, taker) = fees(server.account(ask)?, &market.symbol).ok_or_else(Refusal::number)?;
    Ok(json!({
        "symbol": market.symbol.as_str(), "makerCommissionRate": text(maker), "takerCommissionRate": text(taker),
        "rpiCommissionRate": "0.00005",
    }))
}

pub(crate) fn adl_quantile(server: &mut Server, ask: &Ask) -> Answer {
    let wanted: Vec<Symbol> =
        server.listed_or_all(&ask.params)?.into_iter().map(|m| m.symbol.clone()).collect();
    server.view(ask, |view| {
        let held = |symbol: &Symbol| view.figures.of(symbol).next().is_some();
        let row = |symbol: &Symbol| {
            let number = if view.account.is_hedged() {
                json!({"LONG": 1, "SHORT": 1, "HEDGE": 0})
            } else {
                json!({"LONG": 0, "SHORT": 0, "BOTH": 1})
            };
            json!({"symbol": symbol.as_str(), "adlQuantile": number})
        };
        Ok(wanted.iter().filter(|symbol| held(symbol)).map(row).collect())
    })
}

pub(crate) fn fee_burn(_: &mut Server, _: &Ask) -> Answer {
    Ok(json!({"feeBurn": false}))
}

pub(crate) fn trading_status(_: &mut Server, ask: &Ask) -> Answer {
    Ok(json!({"indicators": {}, "updateTime": ask.now.0}))
}

pub(crate) fn order_limits(_: &mut Server, _: &Ask) -> Answer {
    Ok(json!([
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_SHORT},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": ORDERS_LONG},
    ]))
}
