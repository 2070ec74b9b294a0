//! The four venues as data. Where a venue documents nothing, the value is the one that allows least.
//!
//! They are rules to rehearse against, not promises about the venue: fees, minima and maxima of real instruments
//! come with a forked snapshot and win over what is here.

use std::time::Duration;

use evenkeel_types::{
    Acknowledgement, Capabilities, Decimal, Dedupe, FeeRates, Fence, Leverage, LowerIsolated,
    MarginAdjustment, MarginMode, MarginModeScope, MinNotionalRule, Rate, ReduceOnlyRule, Usd, WithPosition,
};

use crate::profile::{Profile, UnfilledIoc};

const HOUR: Duration = Duration::from_secs(3600);
const EIGHT_HOURS: Duration = Duration::from_secs(8 * 3600);

/// Hyperliquid perpetuals, standard account mode.
///
/// Leverage and mode per asset, 20x cross where never touched (observed for BTC on testnet); lowering an isolated
/// position's leverage needs margin added first; no mode switch with a position; margin removal leaves 10 % of the
/// notional; 10 USD minimum except for full closes; reduce-only orders shrink to the position; client ids are not
/// documented to be unique; hourly funding; no liquidation fee. Whether resting orders block changes is not
/// documented, so they do. Sources: the venue's docs pages *Margining*, *Liquidations*, *Fees*, *Funding*, *Tick and
/// lot size*, and measurements on its testnet.
#[must_use]
pub fn hyperliquid() -> Profile {
    Profile {
        name: "hyperliquid",
        capabilities: Capabilities {
            raise_with_position: WithPosition { cross: true, isolated: true },
            lower_cross_with_position: true,
            lower_isolated: LowerIsolated::AfterTopUp,
            margin_mode_scope: MarginModeScope::Symbol,
            switch_mode_with_position: false,
            orders_block_leverage: true,
            orders_block_mode: true,
            per_side_leverage: false,
            margin_adjustment: MarginAdjustment::Both,
            hedge_mode: false,
            dedupe: Dedupe::None,
            fence: Fence::Nonce,
            request_validity: None,
            acknowledgement: Acknowledgement::Synchronous,
            min_notional: MinNotionalRule::FullCloseExempt,
            reduce_only: ReduceOnlyRule::Clamps,
            orders_per_request: 100,
        },
        default_leverage: leverage(20),
        default_mode: MarginMode::Cross,
        fees: fees(15, 45),
        funding_interval: HOUR,
        acknowledgement_delay: Duration::ZERO,
        clearance_fee: Rate::ZERO,
        raising_releases_margin: false,
        removal_floor: rate(1, 1),
        unfilled_ioc: UnfilledIoc::Refused,
        min_notional: usd(10),
        leverage_step: Decimal::ONE,
        liquidation_fee: Rate::ZERO,
    }
}

/// Binance USDⓈ-M futures, single-asset mode.
///
/// Leverage per symbol, applies at once to positions and open orders; isolated positions can only be raised (-4161);
/// the mode switches only without position and orders (-4047, -4048); reduce-only orders are exempt from the minimum
/// and cut to the position; ids are unique among open orders (-4116); liquidation clearance fee 1.25 %. Sources: the
/// venue's error table, order and leverage documentation, FAQ *Liquidation Protocols*.
#[must_use]
pub fn binance() -> Profile {
    Profile {
        name: "binance",
        capabilities: Capabilities {
            raise_with_position: WithPosition { cross: true, isolated: true },
            lower_cross_with_position: true,
            lower_isolated: LowerIsolated::Never,
            margin_mode_scope: MarginModeScope::Symbol,
            switch_mode_with_position: false,
            orders_block_leverage: false,
            orders_block_mode: true,
            per_side_leverage: false,
            margin_adjustment: MarginAdjustment::Both,
            hedge_mode: true,
            dedupe: Dedupe::OpenOrders,
            fence: Fence::None,
            request_validity: Some(Duration::from_secs(5)),
            acknowledgement: Acknowledgement::Synchronous,
            min_notional: MinNotionalRule::ReduceOnlyExempt,
            reduce_only: ReduceOnlyRule::Clamps,
            orders_per_request: 5,
        },
        default_leverage: leverage(20),
        default_mode: MarginMode::Cross,
        fees: fees(20, 50),
        funding_interval: EIGHT_HOURS,
        acknowledgement_delay: Duration::ZERO,
        clearance_fee: rate(125, 4),
        raising_releases_margin: false,
        removal_floor: Rate::ZERO,
        unfilled_ioc: UnfilledIoc::Cancelled,
        min_notional: usd(5),
        leverage_step: Decimal::ONE,
        liquidation_fee: Rate::ZERO,
    }
}

