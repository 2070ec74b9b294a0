//! Executions as the venue shows them: what the paper exchange does not keep is added up here as they come.

use std::collections::BTreeMap;

use evenkeel_types::{Exact, Fill, NumberError, Price, Qty, Rate, Side, Symbol, Timestamp, Usd};
use serde_json::{Value, json};

use super::crypto::{Address, hex, keccak};
use super::numbers::{text, usd};

/// What is held of a coin, as far as the executions tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) qty: Qty,
    /// Signed value at entry.
    pub(crate) paid: Usd,
}

/// One execution.
#[derive(Debug, Clone)]
pub(crate) struct FillRow {
    pub(crate) symbol: Symbol,
    pub(crate) time: Timestamp,
    pub(crate) oid: u64,
    pub(crate) value: Usd,
    side: Side,
    price: Price,
    qty: Qty,
    fee: Usd,
    cloid: Option<String>,
    pub(crate) tid: u64,
    before: Qty,
    closed: Usd,
    taker: bool,
    /// Of our liquidation: mark price and margin mode.
    liquidation: Option<(Price, &'static str)>,
}

/// The order behind an execution.
pub(crate) struct Behind {
    pub(crate) oid: u64,
    pub(crate) cloid: Option<String>,
    pub(crate) tid: u64,
    pub(crate) maker_rate: Rate,
    pub(crate) liquidation: Option<&'static str>,
}

/// Takes an execution into the holdings.
pub(crate) fn take(
    held: &mut BTreeMap<Symbol, Held>,
    fill: &Fill,
    behind: Behind,
) -> Result<FillRow, NumberError> {
    let before = held.get(&fill.symbol).copied().unwrap_or(Held { qty: Qty::ZERO, paid: Usd::ZERO });
    let change = fill.side.signed(fill.qty);
    let opposite = !before.qty.is_zero() && before.qty.is_negative() != change.is_negative();
    let closing = if opposite { change.abs().min(before.qty.abs()) } else { Qty::ZERO };
    let mut after = Held { qty: before.qty.plus(change)?, paid: before.paid };
    let mut closed = Usd::ZERO;
    if closing.is_positive() {
        let share = Usd::new(before.paid.get().times(closing.get())?.over(before.qty.abs().get())?)?;
        let signed = if before.qty.is_negative() { closing.negated() } else { closing };
        closed = fill.price.value(signed)?.minus(share)?;
        after.paid = before.paid.minus(share)?;
    }
    let opening = change.abs().minus(closing)?;
    after.paid = after.paid.plus(fill.price.value(fill.side.signed(opening))?)?;
    if after.qty.is_zero() {
        held.remove(&fill.symbol);
    } else {
        held.insert(fill.symbol.clone(), after);
    }
    let value = fill.price.value(fill.qty)?;
    Ok(FillRow {
        symbol: fill.symbol.clone(),
        time: fill.time,
        oid: behind.oid,
        value,
        side: fill.side,
        price: fill.price,
        qty: fill.qty,
        fee: fill.fee,
        cloid: behind.cloid,
        tid: behind.tid,
        before: before.qty,
        closed,
        // The paper exchange says who took by the rate that was charged.
        taker: behind.maker_rate.of(value) != Ok(fill.fee),
        liquidation: behind.liquidation.map(|mode| (fill.price, mode)),
    })
}

impl FillRow {
    fn direction(&self) -> String {
        let (long, short) = (self.before.is_positive(), self.before.is_negative());
        if let Some((_, mode)) = self.liquidation {
            return format!("Liquidated {mode} {}", if short { "Short" } else { "Long" });
        }
        let flips = self.qty > self.before.abs();
        let name = match (self.side, long, short) {
            (Side::Buy, _, true) if flips => "Short > Long",
            (Side::Sell, true, _) if flips => "Long > Short",
            (Side::Buy, _, true) => "Close Short",
            (Side::Sell, true, _) => "Close Long",
            (Side::Buy, ..) => "Open Long",
            (Side::Sell, ..) => "Open Short",
        };
        name.to_owned()
    }

    /// A row of `userFills`.
    pub(crate) fn show(&self, user: Address) -> Value {
        let mut row = json!({
            "coin": self.symbol.as_str(),
            "px": text(self.price.get()),
            "sz": text(self.qty.get()),
            "side": side(self.side),
            "time": self.time.0,
            "startPosition": text(self.before.get()),
            "dir": self.direction(),
            "closedPnl": usd(self.closed.get()),
            "hash": hex(&keccak(&[b"fill", &self.tid.to_be_bytes()])),
            "oid": self.oid,
            "crossed": self.taker,
            "fee": usd(self.fee.get()),
            "tid": self.tid,
            "feeToken": "USDC",
            "twapId": null,
        });
        if let Some(row) = row.as_object_mut() {
            if let Some(cloid) = &self.cloid {
                row.insert("cloid".to_owned(), json!(cloid));
            }
            if let Some((mark, _)) = self.liquidation {
                let liquidation = json!({"liquidatedUser": user.to_string(), "markPx": text(mark.get()), "method": "market"});
                row.insert("liquidation".to_owned(), liquidation);
            }
        }
        row
    }
}

/// `B` for buys, `A` for sells.
pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "B",
        Side::Sell => "A",
    }
}
