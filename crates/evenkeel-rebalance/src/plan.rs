//! A plan: immutable, ordered, so specific that nothing is left to decide while it is carried out.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use evenkeel_types::{
    AccountId, ClientOrderId, Decimal, IdError, Leverage, MarginMode, NumberError, OrderIntent, PositionSide,
    Price, Qty, Side, Symbol, TimeInForce, Timestamp, Usd, VenueId, decimal_text,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::policy::{LeverageChange, Policy};
use crate::state::{Envelope, PhaseKind, Span};
use crate::target::ResolvedTarget;

/// The content hash of a plan: SHA-256 over its canonical JSON, in hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId([u8; 32]);

impl PlanId {
    fn of(body: &PlanBody) -> Result<Self, serde_json::Error> {
        Ok(Self(Sha256::digest(serde_json::to_string(body)?.as_bytes()).into()))
    }

    /// The hash itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanId({self})")
    }
}

impl Serialize for PlanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PlanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refused = || de::Error::custom("a plan id is 64 hex digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = core::str::from_utf8(pair).map_err(|_| refused())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Self(bytes))
    }
}

/// What a step does to its symbol, in the field's words. A flip is a close and an open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Action {
    /// Cancels a resting order.
    CancelOrder,
    /// Ends a position, with its exact size.
    Close,
    /// Makes a position smaller.
    Decrease,
    /// Makes a position larger.
    Increase,
    /// Begins a position.
    Open,
    /// Writes the leverage setting.
    SetLeverage,
    /// Switches between cross and isolated.
    SetMarginMode,
    /// Moves margin from the pool into an isolated bucket.
    AddMargin,
    /// Moves margin from an isolated bucket to the pool.
    RemoveMargin,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Action::CancelOrder => "CANCEL_ORDER",
            Action::Close => "CLOSE",
            Action::Decrease => "DECREASE",
            Action::Increase => "INCREASE",
            Action::Open => "OPEN",
            Action::SetLeverage => "SET_LEVERAGE",
            Action::SetMarginMode => "SET_MARGIN_MODE",
            Action::AddMargin => "ADD_MARGIN",
            Action::RemoveMargin => "REMOVE_MARGIN",
        })
    }
}

/// One write, with everything it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// An order that trades at once within its limit.
    Order {
        /// Buy or sell.
        side: Side,
        /// Which leg, in hedge mode.
        position_side: PositionSide,
        /// Size, above zero.
        qty: Qty,
        /// Worst acceptable price.
        limit: Price,
        /// Whether it can only reduce.
        reduce_only: bool,
    },
    /// Cancels an order by the venue's id.
    CancelOrder {
        /// The venue's id.
        venue_order_id: String,
    },
    /// Writes the leverage setting, on both sides where there are sides.
    SetLeverage {
        /// What it is now (the higher one, where the sides differ).
        from: Leverage,
        /// What it becomes.
        to: Leverage,
    },
    /// Switches the margin mode.
    SetMarginMode {
        /// What it is now.
        from: MarginMode,
        /// What it becomes.
        to: MarginMode,
    },
    /// Moves this much margin into the bucket (above zero) or out of it (below).
    AdjustMargin {
        /// How much.
        delta: Usd,
    },
}

/// One write of a plan, with its reason and what is expected to hold when it was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number in the plan, from 0; part of the order's identity.
    pub index: u32,
    /// Of which symbol.
    pub symbol: Symbol,
    /// What it does, in the field's words.
    pub action: Action,
    /// What is sent.
    pub work: Work,
    /// Signed position of the symbol when this step was carried out whole.
    pub qty_after: Qty,
    /// Notional traded at the mark price; zero for a step that trades nothing.
    pub value: Usd,
    /// Why.
    pub reason: String,
}

impl Step {
    /// The order to place, with its derived identity; `None` for a step that is no order.
    #[must_use]
    pub fn intent(&self, plan: PlanId, epoch: u64) -> Option<OrderIntent> {
        let Work::Order { side, position_side, qty, limit, reduce_only } = &self.work else { return None };
        Some(OrderIntent {
            id: order_id(plan, self.index, epoch),
            symbol: self.symbol.clone(),
            side: *side,
            position_side: *position_side,
            qty: *qty,
            limit: *limit,
            tif: TimeInForce::Ioc,
            reduce_only: *reduce_only,
        })
    }

    /// The order's size with the sign that it gives the position; zero for a step that is no order.
    #[must_use]
    pub fn signed_qty(&self) -> Qty {
        match &self.work {
            Work::Order { side, qty, .. } => side.signed(*qty),
            _ => Qty::ZERO,
        }
    }
}

