//! Worlds from scratch.

use std::collections::BTreeMap;

use evenkeel_types::{
    AccountId, Collateral, FeeRates, Instrument, Instruments, IsolatedMargin, Leverage, LeverageSetting, Lot,
    MarginMode, MarginModes, MarginPool, PoolId, Position, PositionMode, PositionSide, Price, PriceRule, Qty,
    Quote, Rate, Snapshot, Symbol, Tiers, Timestamp, TradingStatus, Usd, VenueId,
};

use crate::error::WorldError;
use crate::faults::FaultRule;
use crate::fork::{default_setting, raw_fork};
use crate::profile::Profile;
use crate::time::{Execution, moved_quote};
use crate::truth::Cause;
use crate::world::World;

/// Where the clock of a world from scratch starts: 2026-01-01T00:00:00Z.
const DEFAULT_START: Timestamp = Timestamp(1_767_225_600_000);

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

    /// Another mark price of a symbol that is listed; bid and ask keep their distance in proportion. Name it before any
    /// position.
    pub fn mark(self, symbol: &str, price: &str) -> Self {
        let (symbol, price) = (symbol.to_owned(), price.to_owned());
        self.step(move |draft| {
            let symbol = Symbol::new(&symbol)?;
            let (before, mark): (Quote, Price) = (*draft.snapshot.quote(&symbol)?, price.parse()?);
            let rule = draft.snapshot.instrument(&symbol)?.price_rule.clone();
            let quote = moved_quote(&rule, before, mark)?;
            draft.snapshot.quotes.insert(symbol, quote);
            Ok(())
        })
    }

    /// The average entry price of the position that was named last.
    pub fn entry(self, price: &str) -> Self {
        let price = price.to_owned();
        self.step(move |draft| {
            let price: Price = price.parse()?;
            if let Some(position) = draft.snapshot.positions.last_mut() {
                position.entry = Some(price);
            }
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
