//! Every call that this crate makes, as data: verb, path, how often, and whether it is signed.
//!
//! Limits are those of the official documentation (state of 2026-07-24), per key and call, in a rolling second; and 600
//! calls in five seconds for each address, whatever they are.

use evenkeel_http::Quota;
use std::time::Duration;

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// By what errors call it.
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// Whether it changes something: then it is a `POST` with a body, else a `GET` with a query.
    pub(crate) writes: bool,
    /// Calls of one account in a second; 0 for public calls, which count for the address only.
    pub(crate) per_second: u32,
}

impl Endpoint {
    /// Whether it is signed: everything that is not public.
    pub(crate) fn is_signed(&self) -> bool {
        self.per_second > 0
    }

    /// What one account may call in a second. No share of it is reserved: within a second the queue, in which calls that
    /// reduce risk go first, serves them.
    pub(crate) fn quota(&self) -> Quota {
        Quota::new(self.per_second, Duration::from_secs(1), 0)
    }
}

/// Calls of one address in five seconds. Beyond them every call is refused for ten minutes and more.
pub(crate) const ADDRESS: Quota = Quota::new(600, Duration::from_secs(5), RESERVED_PERCENT);
/// Of them, the share that only calls which reduce risk may use, in percent: reads must never starve a deleveraging.
const RESERVED_PERCENT: u32 = 20;

macro_rules! endpoints {
    ($($(#[$doc:meta])* $constant:ident: $writes:literal $name:literal $per_second:literal;)*) => {
        $($(#[$doc])* pub(crate) const $constant: Endpoint = Endpoint {
            name: $name,
            path: concat!("/v5/", $name),
            writes: $writes,
            per_second: $per_second,
        };)*
        /// All of them.
        #[cfg(test)]
        const ALL: &[Endpoint] = &[$($constant),*];
    };
}

endpoints! {
    SERVER_TIME: false "market/time" 0;
    INSTRUMENTS: false "market/instruments-info" 0;
    RISK_LIMITS: false "market/risk-limit" 0;
    TICKERS: false "market/tickers" 0;
    FUNDING_HISTORY: false "market/funding/history" 0;
    ACCOUNT_INFO: false "account/info" 50;
    WALLET: false "account/wallet-balance" 50;
    FEE_RATES: false "account/fee-rate" 5;
    TRANSACTIONS: false "account/transaction-log" 25;
    POSITIONS: false "position/list" 50;
    OPEN_ORDERS: false "order/realtime" 50;
    ORDER_HISTORY: false "order/history" 50;
    EXECUTIONS: false "execution/list" 50;
    CREATE: true "order/create" 10;
    /// Each order in it counts.
    CREATE_BATCH: true "order/create-batch" 10;
    CANCEL: true "order/cancel" 10;
    CANCEL_ALL: true "order/cancel-all" 10;
    SET_LEVERAGE: true "position/set-leverage" 10;
    TRADING_STOP: true "position/trading-stop" 10;
    ADD_MARGIN: true "position/add-margin" 10;
    SET_MARGIN_MODE: true "account/set-margin-mode" 5;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_documented_ones() {
        for endpoint in ALL {
            let documented = match endpoint.name {
                name if name.starts_with("market/") => 0,
                "account/fee-rate" | "account/set-margin-mode" => 5,
                "account/transaction-log" => 25,
                _ if endpoint.writes => 10,
                _ => 50,
            };
            assert_eq!(endpoint.per_second, documented, "{endpoint:?}");
            assert!(endpoint.path.ends_with(endpoint.name) && endpoint.path.starts_with("/v5/"));
            assert!(endpoint.is_signed() || !endpoint.writes, "{endpoint:?}");
        }
    }
}
