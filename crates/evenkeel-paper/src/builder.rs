//! Worlds from scratch, and from a snapshot of any venue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use evenkeel_margin::MarginError;
use evenkeel_types::{
    AccountId, Collateral, FeeRates, IdError, Instrument, Instruments, IsolatedMargin, Leverage,
    LeverageSetting, Lot, MarginMode, MarginModes, MarginPool, NumberError, OrderStatus, PoolId, Position,
    PositionMode, PositionSide, PriceRule, Qty, Quote, Rate, Scope, Snapshot, SnapshotError, Symbol,
    TierError, Tiers, TimeInForce, Timestamp, TradingStatus, Usd, VenueId,
};

use crate::faults::FaultRule;
use crate::profile::Profile;
use crate::refusal::{Outcome, Refusal};
use crate::rng::Rng;
use crate::state::{Held, Market, Pool, Resting, State, Totals};
use crate::time::{Due, Execution};
use crate::truth::{Cause, Log, OrderRecord, Origin};
use crate::world::World;

/// Slippage of a world that was not told otherwise: 2 basis points, about half the spread of a liquid contract.
const DEFAULT_SLIPPAGE: (i64, u32) = (2, 4);

/// Where the clock of a world from scratch starts: 2026-01-01T00:00:00Z.
const DEFAULT_START: Timestamp = Timestamp(1_767_225_600_000);

/// Why a world could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorldError {
    /// A name that is not allowed.
    Id(IdError),
    /// A number that is not one, or does not fit.
    Number(NumberError),
    /// A tier table.
    Tiers(TierError),
    /// A snapshot that contradicts itself, or a description that amounts to one.
    Snapshot(SnapshotError),
    /// Figures that cannot be computed from it.
    Unfit(String),
    /// A market without a pool to draw on.
    NoPool,
}

impl std::fmt::Display for WorldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WorldError::Id(_) => f.write_str("a name is not allowed"),
            WorldError::Number(_) => f.write_str("a number does not fit"),
            WorldError::Tiers(_) => f.write_str("the margin tiers do not fit together"),
            WorldError::Snapshot(_) => f.write_str("the account contradicts itself"),
            WorldError::Unfit(why) => write!(f, "the account cannot be added up: {why}"),
            WorldError::NoPool => f.write_str("a market needs a pool; name its cash first"),
        }
    }
}

impl std::error::Error for WorldError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WorldError::Id(error) => Some(error),
            WorldError::Number(error) => Some(error),
            WorldError::Tiers(error) => Some(error),
            WorldError::Snapshot(error) => Some(error),
            WorldError::Unfit(_) | WorldError::NoPool => None,
        }
    }
}

impl From<IdError> for WorldError {
    fn from(error: IdError) -> Self {
        Self::Id(error)
    }
}
impl From<NumberError> for WorldError {
    fn from(error: NumberError) -> Self {
        Self::Number(error)
    }
}
impl From<TierError> for WorldError {
    fn from(error: TierError) -> Self {
        Self::Tiers(error)
    }
}
impl From<SnapshotError> for WorldError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}
impl From<MarginError> for WorldError {
    fn from(error: MarginError) -> Self {
        Self::Unfit(error.to_string())
    }
}
impl From<Refusal> for WorldError {
    fn from(refusal: Refusal) -> Self {
        Self::Unfit(refusal.message)
    }
}

type Step = Box<dyn FnOnce(&mut Draft) -> Result<(), WorldError>>;

/// Describes a world step by step; only [`Builder::build`] can fail. Numbers are text, as people write them.
///
/// ```
/// use evenkeel_paper::{PaperVenue, World, profiles};
/// use evenkeel_types::MarginMode;
///
/// # fn main() -> Result<(), evenkeel_paper::WorldError> {
/// // 416 of equity, SOL and BTC at 10x.
/// let world = World::builder(profiles::hyperliquid())
///     .cash("USDC", "416")
///     .market("SOL", "166.4", 2, 20)
///     .market("BTC", "106418", 5, 40)
///     .position("SOL", "5.65", 10, MarginMode::Cross)
///     .position("BTC", "0.02103", 10, MarginMode::Cross)
///     .seed(1)
///     .build()?;
/// let venue = PaperVenue::new(world);
/// # let _ = venue;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Builder {
    profile: Profile,
    seed: u64,
    execution: Option<Execution>,
    faults: Vec<FaultRule>,
    steps: Vec<Step>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("profile", &self.profile.name).field("seed", &self.seed).finish()
    }
}

