//! Leverage, margin type, position mode, isolated margin, and the dead man's switch.

use std::time::Duration;

use evenkeel_types::{Leverage, MarginMode, PositionMode, PositionSide, Symbol, Timestamp, Usd};
use serde_json::{Value, json};

use super::market::Span;
use super::money::{bare, usd};
use super::refusals::Refusal;
use super::routes::Ask;
use super::rows::leg_name;
use super::server::Server;
use crate::floor::{Account, Why};
use crate::history::{MAX_HISTORY, bound};

type Answer = Result<Value, Refusal>;

/// Margin that was moved into an isolated position, or out of it.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    symbol: Symbol,
    leg: PositionSide,
    adds: bool,
    amount: Usd,
    time: Timestamp,
}

fn done() -> Value {
    json!({"code": 200, "msg": "success"})
}

impl Server {
    fn account_mut(&mut self, ask: &Ask) -> Result<&mut Account, Refusal> {
        self.floor.accounts.get_mut(ask.account).ok_or_else(Refusal::number)
    }
}

pub(crate) fn set_leverage(server: &mut Server, ask: &Ask) -> Answer {
    let symbol = server.listed(&ask.params)?.symbol.clone();
    let wanted = ask.params.number("leverage")?.ok_or_else(|| Refusal::missing("leverage"))?;
    let leverage = u32::try_from(wanted).ok().and_then(|number| Leverage::new(number).ok());
    let leverage = leverage.ok_or_else(|| Refusal::leverage(&Why::LeverageRange, wanted))?;
    let account = server.account_mut(ask)?;
    account.set_leverage(&symbol, None, leverage).map_err(|why| Refusal::leverage(&why, wanted))?;
    let market = server.listed(&ask.params)?;
    Ok(json!({
        "leverage": bare(leverage.get()), "maxNotionalValue": Server::max_notional(market, leverage),
        "symbol": symbol.as_str(),
    }))
}

pub(crate) fn set_margin_type(server: &mut Server, ask: &Ask) -> Answer {
    let symbol = server.listed(&ask.params)?.symbol.clone();
    let mode = match ask.params.text("marginType")? {
        "ISOLATED" => MarginMode::Isolated,
        "CROSSED" => MarginMode::Cross,
        _ => return Err(Refusal::malformed("marginType")),
    };
    let account = server.account_mut(ask)?;
    if account.setting(&symbol).is_some_and(|setting| setting.mode == mode) {
        return Err(Refusal::new(-4046, "No need to change margin type."));
    }
    account.set_mode(&symbol, mode).map_err(|why| Refusal::margin_type(&why))?;
    Ok(done())
}

pub(crate) fn position_mode(server: &mut Server, ask: &Ask) -> Answer {
    Ok(json!({"dualSidePosition": server.account(ask)?.is_hedged()}))
}

pub(crate) fn set_position_mode(server: &mut Server, ask: &Ask) -> Answer {
    let hedge = ask.params.flag("dualSidePosition")?.ok_or_else(|| Refusal::missing("dualSidePosition"))?;
    let account = server.account_mut(ask)?;
    if account.is_hedged() == hedge {
        return Err(Refusal::new(-4059, "No need to change position side."));
    }
    let mode = if hedge { PositionMode::Hedge } else { PositionMode::OneWay };
    // Trailing orders wait outside the paper exchange, which therefore does not see them.
    if account.open().next().is_some() {
        return Err(Refusal::position_mode(&Why::Orders));
    }
    account.set_position_mode(mode).map_err(|why| Refusal::position_mode(&why))?;
    Ok(done())
}

pub(crate) fn multi_assets(_: &mut Server, _: &Ask) -> Answer {
    Ok(json!({"multiAssetsMargin": false}))
}

