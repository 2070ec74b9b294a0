//! Venues with one bug each, made from the paper exchange: the suite must find every one of them.

use async_trait::async_trait;
use evenkeel_conformance::{Setup, trade};
use evenkeel_exchange::{
    Effect, Error, ErrorKind, FundingRate, Observe, Operation, OrderRequest, Result, Trade,
};
use evenkeel_paper::{PaperVenue, Profile, profiles};
use evenkeel_types::{
    Capabilities, ClientOrderId, Decimal, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderIntent, OrderState, OrderStatus, Qty, Rate, Scope, Snapshot, Symbol, TimeInForce, Timestamp, Usd,
    VenueId,
};

use crate::support::{block_on, id, sym, world};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    AdjustsBackwards,
    AdjustsNothing,
    AnswersLate,
    AnyLeverageIsFine,
    BatchBackwards,
    CancelsNothing,
    ChangesNothingButSaysSo,
    ClockBackwards,
    CostsTooMuch,
    DropsAnOutcome,
    FeesDiffer,
    FillsOfTheFuture,
    FillsPricedBeyond,
    FillsTooSmall,
    FlipsOnReduceOnly,
    GivesPartAsWhole,
    GoneIsAnError,
    IgnoresReduceOnly,
    InventsOrders,
    InventsSymbols,
    LeavesOutFlatSettings,
    LeverageChangesMode,
    LeverageOfSnapshotIsOld,
    ModeIgnored,
    NoOpIsAnError,
    OrdersBlockNothing,
    RefusesAndDoesItAllTheSame,
    RefusesWithoutProof,
    RestsWhatIsImmediate,
    RoundsLots,
    RoundsTicks,
    ShrinksToTheMargin,
    SmallOrdersGrow,
    TakesReusedIds,
    TakesWithPostOnly,
    WrongOrderId,
}

#[derive(Debug)]
struct Broken {
    good: PaperVenue,
    bug: Bug,
    asked: std::sync::atomic::AtomicU64,
}

impl Broken {
    fn has(&self, bug: Bug) -> bool {
        self.bug == bug
    }

    fn count(&self) -> u64 {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }

    fn refusal(&self, operation: Operation) -> Error {
        Error::not_applied(ErrorKind::Rejected, self.good.venue().clone(), operation, "no")
    }

    /// What the venue really places instead.
    async fn twisted(&self, mut intent: OrderIntent) -> OrderIntent {
        let snapshot = self.good.snapshot(&Scope::of([intent.symbol.clone()])).await.unwrap();
        let instrument = snapshot.instrument(&intent.symbol).unwrap();
        let twice = |q: Qty| q.times(Decimal::TWO).unwrap();
        match self.bug {
            Bug::FlipsOnReduceOnly if intent.qty > snapshot.qty(&intent.symbol).abs() => {
                intent.reduce_only = false;
            }
            Bug::IgnoresReduceOnly => intent.reduce_only = false,
            Bug::RestsWhatIsImmediate if !intent.reduce_only => intent.tif = TimeInForce::Gtc,
            Bug::TakesWithPostOnly if intent.tif == TimeInForce::PostOnly => intent.tif = TimeInForce::Ioc,
            Bug::RoundsLots | Bug::RefusesAndDoesItAllTheSame => {
                intent.qty = instrument.lot.toward_zero(intent.qty).unwrap();
            }
            Bug::RoundsTicks => {
                intent.limit =
                    instrument.price_rule.round(intent.limit, evenkeel_types::Round::Down).unwrap();
            }
            Bug::SmallOrdersGrow => {
                let least = instrument.min_notional.unwrap();
                if intent.limit.value(intent.qty).unwrap() < least {
                    intent.qty = twice(twice(intent.qty));
                }
            }
            Bug::ShrinksToTheMargin if intent.limit.value(intent.qty).unwrap() > Usd::new(900).unwrap() => {
                intent.qty = Qty::new(1).unwrap();
            }
            Bug::TakesReusedIds => intent.id = id(1_000_000 + self.count()),
            _ => {}
        }
        intent
    }

    fn doctored(&self, ordered: &OrderIntent, outcome: Result<OrderState>) -> Result<OrderState> {
        let mut state = match outcome {
            Ok(state) => state,
            Err(error) if self.has(Bug::RefusesWithoutProof) => {
                return Err(Error::unknown(
                    ErrorKind::Unclassified,
                    self.good.venue().clone(),
                    error.operation(),
                    "hm",
                ));
            }
            Err(error) => return Err(error),
        };
        (state.id, state.qty) = (ordered.id, ordered.qty);
        match self.bug {
            Bug::WrongOrderId => state.id = id(7),
            Bug::AnswersLate => {
                (state.filled, state.status) = (Qty::ZERO, OrderStatus::Acknowledged);
            }
            Bug::GivesPartAsWhole if state.filled.is_positive() => {
                (state.filled, state.status) = (state.qty, OrderStatus::Filled);
            }
            // SOL comes in thousandths: this is the size that the suite broke on purpose.
            Bug::RefusesAndDoesItAllTheSame if ordered.qty.get().normalize().scale() > 3 => {
                return Err(self.refusal(Operation::Place));
            }
            _ => {}
        }
        Ok(state)
    }
}