/// The identity of an order: a hash of which plan, which step, and which holder of the account wrote it. The same
/// decision always has the same identity, and no other has it.
#[must_use]
pub fn order_id(plan: PlanId, step: u32, epoch: u64) -> ClientOrderId {
    let mut hasher = Sha256::new();
    hasher.update(plan.0);
    hasher.update(step.to_be_bytes());
    hasher.update(epoch.to_be_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let mut hash = [0; 16];
    for (to, from) in hash.iter_mut().zip(digest) {
        *to = from;
    }
    ClientOrderId::from_hash(&hash)
}

/// Steps that may be carried out together: every subset and every partial fill of them is within the limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Which kind.
    pub kind: PhaseKind,
    /// Its steps; never empty.
    pub steps: Vec<Step>,
}

/// Something that the plan declined, changed, or wants to be known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// Of which symbol, where it is about one.
    pub symbol: Option<Symbol>,
    /// Which kind.
    pub code: NoteCode,
    /// In words, with the figures.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.symbol {
            Some(symbol) => write!(f, "{symbol}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Kinds of [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoteCode {
    /// Everything was scaled down by one factor.
    Scaled,
    /// Lowering leverage needs more initial margin, raising it less.
    MarginChange,
    /// Gross stands above the cap and cannot be brought under it by this plan.
    AboveCap,
    /// Inside its no-trade band.
    InsideBand,
    /// Nearer to its target than a lot, or than what re-planning corrects.
    NearEnough,
    /// A trade below the venue's minimum or the policy's.
    BelowMinimum,
    /// A reduction enlarged to the venue's minimum because a limit requires it.
    RaisedToMinimum,
    /// The venue takes no orders for it, or only reducing ones.
    NotTradable,
    /// A target cut off by a limit on that position.
    Truncated,
    /// The margin mode asked for is not the one it gets.
    MarginModeForced,
    /// Trades made smaller by the turnover cap.
    TurnoverCapped,
    /// A change that has to wait for an earlier one of this run.
    Waits,
    /// Set aside earlier in the run.
    SetAside,
    /// A quantity whose outcome is not known, counted as filled.
    Pending,
    /// A position that the target does not name, kept.
    Kept,
    /// An order split into several.
    Split,
    /// A resting order that is counted, cancelled or left.
    OpenOrder,
    /// A correction left undone because its phase of the run is over.
    PhaseOver,
}

/// What carrying out a plan costs. Worst cases: every order filled at its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// How many orders.
    pub trades: u32,
    /// Notional traded, at mark prices.
    pub turnover: Usd,
    /// Fees.
    pub fees: Usd,
    /// Difference between limit and mark prices.
    pub slippage: Usd,
    /// Profit or loss realised by what is closed, at mark prices; `None` when an entry price is not known.
    pub realized_pnl: Option<Usd>,
}

/// The exposure cap and what it did to the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Account value when the plan was made.
    pub account_value: Usd,
    /// Gross that the target asks for, kept positions included.
    pub wanted: Usd,
    /// What the venue's own rule allows: account value times leverage (with leverages of their own, the multiple
    /// of the wanted book that `sum n/L` allows).
    pub max_gross: Usd,
    /// What is allowed after costs, reserve and stress move.
    pub max_gross_after_costs: Usd,
    /// `max_gross / wanted`, at most 1: the venue's limit.
    #[serde(with = "decimal_text")]
    pub venue_scale: Decimal,
    /// The factor that the target was multiplied with, after costs and all limits.
    #[serde(with = "decimal_text")]
    pub scale: Decimal,
    /// Share of every voluntary change that the turnover cap leaves; 1 where it does not bind.
    #[serde(with = "decimal_text")]
    pub trim: Decimal,
    /// Share of what the plan wanted to add that found room; below 1 only where something that cannot be reduced
    /// takes more of the cap than its share.
    #[serde(with = "decimal_text")]
    pub room: Decimal,
}

/// A position as an account view shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionView {
    /// What is held.
    pub symbol: Symbol,
    /// Signed size.
    pub size: Qty,
    /// Mark price.
    pub mark: Price,
    /// Notional, without sign.
    pub value: Usd,
    /// Signed share of the gross.
    #[serde(with = "decimal_text")]
    pub allocation: Decimal,
    /// Leverage setting.
    pub leverage: Leverage,
    /// Cross or isolated.
    pub margin_mode: MarginMode,
    /// Where it is liquidated, all other prices unchanged; `None` when nowhere.
    pub liquidation_price: Option<Price>,
    /// How far the mark price is from there, as a signed fraction: -0.2 is a fall of 20 %.
    #[serde(with = "decimal_text::optional")]
    pub liquidation_distance: Option<Decimal>,
}

/// An account in figures: as it is, or as it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Equity of all pools and buckets.
    pub account_value: Usd,
    /// Gross exposure.
    pub gross: Usd,
    /// Initial margin at the leverage settings, isolated buckets, and what the venue holds for orders.
    pub margin_used: Usd,
    /// Positions by symbol.
    pub positions: Vec<PositionView>,
}

