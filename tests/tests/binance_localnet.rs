//! The Binance connector against the local venue: the whole conformance suite, and whole rebalances with and without an
//! unreliable line. What happened is read from the paper exchange's own ledger, never from answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evenkeel_binance::{Binance, Credentials, Environment};
use evenkeel_conformance::{Case, Setup, Verdict, trade};
use evenkeel_exchange::{Cancel, Clock, async_trait};
use evenkeel_executor::{AbortReason, Event, Outcome, Report, execute, preview};
use evenkeel_http::{BaseUrl, Bytes, ReqwestTransport, Transport, TransportError};
use evenkeel_localnet::binance::{AccountSpec, Builder, Overload, Server};
use evenkeel_localnet::{Fault, FaultRule, Heard, Localnet, ManualClock};
use evenkeel_paper::{OrderRecord, World};
use evenkeel_rebalance::{LeverageChange, Policy, Target};
use evenkeel_store::MemoryJournal;
use evenkeel_types::{Decimal, Leverage, MarginMode, OrderStatus, Scope, Symbol, Timestamp, Usd};

/// 2026-03-01T10:20:00Z.
const START: Timestamp = Timestamp(1_772_360_400_000);
const NAME: &str = "bot";
const SOL: &str = "SOLUSDT";
const BTC: &str = "BTCUSDT";

/// Virtual time for both sides: a wait of the client lets it pass at the venue, and returns at once. But what is on the line
/// arrives first: limits of so much a second mean nothing where a request takes a second to arrive.
#[derive(Debug, Clone)]
struct Shared(ManualClock, Arc<AtomicUsize>);

#[async_trait]
impl Clock for Shared {
    fn now(&self) -> Timestamp {
        evenkeel_localnet::Clock::now(&self.0)
    }

    async fn sleep(&self, wait: Duration) {
        while self.1.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        self.0.advance(wait);
        tokio::task::yield_now().await;
    }
}

/// The real transport, and how many requests are on their way.
#[derive(Debug)]
struct Counted(ReqwestTransport, Arc<AtomicUsize>);

#[async_trait]
impl Transport for Counted {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let _arrived = UnderWay(&self.1);
        self.0.send(request, timeout).await
    }
}

/// Also where nobody waits for the answer any more.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Bench {
    net: Localnet<Server>,
    clock: Shared,
    venue: Binance,
}

async fn bench(blueprint: Builder, seed: u64) -> Bench {
    impatient(blueprint, seed, Duration::from_secs(5)).await
}

async fn impatient(blueprint: Builder, seed: u64, timeout: Duration) -> Bench {
    connect(blueprint, seed, timeout, hmac_key).await
}