fn usd(n: u32) -> Usd {
    Usd::new(n).unwrap()
}

#[async_trait]
impl Observe for Broken {
    fn venue(&self) -> &VenueId {
        self.good.venue()
    }

    fn capabilities(&self) -> &Capabilities {
        self.good.capabilities()
    }

    async fn server_time(&self) -> Result<Timestamp> {
        let time = self.good.server_time().await?;
        if self.has(Bug::ClockBackwards) { Ok(Timestamp(time.0 - self.count())) } else { Ok(time) }
    }

    async fn instruments(&self) -> Result<Instruments> {
        self.good.instruments().await
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        if self.has(Bug::InventsSymbols) {
            let known = scope.symbols.iter().filter(|symbol| symbol.as_str().len() < 5).cloned();
            return self.good.snapshot(&Scope::of(known)).await;
        }
        let mut snapshot = self.good.snapshot(scope).await?;
        match self.bug {
            Bug::LeavesOutFlatSettings => {
                let held: Vec<Symbol> = snapshot.positions.iter().map(|p| p.symbol.clone()).collect();
                snapshot.settings.retain(|symbol, _| held.contains(symbol));
            }
            Bug::LeverageOfSnapshotIsOld => {
                let old = Leverage::new(7).unwrap();
                for setting in snapshot.settings.values_mut() {
                    (setting.long, setting.short) = (old, old);
                }
                for position in &mut snapshot.positions {
                    position.leverage = old;
                }
            }
            Bug::CostsTooMuch => {
                let turnover = self.good.with(|world| world.all_fills().len());
                for pool in &mut snapshot.pools {
                    pool.equity = pool.equity.minus(usd(u32::try_from(turnover).unwrap())).unwrap();
                }
            }
            _ => {}
        }
        Ok(snapshot)
    }

    async fn leverage(&self, symbol: &Symbol) -> Result<LeverageSetting> {
        self.good.leverage(symbol).await
    }

    async fn order(&self, symbol: &Symbol, order: &ClientOrderId) -> Result<Option<OrderState>> {
        let found = self.good.order(symbol, order).await?;
        if self.has(Bug::InventsOrders) && found.is_none() {
            return Ok(Some(OrderState {
                id: *order,
                venue_order_id: None,
                symbol: symbol.clone(),
                side: evenkeel_types::Side::Buy,
                qty: Qty::new(1).unwrap(),
                filled: Qty::ZERO,
                average_price: None,
                fee: None,
                status: OrderStatus::Cancelled,
            }));
        }
        if self.has(Bug::AnswersLate) {
            return Ok(None);
        }
        Ok(found)
    }

    async fn fills(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<Fill>> {
        let since = if self.has(Bug::FillsOfTheFuture) { Timestamp(0) } else { since };
        let mut fills = self.good.fills(symbol, since).await?;
        for fill in &mut fills {
            match self.bug {
                Bug::FillsTooSmall => fill.qty = fill.qty.times(Decimal::new(5, 1)).unwrap(),
                Bug::FillsPricedBeyond => {
                    let factor = if fill.side == evenkeel_types::Side::Buy { 15 } else { 5 };
                    let price = fill.price.get() * Decimal::new(factor, 1);
                    fill.price = evenkeel_types::Price::new(price).unwrap();
                }
                _ => {}
            }
        }
        Ok(fills)
    }

    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        self.good.funding(symbol).await
    }

    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        let mut fees = self.good.fees(symbol).await?;
        if self.has(Bug::FeesDiffer) {
            fees.taker = Rate::new(Decimal::new(1, 3)).unwrap();
        }
        Ok(fees)
    }
}

