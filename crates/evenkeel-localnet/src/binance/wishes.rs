//! Orders as they are asked for: parameters, and what the venue checks before anything else.

use evenkeel_types::{Decimal, Exact, PositionSide, Price, Qty, Quote, Side, TimeInForce, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::market::market_max;
use super::markets::extra;
use super::money::price;
use super::params::Params;
use super::refusals::Refusal;
use super::rows::is_order;
use super::server::Server;
use crate::floor::{Account, Kind, Listed, Wish};

/// Open orders of a symbol.
pub(crate) const MAX_ORDERS: usize = 200;
const CONDITIONAL: [&str; 5] =
    ["STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"];
const ID_LENGTH: usize = 36;
/// Good-till-date orders live this long at least, and end before the year 10000.
const LEAST_LIFE: u64 = 600_000;
const END_OF_TIME: u64 = 253_402_300_799_000;

pub(crate) fn is_conditional(kind: &str) -> bool {
    CONDITIONAL.contains(&kind)
}

impl Server {
    /// An order for the ordinary book.
    pub(crate) fn wish(&self, place: usize, params: &Params, now: Timestamp) -> Result<Wish, Refusal> {
        let market = self.listed(params)?;
        let account = self.floor.accounts.get(place).ok_or_else(Refusal::number)?;
        let side = params.side()?;
        let kind = params.text("type")?;
        if is_conditional(kind) {
            let text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.";
            return Err(Refusal::new(-4120, text));
        }
        for name in ["stopPrice", "activationPrice", "callbackRate"] {
            if params.has(name) {
                return Err(Refusal::unwanted(&name.to_ascii_lowercase()));
            }
        }
        let around = around(account, params, now)?;
        let quote = self.quoted(market)?;
        let (kind, tif) = match kind {
            "LIMIT" => {
                let tif = tif(params.text("timeInForce")?)?;
                let limit = limit(market, quote, side, params)?;
                check_band(market, quote, side, limit)?;
                (Kind::Limit(limit), tif)
            }
            "MARKET" => {
                for (name, told) in [("timeInForce", "timeinforce"), ("price", "price")] {
                    if params.has(name) {
                        return Err(Refusal::unwanted(told));
                    }
                }
                (Kind::Market, TimeInForce::Ioc)
            }
            _ => return Err(Refusal::new(-1116, "Invalid orderType.")),
        };
        let qty = quantity(market, params)?.ok_or_else(|| Refusal::missing("quantity"))?;
        if kind == Kind::Market && qty.get() > market_max(market) {
            return Err(Refusal::new(-4005, "Quantity greater than max quantity."));
        }
        let of =
            |ticket: &&crate::floor::Ticket| ticket.wish.symbol == market.symbol && is_order(account, ticket);
        if account.open().filter(of).count() >= MAX_ORDERS {
            return Err(Refusal::new(-2025, "Reach max open order limit."));
        }
        let reduce_only = around.reduce_only;
        check_leg_close(account, market, around.leg, side, qty)?;
        let told = params.sent("timeInForce").unwrap_or("GTC");
        let gtd = good_till(params, told, now)?;
        let words = json!({"tif": told, "stp": around.stp, "match": around.price_match, "gtd": gtd});
        let client_id = Some(name(account, params, "newClientOrderId", now)?);
        let symbol = market.symbol.clone();
        let wish =
            Wish { client_id, symbol, side, leg: around.leg, qty: Some(qty), kind, tif, reduce_only, words };
        if account.is_locked(&wish, false) {
            return Err(Refusal::order(&crate::floor::Why::Locked, market));
        }
        Ok(wish)
    }
}

/// What all kinds of orders have.
pub(crate) struct Around {
    pub(crate) leg: PositionSide,
    pub(crate) reduce_only: bool,
    pub(crate) stp: String,
    pub(crate) price_match: String,
}

pub(crate) fn around(account: &Account, params: &Params, _now: Timestamp) -> Result<Around, Refusal> {
    let leg = match params.optional("positionSide")?.unwrap_or("BOTH") {
        "BOTH" => PositionSide::Net,
        "LONG" => PositionSide::Long,
        "SHORT" => PositionSide::Short,
        _ => return Err(Refusal::new(-4060, "Invalid position side.")),
    };
    let reduce_only = params.flag("reduceOnly")?;
    if account.is_hedged() == (leg == PositionSide::Net) {
        return Err(Refusal::new(-4061, "Order's position side does not match user's setting."));
    }
    if reduce_only.is_some() && account.is_hedged() {
        return Err(Refusal::unwanted("reduceonly"));
    }
    let stp = params.optional("selfTradePreventionMode")?.unwrap_or("EXPIRE_MAKER");
    if !["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE"].contains(&stp) {
        return Err(Refusal::new(-5039, "Invalid self trade prevention mode."));
    }
    if !["ACK", "RESULT"].contains(&params.optional("newOrderRespType")?.unwrap_or("ACK")) {
        return Err(Refusal::malformed("newOrderRespType"));
    }
    let price_match = params.optional("priceMatch")?.unwrap_or("NONE");
    Ok(Around {
        leg,
        reduce_only: reduce_only.unwrap_or(false),
        stp: stp.to_owned(),
        price_match: price_match.to_owned(),
    })
}

pub(crate) fn tif(text: &str) -> Result<TimeInForce, Refusal> {
    match text {
        "GTC" | "GTD" => Ok(TimeInForce::Gtc),
        "IOC" | "FOK" => Ok(TimeInForce::Ioc),
        "GTX" => Ok(TimeInForce::PostOnly),
        _ => Err(Refusal::new(-1115, "Invalid timeInForce.")),
    }
}

/// When a good-till-date order ends; zero for others.
pub(crate) fn good_till(params: &Params, tif: &str, now: Timestamp) -> Result<u64, Refusal> {
    if tif != "GTD" {
        return Ok(0);
    }
    let date = params.number("goodTillDate")?.ok_or_else(|| Refusal::missing("goodTillDate"))?;
    if date <= now.0.saturating_add(LEAST_LIFE) || date >= END_OF_TIME {
        let text = "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than 253402300799000";
        return Err(Refusal::new(-5040, text));
    }
    // Whole seconds count.
    Ok(date.saturating_sub(date.checked_rem(1_000).unwrap_or(0)))
}

fn precise(value: Decimal, most: u32) -> Result<Decimal, Refusal> {
    if Listed::decimals(value) > most {
        return Err(Refusal::new(-1111, "Precision is over the maximum defined for this asset."));
    }
    Ok(value)
}

pub(crate) fn quantity(market: &Listed, params: &Params) -> Result<Option<Qty>, Refusal> {
    let Some(value) = params.decimal("quantity")? else { return Ok(None) };
    if value <= Decimal::ZERO {
        return Err(Refusal::new(-4003, "Quantity less than or equal to zero."));
    }
    Qty::new(precise(value, market.lot_places)?).map(Some).map_err(|_| Refusal::malformed("quantity"))
}

/// A price by its name; zero counts as none.
pub(crate) fn a_price(
    market: &Listed,
    params: &Params,
    name: &'static str,
) -> Result<Option<Price>, Refusal> {
    let Some(value) = params.decimal(name)?.filter(|value| !value.is_zero()) else { return Ok(None) };
    if value < Decimal::ZERO {
        return Err(Refusal::new(-4001, "Price less than 0."));
    }
    let bound = |text: &str| text.parse::<Decimal>().unwrap_or(Decimal::ZERO);
    let more = extra(market.symbol.as_str());
    let (least, most) = (bound(more.min_price), bound(more.max_price));
    if value < least {
        return Err(Refusal::new(-4013, "Price less than min price."));
    }
    if !most.is_zero() && value > most {
        return Err(Refusal::new(-4002, "Price greater than max price."));
    }
    Price::new(precise(value, market.tick_places)?).map(Some).map_err(|_| Refusal::malformed(name))
}

/// The limit of an order: its price, or one of the book.
pub(crate) fn limit(market: &Listed, quote: Quote, side: Side, params: &Params) -> Result<Price, Refusal> {
    let Some(word) = params.optional("priceMatch")?.filter(|word| *word != "NONE") else {
        return a_price(market, params, "price")?.ok_or_else(|| Refusal::missing("price"));
    };
    if params.has("price") {
        return Err(Refusal::unwanted("price"));
    }
    let (which, level) = word.split_once('_').unwrap_or((word, "1"));
    let level: u32 = match level {
        "1" | "5" | "10" | "20" => level.parse().unwrap_or(1),
        _ => return Err(Refusal::new(-5037, "Invalid price match")),
    };
    let asks = match which {
        "OPPONENT" => side == Side::Buy,
        "QUEUE" => side == Side::Sell,
        _ => return Err(Refusal::new(-5037, "Invalid price match")),
    };
    let none = || Refusal::new(-5041, "No depth matches this BBO order");
    let best = if asks { quote.ask } else { quote.bid }.ok_or_else(none)?;
    let away = market.tick.get().times(Decimal::from(level.saturating_sub(1)));
    let at = away.and_then(|away| if asks { best.get().plus(away) } else { best.get().minus(away) });
    at.and_then(Price::new).map_err(|_| none())
}

/// A limit price may not be far on the bad side of the mark.
pub(crate) fn check_band(market: &Listed, quote: Quote, side: Side, limit: Price) -> Result<(), Refusal> {
    let band: Decimal = extra(market.symbol.as_str()).band.parse().unwrap_or(Decimal::ONE);
    let factor = if side == Side::Buy { Decimal::ONE.plus(band) } else { Decimal::ONE.minus(band) };
    let Ok(bound) = factor.and_then(|factor| quote.mark.get().times(factor)) else { return Ok(()) };
    match side {
        Side::Buy if limit.get() > bound => {
            let text = format!("Limit price can't be higher than {}.", price(market, bound));
            Err(Refusal::new(-4016, text))
        }
        Side::Sell if limit.get() < bound => {
            let text = format!("Limit price can't be lower than {}.", price(market, bound));
            Err(Refusal::new(-4024, text))
        }
        _ => Ok(()),
    }
}

/// In hedge mode a leg cannot be closed beyond zero, and is not cut either: the cautious reading of what is known.
fn check_leg_close(
    account: &Account,
    market: &Listed,
    leg: PositionSide,
    side: Side,
    qty: Qty,
) -> Result<(), Refusal> {
    let closes = matches!((leg, side), (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy));
    let held = account.position(&market.symbol, leg).map_or(Qty::ZERO, |position| position.qty.abs());
    if closes && qty > held {
        return Err(Refusal::new(-2022, "ReduceOnly Order is rejected."));
    }
    Ok(())
}

/// The client's name of an order, or one of the venue's.
pub(crate) fn name(
    account: &Account,
    params: &Params,
    parameter: &str,
    now: Timestamp,
) -> Result<String, Refusal> {
    let Some(id) = params.optional(parameter)? else {
        let seed = format!("{}/{}/{}", account.name, account.counted.0, now.0);
        let hash = Sha256::digest(seed.as_bytes());
        return Ok(hash.iter().take(11).map(|byte| format!("{byte:02x}")).collect());
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_-".contains(&byte);
    if id.len() > ID_LENGTH {
        return Err(Refusal::new(-4015, "Client order id length should be less than 36 chars"));
    }
    if id.bytes().all(allowed) {
        Ok(id.to_owned())
    } else {
        Err(Refusal::new(-4015, "Client order id is not valid."))
    }
}
