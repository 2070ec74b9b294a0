//! Our types as the venue's parameters. Nothing is rounded here: what the venue would not accept, or would silently cut,
//! is refused before it is signed, with the field and what is allowed.

use evenkeel_exchange::{ErrorKind, Route, StopIntent, StopSize, Trigger};
use evenkeel_http::Failure;
use evenkeel_types::{
    Leverage, OrderIntent, PositionSide, Price, Qty, Rate, Round, Side, Symbol, TimeInForce, TradingStatus,
    Usd,
};

use crate::decode::Contract;

/// Decimals of an amount that is moved between wallets. The venue does not say what it does with more.
const AMOUNT_DECIMALS: u32 = 8;

/// Parameters of a request, in any order; they are sorted when they are signed.
pub(crate) type Parameters = Vec<(&'static str, String)>;

fn refused(symbol: &Symbol, problem: impl std::fmt::Display) -> Failure {
    Failure::nothing(ErrorKind::Invalid, format!("{symbol}: {problem}"))
}

fn price(rules: &Contract, what: &str, price: Price) -> Result<String, Failure> {
    let rule = rules.price_rule();
    if !rule.accepts(price) {
        let near = rule.round(price, Round::Down).map(|near| format!("; {near} would do"));
        let problem =
            format!("the {what} {price} has more digits than the venue keeps{}", near.unwrap_or_default());
        return Err(refused(&rules.symbol, problem));
    }
    Ok(price.to_string())
}

/// A size by the lot. The smallest size is tested for what adds: whether what is left of a position may be closed is for
/// the venue to say.
fn size(rules: &Contract, qty: Qty, adds: bool) -> Result<String, Failure> {
    let problem = if !qty.is_positive() {
        format!("the size must be above zero, not {qty}")
    } else if !rules.lot.divides(qty) {
        format!("the size {qty} is no multiple of the lot {}", rules.lot.get().normalize())
    } else if adds && qty < rules.min_qty {
        format!("the size {qty} is below the smallest one, {}", rules.min_qty)
    } else {
        return Ok(qty.to_string());
    };
    Err(refused(&rules.symbol, problem))
}

fn open(rules: &Contract, reduces: bool) -> Result<(), Failure> {
    match rules.status {
        TradingStatus::Trading => Ok(()),
        TradingStatus::ReduceOnly if reduces => Ok(()),
        TradingStatus::ReduceOnly => {
            Err(refused(&rules.symbol, "it takes no new positions, only closing ones"))
        }
        _ => Err(refused(&rules.symbol, "it is offline and takes no orders")),
    }
}

pub(crate) fn side(side: Side) -> String {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
    .to_owned()
}

/// The leg, and `reduceOnly` where the position mode takes it: in hedge mode closing is said by side and leg alone.
fn leg(
    symbol: &Symbol,
    position_side: PositionSide,
    side: Side,
    reduce_only: bool,
    parameters: &mut Parameters,
) -> Result<(), Failure> {
    let (name, closes) = match position_side {
        PositionSide::Net => ("BOTH", true),
        PositionSide::Long => ("LONG", side == Side::Sell),
        PositionSide::Short => ("SHORT", side == Side::Buy),
    };
    if reduce_only && !closes {
        let problem =
            format!("a {side} on the {} leg adds to it: it cannot be reduce-only", name.to_lowercase());
        return Err(refused(symbol, problem));
    }
    parameters.push(("positionSide", name.to_owned()));
    if reduce_only && position_side == PositionSide::Net {
        parameters.push(("reduceOnly", "true".to_owned()));
    }
    Ok(())
}

/// An order with its worst price: always `LIMIT`, because `MARKET` has no bound.
pub(crate) fn order(intent: &OrderIntent, rules: &Contract) -> Result<Parameters, Failure> {
    open(rules, intent.reduce_only)?;
    let tif = match intent.tif {
        TimeInForce::Ioc => "IOC",
        TimeInForce::Gtc => "GTC",
        TimeInForce::PostOnly => "PostOnly",
        other => {
            let problem =
                format!("{other:?} is no time in force of this venue; it has Ioc, Gtc and PostOnly");
            return Err(Failure::nothing(ErrorKind::NotSupported, problem));
        }
    };
    let value = intent.limit.value(intent.qty).map_err(|error| refused(&intent.symbol, error))?;
    if !intent.reduce_only && value < rules.min_notional {
        let problem = format!("a value of {value} is below the smallest one, {}", rules.min_notional);
        return Err(refused(&intent.symbol, problem));
    }
    let mut parameters = vec![
        ("clientOrderID", intent.id.to_string()),
        ("price", price(rules, "limit", intent.limit)?),
        ("quantity", size(rules, intent.qty, !intent.reduce_only)?),
        ("side", side(intent.side)),
        ("symbol", intent.symbol.to_string()),
        ("timeInForce", tif.to_owned()),
        ("type", "LIMIT".to_owned()),
    ];
    leg(&intent.symbol, intent.position_side, intent.side, intent.reduce_only, &mut parameters)?;
    Ok(parameters)
}

/// Several orders in one parameter: compact JSON, whose every byte is signed. Prices and sizes are bare numbers, as in
/// the documentation's example; they are plain decimals already.
pub(crate) fn batch(orders: &[Parameters]) -> String {
    let mut json = String::from("[");
    for (index, order) in orders.iter().enumerate() {
        json.push_str(if index == 0 { "{" } else { ",{" });
        for (index, (name, value)) in order.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let quote = if matches!(*name, "price" | "quantity") { "" } else { "\"" };
            // Names, ids, symbols and words of this crate: printable ASCII without quotes and backslashes.
            json.push_str(&format!("{comma}\"{name}\":{quote}{value}{quote}"));
        }
        json.push('}');
    }
    json.push(']');
    json
}

