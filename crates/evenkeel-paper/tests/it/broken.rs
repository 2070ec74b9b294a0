//! Venues with one bug each, made from the paper exchange: the suite must find every one of them.

use async_trait::async_trait;
use evenkeel_conformance::{Setup, Verdict, observe, trade};
use evenkeel_exchange::{
    Abilities, CancelAll, Effect, Error, ErrorKind, FundingPayment, FundingPayments, FundingRate, Observe,
    Operation, OrderRequest, Protective, Quotes, ReadAbilities, Result, StopIntent, StopOrders, StopState,
    StopStatus, Trade, Trigger, leverage_of,
};
use evenkeel_paper::{Conditional, PaperVenue, Profile, profiles};
use evenkeel_types::{
    Capabilities, ClientOrderId, Decimal, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderIntent, OrderKind, OrderState, OrderStatus, Qty, Quote, Rate, Scope, Side, Snapshot, Symbol,
    TimeInForce, Timestamp, Usd, VenueId,
};

use crate::support::{block_on, id, ioc, sym, world};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    AdjustsBackwards,
    AdjustsNothing,
    AnswersLate,
    AnyLeverageIsFine,
    BatchBackwards,
    CancelAllForgets,
    CancelAllMiscounts,
    CancelAllTakesStops,
    CancelsNothing,
    ChangesNothingButSaysSo,
    ClockBackwards,
    CostsTooMuch,
    DropsAnOutcome,
    FeesDiffer,
    FillsOfTheFuture,
    FillsNotMerged,
    FillsPricedBeyond,
    FillsTooSmall,
    FlipsOnReduceOnly,
    GivesPartAsWhole,
    GoneIsAnError,
    HasNothingElse,
    IgnoresReduceOnly,
    InventsOrders,
    InventsSymbols,
    LeavesOutFlatSettings,
    LeavesOutUnknownSettings,
    LeverageChangesMode,
    LeverageOfSnapshotIsOld,
    LeveragesBackwards,
    ModeIgnored,
    NoOpIsAnError,
    OrdersBlockNothing,
    QuotesBackwards,
    RefusesAndDoesItAllTheSame,
    RefusesWithoutProof,
    RestsWhatIsImmediate,
    RoundsLots,
    RoundsTicks,
    ShrinksToTheMargin,
    SmallOrdersGrow,
    StopGoneIsAnError,
    StopsAreForgotten,
    StopsCanAdd,
    TakesReusedIds,
    TakesWithPostOnly,
    WhoPaysReceives,
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

    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        let mut settings = self.good.leverages(symbols).await;
        match self.bug {
            Bug::LeveragesBackwards => settings.reverse(),
            Bug::LeavesOutUnknownSettings => settings.retain(Result::is_ok),
            _ => {}
        }
        settings
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

    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        let since = if self.has(Bug::FillsOfTheFuture) { Timestamp(0) } else { since };
        let mut fills = self.good.fills(symbols, since).await?;
        if self.has(Bug::FillsNotMerged) {
            fills.sort_by_key(|fill| fill.symbol.clone());
        }
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

    fn read_abilities(&self) -> ReadAbilities<'_> {
        let mut abilities = ReadAbilities::none();
        if !self.has(Bug::HasNothingElse) {
            abilities.quotes = Some(self);
            abilities.funding_payments = Some(self);
        }
        abilities
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
        let before = leverage_of(&self.good, symbol).await?;
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

    fn abilities(&self) -> Abilities<'_> {
        let mut abilities = Abilities::none();
        if !self.has(Bug::HasNothingElse) {
            abilities.stop_orders = Some(self);
            abilities.cancel_all = Some(self);
        }
        abilities
    }
}

#[async_trait]
impl Quotes for Broken {
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        let mut quotes = self.good.quotes(symbols).await;
        if self.has(Bug::QuotesBackwards) {
            quotes.reverse();
        }
        quotes
    }
}

#[async_trait]
impl FundingPayments for Broken {
    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        let mut payments = self.good.funding_payments(since).await?;
        for payment in payments.iter_mut().filter(|_| self.has(Bug::WhoPaysReceives)) {
            payment.amount = payment.amount.negated();
        }
        Ok(payments)
    }
}

