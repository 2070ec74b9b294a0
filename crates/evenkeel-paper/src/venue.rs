//! The world behind the traits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::{
    Abilities, CancelAll, Clock, FundingPayment, FundingPayments, FundingRate, Observe, OrderRequest,
    Protective, Quotes, ReadAbilities, Result, StopIntent, StopOrders, StopState, Trade,
};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderIntent, OrderState, Quote, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};

use crate::error::WorldError;
use crate::profile::Profile;
use crate::truth::Truth;
use crate::world::World;

/// A [`World`] as a venue: implements [`Observe`] and [`Trade`], and has prices, funding payments, stop orders and
/// cancelling everything as abilities. Clones are the same account.
///
/// Calls answer at once; time passes when its [`PaperClock`] sleeps, or by hand.
#[derive(Debug, Clone)]
pub struct PaperVenue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    venue: VenueId,
    capabilities: Capabilities,
    world: Mutex<World>,
}

impl PaperVenue {
    /// Puts a world behind the traits.
    #[must_use]
    pub fn new(world: World) -> Self {
        let inner = Inner {
            venue: world.venue.clone(),
            capabilities: world.profile.capabilities.clone(),
            world: Mutex::new(world),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A venue that continues from a snapshot; see [`World::fork`].
    ///
    /// # Errors
    /// As [`World::fork`].
    pub fn fork(snapshot: &Snapshot, profile: &Profile, seed: u64) -> std::result::Result<Self, WorldError> {
        World::fork(snapshot, profile, seed).map(Self::new)
    }

    /// Does something with the world: faults, prices, money, questions about the truth.
    ///
    /// ```
    /// # use evenkeel_paper::{PaperVenue, World, profiles};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let world = World::builder(profiles::binance()).cash("USDT", "100").market("SOL", "166", 2, 50).build()?;
    /// let venue = PaperVenue::new(world);
    /// let sol = "SOL".parse()?;
    /// venue.with(|world| world.set_mark(&sol, "170".parse().unwrap()))?;
    /// assert_eq!(venue.with(|world| world.orders().len()), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        // The world replaces its state whole, so a poisoned lock still guards a consistent one.
        act(&mut self.inner.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The clock on this world's time.
    #[must_use]
    pub fn clock(&self) -> PaperClock {
        PaperClock { venues: vec![self.clone()] }
    }

    /// A copy of everything that really happened.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.with(|world| world.truth())
    }
}

/// Virtual time: sleeping lets it pass, for every world that it belongs to, and returns at once.
#[derive(Debug, Clone)]
pub struct PaperClock {
    venues: Vec<PaperVenue>,
}

impl PaperClock {
    /// One clock for several worlds. The ones that are behind are brought to the time of the one that is ahead.
    #[must_use]
    pub fn joint(venues: impl IntoIterator<Item = PaperVenue>) -> Self {
        let clock = Self { venues: venues.into_iter().collect() };
        clock.pass(Duration::ZERO);
        clock
    }

    /// Lets time pass; what [`Clock::sleep`] does, without a future.
    pub fn pass(&self, wait: Duration) {
        let until = self.now().after(wait);
        for venue in &self.venues {
            venue.with(|world| world.advance_to(until));
        }
    }
}

#[async_trait]
impl Clock for PaperClock {
    fn now(&self) -> Timestamp {
        self.venues.iter().map(|venue| venue.with(|world| world.now())).max().unwrap_or(Timestamp(0))
    }

    async fn sleep(&self, wait: Duration) {
        self.pass(wait);
    }
}

#[async_trait]
impl Observe for PaperVenue {
    fn venue(&self) -> &VenueId {
        &self.inner.venue
    }

    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    async fn server_time(&self) -> Result<Timestamp> {
        self.with(World::server_time)
    }

    async fn instruments(&self) -> Result<Instruments> {
        self.with(World::instruments)
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        self.with(|world| world.snapshot(scope))
    }

    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        self.with(|world| world.leverages(symbols))
    }

    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        self.with(|world| world.order(symbol, id))
    }

    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        self.with(|world| world.fills_of(symbols, since))
    }

    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        self.with(|world| world.funding(symbol))
    }

    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        self.with(|world| world.fees(symbol))
    }

    fn read_abilities(&self) -> ReadAbilities<'_> {
        let mut abilities = ReadAbilities::none();
        abilities.quotes = Some(self);
        abilities.funding_payments = Some(self);
        abilities
    }
}

#[async_trait]
impl Trade for PaperVenue {
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        let intents: Vec<OrderIntent> = orders.iter().map(|order| order.intent().clone()).collect();
        self.with(|world| world.place(&intents))
    }

    async fn cancel(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        self.with(|world| world.cancel(symbol, id))
    }

    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        self.with(|world| world.cancel_by_venue_id(symbol, venue_order_id))
    }

    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        self.with(|world| world.set_leverage(symbol, leverage))
    }

    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        self.with(|world| world.set_margin_mode(symbol, mode))
    }

    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()> {
        self.with(|world| world.adjust_margin(symbol, delta))
    }

    fn abilities(&self) -> Abilities<'_> {
        let mut abilities = Abilities::none();
        abilities.stop_orders = Some(self);
        abilities.cancel_all = Some(self);
        abilities
    }
}

#[async_trait]
impl Quotes for PaperVenue {
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        self.with(|world| world.quotes(symbols))
    }
}

#[async_trait]
impl FundingPayments for PaperVenue {
    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        self.with(|world| world.funding_payments(since))
    }
}

#[async_trait]
impl StopOrders for PaperVenue {
    async fn place_stops(&self, stops: &[StopIntent]) -> Vec<Result<StopState>> {
        self.with(|world| world.place_stops(stops))
    }

    async fn stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>> {
        self.with(|world| world.stop(symbol, id))
    }

    async fn cancel_stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        self.with(|world| world.cancel_stop(symbol, id))
    }
}

#[async_trait]
impl CancelAll for PaperVenue {
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        self.with(|world| world.cancel_all(symbol, protective))
    }
}