/// Symbols are free text within their type; in a JSON text these two would end it.
pub(crate) fn fits_json(symbol: &Symbol) -> bool {
    !symbol.as_str().contains(['"', '\\'])
}

/// A stop-loss, take-profit or trailing order. `held` is the size of the position, for an order on all of it: the venue
/// wants a size there too, and only looks whether there is one.
pub(crate) fn stop(intent: &StopIntent, rules: &Contract, held: Option<Qty>) -> Result<Parameters, Failure> {
    open(rules, true)?;
    let unsupported = |problem: &str| Err(Failure::nothing(ErrorKind::NotSupported, problem));
    let mut parameters = vec![
        ("clientOrderID", intent.id.to_string()),
        ("side", side(intent.side)),
        ("symbol", intent.symbol.to_string()),
        ("workingType", "MARK_PRICE".to_owned()),
    ];
    let whole = intent.size == StopSize::WholePosition;
    let kind = match (intent.trigger, intent.worst) {
        (Trigger::StopLoss(_), None) => "STOP_MARKET",
        (Trigger::StopLoss(_), Some(_)) => "STOP",
        (Trigger::TakeProfit(_), None) => "TAKE_PROFIT_MARKET",
        (Trigger::TakeProfit(_), Some(_)) => "TAKE_PROFIT",
        (Trigger::Trailing { .. }, None) => "TRAILING_STOP_MARKET",
        (Trigger::Trailing { .. }, Some(_)) => {
            return unsupported("a trailing stop has no worst price at this venue; leave it out");
        }
        _ => return unsupported("this kind of trigger is not supported"),
    };
    parameters.push(("type", kind.to_owned()));
    match intent.trigger {
        Trigger::StopLoss(trigger) | Trigger::TakeProfit(trigger) => {
            parameters.push(("stopPrice", price(rules, "trigger", trigger)?));
            if let Some(worst) = intent.worst {
                not_better(intent, worst, trigger)?;
                parameters.push(("price", price(rules, "worst price", worst)?));
            }
        }
        Trigger::Trailing { callback, activation } => {
            parameters.push(("priceRate", callback_rate(&intent.symbol, callback)?));
            if let Some(activation) = activation {
                parameters.push(("activationPrice", price(rules, "activation price", activation)?));
            }
        }
        _ => return unsupported("this kind of trigger is not supported"),
    }
    match intent.size {
        StopSize::Qty(qty) => parameters.push(("quantity", size(rules, qty, false)?)),
        StopSize::WholePosition if !matches!(kind, "STOP_MARKET" | "TAKE_PROFIT_MARKET") => {
            return unsupported(
                "only stop-loss and take-profit orders without a worst price close whatever is held",
            );
        }
        StopSize::WholePosition => {
            let Some(held) = held.filter(|held| !held.is_zero()) else {
                return Err(refused(&intent.symbol, "there is no position that the order could close"));
            };
            if Side::closing(held) != Some(intent.side) {
                return Err(refused(&intent.symbol, format!("a {} does not close {held}", intent.side)));
            }
            parameters.push(("quantity", held.abs().to_string()));
            parameters.push(("closePosition", "true".to_owned()));
        }
        _ => return unsupported("this kind of size is not supported"),
    }
    // An order on the whole position closes by being that; the flag is for the others.
    let before = parameters.len();
    leg(&intent.symbol, intent.position_side, intent.side, true, &mut parameters)?;
    if whole {
        parameters.truncate(before.saturating_add(1));
    }
    Ok(parameters)
}

