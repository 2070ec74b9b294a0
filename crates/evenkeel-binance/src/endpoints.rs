//! Every call that this crate makes, as data: method, path, what it costs, and whether it changes anything.
//!
//! Weights are those of the official SDK 18.1.0 (2026-11), except for that of `bookTicker`, which was written down from memory
//! of its documentation page and not compared with it; the limits are those of `exchangeInfo.rateLimits`. The venue's own
//! count, in its headers, corrects all of them.

use evenkeel_http::{Quota, Urgency};
use std::time::Duration;

/// Of each limit, the share that only calls which reduce risk may use, in percent: reads must never starve a deleveraging.
const RESERVED_PERCENT: u32 = 30;

/// What one IP address may use; shared by USDⓈ-M and COIN-M futures.
pub(crate) const REQUESTS: Quota = Quota::new(2400, Duration::from_secs(60), RESERVED_PERCENT);
/// What one account may order in ten seconds.
pub(crate) const ORDERS_SHORT: Quota = Quota::new(300, Duration::from_secs(10), RESERVED_PERCENT);
/// What one account may order in a minute.
pub(crate) const ORDERS_LONG: Quota = Quota::new(1200, Duration::from_secs(60), RESERVED_PERCENT);
/// `fundingRate` and `fundingInfo` have a pool of their own, and send no weight header.
pub(crate) const FUNDING: Quota = Quota::new(500, Duration::from_secs(300), 0);

/// Moving money between wallets counts for an account, for this call alone.
pub(crate) const TRANSFERS: Quota = Quota::new(180_000, Duration::from_secs(60), 0);

/// Which limit a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    Requests,
    Funding,
    /// Of the wallet interface, which has a server, limits and codes of its own.
    Transfers,
}

/// How it is called.
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

/// A call of the venue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// By which errors call it.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// For one symbol, or where there is no choice.
    pub(crate) weight: u32,
    /// Without a symbol.
    pub(crate) weight_all: u32,
    pub(crate) pool: Pool,
    pub(crate) signed: bool,
    /// Whether the key goes along: always where it is signed, and with the stream's keys.
    pub(crate) keyed: bool,
    /// Whether it may use the reserved share.
    pub(crate) urgency: Urgency,
}

const fn call(name: &'static str, method: Method, path: &'static str, weight: u32) -> Call {
    Call {
        name,
        method,
        path,
        weight,
        weight_all: weight,
        pool: Pool::Requests,
        signed: true,
        keyed: true,
        urgency: Urgency::Ordinary,
    }
}

const fn get(name: &'static str, path: &'static str, weight: u32) -> Call {
    call(name, Method::Get, path, weight)
}

/// One that is carried out at once or not at all: it may use the reserved share.
const fn urgent(name: &'static str, method: Method, path: &'static str, weight: u32) -> Call {
    Call { urgency: Urgency::ReducesRisk, ..call(name, method, path, weight) }
}

const fn public(name: &'static str, path: &'static str, weight: u32, weight_all: u32) -> Call {
    Call { signed: false, keyed: false, weight_all, ..get(name, path, weight) }
}

const fn listed(name: &'static str, path: &'static str, weight: u32, weight_all: u32) -> Call {
    Call { weight_all, ..get(name, path, weight) }
}

pub(crate) const TIME: Call = Call { urgency: Urgency::ReducesRisk, ..public("time", "/fapi/v1/time", 1, 1) };
// What an order is checked by before it is sent: closing must not wait for somebody who watches.
pub(crate) const EXCHANGE_INFO: Call =
    Call { urgency: Urgency::ReducesRisk, ..public("exchangeInfo", "/fapi/v1/exchangeInfo", 1, 1) };
pub(crate) const PREMIUM_INDEX: Call = public("premiumIndex", "/fapi/v1/premiumIndex", 1, 10);
pub(crate) const BOOK_TICKER: Call = public("bookTicker", "/fapi/v1/ticker/bookTicker", 2, 5);
pub(crate) const FUNDING_INFO: Call =
    Call { pool: Pool::Funding, ..public("fundingInfo", "/fapi/v1/fundingInfo", 1, 1) };
pub(crate) const FUNDING_RATE: Call =
    Call { pool: Pool::Funding, ..public("fundingRate", "/fapi/v1/fundingRate", 1, 1) };

pub(crate) const ACCOUNT: Call = get("account", "/fapi/v3/account", 5);
pub(crate) const BALANCE: Call = get("balance", "/fapi/v3/balance", 5);
pub(crate) const POSITION_RISK: Call = get("positionRisk", "/fapi/v3/positionRisk", 5);
pub(crate) const SYMBOL_CONFIG: Call = get("symbolConfig", "/fapi/v1/symbolConfig", 5);
pub(crate) const ACCOUNT_CONFIG: Call = get("accountConfig", "/fapi/v1/accountConfig", 5);
pub(crate) const LEVERAGE_BRACKET: Call =
    urgent("leverageBracket", Method::Get, "/fapi/v1/leverageBracket", 1);
pub(crate) const COMMISSION_RATE: Call = get("commissionRate", "/fapi/v1/commissionRate", 20);
pub(crate) const OPEN_ORDERS: Call = listed("openOrders", "/fapi/v1/openOrders", 1, 40);
pub(crate) const OPEN_ALGO_ORDERS: Call = listed("openAlgoOrders", "/fapi/v1/openAlgoOrders", 1, 40);
pub(crate) const INCOME: Call = get("income", "/fapi/v1/income", 30);
// Urgent where orders are resolved by them, which only the caller knows.
pub(crate) const USER_TRADES: Call = get("userTrades", "/fapi/v1/userTrades", 5);
// What an order is resolved by.
pub(crate) const ORDER: Call = urgent("order", Method::Get, "/fapi/v1/order", 1);
pub(crate) const ALGO_ORDER: Call = urgent("algoOrder", Method::Get, "/fapi/v1/algoOrder", 1);

