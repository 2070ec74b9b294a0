//! The limits within which a target may be reached.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use evenkeel_types::{Decimal, Leverage, Rate, Symbol, Usd, decimal_text};
use serde::{Deserialize, Serialize};

/// What is done about orders that rest at the venue. They hold margin, and can block closes and mode switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OpenOrderPolicy {
    /// Nothing is planned while any rests; the error names them.
    Refuse,
    /// Those on the symbols of the run are cancelled first. Protective stops are never cancelled: with one on a
    /// symbol that the run changes, the run is refused.
    Cancel,
    /// They stay, and count as filled in every limit.
    CountAsExposure,
}

/// How a leverage is changed while a position is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeverageChange {
    /// In place where the venue allows it, cheapest first; close and reopen only where nothing else works.
    Auto,
    /// A position whose leverage differs is always closed and opened again.
    Reopen,
}

/// Where a position outside its no-trade band is brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BandTo {
    /// To the nearer edge of the band: cheaper.
    Edge,
    /// To the target itself.
    Centre,
}

/// A no-trade band around each weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Half its width as a share of the gross: 0.02 is two percent points either way. Zero means no band.
    pub width: Rate,
    /// Where a position outside is brought to.
    pub to: BandTo,
}

/// What happens to margin in an isolated bucket beyond what the target leverage needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Surplus {
    /// It stays and makes the position safer.
    Leave,
    /// It is moved back to the pool, where the venue allows it.
    Remove,
}

/// The limits within which a target may be reached. There is no `Default`: start from
/// [`Policy::conservative`] and change what you mean to change.
///
/// In files every field is optional and falls back to the conservative value; unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default = "Policy::conservative", deny_unknown_fields)]
pub struct Policy {
    /// No symbol is ever set to, or opened at, more than this.
    pub max_leverage: Leverage,
    /// How far from the mark price an order's limit may lie, as a fraction. Also what every fill is assumed to
    /// cost at worst.
    pub slippage: Rate,
    /// Fee rate to plan with; without it the account's own taker rate.
    pub fee: Option<Rate>,
    /// Account value that is never used as margin.
    pub reserve: Usd,
    /// An adverse move of every price that the account must survive within its limits after each order.
    pub stress: Rate,
    /// No-trade band around each weight.
    pub band: Band,
    /// Most notional that may be traded in one run. Never suppresses what a limit requires.
    pub max_turnover: Option<Usd>,
    /// Largest notional of any one position; cuts off that position only.
    pub max_position: Option<Usd>,
    /// The same for single symbols.
    pub max_position_of: BTreeMap<Symbol, Usd>,
    /// Largest gross exposure of the account.
    pub max_exposure: Option<Usd>,
    /// Largest net exposure of the account, long or short.
    pub max_net: Option<Usd>,
    /// Most positions held at once.
    pub max_positions: Option<u32>,
    /// Trades smaller than this are left undone and noted. Full closes are exempt.
    pub min_trade: Usd,
    /// Resting orders.
    pub open_orders: OpenOrderPolicy,
    /// How a leverage is changed while a position is held.
    pub leverage_change: LeverageChange,
    /// How many symbols may be flat at once in order to be reopened.
    pub reopen_at_once: u32,
    /// Isolated margin beyond what the target needs.
    pub isolated_surplus: Surplus,
    /// How far gross may exceed its cap by price moves before a run goes back to reducing, as a fraction.
    pub cap_tolerance: Rate,
    /// Largest error of an allocation, as a fraction of the gross, and of the gross itself, at which a run
    /// counts as successful.
    pub tolerance: Rate,
    /// A later plan of a run may trade this many times the approved turnover in total.
    #[serde(with = "decimal_text")]
    pub turnover_slack: Decimal,
    /// How often a refused order is tried, each time from a new plan and only after proof that the last one did
    /// not execute.
    pub attempts: u32,
    /// How many rounds one phase may take.
    pub rounds_per_phase: u32,
    /// A plan may be executed for this long after the snapshot it was made from.
    #[serde(with = "milliseconds")]
    pub plan_validity: Duration,
    /// How long the venue may take to show what we know to be true: fills, released margin.
    #[serde(with = "milliseconds")]
    pub settle_deadline: Duration,
    /// How long an order whose outcome is unknown is asked for.
    #[serde(with = "milliseconds")]
    pub resolve_deadline: Duration,
    /// How long a whole run may take.
    #[serde(with = "milliseconds")]
    pub run_deadline: Duration,
}

mod milliseconds {
    use core::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_millis(u64::deserialize(deserializer)?))
    }
}

/// A policy that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy: {field} is {value}; it must be {allowed}")]
pub struct PolicyError {
    /// Which field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed, in words.
    pub allowed: &'static str,
}

