//! Our types as the venue's requests. Nothing is rounded here: what the venue would not accept is refused before it is
//! signed, with the field and what is allowed.

use std::collections::BTreeMap;

use evenkeel_exchange::{ErrorKind, Route, StopIntent, StopSize, Trigger};
use evenkeel_http::{Failure, Urgency, cut};
use evenkeel_types::{
    ClientOrderId, Decimal, Exact as _, Leverage, MarginMode, OrderIntent, PositionSide, Price, Qty, Round,
    Side, Symbol, TimeInForce, TradingStatus, Usd,
};

use crate::decode::Market;
use crate::endpoints::{self, Call};

/// Callback rates of trailing orders, in percent, that the venue takes.
const CALLBACK_PERCENT: (Decimal, Decimal) = (Decimal::from_parts(1, 0, 0, false, 1), Decimal::TEN);
/// Decimals of a callback rate in percent.
const CALLBACK_DECIMALS: u32 = 1;
/// Decimals of an amount of collateral (`baseAssetPrecision` of all of them).
const AMOUNT_DECIMALS: u32 = 8;

/// One request before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) call: Call,
    pub(crate) weight: u32,
    /// What it counts against the order limits of ten seconds and of a minute; nothing where it places no order.
    pub(crate) orders: Option<(u32, u32)>,
    params: Vec<(&'static str, String)>,
    /// By which errors call its answer.
    pub(crate) name: String,
}

impl Request {
    /// For the whole account, or without a choice.
    pub(crate) fn all(call: Call) -> Self {
        let (weight, name) = (call.weight_all, call.name.to_owned());
        Self { call, weight, orders: None, params: Vec::new(), name }
    }

    /// For one symbol.
    pub(crate) fn of(call: Call, symbol: &Symbol) -> Self {
        let (weight, name) = (call.weight, format!("{} of {symbol}", call.name));
        Self { call, weight, orders: None, params: vec![("symbol", symbol.as_str().to_owned())], name }
    }

    #[allow(clippy::needless_pass_by_value, reason = "numbers, names and ids are given as they are")]
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.params.push((name, value.to_string()));
        self
    }

    /// A look on the way to something that reduces risk: it may use what is kept for that.
    pub(crate) fn urgent(self) -> Self {
        self.at(Urgency::ReducesRisk)
    }

    /// What the call is made for decides how urgent it is, not what it asks.
    pub(crate) fn at(self, urgency: Urgency) -> Self {
        Self { call: Call { urgency, ..self.call }, ..self }
    }

    fn orders(self, short: u32, long: u32) -> Self {
        Self { orders: Some((short, long)), ..self }
    }

    pub(crate) fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

fn refused(symbol: &Symbol, problem: impl std::fmt::Display) -> Failure {
    Failure::nothing(ErrorKind::Invalid, format!("{symbol}: {problem}"))
}

fn price(market: &Market, what: &str, price: Price) -> Result<String, Failure> {
    let symbol = &market.instrument.symbol;
    let rule = &market.instrument.price_rule;
    if !rule.accepts(price) {
        let tick = rule.tick_at(price).map(|tick| tick.normalize().to_string()).unwrap_or_default();
        let near =
            rule.round(price, Round::Down).map(|near| format!("; {near} would do")).unwrap_or_default();
        return Err(refused(symbol, format!("the {what} {price} is no multiple of the tick {tick}{near}")));
    }
    let below = market.min_price.filter(|least| price < *least);
    let above = market.max_price.filter(|most| price > *most);
    match (below, above) {
        (Some(least), _) => Err(refused(symbol, format!("the {what} {price} is below {least}, the lowest"))),
        (_, Some(most)) => Err(refused(symbol, format!("the {what} {price} is above {most}, the highest"))),
        (None, None) => Ok(price.to_string()),
    }
}

