//! An order as a client spells it.

use evenkeel_types::{Decimal, Exact, Lot, PositionSide, Price, Qty, Rate, Side, TimeInForce};
use serde_json::{Value, json};

use super::params::Params;
use super::refusals::Refusal;
use crate::floor::{Account, Callback, Kind, Listed, Trigger, Wish};

/// The longest client id.
const MAX_ID: usize = 40;

const KINDS: [&str; 10] = [
    "LIMIT",
    "MARKET",
    "STOP_MARKET",
    "TAKE_PROFIT_MARKET",
    "STOP",
    "TAKE_PROFIT",
    "TRIGGER_LIMIT",
    "TRIGGER_MARKET",
    "TRAILING_STOP_MARKET",
    "TRAILING_TP_SL",
];

/// An order whose form is right, and the stops that are attached to it.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) wish: Wish,
    pub(crate) stops: Vec<Wish>,
}

/// Reads one. Excess digits of sizes and prices are cut off, as the venue does it.
pub(crate) fn order(params: &Params, market: &Listed, account: &Account) -> Result<Parsed, Refusal> {
    let hedge = account.is_hedged();
    let side = side(params)?;
    let word = params.need("type")?.to_owned();
    if !KINDS.contains(&word.as_str()) {
        return Err(Refusal::malformed("type", "This field must be a known order type."));
    }
    let leg = leg(params, hedge)?;
    let reduce_only = params.flag("reduceOnly")?;
    if hedge && reduce_only.is_some() {
        return Err(Refusal::reduce_only_in_hedge());
    }
    let last = account.quote(&market.symbol).ok_or_else(Refusal::internal)?.mark;
    let kind = kind(&word, side, params, market, last)?;
    let closes = closes_only(&word);
    if closes {
        needs_position(account, market, leg, side, &word)?;
        right_side(&word, &kind, last)?;
    }
    let whole = params.flag("closePosition")?.unwrap_or(false);
    let qty = size(params, market, &kind, &word, last)?;
    if whole {
        alone(account, market, leg, &word)?;
    }
    let working = working_type(params)?;
    let tif = params.text("timeInForce").unwrap_or("GTC");
    let given = |name: &str| params.text(name).unwrap_or_default().to_owned();
    let words = json!({
        "type": word,
        "workingType": working,
        "timeInForce": tif,
        "closePosition": given("closePosition"),
        "quantity": qty.to_string(),
        "reference": last.to_string(),
        "stopLoss": given("stopLoss"),
        "takeProfit": given("takeProfit"),
        "stopGuaranteed": given("stopGuaranteed"),
        "priceRate": given("priceRate"),
        "distance": if word.starts_with("TRAILING") { given("price") } else { String::new() },
        "activationPrice": given("activationPrice"),
        "reduceOnly": reduce_only.unwrap_or(false),
        "leverage": leverage(account, market, leg, side),
    });
    let wish = Wish {
        client_id: client_id(params)?,
        symbol: market.symbol.clone(),
        side,
        leg,
        qty: if whole { None } else { Some(qty) },
        tif: time_in_force(tif, &kind)?,
        kind,
        reduce_only: closes || reduce_only == Some(true),
        words,
    };
    let stops = [("stopLoss", "SL"), ("takeProfit", "TP")]
        .into_iter()
        .filter_map(|(name, short)| {
            attached(params.text(name)?, name, short, &wish, market, last).transpose()
        })
        .collect::<Result<_, _>>()?;
    Ok(Parsed { wish, stops })
}

/// Whether orders of this type can only close: a stop loss or take profit needs its position.
pub(crate) fn closes_only(word: &str) -> bool {
    matches!(word, "STOP_MARKET" | "TAKE_PROFIT_MARKET" | "STOP" | "TAKE_PROFIT" | "TRAILING_TP_SL")
}

pub(crate) fn side(params: &Params) -> Result<Side, Refusal> {
    match params.need("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(Refusal::malformed("side", "This field must be BUY or SELL.")),
    }
}

/// Where it is not given it is `LONG`, which a one-way account does not take.
pub(crate) fn leg(params: &Params, hedge: bool) -> Result<PositionSide, Refusal> {
    match (params.text("positionSide").unwrap_or("LONG"), hedge) {
        ("BOTH", false) => Ok(PositionSide::Net),
        ("LONG", true) => Ok(PositionSide::Long),
        ("SHORT", true) => Ok(PositionSide::Short),
        ("BOTH" | "LONG" | "SHORT", _) => Err(Refusal::leg(hedge)),
        _ => Err(Refusal::malformed("positionSide", "This field must be BOTH, LONG or SHORT.")),
    }
}

