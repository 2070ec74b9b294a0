//! The Hyperliquid connector against the local venue: the whole conformance suite, and whole rebalances with and without
//! an unreliable line. What happened is read from the paper exchange's own ledger, never from answers.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_conformance::{Case, Setup, Verdict, trade};
use evenkeel_exchange::{Cancel, Clock, async_trait};
use evenkeel_executor::{Event, Outcome, Report, execute, preview};
use evenkeel_hyperliquid::sign::{AccountAddress, AgentKey};
use evenkeel_hyperliquid::{Account, Credentials, Environment, Hyperliquid};
use evenkeel_localnet::hyperliquid::{AccountSpec, Address, Builder, Server};
use evenkeel_localnet::{Fault, FaultRule, Heard, Localnet, ManualClock};
use evenkeel_paper::{OrderRecord, World};
use evenkeel_rebalance::{LeverageChange, Policy, Target};
use evenkeel_store::MemoryJournal;
use evenkeel_types::{Decimal, Leverage, MarginMode, OrderStatus, Scope, Symbol, Timestamp, Usd};

/// 2026-03-01T10:20:00Z.
const START: Timestamp = Timestamp(1_772_360_400_000);

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
    venue: Hyperliquid,
    account: Address,
}

async fn bench(blueprint: Builder, seed: u64) -> Bench {
    impatient(blueprint, seed, Duration::from_secs(5)).await
}

async fn impatient(blueprint: Builder, seed: u64, timeout: Duration) -> Bench {
    let clock = Shared(ManualClock::at(START));
    let net = Localnet::start_with(blueprint, Arc::new(clock.0.clone()), seed, 0).await.unwrap();
    let (account, key) = net.with(|server| {
        let account = server.addresses()[0];
        (account, server.agent_key(account).unwrap().hex())
    });
    let credentials = Credentials::agent(
        AgentKey::from_hex(&key).unwrap(),
        Account::new(AccountAddress::parse(&account.to_string()).unwrap()),
    );
    let venue = Hyperliquid::builder()
        .environment(Environment::Testnet)
        .credentials(credentials)
        .base_url(net.base_url())
        .clock(Arc::new(clock.clone()))
        .timeout(timeout)
        .build()
        .unwrap();
    Bench { net, clock, venue, account }
}

impl Bench {
    fn world(&self) -> World {
        self.net.with(|server| server.world(self.account).unwrap().clone())
    }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

async fn conforms(first: &str, second: &str) {
    let bench = bench(Server::builder(), 0).await;
    let setup = Setup::new([first.parse().unwrap(), second.parse().unwrap()]);
    let report = trade(&bench.venue, &bench.clock, &setup).await;
    let failed = |case: &&Case| matches!(case.verdict, Verdict::Failed(_));
    assert_eq!(report.cases.iter().find(failed).map(|case| case.number), None, "{first}: {report}");
    assert!(report.cases.iter().any(|case| case.number == 91), "{first}: {report}");
}

#[tokio::test]
async fn the_connector_conforms() {
    conforms("SOL", "BTC").await;
}

#[tokio::test]
async fn the_connector_conforms_with_five_decimals_of_size() {
    conforms("BTC", "SOL").await;
}

#[tokio::test]
async fn the_connector_conforms_on_a_strictly_isolated_coin() {
    conforms("HYPE", "ETH").await;
}

/// SOL 30 % at 2x and BTC 70 % at 10x.
fn mixed() -> Builder {
    let account = AccountSpec::named("mixed").cash("200").world(|world| {
        world.position("SOL", "0.54", 2, MarginMode::Cross).position("BTC", "0.00197", 10, MarginMode::Cross)
    });
    Server::builder().account(account)
}

async fn rebalance(bench: &Bench) -> (Report, MemoryJournal) {
    let target = Target::percent([("SOL", "50"), ("BTC", "50")]).unwrap().leverage(Leverage::new(2).unwrap());
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
    let snapshot = world.peek(&Scope::of(["SOL".parse().unwrap(), "BTC".parse().unwrap()])).unwrap();
    for symbol in ["SOL", "BTC"] {
        let symbol: Symbol = symbol.parse().unwrap();
        let value = snapshot.quote(&symbol).unwrap().mark.value(snapshot.qty(&symbol)).unwrap();
        if value < usd("145") || value > usd("155") {
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
        bench.net.inject([
            FaultRule::new(Fault::LoseAnswer).on("/exchange").permille(200),
            FaultRule::new(Fault::LoseRequest).on("/exchange").permille(100),
            FaultRule::new(Fault::Duplicate(Heard::Second)).on("/exchange").permille(100),
            FaultRule::new(Fault::DelayRequest(late)).on("/exchange").permille(70),
            FaultRule::new(Fault::LoseAnswer).on("/info").permille(20),
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
        Fault::TooManyRequests,
        Fault::DelayRequest(late),
        Fault::DelayAnswer(late),
    ];
    for fault in faults {
        for (call, number) in [("order", 1), ("order", 2), ("updateLeverage", 1), ("clearinghouseState", 3)] {
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
            let proven =
                !matches!(fault, Fault::LoseRequest | Fault::TooManyRequests | Fault::DelayRequest(_))
                    && fault != error(false);
            let done = report.outcome == Outcome::Done && report.success;
            assert!(done || !proven && call == "order" && !report.success, "{}", story());
        }
    }
}
