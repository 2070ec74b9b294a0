//! Every call that is answered: method, path, what it needs, costs, and is called.

use evenkeel_types::Timestamp;
use http::Method;
use serde_json::Value;

use super::limits::Cost;
use super::params::Params;
use super::refusals::Refusal;
use super::server::Server;
use super::{account, algo, ledger, market, orders, settings, stream};

/// What a request has to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Public,
    /// A key.
    Keyed,
    /// A key and a signature.
    Signed,
}

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Whose key it came with, by its place among the accounts.
    pub(crate) account: usize,
    pub(crate) params: Params,
    pub(crate) now: Timestamp,
}

pub(crate) type Handler = fn(&mut Server, &Ask) -> Result<Value, Refusal>;

/// A call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    method: &'static str,
    path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) security: Security,
    weight: u32,
    /// Without a symbol.
    weight_all: u32,
    orders: u32,
    pub(crate) handler: Handler,
}

impl Route {
    /// Listen keys change nothing in the account.
    pub(crate) fn is_write(&self) -> bool {
        self.method != "GET" && self.security != Security::Keyed
    }

    pub(crate) fn cost(&self, params: &Params) -> Cost {
        let weight = if params.has("symbol") { self.weight } else { self.weight_all };
        Cost { weight, orders: self.orders, funding: self.path.starts_with("/fapi/v1/funding") }
    }
}

pub(crate) fn route(method: &Method, path: &str) -> Option<Route> {
    ROUTES.iter().find(|route| route.method == method.as_str() && route.path == path).copied()
}

const fn get(path: &'static str, name: &'static str, weights: (u32, u32), handler: Handler) -> Route {
    let (weight, weight_all) = weights;
    Route { method: "GET", path, name, security: Security::Public, weight, weight_all, orders: 0, handler }
}

const fn own(path: &'static str, name: &'static str, weights: (u32, u32), handler: Handler) -> Route {
    Route { security: Security::Signed, ..get(path, name, weights, handler) }
}

const fn write(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    weight: u32,
    orders: u32,
    handler: Handler,
) -> Route {
    Route { method, orders, ..own(path, name, (weight, weight), handler) }
}

const fn keyed(method: &'static str, path: &'static str, name: &'static str, handler: Handler) -> Route {
    Route { security: Security::Keyed, ..write(method, path, name, 1, 0, handler) }
}