fn size(market: &Market, qty: Qty, max: Option<Qty>) -> Result<String, Failure> {
    let instrument = &market.instrument;
    let symbol = &instrument.symbol;
    if !qty.is_positive() {
        return Err(refused(symbol, format!("the size must be above zero, not {qty}")));
    }
    if !instrument.lot.divides(qty) {
        let lot = instrument.lot.get().normalize();
        return Err(refused(symbol, format!("the size {qty} is no multiple of the lot {lot}")));
    }
    if let Some(least) = instrument.min_qty.filter(|least| qty < *least) {
        return Err(refused(symbol, format!("the size {qty} is below {least}, the smallest")));
    }
    if let Some(most) = max.filter(|most| qty > *most) {
        return Err(refused(symbol, format!("the size {qty} is above {most}, the largest")));
    }
    Ok(qty.to_string())
}

/// Whether the venue takes orders now, and of this kind.
fn open(market: &Market, reduces: bool) -> Result<(), Failure> {
    let symbol = &market.instrument.symbol;
    match market.instrument.status {
        TradingStatus::Trading => Ok(()),
        TradingStatus::ReduceOnly if reduces => Ok(()),
        TradingStatus::ReduceOnly => {
            Err(Failure::nothing(ErrorKind::Rejected, format!("{symbol} takes only orders that reduce")))
        }
        _ => {
            Err(Failure::nothing(ErrorKind::Rejected, format!("{symbol} takes no orders: it is not trading")))
        }
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// The side that takes a leg back to zero; the one position of one-way mode can be on either.
fn closes(position_side: PositionSide, side: Side) -> bool {
    match position_side {
        PositionSide::Net => true,
        PositionSide::Long => side == Side::Sell,
        PositionSide::Short => side == Side::Buy,
    }
}

/// What is sent for `positionSide` and `reduceOnly`. In hedge mode the leg and the side say it all, and the venue refuses
/// `reduceOnly`.
fn leg(
    symbol: &Symbol,
    position_side: PositionSide,
    side: Side,
    reduce_only: bool,
) -> Result<Vec<(&'static str, String)>, Failure> {
    if reduce_only && !closes(position_side, side) {
        return Err(refused(symbol, format!("a {side} cannot reduce the {position_side:?} leg")));
    }
    Ok(match position_side {
        PositionSide::Net if reduce_only => vec![("reduceOnly", "true".into())],
        PositionSide::Net => Vec::new(),
        PositionSide::Long => vec![("positionSide", "LONG".into())],
        PositionSide::Short => vec![("positionSide", "SHORT".into())],
    })
}

/// The parameters of an order: always a limit order, whose answer says what became of it.
pub(crate) fn order(intent: &OrderIntent, market: &Market) -> Result<Vec<(&'static str, String)>, Failure> {
    let symbol = &intent.symbol;
    open(market, intent.reduce_only)?;
    let tif = match intent.tif {
        TimeInForce::Ioc => "IOC",
        TimeInForce::Gtc => "GTC",
        TimeInForce::PostOnly => "GTX",
        other => {
            let problem =
                format!("{other:?} is no time in force of this connector; it has Ioc, Gtc and PostOnly");
            return Err(Failure::nothing(ErrorKind::NotSupported, problem));
        }
    };
    let quantity = size(market, intent.qty, market.instrument.max_qty)?;
    let limit = price(market, "limit price", intent.limit)?;
    // A closing order of hedge mode counts as reduce-only; whether it is exempt is left to the venue.
    let exempt = intent.reduce_only
        || (intent.position_side != PositionSide::Net && closes(intent.position_side, intent.side));
    if let Some(least) = market.instrument.min_notional.filter(|_| !exempt) {
        let value = intent.limit.value(intent.qty).map_err(|error| refused(symbol, error))?;
        if value < least {
            let problem =
                format!("its value {value} (size times limit price) is below {least}, the smallest");
            return Err(refused(symbol, problem));
        }
    }
    let mut params = vec![("symbol", symbol.as_str().to_owned()), ("side", side_name(intent.side).into())];
    params.extend(leg(symbol, intent.position_side, intent.side, intent.reduce_only)?);
    params.extend([
        ("type", "LIMIT".into()),
        ("timeInForce", tif.into()),
        ("quantity", quantity),
        ("price", limit),
        ("newClientOrderId", intent.id.to_string()),
        ("newOrderRespType", "RESULT".into()),
    ]);
    Ok(params)
}

/// One request for up to five orders: by itself, or as a batch.
pub(crate) fn place(orders: Vec<Vec<(&'static str, String)>>) -> Result<Request, Failure> {
    if orders.len() == 1 {
        let request = Request::all(endpoints::PLACE);
        let params = orders.into_iter().flatten().collect();
        return Ok(Request { params, ..request }.orders(1, 1));
    }
    let rows: Vec<BTreeMap<&str, String>> =
        orders.into_iter().map(|params| params.into_iter().collect()).collect();
    let text = serde_json::to_string(&rows)
        .map_err(|error| Failure::nothing(ErrorKind::Invalid, format!("not written: {error}")))?;
    // Whatever its length, a batch counts five in the shorter limit and one in that of a minute (SDK 18.1.0).
    Ok(Request::all(endpoints::PLACE_BATCH).with("batchOrders", text).orders(5, 1))
}

/// A conditional order. It can only reduce.
pub(crate) fn stop(stop: &StopIntent, market: &Market) -> Result<Request, Failure> {
    let symbol = &stop.symbol;
    let unsupported =
        |problem: &str| Failure::nothing(ErrorKind::NotSupported, format!("{symbol}: {problem}"));
    open(market, true)?;
    let leg = leg(symbol, stop.position_side, stop.side, true)?;
    let whole = stop.size == StopSize::WholePosition;
    let (kind, trigger) = match stop.trigger {
        Trigger::StopLoss(price) => (if stop.worst.is_some() { "STOP" } else { "STOP_MARKET" }, Some(price)),
        Trigger::TakeProfit(price) => {
            (if stop.worst.is_some() { "TAKE_PROFIT" } else { "TAKE_PROFIT_MARKET" }, Some(price))
        }
        Trigger::Trailing { .. } => ("TRAILING_STOP_MARKET", None),
        _ => return Err(unsupported("this connector has no such trigger")),
    };
    let mut request = Request::of(endpoints::PLACE_ALGO, symbol)
        .with("algoType", "CONDITIONAL")
        .with("side", side_name(stop.side));
    match stop.size {
        // `reduceOnly` is not allowed beside `closePosition`, which says more.
        StopSize::WholePosition => {
            if stop.worst.is_some() {
                return Err(unsupported("an order on the whole position takes no worst price; give a size"));
            }
            if trigger.is_none() {
                return Err(unsupported("a trailing order takes a size, not the whole position"));
            }
            request.params.extend(leg.into_iter().filter(|(name, _)| *name == "positionSide"));
            request = request.with("closePosition", "true");
        }
        StopSize::Qty(qty) => {
            let max = if stop.worst.is_some() { market.instrument.max_qty } else { market.market_max_qty };
            request.params.extend(leg);
            request = request.with("quantity", size(market, qty, max)?);
        }
        _ => return Err(unsupported("this connector has no such size")),
    }
    request = request.with("type", kind);
    if let Some(trigger) = trigger {
        // The trait's triggers are on the mark price; the venue's default is the last one.
        request = request
            .with("triggerPrice", price(market, "trigger price", trigger)?)
            .with("workingType", "MARK_PRICE");
    }
    if let Some(worst) = stop.worst {
        if whole || trigger.is_none() {
            return Err(unsupported("a trailing order takes no worst price"));
        }
        request = request.with("price", price(market, "worst price", worst)?).with("timeInForce", "GTC");
    }
    if let Trigger::Trailing { callback, activation } = stop.trigger {
        let percent = callback.get().times(Decimal::ONE_HUNDRED).map_err(|error| refused(symbol, error))?;
        let percent = percent.normalize();
        let (least, most) = CALLBACK_PERCENT;
        if percent < least || percent > most || percent.scale() > CALLBACK_DECIMALS {
            let problem =
                format!("a callback of {percent} %; allowed are {least} to {most} % in steps of 0.1");
            return Err(refused(symbol, problem));
        }
        request = request.with("callbackRate", percent);
        if let Some(activation) = activation {
            request = request.with("activatePrice", price(market, "activation price", activation)?);
        }
    }
    Ok(request.with("clientAlgoId", stop.id).orders(1, 1))
}

pub(crate) fn order_by_id(call: Call, symbol: &Symbol, id: &ClientOrderId) -> Request {
    Request::of(call, symbol).with("origClientOrderId", id)
}

pub(crate) fn algo_by_id(call: Call, symbol: &Symbol, id: &ClientOrderId) -> Request {
    Request::of(call, symbol).with("clientAlgoId", id)
}

/// An order's number as the venue writes it: digits, within 64 bits.
pub(crate) fn number(text: &str) -> Result<u64, Failure> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        Failure::nothing(ErrorKind::Invalid, format!("{} is no order number of this venue", cut(text)))
    })
}

