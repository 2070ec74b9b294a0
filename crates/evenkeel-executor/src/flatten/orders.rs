//! The orders of an emergency close: sizes, limits, identities.

use evenkeel_exchange::OrderRequest;
use evenkeel_types::{
    ClientOrderId, Decimal, Exact, Instrument, NumberError, OrderIntent, Position, Price, Qty, Quote, Rate,
    Round, Side, Snapshot, Symbol, TimeInForce,
};
use sha2::{Digest, Sha256};

use super::Closed;
use super::closing::{Closing, number};

/// Most orders that one position is closed with in one round. A position that needs more is closed in several rounds.
const MAX_ORDERS_PER_POSITION: usize = 20;

impl Closing<'_> {
    /// Closing orders for everything held, split at the venue's largest order.
    pub(super) fn requests(&mut self, snapshot: &Snapshot) -> Result<Vec<OrderRequest>, NumberError> {
        let mut requests = Vec::new();
        let positions: Vec<Position> = self.positions(snapshot).cloned().collect();
        for position in positions {
            let symbol = &position.symbol;
            self.closed.entry(symbol.clone()).or_insert_with(|| Closed {
                symbol: symbol.clone(),
                size: position.qty,
                filled: Qty::ZERO,
                orders: 0,
                error: None,
            });
            let (Some(instrument), Some(quote)) =
                (snapshot.instruments.get(symbol), snapshot.quotes.get(symbol))
            else {
                continue;
            };
            let side = position.closing_side();
            let limit = limit(instrument, quote, side, self.what.slippage)?;
            for (index, qty) in split(instrument, position.qty.abs())?.into_iter().enumerate() {
                let intent = OrderIntent {
                    id: self.identity(snapshot, symbol, index),
                    symbol: symbol.clone(),
                    side,
                    position_side: position.side,
                    qty,
                    limit,
                    tif: TimeInForce::Ioc,
                    reduce_only: true,
                };
                match OrderRequest::reducing(intent) {
                    Ok(request) => requests.push(request),
                    Err(error) => {
                        if let Some(closed) = self.closed.get_mut(symbol) {
                            closed.error = Some(error.to_string());
                        }
                    }
                }
            }
        }
        Ok(requests)
    }

    /// Of which account, holder, reading, round and part: the same decision has the same identity, and no other has it.
    fn identity(&self, snapshot: &Snapshot, symbol: &Symbol, index: usize) -> ClientOrderId {
        let mut hasher = Sha256::new();
        hasher.update(b"flatten\0");
        hasher.update(snapshot.account.as_str().as_bytes());
        hasher.update([0]);
        hasher.update(symbol.as_str().as_bytes());
        hasher.update([0]);
        hasher.update(self.epoch.to_be_bytes());
        hasher.update(self.started.0.to_be_bytes());
        hasher.update(snapshot.as_of.0.to_be_bytes());
        hasher.update(self.rounds.to_be_bytes());
        hasher.update(number(index).to_be_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(digest) {
            *to = from;
        }
        ClientOrderId::from_hash(&hash)
    }
}

/// The worst acceptable price, rounded so that it is more likely to trade.
fn limit(instrument: &Instrument, quote: &Quote, side: Side, slippage: Rate) -> Result<Price, NumberError> {
    let factor = match side {
        Side::Buy => Decimal::ONE.plus(slippage.get())?,
        Side::Sell => Decimal::ONE.minus(slippage.get())?,
    };
    let bound = Price::new(quote.mark.get().times(factor)?)?;
    instrument.price_rule.round(bound, Round::Aggressive(side)).or_else(|_| {
        // Where a tick is more than the price that is left, the lowest price that there is.
        instrument.price_rule.round(quote.mark, Round::Aggressive(Side::Buy))
    })
}

/// Equal parts no larger than the venue's largest order, so that none is left too small to be taken; the last one is
/// exact. A position too large for one round's orders is closed in part.
fn split(instrument: &Instrument, size: Qty) -> Result<Vec<Qty>, NumberError> {
    let Some(most) = instrument.max_qty.filter(|most| most.is_positive() && *most < size) else {
        return Ok(vec![size]);
    };
    for parts in 2..=MAX_ORDERS_PER_POSITION {
        let count = Decimal::from(parts);
        let part = instrument.lot.toward_zero(Qty::new(size.get().over(count)?)?)?;
        let last = size.minus(part.times(count.minus(Decimal::ONE)?)?)?;
        if part.is_positive() && last <= most {
            let mut split = vec![part; parts.saturating_sub(1)];
            split.push(last);
            return Ok(split);
        }
    }
    Ok(vec![instrument.lot.toward_zero(most)?; MAX_ORDERS_PER_POSITION])
}