fn client_id(params: &Params) -> Result<Option<String>, Refusal> {
    let Some(id) = params.either("clientOrderID", "clientOrderId") else { return Ok(None) };
    let fits = id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !fits {
        return Err(Refusal::malformed("clientOrderId", "1-40 letters, digits and _ are allowed"));
    }
    Ok(Some(id.to_ascii_lowercase()))
}

fn working_type(params: &Params) -> Result<&str, Refusal> {
    match params.text("workingType").unwrap_or("MARK_PRICE") {
        word @ ("MARK_PRICE" | "CONTRACT_PRICE" | "INDEX_PRICE") => Ok(word),
        _ => Err(Refusal::malformed(
            "workingType",
            "This field must be MARK_PRICE, CONTRACT_PRICE or INDEX_PRICE.",
        )),
    }
}

fn time_in_force(word: &str, kind: &Kind) -> Result<TimeInForce, Refusal> {
    let tif = match word {
        "GTC" => TimeInForce::Gtc,
        "IOC" | "FOK" => TimeInForce::Ioc,
        "PostOnly" => TimeInForce::PostOnly,
        _ => return Err(Refusal::malformed("timeInForce", "This field must be GTC, IOC, FOK or PostOnly.")),
    };
    Ok(if matches!(kind, Kind::Limit(_)) { tif } else { TimeInForce::Ioc })
}

/// A price, cut to the tick.
fn price(value: Decimal, market: &Listed, name: &str) -> Result<Price, Refusal> {
    let places = Listed::decimals(market.tick.get());
    Price::new(super::numbers::toward_zero(value, places))
        .map_err(|_| Refusal::malformed(name, "must be greater than 0"))
}

fn kind(word: &str, side: Side, params: &Params, market: &Listed, last: Price) -> Result<Kind, Refusal> {
    let needed = |name: &str| -> Result<Price, Refusal> {
        let value = params.above_zero(name)?.ok_or_else(|| Refusal::required(name))?;
        price(value, market, name)
    };
    let trigger = |rises: bool, limit: bool| -> Result<Kind, Refusal> {
        let limit = if limit { Some(needed("price")?) } else { None };
        Ok(Kind::Trigger(Trigger { at: needed("stopPrice")?, rises, limit }))
    };
    let buys = side == Side::Buy;
    match word {
        "LIMIT" => Ok(Kind::Limit(needed("price")?)),
        "MARKET" => Ok(Kind::Market),
        "STOP_MARKET" | "STOP" => trigger(buys, word == "STOP"),
        "TAKE_PROFIT_MARKET" | "TAKE_PROFIT" => trigger(!buys, word == "TAKE_PROFIT"),
        // From wherever the price is.
        "TRIGGER_LIMIT" | "TRIGGER_MARKET" => trigger(needed("stopPrice")? > last, word == "TRIGGER_LIMIT"),
        _ => {
            let activation = params.above_zero("activationPrice")?;
            let activation = activation.map(|value| price(value, market, "activationPrice")).transpose()?;
            Ok(Kind::Trailing { activation, callback: callback(params, market)? })
        }
    }
}

/// A fraction up to 1, or a distance in the quote coin.
fn callback(params: &Params, market: &Listed) -> Result<Callback, Refusal> {
    match (params.above_zero("priceRate")?, params.above_zero("price")?) {
        (Some(rate), _) if rate > Decimal::ONE => Err(Refusal::new(110_415, "priceRate must be at most 1")),
        (Some(rate), _) => Rate::new(rate).map(Callback::Share).map_err(|_| Refusal::internal()),
        (None, Some(distance)) => price(distance, market, "price").map(Callback::Distance),
        (None, None) => Err(Refusal::required("priceRate")),
    }
}

fn size(params: &Params, market: &Listed, kind: &Kind, word: &str, last: Price) -> Result<Qty, Refusal> {
    let missing = || Refusal::new(109_400, "parameter quantity or stopPrice is must");
    let coins = match (params.above_zero("quantity")?, params.above_zero("quoteOrderQty")?) {
        (Some(coins), _) => coins,
        (None, Some(quote)) if *kind == Kind::Market => quote.over(last.get()).map_err(|_| missing())?,
        (None, Some(_)) => return Err(Refusal::malformed("quoteOrderQty", &format!("not for {word}"))),
        (None, None) => return Err(missing()),
    };
    let lot = Lot::new(market.lot).map_err(|_| Refusal::internal())?;
    let coins = Qty::new(coins).and_then(|coins| lot.toward_zero(coins));
    coins.map_err(|_| Refusal::malformed("quantity", "a number is expected"))
}

