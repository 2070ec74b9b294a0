//! Accounts, plans and results for people.

use evenkeel_executor::{Event, Outcome, Preview, Report, TradeStatus};
use evenkeel_margin::WARN_UTILISATION;
use evenkeel_rebalance::{
    AccountView, Action, Cap, Costs, LeverageChange, NoteCode, Plan, PositionView, Step, Work,
};
use evenkeel_types::{Decimal, Exact, Price, Usd, round};

use crate::metrics::Row;
use crate::screen::{Screen, Tone};
use crate::table::{Align, Cell, Table};

/// What this is, and what was assumed.
pub fn opening(screen: &mut Screen, title: &str, assumptions: &[String]) {
    screen.text(Tone::Strong, 0, 0, title);
    for assumption in assumptions {
        screen.text(Tone::Dim, 0, 2, &format!("({assumption})"));
    }
}

/// An account: its figures and its positions.
pub fn account(screen: &mut Screen, heading: &str, view: &AccountView) {
    screen.heading(heading);
    figures(screen, view);
    positions(screen, view.positions.iter().map(|position| (position, None)));
}

/// An account in one line, with a warning where most of it is margin.
pub fn figures(screen: &mut Screen, view: &AccountView) {
    let used = ratio(view.margin_used, view.account_value);
    let effective = times(ratio(view.gross, view.account_value));
    let text = format!(
        "account value {:.2}; gross {:.2} ({effective}); margin used {:.2} ({})",
        view.account_value,
        view.gross,
        view.margin_used,
        percent(used)
    );
    screen.text(Tone::Plain, 2, 2, &text);
    if used.is_none_or(|used| used >= WARN_UTILISATION) && view.margin_used.is_positive() {
        let text = format!(
            "warning: {} of the account value is used as margin, warned from {}",
            percent(used),
            percent(Some(WARN_UTILISATION))
        );
        screen.text(Tone::Warn, 2, 2, &text);
    }
}

/// A row for each position, below which stands what is to be said about it.
pub fn positions<'a>(
    screen: &mut Screen,
    positions: impl IntoIterator<Item = (&'a PositionView, Option<String>)>,
) {
    let mut positions = positions.into_iter().peekable();
    if positions.peek().is_none() {
        screen.text(Tone::Dim, 2, 2, "no positions");
        return;
    }
    let mut table = Table::new(&[
        ("symbol", Align::Left),
        ("size", Align::Right),
        ("mark", Align::Right),
        ("value", Align::Right),
        ("share", Align::Right),
        ("leverage", Align::Right),
        ("liquidation", Align::Right),
        ("away", Align::Right),
    ]);
    for (position, remark) in positions {
        let cells = vec![
            position.symbol.as_str().into(),
            position.size.to_string().into(),
            price(position.mark).into(),
            format!("{:.2}", position.value).into(),
            percent(Some(position.allocation)).into(),
            format!("{}x {}", position.leverage, position.margin_mode).into(),
            position.liquidation_price.map_or_else(|| "N/A".to_owned(), price).into(),
            percent(position.liquidation_distance).into(),
        ];
        match remark {
            Some(remark) => table.row_with(cells, remark),
            None => table.row(cells),
        }
    }
    table.print(screen);
}

/// What would be done, why, and at what cost.
pub fn plan(screen: &mut Screen, preview: &Preview) {
    let plan: &Plan = &preview.plan;
    let change = words(plan.leverage_change);
    let id = plan.id().to_string();
    screen.heading(&format!("Plan {} (leverage change: {change})", id.get(..12).unwrap_or(&id)));
    if plan.is_empty() {
        screen.text(Tone::Plain, 2, 2, "nothing to do: the account is where the target wants it");
    } else {
        steps(plan).print(screen);
    }
    let worst = costs(&plan.costs);
    screen.text(Tone::Plain, 2, 2, &format!("costs at worst: {worst}"));
    if let Some(other) = &plan.alternative {
        let text = format!("{} instead: {}", words(other.leverage_change), costs(&other.costs));
        screen.text(Tone::Dim, 2, 2, &text);
    }
    cap(screen, &plan.cap);
    // What a scaled plan's note says is in the lines above.
    for note in plan.notes.iter().filter(|note| note.code != NoteCode::Scaled) {
        let tone = if note.code == NoteCode::AboveCap { Tone::Warn } else { Tone::Plain };
        screen.text(tone, 2, 2, &format!("note: {note}"));
    }
}

