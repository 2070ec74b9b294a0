//! The machine without a runtime: told by hand what came of each command.

use evenkeel_exchange::{Error, ErrorKind, Operation};
use evenkeel_paper::{World, profiles};
use evenkeel_rebalance::{LeverageChange, Policy, Target};
use evenkeel_store::Epoch;
use evenkeel_types::{
    Leverage, MarginMode, OrderIntent, OrderState, OrderStatus, Scope, Snapshot, Timestamp, VenueId,
};

use super::{Answer, Command, Machine};
use crate::journal::{Body, Seen};
use crate::outcome::{AbortReason, HaltReason, Outcome};
use crate::preview::Preview;
use crate::report::Report;

/// More steps than any of these runs needs.
const MAX_STEPS: usize = 1_000;

fn account() -> Snapshot {
    let world = World::builder(profiles::binance())
        .cash("USDT", "200")
        .market("SOL", "166.4", 2, 20)
        .market("BTC", "106418", 5, 40)
        .position("SOL", "0.54", 2, MarginMode::Cross)
        .position("BTC", "0.00197", 10, MarginMode::Cross)
        .build()
        .unwrap();
    world.peek(&Scope::default()).unwrap()
}

fn machine(snapshot: &Snapshot) -> Machine {
    let target = Target::percent([("SOL", "50"), ("BTC", "50")]).unwrap().leverage(Leverage::new(2).unwrap());
    let policy = Policy { leverage_change: LeverageChange::Reopen, ..Policy::conservative() };
    let preview = Preview::of(snapshot.clone(), &target, &policy).unwrap();
    Machine::new(preview.approve(), snapshot.as_of)
}

/// What a command without `Tell` looks like.
fn names(commands: &[Command]) -> Vec<&'static str> {
    let name = |command: &Command| match command {
        Command::Tell(_) => None,
        Command::Open => Some("open"),
        Command::Journal(_) => Some("journal"),
        Command::Read { .. } => Some("read"),
        Command::Prove(_) => Some("prove"),
        Command::Place(_) => Some("place"),
        Command::Query(_) => Some("query"),
        Command::Fills { .. } => Some("fills"),
        Command::Write(_) => Some("write"),
        Command::Sleep(_) => Some("sleep"),
        Command::Finish(_) => Some("finish"),
    };
    commands.iter().filter_map(name).collect()
}

fn report(commands: Vec<Command>) -> Report {
    let finished = commands.into_iter().find_map(|command| match command {
        Command::Finish(report) => Some(*report),
        _ => None,
    });
    finished.expect("the run is over")
}

fn lost() -> Error {
    Error::unknown(ErrorKind::Timeout, VenueId::new("binance").unwrap(), Operation::Place, "no answer")
}

fn filled(intent: &OrderIntent) -> OrderState {
    OrderState {
        id: intent.id,
        venue_order_id: None,
        symbol: intent.symbol.clone(),
        side: intent.side,
        qty: intent.qty,
        filled: intent.qty,
        average_price: None,
        fee: None,
        status: OrderStatus::Filled,
    }
}

/// Up to the first plan being on its way to the journal.
fn until_committing(machine: &mut Machine, snapshot: &Snapshot) -> Vec<Command> {
    let at = snapshot.as_of;
    assert_eq!(names(&machine.step(at, false, Answer::Start)), ["open"]);
    assert_eq!(names(&machine.step(at, false, Answer::Opened(Epoch(1), Vec::new()))), ["journal"]);
    assert_eq!(names(&machine.step(at, false, Answer::Journaled)), ["read"]);
    machine.step(at, false, Answer::Read(Box::new(Ok(snapshot.clone())), Vec::new()))
}

#[test]
fn nothing_is_placed_before_its_intent_is_on_record() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    let commands = until_committing(&mut machine, &snapshot);
    assert_eq!(names(&commands), ["journal"]);
    let Some(Command::Journal(bodies)) = commands.last() else { panic!("{commands:?}") };
    assert!(matches!(bodies.as_slice(), [Body::Snapshot(_), Body::Plan(_), Body::Intent(_)]), "{bodies:?}");
    assert_eq!(names(&machine.step(snapshot.as_of, false, Answer::Journaled)), ["place"]);
}

#[test]
fn a_journal_that_refuses_ends_the_run_with_nothing_sent() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    until_committing(&mut machine, &snapshot);
    let commands = machine.step(snapshot.as_of, false, Answer::JournalFailed("full".into()));
    assert_eq!(names(&commands), ["finish"]);
    let report = report(commands);
    assert_eq!(report.outcome, Outcome::Halted(HaltReason::Journal { message: "full".into() }));
    assert_eq!((report.rounds, report.summary.executed), (0, 0));
}

#[test]
fn a_request_to_stop_before_the_send_gives_the_intents_back() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    until_committing(&mut machine, &snapshot);
    let commands = machine.step(snapshot.as_of, true, Answer::Journaled);
    assert_eq!(names(&commands), ["journal", "journal"]);
    let Some(Command::Journal(bodies)) = commands.first() else { panic!("{commands:?}") };
    assert!(
        matches!(bodies.as_slice(), [Body::Observed(seen)] if matches!(seen.seen, Seen::NotSent { .. })),
        "{bodies:?}"
    );
    let report = report(machine.step(snapshot.as_of, true, Answer::Journaled));
    assert_eq!(report.outcome, Outcome::Aborted(AbortReason::Cancelled));
}