/// Bybit V5 linear, unified account.
///
/// The margin mode belongs to the account and is not switched here; leverage in steps of 0.01, written for both
/// sides, changes with positions and orders when the margin suffices; orders are acknowledged before they are
/// matched and can be asked for 50 ms later; used ids are refused for ever (110072); the taker fee of the close counts
/// as maintenance. Whether an oversized reduce-only order is cut is not documented, so it is refused. Sources: the
/// venue's pages *Set Leverage*, *Place Order*, *Error Codes*, *The New Margin Calculation*.
#[must_use]
pub fn bybit() -> Profile {
    Profile {
        name: "bybit",
        capabilities: Capabilities {
            raise_with_position: WithPosition { cross: true, isolated: true },
            lower_cross_with_position: true,
            lower_isolated: LowerIsolated::NeedsFree,
            margin_mode_scope: MarginModeScope::Account,
            switch_mode_with_position: false,
            orders_block_leverage: false,
            orders_block_mode: true,
            per_side_leverage: true,
            margin_adjustment: MarginAdjustment::Both,
            hedge_mode: true,
            dedupe: Dedupe::Forever,
            fence: Fence::SameId,
            request_validity: Some(Duration::from_secs(5)),
            acknowledgement: Acknowledgement::Asynchronous,
            min_notional: MinNotionalRule::NoExemption,
            reduce_only: ReduceOnlyRule::RejectsOversize,
            orders_per_request: 10,
        },
        default_leverage: leverage(10),
        default_mode: MarginMode::Cross,
        fees: fees(20, 55),
        funding_interval: EIGHT_HOURS,
        acknowledgement_delay: Duration::from_millis(50),
        clearance_fee: rate(55, 5),
        raising_releases_margin: true,
        removal_floor: Rate::ZERO,
        unfilled_ioc: UnfilledIoc::Cancelled,
        min_notional: usd(5),
        leverage_step: Decimal::new(1, 2),
        liquidation_fee: rate(55, 5),
    }
}

/// BingX USDT-M perpetual swap.
///
/// Leverage per side (both are written); changing it re-margins an isolated position; the mode switches only without
/// position and orders (104103); oversized reduce-only orders are refused (101290); used ids are refused for ever
/// (101481); an answer must be confirmed by asking, 100 ms later; the taker fee of the close counts as maintenance.
/// Sources: the venue's API documentation and support article 11263312123407, live captures.
#[must_use]
pub fn bingx() -> Profile {
    Profile {
        name: "bingx",
        capabilities: Capabilities {
            raise_with_position: WithPosition { cross: true, isolated: true },
            lower_cross_with_position: true,
            lower_isolated: LowerIsolated::Remargins,
            margin_mode_scope: MarginModeScope::Symbol,
            switch_mode_with_position: false,
            orders_block_leverage: true,
            orders_block_mode: true,
            per_side_leverage: true,
            margin_adjustment: MarginAdjustment::Both,
            hedge_mode: true,
            dedupe: Dedupe::Forever,
            fence: Fence::SameId,
            request_validity: Some(Duration::from_secs(5)),
            acknowledgement: Acknowledgement::Asynchronous,
            min_notional: MinNotionalRule::NoExemption,
            reduce_only: ReduceOnlyRule::RejectsOversize,
            orders_per_request: 5,
        },
        default_leverage: leverage(10),
        default_mode: MarginMode::Cross,
        fees: fees(20, 50),
        funding_interval: EIGHT_HOURS,
        acknowledgement_delay: Duration::from_millis(100),
        clearance_fee: rate(50, 5),
        raising_releases_margin: true,
        removal_floor: Rate::ZERO,
        unfilled_ioc: UnfilledIoc::Cancelled,
        min_notional: usd(2),
        leverage_step: Decimal::ONE,
        liquidation_fee: rate(50, 5),
    }
}

/// All four, for tests that must hold everywhere.
#[must_use]
pub fn all() -> [Profile; 4] {
    [hyperliquid(), binance(), bybit(), bingx()]
}

// The constants above are in range; the tests below fail if one were replaced by its fallback.

fn leverage(value: u32) -> Leverage {
    Leverage::new(value).unwrap_or(Leverage::ONE)
}

fn rate(mantissa: i64, scale: u32) -> Rate {
    Rate::new(Decimal::new(mantissa, scale)).unwrap_or(Rate::ZERO)
}

fn usd(value: u32) -> Usd {
    Usd::new(value).unwrap_or(Usd::ZERO)
}

/// Rates in thousandths of a percent.
fn fees(maker: i64, taker: i64) -> FeeRates {
    FeeRates { maker: rate(maker, 5), taker: rate(taker, 5) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_what_the_venues_publish() {
        let read = |p: &Profile| {
            format!("{} {} {} {} {}", p.name, p.default_leverage, p.fees.maker, p.fees.taker, p.min_notional)
        };
        assert_eq!(
            all().each_ref().map(read),
            [
                "hyperliquid 20 0.00015 0.00045 10",
                "binance 20 0.0002 0.0005 5",
                "bybit 10 0.0002 0.00055 5",
                "bingx 10 0.0002 0.0005 2",
            ]
        );
        assert_eq!(hyperliquid().removal_floor.to_string(), "0.1");
        assert_eq!(binance().clearance_fee.to_string(), "0.0125");
        assert_eq!(bybit().leverage_step.to_string(), "0.01");
    }
}
