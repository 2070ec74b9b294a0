//! Add a venue: the two traits for an exchange of your own, held to the conformance suite.
//!
//! The venue here is a toy with its own little book, so that nothing hides in a library: one net position per symbol,
//! cross margin, no fees, orders that trade at the mark or rest. A connector has the same shape, with requests to the
//! venue where this one has a `Mutex`.
//!
//! ```text
//! cargo run --example custom_venue
//! ```
//!
//! It prints the suite's table, and ends with status 1 if a case failed. Break something below and watch it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_conformance::Setup;
use evenkeel_exchange::{
    Abilities, Clock, Error, ErrorKind, FundingRate, Observe, Operation, OrderRequest, ReadAbilities, Result,
    Trade,
};
use evenkeel_types::{
    AccountId, Acknowledgement, Capabilities, ClientOrderId, Collateral, Decimal, FeeRates, Fill, Instrument,
    Instruments, Leverage, LeverageSetting, Lot, MarginMode, MarginModes, MarginPool, MinNotionalRule,
    NumberError, OpenOrder, OrderIntent, OrderKind, OrderState, OrderStatus, PoolId, Position, PositionMode,
    PositionSide, Price, PriceRule, Qty, Quote, Rate, ReduceOnlyRule, Scope, Side, Snapshot, Symbol, Tiers,
    TimeInForce, Timestamp, TradingStatus, Usd, VenueId, WithPosition,
};

type Setback = Box<dyn std::error::Error>;

/// Step 1: what the venue lets one do, as data. Start from `cautious()`, under which everything is forbidden and
/// nothing proves anything, and allow only what the venue documents or you measured. The suite holds you to it.
fn capabilities() -> Capabilities {
    Capabilities {
        raise_with_position: WithPosition { cross: true, isolated: false },
        lower_cross_with_position: true,
        orders_block_leverage: false,
        acknowledgement: Acknowledgement::Synchronous,
        min_notional: MinNotionalRule::FullCloseExempt,
        reduce_only: ReduceOnlyRule::Clamps,
        ..Capabilities::cautious()
    }
}

/// Step 2: the venue's own data. A connector keeps a transport and credentials here instead.
#[derive(Debug)]
struct Toy {
    venue: VenueId,
    capabilities: Capabilities,
    instruments: Instruments,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    cash: Usd,
    mark: Price,
    held: BTreeMap<Symbol, (Qty, Price)>,
    leverage: BTreeMap<Symbol, Leverage>,
    orders: Vec<(OrderIntent, OrderState)>,
    fills: Vec<Fill>,
    now: Timestamp,
}

