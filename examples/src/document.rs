//! The result as one JSON document. Decimals are text; what does not exist is null.

use evenkeel_executor::{Outcome, Report, TradeStatus};
use evenkeel_rebalance::{AccountView, Action, Costs, LeverageChange, Note, PhaseKind, Plan, PlanId, Work};
use evenkeel_types::{Decimal, Price, Qty, Side, Symbol, Usd, decimal_text};
use serde::Serialize;

use crate::metrics::Row;

/// Version of the document's form.
const SCHEMA: u32 = 1;

/// The whole document.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    schema: u32,
    outcome: &'static str,
    success: bool,
    message: &'a str,
    summary: SummaryPart,
    before: &'a AccountView,
    plan: PlanPart<'a>,
    trades: Vec<TradePart<'a>>,
    /// The account at the end; of a plan that was not executed, the account that it leads to.
    after: Option<&'a AccountView>,
    metrics: &'a [Row],
}

#[derive(Debug, Serialize)]
struct SummaryPart {
    executed: u32,
    successful: u32,
    failed: u32,
    skipped: u32,
}

#[derive(Debug, Serialize)]
struct PlanPart<'a> {
    id: PlanId,
    #[serde(with = "decimal_text")]
    venue_scale: Decimal,
    #[serde(with = "decimal_text")]
    scale: Decimal,
    /// Account value times leverage.
    cap: Usd,
    phases: Vec<PhasePart<'a>>,
    notes: &'a [Note],
    costs: CostsPart<'a>,
}

#[derive(Debug, Serialize)]
struct PhasePart<'a> {
    phase: PhaseKind,
    steps: Vec<StepPart<'a>>,
}

#[derive(Debug, Serialize)]
struct StepPart<'a> {
    symbol: &'a Symbol,
    action: Action,
    side: Option<Side>,
    size: Option<Qty>,
    value: Usd,
    limit_price: Option<Price>,
    reduce_only: Option<bool>,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct CostsPart<'a> {
    #[serde(flatten)]
    own: &'a Costs,
    /// What the other way of changing leverage would cost.
    alternative: Option<AlternativePart<'a>>,
}

#[derive(Debug, Serialize)]
struct AlternativePart<'a> {
    leverage_change: LeverageChange,
    #[serde(flatten)]
    costs: &'a Costs,
}

#[derive(Debug, Serialize)]
struct TradePart<'a> {
    symbol: &'a Symbol,
    action: Action,
    value: Usd,
    size: Qty,
    status: String,
}

impl<'a> Document<'a> {
    /// Of a plan that is not executed.
    #[must_use]
    pub fn planned(plan: &'a Plan, message: &'a str) -> Self {
        let orders = plan.steps().filter_map(|step| match &step.work {
            Work::Order { qty, .. } => Some(TradePart {
                symbol: &step.symbol,
                action: step.action,
                value: step.value,
                size: *qty,
                status: "planned".to_owned(),
            }),
            _ => None,
        });
        Self {
            schema: SCHEMA,
            outcome: "planned",
            success: true,
            message,
            summary: SummaryPart { executed: 0, successful: 0, failed: 0, skipped: 0 },
            before: &plan.before,
            plan: PlanPart::of(plan),
            trades: orders.collect(),
            after: Some(&plan.after),
            metrics: &[],
        }
    }

    /// Of a run.
    #[must_use]
    pub fn executed(report: &'a Report, after: Option<&'a AccountView>, metrics: &'a [Row]) -> Self {
        let summary = report.summary;
        let trades = report.trades.iter().map(|trade| TradePart {
            symbol: &trade.symbol,
            action: trade.action,
            value: trade.value,
            size: trade.size,
            status: trade.status.to_string(),
        });
        Self {
            schema: SCHEMA,
            outcome: match report.outcome {
                Outcome::Done => "done",
                Outcome::Aborted(_) => "aborted",
                Outcome::Halted(_) => "halted",
            },
            success: report.success,
            message: &report.message,
            summary: SummaryPart {
                executed: summary.executed,
                successful: summary.successful,
                failed: summary.failed,
                skipped: summary.skipped,
            },
            before: &report.plan.before,
            plan: PlanPart::of(&report.plan),
            trades: trades.collect(),
            after,
            metrics,
        }
    }
}

impl<'a> PlanPart<'a> {
    fn of(plan: &'a Plan) -> Self {
        let alternative = plan.alternative.as_ref();
        Self {
            id: plan.id(),
            venue_scale: plan.cap.venue_scale,
            scale: plan.cap.scale,
            cap: plan.cap.max_gross,
            phases: plan
                .phases
                .iter()
                .map(|phase| PhasePart {
                    phase: phase.kind,
                    steps: phase.steps.iter().map(StepPart::of).collect(),
                })
                .collect(),
            notes: &plan.notes,
            costs: CostsPart {
                own: &plan.costs,
                alternative: alternative.map(|other| AlternativePart {
                    leverage_change: other.leverage_change,
                    costs: &other.costs,
                }),
            },
        }
    }
}

impl<'a> StepPart<'a> {
    fn of(step: &'a evenkeel_rebalance::Step) -> Self {
        let mut part = Self {
            symbol: &step.symbol,
            action: step.action,
            side: None,
            size: None,
            value: step.value,
            limit_price: None,
            reduce_only: None,
            reason: &step.reason,
        };
        if let Work::Order { side, qty, limit, reduce_only, .. } = &step.work {
            part.side = Some(*side);
            part.size = Some(*qty);
            part.limit_price = Some(*limit);
            part.reduce_only = Some(*reduce_only);
        }
        part
    }
}

/// The exit status of a run: 0 success, 1 aborted or without success, 3 halted or unknown.
#[must_use]
pub fn status(report: &Report) -> u8 {
    let unknown = report.trades.iter().any(|trade| trade.status == TradeStatus::Unknown);
    match &report.outcome {
        Outcome::Halted(_) => 3,
        _ if unknown => 3,
        Outcome::Done if report.success => 0,
        _ => 1,
    }
}