/// What the other way of changing leverage would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// Which way.
    pub leverage_change: LeverageChange,
    /// Its costs.
    pub costs: Costs,
}

/// Everything in a plan but its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanBody {
    /// Version of this form.
    pub schema: u32,
    /// For which venue.
    pub venue: VenueId,
    /// For which account.
    pub account: AccountId,
    /// Time of the snapshot it was made from.
    pub as_of: Timestamp,
    /// Not to be executed after this.
    pub expires: Timestamp,
    /// How many plans of the run were executed before.
    pub round: u32,
    /// How leverage is changed.
    pub leverage_change: LeverageChange,
    /// The cap and the scale factor.
    pub cap: Cap,
    /// What is done, in order. Once release, leverage, acquire; and again for each further group of symbols that
    /// is closed and reopened.
    pub phases: Vec<Phase>,
    /// What was declined or changed, and why.
    pub notes: Vec<Note>,
    /// What it costs at worst.
    pub costs: Costs,
    /// What the other way of changing leverage would cost, where it differs.
    pub alternative: Option<Alternative>,
    /// The account as it is.
    pub before: AccountView,
    /// The account after the whole plan, every order filled at its limit.
    pub after: AccountView,
}

/// An immutable plan. Same inputs, byte-identical plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    id: PlanId,
    #[serde(flatten)]
    body: PlanBody,
}

impl<'de> Deserialize<'de> for Plan {
    /// Refuses a plan whose content does not have its hash.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            id: PlanId,
            #[serde(flatten)]
            body: PlanBody,
        }
        let raw = Raw::deserialize(deserializer)?;
        let plan = Self::seal(raw.body).map_err(de::Error::custom)?;
        if plan.id == raw.id {
            Ok(plan)
        } else {
            Err(de::Error::custom("the plan's content does not have its id"))
        }
    }
}

impl Plan {
    /// Seals a body with its hash.
    pub(crate) fn seal(body: PlanBody) -> Result<Self, PlanError> {
        let id = PlanId::of(&body).map_err(|error| PlanError::Encode { message: error.to_string() })?;
        Ok(Self { id, body })
    }

    /// Its content hash.
    #[must_use]
    pub fn id(&self) -> PlanId {
        self.id
    }

    /// Its canonical JSON, over which the hash is taken (without the id).
    ///
    /// # Errors
    /// [`PlanError::Encode`].
    pub fn canonical_json(&self) -> Result<String, PlanError> {
        serde_json::to_string(&self.body).map_err(|error| PlanError::Encode { message: error.to_string() })
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.phases.is_empty()
    }

    /// All steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.body.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// The symbols that a phase closes only to open them again on the same side later in the plan.
    #[must_use]
    pub fn reopened_by(&self, phase: &Phase) -> BTreeSet<Symbol> {
        let held: BTreeMap<&Symbol, bool> = self
            .before
            .positions
            .iter()
            .map(|position| (&position.symbol, position.size.is_negative()))
            .collect();
        let opened: BTreeSet<&Symbol> = self
            .steps()
            .filter(|step| step.action == Action::Open)
            .filter(|step| held.get(&step.symbol) == Some(&step.qty_after.is_negative()))
            .map(|step| &step.symbol)
            .collect();
        let closed = phase.steps.iter().filter(|step| step.action == Action::Close);
        closed.map(|step| &step.symbol).filter(|symbol| opened.contains(symbol)).cloned().collect()
    }

    /// What somebody approves who approves this plan: each symbol between where it is and where the plan brings it,
    /// through zero where it is closed, give or take a lot; the gross that the plan ends with, with the policy's cap
    /// tolerance for what prices alone do to it; the policy's slack on the turnover.
    ///
    /// `lots` is what one lot of each symbol is worth.
    ///
    /// # Errors
    /// [`NumberError`].
    pub fn envelope(
        &self,
        target: &ResolvedTarget,
        lots: &BTreeMap<Symbol, Usd>,
        policy: &Policy,
    ) -> Result<Envelope, NumberError> {
        let mut symbols = BTreeMap::new();
        for (symbol, wanted) in &target.symbols {
            let lot = lots.get(symbol).copied().unwrap_or(Usd::ZERO);
            let end = wanted.notional.times(self.cap.scale)?;
            let low = wanted.start_notional.min(end).minus(lot)?;
            let high = wanted.start_notional.max(end).plus(lot)?;
            symbols.insert(symbol.clone(), Span { low, high });
        }
        // And wherever the plan itself leads: through zero where it closes, and scaled down, a symbol can end below
        // both where it was and where the target wants it.
        let positions = self.before.positions.iter().chain(&self.after.positions);
        let marks: BTreeMap<&Symbol, Price> = positions.map(|p| (&p.symbol, p.mark)).collect();
        for step in self.steps() {
            if let (Some(span), Some(mark)) = (symbols.get_mut(&step.symbol), marks.get(&step.symbol)) {
                let value = mark.value(step.qty_after)?;
                let lot = lots.get(&step.symbol).copied().unwrap_or(Usd::ZERO);
                span.low = span.low.min(value.minus(lot)?);
                span.high = span.high.max(value.plus(lot)?);
            }
        }
        let lots = Usd::sum(lots.values().copied())?;
        let gross = self.body.after.gross;
        Ok(Envelope {
            symbols,
            gross: gross.plus(gross.times(policy.cap_tolerance.get())?)?.plus(lots)?,
            turnover: self.body.costs.turnover.times(policy.turnover_slack)?.plus(lots)?,
        })
    }
}

