//! The list of cases. Numbers never change their meaning.

use evenkeel_exchange::{Clock, Observe, Trade};
use evenkeel_types::{MarginMode, Side, Usd};

use crate::bench::Bench;
use crate::leverage::Steps;
use crate::read::Reader;
use crate::report::{Case, Report, Stop, Tried, Verdict, ensure, failed};
use crate::setup::Setup;

/// All cases that only read. A read-only key is enough, and the account may hold anything.
pub async fn observe(venue: &dyn Observe, clock: &dyn Clock, setup: &Setup) -> Report {
    let mut report = Report { venue: venue.venue().clone(), cases: Vec::new() };
    let read = Reader { venue, clock, setup };
    if setup.symbols.is_empty() {
        note(&mut report, 0, "there is a symbol to read", failed("none was given"));
        return report;
    }
    note(&mut report, 1, "a snapshot validates for its scope", read.snapshot_validates().await);
    note(&mut report, 2, "settings are complete, also of flat symbols", read.settings_are_complete().await);
    note(&mut report, 3, "server time rises and fits the readings", read.time_is_monotone().await);
    note(&mut report, 4, "our clock fits the server's", read.clock_agrees().await);
    note(&mut report, 5, "instruments are listed and sane", read.instruments_are_sane().await);
    note(&mut report, 6, "prices fit together", read.prices_fit_together().await);
    note(&mut report, 7, "an unknown order is none", read.unknown_order_is_none().await);
    note(&mut report, 8, "leverage reads as in the snapshot", read.leverage_reads().await);
    note(&mut report, 9, "fees read as in the snapshot", read.fees_agree().await);
    note(&mut report, 10, "funding is due within its interval", read.funding_is_due_later().await);
    note(&mut report, 11, "fills are bounded and in order", read.fills_are_bounded().await);
    note(
        &mut report,
        12,
        "an unknown symbol is an error without effect",
        read.unknown_symbol_is_an_error().await,
    );
    note(&mut report, 70, "prices alone are those of the snapshot", read.quotes_agree().await);
    let payments = read.funding_payments_are_bounded().await;
    note(&mut report, 71, "funding payments are bounded and in order", payments);
    report
}

/// All cases. **Trades** with the first symbol of the setup, at most four units at once, and leaves it flat, without
/// orders, and at the leverage and mode that it had. Refuses to begin unless it is flat and without orders.
///
/// After a case that cannot be cleaned up nothing more is sent, and the report says so.
pub async fn trade(venue: &dyn Trade, clock: &dyn Clock, setup: &Setup) -> Report {
    let mut report = Box::pin(observe(venue, clock, setup)).await;
    let Some(symbol) = setup.symbols.first().cloned() else { return report };
    let mut bench = Bench { venue, clock, setup, symbol, ids: 0, turnover: Usd::ZERO };
    match Box::pin(begin(&bench)).await {
        Ok(start) => {
            note(&mut report, 20, "the symbol is flat and without orders", Ok(()));
            let mut run = Run { report: &mut report, bench: &mut bench, stopped: false };
            Box::pin(run.all(start.steps)).await;
            let stopped = run.stopped;
            if !stopped {
                let read = Reader { venue, clock, setup };
                let bounded = read.fills_are_bounded().await;
                note(&mut report, 89, "fills are bounded and in order, after trading", bounded);
                let costs = bench.costs_add_up(start.value).await;
                note(&mut report, 90, "costs are no more than limits and fees", costs);
                let restored = Box::pin(restore(&bench, &start)).await;
                note(&mut report, 91, "it ends as it began", restored);
            }
        }
        Err(stop) => note(&mut report, 20, "the symbol is flat and without orders", Err(stop)),
    }
    report
}

struct Start {
    steps: Steps,
    value: Usd,
    mode: MarginMode,
    leverage: evenkeel_types::Leverage,
}

async fn begin(bench: &Bench<'_>) -> Tried<Start> {
    let snapshot = bench.snapshot().await?;
    ensure(snapshot.qty(&bench.symbol).is_zero(), || "it holds a position".into())?;
    ensure(snapshot.open_orders.iter().all(|order| order.symbol != bench.symbol), || "it has orders".into())?;
    bench.lots_fit(&snapshot)?;
    let setting = snapshot.setting(&bench.symbol)?;
    Ok(Start {
        steps: bench.steps().await?,
        value: snapshot.account_value()?,
        mode: setting.mode,
        leverage: setting.long,
    })
}

async fn restore(bench: &Bench<'_>, start: &Start) -> Tried {
    bench.prepare(start.mode, start.leverage).await?;
    let after = bench.snapshot().await?;
    ensure(after.qty(&bench.symbol).is_zero(), || "it is not flat".into())
}

struct Run<'r, 'a> {
    report: &'r mut Report,
    bench: &'r mut Bench<'a>,
    stopped: bool,
}

/// Runs one case from flat, and cleans up after it.
macro_rules! case {
    ($run:ident, $number:literal, $name:expr, |$bench:ident| $tried:expr) => {
        if !$run.stopped {
            let tried: Tried = {
                let $bench = &mut *$run.bench;
                Box::pin($tried).await
            };
            $run.finish($number, $name, tried).await;
        }
    };
}

