//! What a book of sizes asks of the account, and the largest factor at which it fits.

use alloc::vec;
use alloc::vec::Vec;

use evenkeel_types::{Decimal, Exact, MarginMode, NumberError, Round, Snapshot, round};

use crate::plan::PlanError;
use crate::policy::Policy;

use super::row::{Change, Freedom, Row};

/// The scale factor is known to this many decimals, rounded down.
const SCALE_PLACES: u32 = 12;

/// Two factors nearer than this are the same: below a thousandth of a lot for any account up to a billion.
const SCALE_STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// A factor below a millionth is zero: no book is large enough for it to be a lot.
const NO_SCALE: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// Halving [0, 1] this often is finer than [`SCALE_STEP`]; interpolation needs far less.
const SCALE_ROUNDS: u32 = 40;

/// What the account can carry, worst case, before any position is counted.
pub(super) struct Limits {
    /// Account value without the reserve.
    equity: Decimal,
    /// Notional that counts beside the rows.
    outside: Decimal,
    /// Kept free over all pools together.
    reserve: Decimal,
    /// Adverse move of every price.
    stress: Decimal,
    /// By pool: equity without what it holds for orders.
    pools: Vec<Decimal>,
    max_exposure: Option<Decimal>,
    max_net: Option<Decimal>,
}

/// What one row asks of each limit.
#[derive(Clone, Copy)]
pub(super) struct Load {
    cap: Decimal,
    pool: Decimal,
    gross: Decimal,
    /// Signed notional.
    net: Decimal,
    /// Notional that may come on top, of either sign.
    open: Decimal,
}

/// What is left of every limit: cap, exposure, net long, net short, all pools without the reserve, then each pool.
/// Fits when none is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slack(Vec<Decimal>);

impl Slack {
    pub(super) fn fits(&self) -> bool {
        self.0.iter().all(|left| *left >= Decimal::ZERO)
    }

    /// Without the limits that are broken in `bare`, the book with nothing in it, and that no factor mends: the net,
    /// which other positions can exceed, and pools that hold something else.
    fn without_hopeless(&self, bare: &Self) -> Self {
        let left = self.0.iter().zip(&bare.0).enumerate().map(|(index, (left, bare))| {
            let hopeless = *bare < Decimal::ZERO && (index == 2 || index == 3 || index >= FIXED);
            if hopeless { NO_LIMIT } else { *left }
        });
        Self(left.collect())
    }

    /// The largest share of the way from `self` to `full` at which every limit that `full` breaks is kept.
    pub(super) fn share_towards(&self, full: &Self) -> Result<Decimal, NumberError> {
        let mut share = Decimal::ONE;
        for (here, there) in self.0.iter().zip(&full.0) {
            if *there >= Decimal::ZERO {
                continue;
            }
            if *here <= Decimal::ZERO {
                return Ok(Decimal::ZERO);
            }
            share = share.min(here.over(here.minus(*there)?)?);
        }
        Ok(share)
    }

    /// What is left after one row's load changed.
    pub(super) fn after(&self, pool: usize, from: &Load, to: &Load) -> Result<Self, NumberError> {
        let mut left = self.0.clone();
        let net = to.net.minus(from.net)?;
        let changes = [
            (0, to.cap.minus(from.cap)?),
            (1, to.gross.minus(from.gross)?),
            (2, net),
            (3, Decimal::ZERO.minus(net)?),
            (4, to.pool.minus(from.pool)?),
            (pool.saturating_add(FIXED), to.pool.minus(from.pool)?),
        ];
        for (index, change) in changes {
            if let Some(left) = left.get_mut(index) {
                *left = left.minus(change)?;
            }
        }
        Ok(Self(left))
    }
}

/// Limits before those of the pools.
const FIXED: usize = 5;

