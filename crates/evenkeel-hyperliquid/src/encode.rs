//! Our types as the venue's requests. Nothing is rounded here: what the venue would not accept is refused before it is
//! signed, with the field and what is allowed.

use bytes::Bytes;
use evenkeel_exchange::{ErrorKind, StopIntent, StopSize, Trigger};
use evenkeel_types::{
    Leverage, OrderIntent, Price, Qty, Round, Side, Symbol, TimeInForce, Timestamp, TradingStatus,
};

use crate::decode::{Cloid, Market};
use crate::endpoints::Read;
use crate::sign::{Address, OrderKind, OrderWire, Tif, TpSl, wire_number};
use crate::wire::{OrderKey, Question};
use evenkeel_http::Failure;

/// How far from its trigger a stop order without a bound of its own may trade: what the venue's own interface uses.
const STOP_BOUND_PERCENT: i64 = 10;

/// A question without parameters.
pub(crate) fn ask(read: Read) -> Question {
    Question { r#type: read.name, ..Question::default() }
}

impl Question {
    pub(crate) fn user(self, address: Address) -> Self {
        Self { user: Some(address.to_string()), ..self }
    }

    /// The validator-operated dex is the empty name, which is not sent.
    pub(crate) fn dex(self, dex: &str) -> Self {
        Self { dex: (!dex.is_empty()).then(|| dex.to_owned()), ..self }
    }

    pub(crate) fn coin(self, symbol: &Symbol) -> Self {
        Self { coin: Some(symbol.as_str().to_owned()), ..self }
    }

    pub(crate) fn order(self, order: OrderKey) -> Self {
        Self { oid: Some(order), ..self }
    }

    pub(crate) fn since(self, time: Timestamp) -> Self {
        Self { start_time: Some(time.0), ..self }
    }

    pub(crate) fn body(&self) -> Bytes {
        // Texts and numbers only: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The name of the dex in a symbol: `xyz` of `xyz:TSLA`, empty for the validator-operated one.
pub(crate) fn dex_of(symbol: &Symbol) -> &str {
    symbol.as_str().split_once(':').map_or("", |(dex, _)| dex)
}

/// Whether it is no perpetual: spot pairs are `@107` or `PURR/USDC`, outcome tokens `+10` or `#10`. They move no
/// perpetual margin.
pub(crate) fn is_spot(symbol: &Symbol) -> bool {
    symbol.as_str().starts_with(['@', '+', '#']) || symbol.as_str().contains('/')
}

/// The number that actions call a coin by: its position in the universe; on builder dexes
/// `100 000 + 10 000 * dex + position`.
pub(crate) fn asset_id(dex_index: u32, position: u32) -> Option<u32> {
    const FIRST_BUILDER: u32 = 100_000;
    const PER_DEX: u32 = 10_000;
    if dex_index == 0 {
        return (position < PER_DEX).then_some(position);
    }
    // Beyond that, it would be a coin of the next dex.
    if position >= PER_DEX {
        return None;
    }
    dex_index.checked_mul(PER_DEX)?.checked_add(FIRST_BUILDER)?.checked_add(position)
}

fn refused(market: &Market, problem: impl std::fmt::Display) -> Failure {
    Failure::nothing(ErrorKind::Invalid, format!("{}: {problem}", market.instrument.symbol))
}

fn price(market: &Market, what: &str, price: Price) -> Result<String, Failure> {
    if !market.instrument.price_rule.accepts(price) {
        let rule = &market.instrument.price_rule;
        let near =
            rule.round(price, Round::Down).map(|near| format!("; {near} would do")).unwrap_or_default();
        return Err(refused(
            market,
            format!("the {what} {price} has more digits than the venue takes{near}"),
        ));
    }
    wire_number(&price.get()).map_err(|error| refused(market, error))
}

fn size(market: &Market, qty: Qty) -> Result<String, Failure> {
    if !qty.is_positive() {
        return Err(refused(market, format!("the size must be above zero, not {qty}")));
    }
    if !market.instrument.lot.divides(qty) {
        let lot = market.instrument.lot.get().normalize();
        return Err(refused(market, format!("the size {qty} is no multiple of the lot {lot}")));
    }
    wire_number(&qty.get()).map_err(|error| refused(market, error))
}

/// Closed markets take no orders; whatever else is in an order is checked by the venue.
fn open(market: &Market) -> Result<(), Failure> {
    if market.instrument.status == TradingStatus::Closed {
        return Err(refused(market, "it is delisted and takes no orders"));
    }
    Ok(())
}

/// An order.
pub(crate) fn order(intent: &OrderIntent, market: &Market, asset: u32) -> Result<OrderWire, Failure> {
    open(market)?;
    let tif = match intent.tif {
        TimeInForce::Ioc => Tif::Ioc,
        TimeInForce::Gtc => Tif::Gtc,
        TimeInForce::PostOnly => Tif::Alo,
        other => {
            let problem =
                format!("{other:?} is no time in force of this venue; it has Ioc, Gtc and PostOnly");
            return Err(Failure::nothing(ErrorKind::NotSupported, problem));
        }
    };
    Ok(OrderWire {
        asset,
        is_buy: intent.side == Side::Buy,
        price: price(market, "limit", intent.limit)?,
        size: size(market, intent.qty)?,
        reduce_only: intent.reduce_only,
        kind: OrderKind::Limit(tif),
        cloid: Some(Cloid::from(intent.id).to_string()),
    })
}

/// A stop-loss or take-profit order; becomes a market order with a bound. `held` is the size of the position, for an
/// order on whatever the position is.
pub(crate) fn stop(
    intent: &StopIntent,
    market: &Market,
    asset: u32,
    held: Option<Qty>,
) -> Result<OrderWire, Failure> {
    open(market)?;
    let (trigger, tpsl) = match intent.trigger {
        Trigger::StopLoss(price) => (price, TpSl::Sl),
        Trigger::TakeProfit(price) => (price, TpSl::Tp),
        _ => {
            let problem = "this venue has no trailing stops; it has StopLoss and TakeProfit";
            return Err(Failure::nothing(ErrorKind::NotSupported, problem));
        }
    };
    let worst = match intent.worst {
        Some(worst) => worst,
        None => bound(market, intent.side, trigger)?,
    };
    let beyond = match intent.side {
        Side::Buy => worst < trigger,
        Side::Sell => worst > trigger,
    };
    if beyond {
        let problem =
            format!("the worst price {worst} is better than the trigger {trigger}: it could never trade");
        return Err(refused(market, problem));
    }
    let size = match intent.size {
        StopSize::Qty(qty) => size(market, qty)?,
        StopSize::WholePosition => match held {
            Some(held) => size(market, held.abs())?,
            None => return Err(refused(market, "there is no position that the order could close")),
        },
        _ => return Err(Failure::nothing(ErrorKind::NotSupported, "this kind of size is not supported")),
    };
    Ok(OrderWire {
        asset,
        is_buy: intent.side == Side::Buy,
        price: price(market, "worst price", worst)?,
        size,
        reduce_only: true,
        kind: OrderKind::Trigger { is_market: true, trigger_px: price(market, "trigger", trigger)?, tpsl },
        cloid: Some(Cloid::from(intent.id).to_string()),
    })
}

/// A tenth beyond the trigger, rounded away from it so that the order is never tighter than said.
fn bound(market: &Market, side: Side, trigger: Price) -> Result<Price, Failure> {
    use evenkeel_types::{Decimal, Exact as _};
    let tenth = Decimal::new(STOP_BOUND_PERCENT, 2);
    let factor = match side {
        Side::Buy => Decimal::ONE.plus(tenth),
        Side::Sell => Decimal::ONE.minus(tenth),
    };
    let bound = factor.and_then(|factor| trigger.get().times(factor)).and_then(Price::new);
    let rule = &market.instrument.price_rule;
    bound
        .map_err(|error| refused(market, error))
        .and_then(|bound| rule.round(bound, Round::Aggressive(side)).map_err(|error| refused(market, error)))
}

/// A leverage setting: a whole number up to the coin's maximum.
pub(crate) fn leverage(leverage: Leverage, market: &Market) -> Result<u32, Failure> {
    let max = market.instrument.max_leverage();
    let whole = leverage.fits(market.instrument.leverage_step);
    let number = u32::try_from(leverage.get().normalize()).ok().filter(|_| whole && leverage <= max);
    number.ok_or_else(|| {
        let symbol = &market.instrument.symbol;
        Failure::nothing(
            ErrorKind::LeverageRefused,
            format!(
                "{symbol}: a leverage of {leverage} is not allowed; it must be a whole number from 1 to {max}"
            ),
        )
    })
}
