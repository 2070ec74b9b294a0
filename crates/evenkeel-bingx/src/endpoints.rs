//! Every call that this crate makes, as data: verb, path, how often, and whether it changes anything.
//!
//! Limits are those of the official documentation (2025-11) for each user and call; where the documentation and another
//! official text differ, the smaller one. Only the time and the public market data are not signed.

use evenkeel_http::{Quota, Urgency};
use std::time::Duration;

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// By what errors call it.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Calls of one user in a second; 0 for public calls, which are counted for the address only.
    pub(crate) per_second: u32,
    /// Of them, the share in percent that only calls which reduce risk may use.
    pub(crate) reserved_percent: u32,
    /// Of a read: whether it may use what is reserved of the address's share. Only what an order is resolved by may:
    /// somebody who watches an account must not use up what closing it needs. Writes say it with each call.
    pub(crate) urgency: Urgency,
}

/// A verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub(crate) fn http(self) -> http::Method {
        match self {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Delete => http::Method::DELETE,
        }
    }
}

impl Endpoint {
    /// Whether it is signed: everything that is not public.
    pub(crate) fn is_signed(&self) -> bool {
        self.per_second > 0
    }

    /// Whether its answer can have no envelope where it succeeds: its fields stand at the top, without a code.
    pub(crate) fn is_bare(&self) -> bool {
        [KEY_RIGHTS, TRANSFER, LISTEN_KEY, KEEP_LISTEN_KEY].contains(self)
    }

    /// What one user may call in a second.
    pub(crate) fn quota(&self) -> Quota {
        Quota::new(self.per_second, Duration::from_secs(1), self.reserved_percent)
    }
}

const fn public(name: &'static str, path: &'static str) -> Endpoint {
    Endpoint {
        name,
        method: Method::Get,
        path,
        per_second: 0,
        reserved_percent: 0,
        urgency: Urgency::Ordinary,
    }
}

const fn call(name: &'static str, method: Method, path: &'static str, per_second: u32) -> Endpoint {
    Endpoint { name, method, path, per_second, reserved_percent: 0, urgency: Urgency::Ordinary }
}

/// What may add risk or reduce it: a fifth of it is kept for what reduces it.
const fn kept(name: &'static str, path: &'static str, per_second: u32) -> Endpoint {
    Endpoint { reserved_percent: 20, ..call(name, Method::Post, path, per_second) }
}

/// What an order is resolved by.
const fn urgent(read: Endpoint) -> Endpoint {
    Endpoint { urgency: Urgency::ReducesRisk, ..read }
}

use Method::{Delete, Get, Post, Put};

pub(crate) const SERVER_TIME: Endpoint = public("server/time", "/openApi/swap/v2/server/time");
pub(crate) const CONTRACTS: Endpoint = public("quote/contracts", "/openApi/swap/v2/quote/contracts");
pub(crate) const PREMIUM_INDEX: Endpoint =
    public("quote/premiumIndex", "/openApi/swap/v2/quote/premiumIndex");
pub(crate) const TICKER: Endpoint = public("quote/ticker", "/openApi/swap/v2/quote/ticker");
pub(crate) const FUNDING_RATE: Endpoint = public("quote/fundingRate", "/openApi/swap/v2/quote/fundingRate");

pub(crate) const BALANCE: Endpoint = call("user/balance", Get, "/openApi/swap/v3/user/balance", 5);
pub(crate) const POSITIONS: Endpoint = call("user/positions", Get, "/openApi/swap/v2/user/positions", 5);
pub(crate) const COMMISSION: Endpoint =
    call("user/commissionRate", Get, "/openApi/swap/v2/user/commissionRate", 5);
pub(crate) const INCOME: Endpoint = call("user/income", Get, "/openApi/swap/v2/user/income", 5);
pub(crate) const KEY_RIGHTS: Endpoint =
    call("account/apiRestrictions", Get, "/openApi/v1/account/apiRestrictions", 1);
pub(crate) const POSITION_MODE: Endpoint =
    call("positionSide/dual", Get, "/openApi/swap/v1/positionSide/dual", 2);
pub(crate) const ASSET_MODE: Endpoint = call("trade/assetMode", Get, "/openApi/swap/v1/trade/assetMode", 2);
pub(crate) const TIERS: Endpoint = call("maintMarginRatio", Get, "/openApi/swap/v1/maintMarginRatio", 5);
pub(crate) const LEVERAGE: Endpoint = call("trade/leverage", Get, "/openApi/swap/v2/trade/leverage", 5);
pub(crate) const MARGIN_TYPE: Endpoint =
    call("trade/marginType", Get, "/openApi/swap/v2/trade/marginType", 2);
pub(crate) const OPEN_ORDERS: Endpoint =
    call("trade/openOrders", Get, "/openApi/swap/v2/trade/openOrders", 5);
