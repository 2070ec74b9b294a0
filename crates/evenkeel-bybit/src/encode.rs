//! Our types as the venue's requests. Nothing is rounded here: what the venue would not accept is refused before it is
//! signed, with the field and what is allowed.

use bytes::Bytes;
use evenkeel_exchange::{ErrorKind, StopIntent, StopSize, Trigger};
use evenkeel_http::{Failure, percent_encode};
use evenkeel_types::{
    Leverage, MarginMode, OrderIntent, PositionSide, Price, Qty, Round, Side, Symbol, TimeInForce,
    TradingStatus, Usd,
};
use serde::Serialize;

use crate::decode::Contract;
use crate::wire::{AddMargin, CATEGORY, NewOrder, SetLeverage, TrailingStop};

/// Decimals of an amount of margin (official documentation).
const MARGIN_DECIMALS: u32 = 4;

/// A query as it is signed and sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    /// About the category that this crate trades.
    pub(crate) fn linear() -> Self {
        Self::default().with("category", CATEGORY)
    }

    /// With one more parameter, whose value is percent-encoded.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.begin(name);
        percent_encode(&mut self.0, value);
        self
    }

    pub(crate) fn symbol(self, symbol: &Symbol) -> Self {
        self.with("symbol", symbol.as_str())
    }

    pub(crate) fn number(self, name: &str, value: u64) -> Self {
        self.with(name, &value.to_string())
    }

    /// With a cursor, which is percent-encoded by the venue already.
    pub(crate) fn cursor(mut self, cursor: Option<&str>) -> Self {
        if let Some(cursor) = cursor {
            self.begin("cursor");
            self.0.push_str(cursor);
        }
        self
    }

    fn begin(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The bytes of a body, which are signed and sent.
pub(crate) fn body<T: Serialize>(value: &T) -> Bytes {
    // Texts and small numbers only: this cannot fail.
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn refused(contract: &Contract, problem: impl std::fmt::Display) -> Failure {
    Failure::nothing(ErrorKind::Invalid, format!("{}: {problem}", contract.symbol))
}

/// An order that only reduces is sent all the same: whether it can still be closed is for the venue to say.
fn open(contract: &Contract, reduces: bool) -> Result<(), Failure> {
    if contract.status == TradingStatus::Closed && !reduces {
        return Err(refused(contract, "it is not trading, and takes no orders"));
    }
    Ok(())
}

fn price(contract: &Contract, what: &str, price: Price) -> Result<String, Failure> {
    let rule = evenkeel_types::PriceRule::Tick(contract.tick);
    if !rule.accepts(price) {
        let near =
            rule.round(price, Round::Down).map(|near| format!("; {near} would do")).unwrap_or_default();
        let tick = contract.tick;
        return Err(refused(contract, format!("the {what} {price} is no multiple of the tick {tick}{near}")));
    }
    let (low, high) = (contract.min_price, contract.max_price);
    if price < low || price > high {
        return Err(refused(contract, format!("the {what} {price} must lie between {low} and {high}")));
    }
    Ok(price.to_string())
}

/// Whether a size is one that the venue takes. A reducing order may be smaller or larger than others: the venue splits
/// what is too large, and whether it exempts what is too small is for it to say.
fn size(contract: &Contract, qty: Qty, largest: Qty, reduces: bool) -> Result<String, Failure> {
    if !qty.is_positive() {
        return Err(refused(contract, format!("the size must be above zero, not {qty}")));
    }
    if !contract.lot.divides(qty) {
        let lot = contract.lot.get().normalize();
        return Err(refused(contract, format!("the size {qty} is no multiple of the lot {lot}")));
    }
    let smallest = contract.min_qty;
    if !reduces && (qty < smallest || qty > largest) {
        return Err(refused(contract, format!("the size {qty} must lie between {smallest} and {largest}")));
    }
    Ok(qty.to_string())
}

/// Which position an order is for.
pub(crate) fn position_idx(side: PositionSide) -> u8 {
    match side {
        PositionSide::Net => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

/// An order: always one with a limit, so that a market order is an immediate one with a bound.
pub(crate) fn order(intent: &OrderIntent, contract: &Contract) -> Result<NewOrder, Failure> {
    open(contract, intent.reduce_only)?;
    let time_in_force = match intent.tif {
        TimeInForce::Ioc => "IOC",
        TimeInForce::Gtc => "GTC",
        TimeInForce::PostOnly => "PostOnly",
        other => {
            let problem =
                format!("{other:?} is no time in force of this connector; it has Ioc, Gtc and PostOnly");
            return Err(Failure::nothing(ErrorKind::NotSupported, problem));
        }
    };
    let limit = price(contract, "limit", intent.limit)?;
    let qty = size(contract, intent.qty, contract.max_qty, intent.reduce_only)?;
    // Whether reducing orders are exempt is not documented, and for the venue to say.
    if let Some(least) = contract.min_notional.filter(|_| !intent.reduce_only) {
        let value = intent.limit.value(intent.qty).map_err(|error| refused(contract, error))?;
        if value < least {
            return Err(refused(contract, format!("the value {value} must be at least {least}")));
        }
    }
    Ok(NewOrder {
        category: None,
        symbol: intent.symbol.to_string(),
        side: side(intent.side),
        order_type: "Limit",
        qty,
        price: Some(limit),
        time_in_force: Some(time_in_force),
        trigger_price: None,
        trigger_direction: None,
        trigger_by: None,
        order_link_id: intent.id.to_string(),
        position_idx: position_idx(intent.position_side),
        reduce_only: intent.reduce_only,
        close_on_trigger: None,
    })
}

/// An order that waits for the mark price and then closes. Without a worst price it becomes a market order.
pub(crate) fn stop(intent: &StopIntent, contract: &Contract) -> Result<NewOrder, Failure> {
    open(contract, true)?;
    let not_supported = |problem: &str| Err(Failure::nothing(ErrorKind::NotSupported, problem));
    // 1 is a rise, 2 is a fall.
    let (trigger, direction) = match (intent.trigger, intent.side) {
        (Trigger::StopLoss(price), Side::Sell) | (Trigger::TakeProfit(price), Side::Buy) => (price, 2),
        (Trigger::StopLoss(price), Side::Buy) | (Trigger::TakeProfit(price), Side::Sell) => (price, 1),
        _ => {
            return not_supported(
                "the venue's trailing stops follow at a distance in price, not at a fraction, and have no client \
                 id; Bybit::set_trailing_stop sets one",
            );
        }
    };
    let (qty, whole) = match intent.size {
        StopSize::Qty(qty) => {
            let largest = contract.max_market_qty.unwrap_or(contract.max_qty);
            // It is refused when it is triggered, which is too late to hear of it.
            if intent.worst.is_none() && qty > largest {
                let problem =
                    format!("the size {qty} of a stop at the market must be at most {largest}; split it");
                return Err(refused(contract, problem));
            }
            (size(contract, qty, contract.max_qty, true)?, false)
        }
        // Documented: nothing, reduce-only and closing, is whatever the position is.
        StopSize::WholePosition => ("0".to_owned(), true),
        _ => return not_supported("this kind of size is not supported"),
    };
    let worst = match intent.worst {
        None => None,
        Some(_) if whole => {
            return not_supported(
                "an order on the whole position is a market order here: leave its worst price out",
            );
        }
        Some(worst) => {
            let beyond = match intent.side {
                Side::Buy => worst < trigger,
                Side::Sell => worst > trigger,
            };
            if beyond {
                let problem = format!(
                    "the worst price {worst} is better than the trigger {trigger}: it could never trade"
                );
                return Err(refused(contract, problem));
            }
            Some(price(contract, "worst price", worst)?)
        }
    };
    Ok(NewOrder {
        category: None,
        symbol: intent.symbol.to_string(),
        side: side(intent.side),
        order_type: if worst.is_some() { "Limit" } else { "Market" },
        qty,
        time_in_force: worst.is_some().then_some("IOC"),
        price: worst,
        trigger_price: Some(price(contract, "trigger", trigger)?),
        trigger_direction: Some(direction),
        trigger_by: Some("MarkPrice"),
        order_link_id: intent.id.to_string(),
        position_idx: position_idx(intent.position_side),
        reduce_only: true,
        close_on_trigger: Some(true),
    })
}

/// A leverage for both sides.
pub(crate) fn leverage<'a>(
    symbol: &'a Symbol,
    leverage: Leverage,
    contract: &Contract,
) -> Result<SetLeverage<'a>, Failure> {
    let (max, step) = (contract.max_leverage, contract.leverage_step);
    if leverage > max || !leverage.fits(step) {
        let step = step.normalize();
        let problem = format!(
            "{symbol}: a leverage of {leverage} is not allowed; it must be a multiple of {step} from 1 to {max}"
        );
        return Err(Failure::nothing(ErrorKind::LeverageRefused, problem));
    }
    let text = leverage.to_string();
    Ok(SetLeverage {
        category: CATEGORY,
        symbol: symbol.as_str(),
        buy_leverage: text.clone(),
        sell_leverage: text,
    })
}

/// Margin into the bucket of a position, or out of it.
pub(crate) fn margin(symbol: &Symbol, delta: Usd, side: PositionSide) -> Result<AddMargin<'_>, Failure> {
    let invalid = |problem: String| Failure::nothing(ErrorKind::Invalid, format!("{symbol}: {problem}"));
    if delta.is_zero() {
        return Err(invalid("there is nothing to move".into()));
    }
    if delta.get().normalize().scale() > MARGIN_DECIMALS {
        return Err(invalid(format!(
            "{delta} cannot be moved: at most {MARGIN_DECIMALS} decimals are allowed"
        )));
    }
    Ok(AddMargin {
        category: CATEGORY,
        symbol: symbol.as_str(),
        margin: delta.to_string(),
        position_idx: position_idx(side),
    })
}

/// A trailing stop on a whole position, or none.
pub(crate) fn trailing_stop<'a>(
    symbol: &'a Symbol,
    side: PositionSide,
    distance: Option<Price>,
    activation: Option<Price>,
    contract: &Contract,
) -> Result<TrailingStop<'a>, Failure> {
    let trailing_stop = match distance {
        None => "0".to_owned(),
        Some(distance) => {
            if !evenkeel_types::PriceRule::Tick(contract.tick).accepts(distance) {
                let tick = contract.tick;
                return Err(refused(
                    contract,
                    format!("the distance {distance} is no multiple of the tick {tick}"),
                ));
            }
            distance.to_string()
        }
    };
    let active_price = activation.map(|activation| price(contract, "activation", activation)).transpose()?;
    Ok(TrailingStop {
        category: CATEGORY,
        symbol: symbol.as_str(),
        tpsl_mode: "Full",
        position_idx: position_idx(side),
        trailing_stop,
        active_price,
    })
}

/// The venue's word for a margin mode.
pub(crate) fn margin_mode(mode: MarginMode) -> &'static str {
    match mode {
        MarginMode::Cross => "REGULAR_MARGIN",
        MarginMode::Isolated => "ISOLATED_MARGIN",
    }
}