impl Policy {
    /// The careful starting point. Every value, and why:
    ///
    /// | field | value | because |
    /// |---|---|---|
    /// | `max_leverage` | 10 | a 10 % move ends a 10x position; more should be asked for by name |
    /// | `slippage` | 0.5 % | liquid pairs fill within a few hundredths; what needs more is worth a look |
    /// | `fee` | the account's own | |
    /// | `reserve` | 0 | the stress move below already keeps room |
    /// | `stress` | 0.5 % | prices move while a plan is carried out |
    /// | `band` | none | trading nothing silently is a choice for the user |
    /// | caps, turnover | none | likewise |
    /// | `min_trade` | 1 | below that fees and rounding are all there is |
    /// | `open_orders` | refuse | they are somebody's intention |
    /// | `leverage_change` | auto | closing and reopening pays fees and slippage twice |
    /// | `reopen_at_once` | 1 | a flat position misses the market |
    /// | `isolated_surplus` | leave | more margin is safer |
    /// | `cap_tolerance` | 1 % | marks flicker |
    /// | `tolerance` | 1 % | what lots of small accounts can reach |
    /// | `turnover_slack` | 1.1 | re-planning at moved prices trades a little more |
    /// | `attempts`, `rounds_per_phase` | 3 | what a passing refusal needs; more is not passing |
    /// | `plan_validity` | 60 s | long enough to read a plan, short enough for prices |
    /// | `settle_deadline` | 15 s | venues lag by seconds, not minutes |
    /// | `resolve_deadline` | 30 s | twice that: an unknown outcome is worth asking for |
    /// | `run_deadline` | 10 min | nothing a run does takes longer |
    #[must_use]
    pub fn conservative() -> Self {
        // Decimal parts, because `Rate` has no constant constructor: (mantissa, scale).
        let rate = |mantissa, scale| Rate::new(Decimal::new(mantissa, scale)).unwrap_or(Rate::ZERO);
        let whole = |value: u32| Leverage::new(value).unwrap_or(Leverage::ONE);
        Self {
            max_leverage: whole(10),
            slippage: rate(5, 3),
            fee: None,
            reserve: Usd::ZERO,
            stress: rate(5, 3),
            band: Band { width: Rate::ZERO, to: BandTo::Centre },
            max_turnover: None,
            max_position: None,
            max_position_of: BTreeMap::new(),
            max_exposure: None,
            max_net: None,
            max_positions: None,
            min_trade: Usd::new(1).unwrap_or(Usd::ZERO),
            open_orders: OpenOrderPolicy::Refuse,
            leverage_change: LeverageChange::Auto,
            reopen_at_once: 1,
            isolated_surplus: Surplus::Leave,
            cap_tolerance: rate(1, 2),
            tolerance: rate(1, 2),
            turnover_slack: Decimal::new(11, 1),
            attempts: 3,
            rounds_per_phase: 3,
            plan_validity: Duration::from_secs(60),
            settle_deadline: Duration::from_secs(15),
            resolve_deadline: Duration::from_secs(30),
            run_deadline: Duration::from_secs(600),
        }
    }

    /// Checks that every limit makes sense.
    ///
    /// # Errors
    /// [`PolicyError`] naming the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), PolicyError> {
        let half = Decimal::new(5, 1);
        for (field, rate) in [
            ("slippage", self.slippage),
            ("stress", self.stress),
            ("band.width", self.band.width),
            ("cap_tolerance", self.cap_tolerance),
            ("tolerance", self.tolerance),
        ] {
            if rate < Rate::ZERO || rate.get() > half {
                return Err(refused(field, rate, "between 0 and 0.5"));
            }
        }
        if let Some(fee) = self.fee.filter(|fee| *fee < Rate::ZERO || fee.get() > half) {
            return Err(refused("fee", fee, "between 0 and 0.5"));
        }
        for (field, amount) in [("reserve", Some(self.reserve)), ("min_trade", Some(self.min_trade))]
            .into_iter()
            .chain([
                ("max_turnover", self.max_turnover),
                ("max_position", self.max_position),
                ("max_exposure", self.max_exposure),
                ("max_net", self.max_net),
            ])
            .chain(self.max_position_of.values().map(|amount| ("max_position_of", Some(*amount))))
        {
            if let Some(amount) = amount.filter(|amount| amount.is_negative()) {
                return Err(refused(field, amount, "zero or above"));
            }
        }
        for (field, count) in [
            ("reopen_at_once", self.reopen_at_once),
            ("attempts", self.attempts),
            ("rounds_per_phase", self.rounds_per_phase),
        ] {
            if !(1..=100).contains(&count) {
                return Err(refused(field, count, "between 1 and 100"));
            }
        }
        if self.turnover_slack < Decimal::ONE || self.turnover_slack > Decimal::TEN {
            return Err(refused("turnover_slack", self.turnover_slack, "between 1 and 10"));
        }
        Ok(())
    }

    /// The notional that a symbol may have at most by this policy.
    #[must_use]
    pub fn max_position(&self, symbol: &Symbol) -> Option<Usd> {
        let own = self.max_position_of.get(symbol).copied();
        match (own, self.max_position) {
            (Some(own), Some(all)) => Some(own.min(all)),
            (own, all) => own.or(all),
        }
    }
}

fn refused(field: &'static str, value: impl core::fmt::Display, allowed: &'static str) -> PolicyError {
    PolicyError { field, value: alloc::format!("{value}"), allowed }
}
