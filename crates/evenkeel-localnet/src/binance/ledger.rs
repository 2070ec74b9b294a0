//! Executions, movements of money, liquidations, transfers.

use evenkeel_types::{Side, Timestamp, Usd};
use serde_json::{Value, json};

use super::market::Span;
use super::money::{price, qty, usd, usd_or_zero, value};
use super::refusals::Refusal;
use super::routes::Ask;
use super::rows::{leg_name, side_name};
use super::server::Server;
use crate::floor::{FillRow, Income, IncomeKind, Listed};

type Answer = Result<Value, Refusal>;

const WEEK: u64 = 7 * 24 * 3_600_000;
/// Numbers of movements that fit into 64 bits with a sign, as the venue's do.
const INCOME_OFFSET: u64 = 1_000_000_000_000_000_000;

fn trade(market: &Listed, row: &FillRow) -> Value {
    json!({
        "symbol": row.symbol.as_str(), "pair": row.symbol.as_str(), "id": row.trade, "orderId": row.order,
        "side": side_name(row.side), "price": price(market, row.price.get()), "qty": qty(market, row.qty),
        "realizedPnl": usd_or_zero(row.realised), "marginAsset": market.quote_coin,
        "quoteQty": value(market, row.value.get()), "baseQty": "0", "commission": usd(row.fee),
        "commissionAsset": market.quote_coin, "time": row.time.0, "positionSide": leg_name(row.leg),
        "maker": row.maker, "buyer": row.side == Side::Buy,
    })
}

pub(crate) fn user_trades(server: &mut Server, ask: &Ask) -> Answer {
    let market = server.listed(&ask.params)?;
    let span = Span::of(&ask.params, 500, 1_000)?.at_most(7)?;
    let (order, first) = (ask.params.number("orderId")?, ask.params.number("fromId")?);
    let account = server.account(ask)?;
    let recent = Timestamp(ask.now.0.saturating_sub(WEEK));
    let all = order.is_some() || first.is_some() || span.from.is_some();
    let rows: Vec<&FillRow> = account
        .fills
        .iter()
        .filter(|row| row.symbol == market.symbol && span.has(row.time))
        .filter(|row| order.is_none_or(|order| row.order == order))
        .filter(|row| first.is_none_or(|first| row.trade >= first))
        .filter(|row| all || row.time >= recent)
        .collect();
    let rows = if first.is_some() { rows.get(..span.limit()).unwrap_or(&rows) } else { span.cut(&rows) };
    Ok(rows.iter().map(|row| trade(market, row)).collect())
}

pub(crate) fn income(server: &mut Server, ask: &Ask) -> Answer {
    let span = Span::of(&ask.params, 100, 1_000)?;
    let symbols = server.listed_or_all(&ask.params)?;
    let kind = ask.params.optional("incomeType")?;
    let account = server.account(ask)?;
    let coin = server.floor.markets.first().map_or("USDT", |market| market.quote_coin.as_str());
    let recent = Timestamp(ask.now.0.saturating_sub(WEEK));
    let one = ask.params.has("symbol");
    let liquidation = |row: &Income| {
        // Numbers of executions only grow.
        let place = |trade| account.fills.binary_search_by_key(&trade, |fill: &FillRow| fill.trade).ok();
        let fill = row.trade.and_then(place).and_then(|place| account.fills.get(place));
        fill.is_some_and(|fill| fill.liquidation)
    };
    let name = |row: &Income| match row.kind {
        IncomeKind::Transfer => "TRANSFER",
        IncomeKind::Realised => "REALIZED_PNL",
        IncomeKind::Commission if liquidation(row) => "INSURANCE_CLEAR",
        IncomeKind::Commission => "COMMISSION",
        IncomeKind::Funding => "FUNDING_FEE",
    };
    let of = |row: &Income| match &row.symbol {
        Some(symbol) => symbols.iter().any(|market| market.symbol == *symbol),
        None => !one,
    };
    let rows: Vec<Value> = account
        .income
        .iter()
        .filter(|row| of(row) && span.has(row.time) && (span.from.is_some() || row.time >= recent))
        .filter(|row| kind.is_none_or(|kind| kind == name(row)))
        .map(|row| {
            let trade = row.trade.map_or_else(String::new, |trade| trade.to_string());
            let info = if trade.is_empty() { name(row).to_owned() } else { trade.clone() };
            json!({
                "symbol": row.symbol.as_ref().map_or("", evenkeel_types::Symbol::as_str), "incomeType": name(row),
                "income": usd(row.amount), "asset": coin, "time": row.time.0, "info": info,
                "tranId": row.id.saturating_sub(INCOME_OFFSET), "tradeId": trade,
            })
        })
        .collect();
    Ok(Value::Array(span.cut(&rows).to_vec()))
}