/// What is kept of it is for orders that wait to be resolved.
pub(crate) const ORDER: Endpoint =
    Endpoint { reserved_percent: 40, ..urgent(call("trade/order", Get, "/openApi/swap/v2/trade/order", 5)) };
/// The same call, to learn whose an execution is: it leaves alone what orders are resolved by.
pub(crate) const ORDER_BEHIND: Endpoint = Endpoint { urgency: Urgency::Ordinary, ..ORDER };
pub(crate) const FILL_HISTORY: Endpoint =
    urgent(call("trade/fillHistory", Get, "/openApi/swap/v2/trade/fillHistory", 5));

pub(crate) const PLACE: Endpoint = kept("trade/order", "/openApi/swap/v2/trade/order", 10);
pub(crate) const PLACE_BATCH: Endpoint = kept("trade/batchOrders", "/openApi/swap/v2/trade/batchOrders", 5);
pub(crate) const CANCEL: Endpoint = call("trade/order", Delete, "/openApi/swap/v2/trade/order", 5);
pub(crate) const CANCEL_ALL: Endpoint =
    call("trade/allOpenOrders", Delete, "/openApi/swap/v2/trade/allOpenOrders", 5);
pub(crate) const CANCEL_ALL_AFTER: Endpoint =
    call("trade/cancelAllAfter", Post, "/openApi/swap/v2/trade/cancelAllAfter", 1);
/// It was 2 for years and is 5 in the newest text, which the header of a live answer agrees with: four were left after
/// one call. Lowering reduces risk, raising does not.
pub(crate) const SET_LEVERAGE: Endpoint = kept("trade/leverage", "/openApi/swap/v2/trade/leverage", 5);
pub(crate) const SET_MARGIN_TYPE: Endpoint =
    call("trade/marginType", Post, "/openApi/swap/v2/trade/marginType", 2);
pub(crate) const POSITION_MARGIN: Endpoint =
    call("trade/positionMargin", Post, "/openApi/swap/v2/trade/positionMargin", 2);
/// Documented on the page about accounts, not on that of perpetuals; whether its answer has an envelope is not shown.
pub(crate) const TRANSFER: Endpoint = call("asset/v1/transfer", Post, "/openApi/api/asset/v1/transfer", 2);

/// Gives out the key of the private stream, for an hour.
pub(crate) const LISTEN_KEY: Endpoint =
    call("user/auth/userDataStream", Post, "/openApi/user/auth/userDataStream", 2);
/// Keeps it alive for another hour.
pub(crate) const KEEP_LISTEN_KEY: Endpoint = Endpoint { method: Put, ..LISTEN_KEY };

/// Public calls of one address: 500 in ten seconds.
pub(crate) const MARKET_10_S: Quota = Quota::new(500, Duration::from_secs(10), 20);
/// And 1 000 in a minute.
pub(crate) const MARKET_60_S: Quota = Quota::new(1000, Duration::from_secs(60), 20);
/// Signed calls of one address: 2 000 in ten seconds. The 300 for each call are above what one user has.
pub(crate) const ACCOUNT_10_S: Quota = Quota::new(2000, Duration::from_secs(10), 20);

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &[Endpoint] = &[
        BALANCE,
        POSITIONS,
        COMMISSION,
        INCOME,
        KEY_RIGHTS,
        POSITION_MODE,
        ASSET_MODE,
        TIERS,
        LEVERAGE,
        MARGIN_TYPE,
        OPEN_ORDERS,
        ORDER,
        ORDER_BEHIND,
        FILL_HISTORY,
        PLACE,
        PLACE_BATCH,
        CANCEL,
        CANCEL_ALL,
        CANCEL_ALL_AFTER,
        SET_LEVERAGE,
        SET_MARGIN_TYPE,
        POSITION_MARGIN,
        TRANSFER,
        LISTEN_KEY,
        KEEP_LISTEN_KEY,
    ];

    #[test]
    fn limits_are_the_documented_ones() {
        for endpoint in SIGNED {
            let documented = match (endpoint.name, endpoint.method) {
                ("trade/order", Post) => 10,
                ("account/apiRestrictions" | "trade/cancelAllAfter", _) => 1,
                (
                    "positionSide/dual"
                    | "trade/assetMode"
                    | "trade/marginType"
                    | "trade/positionMargin"
                    | "asset/v1/transfer"
                    | "user/auth/userDataStream",
                    _,
                ) => 2,
                _ => 5,
            };
            assert_eq!(endpoint.per_second, documented, "{endpoint:?}");
            assert!(endpoint.is_signed() && endpoint.path.ends_with(endpoint.name), "{endpoint:?}");
        }
        for endpoint in [SERVER_TIME, CONTRACTS, PREMIUM_INDEX, TICKER, FUNDING_RATE] {
            assert!(!endpoint.is_signed() && endpoint.method == Get);
        }
    }
}