impl Limits {
    pub(super) fn new(
        snapshot: &Snapshot,
        holds: &[Decimal],
        outside: (Decimal, evenkeel_types::Leverage),
        policy: &Policy,
    ) -> Result<Self, PlanError> {
        let reserve = policy.reserve.get();
        let pools = snapshot
            .pools
            .iter()
            .zip(holds)
            .map(|(pool, hold)| pool.equity.get().minus(*hold))
            .collect::<Result<_, _>>()?;
        let stress = policy.stress.get();
        let (open, leverage) = outside;
        let stressed = open.times(stress)?;
        let outside = share(open.plus(stressed)?, leverage)?.plus(stressed)?;
        Ok(Self {
            equity: snapshot.account_value()?.get().minus(reserve)?.minus(outside)?,
            outside: open,
            reserve,
            stress,
            pools,
            max_exposure: policy.max_exposure.map(evenkeel_types::Usd::get),
            max_net: policy.max_net.map(evenkeel_types::Usd::get),
        })
    }

    /// What a row asks at a final size, everything traded at its worst price.
    pub(super) fn load(&self, row: &Row<'_>, size: Decimal) -> Result<Load, NumberError> {
        let mark = row.mark.get();
        let (release, acquire) = row.legs(size)?;
        let (release_side, acquire_side) = row.sides(size);
        let acquire_quote = row.quote(acquire_side);
        let cost = release.times(row.quote(release_side).cost)?.plus(acquire.times(acquire_quote.cost)?)?;
        let open = row.extra(size)?.times(mark)?;
        let notional = size.abs().times(mark)?;
        let gross = notional.plus(open)?;
        let stressed = gross.times(self.stress)?;
        let cap = share(gross.plus(stressed)?, row.cap_leverage)?.plus(stressed)?.plus(cost)?;
        let worst_price = acquire_quote.limit.get().max(mark);
        // Venues take margin for a resting order whether or not it would reduce what is held.
        let resting = row.open_buy.max(row.open_sell).times(mark)?;
        let margined = notional.plus(resting)?;
        // Where the venue changes nothing while something is held, it stays at what it has.
        let (mode, margin_leverage) = if row.stays_unchanged(size) {
            (row.setting.mode, row.present_leverage())
        } else {
            (row.mode, row.margin_leverage)
        };
        let pool = match mode {
            MarginMode::Cross => {
                let premium = acquire.times(worst_price.minus(mark)?)?;
                // A bucket that is closed comes back to the pool.
                let back = released_bucket(row, release)?;
                share(margined.plus(stressed)?.plus(premium)?, margin_leverage)?
                    .plus(stressed)?
                    .plus(cost)?
                    .minus(back)?
            }
            MarginMode::Isolated => {
                let remaining = row.held.abs().minus(release)?;
                let (bucket, top_up) = if row.setting.mode == MarginMode::Isolated {
                    bucket_after(row, remaining)?
                } else {
                    // Switched while held: its bucket has to be filled whole.
                    (Decimal::ZERO, share(remaining.times(mark)?, margin_leverage)?)
                };
                let opened = share(acquire.times(worst_price)?.plus(resting)?, margin_leverage)?;
                opened.plus(top_up)?.plus(cost)?.minus(row.bucket.minus(bucket)?)?
            }
        };
        // One that waits to be reopened holds what it holds until its turn: a bucket is not released before, and a
        // cross position takes its margin at the old setting.
        let waiting = match row.change {
            Change::Reopen { wave } if wave > 0 && row.setting.mode == MarginMode::Isolated => cost,
            Change::Reopen { wave } if wave > 0 => {
                let meanwhile = row.held.abs().min(size.abs()).times(mark)?;
                let stressed = meanwhile.times(self.stress)?;
                share(meanwhile.plus(stressed)?, row.present_leverage())?.plus(stressed)?.plus(cost)?
            }
            _ => pool,
        };
        Ok(Load { cap, pool: pool.max(waiting), gross, net: size.times(mark)?, open })
    }