fn hmac_key(server: &Server) -> [(&'static str, String); 2] {
    let key = server.key(NAME).unwrap();
    [("BINANCE_API_KEY", key.id().to_owned()), ("BINANCE_API_SECRET", key.secret().to_owned())]
}

async fn connect(
    blueprint: Builder,
    seed: u64,
    timeout: Duration,
    key: impl FnOnce(&Server) -> [(&'static str, String); 2],
) -> Bench {
    let under_way = Arc::new(AtomicUsize::new(0));
    let clock = Shared(ManualClock::at(START), under_way.clone());
    let net = Localnet::start_with(blueprint, Arc::new(clock.0.clone()), seed, 0).await.unwrap();
    let variables = net.with(|server| key(server));
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let address = net.base_url().parse::<BaseUrl>().unwrap();
    let transport = Counted(ReqwestTransport::to(&address).unwrap(), under_way);
    let venue = Binance::builder()
        .environment(Environment::Mainnet)
        .credentials(Credentials::from_variables(&variable).unwrap())
        .base_url(net.base_url())
        .clock(Arc::new(clock.clone()))
        .transport(Arc::new(transport))
        .timeout(timeout)
        .build()
        .unwrap();
    Bench { net, clock, venue }
}

impl Bench {
    fn world(&self) -> World {
        self.net.with(|server| server.world(NAME).unwrap().clone())
    }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

async fn conforms(bench: Bench, first: &str, second: &str) {
    let setup = Setup::new([first.parse().unwrap(), second.parse().unwrap()]);
    let report = trade(&bench.venue, &bench.clock, &setup).await;
    let failed = |case: &&Case| matches!(case.verdict, Verdict::Failed(_));
    assert_eq!(report.cases.iter().find(failed).map(|case| case.number), None, "{first}: {report}");
    assert!(report.cases.iter().any(|case| case.number == 91), "{first}: {report}");
}

fn flat() -> Builder {
    Server::builder().account(AccountSpec::named(NAME))
}

#[tokio::test]
async fn the_connector_conforms() {
    conforms(bench(flat(), 0).await, SOL, BTC).await;
}

#[tokio::test]
async fn the_connector_conforms_with_three_decimals_of_size() {
    conforms(bench(flat(), 0).await, BTC, SOL).await;
}

#[tokio::test]
async fn the_connector_conforms_with_whole_sizes() {
    conforms(bench(flat(), 0).await, "DOGEUSDT", "LTCUSDT").await;
}

#[tokio::test]
async fn the_connector_conforms_in_hedge_mode() {
    let hedged = Server::builder().account(AccountSpec::named(NAME).hedge());
    conforms(bench(hedged, 0).await, SOL, "ETHUSDT").await;
}

/// Keys of RFC 8032, section 7.1, test 1.
#[tokio::test]
async fn the_connector_conforms_with_an_ed25519_key() {
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&PUBLIC[at..at + 2], 16).unwrap()).collect();
    let blueprint = flat().ed25519(NAME, bytes.try_into().unwrap());
    let key = |server: &Server| {
        let id = server.ed25519_key(NAME).unwrap().to_owned();
        [("BINANCE_API_KEY", id), ("BINANCE_ED25519_PRIVATE_KEY", SEED.to_owned())]
    };
    conforms(connect(blueprint, 0, Duration::from_secs(5), key).await, SOL, BTC).await;
}

#[tokio::test]
async fn the_connector_conforms_in_isolated_margin() {
    let isolated = AccountSpec::named(NAME)
        .world(|world| world.setting(SOL, 10, MarginMode::Isolated).setting(BTC, 10, MarginMode::Isolated));
    conforms(bench(Server::builder().account(isolated), 0).await, SOL, BTC).await;
}

fn account(cash: &str, sol: &'static str, at: u32, btc: &'static str) -> Builder {
    let account = AccountSpec::named(NAME).cash(cash).world(move |world| {
        world.position(SOL, sol, at, MarginMode::Cross).position(BTC, btc, 10, MarginMode::Cross)
    });
    Server::builder().account(account)
}

/// SOL 30 % at 2x and BTC 70 % at 10x.
fn mixed() -> Builder {
    account("2000", "5.4", 2, "0.020")
}

/// A book at 10x that the account cannot carry at 2x.
fn starved() -> Builder {
    account("4160", "56.5", 10, "0.210")
}

async fn rebalance(bench: &Bench) -> (Report, MemoryJournal) {
    let target = Target::percent([(SOL, "50"), (BTC, "50")]).unwrap().leverage(Leverage::new(2).unwrap());
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
    let snapshot = world.peek(&Scope::of([SOL.parse().unwrap(), BTC.parse().unwrap()])).unwrap();
    for symbol in [SOL, BTC] {
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
        bench.net.inject([
            FaultRule::new(Fault::LoseAnswer).on("order").permille(200),
            FaultRule::new(Fault::LoseRequest).on("order").permille(100),
            FaultRule::new(Fault::DelayRequest(late)).on("order").permille(70),
            FaultRule::new(Fault::LoseAnswer).on("batchOrders").permille(200),
            // Not of orders: an id guards only while its order is open, so that a line which doubles an immediate one
            // executes it twice, whatever its sender does.
            FaultRule::new(Fault::Duplicate(Heard::Second)).on("leverage").permille(100),
            FaultRule::new(Fault::LoseAnswer).on("leverage").permille(150),
            FaultRule::new(error(false)).on("leverage").permille(100),
            FaultRule::new(Fault::LoseAnswer).permille(20),
            FaultRule::new(Fault::TooManyRequests).permille(20),
            FaultRule::new(Overload::Unknown { applied: true }.fault()).on("order").permille(50),
            FaultRule::new(Overload::Throttled.fault()).on("order").permille(50),
            FaultRule::new(error(true)).permille(20),
            FaultRule::new(Fault::DelayAnswer(slow)).permille(50),
            FaultRule::new(Fault::DelayRequest(slow)).permille(50),
        ]);
        let (report, _) = rebalance(&bench).await;
        // What was on its way when the client gave up arrives now.
        bench.net.clear_faults();
        line_is_empty(late).await;
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
        Overload::Unknown { applied: true }.fault(),
        Overload::Unavailable.fault(),
        Overload::Internal.fault(),
        Overload::Throttled.fault(),
        Fault::TooManyRequests,
        Fault::DelayRequest(late),
        Fault::DelayAnswer(late),
    ];
    for fault in faults {
        for (call, number) in [("order", 1), ("order", 2), ("leverage", 1), ("positionRisk", 3)] {
            let bench = impatient(mixed(), 0, patience).await;
            bench.net.inject([FaultRule::new(fault).on(call).nth(number)]);
            let (report, _) = rebalance(&bench).await;
            line_is_empty(late).await;
            let world = bench.world();
            let story = || format!("{fault:?} at {call} {number}: {}\n{report}", report.message);
            assert_eq!(ledger_is_sound(&world), Ok(()), "{}", story());
            assert!(filled(&world).len() <= 3, "{}", story());
            assert_eq!(is_honest(&report, &world), Ok(()), "{}", story());
            // Where the order was carried out, its fate can be found out. Where it was not, "not found" proves nothing,
            // and to stop is honest.
            let failed =
                [Overload::Unavailable, Overload::Internal, Overload::Throttled].map(Overload::fault);
            let proven =
                !matches!(fault, Fault::LoseRequest | Fault::TooManyRequests | Fault::DelayRequest(_))
                    && fault != error(false)
                    && !failed.contains(&fault);
            let done = report.outcome == Outcome::Done && report.success;
            assert!(done || !proven && call == "order" && !report.success, "{}", story());
        }
    }
}

#[tokio::test]
async fn a_book_that_margin_cannot_carry_is_scaled_after_the_closes() {
    let bench = bench(starved(), 0).await;
    let (report, _) = rebalance(&bench).await;
    assert_eq!(report.outcome, Outcome::Done, "{}\n{report}", report.message);
    assert!(report.success, "{report}");
    let snapshot = bench.world().peek(&Scope::of([SOL.parse().unwrap(), BTC.parse().unwrap()])).unwrap();
    let (gross, value) = (snapshot.gross().unwrap(), snapshot.account_value().unwrap());
    assert!(gross < value.times(Decimal::TWO).unwrap() && gross > usd("7000"), "{gross} at {value}");
    assert!(snapshot.positions.iter().all(|position| position.leverage == Leverage::new(2).unwrap()));
}

#[tokio::test]
async fn a_close_that_is_always_refused_opens_nothing() {
    let bench = bench(mixed(), 0).await;
    bench.net.inject([
        FaultRule::new(Fault::TooManyRequests).on("order"),
        FaultRule::new(Fault::TooManyRequests).on("batchOrders"),
    ]);
    let (report, _) = rebalance(&bench).await;
    assert!(
        matches!(&report.outcome, Outcome::Aborted(AbortReason::CloseFailed { symbol, .. }) if symbol.as_str() == BTC),
        "{}\n{report}",
        report.outcome
    );
    let world = bench.world();
    assert!(world.orders().is_empty(), "{:?}", world.orders());
}
