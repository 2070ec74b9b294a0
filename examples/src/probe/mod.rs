//! Finding out what a venue really does: every belief that the planner and the executor decide by, tried with tiny sizes.
//!
//! [`probe`] takes any [`Trade`] and [`Clock`], so that the paper exchange can stand in for a venue. It works on one
//! symbol that is flat and without orders, and leaves it so, with the leverage and mode that it had.

mod answers;
pub mod file;
mod hands;
mod leverage;
mod orders;
pub mod show;

use evenkeel_exchange::{Cancel, Clock, Trade};
use evenkeel_types::{Capabilities, Decimal, MarginMode, Qty, Scope, Symbol, Usd};
use serde::{Deserialize, Serialize};

use self::answers::{Setback, Tried};
use self::hands::Hands;
use self::leverage::Steps;
use crate::failure::Failure;

/// Something that is believed about a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Belief {
    /// Writing the leverage that is already set.
    NoOp,
    /// What the margin mode is set on.
    ModeScope,
    /// Resting orders against a change of leverage.
    OrdersBlockLeverage,
    /// Resting orders against a change of margin mode.
    OrdersBlockMode,
    /// Sending the identity of a resting order again.
    UsedIdWhileOpen,
    /// What the answer to an order means.
    Acknowledgement,
    /// How long until an execution shows.
    ReadLag,
    /// Fencing off an order.
    Fence,
    /// Sending the identity of an executed order again.
    UsedIdAfterFill,
    /// Raising the leverage of a cross position.
    RaiseCross,
    /// Lowering it.
    LowerCross,
    /// Switching the margin mode of a position.
    SwitchMode,
    /// Raising the leverage of an isolated position.
    RaiseIsolated,
    /// Lowering it.
    LowerIsolated,
    /// Moving isolated margin.
    MarginAdjustment,
    /// A reduce-only order larger than the position.
    OversizedReduction,
    /// Exemptions from the smallest order value.
    MinNotional,
}

impl Belief {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Belief::NoOp => "no-op leverage write",
            Belief::ModeScope => "margin mode is set per",
            Belief::OrdersBlockLeverage => "orders block leverage",
            Belief::OrdersBlockMode => "orders block margin mode",
            Belief::UsedIdWhileOpen => "used id while it rests",
            Belief::Acknowledgement => "answer to an order",
            Belief::ReadLag => "lag after a fill",
            Belief::Fence => "fencing off an order",
            Belief::UsedIdAfterFill => "used id after its fill",
            Belief::RaiseCross => "raise, cross position",
            Belief::LowerCross => "lower, cross position",
            Belief::SwitchMode => "switch mode, position",
            Belief::RaiseIsolated => "raise, isolated position",
            Belief::LowerIsolated => "lower, isolated position",
            Belief::MarginAdjustment => "move isolated margin",
            Belief::OversizedReduction => "oversized reduce-only",
            Belief::MinNotional => "below the minimum",
        }
    }
}

/// What was seen of one belief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Which.
    pub belief: Belief,
    /// What is documented.
    pub documented: String,
    /// What was observed; `None` where it could not be tried.
    pub observed: Option<String>,
    /// What that rests on, or why it was not tried.
    pub evidence: String,
}

impl Observation {
    /// Observed, documented, and not the same.
    #[must_use]
    pub fn differs(&self) -> bool {
        let promised = self.documented != "-" && self.documented != "no promise";
        promised && self.observed.as_ref().is_some_and(|observed| !same(observed, &self.documented))
    }
}

/// Two ways to see the same: an order that was not carried out was refused, whether or not the answer said so.
fn same(observed: &str, documented: &str) -> bool {
    observed == documented || documented == "refused" && matches!(observed, "not executed" | "not placed")
}

/// All that was found.
#[derive(Debug, Clone)]
pub struct Findings {
    /// What the venue documents.
    pub documented: Capabilities,
    /// The same with what was observed instead.
    pub capabilities: Capabilities,
    /// Belief by belief, in the order tried.
    pub observations: Vec<Observation>,
    /// Why it ended early, where it did.
    pub stopped: Option<String>,
    /// What could not be cleaned up.
    pub left: Vec<String>,
    /// What must not happen anywhere, and did.
    pub alarms: Vec<String>,
    refused_while_open: Option<bool>,
    refused_after_fill: Option<bool>,
}

impl Findings {
    fn new(documented: &Capabilities) -> Self {
        Self {
            documented: documented.clone(),
            capabilities: documented.clone(),
            observations: Vec::new(),
            stopped: None,
            left: Vec::new(),
            alarms: Vec::new(),
            refused_while_open: None,
            refused_after_fill: None,
        }
    }

    fn record(&mut self, belief: Belief, documented: String, observed: String, evidence: String) {
        self.observations.push(Observation { belief, documented, observed: Some(observed), evidence });
    }

