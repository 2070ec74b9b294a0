//! Worlds that continue from a snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_types::{
    Decimal, Instrument, LeverageSetting, MarginMode, OrderStatus, Position, Qty, Rate, Scope, Snapshot,
    TimeInForce, Timestamp, Usd,
};

use crate::error::WorldError;
use crate::orders::ORDER_ID;
use crate::profile::Profile;
use crate::refusal::Outcome;
use crate::rng::Rng;
use crate::series::{Identities, Series};
use crate::state::{Held, Market, Pool, Resting, State, Totals};
use crate::time::{Due, Execution, check};
use crate::truth::{Cause, Log, OrderRecord, Origin};
use crate::world::World;

/// Slippage of a world that was not told otherwise: 2 basis points, about half the spread of a liquid contract.
const DEFAULT_SLIPPAGE: (i64, u32) = (2, 4);

impl World {
    /// A world that continues from a snapshot of any venue: to rehearse on what is really there.
    ///
    /// Right afterwards [`World::peek`] gives the snapshot back, with these exceptions: pools, positions and orders
    /// are in the order of their names (orders: of arrival), settings are read now, and liquidation prices are this
    /// engine's own. A free margin that differs from `equity - initial margin - margin of orders` keeps its distance
    /// from it for ever (the venue's own rules made it); below zero it shows as zero. A position without entry price
    /// is taken as entered at the mark: its unrealised profit so far counts as cash, and it keeps showing no entry.
    /// Symbols without a price, which nobody can trade, are dropped; missing fees and settings are the profile's
    /// defaults. The venue's capabilities are those of the snapshot.
    ///
    /// # Errors
    /// [`WorldError::Snapshot`] for a snapshot that does not validate, [`WorldError::Unfit`] for sums that do not fit.
    pub fn fork(snapshot: &Snapshot, profile: &Profile, seed: u64) -> Result<Self, WorldError> {
        let mut profile = profile.clone();
        profile.capabilities = snapshot.capabilities.clone();
        let mut world = raw_fork(snapshot, profile, seed)?;
        for given in &snapshot.pools {
            let free = world.state.free(&given.id)?;
            let kept_back =
                if given.free.is_zero() && free.is_negative() { Usd::ZERO } else { free.minus(given.free)? };
            if let Some(pool) = world.state.pools.get_mut(&given.id) {
                pool.kept_back = kept_back;
                let below = |figure: Option<Usd>| figure.map(|f| given.free.minus(f)).transpose();
                pool.below_free = [below(given.withdrawable)?, below(given.transferable)?];
            }
        }
        world.sample(Cause::Start);
        Ok(world)
    }
}

pub(crate) fn default_setting(profile: &Profile, instrument: &Instrument, now: Timestamp) -> LeverageSetting {
    let leverage = profile.default_leverage.min(instrument.max_leverage());
    let mode = match instrument.margin_modes {
        modes if modes.allows(profile.default_mode) => profile.default_mode,
        modes if modes.allows(MarginMode::Isolated) => MarginMode::Isolated,
        _ => MarginMode::Cross,
    };
    LeverageSetting::both(instrument.symbol.clone(), leverage, mode, now)
}