/// Weights are those of the official SDK 18.1.0.
pub(crate) const ROUTES: &[Route] = &[
    get("/fapi/v1/ping", "ping", (1, 1), market::ping),
    get("/fapi/v1/time", "time", (1, 1), market::time),
    get("/fapi/v1/exchangeInfo", "exchangeInfo", (1, 1), market::exchange_info),
    get("/fapi/v1/premiumIndex", "premiumIndex", (1, 10), market::premium_index),
    get("/fapi/v1/fundingInfo", "fundingInfo", (0, 0), market::funding_info),
    get("/fapi/v1/fundingRate", "fundingRate", (0, 0), market::funding_rate),
    get("/fapi/v1/ticker/bookTicker", "bookTicker", (2, 5), market::book_ticker),
    get("/fapi/v1/ticker/price", "tickerPrice", (1, 2), market::ticker_price),
    get("/fapi/v2/ticker/price", "tickerPrice", (1, 2), market::ticker_price),
    get("/fapi/v1/ticker/24hr", "ticker24hr", (1, 40), market::ticker_day),
    get("/fapi/v1/depth", "depth", (5, 5), market::depth),
    get("/fapi/v1/trades", "trades", (5, 5), market::empty),
    get("/fapi/v1/aggTrades", "aggTrades", (20, 20), market::empty),
    get("/fapi/v1/klines", "klines", (5, 5), market::empty),
    get("/fapi/v1/markPriceKlines", "markPriceKlines", (5, 5), market::empty),
    get("/fapi/v1/indexPriceKlines", "indexPriceKlines", (5, 5), market::empty_pair),
    get("/fapi/v1/openInterest", "openInterest", (1, 1), market::open_interest),
    get("/fapi/v1/constituents", "constituents", (2, 2), market::constituents),
    own("/fapi/v2/account", "account", (5, 5), account::account_v2),
    own("/fapi/v3/account", "account", (5, 5), account::account_v3),
    own("/fapi/v2/balance", "balance", (5, 5), account::balance),
    own("/fapi/v3/balance", "balance", (5, 5), account::balance),
    own("/fapi/v2/positionRisk", "positionRisk", (5, 5), account::position_risk_v2),
    own("/fapi/v3/positionRisk", "positionRisk", (5, 5), account::position_risk_v3),
    own("/fapi/v1/symbolConfig", "symbolConfig", (5, 5), account::symbol_config),
    own("/fapi/v1/accountConfig", "accountConfig", (5, 5), account::account_config),
    own("/fapi/v1/leverageBracket", "leverageBracket", (1, 1), account::leverage_bracket),
    own("/fapi/v1/commissionRate", "commissionRate", (20, 20), account::commission_rate),
    own("/fapi/v1/adlQuantile", "adlQuantile", (5, 5), account::adl_quantile),
    own("/fapi/v1/feeBurn", "feeBurn", (30, 30), account::fee_burn),
    own("/fapi/v1/apiTradingStatus", "apiTradingStatus", (1, 10), account::trading_status),
    own("/fapi/v1/rateLimit/order", "rateLimitOrder", (1, 1), account::order_limits),
    own("/fapi/v1/positionSide/dual", "positionSideDual", (30, 30), settings::position_mode),
    write("POST", "/fapi/v1/positionSide/dual", "setPositionSideDual", 1, 0, settings::set_position_mode),
    own("/fapi/v1/multiAssetsMargin", "multiAssetsMargin", (30, 30), settings::multi_assets),
    write("POST", "/fapi/v1/multiAssetsMargin", "setMultiAssetsMargin", 1, 0, settings::set_multi_assets),
    write("POST", "/fapi/v1/leverage", "leverage", 1, 0, settings::set_leverage),
    write("POST", "/fapi/v1/marginType", "marginType", 1, 0, settings::set_margin_type),
    write("POST", "/fapi/v1/positionMargin", "positionMargin", 1, 0, settings::move_margin),
    own("/fapi/v1/positionMargin/history", "positionMarginHistory", (1, 1), settings::margin_history),
    write("POST", "/fapi/v1/countdownCancelAll", "countdownCancelAll", 10, 0, settings::countdown),
    write("POST", "/fapi/v1/order", "order", 0, 1, orders::place),
    write("POST", "/fapi/v1/order/test", "orderTest", 0, 1, orders::test),
    write("PUT", "/fapi/v1/order", "modifyOrder", 0, 1, orders::modify),
    write("DELETE", "/fapi/v1/order", "cancelOrder", 1, 0, orders::cancel),
    own("/fapi/v1/order", "queryOrder", (1, 1), orders::query),
    own("/fapi/v1/openOrder", "openOrder", (1, 1), orders::query_open),
    own("/fapi/v1/openOrders", "openOrders", (1, 40), orders::open),
    own("/fapi/v1/allOrders", "allOrders", (5, 5), orders::all),
    write("DELETE", "/fapi/v1/allOpenOrders", "cancelAllOpenOrders", 1, 0, orders::cancel_all),
    write("POST", "/fapi/v1/batchOrders", "batchOrders", 5, 5, orders::place_batch),
    write("PUT", "/fapi/v1/batchOrders", "modifyBatchOrders", 5, 5, orders::modify_batch),
    write("DELETE", "/fapi/v1/batchOrders", "cancelBatchOrders", 1, 0, orders::cancel_batch),
    write("POST", "/fapi/v1/algoOrder", "algoOrder", 0, 1, algo::place),
    write("DELETE", "/fapi/v1/algoOrder", "cancelAlgoOrder", 1, 0, algo::cancel),
    own("/fapi/v1/algoOrder", "queryAlgoOrder", (1, 1), algo::query),
    own("/fapi/v1/openAlgoOrders", "openAlgoOrders", (1, 40), algo::open),
    own("/fapi/v1/allAlgoOrders", "allAlgoOrders", (5, 5), algo::all),
    write("DELETE", "/fapi/v1/algoOpenOrders", "cancelAllAlgoOrders", 1, 0, algo::cancel_all),
    own("/fapi/v1/userTrades", "userTrades", (5, 5), ledger::user_trades),
    own("/fapi/v1/income", "income", (30, 30), ledger::income),
    own("/fapi/v1/forceOrders", "forceOrders", (20, 50), ledger::force_orders),
    keyed("POST", "/fapi/v1/listenKey", "listenKey", stream::listen_key),
    keyed("PUT", "/fapi/v1/listenKey", "keepListenKey", stream::keep_listen_key),
    keyed("DELETE", "/fapi/v1/listenKey", "closeListenKey", stream::close_listen_key),
    // What clients of all the venue's products ask before they trade one of them.
    own("/sapi/v1/capital/config/getall", "coins", (10, 10), market::coins),
    own("/sapi/v1/margin/allPairs", "marginPairs", (1, 1), market::nothing),
    own("/sapi/v1/margin/isolated/allPairs", "isolatedPairs", (1, 1), market::nothing),
    own("/sapi/v1/futures/transfer", "transfers", (10, 10), ledger::transfers),
    write("POST", "/sapi/v1/asset/transfer", "transfer", 1, 0, ledger::transfer),
    get("/api/v3/ping", "spotPing", (1, 1), market::ping),
    get("/api/v3/time", "spotTime", (1, 1), market::time),
    get("/api/v3/exchangeInfo", "spotExchangeInfo", (1, 1), market::no_symbols),
    get("/dapi/v1/exchangeInfo", "coinExchangeInfo", (1, 1), market::no_symbols),
];