fn not_better(intent: &StopIntent, worst: Price, trigger: Price) -> Result<(), Failure> {
    let better = match intent.side {
        Side::Buy => worst < trigger,
        Side::Sell => worst > trigger,
    };
    if better {
        let problem =
            format!("the worst price {worst} is better than the trigger {trigger}: it could never trade");
        return Err(refused(&intent.symbol, problem));
    }
    Ok(())
}

/// A fraction: 0.1 is 10 %.
fn callback_rate(symbol: &Symbol, callback: Rate) -> Result<String, Failure> {
    if callback <= Rate::ZERO || callback.get() >= evenkeel_types::Decimal::ONE {
        return Err(refused(symbol, format!("the callback {callback} must lie between 0 and 1")));
    }
    Ok(callback.to_string())
}

/// A leverage setting: a whole number up to the symbol's maximum. Checked here because the demo environment was seen to
/// take 500 where 125 is the maximum.
pub(crate) fn leverage(symbol: &Symbol, leverage: Leverage, max: Leverage) -> Result<String, Failure> {
    if leverage <= max && leverage.fits(evenkeel_types::Decimal::ONE) {
        return Ok(leverage.to_string());
    }
    let problem = format!(
        "{symbol}: a leverage of {leverage} is not allowed; it must be a whole number from 1 to {max}"
    );
    Err(Failure::nothing(ErrorKind::LeverageRefused, problem))
}

/// Moves USDT between the spot wallet and the perpetual account.
pub(crate) fn transfer(route: Route, amount: Usd) -> Result<Parameters, Failure> {
    let (from, to) = match route {
        Route::SpotToPerp => ("spot", "USDTMPerp"),
        Route::PerpToSpot => ("USDTMPerp", "spot"),
        _ => return Err(Failure::nothing(ErrorKind::NotSupported, "this connector has no such way")),
    };
    if !amount.is_positive() || amount.get().normalize().scale() > AMOUNT_DECIMALS {
        let problem = format!(
            "{amount} cannot be moved; an amount above zero with at most {AMOUNT_DECIMALS} decimals can"
        );
        return Err(Failure::nothing(ErrorKind::Invalid, problem));
    }
    Ok(vec![
        ("amount", amount.to_string()),
        ("asset", "USDT".to_owned()),
        ("fromAccount", from.to_owned()),
        ("toAccount", to.to_owned()),
    ])
}
