//! Whether an account reading may be decided from: it must show what is known to be true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_types::{
    Decimal, Exact, Leverage, LeverageSetting, MarginMode, NumberError, PoolId, Qty, Round, Scope, Snapshot,
    Symbol, Timestamp, Usd, round,
};

use crate::event::Event;

/// How often the account is read at most while waiting for it to settle: at the longest pause this is two minutes, far
/// above any sensible deadline, and a clock that stands still must not hang us.
const MAX_READS: u32 = 64;

/// How often the account is read at most for the report, once nothing is decided from it any more.
const MAX_LAST_READS: u32 = 8;

/// For how long a reading that differs from what we expect must stay the same before it is believed. Venues update
/// positions, margin and settings within a second of each other.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// How many readings must agree before a difference is believed.
const AGREEING_READS: u32 = 2;

/// What must be true of the next reading.
#[derive(Debug, Clone)]
pub(crate) struct Expect {
    /// Every position: those before, plus our known fills.
    pub(crate) positions: BTreeMap<Symbol, Qty>,
    /// Sizes that a lagging venue may still show, beside everything between them and the expected one.
    pub(crate) earlier: BTreeMap<Symbol, BTreeSet<Qty>>,
    /// Settings that were proven, and adding orders sent under: nothing else may be read.
    pub(crate) proven: BTreeMap<Symbol, (Leverage, MarginMode)>,
    /// Settings that were written and may show late.
    pub(crate) written: BTreeMap<Symbol, (Option<Leverage>, Option<MarginMode>)>,
    /// Buckets that margin was moved into or out of: their equity before, and how much was moved.
    pub(crate) moved: BTreeMap<Symbol, (Usd, Usd)>,
    /// Free margin that is missing for reasons of the venue's own.
    pub(crate) missing: BTreeMap<PoolId, Usd>,
    /// Whether margin was released since the last reading: then it has to show before anything is decided.
    pub(crate) released: bool,
    /// A reading from before this moment is an old one.
    pub(crate) as_of: Timestamp,
}

impl Expect {
    /// That nothing changes.
    pub(crate) fn nothing_new(snapshot: &Snapshot) -> Self {
        Self {
            positions: snapshot.positions.iter().map(|held| (held.symbol.clone(), held.qty)).collect(),
            earlier: BTreeMap::new(),
            proven: BTreeMap::new(),
            written: BTreeMap::new(),
            moved: BTreeMap::new(),
            missing: unexplained(snapshot).unwrap_or_default(),
            released: false,
            as_of: snapshot.as_of,
        }
    }
}

/// What a reading is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be decided from.
    Settled,
    /// Read again.
    Again(Vec<Event>),
    /// The deadline passed, and it still does not show what is known.
    Stale { why: String },
    /// A position moved without us.
    Foreign { symbol: Symbol, expected: Qty, found: Qty },
    /// The deadline passed, and a move of margin still does not show in its bucket.
    Unmoved { symbol: Symbol, why: String },
    /// A proven setting is another one now.
    Mismatch { symbol: Symbol, why: String },
}

/// Readings on the way to one that may be decided from.
#[derive(Debug, Clone)]
pub(crate) struct Settling {
    pub(crate) expect: Expect,
    scope: Scope,
    until: Timestamp,
    reads: u32,
    /// The last readings' difference from what is expected, since when, and how often it was seen.
    same: Option<(Difference, Timestamp, u32)>,
    /// When nothing is decided from it, the last reading will do.
    for_report: bool,
}

/// How a reading differs from what is expected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Difference {
    positions: Vec<(Symbol, Qty, Qty)>,
    settings: Vec<Symbol>,
    mismatched: Vec<(Symbol, String)>,
    /// Moves of margin that do not show: the bucket as it should be, and as it is shown.
    buckets: Vec<(Symbol, Usd, Usd)>,
    margin: Vec<(PoolId, Usd, Usd)>,
    /// Rounded, so that a tick of the market is no difference.
    gaps: Vec<(PoolId, Usd)>,
}

