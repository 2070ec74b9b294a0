//! Every call that this crate makes, as data: what it costs and whether it changes anything.
//!
//! Weights are those of the official documentation, state of 2026-08-22: 1 200 a minute for each IP address.

use evenkeel_http::Urgency;

/// Weight that one IP address has in a minute.
pub(crate) const WEIGHT_PER_MINUTE: u32 = 1200;

/// Of that, the share that only calls which reduce risk may use, in percent: reads must never starve a deleveraging.
pub(crate) const RESERVED_PERCENT: u32 = 20;

/// Where all reads go.
pub(crate) const INFO: &str = "/info";

/// Where all signed actions go.
pub(crate) const EXCHANGE: &str = "/exchange";

/// A read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// The `type` of the request, by which errors call it.
    pub(crate) name: &'static str,
    /// What it costs before anything is answered.
    pub(crate) weight: u32,
    /// How many items of the answer cost one more; 0 where the answer's length costs nothing.
    pub(crate) items_per_weight: u32,
    /// Whether it may use the reserved share: only what an order is resolved by. Reading accounts must not: somebody
    /// who watches one would use up what closing it needs.
    pub(crate) urgency: Urgency,
}

const fn read(name: &'static str, weight: u32) -> Read {
    Read { name, weight, items_per_weight: 0, urgency: Urgency::Ordinary }
}

const fn list(name: &'static str, items_per_weight: u32) -> Read {
    Read { name, weight: 20, items_per_weight, urgency: Urgency::Ordinary }
}

const fn urgent(read: Read) -> Read {
    Read { urgency: Urgency::ReducesRisk, ..read }
}

pub(crate) const META_AND_ASSET_CTXS: Read = read("metaAndAssetCtxs", 20);
pub(crate) const PERP_DEXS: Read = read("perpDexs", 20);
pub(crate) const L2_BOOK: Read = read("l2Book", 2);
pub(crate) const CLEARINGHOUSE_STATE: Read = read("clearinghouseState", 2);
pub(crate) const SPOT_CLEARINGHOUSE_STATE: Read = read("spotClearinghouseState", 2);
pub(crate) const ORDER_STATUS: Read = urgent(read("orderStatus", 2));
pub(crate) const EXCHANGE_STATUS: Read = urgent(read("exchangeStatus", 2));
pub(crate) const FRONTEND_OPEN_ORDERS: Read = read("frontendOpenOrders", 20);
pub(crate) const USER_FILLS_BY_TIME: Read = urgent(list("userFillsByTime", 20));
pub(crate) const FUNDING_HISTORY: Read = list("fundingHistory", 20);
pub(crate) const USER_FUNDING: Read = list("userFunding", 20);
pub(crate) const ACTIVE_ASSET_DATA: Read = read("activeAssetData", 20);
pub(crate) const USER_FEES: Read = read("userFees", 20);
pub(crate) const USER_RATE_LIMIT: Read = read("userRateLimit", 20);
pub(crate) const USER_ROLE: Read = read("userRole", 60);
pub(crate) const USER_ABSTRACTION: Read = read("userAbstraction", 20);
pub(crate) const EXTRA_AGENTS: Read = read("extraAgents", 20);

/// All of them, for tests and for the documentation.
#[cfg(test)]
pub(crate) const READS: &[Read] = &[
    META_AND_ASSET_CTXS,
    PERP_DEXS,
    L2_BOOK,
    CLEARINGHOUSE_STATE,
    SPOT_CLEARINGHOUSE_STATE,
    ORDER_STATUS,
    EXCHANGE_STATUS,
    FRONTEND_OPEN_ORDERS,
    USER_FILLS_BY_TIME,
    FUNDING_HISTORY,
    USER_FUNDING,
    ACTIVE_ASSET_DATA,
    USER_FEES,
    USER_RATE_LIMIT,
    USER_ROLE,
    USER_ABSTRACTION,
    EXTRA_AGENTS,
];

/// What a signed action of `items` parts costs: `1 + items / 40`, rounded down.
pub(crate) fn action_weight(items: usize) -> u32 {
    let extra = u32::try_from(items).unwrap_or(u32::MAX).checked_div(40).unwrap_or(0);
    extra.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_documented_ones() {
        for read in READS {
            let documented = match read.name {
                "clearinghouseState"
                | "spotClearinghouseState"
                | "orderStatus"
                | "exchangeStatus"
                | "l2Book" => 2,
                "userRole" => 60,
                _ => 20,
            };
            assert_eq!(read.weight, documented, "{}", read.name);
        }
        for (items, weight) in [(0, 1), (1, 1), (39, 1), (40, 2), (79, 2), (80, 3), (100, 3)] {
            assert_eq!(action_weight(items), weight, "{items}");
        }
    }
}