impl Toy {
    fn new(symbol: &Symbol) -> std::result::Result<Self, Setback> {
        let max = Leverage::new(10)?;
        let instrument = Instrument {
            symbol: symbol.clone(),
            pool: PoolId(Symbol::new("USD")?),
            price_rule: PriceRule::Tick("0.01".parse()?),
            lot: Lot::decimals(3)?,
            min_qty: None,
            max_qty: None,
            min_notional: Some(Usd::new(10)?),
            leverage_step: Decimal::ONE,
            tiers: Tiers::flat(max, "0.05".parse()?)?,
            liquidation_fee: Rate::ZERO,
            margin_modes: MarginModes::CrossOnly,
            status: TradingStatus::Trading,
            funding_interval: None,
        };
        let book = Book {
            cash: Usd::new(500)?,
            mark: "166.4".parse()?,
            held: BTreeMap::new(),
            leverage: BTreeMap::from([(symbol.clone(), Leverage::new(3)?)]),
            orders: Vec::new(),
            fills: Vec::new(),
            now: Timestamp(1_767_225_600_000),
        };
        Ok(Self {
            venue: VenueId::new("toy")?,
            capabilities: capabilities(),
            instruments: Instruments::from([(symbol.clone(), instrument)]),
            book: Mutex::new(book),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Step 3: errors. `not_applied` only with positive evidence that nothing happened: here the venue itself says no.
    /// A connector answers `Error::unknown` for a timeout, a reset, a 5xx and every code that is not on its list.
    fn no(&self, kind: ErrorKind, operation: Operation, why: &str) -> Error {
        Error::not_applied(kind, self.venue.clone(), operation, why)
    }

    fn overflow(&self, operation: Operation) -> impl Fn(NumberError) -> Error + '_ {
        move |error| self.no(ErrorKind::Invalid, operation, &error.to_string())
    }

    fn known(&self, symbol: &Symbol, operation: Operation) -> Result<&Instrument> {
        self.instruments.get(symbol).ok_or_else(|| self.no(ErrorKind::NotFound, operation, "no such symbol"))
    }

    /// One order: refused, or traded at the mark, or resting.
    fn take(&self, intent: &OrderIntent) -> Result<OrderState> {
        let no = |kind, why| Err(self.no(kind, Operation::Place, why));
        let instrument = self.known(&intent.symbol, Operation::Place)?;
        let mut book = self.book();
        let held = book.held.get(&intent.symbol).map_or(Qty::ZERO, |held| held.0);
        let closing = Side::closing(held) == Some(intent.side);
        if !instrument.lot.divides(intent.qty) || !instrument.price_rule.accepts(intent.limit) {
            return no(ErrorKind::Invalid, "lot or tick");
        }
        let value = intent.limit.value(intent.qty).map_err(self.overflow(Operation::Place))?;
        let whole = closing && intent.qty >= held.abs();
        if !whole && instrument.min_notional.is_some_and(|least| value < least) {
            return no(ErrorKind::Invalid, "below the minimum");
        }
        if intent.reduce_only && !closing {
            return no(ErrorKind::ReduceOnly, "there is nothing to reduce");
        }
        let crosses = match intent.side {
            Side::Buy => intent.limit >= book.mark,
            Side::Sell => intent.limit <= book.mark,
        };
        match (intent.tif, crosses) {
            (TimeInForce::PostOnly, true) => return no(ErrorKind::Rejected, "it would have traded"),
            (TimeInForce::Ioc, false) => return no(ErrorKind::NoLiquidity, "nothing within the limit"),
            _ => {}
        }
        // Reduce-only clamps: it can close the position and never flip it.
        let qty = if intent.reduce_only { intent.qty.min(held.abs()) } else { intent.qty };
        let grows = !(closing && qty <= held.abs());
        if grows
            && self.free(&book, Some((intent, qty))).map_err(self.overflow(Operation::Place))? < Usd::ZERO
        {
            return no(ErrorKind::InsufficientMargin, "not enough free margin");
        }
        let state = OrderState {
            id: intent.id,
            venue_order_id: Some(format!("toy-{}", book.orders.len())),
            symbol: intent.symbol.clone(),
            side: intent.side,
            qty: intent.qty,
            filled: if crosses { qty } else { Qty::ZERO },
            average_price: crosses.then_some(book.mark),
            fee: crosses.then_some(Usd::ZERO),
            status: match crosses {
                false => OrderStatus::Open,
                true if qty == intent.qty => OrderStatus::Filled,
                true => OrderStatus::Cancelled,
            },
        };
        if crosses {
            book.trade(intent, qty).map_err(self.overflow(Operation::Place))?;
        }
        book.orders.push((intent.clone(), state.clone()));
        Ok(state)
    }

    /// Equity less initial margin of positions and resting orders, and of one order more.
    fn free(&self, book: &Book, more: Option<(&OrderIntent, Qty)>) -> std::result::Result<Usd, NumberError> {
        let mut free = book.equity()?;
        let margin = |symbol: &Symbol, value: Usd| {
            book.leverage.get(symbol).copied().unwrap_or(Leverage::ONE).margin(value)
        };
        for (symbol, (qty, _)) in &book.held {
            free = free.minus(margin(symbol, book.mark.value(*qty)?)?)?;
        }
        let resting = book.orders.iter().filter(|(_, state)| state.status == OrderStatus::Open);
        for (intent, qty) in resting.map(|(intent, _)| (intent, intent.qty)).chain(more) {
            free = free.minus(margin(&intent.symbol, intent.limit.max(book.mark).value(qty)?)?)?;
        }
        Ok(free)
    }

    fn setting(&self, book: &Book, symbol: &Symbol) -> LeverageSetting {
        let leverage = book.leverage.get(symbol).copied().unwrap_or(Leverage::ONE);
        LeverageSetting::both(symbol.clone(), leverage, MarginMode::Cross, book.now)
    }

    fn cancel_where(&self, meant: impl Fn(&OrderState) -> bool) {
        for (_, state) in &mut self.book().orders {
            if state.status == OrderStatus::Open && meant(state) {
                state.status = OrderStatus::Cancelled;
            }
        }
    }
}

impl Book {
    fn equity(&self) -> std::result::Result<Usd, NumberError> {
        self.held.values().try_fold(self.cash, |sum, (qty, entry)| {
            sum.plus(self.mark.value(*qty)?.minus(entry.value(*qty)?)?)
        })
    }

    /// A trade at the mark. Profit is settled to cash on every one, so that the entry is the mark afterwards.
    fn trade(&mut self, intent: &OrderIntent, qty: Qty) -> std::result::Result<(), NumberError> {
        self.cash = self.equity()?;
        let before = self.held.remove(&intent.symbol).map_or(Qty::ZERO, |held| held.0);
        let after = before.plus(intent.side.signed(qty))?;
        if !after.is_zero() {
            self.held.insert(intent.symbol.clone(), (after, self.mark));
        }
        self.fills.push(Fill {
            trade_id: self.fills.len().to_string(),
            order: Some(intent.id),
            symbol: intent.symbol.clone(),
            side: intent.side,
            qty,
            price: self.mark,
            fee: Usd::ZERO,
            time: self.now,
        });
        Ok(())
    }
}

/// Step 4: reading. Everything in a snapshot is what the venue says now; what it does not say is `None`, never zero.
#[async_trait]
impl Observe for Toy {
    fn venue(&self) -> &VenueId {
        &self.venue
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn server_time(&self) -> Result<Timestamp> {
        Ok(self.book().now)
    }

    async fn instruments(&self) -> Result<Instruments> {
        Ok(self.instruments.clone())
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        for symbol in &scope.symbols {
            self.known(symbol, Operation::Snapshot)?;
        }
        let book = self.book();
        let overflow = self.overflow(Operation::Snapshot);
        let name = |error: evenkeel_types::IdError| {
            self.no(ErrorKind::Decode, Operation::Snapshot, &error.to_string())
        };
        let symbols = || scope.symbols.iter().chain(book.held.keys()).cloned();
        let quote = Quote { mark: book.mark, bid: None, ask: None };
        let resting = book.orders.iter().filter(|(_, state)| state.status == OrderStatus::Open);
        Ok(Snapshot {
            venue: self.venue.clone(),
            account: AccountId::new("me").map_err(name)?,
            as_of: book.now,
            capabilities: self.capabilities.clone(),
            position_mode: PositionMode::OneWay,
            pools: vec![MarginPool {
                id: PoolId(Symbol::new("USD").map_err(name)?),
                collateral: Collateral::new("USD").map_err(name)?,
                equity: book.equity().map_err(&overflow)?,
                free: self.free(&book, None).map_err(&overflow)?.max(Usd::ZERO),
                withdrawable: None,
                transferable: None,
            }],
            positions: book
                .held
                .iter()
                .map(|(symbol, (qty, entry))| Position {
                    symbol: symbol.clone(),
                    side: PositionSide::Net,
                    qty: *qty,
                    entry: Some(*entry),
                    mode: MarginMode::Cross,
                    leverage: self.setting(&book, symbol).long,
                    isolated: None,
                    max_leverage: None,
                    liquidation_price: None,
                })
                .collect(),
            settings: symbols().map(|symbol| (symbol.clone(), self.setting(&book, &symbol))).collect(),
            quotes: symbols().map(|symbol| (symbol, quote)).collect(),
            instruments: self.instruments.clone(),
            fees: symbols()
                .map(|symbol| (symbol, FeeRates { maker: Rate::ZERO, taker: Rate::ZERO }))
                .collect(),
            open_orders: resting
                .map(|(intent, state)| OpenOrder {
                    id: Some(intent.id),
                    venue_order_id: state.venue_order_id.clone().unwrap_or_default(),
                    symbol: intent.symbol.clone(),
                    side: intent.side,
                    position_side: PositionSide::Net,
                    remaining: Some(intent.qty),
                    limit: Some(intent.limit),
                    trigger: None,
                    reduce_only: intent.reduce_only,
                    kind: OrderKind::Limit,
                })
                .collect(),
        })
    }

    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        let book = self.book();
        let read = |symbol| self.known(symbol, Operation::Leverage).map(|_| self.setting(&book, symbol));
        symbols.iter().map(read).collect()
    }

    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        let book = self.book();
        let found = book.orders.iter().rev().find(|(_, state)| state.id == *id && state.symbol == *symbol);
        Ok(found.map(|(_, state)| state.clone()))
    }

    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        let wanted = |fill: &&Fill| symbols.contains(&fill.symbol) && fill.time >= since;
        Ok(self.book().fills.iter().filter(wanted).cloned().collect())
    }

    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        self.known(symbol, Operation::Funding)?;
        let interval = Duration::from_secs(8 * 3600);
        Ok(FundingRate {
            symbol: symbol.clone(),
            rate: Rate::ZERO,
            interval,
            next: self.book().now.after(interval),
        })
    }

    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        self.known(symbol, Operation::Fees)?;
        Ok(FeeRates { maker: Rate::ZERO, taker: Rate::ZERO })
    }

    /// What the venue has beyond these calls goes here, each as a trait of its own.
    fn read_abilities(&self) -> ReadAbilities<'_> {
        ReadAbilities::none()
    }
}