#[async_trait]
impl Trade for Broken {
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        let mut outcomes = Vec::new();
        for order in orders {
            let real = self.twisted(order.intent().clone()).await;
            let request = OrderRequest::danger_without_proof(real).unwrap();
            let outcome = self.good.place(&[request]).await.remove(0);
            outcomes.push(self.doctored(order.intent(), outcome));
        }
        if self.has(Bug::BatchBackwards) {
            outcomes.reverse();
        }
        if self.has(Bug::DropsAnOutcome) && outcomes.len() > 1 {
            outcomes.retain(Result::is_ok);
        }
        outcomes
    }

    async fn cancel(&self, symbol: &Symbol, order: &ClientOrderId) -> Result<()> {
        if self.has(Bug::CancelsNothing) {
            return Ok(());
        }
        let over = self.good.order(symbol, order).await?.is_none_or(|o| o.status.is_terminal());
        if self.has(Bug::GoneIsAnError) && over {
            return Err(self.refusal(Operation::Cancel));
        }
        self.good.cancel(symbol, order).await
    }

    async fn cancel_by_venue_id(&self, symbol: &Symbol, order: &str) -> Result<()> {
        self.good.cancel_by_venue_id(symbol, order).await
    }

    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        let before = self.good.leverage(symbol).await?;
        match self.bug {
            Bug::ChangesNothingButSaysSo => return Ok(()),
            Bug::NoOpIsAnError if before.is(leverage) => return Err(self.refusal(Operation::SetLeverage)),
            Bug::AnyLeverageIsFine => {
                let max = self.good.instruments().await?[symbol].max_leverage();
                return self.good.set_leverage(symbol, leverage.min(max)).await;
            }
            Bug::OrdersBlockNothing => {
                let open = self.good.snapshot(&Scope::default()).await?.open_orders;
                for order in open {
                    self.good.cancel_by_venue_id(&order.symbol, &order.venue_order_id).await?;
                }
            }
            Bug::LeverageChangesMode => {
                let _switched = self.good.set_margin_mode(symbol, MarginMode::Cross).await;
            }
            _ => {}
        }
        let answer = self.good.set_leverage(symbol, leverage).await;
        match answer {
            Err(error) if self.has(Bug::RefusesWithoutProof) => {
                assert_eq!(error.effect(), Effect::NotApplied);
                Err(Error::unknown(ErrorKind::Timeout, self.venue().clone(), error.operation(), "hm"))
            }
            answer => answer,
        }
    }

    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        if self.has(Bug::ModeIgnored) { Ok(()) } else { self.good.set_margin_mode(symbol, mode).await }
    }

    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()> {
        match self.bug {
            Bug::AdjustsNothing => Ok(()),
            Bug::AdjustsBackwards => self.good.adjust_margin(symbol, delta.negated()).await,
            _ => self.good.adjust_margin(symbol, delta).await,
        }
    }
}

/// The suite finds the bug, in the case that is about it.
fn finds(profile: Profile, bug: Bug, number: u32) {
    let built =
        if bug == Bug::GivesPartAsWhole { world(profile).depth("SOL", "0.1") } else { world(profile) };
    let good = PaperVenue::new(built.build().unwrap());
    let broken = Broken { good: good.clone(), bug, asked: 0.into() };
    let setup = Setup::new([sym("SOL"), sym("BTC")]);
    let report = block_on(trade(&broken, &good.clock(), &setup));
    assert!(!report.is_success(), "{bug:?} was not found");
    let failed: Vec<u32> = report.failures().map(|case| case.number).collect();
    assert!(failed.contains(&number), "{bug:?} was found in {failed:?} instead of {number}:\n{report}");
}

#[test]
fn every_bug_is_found_where_it_belongs() {
    use profiles::{binance, bingx, hyperliquid};
    finds(hyperliquid(), Bug::LeavesOutFlatSettings, 1);
    finds(hyperliquid(), Bug::ClockBackwards, 3);
    finds(hyperliquid(), Bug::InventsOrders, 7);
    finds(hyperliquid(), Bug::LeverageOfSnapshotIsOld, 8);
    finds(hyperliquid(), Bug::FeesDiffer, 9);
    finds(hyperliquid(), Bug::FillsOfTheFuture, 89);
    finds(hyperliquid(), Bug::InventsSymbols, 12);
    finds(hyperliquid(), Bug::ChangesNothingButSaysSo, 21);
    finds(hyperliquid(), Bug::NoOpIsAnError, 22);
    finds(hyperliquid(), Bug::AnyLeverageIsFine, 23);
    finds(hyperliquid(), Bug::RefusesWithoutProof, 23);
    finds(hyperliquid(), Bug::ModeIgnored, 25);
    finds(hyperliquid(), Bug::SmallOrdersGrow, 30);
    finds(hyperliquid(), Bug::RoundsLots, 31);
    finds(hyperliquid(), Bug::RoundsTicks, 32);
    finds(hyperliquid(), Bug::ShrinksToTheMargin, 33);
    finds(hyperliquid(), Bug::IgnoresReduceOnly, 34);
    finds(hyperliquid(), Bug::RestsWhatIsImmediate, 35);
    finds(hyperliquid(), Bug::CancelsNothing, 36);
    finds(hyperliquid(), Bug::GoneIsAnError, 36);
    finds(hyperliquid(), Bug::TakesWithPostOnly, 38);
    finds(bingx(), Bug::TakesReusedIds, 39);
    finds(hyperliquid(), Bug::BatchBackwards, 40);
    finds(hyperliquid(), Bug::DropsAnOutcome, 40);
    finds(hyperliquid(), Bug::OrdersBlockNothing, 41);
    finds(hyperliquid(), Bug::LeverageChangesMode, 50);
    finds(hyperliquid(), Bug::FillsTooSmall, 51);
    finds(hyperliquid(), Bug::FillsPricedBeyond, 51);
    finds(hyperliquid(), Bug::WrongOrderId, 51);
    finds(hyperliquid(), Bug::AnswersLate, 51);
    finds(hyperliquid(), Bug::RefusesAndDoesItAllTheSame, 31);
    finds(hyperliquid(), Bug::FlipsOnReduceOnly, 55);
    finds(hyperliquid(), Bug::GivesPartAsWhole, 57);
    finds(hyperliquid(), Bug::AdjustsNothing, 65);
    finds(binance(), Bug::AdjustsBackwards, 65);
    finds(hyperliquid(), Bug::CostsTooMuch, 90);
}