pub(crate) fn set_multi_assets(_: &mut Server, ask: &Ask) -> Answer {
    let wanted =
        ask.params.flag("multiAssetsMargin")?.ok_or_else(|| Refusal::missing("multiAssetsMargin"))?;
    Err(if wanted {
        Refusal::new(-4084, "Method is not allowed currently. Coming soon.")
    } else {
        Refusal::new(
            -4171,
            "Adjusted asset mode is currently set and does not need to be adjusted repeatedly",
        )
    })
}

fn leg(account: &Account, ask: &Ask) -> Result<PositionSide, Refusal> {
    let leg = match ask.params.optional("positionSide")?.unwrap_or("BOTH") {
        "BOTH" => PositionSide::Net,
        "LONG" => PositionSide::Long,
        "SHORT" => PositionSide::Short,
        _ => return Err(Refusal::new(-4060, "Invalid position side.")),
    };
    if account.is_hedged() == (leg == PositionSide::Net) {
        return Err(Refusal::new(-4061, "Order's position side does not match user's setting."));
    }
    Ok(leg)
}

pub(crate) fn move_margin(server: &mut Server, ask: &Ask) -> Answer {
    let symbol = server.listed(&ask.params)?.symbol.clone();
    let amount = ask.params.decimal("amount")?.ok_or_else(|| Refusal::missing("amount"))?;
    let adds = match ask.params.number("type")?.ok_or_else(|| Refusal::missing("type"))? {
        1 => true,
        2 => false,
        _ => return Err(Refusal::malformed("type")),
    };
    let amount = Usd::new(amount).ok().filter(|amount| amount.is_positive());
    let amount = amount.ok_or_else(|| Refusal::new(-4055, "Amount must be positive."))?;
    let leg = leg(server.account(ask)?, ask)?;
    let account = server.account_mut(ask)?;
    if account.position(&symbol, leg).is_none() {
        return Err(Refusal::new(-4054, "Cannot add position margin: position is 0."));
    }
    let delta = if adds { amount } else { amount.negated() };
    account.move_margin(&symbol, leg, delta).map_err(|why| Refusal::margin(&why, adds))?;
    let row = Move { symbol, leg, adds, amount, time: ask.now };
    let moves = server.moves.entry(ask.account).or_default();
    moves.push(row);
    bound(moves, MAX_HISTORY);
    let kind = if adds { 1 } else { 2 };
    Ok(
        json!({"amount": bare(amount.get()), "code": 200, "msg": "Successfully modify position margin.", "type": kind}),
    )
}

pub(crate) fn margin_history(server: &mut Server, ask: &Ask) -> Answer {
    let market = server.listed(&ask.params)?;
    let kind = ask.params.number("type")?;
    let span = Span::of(&ask.params, 500, 1_000)?;
    let moves = server.moves.get(&ask.account).map_or(&[][..], Vec::as_slice);
    let number = |row: &Move| if row.adds { 1 } else { 2 };
    let rows: Vec<Value> = moves
        .iter()
        .filter(|row| row.symbol == market.symbol && span.has(row.time))
        .filter(|row| kind.is_none_or(|kind| kind == number(row)))
        .map(|row| {
            json!({
                "symbol": row.symbol.as_str(), "type": number(row), "deltaType": "USER_ADJUST",
                "amount": usd(if row.adds { row.amount } else { row.amount.negated() }), "asset": market.quote_coin,
                "time": row.time.0, "positionSide": leg_name(row.leg), "clientTranId": "",
            })
        })
        .collect();
    Ok(Value::Array(span.cut(&rows).to_vec()))
}

pub(crate) fn countdown(server: &mut Server, ask: &Ask) -> Answer {
    let symbol = server.listed(&ask.params)?.symbol.clone();
    let wait = ask.params.number("countdownTime")?.ok_or_else(|| Refusal::missing("countdownTime"))?;
    let account = server.account_mut(ask)?;
    if wait == 0 {
        account.cancel_at.remove(&Some(symbol.clone()));
    } else {
        account.cancel_at.insert(Some(symbol.clone()), ask.now.after(Duration::from_millis(wait)));
    }
    Ok(json!({"symbol": symbol.as_str(), "countdownTime": wait.to_string()}))
}