impl Difference {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The same as an earlier one, but for amounts that a tick of the market changes. Margin that is not coming back
    /// is the same; only a gap that is closing is worth waiting for.
    fn is_like(&self, earlier: &Self) -> bool {
        let closing = self.gaps.iter().zip(&earlier.gaps).any(|((_, now), (_, then))| now < then);
        let pools =
            |difference: &Self| difference.gaps.iter().map(|(pool, _)| pool.clone()).collect::<Vec<_>>();
        self.positions == earlier.positions
            && self.settings == earlier.settings
            && self.mismatched == earlier.mismatched
            && self
                .buckets
                .iter()
                .map(|(symbol, ..)| symbol)
                .eq(earlier.buckets.iter().map(|(symbol, ..)| symbol))
            && pools(self) == pools(earlier)
            && !closing
    }
}

impl Settling {
    pub(crate) fn new(expect: Expect, scope: Scope, until: Timestamp) -> Self {
        Self { expect, scope, until, reads: 0, same: None, for_report: false }
    }

    /// For the report only: accepts the last reading even if it does not agree.
    pub(crate) fn for_report(expect: Expect, scope: Scope, until: Timestamp) -> Self {
        Self { for_report: true, ..Self::new(expect, scope, until) }
    }

    pub(crate) fn is_for_report(&self) -> bool {
        self.for_report
    }

    pub(crate) fn reads(&self) -> u32 {
        self.reads
    }

    /// One more reading failed. Whether there may be another.
    pub(crate) fn failed(&mut self, now: Timestamp) -> bool {
        self.reads = self.reads.saturating_add(1);
        !self.is_over(now)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let most = if self.for_report { MAX_LAST_READS } else { MAX_READS };
        now > self.until || self.reads >= most
    }

    /// What this reading is good for.
    pub(crate) fn judge(&mut self, now: Timestamp, snapshot: &Snapshot) -> Result<Verdict, NumberError> {
        self.reads = self.reads.saturating_add(1);
        let over = self.is_over(now);
        if let Err(error) = snapshot.validate(&self.scope) {
            let why = format!("the reading contradicts itself: {error}");
            return Ok(if over { Verdict::Stale { why } } else { Verdict::Again(Vec::new()) });
        }
        if snapshot.as_of < self.expect.as_of {
            let why =
                format!("readings from {} were overtaken by one from {}", snapshot.as_of, self.expect.as_of);
            return Ok(if over { Verdict::Stale { why } } else { Verdict::Again(Vec::new()) });
        }
        let difference = self.difference(snapshot)?;
        if difference.is_none() {
            return Ok(Verdict::Settled);
        }
        let stable = self.note(now, &difference);
        let verdict = self.conclude(&difference, stable, over);
        Ok(verdict.unwrap_or_else(|| Verdict::Again(waiting(&difference))))
    }

    /// Remembers the difference; whether it has been the same for long enough to be believed.
    fn note(&mut self, now: Timestamp, difference: &Difference) -> bool {
        let (since, times) = match &self.same {
            Some((before, since, times)) if difference.is_like(before) => (*since, times.saturating_add(1)),
            _ => (now, 1),
        };
        self.same = Some((difference.clone(), since, times));
        times >= AGREEING_READS && now.since(since) >= SETTLED_AFTER
    }