#[async_trait]
impl StopOrders for Broken {
    async fn place_stops(&self, stops: &[StopIntent]) -> Vec<Result<StopState>> {
        let say =
            |stop: &StopIntent| StopState { id: stop.id, venue_order_id: None, status: StopStatus::Waiting };
        match self.bug {
            Bug::StopsAreForgotten => stops.iter().map(|stop| Ok(say(stop))).collect(),
            Bug::StopsCanAdd => stops
                .iter()
                .map(|stop| {
                    let (Trigger::StopLoss(trigger) | Trigger::TakeProfit(trigger)) = stop.trigger else {
                        return Err(self.refusal(Operation::PlaceStop));
                    };
                    let order = Conditional {
                        id: Some(stop.id),
                        symbol: stop.symbol.clone(),
                        side: stop.side,
                        position_side: stop.position_side,
                        qty: None,
                        trigger,
                        limit: stop.worst,
                        reduce_only: false,
                        kind: OrderKind::StopLoss,
                    };
                    self.good.with(|world| world.place_conditional(&order)).map(|_| say(stop))
                })
                .collect(),
            _ => self.good.place_stops(stops).await,
        }
    }

    async fn stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>> {
        self.good.stop(symbol, id).await
    }

    async fn cancel_stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let waits = self.good.stop(symbol, id).await?.is_some_and(|s| s.status == StopStatus::Waiting);
        if self.has(Bug::StopGoneIsAnError) && !waits {
            return Err(self.refusal(Operation::CancelStop));
        }
        self.good.cancel_stop(symbol, id).await
    }
}

#[async_trait]
impl CancelAll for Broken {
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        match self.bug {
            Bug::CancelAllForgets => {
                let copy = self.good.with(|world| world.clone().cancel_all(symbol, protective));
                copy.map(|count| count.min(2))
            }
            Bug::CancelAllTakesStops => self.good.cancel_all(symbol, Protective::Cancel).await.map(|_| 1),
            Bug::CancelAllMiscounts => self.good.cancel_all(symbol, protective).await.map(|count| count + 1),
            _ => self.good.cancel_all(symbol, protective).await,
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
    finds(hyperliquid(), Bug::LeveragesBackwards, 8);
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
    finds(hyperliquid(), Bug::QuotesBackwards, 70);
    finds(hyperliquid(), Bug::CancelAllForgets, 72);
    finds(hyperliquid(), Bug::CancelAllMiscounts, 72);
    finds(hyperliquid(), Bug::StopsAreForgotten, 73);
    finds(hyperliquid(), Bug::StopsCanAdd, 73);
    finds(binance(), Bug::StopGoneIsAnError, 73);
    finds(hyperliquid(), Bug::CancelAllTakesStops, 74);
    finds(hyperliquid(), Bug::CostsTooMuch, 90);
}

/// An account with a life of its own, which is only read.
#[test]
fn bugs_that_only_a_used_account_shows_are_found() {
    let builder = world(profiles::hyperliquid()).funding("SOL", "0.0001").funding("BTC", "-0.0001");
    let good = PaperVenue::new(builder.build().unwrap());
    for (n, symbol, size, limit) in
        [(1, "SOL", "1", "170"), (2, "BTC", "0.001", "107000"), (3, "SOL", "1", "170")]
    {
        good.with(|world| world.place(&[ioc(n, symbol, Side::Buy, size, limit)])).remove(0).unwrap();
        good.clock().pass(std::time::Duration::from_secs(3600));
    }
    let setup = Setup::new([sym("SOL"), sym("BTC")]);
    let report = block_on(observe(&good, &good.clock(), &setup));
    assert!(report.is_success(), "{report}");
    for (bug, number) in
        [(Bug::FillsNotMerged, 11), (Bug::LeavesOutUnknownSettings, 12), (Bug::WhoPaysReceives, 71)]
    {
        let broken = Broken { good: good.clone(), bug, asked: 0.into() };
        let report = block_on(observe(&broken, &good.clock(), &setup));
        assert_eq!(report.failures().map(|case| case.number).collect::<Vec<_>>(), [number], "{report}");
    }
}

#[test]
fn cases_about_abilities_that_are_not_there_are_skipped() {
    let good = PaperVenue::new(world(profiles::binance()).build().unwrap());
    let broken = Broken { good: good.clone(), bug: Bug::HasNothingElse, asked: 0.into() };
    let report = block_on(trade(&broken, &good.clock(), &Setup::new([sym("SOL"), sym("BTC")])));
    assert!(report.is_success(), "{report}");
    let skipped = report.cases.iter().filter(|case| matches!(case.verdict, Verdict::Skipped(_)));
    assert_eq!(skipped.map(|case| case.number).collect::<Vec<_>>(), [70, 71, 72, 73, 74], "{report}");
}
