//! What only some venues have: small traits, reached through [`Observe::read_abilities`] and [`Trade::abilities`].
//!
//! [`Observe::read_abilities`]: crate::Observe::read_abilities
//! [`Trade::abilities`]: crate::Trade::abilities

use std::fmt;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_types::{
    ClientOrderId, Leverage, PositionSide, Price, Qty, Quote, Rate, Side, Symbol, Timestamp, Usd,
};

use crate::error::Result;
use crate::stream::Stream;

/// What a venue can report beyond [`Observe`](crate::Observe). A field is `None` where the venue does not have it; new
/// fields break nobody.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ReadAbilities<'a> {
    /// Prices without the account.
    pub quotes: Option<&'a dyn Quotes>,
    /// Past funding rates.
    pub funding_history: Option<&'a dyn FundingHistory>,
    /// Funding that this account paid and received.
    pub funding_payments: Option<&'a dyn FundingPayments>,
    /// Balances outside the perpetual account.
    pub wallets: Option<&'a dyn Wallets>,
    /// What can be told about key, account and budget before trading.
    pub diagnose: Option<&'a dyn Diagnose>,
    /// What happens on the account, pushed by the venue.
    pub stream: Option<&'a dyn Stream>,
}

impl ReadAbilities<'_> {
    /// None of them; set the fields that there are.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }
}

/// What a venue can do beyond [`Trade`](crate::Trade). A field is `None` where the venue does not have it; new fields
/// break nobody.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Abilities<'a> {
    /// Orders that wait for a price and then reduce a position.
    pub stop_orders: Option<&'a dyn StopOrders>,
    /// Cancelling everything at once.
    pub cancel_all: Option<&'a dyn CancelAll>,
    /// Orders that the venue cancels when we fall silent.
    pub dead_man_switch: Option<&'a dyn DeadManSwitch>,
    /// Moving money between wallets of the account.
    pub transfers: Option<&'a dyn Transfers>,
    /// Adding isolated margin by naming the leverage wanted.
    pub top_up: Option<&'a dyn TopUp>,
    /// Making a lost order impossible.
    pub fencing: Option<&'a dyn Fencing>,
}

impl Abilities<'_> {
    /// None of them; set the fields that there are.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }
}

/// Prices without the account.
#[async_trait]
pub trait Quotes: Debug + Send + Sync {
    /// Mark price, best bid and best ask of each symbol, in the order asked, in as few requests as the venue needs.
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>>;
}

/// A funding rate that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFunding {
    /// When it was applied.
    pub time: Timestamp,
    /// The rate per interval; positive: longs paid shorts.
    pub rate: Rate,
}

/// Past funding rates.
#[async_trait]
pub trait FundingHistory: Debug + Send + Sync {
    /// All rates applied to a symbol since a moment, oldest first.
    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<PastFunding>>;
}

/// Funding that the account paid or received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundingPayment {
    /// When.
    pub time: Timestamp,
    /// For which symbol.
    pub symbol: Symbol,
    /// What it did to the account: above zero received, below zero paid.
    pub amount: Usd,
    /// The position's signed size at that moment, where the venue says it.
    pub qty: Option<Qty>,
    /// The rate applied, where the venue says it.
    pub rate: Option<Rate>,
}

/// The funding payments of the account's ledger.
#[async_trait]
pub trait FundingPayments: Debug + Send + Sync {
    /// All payments since a moment, oldest first.
    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>>;
}

/// A balance that backs no perpetual position by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletBalance {
    /// Which wallet, in the venue's own word: `spot`, `fund`.
    pub wallet: String,
    /// Of which coin.
    pub coin: String,
    /// All of it, in coins.
    pub total: Qty,
    /// What is not reserved, in coins.
    pub available: Qty,
}

/// Balances outside the perpetual account.
#[async_trait]
pub trait Wallets: Debug + Send + Sync {
    /// All balances that are not zero.
    async fn balances(&self) -> Result<Vec<WalletBalance>>;
}

/// What a [`Diagnosis`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// What the key may do, and until when.
    Key,
    /// How the account keeps its money.
    AccountMode,
    /// One-way or hedge.
    PositionMode,
    /// How many requests are left.
    RateBudget,
    /// Whether the venue takes orders.
    VenueStatus,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Topic::Key => "key",
            Topic::AccountMode => "account mode",
            Topic::PositionMode => "position mode",
            Topic::RateBudget => "rate budget",
            Topic::VenueStatus => "venue",
        })
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// As it should be.
    Fine,
    /// It cannot be told.
    Unclear,
    /// It works, and will not for long, or not for everything.
    Warning,
    /// Trading will fail, or is not safe.
    Problem,
}

/// One thing that was looked at before trading. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What about.
    pub topic: Topic,
    /// How bad.
    pub severity: Severity,
    /// What was found.
    pub finding: String,
    /// What to do about it, where something is to be done.
    pub remedy: Option<String>,
}