fn steps(plan: &Plan) -> Table {
    let mut table = Table::new(&[
        ("phase", Align::Left),
        ("symbol", Align::Left),
        ("action", Align::Left),
        ("", Align::Left),
        ("size", Align::Right),
        ("value", Align::Right),
        ("limit", Align::Right),
    ]);
    for phase in &plan.phases {
        for step in &phase.steps {
            let [side, size, value, limit] = work(step);
            let cells = vec![
                phase.kind.to_string().into(),
                step.symbol.as_str().into(),
                step.action.to_string().into(),
                side.into(),
                size.into(),
                value.into(),
                limit.into(),
            ];
            table.row_with(cells, step.reason.as_str());
        }
    }
    table
}

fn work(step: &Step) -> [String; 4] {
    let empty = String::new;
    match &step.work {
        Work::Order { side, qty, limit, .. } => {
            [side.to_string(), qty.to_string(), format!("{:.2}", step.value), price(*limit)]
        }
        Work::SetLeverage { from, to } => [empty(), format!("{from}x to {to}x"), empty(), empty()],
        Work::SetMarginMode { from, to } => [empty(), format!("{from} to {to}"), empty(), empty()],
        Work::AdjustMargin { delta } => [empty(), empty(), format!("{delta:.2}"), empty()],
        _ => [empty(), empty(), empty(), empty()],
    }
}

fn costs(costs: &Costs) -> String {
    let profit = costs.realized_pnl.map_or_else(|| "N/A".to_owned(), |profit| format!("{profit:.2}"));
    format!(
        "{}, turnover {:.2}, fees {:.2}, slippage {:.2}, realised profit {profit}",
        count(costs.trades, "trade"),
        costs.turnover,
        costs.fees,
        costs.slippage
    )
}

/// The venue's limit, and the factor after costs.
fn cap(screen: &mut Screen, cap: &Cap) {
    let text = format!(
        "limit: an account value of {:.2} carries {:.2} at this leverage; wanted {:.2}",
        cap.account_value, cap.max_gross, cap.wanted
    );
    screen.text(Tone::Plain, 2, 2, &text);
    let text = format!(
        "factor: venue's limit {}; after costs {:.2} can be carried, so {}",
        if cap.venue_scale < Decimal::ONE {
            format!("{:.2} / {:.2} = {}", cap.max_gross, cap.wanted, factor(cap.venue_scale))
        } else {
            "1".to_owned()
        },
        cap.max_gross_after_costs,
        factor(cap.scale)
    );
    let tone = if cap.scale < Decimal::ONE { Tone::Warn } else { Tone::Plain };
    screen.text(tone, 2, 2, &text);
}

/// One line for what is happening.
pub fn event(screen: &mut Screen, event: &Event) {
    let tone = match event {
        Event::OrderRefused { .. } | Event::WriteFailed { .. } | Event::OrderUnknown { .. } => Tone::Bad,
        Event::SetAside { .. } | Event::Quarantined { .. } | Event::ReadFailed { .. } => Tone::Warn,
        Event::PhaseStarted { .. } | Event::RunStarted { .. } => Tone::Plain,
        // The result repeats it.
        Event::Finished { .. } => return,
        _ => Tone::Dim,
    };
    let indent = if matches!(event, Event::PhaseStarted { .. } | Event::RunStarted { .. }) { 2 } else { 4 };
    screen.text(tone, indent, 2, &event.to_string());
}