/// Step 5: writing. No retries here, ever: only the executor may send something again, and only with proof.
#[async_trait]
impl Trade for Toy {
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        orders.iter().map(|order| self.take(order.intent())).collect()
    }

    async fn cancel(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        self.cancel_where(|state| state.id == *id && state.symbol == *symbol);
        Ok(())
    }

    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        self.cancel_where(|state| {
            state.venue_order_id.as_deref() == Some(venue_order_id) && state.symbol == *symbol
        });
        Ok(())
    }

    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        let operation = Operation::SetLeverage;
        let instrument = self.known(symbol, operation)?;
        if leverage > instrument.max_leverage() || !leverage.fits(instrument.leverage_step) {
            return Err(self.no(ErrorKind::LeverageRefused, operation, "leverage must be 1 to 10, whole"));
        }
        let mut book = self.book();
        let before = book.leverage.insert(symbol.clone(), leverage);
        if self.free(&book, None).map_err(self.overflow(operation))? < Usd::ZERO {
            book.leverage.extend(before.map(|before| (symbol.clone(), before)));
            return Err(self.no(ErrorKind::InsufficientMargin, operation, "not enough free margin"));
        }
        Ok(())
    }

    async fn set_margin_mode(&self, symbol: &Symbol, _mode: MarginMode) -> Result<()> {
        self.known(symbol, Operation::SetMarginMode)?;
        Err(self.no(ErrorKind::NotSupported, Operation::SetMarginMode, "there is only cross margin"))
    }

    async fn adjust_margin(&self, symbol: &Symbol, _delta: Usd) -> Result<()> {
        self.known(symbol, Operation::AdjustMargin)?;
        Err(self.no(ErrorKind::NotSupported, Operation::AdjustMargin, "there is only cross margin"))
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none()
    }
}

/// The toy's time passes when somebody waits for it. A connector takes `SystemClock`.
#[async_trait]
impl Clock for Toy {
    fn now(&self) -> Timestamp {
        self.book().now
    }

    async fn sleep(&self, wait: Duration) {
        let mut book = self.book();
        book.now = book.now.after(wait);
    }
}

/// Step 6: the suite.
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<ExitCode, Setback> {
    let symbol = Symbol::new("SOL")?;
    let toy = Toy::new(&symbol)?;
    let report = evenkeel_conformance::trade(&toy, &toy, &Setup::new([symbol])).await;
    #[allow(clippy::print_stdout)]
    {
        println!("{report}");
    }
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