impl core::ops::Deref for Plan {
    type Target = PlanBody;
    fn deref(&self) -> &PlanBody {
        &self.body
    }
}

/// Why nothing was planned. Each names the field, the value, what is allowed, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The snapshot is not of the account that the target was resolved for.
    #[error("the snapshot is of {found}, the target was resolved for {wanted}")]
    OtherAccount {
        /// Of which account the snapshot is.
        found: String,
        /// Which account was wanted.
        wanted: String,
    },
    /// Resting orders under the default policy.
    #[error(
        "open_orders: {count} resting order(s) on the account ({list}); cancel them, or set the policy's open_orders to cancel or count_as_exposure"
    )]
    OpenOrders {
        /// How many.
        count: usize,
        /// Which, in words.
        list: String,
    },
    /// A protective stop on a symbol that the run would change.
    #[error(
        "open_orders: {symbol} is guarded by a stop order ({order}) that would no longer fit the new size; cancel it, or leave {symbol} as it is"
    )]
    ProtectiveOrder {
        /// Which symbol.
        symbol: Symbol,
        /// Which order, in words.
        order: String,
    },
    /// Resting orders that stand in the way of a leverage or mode change.
    #[error(
        "open_orders: {symbol} has resting orders, and {venue} changes no {what} while there are any; set the policy's open_orders to cancel"
    )]
    OrdersBlock {
        /// Which symbol.
        symbol: Symbol,
        /// Where.
        venue: VenueId,
        /// What cannot be changed.
        what: &'static str,
    },
    /// A target leverage above the policy's maximum.
    #[error("leverage: {leverage}x for {symbol} is above the policy's max_leverage of {max}x")]
    AboveMaxLeverage {
        /// For which symbol.
        symbol: Symbol,
        /// What was asked.
        leverage: Leverage,
        /// What the policy allows.
        max: Leverage,
    },
    /// A margin mode that cannot be had.
    #[error("margin_mode: {symbol} is {now} and cannot be {wanted}: {because}")]
    MarginMode {
        /// Which symbol.
        symbol: Symbol,
        /// What it is.
        now: MarginMode,
        /// What was asked.
        wanted: MarginMode,
        /// Why not, and what to do.
        because: &'static str,
    },
    /// More positions than the policy allows.
    #[error("max_positions: the target and what is kept make {count} positions, the policy allows {max}")]
    TooManyPositions {
        /// How many there would be.
        count: usize,
        /// How many are allowed.
        max: u32,
    },
    /// The account cannot carry anything.
    #[error("account value: {value} is not above zero; nothing can be planned for this account")]
    NoEquity {
        /// The account value.
        value: Usd,
    },
    /// A step that needs more orders than a plan may hold.
    #[error(
        "{symbol}: a trade of {qty} would need more than {max} orders of the venue's maximum size; lower the target"
    )]
    TooManyOrders {
        /// Of which symbol.
        symbol: Symbol,
        /// How much was to be traded.
        qty: Qty,
        /// How many orders are allowed.
        max: u32,
    },
    /// A trade that no orders between the venue's smallest and largest make up.
    #[error(
        "{symbol}: a trade of {qty} cannot be split into orders between the venue's smallest and largest"
    )]
    NoOrderSize {
        /// Of which symbol.
        symbol: Symbol,
        /// How much was to be traded.
        qty: Qty,
    },
    /// The policy contradicts itself.
    #[error(transparent)]
    Policy(#[from] crate::policy::PolicyError),
    /// The snapshot does not carry what is needed.
    #[error(transparent)]
    Snapshot(#[from] evenkeel_types::SnapshotError),
    /// Arithmetic that does not fit.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A margin figure could not be computed.
    #[error("{message}")]
    Margin {
        /// Why, in words.
        message: String,
    },
    /// The plan could not be written as JSON.
    #[error("the plan could not be encoded: {message}")]
    Encode {
        /// Why.
        message: String,
    },
    /// A name that is not allowed.
    #[error(transparent)]
    Id(#[from] IdError),
}