struct Draft {
    snapshot: Snapshot,
    funding: BTreeMap<Symbol, Rate>,
    depth: BTreeMap<Symbol, Qty>,
    profile: Profile,
}

impl World {
    /// A world from scratch.
    pub fn builder(profile: Profile) -> Builder {
        Builder { profile, seed: 0, execution: None, faults: Vec::new(), steps: Vec::new() }
    }

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

impl Builder {
    fn step(mut self, step: impl FnOnce(&mut Draft) -> Result<(), WorldError> + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// Cash in the cross pool of a collateral, with the same name as the collateral. Markets draw on the pool that was
    /// named last before them.
    pub fn cash(self, collateral: &str, amount: &str) -> Self {
        let (collateral, amount) = (collateral.to_owned(), amount.to_owned());
        self.step(move |draft| {
            draft.snapshot.pools.push(MarginPool {
                id: PoolId(Symbol::new(&collateral)?),
                collateral: Collateral::new(&collateral)?,
                equity: amount.parse()?,
                free: Usd::ZERO,
                withdrawable: None,
                transferable: None,
            });
            Ok(())
        })
    }

    /// A market with the usual rules: sizes of `lot_decimals` decimals, prices of five significant figures, one tier
    /// with maintenance of half the initial margin at `max_leverage`, minimum and leverage step of the profile.
    pub fn market(self, symbol: &str, mark: &str, lot_decimals: u32, max_leverage: u32) -> Self {
        let (symbol, mark) = (symbol.to_owned(), mark.to_owned());
        self.step(move |draft| {
            let max = Leverage::new(max_leverage)?;
            let instrument = Instrument {
                symbol: Symbol::new(&symbol)?,
                pool: draft.snapshot.pools.last().ok_or(WorldError::NoPool)?.id.clone(),
                price_rule: PriceRule::SignificantFigures {
                    figures: 5,
                    max_decimals: 6u32.saturating_sub(lot_decimals),
                    integers_always: true,
                },
                lot: Lot::decimals(lot_decimals)?,
                min_qty: None,
                max_qty: None,
                min_notional: Some(draft.profile.min_notional),
                leverage_step: draft.profile.leverage_step,
                tiers: Tiers::flat(max, evenkeel_margin::maintenance_rate(max)?)?,
                liquidation_fee: draft.profile.liquidation_fee,
                margin_modes: MarginModes::Both,
                status: TradingStatus::Trading,
                funding_interval: Some(draft.profile.funding_interval),
            };
            draft.list(instrument, Quote { mark: mark.parse()?, bid: None, ask: None });
            Ok(())
        })
    }

    /// A market with rules of its own.
    pub fn instrument(self, instrument: Instrument, quote: Quote) -> Self {
        self.step(move |draft| {
            draft.list(instrument, quote);
            Ok(())
        })
    }

    /// A position entered at the mark (signed size), and the setting of its symbol. An isolated one has `N / leverage`
    /// in its bucket, besides what is in the pool.
    pub fn position(self, symbol: &str, qty: &str, leverage: u32, mode: MarginMode) -> Self {
        let (symbol, qty) = (symbol.to_owned(), qty.to_owned());
        self.setting(&symbol.clone(), leverage, mode).step(move |draft| {
            let symbol = Symbol::new(&symbol)?;
            let leverage = Leverage::new(leverage)?;
            let qty: Qty = qty.parse()?;
            let mark = draft.snapshot.quote(&symbol)?.mark;
            let bucket = IsolatedMargin { equity: leverage.margin(mark.value(qty)?)? };
            let side = match (draft.snapshot.position_mode, qty.is_negative()) {
                (PositionMode::OneWay, _) => PositionSide::Net,
                (PositionMode::Hedge, false) => PositionSide::Long,
                (PositionMode::Hedge, true) => PositionSide::Short,
            };
            draft.snapshot.positions.push(Position {
                symbol,
                side,
                qty,
                entry: Some(mark),
                mode,
                leverage,
                isolated: (mode == MarginMode::Isolated).then_some(bucket),
                max_leverage: None,
                liquidation_price: None,
            });
            Ok(())
        })
    }

    /// Leverage and margin mode of a symbol, flat or held.
    pub fn setting(self, symbol: &str, leverage: u32, mode: MarginMode) -> Self {
        let symbol = symbol.to_owned();
        self.step(move |draft| {
            let symbol = Symbol::new(&symbol)?;
            let both =
                LeverageSetting::both(symbol.clone(), Leverage::new(leverage)?, mode, draft.snapshot.as_of);
            draft.snapshot.settings.insert(symbol, both);
            Ok(())
        })
    }

    /// Fee rates of a symbol, instead of the profile's.
    pub fn fees(self, symbol: &str, fees: FeeRates) -> Self {
        let symbol = symbol.to_owned();
        self.step(move |draft| {
            draft.snapshot.fees.insert(Symbol::new(&symbol)?, fees);
            Ok(())
        })
    }

    /// Funding rate per interval of a symbol; zero unless given.
    pub fn funding(self, symbol: &str, rate: &str) -> Self {
        let (symbol, rate) = (symbol.to_owned(), rate.to_owned());
        self.step(move |draft| {
            draft.funding.insert(Symbol::new(&symbol)?, rate.parse()?);
            Ok(())
        })
    }

    /// How much one order of a symbol can trade at once; unlimited unless given.
    pub fn depth(self, symbol: &str, qty: &str) -> Self {
        let (symbol, qty) = (symbol.to_owned(), qty.to_owned());
        self.step(move |draft| {
            draft.depth.insert(Symbol::new(&symbol)?, qty.parse()?);
            Ok(())
        })
    }

    /// An account in hedge mode; name it before any position.
    pub fn hedge(self) -> Self {
        self.step(|draft| {
            draft.snapshot.position_mode = PositionMode::Hedge;
            Ok(())
        })
    }

    /// When the world begins; 2026-01-01 unless given. Name it before any setting or position.
    pub fn start(self, at: Timestamp) -> Self {
        self.step(move |draft| {
            draft.snapshot.as_of = at;
            Ok(())
        })
    }

    /// The account's name; `paper` unless given.
    pub fn account(self, name: &str) -> Self {
        let name = name.to_owned();
        self.step(move |draft| {
            draft.snapshot.account = AccountId::new(&name)?;
            Ok(())
        })
    }

    /// The venue's name; that of the profile unless given.
    pub fn venue(self, name: &str) -> Self {
        let name = name.to_owned();
        self.step(move |draft| {
            draft.snapshot.venue = VenueId::new(&name)?;
            Ok(())
        })
    }

    /// What all randomness is drawn from; 0 unless given.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How orders find their price; two basis points of slippage unless given.
    pub fn execution(mut self, execution: Execution) -> Self {
        self.execution = Some(execution);
        self
    }

    /// A fault from the beginning.
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// The world.
    ///
    /// # Errors
    /// [`WorldError`] for the first thing that does not fit.
    pub fn build(self) -> Result<World, WorldError> {
        let mut draft = Draft {
            snapshot: Snapshot {
                venue: VenueId::new(self.profile.name)?,
                account: AccountId::new("paper")?,
                as_of: DEFAULT_START,
                capabilities: self.profile.capabilities.clone(),
                position_mode: PositionMode::OneWay,
                pools: Vec::new(),
                positions: Vec::new(),
                settings: BTreeMap::new(),
                quotes: BTreeMap::new(),
                instruments: Instruments::new(),
                fees: BTreeMap::new(),
                open_orders: Vec::new(),
            },
            funding: BTreeMap::new(),
            depth: BTreeMap::new(),
            profile: self.profile,
        };
        for step in self.steps {
            step(&mut draft)?;
        }
        let mut world = raw_fork(&draft.snapshot, draft.profile, self.seed)?;
        for (symbol, rate) in draft.funding {
            world.state.market_mut(&symbol)?.funding = rate;
        }
        for (symbol, depth) in draft.depth {
            world.state.market_mut(&symbol)?.depth = Some(depth);
        }
        if let Some(execution) = self.execution {
            world.execution = execution;
        }
        world.rules = self.faults;
        world.sample(Cause::Start);
        Ok(world)
    }
}

impl Draft {
    fn list(&mut self, instrument: Instrument, quote: Quote) {
        let symbol = instrument.symbol.clone();
        self.snapshot.quotes.insert(symbol.clone(), quote);
        self.snapshot.fees.entry(symbol.clone()).or_insert(self.profile.fees);
        let setting = default_setting(&self.profile, &instrument, self.snapshot.as_of);
        self.snapshot.settings.entry(symbol.clone()).or_insert(setting);
        self.snapshot.instruments.insert(symbol, instrument);
    }
}

fn default_setting(profile: &Profile, instrument: &Instrument, now: Timestamp) -> LeverageSetting {
    let leverage = profile.default_leverage.min(instrument.max_leverage());
    let mode = match instrument.margin_modes {
        modes if modes.allows(profile.default_mode) => profile.default_mode,
        modes if modes.allows(MarginMode::Isolated) => MarginMode::Isolated,
        _ => MarginMode::Cross,
    };
    LeverageSetting::both(instrument.symbol.clone(), leverage, mode, now)
}

/// Everything but the distance between the venue's free margin and ours.
fn raw_fork(snapshot: &Snapshot, profile: Profile, seed: u64) -> Result<World, WorldError> {
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
    crate::time::check(&state)?;
    let slippage = evenkeel_types::Decimal::new(DEFAULT_SLIPPAGE.0, DEFAULT_SLIPPAGE.1);
    Ok(World {
        venue: snapshot.venue.clone(),
        account: snapshot.account.clone(),
        position_mode: snapshot.position_mode,
        profile,
        execution: Execution::Slippage(Rate::new(slippage)?),
        latency: std::time::Duration::ZERO,
        now: snapshot.as_of,
        state,
        past: VecDeque::new(),
        rng: Rng::new(seed),
        rules: Vec::new(),
        queued: u64::try_from(queue.len()).unwrap_or(0),
        queue,
        by_id: records.iter().enumerate().filter_map(|(index, r)| Some((r.id?, index))).collect(),
        records,
        fills: Vec::new(),
        withheld: Vec::new(),
        log: Log::new(),
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
fn take_over_orders(state: &mut State, snapshot: &Snapshot) -> Vec<OrderRecord> {
    let mut records = Vec::new();
    for (index, order) in snapshot.open_orders.iter().enumerate() {
        records.push(OrderRecord {
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
        });
        state.book.insert(
            index,
            Resting {
                id: order.id,
                venue_order_id: order.venue_order_id.clone(),
                symbol: order.symbol.clone(),
                side: order.side,
                leg: order.position_side,
                remaining: order.remaining,
                limit: order.limit,
                trigger: order.trigger,
                reduce_only: order.reduce_only,
                kind: order.kind,
                tif: TimeInForce::Gtc,
            },
        );
    }
    records
}

/// The first multiple of `interval` after `now`; `now` itself for an interval below a millisecond.
fn next_multiple(now: Timestamp, interval: std::time::Duration) -> Timestamp {
    let step = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    now.0
        .checked_rem(step)
        .and_then(|since| step.checked_sub(since))
        .and_then(|wait| now.0.checked_add(wait))
        .map_or(now, Timestamp)
}