    fn not_tried(&mut self, belief: Belief, documented: String, why: &str) {
        self.observations.push(Observation { belief, documented, observed: None, evidence: why.to_owned() });
    }

    fn alarm(&mut self, what: String) {
        self.alarms.push(what);
    }

    fn mode_can_be_set(&self) -> bool {
        self.capabilities.margin_mode_scope == evenkeel_types::MarginModeScope::Symbol
    }

    /// Whether it came to its end and left nothing behind.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none() && self.left.is_empty()
    }

    /// How many beliefs turned out otherwise.
    #[must_use]
    pub fn differences(&self) -> usize {
        self.observations.iter().filter(|observation| observation.differs()).count()
    }
}

/// A capability as files spell it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => "-".to_owned(),
    }
}

/// What a probe would trade: to be shown before it is confirmed.
#[derive(Debug, Clone)]
pub struct Size {
    /// Of one order.
    pub qty: Qty,
    /// What that is worth.
    pub value: Usd,
    /// Free margin that it takes.
    pub needed: Usd,
}

/// Whether the symbol can be probed, and with which size.
///
/// # Errors
/// [`Failure::Input`] for a symbol that is held, has orders, or an account with too little free margin.
pub async fn size(venue: &dyn Trade, clock: &dyn Clock, symbol: &Symbol) -> Result<Size, Failure> {
    let refused = |why: String| Failure::input(format!("--symbol: {symbol}: {why}"));
    let snapshot = venue.snapshot(&Scope::of([symbol.clone()])).await?;
    let held = snapshot.qty(symbol);
    if !held.is_zero() {
        return Err(refused(format!("{held} are held; close that first, or probe with another symbol")));
    }
    let orders = snapshot.open_orders.iter().filter(|order| order.symbol == *symbol).count();
    if orders > 0 {
        return Err(refused(format!(
            "{orders} order(s) are open; cancel them first, or probe with another symbol"
        )));
    }
    let cancel = Cancel::new();
    let hands = Hands { venue, clock, cancel: &cancel, symbol: symbol.clone(), count: 0 };
    let computed = || -> Tried<Size> {
        let qty = hands.unit(&snapshot)?;
        let value = snapshot.quote(symbol)?.mark.value(qty)?;
        // Resting orders are twice as large, sent twice in one of the trials, and may be at 1x.
        Ok(Size { qty, value, needed: value.times(Decimal::from(4))? })
    };
    let size = computed().map_err(|setback| match setback {
        Setback::NotTried(why) | Setback::Stop(why) => refused(why),
    })?;
    let pool = &snapshot.instrument(symbol).map_err(Failure::input)?.pool;
    let free = snapshot.pool(pool).map_or(Usd::ZERO, |pool| pool.free);
    if free < size.needed {
        return Err(refused(format!(
            "{:.2} of free margin are needed for a probe, there are {free:.2}",
            size.needed
        )));
    }
    Ok(size)
}

/// Tries every belief. `tell` is called with one line for each thing that begins. It always comes back: what could not be
/// tried, or not be cleaned up, is in the findings.
pub async fn probe(
    venue: &dyn Trade,
    clock: &dyn Clock,
    documented: &Capabilities,
    symbol: &Symbol,
    tell: &mut dyn FnMut(&str),
    cancel: &Cancel,
) -> Findings {
    let mut findings = Findings::new(documented);
    let mut hands = Hands { venue, clock, cancel, symbol: symbol.clone(), count: 0 };
    let ready = async {
        let snapshot = hands.snapshot().await?;
        let modes = snapshot.instrument(symbol)?.margin_modes;
        Ok::<_, Setback>((snapshot.setting(symbol)?.clone(), Steps::of(&snapshot, symbol)?, modes))
    };
    let (before, steps, modes) = match ready.await {
        Ok(ready) => ready,
        Err(Setback::NotTried(why) | Setback::Stop(why)) => {
            findings.stopped = Some(why);
            return findings;
        }
    };
    for trial in TRIALS {
        tell(trial.what());
        let tried = match trial {
            Trial::Flat => leverage::while_flat(&hands, &mut findings).await,
            Trial::Orders => leverage::with_orders(&mut hands, &mut findings, steps).await,
            Trial::RestingId => orders::resting_id(&mut hands, &mut findings).await,
            Trial::Fill => orders::after_a_fill(&mut hands, &mut findings).await,
            Trial::Cross if modes.allows(MarginMode::Cross) => {
                leverage::with_cross(&mut hands, &mut findings, steps).await
            }
            Trial::Isolated if modes.allows(MarginMode::Isolated) => {
                leverage::with_isolated(&mut hands, &mut findings, steps).await
            }
            Trial::Cross | Trial::Isolated => {
                answers::not_tried("the instrument does not have this margin mode")
            }
            Trial::Oversized => orders::oversized_reduction(&mut hands, &mut findings).await,
            Trial::Minimum => orders::below_the_minimum(&mut hands, &mut findings).await,
        };
        let mut stop = None;
        match tried {
            Ok(()) => {}
            Err(Setback::NotTried(why)) => trial.give_up(&mut findings, &why),
            Err(Setback::Stop(why)) => stop = Some(why),
        }
        if let Err(Setback::NotTried(why) | Setback::Stop(why)) = hands.clean().await {
            // One more time: what was on its way may have arrived meanwhile.
            clock.sleep(hands::PATIENCE).await;
            if hands.clean().await.is_err() {
                findings.left.push(format!("{symbol} may hold a position or orders: {why}"));
                stop = stop.or(Some("cleaning up failed".to_owned()));
            }
        }
        if !findings.alarms.is_empty() {
            stop = stop.or_else(|| findings.alarms.first().cloned());
        }
        if let Some(why) = stop {
            findings.stopped = Some(why);
            break;
        }
    }
    orders::conclude_identity(&mut findings);
    tell("bringing the settings back");
    if let Err(Setback::NotTried(why) | Setback::Stop(why)) = hands.restore(&before).await {
        findings.left.push(format!("{symbol} was at {}x {}: {why}", before.long, before.mode));
    }
    findings
}

