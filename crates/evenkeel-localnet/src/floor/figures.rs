//! An account's figures, before a venue gives them names.

use evenkeel_types::{
    Decimal, Leverage, MarginMode, PositionSide, Price, Qty, Snapshot, Symbol, Timestamp, Usd,
};

use super::account::Account;
use super::markets::Listed;

/// Sums over the account. Amounts are in the quote coin.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Cash of the cross wallet: without unrealised profit, without isolated buckets.
    pub(crate) cross_wallet: Usd,
    /// Cash of everything.
    pub(crate) wallet: Usd,
    pub(crate) cross_unrealised: Usd,
    pub(crate) unrealised: Usd,
    /// Of all positions, at the mark and the setting.
    pub(crate) position_initial: Usd,
    /// What resting orders reserve.
    pub(crate) order_initial: Usd,
    /// Of all positions, without the fee of closing.
    pub(crate) maintenance: Usd,
    /// What new initial margin can be taken from.
    pub(crate) free: Usd,
    pub(crate) held: Vec<Held>,
}

/// One position, or one leg.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) symbol: Symbol,
    pub(crate) leg: PositionSide,
    pub(crate) qty: Qty,
    pub(crate) entry: Price,
    pub(crate) mark: Price,
    pub(crate) mode: MarginMode,
    pub(crate) leverage: Leverage,
    /// At the mark, without sign.
    pub(crate) notional: Usd,
    pub(crate) unrealised: Usd,
    pub(crate) initial: Usd,
    pub(crate) maintenance: Usd,
    /// Of the bucket of an isolated position, with and without unrealised profit.
    pub(crate) isolated: Option<(Usd, Usd)>,
    pub(crate) liquidation: Option<Price>,
    /// Profit of what was closed since it was opened.
    pub(crate) realised: Usd,
    pub(crate) since: Timestamp,
}

impl Account {
    /// The figures; `None` only where they do not fit into numbers, which the paper exchange refuses before.
    pub(crate) fn figures(&self, markets: &[Listed]) -> Option<Figures> {
        let snapshot = self.snapshot(markets)?;
        let mut held = Vec::with_capacity(snapshot.positions.len());
        for position in &snapshot.positions {
            held.push(self.held(&snapshot, position)?);
        }
        let sum = |amounts: &mut dyn Iterator<Item = Usd>| Usd::sum(amounts).ok();
        let is_cross = |held: &&Held| held.mode == MarginMode::Cross;
        let equity = sum(&mut snapshot.pools.iter().map(|pool| pool.equity))?;
        let free = sum(&mut snapshot.pools.iter().map(|pool| pool.free))?;
        let cross_unrealised = sum(&mut held.iter().filter(is_cross).map(|held| held.unrealised))?;
        let cross_initial = sum(&mut held.iter().filter(is_cross).map(|held| held.initial))?;
        let buckets = sum(&mut held.iter().filter_map(|held| Some(held.isolated?.1)))?;
        let cross_wallet = equity.minus(cross_unrealised).ok()?;
        let reserved = equity.minus(cross_initial).and_then(|left| left.minus(free)).ok()?;
        Some(Figures {
            cross_wallet,
            wallet: cross_wallet.plus(buckets).ok()?,
            cross_unrealised,
            unrealised: sum(&mut held.iter().map(|held| held.unrealised))?,
            position_initial: sum(&mut held.iter().map(|held| held.initial))?,
            // Below zero where there is less than nothing free, which is shown as nothing.
            order_initial: if self.live.is_empty() { Usd::ZERO } else { reserved.max(Usd::ZERO) },
            maintenance: sum(&mut held.iter().map(|held| held.maintenance))?,
            free,
            held,
        })
    }

    fn held(&self, snapshot: &Snapshot, position: &evenkeel_types::Position) -> Option<Held> {
        let mark = snapshot.quotes.get(&position.symbol)?.mark;
        let instrument = snapshot.instruments.get(&position.symbol)?;
        let notional = position.notional(mark).ok()?;
        let entry = position.entry?;
        let book = self.books.get(&(position.symbol.clone(), position.side));
        // The exact value at entry; the average price is rounded.
        let paid = match book {
            Some(book) => book.paid,
            None => entry.value(position.qty).ok()?,
        };
        let unrealised = mark.value(position.qty).ok()?.minus(paid).ok()?;
        let tier = instrument.tiers.at(notional);
        let maintenance = tier.maintenance_rate.of(notional).ok()?.minus(tier.deduction).ok()?;
        let isolated = match &position.isolated {
            Some(bucket) => Some((bucket.equity, bucket.equity.minus(unrealised).ok()?)),
            None => None,
        };
        Some(Held {
            symbol: position.symbol.clone(),
            leg: position.side,
            qty: position.qty,
            entry,
            mark,
            mode: position.mode,
            leverage: position.leverage,
            notional,
            unrealised,
            initial: position.leverage.margin(notional).ok()?,
            maintenance,
            isolated,
            liquidation: position.liquidation_price,
            realised: book.map_or(Usd::ZERO, |book| book.realised),
            since: book.map_or(snapshot.as_of, |book| book.since),
        })
    }
}

impl Figures {
    /// Cash and unrealised profit of everything.
    pub(crate) fn equity(&self) -> Usd {
        self.wallet.plus(self.unrealised).unwrap_or(self.wallet)
    }

    /// The legs of a symbol that are held.
    pub(crate) fn of<'a>(&'a self, symbol: &'a Symbol) -> impl Iterator<Item = &'a Held> {
        self.held.iter().filter(move |held| held.symbol == *symbol)
    }
}

/// A number as venues print it: at least one digit before the point, no exponent, no zeros at the end.
pub(crate) fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// A number with this many decimals, rounded half away from zero.
pub(crate) fn places(value: Decimal, places: u32) -> String {
    evenkeel_types::round::for_reading(value, places)
}