/// Everything but the distance between the venue's free margin and ours.
pub(crate) fn raw_fork(snapshot: &Snapshot, profile: Profile, seed: u64) -> Result<World, WorldError> {
    snapshot.validate(&Scope::default())?;
    let mut markets = BTreeMap::new();
    let mut queue = BTreeMap::new();
    for (symbol, instrument) in &snapshot.instruments {
        let Some(quote) = snapshot.quotes.get(symbol) else { continue };
        if snapshot.pool(&instrument.pool).is_none() {
            continue;
        }
        let default = default_setting(&profile, instrument, snapshot.as_of);
        let setting = snapshot.settings.get(symbol).unwrap_or(&default);
        let interval = instrument.funding_interval.unwrap_or(profile.funding_interval);
        let next_funding = next_multiple(snapshot.as_of, interval);
        if next_funding > snapshot.as_of {
            queue.insert(
                (next_funding, u64::try_from(queue.len()).unwrap_or(0)),
                Due::Funding(symbol.clone()),
            );
        }
        let market = Market {
            quote: *quote,
            fees: snapshot.fees.get(symbol).copied().unwrap_or(profile.fees),
            long: setting.long,
            short: setting.short,
            mode: setting.mode,
            funding: Rate::ZERO,
            interval,
            next_funding,
            depth: None,
        };
        markets.insert(symbol.clone(), market);
    }
    let mut state = State {
        since: snapshot.as_of,
        instruments: Arc::new(
            snapshot
                .instruments
                .iter()
                .filter(|(symbol, _)| markets.contains_key(*symbol))
                .map(|(symbol, instrument)| (symbol.clone(), instrument.clone()))
                .collect(),
        ),
        pools: BTreeMap::new(),
        held: BTreeMap::new(),
        markets,
        book: BTreeMap::new(),
        totals: Totals::ZERO,
    };
    for position in &snapshot.positions {
        hold(&mut state, position)?;
    }
    for pool in &snapshot.pools {
        let fresh = Pool {
            collateral: pool.collateral.clone(),
            cash: Usd::ZERO,
            kept_back: Usd::ZERO,
            below_free: [None, None],
        };
        state.pools.insert(pool.id.clone(), fresh);
        // Without cash the equity is the unrealised profit.
        let cash = pool.equity.minus(state.equity(&pool.id)?)?;
        state.credit(&pool.id, cash)?;
    }
    let records = take_over_orders(&mut state, snapshot);
    let mut by_id = Identities::new();
    for (index, record) in records.from(0) {
        if let Some(id) = record.id {
            by_id.insert(id, index);
        }
    }
    check(&state)?;
    let slippage = Decimal::new(DEFAULT_SLIPPAGE.0, DEFAULT_SLIPPAGE.1);
    Ok(World {
        venue: snapshot.venue.clone(),
        account: snapshot.account.clone(),
        position_mode: snapshot.position_mode,
        profile,
        execution: Execution::Slippage(Rate::new(slippage)?),
        latency: Duration::ZERO,
        now: snapshot.as_of,
        state,
        past: VecDeque::new(),
        rng: Rng::new(seed),
        rules: Vec::new(),
        queued: u64::try_from(queue.len()).unwrap_or(0),
        queue,
        by_id,
        first_order: first_free(snapshot),
        live: (0..records.end()).collect(),
        records,
        fills: Series::new(),
        payments: Series::new(),
        withheld: Vec::new(),
        log: Log::new(),
        foreign: false,
    })
}

fn hold(state: &mut State, position: &Position) -> Outcome<()> {
    let mark = state.market(&position.symbol)?.quote.mark;
    let paid = position.entry.unwrap_or(mark).value(position.qty)?;
    let profit = mark.value(position.qty)?.minus(paid)?;
    let bucket = position.isolated.map(|bucket| bucket.equity.minus(profit)).transpose()?;
    state.held.insert(
        (position.symbol.clone(), position.side),
        Held { qty: position.qty, paid, entry: position.entry, bucket, max_leverage: position.max_leverage },
    );
    Ok(())
}

/// Open orders continue under the identities that they have.
fn take_over_orders(state: &mut State, snapshot: &Snapshot) -> Series<OrderRecord> {
    let mut records = Series::new();
    for order in &snapshot.open_orders {
        let record = OrderRecord {
            venue_order_id: order.venue_order_id.clone(),
            id: order.id,
            origin: if order.id.is_some() { Origin::Client } else { Origin::Foreign },
            symbol: order.symbol.clone(),
            side: order.side,
            position_side: order.position_side,
            qty: order.remaining,
            limit: order.limit,
            trigger: order.trigger,
            tif: TimeInForce::Gtc,
            reduce_only: order.reduce_only,
            kind: order.kind,
            received_at: snapshot.as_of,
            visible_from: Some(snapshot.as_of),
            status: OrderStatus::Open,
            filled: Qty::ZERO,
            value: Usd::ZERO,
            fee: Usd::ZERO,
            reason: None,
        };
        let resting = Resting::of(&record, order.remaining);
        state.book.insert(records.push(record), resting);
    }
    records
}

/// The first multiple of `interval` after `now`; `now` itself for an interval below a millisecond.
fn next_multiple(now: Timestamp, interval: Duration) -> Timestamp {
    let step = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    now.0
        .checked_rem(step)
        .and_then(|since| step.checked_sub(since))
        .and_then(|wait| now.0.checked_add(wait))
        .map_or(now, Timestamp)
}

/// One above the highest number in an order identity that looks like ours.
fn first_free(snapshot: &Snapshot) -> usize {
    let number = |id: &str| id.strip_prefix(ORDER_ID)?.parse::<usize>().ok();
    let highest = snapshot.open_orders.iter().filter_map(|order| number(&order.venue_order_id)).max();
    highest.map_or(0, |number| number.saturating_add(1))
}