/// What can be told about key, account and budget before trading.
#[async_trait]
pub trait Diagnose: Debug + Send + Sync {
    /// Looks at everything that the venue lets one look at. What could not be read is a [`Severity::Unclear`].
    async fn diagnose(&self) -> Vec<Diagnosis>;
}

/// When a stop order becomes active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// At this mark price or worse.
    StopLoss(Price),
    /// At this mark price or better.
    TakeProfit(Price),
    /// When the price has come back from its best by this fraction.
    Trailing {
        /// How far back, as a fraction of the best price: 0.005 is 0.5 %.
        callback: Rate,
        /// From which price on the best is followed; `None` is at once.
        activation: Option<Price>,
    },
}

/// How much a stop order closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopSize {
    /// This much, above zero.
    Qty(Qty),
    /// Whatever the position is when it triggers.
    WholePosition,
}

/// An order that waits for a price and then reduces a position. It can never add to one: all venues are told
/// reduce-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopIntent {
    /// Its identity.
    pub id: ClientOrderId,
    /// What is traded.
    pub symbol: Symbol,
    /// The side that closes: sell for a long position.
    pub side: Side,
    /// Which leg, in hedge mode.
    pub position_side: PositionSide,
    /// When.
    pub trigger: Trigger,
    /// How much.
    pub size: StopSize,
    /// The worst acceptable price once triggered. `None` leaves the bound to the connector, whose documentation says
    /// what it is.
    pub worst: Option<Price>,
}

/// Where a stop order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopStatus {
    /// It waits for its trigger.
    Waiting,
    /// Its trigger fired and it is an ordinary order now.
    Triggered,
    /// It was executed, at least in part, and nothing can happen to it any more.
    Executed,
    /// It was cancelled or expired without having traded.
    Cancelled,
    /// The venue refused it after it had taken it in.
    Rejected,
}

/// What a venue says of one stop order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopState {
    /// Our identity for it.
    pub id: ClientOrderId,
    /// The venue's identity, where it gave one.
    pub venue_order_id: Option<String>,
    /// Where it stands.
    pub status: StopStatus,
}

/// Stop-loss, take-profit and trailing orders. What a venue lacks is refused with
/// [`ErrorKind::NotSupported`](crate::ErrorKind::NotSupported).
#[async_trait]
pub trait StopOrders: Debug + Send + Sync {
    /// Places them: one outcome each, in the order given.
    async fn place_stops(&self, stops: &[StopIntent]) -> Vec<Result<StopState>>;

    /// One of our stop orders. `None` means that the venue does not know it (yet, or any more).
    async fn stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>>;

    /// Cancels one. `Ok` means that it is not waiting any more, for whatever reason.
    async fn cancel_stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()>;
}

/// What becomes of stop orders when everything is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Protective {
    /// They stay: they are what protects the positions.
    Keep,
    /// They go too.
    Cancel,
}

/// Cancelling everything at once.
#[async_trait]
pub trait CancelAll: Debug + Send + Sync {
    /// Cancels all open orders of one symbol, or of the whole account, ours and others'. Answers how many there were.
    /// An error says whether some may have been cancelled.
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32>;
}

/// Orders that the venue cancels when we fall silent. No venue closes positions by it, and most cancel protective
/// orders too: a belt, never what safety rests on.
#[async_trait]
pub trait DeadManSwitch: Debug + Send + Sync {
    /// Cancels all open orders unless it is called again within this time.
    async fn arm(&self, within: Duration) -> Result<()>;

    /// Takes it back.
    async fn disarm(&self) -> Result<()>;
}

/// A way between two wallets of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// From the spot wallet to the perpetual account.
    SpotToPerp,
    /// From the perpetual account to the spot wallet.
    PerpToSpot,
}

/// Moving money between wallets of one account. It never leaves the account.
#[async_trait]
pub trait Transfers: Debug + Send + Sync {
    /// Moves an amount of the collateral, above zero.
    async fn transfer(&self, route: Route, amount: Usd) -> Result<()>;
}

/// Adding isolated margin by naming the leverage wanted.
#[async_trait]
pub trait TopUp: Debug + Send + Sync {
    /// Moves as much margin into the position's bucket as brings its effective leverage down to this.
    async fn top_up(&self, symbol: &Symbol, leverage: Leverage) -> Result<()>;
}

/// What fencing an order found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Fenced {
    /// It was not carried out, and never will be.
    Impossible,
    /// It may have been carried out before, and cannot be any more: what became of it is to be asked for.
    Used,
}

/// Making a lost order impossible, where the venue has a way.
#[async_trait]
pub trait Fencing: Debug + Send + Sync {
    /// Burns what the venue identifies the lost request by. Only for an order that this very process sent and got no
    /// answer for; an order that it does not remember is
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound).
    async fn fence(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Fenced>;
}
