//! The Bybit connector against the local venue: the whole conformance suite, and whole rebalances with and without an
//! unreliable line. What happened is read from the paper exchange's own ledger, never from answers.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_bybit::{Bybit, Credentials, Environment};
use evenkeel_conformance::{Case, Setup, Verdict, trade};
use evenkeel_exchange::{Cancel, Clock, Trade as _, async_trait};
use evenkeel_executor::{Event, Outcome, Report, execute, preview};
use evenkeel_localnet::bybit::{AccountSpec, Builder, Server};
use evenkeel_localnet::{Fault, FaultRule, Heard, Localnet, ManualClock};
use evenkeel_paper::{OrderRecord, World};
use evenkeel_rebalance::{LeverageChange, Policy, Target};
use evenkeel_store::MemoryJournal;
use evenkeel_types::{Decimal, Leverage, MarginMode, OrderStatus, Scope, Symbol, Timestamp, Usd};

/// 2026-03-01T10:20:00Z.
const START: Timestamp = Timestamp(1_772_360_400_000);
const NAME: &str = "bot";

/// Virtual time for both sides: a wait of the client lets it pass at the venue, and returns at once.
#[derive(Debug, Clone)]
struct Shared(ManualClock);

#[async_trait]
impl Clock for Shared {
    fn now(&self) -> Timestamp {
        evenkeel_localnet::Clock::now(&self.0)
    }

    async fn sleep(&self, wait: Duration) {
        self.0.advance(wait);
        tokio::task::yield_now().await;
    }
}

#[derive(Debug)]
struct Bench {
    net: Localnet<Server>,
    clock: Shared,
    venue: Bybit,
}

// Limits are not kept where time is moved by hand: while one request waits for them, what others sent before arrives after
// the wait, and the venue counts it there.
async fn bench(blueprint: Builder, seed: u64) -> Bench {
    impatient(blueprint, seed, Duration::from_secs(5)).await
}

async fn impatient(blueprint: Builder, seed: u64, timeout: Duration) -> Bench {
    let clock = Shared(ManualClock::at(START));
    let net = Localnet::start_with(blueprint, Arc::new(clock.0.clone()), seed, 0).await.unwrap();
    let venue = connector(&net, timeout).clock(Arc::new(clock.clone())).build().unwrap();
    Bench { net, clock, venue }
}

fn connector(net: &Localnet<Server>, timeout: Duration) -> evenkeel_bybit::Builder {
    let key = net.with(|server| server.key(NAME).unwrap().clone());
    let variable = |name: &str| match name {
        "BYBIT_API_KEY" => Some(key.id().to_owned()),
        "BYBIT_API_SECRET" => Some(key.secret().to_owned()),
        _ => None,
    };
    Bybit::builder()
        .environment(Environment::Testnet)
        .credentials(Credentials::from_variables(&variable).unwrap())
        .base_url(net.base_url())
        .timeout(timeout)
}