    fn conclude(&self, difference: &Difference, stable: bool, over: bool) -> Option<Verdict> {
        if let Some((symbol, expected, found)) = difference.positions.first() {
            let foreign = difference
                .positions
                .iter()
                .find(|(symbol, expected, found)| !self.is_late(symbol, *expected, *found));
            if let (Some((symbol, expected, found)), true) = (foreign, stable || over) {
                let (symbol, expected, found) = (symbol.clone(), *expected, *found);
                return Some(Verdict::Foreign { symbol, expected, found });
            }
            let why = format!("{symbol} should be {expected} and is shown as {found}");
            return over.then_some(Verdict::Stale { why });
        }
        if let Some((symbol, why)) = difference.mismatched.first() {
            let (symbol, why) = (symbol.clone(), why.clone());
            return (stable || over).then_some(Verdict::Mismatch { symbol, why });
        }
        // Moved a second time it would be too much, so a move has to show.
        if let Some((symbol, expected, found)) = difference.buckets.first() {
            let why = format!("the margin of {symbol} should be {expected:.2} and is shown as {found:.2}");
            return over.then(|| Verdict::Unmoved { symbol: symbol.clone(), why });
        }
        // Margin that we released is there, whether it shows or not: what is planned without it would be too small.
        if let (true, Some((pool, expected, shown))) = (self.expect.released, difference.margin.first()) {
            let why = format!(
                "{expected:.2} of margin should be free in pool {pool} and {shown:.2} is shown, after margin was \
                 released"
            );
            return over.then_some(Verdict::Stale { why });
        }
        // What was written and does not show is planned again; margin that was never ours to count on is not there.
        if stable {
            return Some(Verdict::Settled);
        }
        over.then(|| Verdict::Stale { why: "margin and settings keep changing".into() })
    }

    /// Whether a size can be what a lagging venue still shows: one that was there before, or one on the way.
    fn is_late(&self, symbol: &Symbol, expected: Qty, found: Qty) -> bool {
        let Some(earlier) = self.expect.earlier.get(symbol) else { return false };
        earlier.iter().any(|before| {
            let (low, high) = if *before < expected { (*before, expected) } else { (expected, *before) };
            low <= found && found <= high
        })
    }

    fn difference(&self, snapshot: &Snapshot) -> Result<Difference, NumberError> {
        let expect = &self.expect;
        let mut difference = Difference::default();
        let held = snapshot.positions.iter().map(|position| &position.symbol);
        let symbols: BTreeSet<&Symbol> = expect.positions.keys().chain(held).collect();
        for symbol in symbols {
            let expected = expect.positions.get(symbol).copied().unwrap_or(Qty::ZERO);
            let found = snapshot.qty(symbol);
            if found != expected {
                difference.positions.push((symbol.clone(), expected, found));
            }
        }
        for (symbol, (leverage, mode)) in &expect.proven {
            if let Some(setting) = snapshot.settings.get(symbol)
                && (!setting.is(*leverage) || setting.mode != *mode)
            {
                let why = format!("it was proven as {leverage}x {mode} and now reads {}", describe(setting));
                difference.mismatched.push((symbol.clone(), why));
            }
        }
        for (symbol, (leverage, mode)) in &expect.written {
            let shown = snapshot.settings.get(symbol).is_some_and(|setting| {
                leverage.is_none_or(|leverage| setting.is(leverage))
                    && mode.is_none_or(|mode| setting.mode == mode)
            });
            if !shown {
                difference.settings.push(symbol.clone());
            }
        }
        for (symbol, (before, delta)) in &expect.moved {
            if let Some(bucket) = snapshot.position(symbol).and_then(|position| position.isolated)
                && !has_moved(*before, *delta, bucket.equity)?
            {
                difference.buckets.push((symbol.clone(), before.plus(*delta)?, bucket.equity));
            }
        }
        for (pool, gap) in missing_margin(snapshot)? {
            let (expected, shown, equity) = gap;
            let tolerance = tolerance(equity)?;
            let gap = expected.minus(shown)?;
            let known = expect.missing.get(&pool).copied().unwrap_or(Usd::ZERO).max(Usd::ZERO);
            if gap > known.plus(tolerance)? {
                difference.margin.push((pool.clone(), expected, shown));
                // In units of the tolerance.
                let rounded = Usd::new(round::to_places(gap.get().over(tolerance.get())?, 0, Round::Down))?;
                difference.gaps.push((pool, rounded));
            }
        }
        Ok(difference)
    }
}

fn describe(setting: &LeverageSetting) -> String {
    if setting.long == setting.short {
        format!("{}x {}", setting.long, setting.mode)
    } else {
        format!("{}x long, {}x short, {}", setting.long, setting.short, setting.mode)
    }
}