pub(crate) const PLACE: Call = call("placing an order", Method::Post, "/fapi/v1/order", 0);
pub(crate) const PLACE_BATCH: Call = call("placing orders", Method::Post, "/fapi/v1/batchOrders", 5);
pub(crate) const PLACE_ALGO: Call = urgent("placing a stop order", Method::Post, "/fapi/v1/algoOrder", 0);
pub(crate) const CANCEL: Call = urgent("cancelling", Method::Delete, "/fapi/v1/order", 1);
pub(crate) const CANCEL_ALGO: Call =
    urgent("cancelling a stop order", Method::Delete, "/fapi/v1/algoOrder", 1);
pub(crate) const CANCEL_ALL: Call = urgent("cancelling all", Method::Delete, "/fapi/v1/allOpenOrders", 1);
pub(crate) const CANCEL_ALL_ALGO: Call =
    urgent("cancelling all stop orders", Method::Delete, "/fapi/v1/algoOpenOrders", 1);
// Urgent where it lowers the leverage, which only the caller knows; likewise with margin that is added.
pub(crate) const LEVERAGE: Call = call("leverage", Method::Post, "/fapi/v1/leverage", 1);
pub(crate) const MARGIN_TYPE: Call = call("marginType", Method::Post, "/fapi/v1/marginType", 1);
pub(crate) const POSITION_MARGIN: Call = call("positionMargin", Method::Post, "/fapi/v1/positionMargin", 1);
pub(crate) const COUNTDOWN: Call =
    urgent("countdownCancelAll", Method::Post, "/fapi/v1/countdownCancelAll", 10);

/// Gives out the key of the private stream, or the one there is, and keeps it alive for another hour.
pub(crate) const LISTEN_KEY: Call =
    Call { signed: false, ..call("listenKey", Method::Post, "/fapi/v1/listenKey", 1) };
/// Keeps it alive for another hour.
pub(crate) const KEEP_LISTEN_KEY: Call = Call { method: Method::Put, ..LISTEN_KEY };

/// Its weight is that of the wallet documentation (*User Universal Transfer*, 2026-10).
pub(crate) const TRANSFER: Call = Call {
    pool: Pool::Transfers,
    ..call("moving money between wallets", Method::Post, "/sapi/v1/asset/transfer", 900)
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights as the official SDK 18.1.0 documents them (that of `bookTicker` from memory), apart from the table above.
    #[test]
    fn weights_are_the_documented_ones() {
        let documented = [
            (TIME, 1, 1),
            (EXCHANGE_INFO, 1, 1),
            (PREMIUM_INDEX, 1, 10),
            (BOOK_TICKER, 2, 5),
            (ACCOUNT, 5, 5),
            (BALANCE, 5, 5),
            (POSITION_RISK, 5, 5),
            (SYMBOL_CONFIG, 5, 5),
            (ACCOUNT_CONFIG, 5, 5),
            (LEVERAGE_BRACKET, 1, 1),
            (COMMISSION_RATE, 20, 20),
            (OPEN_ORDERS, 1, 40),
            (OPEN_ALGO_ORDERS, 1, 40),
            (INCOME, 30, 30),
            (ORDER, 1, 1),
            (ALGO_ORDER, 1, 1),
            (USER_TRADES, 5, 5),
            (PLACE, 0, 0),
            (PLACE_BATCH, 5, 5),
            (PLACE_ALGO, 0, 0),
            (CANCEL, 1, 1),
            (CANCEL_ALGO, 1, 1),
            (CANCEL_ALL, 1, 1),
            (CANCEL_ALL_ALGO, 1, 1),
            (LEVERAGE, 1, 1),
            (MARGIN_TYPE, 1, 1),
            (POSITION_MARGIN, 1, 1),
            (COUNTDOWN, 10, 10),
        ];
        for (call, one, all) in documented {
            assert_eq!((call.weight, call.weight_all), (one, all), "{}", call.name);
            assert!(call.path.starts_with("/fapi/v"), "{}", call.path);
            let reads = call.method == Method::Get;
            assert!(reads || call.signed, "every write is signed: {}", call.name);
        }
        // The reserved share is for what reduces risk, and for what an order is resolved by.
        for call in [
            TIME,
            EXCHANGE_INFO,
            LEVERAGE_BRACKET,
            ORDER,
            ALGO_ORDER,
            PLACE_ALGO,
            CANCEL,
            CANCEL_ALGO,
            CANCEL_ALL,
            COUNTDOWN,
        ] {
            assert_eq!(call.urgency, Urgency::ReducesRisk, "{}", call.name);
        }
        for call in [
            PLACE,
            PLACE_BATCH,
            LEVERAGE,
            MARGIN_TYPE,
            POSITION_MARGIN,
            ACCOUNT,
            OPEN_ORDERS,
            INCOME,
            USER_TRADES,
        ] {
            assert_eq!(call.urgency, Urgency::Ordinary, "{}", call.name);
        }
        for call in [FUNDING_INFO, FUNDING_RATE] {
            assert_eq!(call.pool, Pool::Funding);
        }
        assert_eq!((TRANSFER.weight, TRANSFER.path), (900, "/sapi/v1/asset/transfer"));
        assert!(TRANSFER.signed && TRANSFER.pool == Pool::Transfers && TRANSFERS.weight() == 180_000);
        assert_eq!((REQUESTS.weight(), ORDERS_SHORT.weight(), ORDERS_LONG.weight()), (2400, 300, 1200));
    }
}
