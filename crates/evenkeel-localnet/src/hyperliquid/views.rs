//! The account's figures.

use evenkeel_types::{Decimal, Exact, MarginMode, Position, Snapshot};
use serde_json::{Value, json};

use super::account::Account;
use super::markets::Listed;
use super::numbers::{fine, places, text, usd};

/// Of the notional, what has to stay when money is taken away otherwise than by trading.
const FLOOR: (i64, u32) = (1, 1);

/// Sums of one scope.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    value: Decimal,
    notional: Decimal,
    raw: Decimal,
    margin: Decimal,
}

impl Sums {
    fn show(self) -> Value {
        json!({
            "accountValue": usd(self.value),
            "totalNtlPos": usd(self.notional),
            "totalRawUsd": usd(self.raw),
            "totalMarginUsed": usd(self.margin),
        })
    }
}

/// What a position is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Worth {
    /// Signed value at the mark.
    signed: Decimal,
    margin: Decimal,
}

impl Worth {
    pub(crate) fn signed(self) -> Decimal {
        self.signed
    }

    /// Of the bucket where it is isolated, else initial margin at the setting.
    pub(crate) fn margin(self) -> Decimal {
        self.margin
    }
}

pub(crate) fn worth(snapshot: &Snapshot, position: &Position) -> Option<Worth> {
    let mark = snapshot.quotes.get(&position.symbol)?.mark;
    let signed = mark.value(position.qty).ok()?.get();
    let margin = match position.isolated {
        Some(bucket) => bucket.equity.get(),
        None => signed.abs().over(position.leverage.get()).ok()?,
    };
    Some(Worth { signed, margin })
}

/// Cross only, and with the isolated buckets.
fn sums(snapshot: &Snapshot) -> Option<(Sums, Sums)> {
    let mut cross = Sums::default();
    for pool in &snapshot.pools {
        cross.value = cross.value.plus(pool.equity.get()).ok()?;
    }
    let mut all = cross;
    cross.raw = cross.value;
    all.raw = all.value;
    for position in &snapshot.positions {
        let worth = worth(snapshot, position)?;
        let add = |sums: &mut Sums| -> Option<()> {
            sums.notional = sums.notional.plus(worth.signed.abs()).ok()?;
            sums.raw = sums.raw.minus(worth.signed).ok()?;
            sums.margin = sums.margin.plus(worth.margin).ok()?;
            Some(())
        };
        if position.mode == MarginMode::Isolated {
            all.value = all.value.plus(worth.margin).ok()?;
            all.raw = all.raw.plus(worth.margin).ok()?;
        } else {
            add(&mut cross)?;
        }
        add(&mut all)?;
    }
    Some((cross, all))
}

/// What can be taken away: a tenth of the notional and all initial margin stay.
pub(crate) fn withdrawable(snapshot: &Snapshot) -> Option<Decimal> {
    let (cross, _) = sums(snapshot)?;
    let floor = cross.notional.times(Decimal::new(FLOOR.0, FLOOR.1)).ok()?;
    let free = snapshot.pools.first()?.free.get();
    Some(cross.value.minus(floor).ok()?.min(free).max(Decimal::ZERO))
}

fn maintenance(snapshot: &Snapshot) -> Decimal {
    let of = |position: &Position| {
        let notional = worth(snapshot, position)?.signed.abs();
        let instrument = snapshot.instruments.get(&position.symbol)?;
        let tier = instrument.tiers.at(evenkeel_types::Usd::new(notional).ok()?);
        notional.times(tier.maintenance_rate.get()).ok()?.minus(tier.deduction.get()).ok()
    };
    let cross = snapshot.positions.iter().filter(|position| position.mode == MarginMode::Cross);
    cross.filter_map(of).fold(Decimal::ZERO, |sum, one| sum.plus(one).unwrap_or(sum))
}

/// `clearinghouseState`.
pub(crate) fn clearinghouse(account: &Account, markets: &[Listed]) -> Option<Value> {
    let snapshot = account.snapshot(markets)?;
    let (cross, all) = sums(&snapshot)?;
    let positions: Option<Vec<Value>> =
        snapshot.positions.iter().map(|position| show(&snapshot, position, markets)).collect();
    Some(json!({
        "marginSummary": all.show(),
        "crossMarginSummary": cross.show(),
        "crossMaintenanceMarginUsed": usd(maintenance(&snapshot)),
        "withdrawable": usd(withdrawable(&snapshot)?),
        "assetPositions": positions?,
        "time": snapshot.as_of.0,
    }))
}

/// The leverage setting as the venue shows it; `raw` only where the margin is isolated.
pub(crate) fn leverage(mode: MarginMode, value: Decimal, raw: Decimal) -> Value {
    let value = u64::try_from(value).unwrap_or(1);
    match mode {
        MarginMode::Cross => json!({"type": "cross", "value": value}),
        MarginMode::Isolated => json!({"type": "isolated", "value": value, "rawUsd": usd(raw)}),
    }
}

fn show(snapshot: &Snapshot, position: &Position, markets: &[Listed]) -> Option<Value> {
    let market = markets.iter().find(|market| market.symbol == position.symbol)?;
    let worth = worth(snapshot, position)?;
    let entry = position.entry?.get();
    let paid = entry.times(position.qty.get()).ok()?;
    let profit = worth.signed.minus(paid).ok()?;
    let at_entry = paid.abs().over(position.leverage.get()).ok()?;
    let raw = worth.margin.minus(worth.signed).ok()?;
    let max = position.max_leverage.and_then(|max| u64::try_from(max.get()).ok());
    let row = json!({
        "coin": position.symbol.as_str(),
        "szi": text(position.qty.get()),
        "leverage": leverage(position.mode, position.leverage.get(), raw),
        "entryPx": places(entry, 6u32.saturating_sub(market.size_decimals)),
        "positionValue": usd(worth.signed.abs()),
        "unrealizedPnl": usd(profit),
        "returnOnEquity": fine(profit.over(at_entry).ok()?),
        "liquidationPx": position.liquidation_price.map(|price| fine(price.get())),
        "marginUsed": usd(worth.margin),
        "maxLeverage": max.unwrap_or(market.max_leverage.into()),
        "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
    });
    Some(json!({"type": "oneWay", "position": row}))
}