fn waiting(difference: &Difference) -> Vec<Event> {
    let positions = difference.positions.iter().map(|(symbol, expected, seen)| Event::WaitingForPosition {
        symbol: symbol.clone(),
        expected: *expected,
        seen: *seen,
    });
    let mismatched = difference.mismatched.iter().map(|(symbol, _)| symbol);
    let settings = difference
        .settings
        .iter()
        .chain(mismatched)
        .map(|symbol| Event::WaitingForLeverage { symbol: symbol.clone() });
    let margin = difference.margin.iter().map(|(pool, expected, seen)| Event::WaitingForMargin {
        pool: pool.clone(),
        expected: *expected,
        seen: *seen,
    });
    positions.chain(settings).chain(margin).collect()
}

/// A hundredth of a percent of the pool, and no less than a cent: venues round, and marks tick between the figures of
/// one answer.
fn tolerance(equity: Usd) -> Result<Usd, NumberError> {
    let cent = Usd::new(Decimal::new(1, 2))?;
    Ok(equity.abs().times(Decimal::new(1, 4))?.max(cent))
}

/// What should be free in each pool by its own positions and orders, what is, and the pool's equity:
/// `equity - sum |qty| * mark / leverage - margin of resting orders`.
fn missing_margin(snapshot: &Snapshot) -> Result<BTreeMap<PoolId, (Usd, Usd, Usd)>, NumberError> {
    let mut pools = BTreeMap::new();
    for pool in &snapshot.pools {
        let of_pool = |symbol: &Symbol| {
            snapshot.instruments.get(symbol).is_some_and(|instrument| instrument.pool == pool.id)
        };
        let mut expected = pool.equity;
        for position in &snapshot.positions {
            let Some(quote) = snapshot.quotes.get(&position.symbol) else { continue };
            if position.mode == MarginMode::Cross && of_pool(&position.symbol) {
                expected = expected.minus(position.leverage.margin(position.notional(quote.mark)?)?)?;
            }
        }
        for order in snapshot.open_orders.iter().filter(|order| !order.reduce_only && of_pool(&order.symbol))
        {
            let setting = snapshot.settings.get(&order.symbol);
            if let (Some(remaining), Some(limit), Some(setting)) = (order.remaining, order.limit, setting) {
                let leverage = setting.of(order.side.signed(remaining));
                expected = expected.minus(leverage.margin(limit.value(remaining)?)?)?;
            }
        }
        // What a venue shows as free is never below zero.
        pools.insert(pool.id.clone(), (expected.max(Usd::ZERO), pool.free, pool.equity));
    }
    Ok(pools)
}

/// Whether a bucket's equity is nearer to what it should be after a move than to what it was before. Marks tick, so it
/// is exactly neither.
pub(crate) fn has_moved(before: Usd, delta: Usd, now: Usd) -> Result<bool, NumberError> {
    let after = before.plus(delta)?;
    Ok(now.minus(after)?.abs() < now.minus(before)?.abs())
}

/// How much less is free in each pool than its positions and orders explain.
pub(crate) fn unexplained(snapshot: &Snapshot) -> Result<BTreeMap<PoolId, Usd>, NumberError> {
    let pools = missing_margin(snapshot)?;
    pools.into_iter().map(|(pool, (expected, shown, _))| Ok((pool, expected.minus(shown)?))).collect()
}

#[cfg(test)]
mod tests {
    use evenkeel_paper::{World, profiles};

    use super::*;

    fn account() -> Snapshot {
        let world = World::builder(profiles::hyperliquid())
            .cash("USDC", "200")
            .market("SOL", "166.4", 2, 20)
            .market("BTC", "106418", 5, 40)
            .position("SOL", "0.54", 2, MarginMode::Cross)
            .position("BTC", "0.00197", 10, MarginMode::Isolated)
            .build()
            .unwrap();
        world.peek(&Scope::default()).unwrap()
    }

    fn settling(snapshot: &Snapshot) -> Settling {
        let until = snapshot.as_of.after(Duration::from_secs(15));
        Settling::new(Expect::nothing_new(snapshot), Scope::default(), until)
    }