/// With a clock that stands still, so that only the named maxima can end it.
#[test]
fn an_order_that_is_never_found_is_asked_for_and_never_sent_again() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    until_committing(&mut machine, &snapshot);
    let at = snapshot.as_of;
    let mut commands = machine.step(at, false, Answer::Journaled);
    let mut queries = 0;
    for _ in 0..MAX_STEPS {
        let answer = match commands.last().unwrap() {
            Command::Finish(_) => break,
            Command::Place(orders) if queries == 0 => {
                Answer::Placed(orders.iter().map(|_| Err(lost())).collect())
            }
            Command::Query(orders) => {
                queries += 1;
                Answer::Queried(orders.iter().map(|_| Ok(None)).collect())
            }
            Command::Fills { .. } => Answer::Filled(Ok(Vec::new())),
            Command::Sleep(_) => Answer::Rested,
            Command::Journal(_) => Answer::Journaled,
            Command::Read { .. } => Answer::Read(Box::new(Ok(snapshot.clone())), Vec::new()),
            other => panic!("{other:?}"),
        };
        commands = machine.step(at, false, answer);
    }
    let report = report(commands);
    assert!(matches!(report.outcome, Outcome::Aborted(AbortReason::CloseUnknown { .. })), "{report}");
    assert!(queries > 10);
    assert_eq!(report.state.pending.len(), 1);
}

#[test]
fn an_account_that_never_shows_a_fill_ends_the_run_also_when_the_clock_stands_still() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    until_committing(&mut machine, &snapshot);
    let at = snapshot.as_of;
    let mut commands = machine.step(at, false, Answer::Journaled);
    for _ in 0..MAX_STEPS {
        let answer = match commands.last().unwrap() {
            Command::Finish(_) => break,
            Command::Place(orders) => {
                Answer::Placed(orders.iter().map(|order| Ok(filled(order.intent()))).collect())
            }
            Command::Sleep(_) => Answer::Rested,
            Command::Journal(_) => Answer::Journaled,
            Command::Read { .. } => Answer::Read(Box::new(Ok(snapshot.clone())), Vec::new()),
            other => panic!("{other:?}"),
        };
        commands = machine.step(at, false, answer);
    }
    let report = report(commands);
    assert!(matches!(report.outcome, Outcome::Halted(HaltReason::StaleSnapshot { .. })), "{report}");
}

#[test]
fn more_executed_than_ordered_halts_at_once() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    until_committing(&mut machine, &snapshot);
    let commands = machine.step(snapshot.as_of, false, Answer::Journaled);
    let Some(Command::Place(orders)) = commands.last() else { panic!("{commands:?}") };
    let mut state = filled(orders[0].intent());
    state.filled = state.qty.times(2.into()).unwrap();
    let mut commands = machine.step(snapshot.as_of, false, Answer::Placed(vec![Ok(state)]));
    for _ in 0..MAX_STEPS {
        let answer = match commands.last().unwrap() {
            Command::Finish(_) => break,
            Command::Sleep(_) => Answer::Rested,
            Command::Journal(_) => Answer::Journaled,
            Command::Read { .. } => Answer::Read(Box::new(Ok(snapshot.clone())), Vec::new()),
            other => panic!("{other:?}"),
        };
        commands = machine.step(snapshot.as_of, false, answer);
    }
    assert!(matches!(report(commands).outcome, Outcome::Halted(HaltReason::ExecutedMoreThanIntended { .. })));
}

#[test]
fn an_answer_to_nothing_halts_instead_of_guessing() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    machine.step(snapshot.as_of, false, Answer::Start);
    let report = report(machine.step(snapshot.as_of, false, Answer::Rested));
    assert!(matches!(report.outcome, Outcome::Halted(HaltReason::Internal { .. })));
}

#[test]
fn an_expired_approval_opens_not_even_the_journal() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    let late = Timestamp(snapshot.as_of.0 + 60_001);
    let report = report(machine.step(late, false, Answer::Start));
    assert_eq!((report.outcome, report.trips), (Outcome::Halted(HaltReason::ExpiredPlan), 0));
}

#[test]
fn a_plan_that_went_out_of_date_before_it_was_sent_is_given_back() {
    let snapshot = account();
    let mut machine = machine(&snapshot);
    until_committing(&mut machine, &snapshot);
    let late = Timestamp(snapshot.as_of.0 + 60_001);
    let commands = machine.step(late, false, Answer::Journaled);
    assert_eq!(names(&commands), ["journal", "journal"]);
    let Some(Command::Journal(bodies)) = commands.first() else { panic!("{commands:?}") };
    assert!(matches!(bodies.as_slice(), [Body::Observed(seen)] if matches!(seen.seen, Seen::NotSent { .. })));
    let report = report(machine.step(late, false, Answer::Journaled));
    assert_eq!((report.outcome, report.rounds), (Outcome::Halted(HaltReason::ExpiredPlan), 0));
}
