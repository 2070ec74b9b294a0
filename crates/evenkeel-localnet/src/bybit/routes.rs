//! Every call that is answered: path, verb, how often a key may call it, and what answers.
//!
//! Limits are those of the venue's page *Rate Limit Rules*, in calls of a rolling second.

use http::Method;

use super::auth::Caller;
use super::envelope::Answer;
use super::params::Params;
use super::server::Server;

/// How a call comes in.
#[derive(Clone, Copy)]
pub(super) enum Door {
    Public(fn(&mut Server, &Params) -> Answer),
    Private(u32, fn(&mut Server, &Caller, &Params) -> Answer),
    /// The last argument says how many of the batch are within the limit.
    Batch(u32, fn(&mut Server, &Caller, &Params, usize) -> Answer),
}

pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) door: Door,
}

pub(super) fn find(method: &Method, path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path && endpoint.method == *method)
}

const fn public(path: &'static str, answer: fn(&mut Server, &Params) -> Answer) -> Endpoint {
    Endpoint { method: Method::GET, path, door: Door::Public(answer) }
}

const fn get(
    path: &'static str,
    limit: u32,
    answer: fn(&mut Server, &Caller, &Params) -> Answer,
) -> Endpoint {
    Endpoint { method: Method::GET, path, door: Door::Private(limit, answer) }
}

const fn post(
    path: &'static str,
    limit: u32,
    answer: fn(&mut Server, &Caller, &Params) -> Answer,
) -> Endpoint {
    Endpoint { method: Method::POST, path, door: Door::Private(limit, answer) }
}

const fn batch(
    path: &'static str,
    limit: u32,
    answer: fn(&mut Server, &Caller, &Params, usize) -> Answer,
) -> Endpoint {
    Endpoint { method: Method::POST, path, door: Door::Batch(limit, answer) }
}

pub(super) static ENDPOINTS: &[Endpoint] = &[
    public("/v5/market/time", Server::server_time),
    public("/v5/market/instruments-info", Server::instruments),
    public("/v5/market/tickers", Server::tickers),
    public("/v5/market/risk-limit", Server::risk_limits),
    public("/v5/market/funding/history", Server::funding_history),
    public("/v5/market/orderbook", Server::order_book),
    public("/v5/market/price-limit", Server::price_limit),
    public("/v5/market/open-interest", Server::open_interest),
    public("/v5/market/kline", Server::nothing_listed),
    public("/v5/market/mark-price-kline", Server::nothing_listed),
    public("/v5/market/index-price-kline", Server::nothing_listed),
    public("/v5/market/premium-index-price-kline", Server::nothing_listed),
    public("/v5/market/recent-trade", Server::nothing_listed),
    get("/v5/user/query-api", 10, Server::query_api),
    get("/v5/account/info", 50, Server::account_info),
    get("/v5/account/wallet-balance", 50, Server::wallet_balance),
    get("/v5/account/fee-rate", 5, Server::fee_rates),
    get("/v5/account/transaction-log", 25, Server::transaction_log),
    get("/v5/account/query-dcp-info", 5, Server::dcp_info),
    get("/v5/account/user-setting-config", 50, Server::user_settings),
    get("/v5/account/collateral-info", 50, Server::collateral_info),
    post("/v5/account/set-margin-mode", 5, Server::set_margin_mode),
    get("/v5/asset/coin/query-info", 5, Server::coin_info),
    get("/v5/asset/transfer/query-account-coins-balance", 5, Server::coin_balances),
    post("/v5/asset/transfer/inter-transfer", 20, Server::transfer),
    get("/v5/position/list", 50, Server::position_list),
    get("/v5/position/symbol-info", 10, Server::symbol_info),
    get("/v5/position/closed-pnl", 50, Server::closed_pnl),
    post("/v5/position/set-leverage", 10, Server::set_leverage),
    post("/v5/position/switch-mode", 10, Server::switch_mode),
    post("/v5/position/add-margin", 10, Server::add_margin),
    post("/v5/position/trading-stop", 10, Server::trading_stop),
    get("/v5/order/realtime", 50, Server::open_orders),
    get("/v5/order/history", 50, Server::order_history),
    get("/v5/execution/list", 50, Server::executions),
    post("/v5/order/create", 10, Server::create_order),
    post("/v5/order/amend", 10, Server::amend_order),
    post("/v5/order/cancel", 10, Server::cancel_order),
    post("/v5/order/cancel-all", 10, Server::cancel_all),
    batch("/v5/order/create-batch", 10, Server::create_batch),
    batch("/v5/order/amend-batch", 10, Server::amend_batch),
    batch("/v5/order/cancel-batch", 10, Server::cancel_batch),
    post("/v5/order/disconnected-cancel-all", 5, Server::set_dcp),
];