/// What is done with one position or order.
#[derive(Debug, Clone, Copy)]
enum Trial {
    Flat,
    Orders,
    RestingId,
    Fill,
    Cross,
    Isolated,
    Oversized,
    Minimum,
}

const TRIALS: [Trial; 8] = [
    Trial::Flat,
    Trial::Orders,
    Trial::RestingId,
    Trial::Fill,
    Trial::Cross,
    Trial::Isolated,
    Trial::Oversized,
    Trial::Minimum,
];

impl Trial {
    fn what(self) -> &'static str {
        match self {
            Trial::Flat => "settings while flat",
            Trial::Orders => "settings while an order rests",
            Trial::RestingId => "the identity of a resting order, sent again",
            Trial::Fill => "an execution, and its identity sent again",
            Trial::Cross => "leverage and mode of a cross position",
            Trial::Isolated => "leverage and margin of an isolated position",
            Trial::Oversized => "a reduce-only order of twice the position",
            Trial::Minimum => "reductions below the smallest order",
        }
    }

    /// What it would have shown.
    fn beliefs(self) -> &'static [Belief] {
        match self {
            Trial::Flat => &[Belief::NoOp, Belief::ModeScope],
            Trial::Orders => &[Belief::OrdersBlockLeverage, Belief::OrdersBlockMode],
            Trial::RestingId => &[Belief::UsedIdWhileOpen],
            Trial::Fill => &[Belief::Acknowledgement, Belief::UsedIdAfterFill],
            Trial::Cross => &[Belief::RaiseCross, Belief::LowerCross, Belief::SwitchMode],
            Trial::Isolated => &[Belief::RaiseIsolated, Belief::LowerIsolated, Belief::MarginAdjustment],
            Trial::Oversized => &[Belief::OversizedReduction],
            Trial::Minimum => &[Belief::MinNotional],
        }
    }

    fn give_up(self, findings: &mut Findings, why: &str) {
        for belief in self.beliefs() {
            if !findings.observations.iter().any(|seen| seen.belief == *belief) {
                let documented = documented(*belief, &findings.documented);
                findings.not_tried(*belief, documented, why);
            }
        }
    }
}

fn documented(belief: Belief, rules: &Capabilities) -> String {
    let yes_or_no = |answer: bool| if answer { "yes" } else { "no" }.to_owned();
    match belief {
        Belief::NoOp => "accepted".to_owned(),
        Belief::ModeScope => word(&rules.margin_mode_scope),
        Belief::OrdersBlockLeverage => yes_or_no(rules.orders_block_leverage),
        Belief::OrdersBlockMode => yes_or_no(rules.orders_block_mode),
        Belief::UsedIdWhileOpen | Belief::UsedIdAfterFill => word(&rules.dedupe),
        Belief::Acknowledgement => word(&rules.acknowledgement),
        Belief::ReadLag => "-".to_owned(),
        Belief::Fence => word(&rules.fence),
        Belief::RaiseCross => yes_or_no(rules.raise_with_position.cross),
        Belief::LowerCross => yes_or_no(rules.lower_cross_with_position),
        Belief::SwitchMode => yes_or_no(rules.switch_mode_with_position),
        Belief::RaiseIsolated => yes_or_no(rules.raise_with_position.isolated),
        Belief::LowerIsolated => word(&rules.lower_isolated),
        Belief::MarginAdjustment => word(&rules.margin_adjustment),
        Belief::OversizedReduction => word(&rules.reduce_only),
        Belief::MinNotional => word(&rules.min_notional),
    }
}