fn needs_position(
    account: &Account,
    market: &Listed,
    leg: PositionSide,
    side: Side,
    word: &str,
) -> Result<(), Refusal> {
    let held = account.position(&market.symbol, leg).map_or(Qty::ZERO, |position| position.qty);
    if Side::closing(held) == Some(side) {
        return Ok(());
    }
    // Of a trailing order this is told by its own code.
    if word == "TRAILING_TP_SL" {
        Err(Refusal::new(110_418, "No position to close"))
    } else {
        Err(Refusal::no_position())
    }
}

/// A stop loss must be on the losing side of the last price, a take profit on the winning one.
fn right_side(word: &str, kind: &Kind, last: Price) -> Result<(), Refusal> {
    let Kind::Trigger(trigger) = kind else { return Ok(()) };
    let short = if word.starts_with("STOP") { "SL" } else { "TP" };
    beyond(trigger.at, trigger.rises, last, short).map_err(|text| Refusal::new(101_400, text))
}

fn beyond(at: Price, rises: bool, last: Price, short: &str) -> Result<(), String> {
    match rises {
        true if at <= last => Err(format!("{short} Price must be higher than Last Price")),
        false if at >= last => Err(format!("{short} Price must be lower than Last Price")),
        _ => Ok(()),
    }
}

/// There can be one stop loss and one take profit on a whole position.
fn alone(account: &Account, market: &Listed, leg: PositionSide, word: &str) -> Result<(), Refusal> {
    let stops = |word: &str| word.starts_with("STOP");
    let clash = account.open().any(|ticket| {
        let other = ticket.wish.words.get("type").and_then(Value::as_str).unwrap_or_default();
        ticket.wish.symbol == market.symbol
            && ticket.wish.leg == leg
            && ticket.wish.qty.is_none()
            && stops(other) == stops(word)
    });
    match (clash, stops(word)) {
        (false, _) => Ok(()),
        (true, true) => Err(Refusal::new(110_406, "The position already has a stop loss order")),
        (true, false) => Err(Refusal::new(110_407, "The position already has a take profit order")),
    }
}

/// The setting that an order is labelled with for ever.
fn leverage(account: &Account, market: &Listed, leg: PositionSide, side: Side) -> String {
    let Some(setting) = account.setting(&market.symbol) else { return String::new() };
    let long = match leg {
        PositionSide::Net => side == Side::Buy,
        other => other == PositionSide::Long,
    };
    format!("{}X", crate::floor::text(if long { setting.long.get() } else { setting.short.get() }))
}

/// A stop loss or take profit inside an entry: a JSON text.
fn attached(
    text: &str,
    name: &str,
    short: &str,
    entry: &Wish,
    market: &Listed,
    last: Price,
) -> Result<Option<Wish>, Refusal> {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return Err(Refusal::malformed(name, "a JSON object is expected"));
    };
    let inner = Params::of_object(&fields);
    let side = if entry.side == Side::Buy { Side::Sell } else { Side::Buy };
    let word = inner.need("type")?.to_owned();
    if word.starts_with("TAKE_PROFIT") != (short == "TP") || !closes_only(&word) {
        return Err(Refusal::malformed(name, "the type does not fit"));
    }
    let kind = kind(&word, side, &inner, market, last)?;
    if let Kind::Trigger(trigger) = &kind {
        let from = if let Kind::Limit(limit) = entry.kind { limit.min(last) } else { last };
        beyond(trigger.at, trigger.rises, from, short).map_err(|text| Refusal::new(101_400, text))?;
    }
    let qty = match inner.above_zero("quantity")? {
        Some(_) => Some(size(&inner, market, &kind, &word, last)?),
        None => entry.qty,
    };
    let words = json!({
        "type": word,
        "workingType": working_type(&inner)?,
        "timeInForce": "GTC",
        "closePosition": "",
        "quantity": qty.unwrap_or(Qty::ZERO).to_string(),
        "reference": last.to_string(),
        "reduceOnly": false,
        "leverage": entry.words.get("leverage").cloned().unwrap_or_default(),
    });
    Ok(Some(Wish {
        client_id: None,
        symbol: entry.symbol.clone(),
        side,
        leg: entry.leg,
        qty,
        kind,
        tif: TimeInForce::Ioc,
        reduce_only: true,
        words,
    }))
}