pub(crate) fn force_orders(server: &mut Server, ask: &Ask) -> Answer {
    let span = Span::of(&ask.params, 50, 100)?;
    let symbols = server.listed_or_all(&ask.params)?;
    let kind = ask.params.optional("autoCloseType")?.unwrap_or("LIQUIDATION");
    let account = server.account(ask)?;
    let mut rows = Vec::new();
    for fill in account.fills.iter().filter(|fill| fill.liquidation && span.has(fill.time)) {
        let Some(market) = symbols.iter().find(|market| market.symbol == fill.symbol) else { continue };
        let size = qty(market, fill.qty);
        rows.push(json!({
            "orderId": fill.order, "symbol": fill.symbol.as_str(), "status": "FILLED",
            "clientOrderId": format!("autoclose-{}", fill.trade), "price": price(market, fill.price.get()),
            "avgPrice": value(market, fill.price.get()), "origQty": size, "executedQty": size,
            "cumQuote": value(market, fill.value.get()), "timeInForce": "IOC", "type": "LIMIT", "reduceOnly": false,
            "closePosition": false, "side": side_name(fill.side), "positionSide": leg_name(fill.leg),
            "stopPrice": "0", "workingType": "CONTRACT_PRICE", "origType": "LIMIT", "time": fill.time.0,
            "updateTime": fill.time.0,
        }));
    }
    if kind != "LIQUIDATION" {
        rows.clear();
    }
    Ok(Value::Array(span.cut(&rows).to_vec()))
}

/// Between the spot wallet and this one.
pub(crate) fn transfer(server: &mut Server, ask: &Ask) -> Answer {
    let coin = server.floor.markets.first().map_or("USDT", |market| market.quote_coin.as_str()).to_owned();
    if ask.params.text("asset")? != coin {
        return Err(Refusal::malformed("asset"));
    }
    let amount = ask.params.decimal("amount")?.ok_or_else(|| Refusal::missing("amount"))?;
    let amount = Usd::new(amount).ok().filter(|amount| amount.is_positive());
    let amount = amount.ok_or_else(|| Refusal::malformed("amount"))?;
    let delta = match ask.params.text("type")? {
        "MAIN_UMFUTURE" => amount,
        "UMFUTURE_MAIN" => amount.negated(),
        _ => return Err(Refusal::malformed("type")),
    };
    let account = server.floor.accounts.get_mut(ask.account).ok_or_else(Refusal::number)?;
    let short = || Refusal::new(-5013, "Asset transfer failed: insufficient balance");
    let spot = account.spot.minus(delta).ok().filter(|left| !left.is_negative()).ok_or_else(short)?;
    account.transfer(delta).map_err(|_| short())?;
    account.spot = spot;
    let number = account.income.last().map_or(0, |row| row.id.saturating_sub(INCOME_OFFSET));
    Ok(json!({"tranId": number}))
}

pub(crate) fn transfers(server: &mut Server, ask: &Ask) -> Answer {
    let coin = server.floor.markets.first().map_or("USDT", |market| market.quote_coin.as_str());
    let span = Span::of(&ask.params, 10, 100)?;
    let account = server.account(ask)?;
    let rows: Vec<Value> = account
        .income
        .iter()
        .filter(|row| row.kind == IncomeKind::Transfer && span.has(row.time))
        .map(|row| {
            json!({
                "asset": coin, "tranId": row.id.saturating_sub(INCOME_OFFSET), "amount": usd(row.amount.abs()),
                "type": if row.amount.is_negative() { "2" } else { "1" }, "timestamp": row.time.0, "status": "CONFIRMED",
            })
        })
        .collect();
    Ok(json!({"rows": rows, "total": rows.len()}))
}