pub(crate) fn leverage(leverage: Leverage, market: &Market) -> Result<Request, Failure> {
    let (symbol, most) = (&market.instrument.symbol, market.instrument.max_leverage());
    if !leverage.fits(market.instrument.leverage_step) || leverage > most {
        let problem = format!("{symbol}: {leverage}x is not allowed; a whole number from 1 to {most} is");
        return Err(Failure::nothing(ErrorKind::LeverageRefused, problem));
    }
    Ok(Request::of(endpoints::LEVERAGE, symbol).with("leverage", leverage))
}

pub(crate) fn margin_type(symbol: &Symbol, mode: MarginMode) -> Request {
    let name = match mode {
        MarginMode::Cross => "CROSSED",
        MarginMode::Isolated => "ISOLATED",
    };
    Request::of(endpoints::MARGIN_TYPE, symbol).with("marginType", name)
}

/// Moves margin; `side` is the leg that is held.
pub(crate) fn margin(symbol: &Symbol, delta: Usd, side: PositionSide) -> Result<Request, Failure> {
    let amount = delta.abs();
    if amount.is_zero() || amount.get().normalize().scale() > AMOUNT_DECIMALS {
        let problem = format!(
            "{delta} cannot be moved; an amount other than zero with at most {AMOUNT_DECIMALS} decimals can"
        );
        return Err(refused(symbol, problem));
    }
    let direction = if delta.is_positive() { 1 } else { 2 };
    let request =
        Request::of(endpoints::POSITION_MARGIN, symbol).with("amount", amount).with("type", direction);
    Ok(match side {
        PositionSide::Net => request,
        PositionSide::Long => request.with("positionSide", "LONG"),
        PositionSide::Short => request.with("positionSide", "SHORT"),
    })
}

/// Moves USDT between the spot wallet and the futures account.
pub(crate) fn transfer(route: Route, amount: Usd) -> Result<Request, Failure> {
    let kind = match route {
        Route::SpotToPerp => "MAIN_UMFUTURE",
        Route::PerpToSpot => "UMFUTURE_MAIN",
        _ => return Err(Failure::nothing(ErrorKind::NotSupported, "this connector has no such way")),
    };
    if !amount.is_positive() || amount.get().normalize().scale() > AMOUNT_DECIMALS {
        let problem = format!(
            "{amount} cannot be moved; an amount above zero with at most {AMOUNT_DECIMALS} decimals can"
        );
        return Err(Failure::nothing(ErrorKind::Invalid, problem));
    }
    Ok(Request::all(endpoints::TRANSFER).with("type", kind).with("asset", "USDT").with("amount", amount))
}