impl Bench {
    fn world(&self) -> World {
        self.net.with(|server| server.world(NAME).unwrap().clone())
    }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

async fn conforms(blueprint: Builder, first: &str, second: &str) {
    let bench = bench(blueprint, 0).await;
    let setup = Setup::new([first.parse().unwrap(), second.parse().unwrap()]);
    let report = trade(&bench.venue, &bench.clock, &setup).await;
    let failed = |case: &&Case| matches!(case.verdict, Verdict::Failed(_));
    assert_eq!(report.cases.iter().find(failed).map(|case| case.number), None, "{first}: {report}");
    assert!(report.cases.iter().any(|case| case.number == 91), "{first}: {report}");
}

fn flat() -> Builder {
    Server::builder().unlimited().account(AccountSpec::named(NAME))
}

#[tokio::test]
async fn the_connector_conforms() {
    conforms(flat(), "SOLUSDT", "BTCUSDT").await;
}

#[tokio::test]
async fn the_connector_conforms_with_three_decimals_of_size() {
    conforms(flat(), "BTCUSDT", "SOLUSDT").await;
}

#[tokio::test]
async fn the_connector_conforms_where_orders_are_refused_late() {
    conforms(flat().late_refusals(), "SOLUSDT", "BTCUSDT").await;
}

#[tokio::test]
async fn the_connector_conforms_in_hedge_mode() {
    let hedged = Server::builder().unlimited().account(AccountSpec::named(NAME).hedge());
    conforms(hedged, "SOLUSDT", "ETHUSDT").await;
}

#[tokio::test]
async fn the_connector_conforms_in_isolated_margin() {
    let bench = bench(flat(), 0).await;
    bench.venue.set_account_margin_mode(MarginMode::Isolated).await.unwrap();
    let setup = Setup::new(["SOLUSDT".parse().unwrap(), "BTCUSDT".parse().unwrap()]);
    let report = trade(&bench.venue, &bench.clock, &setup).await;
    let failed = |case: &&Case| matches!(case.verdict, Verdict::Failed(_));
    assert_eq!(report.cases.iter().find(failed).map(|case| case.number), None, "{report}");
}

/// SOL 30 % at 2x and BTC 70 % at 10x.
fn mixed() -> Builder {
    let account = AccountSpec::named(NAME).cash("2000").world(|world| {
        let world = world.position("SOLUSDT", "5.4", 2, MarginMode::Cross);
        world.position("BTCUSDT", "0.02", 10, MarginMode::Cross)
    });
    Server::builder().unlimited().account(account)
}

async fn rebalance(bench: &Bench) -> (Report, MemoryJournal) {
    let target = Target::percent([("SOLUSDT", "50"), ("BTCUSDT", "50")]).unwrap();
    let target = target.leverage(Leverage::new(2).unwrap());
    let policy = Policy { leverage_change: LeverageChange::Reopen, ..Policy::conservative() };
    let journal = MemoryJournal::new();
    let preview = loop {
        // A preview sends nothing, so it may be asked for again.
        match preview(&bench.venue, &target, &policy).await {
            Ok(preview) => break preview,
            Err(_) => bench.clock.sleep(Duration::from_secs(1)).await,
        }
    };
    let (clock, cancel) = (bench.clock.clone(), Cancel::new());
    let mut progress = |_: &Event| ();
    let report =
        Box::pin(execute(&bench.venue, &journal, &clock, preview.approve(), &mut progress, &cancel)).await;
    (report, journal)
}

#[tokio::test]
async fn a_whole_rebalance_arrives() {
    let bench = bench(mixed(), 0).await;
    let (report, _) = rebalance(&bench).await;
    assert_eq!(report.outcome, Outcome::Done, "{}\n{report}", report.message);
    assert!(report.success, "{}\n{report}", report.message);
    assert_eq!(arrived(&bench.world()), Ok(()));
}

/// Whether the account holds what was wanted, at the leverage that was wanted.
fn arrived(world: &World) -> Result<(), String> {
    let snapshot = world.peek(&Scope::of(["SOLUSDT".parse().unwrap(), "BTCUSDT".parse().unwrap()])).unwrap();
    for symbol in ["SOLUSDT", "BTCUSDT"] {
        let symbol: Symbol = symbol.parse().unwrap();
        let value = snapshot.quote(&symbol).unwrap().mark.value(snapshot.qty(&symbol)).unwrap();
        if value < usd("1450") || value > usd("1550") {
            return Err(format!("{symbol} is worth {value}"));
        }
        if !snapshot.setting(&symbol).unwrap().is(Leverage::new(2).unwrap()) {
            return Err(format!("{symbol} is at another leverage"));
        }
    }
    Ok(())
}

/// No order of ours executed more than was ordered.
fn ledger_is_sound(world: &World) -> Result<(), String> {
    let placed = world.orders().iter().filter(|order| order.visible_from.is_some());
    for order in placed {
        if order.qty.is_some_and(|qty| order.filled > qty) {
            return Err(format!("{order:?}"));
        }
    }
    Ok(())
}

/// What the report claims is so: a success is one in the venue's own books.
fn is_honest(report: &Report, world: &World) -> Result<(), String> {
    if !report.success {
        return Ok(());
    }
    if report.outcome != Outcome::Done {
        return Err("a success that did not end".to_owned());
    }
    arrived(world)
}

/// The most that the account was ever exposed to.
fn most(world: &World) -> Usd {
    world.history().iter().map(|sample| sample.gross).max().unwrap()
}

fn filled(world: &World) -> Vec<&OrderRecord> {
    world
        .orders()
        .iter()
        .filter(|order| order.status != OrderStatus::Rejected && !order.filled.is_zero())
        .collect()
}

/// Real time: the line's delays are.
#[allow(clippy::disallowed_methods)]
async fn line_is_empty(late: Duration) {
    tokio::time::sleep(late * 2).await;
}

#[tokio::test]
async fn nothing_is_done_twice_on_a_bad_line() {
    let calm = bench(mixed(), 0).await;
    let (report, _) = rebalance(&calm).await;
    assert!(report.success, "{report}");
    let expected = filled(&calm.world()).len();
    // Each waits for a real line, so the thousands that suit pure cases would take an hour here.
    let cases: u64 = std::env::var("EVENKEEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let cases = cases.min(150);
    for seed in 0..cases {
        let (patience, late) = (Duration::from_millis(100), Duration::from_millis(150));
        let bench = impatient(mixed(), seed, patience).await;
        let slow = Duration::from_millis(5);
        let error = |applied| Fault::ServerError { status: http::StatusCode::BAD_GATEWAY, applied };
        let writes = ["/v5/order/create", "/v5/order/create-batch", "/v5/position/set-leverage"];
        for call in writes {
            bench.net.inject([
                FaultRule::new(Fault::LoseAnswer).on(call).permille(200),
                FaultRule::new(Fault::LoseRequest).on(call).permille(100),
                FaultRule::new(Fault::Duplicate(Heard::Second)).on(call).permille(100),
                FaultRule::new(error(true)).on(call).permille(50),
                FaultRule::new(error(false)).on(call).permille(50),
                FaultRule::new(Fault::TooManyRequests).on(call).permille(50),
                FaultRule::new(Fault::DelayRequest(late)).on(call).permille(70),
            ]);
        }
        bench.net.inject([
            FaultRule::new(Fault::LoseAnswer).on("position/list").permille(20),
            FaultRule::new(Fault::DelayAnswer(slow)).permille(50),
            FaultRule::new(Fault::DelayRequest(slow)).permille(50),
        ]);
        let (report, _) = rebalance(&bench).await;
        // What was on its way when the client gave up arrives now.
        bench.net.clear_faults();
        line_is_empty(late).await;
        bench.net.advance(Duration::from_secs(1));
        let world = bench.world();
        let story =
            || format!("seed {seed}: {}\n{report}\n{}", report.message, world.trace().to_vec().join("\n"));
        assert_eq!(ledger_is_sound(&world), Ok(()), "{}", story());
        assert!(filled(&world).len() <= expected, "{}", story());
        // Twice the account value, and what costs and rounding allow.
        let bound = world.history().first().unwrap().account_value.times(Decimal::new(202, 2)).unwrap();
        assert!(most(&world) <= bound, "{} of {bound}\n{}", most(&world), story());
        assert_eq!(is_honest(&report, &world), Ok(()), "{}", story());
    }
}

#[tokio::test]
async fn one_fault_at_a_time() {
    let (patience, late) = (Duration::from_millis(100), Duration::from_millis(150));
    let error = |applied| Fault::ServerError { status: http::StatusCode::BAD_GATEWAY, applied };
    let faults = [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::Duplicate(Heard::First),
        Fault::Duplicate(Heard::Second),
        error(true),
        error(false),
        Fault::TooManyRequests,
        Fault::DelayRequest(late),
        Fault::DelayAnswer(late),
    ];
    for fault in faults {
        let calls =
            [("order/create", 1), ("order/create", 2), ("position/set-leverage", 1), ("position/list", 3)];
        for (call, number) in calls {
            let bench = impatient(mixed(), 0, patience).await;
            bench.net.inject([FaultRule::new(fault).on(call).nth(number)]);
            let (report, _) = rebalance(&bench).await;
            line_is_empty(late).await;
            bench.net.advance(Duration::from_secs(1));
            let world = bench.world();
            let story = || format!("{fault:?} at {call} {number}: {}\n{report}", report.message);
            assert_eq!(ledger_is_sound(&world), Ok(()), "{}", story());
            assert!(filled(&world).len() <= 3, "{}", story());
            assert_eq!(is_honest(&report, &world), Ok(()), "{}", story());
            // Where the order was carried out, its fate can be found out. Where it was not, "not found" proves nothing,
            // and to stop is honest.
            let proven =
                !matches!(fault, Fault::LoseRequest | Fault::DelayRequest(_)) && fault != error(false);
            let done = report.outcome == Outcome::Done && report.success;
            assert!(done || !proven && call == "order/create" && !report.success, "{}", story());
        }
    }
}

fn held(world: &World, symbol: &str) -> String {
    let symbol: Symbol = symbol.parse().unwrap();
    world.peek(&Scope::of([symbol.clone()])).unwrap().qty(&symbol).to_string()
}

#[tokio::test]
async fn a_book_that_margin_cannot_carry_is_scaled_after_the_closes() {
    let account = AccountSpec::named(NAME).cash("4160").world(|world| {
        let world = world.position("SOLUSDT", "56.5", 10, MarginMode::Cross);
        world.position("BTCUSDT", "0.21", 10, MarginMode::Cross)
    });
    let bench = bench(Server::builder().unlimited().account(account), 0).await;
    let (report, _) = rebalance(&bench).await;
    assert_eq!(report.outcome, Outcome::Done, "{report}");
    assert!(report.success, "{report}");
    let world = bench.world();
    let last = world.history().last().unwrap();
    // Near twice the account value, less costs and the reserve for a stress move.
    assert!(last.gross < usd("8320") && last.gross > usd("7600"), "{last:?}");
    let snapshot = world.peek(&Scope::of(["SOLUSDT".parse().unwrap(), "BTCUSDT".parse().unwrap()])).unwrap();
    assert_eq!(snapshot.positions.len(), 2);
    assert!(snapshot.positions.iter().all(|position| position.leverage.to_string() == "2"), "{report}");
}

#[tokio::test]
async fn a_close_that_always_fails_opens_nothing() {
    for fault in [Fault::TooManyRequests, Fault::LoseRequest] {
        let bench = impatient(mixed(), 0, Duration::from_millis(100)).await;
        bench.net.inject([
            FaultRule::new(fault).on("order/create"),
            FaultRule::new(fault).on("order/create-batch"),
        ]);
        let (report, _) = rebalance(&bench).await;
        assert!(!report.success && report.outcome != Outcome::Done, "{fault:?}: {report}");
        let world = bench.world();
        assert_eq!((held(&world, "SOLUSDT"), held(&world, "BTCUSDT")), ("5.4".into(), "0.02".into()));
        assert!(world.orders().is_empty(), "{fault:?}: nothing ever arrived");
        assert!(report.message.contains("BTCUSDT"), "{fault:?}: {}", report.message);
    }
}

/// On the time of this machine, with the venue's limits.
#[tokio::test]
async fn the_connector_keeps_within_the_limits() {
    let net = Localnet::start(Server::builder().account(AccountSpec::named(NAME))).await.unwrap();
    let venue = connector(&net, Duration::from_secs(5)).build().unwrap();
    let symbol: Symbol = "SOLUSDT".parse().unwrap();
    // Ten a second: it has to wait twice.
    for round in 0..25 {
        let leverage = Leverage::new(3 + round % 2).unwrap();
        venue.set_leverage(&symbol, leverage).await.unwrap();
        assert!(net.with(|server| {
            let world = server.world(NAME).unwrap();
            let snapshot = world.peek(&Scope::of([symbol.clone()])).unwrap();
            snapshot.setting(&symbol).unwrap().is(leverage)
        }));
    }
}
