//! Cases about leverage and margin mode, flat and held.

use evenkeel_exchange::{Effect, Error, ErrorKind, Result, leverage_of};
use evenkeel_types::{
    Decimal, Exact, Leverage, LeverageSetting, LowerIsolated, MarginAdjustment, MarginMode, MarginModeScope,
    MarginModes, Side, Snapshot, Usd,
};

use crate::bench::Bench;
use crate::report::{Tried, ensure, failed, skipped};

/// The leverages that the suite works with: lowest, usual, highest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) low: Leverage,
    pub(crate) usual: Leverage,
    pub(crate) high: Leverage,
}

impl Bench<'_> {
    pub(crate) async fn steps(&self) -> Tried<Steps> {
        let snapshot = self.snapshot().await?;
        let instrument = snapshot.instrument(&self.symbol)?;
        let fits =
            |value: u32| Leverage::new(value).map(|l| l.fits(instrument.leverage_step)).unwrap_or(false);
        if instrument.max_leverage() < Leverage::new(4)? || ![2, 3, 4].into_iter().all(fits) {
            return skipped("leverages 2, 3 and 4 are needed");
        }
        Ok(Steps { low: Leverage::new(2)?, usual: Leverage::new(3)?, high: Leverage::new(4)? })
    }

    async fn setting(&self) -> Tried<LeverageSetting> {
        Ok(leverage_of(self.venue, &self.symbol).await?)
    }

    async fn reads(&self, leverage: Leverage, mode: MarginMode) -> Tried {
        let found = self.setting().await?;
        ensure(found.is(leverage) && found.mode == mode, || {
            format!("{leverage}x {mode} expected, reads {}x/{}x {}", found.long, found.short, found.mode)
        })
    }

    /// It was refused, with proof, and the setting is what it was.
    async fn unchanged(&self, answer: Result<()>, before: &LeverageSetting) -> Tried {
        match answer {
            Ok(()) => return failed("accepted"),
            Err(error) => proven(&error)?,
        }
        let after = self.setting().await?;
        let same = (after.long, after.short, after.mode) == (before.long, before.short, before.mode);
        ensure(same, || format!("refused, and it went from {before:?} to {after:?}"))
    }

    pub(crate) async fn set_and_read_back(&self, steps: Steps) -> Tried {
        let mode = self.setting().await?.mode;
        for leverage in [steps.usual, steps.high, steps.low] {
            self.venue.set_leverage(&self.symbol, leverage).await?;
            self.reads(leverage, mode).await?;
        }
        Ok(())
    }

    pub(crate) async fn no_op_is_a_success(&self) -> Tried {
        let before = self.setting().await?;
        self.venue.set_leverage(&self.symbol, before.long).await?;
        self.reads(before.long, before.mode).await
    }

    pub(crate) async fn above_the_maximum(&self) -> Tried {
        let before = self.setting().await?;
        let snapshot = self.snapshot().await?;
        let instrument = snapshot.instrument(&self.symbol)?;
        let above = Leverage::new(instrument.max_leverage().get().plus(Decimal::ONE)?)?;
        self.unchanged(self.venue.set_leverage(&self.symbol, above).await, &before).await
    }

    pub(crate) async fn off_the_step(&self) -> Tried {
        let before = self.setting().await?;
        let snapshot = self.snapshot().await?;
        let step = snapshot.instrument(&self.symbol)?.leverage_step;
        let half = Leverage::new(Decimal::TWO.plus(step.checked_div(Decimal::TWO).unwrap_or_default())?)?;
        self.unchanged(self.venue.set_leverage(&self.symbol, half).await, &before).await
    }

    pub(crate) async fn mode_while_flat(&self) -> Tried {
        let before = self.setting().await?;
        let other = other(before.mode);
        if self.rules().margin_mode_scope != MarginModeScope::Symbol {
            return self.unchanged(self.venue.set_margin_mode(&self.symbol, other).await, &before).await;
        }
        let snapshot = self.snapshot().await?;
        if !snapshot.instrument(&self.symbol)?.margin_modes.allows(other) {
            return self.unchanged(self.venue.set_margin_mode(&self.symbol, other).await, &before).await;
        }
        for mode in [other, other, before.mode] {
            self.venue.set_margin_mode(&self.symbol, mode).await?;
            self.reads(before.long, mode).await?;
        }
        Ok(())
    }

    pub(crate) async fn leverage_with_orders(&mut self, steps: Steps) -> Tried {
        self.rest_one().await?;
        let before = self.setting().await?;
        let other = if before.is(steps.usual) { steps.high } else { steps.usual };
        let answer = self.venue.set_leverage(&self.symbol, other).await;
        if self.rules().orders_block_leverage {
            return self.unchanged(answer, &before).await;
        }
        answer?;
        self.reads(other, before.mode).await
    }

    pub(crate) async fn mode_with_orders(&mut self) -> Tried {
        let snapshot = self.snapshot().await?;
        let before = snapshot.setting(&self.symbol)?.clone();
        let other = other(before.mode);
        let settable = self.rules().margin_mode_scope == MarginModeScope::Symbol
            && snapshot.instrument(&self.symbol)?.margin_modes.allows(other);
        if !settable {
            return skipped("the margin mode cannot be set here");
        }
        self.rest_one().await?;
        let answer = self.venue.set_margin_mode(&self.symbol, other).await;
        if self.rules().orders_block_mode {
            return self.unchanged(answer, &before).await;
        }
        answer?;
        self.reads(before.long, other).await
    }

    /// With a position at the usual leverage.
    pub(crate) async fn no_op_while_held(&mut self, steps: Steps, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let mode = held.setting(&self.symbol)?.mode;
        self.venue.set_leverage(&self.symbol, steps.usual).await?;
        self.reads(steps.usual, mode).await?;
        self.same_position(&held).await
    }

    pub(crate) async fn raise_while_held(&mut self, steps: Steps, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let before = held.setting(&self.symbol)?.clone();
        let rule = self.rules().raise_with_position;
        let allowed = if before.mode == MarginMode::Cross { rule.cross } else { rule.isolated };
        let answer = self.venue.set_leverage(&self.symbol, steps.high).await;
        if allowed {
            answer?;
            self.reads(steps.high, before.mode).await?;
        } else {
            self.unchanged(answer, &before).await?;
        }
        self.same_position(&held).await
    }

    pub(crate) async fn lower_cross_while_held(&mut self, steps: Steps, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let before = held.setting(&self.symbol)?.clone();
        let answer = self.venue.set_leverage(&self.symbol, steps.low).await;
        if self.rules().lower_cross_with_position {
            answer?;
            self.reads(steps.low, before.mode).await?;
        } else {
            self.unchanged(answer, &before).await?;
        }
        self.same_position(&held).await
    }

    pub(crate) async fn lower_isolated_while_held(&mut self, steps: Steps, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let before = held.setting(&self.symbol)?.clone();
        let answer = self.venue.set_leverage(&self.symbol, steps.low).await;
        match self.rules().lower_isolated {
            LowerIsolated::Remargins | LowerIsolated::NeedsFree => answer?,
            LowerIsolated::AfterTopUp => {
                self.unchanged(answer, &before).await?;
                // The difference between both margins, and a twentieth of the notional for a moving price.
                let notional = self.notional(&held)?;
                let missing = steps.low.margin(notional)?.minus(steps.usual.margin(notional)?)?;
                let delta = cents(missing.plus(notional.times(Decimal::new(5, 2))?)?)?;
                self.venue.adjust_margin(&self.symbol, delta).await?;
                self.venue.set_leverage(&self.symbol, steps.low).await?;
            }
            _ => {
                self.unchanged(answer, &before).await?;
                return self.same_position(&held).await;
            }
        }
        self.reads(steps.low, before.mode).await?;
        self.same_position(&held).await?;
        let after = self.snapshot().await?;
        // Within a fiftieth: marks move between the writing and the reading.
        let needed = steps.low.margin(self.notional(&after)?)?.times(Decimal::new(98, 2))?;
        let equity = bucket(&after, self)?;
        ensure(equity >= needed, || format!("the bucket has {equity}, {}x needs {needed}", steps.low))
    }

    pub(crate) async fn above_the_maximum_while_held(&mut self, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        self.above_the_maximum().await?;
        self.same_position(&held).await
    }

    pub(crate) async fn mode_while_held(&mut self, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let before = held.setting(&self.symbol)?.clone();
        let other = other(before.mode);
        let allowed = self.rules().switch_mode_with_position
            && self.rules().margin_mode_scope == MarginModeScope::Symbol
            && held.instrument(&self.symbol)?.margin_modes.allows(other);
        let answer = self.venue.set_margin_mode(&self.symbol, other).await;
        if allowed {
            answer?;
            self.reads(before.long, other).await?;
        } else {
            self.unchanged(answer, &before).await?;
        }
        self.same_position(&held).await
    }

    pub(crate) async fn margin_in_and_out(&mut self, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let notional = self.notional(&held)?;
        let delta = cents(notional.times(Decimal::new(1, 1))?)?;
        let rule = self.rules().margin_adjustment;
        if held.setting(&self.symbol)?.mode == MarginMode::Cross || rule == MarginAdjustment::None {
            let answer = self.venue.adjust_margin(&self.symbol, delta).await;
            self.unchanged(answer, held.setting(&self.symbol)?).await?;
            return self.same_position(&held).await;
        }
        let pool = held.instrument(&self.symbol)?.pool.clone();
        let free = |snapshot: &Snapshot| snapshot.pool(&pool).map_or(Usd::ZERO, |pool| pool.free);
        // Two percent of the notional: marks move between two readings.
        let bound = notional.times(Decimal::new(2, 2))?;
        let moved = |before: &Snapshot, after: &Snapshot, expected: Usd| -> Tried {
            let bucket = bucket(after, self)?.minus(bucket(before, self)?)?;
            let pool = free(after).minus(free(before))?;
            let fits = bucket.minus(expected)?.abs() <= bound && pool.plus(expected)?.abs() <= bound;
            ensure(fits, || format!("{expected} moved: bucket {bucket}, free margin {pool}"))
        };
        self.venue.adjust_margin(&self.symbol, delta).await?;
        let added = self.settled().await?;
        moved(&held, &added, delta)?;
        let half = cents(delta.times(Decimal::new(-5, 1))?)?;
        let answer = self.venue.adjust_margin(&self.symbol, half).await;
        // A coin can be stricter than its venue.
        let strict = held.instrument(&self.symbol)?.margin_modes == MarginModes::StrictIsolated;
        if rule == MarginAdjustment::Both && !strict {
            answer?;
            moved(&added, &self.settled().await?, half)?;
        } else {
            self.unchanged(answer, held.setting(&self.symbol)?).await?;
        }
        let all = bucket(&added, self)?.negated();
        let answer = self.venue.adjust_margin(&self.symbol, cents(all)?).await;
        self.unchanged(answer, held.setting(&self.symbol)?).await?;
        self.same_position(&held).await
    }

    fn notional(&self, snapshot: &Snapshot) -> Tried<Usd> {
        Ok(snapshot.quote(&self.symbol)?.mark.value(snapshot.qty(&self.symbol).abs())?)
    }

    async fn same_position(&self, before: &Snapshot) -> Tried {
        let (held, now) = (before.qty(&self.symbol), self.settled().await?.qty(&self.symbol));
        ensure(held == now, || format!("the position went from {held} to {now}"))
    }
}

fn other(mode: MarginMode) -> MarginMode {
    match mode {
        MarginMode::Cross => MarginMode::Isolated,
        MarginMode::Isolated => MarginMode::Cross,
    }
}

/// Venues take margin in cents or finer.
fn cents(amount: Usd) -> Tried<Usd> {
    let round = evenkeel_types::Round::Down;
    Ok(Usd::new(evenkeel_types::round::to_places(amount.get(), 2, round))?)
}

pub(crate) fn bucket(snapshot: &Snapshot, bench: &Bench<'_>) -> Tried<Usd> {
    match snapshot.position(&bench.symbol).and_then(|position| position.isolated) {
        Some(bucket) => Ok(bucket.equity),
        None => failed("the isolated position has no bucket"),
    }
}

/// A refusal that says that nothing was changed, and is not one of the network.
fn proven(error: &Error) -> Tried {
    let network = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Transport | ErrorKind::RateLimited);
    ensure(error.effect() == Effect::NotApplied && !network, || format!("that is no refusal: {error}"))
}