impl Run<'_, '_> {
    async fn finish(&mut self, number: u32, name: impl Into<String>, tried: Tried) {
        let name = name.into();
        let cleaned = Box::pin(self.bench.clean()).await;
        note(self.report, number, &name, tried);
        if let Err(stop) = cleaned {
            self.stopped = true;
            note(self.report, 99, &format!("cleaning up after {number}"), Err(stop));
        }
    }

    async fn all(&mut self, steps: Steps) {
        Box::pin(self.flat(steps)).await;
        for mode in [MarginMode::Cross, MarginMode::Isolated] {
            for side in [Side::Buy, Side::Sell] {
                Box::pin(self.held(steps, mode, side)).await;
            }
        }
        Box::pin(self.abilities()).await;
    }

    async fn flat(&mut self, steps: Steps) {
        case!(self, 21, "leverage reads back as set", |b| b.set_and_read_back(steps));
        case!(self, 22, "setting the same leverage succeeds", |b| b.no_op_is_a_success());
        case!(self, 23, "leverage above the maximum is refused", |b| b.above_the_maximum());
        case!(self, 24, "leverage off the step is refused", |b| b.off_the_step());
        case!(self, 25, "the margin mode is set as declared", |b| b.mode_while_flat());
        case!(self, 30, "an order below the minimum is refused", |b| b.below_minimum());
        case!(self, 31, "a size off the lot is refused", |b| b.broken_lot());
        case!(self, 32, "a price off the tick is refused", |b| b.broken_tick());
        case!(self, 33, "an order beyond the margin is refused", |b| b.beyond_margin());
        case!(self, 34, "reducing nothing is refused", |b| b.nothing_to_reduce());
        case!(self, 35, "an immediate order outside the market ends", |b| b.immediate_outside_the_market());
        case!(self, 36, "an order rests, is found, and is cancelled twice", |b| b.resting_order());
        case!(self, 37, "an order is cancelled by the venue's id", |b| b.cancel_by_the_venues_id());
        case!(self, 38, "a post-only order never takes", |b| b.post_only_never_takes());
        case!(self, 39, "a reused id does what is declared", |b| b.reused_id());
        case!(self, 40, "outcomes of a batch are in its order", |b| b.batch_in_order());
        case!(self, 41, "open orders block leverage as declared", |b| b.leverage_with_orders(steps));
        case!(self, 42, "open orders block the mode as declared", |b| b.mode_with_orders());
    }

    /// After the others: they open positions, and what is wrong with opening belongs there.
    async fn abilities(&mut self) {
        case!(self, 72, "cancelling everything leaves no orders", |b| b.cancel_all_ordinary());
        case!(self, 73, "a stop order waits, is shown, and is cancelled twice", |b| b.stop_orders_wait());
        case!(self, 74, "cancelling everything keeps stop orders where asked", |b| b
            .cancel_all_keeps_stops());
    }

    async fn held(&mut self, steps: Steps, mode: MarginMode, side: Side) {
        let what = format!("{mode} {}", if side == Side::Buy { "long" } else { "short" });
        case!(self, 50, format!("{what}: mode and leverage can be set"), |b| b.prepare(mode, steps.usual));
        if !matches!(self.report.cases.last().map(|case| &case.verdict), Some(Verdict::Passed)) {
            return;
        }
        macro_rules! held {
            ($number:literal, $name:literal, |$b:ident| $tried:expr) => {
                case!(self, $number, format!("{what}: {}", $name), |$b| async {
                    // A case before this one may have left another leverage.
                    $b.prepare(mode, steps.usual).await?;
                    $tried.await
                });
            };
        }
        held!(51, "opens at its setting", |b| b.opens_at_its_setting(mode, steps.usual, side));
        held!(52, "grows", |b| b.adds(side));
        held!(53, "is reduced and closed", |b| b.reduces_and_closes(side));
        held!(54, "reduce-only never grows it", |b| b.never_grows(side));
        held!(55, "oversized reduce-only does what is declared", |b| b.oversize(side));
        held!(56, "small reductions do what is declared", |b| b.small_reductions(side));
        held!(57, "an immediate order reports its rest", |b| b.remainder_is_reported(side));
        held!(60, "setting the same leverage succeeds", |b| b.no_op_while_held(steps, side));
        held!(61, "raising leverage does what is declared", |b| b.raise_while_held(steps, side));
        match mode {
            MarginMode::Cross => {
                held!(62, "lowering leverage does what is declared", |b| b
                    .lower_cross_while_held(steps, side));
            }
            MarginMode::Isolated => {
                held!(62, "lowering leverage does what is declared", |b| b
                    .lower_isolated_while_held(steps, side));
            }
        }
        held!(63, "leverage above the maximum is refused", |b| b.above_the_maximum_while_held(side));
        held!(64, "switching the mode does what is declared", |b| b.mode_while_held(side));
        held!(65, "moving margin does what is declared", |b| b.margin_in_and_out(side));
    }
}

fn note(report: &mut Report, number: u32, name: &str, tried: Tried) {
    let verdict = match tried {
        Ok(()) => Verdict::Passed,
        Err(Stop::Failed(why)) => Verdict::Failed(why),
        Err(Stop::Skipped(why)) => Verdict::Skipped(why),
    };
    report.cases.push(Case { number, name: name.into(), verdict });
}