/// What became of every trade, the metrics, and the message.
pub fn result(screen: &mut Screen, report: &Report, rows: &[Row]) {
    screen.heading("Trades");
    if report.trades.is_empty() {
        screen.text(Tone::Dim, 2, 2, "none");
    } else {
        let mut table = Table::new(&[
            ("symbol", Align::Left),
            ("action", Align::Left),
            ("size", Align::Right),
            ("value", Align::Right),
            ("fee", Align::Right),
            ("status", Align::Left),
        ]);
        for trade in &report.trades {
            let tone = match trade.status {
                TradeStatus::Filled => Tone::Good,
                TradeStatus::Partial | TradeStatus::Skipped => Tone::Warn,
                _ => Tone::Bad,
            };
            let cells = vec![
                trade.symbol.as_str().into(),
                trade.action.to_string().into(),
                trade.size.to_string().into(),
                format!("{:.2}", trade.value).into(),
                format!("{:.2}", trade.fee).into(),
                Cell::toned(tone, trade.status.to_string()),
            ];
            match &trade.error {
                Some(error) => table.row_with(cells, error.as_str()),
                None => table.row(cells),
            }
        }
        table.print(screen);
    }
    screen.heading("Metrics");
    let mut table = Table::new(&[
        ("metric", Align::Left),
        ("target", Align::Right),
        ("actual", Align::Right),
        ("error", Align::Right),
        ("", Align::Left),
    ]);
    for row in rows {
        let [target, actual, error] = row.cells();
        let verdict = if row.pass { Cell::toned(Tone::Good, "pass") } else { Cell::toned(Tone::Bad, "fail") };
        table.row(vec![row.name.as_str().into(), target.into(), actual.into(), error.into(), verdict]);
    }
    table.print(screen);
    screen.gap();
    let tone = match (&report.outcome, report.success) {
        (Outcome::Done, true) => Tone::Good,
        (Outcome::Done, false) => Tone::Warn,
        _ => Tone::Bad,
    };
    screen.text(tone, 0, 2, &report.message);
    let summary = report.summary;
    let text = format!(
        "{} executed, {} successful, {} failed, {} skipped; {} and {} to the venue",
        summary.executed,
        summary.successful,
        summary.failed,
        summary.skipped,
        count(report.rounds, "round"),
        count(report.trips, "trip")
    );
    screen.text(Tone::Dim, 0, 2, &text);
}

/// What is said about a plan that is not executed.
#[must_use]
pub fn planned(plan: &Plan) -> String {
    let trades = plan.steps().filter(|step| matches!(step.work, Work::Order { .. })).count();
    let settings = plan
        .steps()
        .filter(|step| matches!(step.action, Action::SetLeverage | Action::SetMarginMode))
        .count();
    format!(
        "Planned: {} and {}; nothing was sent",
        count(u32::try_from(trades).unwrap_or(u32::MAX), "trade"),
        count(u32::try_from(settings).unwrap_or(u32::MAX), "setting")
    )
}

fn words(change: LeverageChange) -> &'static str {
    match change {
        LeverageChange::Auto => "auto",
        LeverageChange::Reopen => "reopen",
        _ => "other",
    }
}

fn count(number: u32, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn ratio(part: Usd, whole: Usd) -> Option<Decimal> {
    if whole.is_positive() { part.get().over(whole.get()).ok() } else { None }
}

/// A fraction in percent; `N/A` where there is none.
#[must_use]
pub fn percent(fraction: Option<Decimal>) -> String {
    fraction
        .and_then(|fraction| fraction.times(Decimal::ONE_HUNDRED).ok())
        .map_or_else(|| "N/A".to_owned(), |percent| format!("{} %", round::for_reading(percent, 2)))
}

/// A multiple; `N/A` where there is none.
#[must_use]
pub fn times(multiple: Option<Decimal>) -> String {
    multiple.map_or_else(|| "N/A".to_owned(), |multiple| format!("{}x", round::for_reading(multiple, 2)))
}

fn factor(factor: Decimal) -> String {
    if factor == Decimal::ONE { "1".to_owned() } else { round::for_reading(factor, 4) }
}

/// A price with the digits that matter: a mark that follows from a position's value can have 28.
#[must_use]
pub fn price(price: Price) -> String {
    let value = price.get();
    let places = if value >= Decimal::ONE_THOUSAND {
        2
    } else if value >= Decimal::ONE {
        4
    } else {
        8
    };
    let text = round::for_reading(value, places);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