    pub(super) fn slack(&self, rows: &[Row<'_>], sizes: &[Decimal]) -> Result<Slack, NumberError> {
        let mut cap = self.equity;
        let (mut gross, mut net, mut open) = (self.outside, Decimal::ZERO, self.outside);
        let mut pools = self.pools.clone();
        for (row, size) in rows.iter().zip(sizes) {
            let load = self.load(row, *size)?;
            cap = cap.minus(load.cap)?;
            gross = gross.plus(load.gross)?;
            net = net.plus(load.net)?;
            open = open.plus(load.open)?;
            if let Some(pool) = pools.get_mut(row.pool) {
                *pool = pool.minus(load.pool)?;
            }
        }
        // A limit that is not set never binds.
        let limited =
            |limit: Option<Decimal>, used: Decimal| limit.map_or(Ok(Decimal::ZERO), |l| l.minus(used));
        let all = pools.iter().try_fold(Decimal::ZERO, |sum, pool| sum.plus(*pool))?.minus(self.reserve)?;
        let mut left = vec![
            cap,
            limited(self.max_exposure, gross)?,
            limited(self.max_net, net.plus(open)?)?,
            limited(self.max_net, open.minus(net)?)?,
            all,
        ];
        // `after` works on differences: a limit that is not set must stay open whatever is added.
        for (index, set) in [(1, self.max_exposure), (2, self.max_net), (3, self.max_net)] {
            if set.is_none()
                && let Some(left) = left.get_mut(index)
            {
                *left = NO_LIMIT;
            }
        }
        // A pool that nothing of the run is in can be short of a cent without anybody having to shrink for it.
        let used = |index: usize| rows.iter().any(|row| row.pool == index);
        let pools = pools.into_iter().enumerate();
        left.extend(
            pools.map(|(index, pool)| if pool >= Decimal::ZERO || used(index) { pool } else { NO_LIMIT }),
        );
        Ok(Slack(left))
    }

    /// The pools that are short even with nothing of the target in them.
    pub(super) fn short_pools(&self, rows: &[Row<'_>]) -> Result<Vec<usize>, NumberError> {
        let sizes = rows.iter().map(|row| row.size_at(Decimal::ZERO)).collect::<Result<Vec<_>, _>>()?;
        let bare = self.slack(rows, &sizes)?;
        let pools = bare.0.iter().skip(FIXED).enumerate();
        Ok(pools.filter(|(_, left)| **left < Decimal::ZERO).map(|(index, _)| index).collect())
    }

    /// The largest factor up to `ceiling` at which the book fits; zero when nothing does.
    pub(super) fn scale(&self, rows: &[Row<'_>], ceiling: Decimal) -> Result<Decimal, NumberError> {
        let at = |scale: Decimal| -> Result<Slack, NumberError> {
            let sizes = rows.iter().map(|row| row.size_at(scale)).collect::<Result<Vec<_>, _>>()?;
            self.slack(rows, &sizes)
        };
        let broken = at(ceiling)?;
        if broken.fits() {
            return Ok(ceiling);
        }
        let bare = at(Decimal::ZERO)?;
        let at = |scale: Decimal| Ok::<_, NumberError>(at(scale)?.without_hopeless(&bare));
        let mut broken = broken.without_hopeless(&bare);
        if broken.fits() {
            return Ok(ceiling);
        }
        let (mut low, mut high) = (Decimal::ZERO, ceiling);
        let mut fitting = at(low)?;
        if !fitting.fits() {
            return Ok(Decimal::ZERO);
        }
        for round in 0..SCALE_ROUNDS {
            let width = high.minus(low)?;
            if width <= SCALE_STEP {
                break;
            }
            // The limits are piecewise linear in the factor, so the chord hits the root exactly once both ends lie
            // on its piece; halving in between keeps the bound on the rounds.
            let share = if round % 3 == 2 { Decimal::new(5, 1) } else { fitting.share_towards(&broken)? };
            let step = width.times(share)?;
            let probe =
                if step < SCALE_STEP { SCALE_STEP.min(width.times(Decimal::new(5, 1))?) } else { step };
            let candidate = low.plus(probe)?.min(high);
            let slack = at(candidate)?;
            if slack.fits() {
                (low, fitting) = (candidate, slack);
            } else {
                (high, broken) = (candidate, slack);
            }
        }
        // Where loads are rounded up to the last place, a factor this small is none.
        if low < NO_SCALE {
            return Ok(Decimal::ZERO);
        }
        Ok(round::to_places(low, SCALE_PLACES, Round::Down))
    }
}

/// The margin of a notional, rounded up far below any lot: sums of 28-digit quotients cost several times as much.
fn share(notional: Decimal, leverage: evenkeel_types::Leverage) -> Result<Decimal, NumberError> {
    Ok(round::to_places(notional.over(leverage.get())?, SCALE_PLACES, Round::Up))
}

/// What closing `release` of a position gives its pool back from the bucket.
fn released_bucket(row: &Row<'_>, release: Decimal) -> Result<Decimal, NumberError> {
    if row.held.is_zero() || row.setting.mode != MarginMode::Isolated {
        return Ok(Decimal::ZERO);
    }
    row.bucket.times(release.over(row.held.abs())?)
}

/// More than any account holds, and small enough that sums with it do not overflow.
const NO_LIMIT: Decimal = Decimal::from_parts(u32::MAX, u32::MAX, 0, false, 0);

/// The bucket when `remaining` of the position is left, and what has to be added so that it covers the position at
/// the leverage it will have.
pub(super) fn bucket_after(row: &Row<'_>, remaining: Decimal) -> Result<(Decimal, Decimal), NumberError> {
    if row.held.is_zero() || row.setting.mode != MarginMode::Isolated {
        return Ok((Decimal::ZERO, Decimal::ZERO));
    }
    let bucket = row.bucket.times(remaining.over(row.held.abs())?)?;
    let need = remaining.times(row.mark.get())?.over(row.margin_leverage.get())?;
    // A position that the run leaves alone is not topped up.
    let tops_up = row.target.is_some() && row.freedom == Freedom::Full;
    let missing = if tops_up { need.minus(bucket)?.max(Decimal::ZERO) } else { Decimal::ZERO };
    Ok((bucket, missing))
}

impl Row<'_> {
    /// The size wanted at a scale factor, before lots: unrounded, within the symbol's own limit.
    pub(super) fn size_at(&self, scale: Decimal) -> Result<Decimal, NumberError> {
        if let Some(size) = self.pinned {
            return Ok(size);
        }
        let wanted = self.goal.times(scale)?.over(self.mark.get())?;
        // Six places below a lot decide nothing, and short numbers are what makes large books quick.
        let places = self.instrument.lot.get().scale().saturating_add(6).min(28);
        let towards = if wanted.is_sign_negative() { Round::Up } else { Round::Down };
        let wanted = round::to_places(wanted, places, towards);
        let wanted = match self.largest()? {
            Some(largest) if wanted.abs() > largest => {
                if wanted.is_sign_negative() {
                    Decimal::ZERO.minus(largest)?
                } else {
                    largest
                }
            }
            _ => wanted,
        };
        Ok(match self.freedom {
            Freedom::Full => wanted,
            Freedom::Fixed => self.held,
            Freedom::ReduceOnly => self.reduced_to(wanted),
        })
    }

    /// `size`, but never more than is held and never turned.
    pub(super) fn reduced_to(&self, size: Decimal) -> Decimal {
        let turned = size.is_sign_negative() != self.held.is_sign_negative();
        if size.is_zero() || turned {
            Decimal::ZERO
        } else if size.abs() < self.held.abs() {
            size
        } else {
            self.held
        }
    }

    /// The largest size that the symbol's own limit allows at the worst price, unrounded.
    pub(super) fn largest(&self) -> Result<Option<Decimal>, NumberError> {
        // What may be filled without our doing counts as held.
        let open = if self.goal.is_sign_negative() { self.open_sell } else { self.open_buy };
        let price = self.worst_price(self.goal);
        let left = |bound: Decimal| bound.over(price)?.minus(open);
        Ok(self.limit.map(|(bound, _)| left(bound)).transpose()?.map(|left| left.max(Decimal::ZERO)))
    }

    /// The highest price at which a position of this sign is valued: what is bought at its limit, else the mark.
    fn worst_price(&self, size: Decimal) -> Decimal {
        if size.is_sign_negative() { self.mark.get() } else { self.buy.limit.get().max(self.mark.get()) }
    }

    /// Whether a size keeps the symbol's own limit, also where the bound itself is excluded.
    pub(super) fn within_limit(&self, size: Decimal) -> Result<bool, NumberError> {
        let Some((bound, exclusive)) = self.limit else { return Ok(true) };
        let notional = size.abs().plus(self.extra(size)?)?.times(self.worst_price(size))?;
        Ok(notional < bound || (notional == bound && !exclusive))
    }

    pub(super) fn reopens(&self) -> bool {
        matches!(self.change, Change::Reopen { .. })
    }
}