    fn at(snapshot: &Snapshot, seconds: u64) -> Timestamp {
        snapshot.as_of.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_reading_from_before_the_last_one_is_discarded_even_if_it_agrees() {
        let snapshot = account();
        let mut settling = settling(&snapshot);
        let older = Snapshot { as_of: Timestamp(snapshot.as_of.0 - 1), ..snapshot.clone() };
        assert_eq!(settling.judge(at(&snapshot, 1), &older), Ok(Verdict::Again(Vec::new())));
        assert_eq!(settling.judge(at(&snapshot, 2), &snapshot), Ok(Verdict::Settled));
        assert!(matches!(settling.judge(at(&snapshot, 16), &older), Ok(Verdict::Stale { .. })));
    }

    #[test]
    fn an_old_size_is_late_and_any_other_is_foreign() {
        let snapshot = account();
        let sol =
            snapshot.positions.iter().find(|held| held.symbol.as_str() == "SOL").unwrap().symbol.clone();
        let mut expect = Expect::nothing_new(&snapshot);
        expect.positions.insert(sol.clone(), "0.9".parse().unwrap());
        expect.earlier.entry(sol.clone()).or_default().insert("0.54".parse().unwrap());
        let mut settling = Settling::new(expect, Scope::default(), at(&snapshot, 15));
        // Before the fill: late for as long as the venue may take.
        for second in 1..15 {
            assert!(matches!(settling.judge(at(&snapshot, second), &snapshot), Ok(Verdict::Again(_))));
        }
        assert!(matches!(settling.judge(at(&snapshot, 16), &snapshot), Ok(Verdict::Stale { .. })));
        // On the way is late too; beyond is somebody else, once it stays.
        let shown = |qty: &str| {
            let mut snapshot = snapshot.clone();
            snapshot.positions.iter_mut().find(|held| held.symbol == sol).unwrap().qty = qty.parse().unwrap();
            snapshot
        };
        let mut settling = Settling { until: at(&snapshot, 15), reads: 0, same: None, ..settling };
        for second in 1..5 {
            assert!(matches!(settling.judge(at(&snapshot, second), &shown("0.7")), Ok(Verdict::Again(_))));
        }
        assert!(matches!(settling.judge(at(&snapshot, 5), &shown("0.95")), Ok(Verdict::Again(_))));
        assert!(matches!(settling.judge(at(&snapshot, 6), &shown("0.95")), Ok(Verdict::Foreign { .. })));
    }

    #[test]
    fn missing_margin_is_waited_for_until_it_stays_away() {
        let snapshot = account();
        let mut late = snapshot.clone();
        late.pools[0].free = Usd::ZERO;
        let mut settling = settling(&snapshot);
        assert!(
            matches!(settling.judge(at(&snapshot, 1), &late), Ok(Verdict::Again(events)) if events.len() == 1)
        );
        // A part of it came back: what is coming is worth waiting for.
        late.pools[0].free = "50".parse().unwrap();
        assert!(matches!(settling.judge(at(&snapshot, 2), &late), Ok(Verdict::Again(_))));
        assert_eq!(settling.judge(at(&snapshot, 3), &late), Ok(Verdict::Settled));
        assert_eq!(settling.judge(at(&snapshot, 4), &snapshot), Ok(Verdict::Settled));
    }

    #[test]
    fn a_move_of_margin_shows_although_the_mark_ticks() {
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        assert_eq!(has_moved(usd("20"), usd("15"), usd("34.8")), Ok(true));
        assert_eq!(has_moved(usd("20"), usd("15"), usd("20.2")), Ok(false));
        assert_eq!(has_moved(usd("20"), usd("-5"), usd("15.1")), Ok(true));
    }

    /// A free margin that the venue itself computes differently is no reason to wait, when it did so before.
    #[test]
    fn margin_that_was_missing_before_is_not_waited_for() {
        let mut snapshot = account();
        snapshot.pools[0].free = snapshot.pools[0].free.minus("7".parse().unwrap()).unwrap();
        assert_eq!(settling(&snapshot).judge(at(&snapshot, 1), &snapshot), Ok(Verdict::Settled));
    }
}
