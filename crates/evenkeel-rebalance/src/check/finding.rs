//! What a check finds.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use evenkeel_types::Symbol;
use serde::Serialize;

/// Which rule a plan breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// The snapshot, the target or the policy is unusable, or they are not of one account.
    Inputs,
    /// The plan is of another account, moment, round or form than its inputs.
    Identity,
    /// Phases, steps and their numbers are not in order.
    Sequence,
    /// A step on a symbol that the run does not trade.
    Scope,
    /// A step whose action and work do not belong together, or not into its phase.
    Shape,
    /// Resting orders are not dealt with as the policy says.
    OpenOrders,
    /// An order with the wrong side or reduce-only flag for what it does.
    Direction,
    /// An order for the wrong leg.
    PositionSide,
    /// An order of a size that the venue refuses.
    Size,
    /// An order below the venue's or the policy's smallest value.
    MinNotional,
    /// A limit price that the venue refuses or the policy forbids.
    LimitPrice,
    /// The instrument takes no such orders.
    Status,
    /// The position stated after a step is not what the step makes of the one before it.
    Chain,
    /// The value stated for a step is not its size times the mark.
    Value,
    /// A reduction that could flip the position.
    ReduceOnly,
    /// Gross exposure could exceed account value times leverage.
    Exposure,
    /// A pool could run out of margin.
    PoolMargin,
    /// An isolated bucket would not cover its position, or gets or gives what it must not.
    Bucket,
    /// A leverage write that the venue refuses, the policy forbids or the target does not ask for.
    LeverageStep,
    /// A margin-mode switch that the venue refuses or the target does not ask for.
    MarginMode,
    /// An order that adds while the symbol's setting is not the target's.
    LeverageUnset,
    /// A notional beyond what the venue allows at its leverage.
    Tier,
    /// A position beyond the policy's limit for it.
    PositionCap,
    /// An account beyond the policy's limits on gross, net or number of positions.
    AccountCap,
    /// More traded than the policy allows in a run.
    Turnover,
    /// A way back to a phase of the run that is over.
    Forward,
    /// Adding to a symbol that was set aside.
    SetAside,
    /// Adding to a symbol of which it is not known what is held.
    Pending,
    /// More symbols flat at once than the policy allows, or a reopening without a reason.
    Reopen,
    /// A scale factor that rose, or is not what the figures give.
    Scale,
    /// Outside what was approved.
    OutsideEnvelope,
    /// A symbol that ends farther from its target, or beyond it.
    TargetTruth,
    /// Costs that are not those of the steps.
    Costs,
    /// Figures shown to the user that are not those of the account.
    View,
    /// Arithmetic that does not fit: nothing can be said, so nothing may be sent.
    Arithmetic,
}

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule is broken.
    pub rule: Rule,
    /// At which symbol, where it is about one.
    pub symbol: Option<Symbol>,
    /// At which step, where it is about one.
    pub step: Option<u32>,
    /// In words, with the figures.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.rule)?;
        if let Some(step) = self.step {
            write!(f, ", step {step}")?;
        }
        if let Some(symbol) = &self.symbol {
            write!(f, ", {symbol}")?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Everything that is wrong with a plan; never empty. One line each when printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// `None` when there is nothing to report.
    pub(super) fn new(findings: Vec<Finding>) -> Option<Self> {
        if findings.is_empty() { None } else { Some(Self(findings)) }
    }

    /// The findings in the order in which they were met.
    pub fn iter(&self) -> core::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// Whether nothing is wrong but that the plan leaves what was approved: with a new approval it may be carried
    /// out. A plan that breaks anything else as well is no plan that anybody should be asked to approve.
    #[must_use]
    pub fn needs_approval(&self) -> bool {
        self.0.iter().all(|finding| finding.rule == Rule::OutsideEnvelope)
    }

    /// Whether a rule is among them.
    #[must_use]
    pub fn breaks(&self, rule: Rule) -> bool {
        self.0.iter().any(|finding| finding.rule == rule)
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = core::slice::Iter<'a, Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl core::error::Error for Findings {}

/// Where findings are written down.
#[derive(Debug, Default)]
pub(super) struct Log(pub(super) Vec<Finding>);

impl Log {
    pub(super) fn plan(&mut self, rule: Rule, text: String) {
        self.0.push(Finding { rule, symbol: None, step: None, text });
    }

    pub(super) fn symbol(&mut self, rule: Rule, symbol: &Symbol, text: String) {
        self.0.push(Finding { rule, symbol: Some(symbol.clone()), step: None, text });
    }

    pub(super) fn step(&mut self, rule: Rule, step: &crate::plan::Step, text: String) {
        self.0.push(Finding { rule, symbol: Some(step.symbol.clone()), step: Some(step.index), text });
    }
}
