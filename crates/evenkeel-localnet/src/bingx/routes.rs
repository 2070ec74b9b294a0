//! Every call that is answered: verb, path, its name for rules of faults, how often a user may make it in a second, and
//! who answers it. Limits are those of the official documentation (2025-11); 0 is a call that is not signed.

use bytes::Bytes;
use http::Request;

use super::envelope::Outcome;
use super::refusals::Refusal;
use super::server::{Asked, Server};

pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) per_second: u32,
    /// Whether its key is enough. Documents of 2026 have listen keys signed, older ones have them not, and clients that do
    /// not sign get theirs.
    pub(crate) keyed: bool,
    pub(crate) act: fn(&mut Server, &Asked) -> Outcome,
}

pub(crate) fn find(request: &Request<Bytes>) -> Result<&'static Route, Refusal> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let mut same_path = ROUTES.iter().filter(|route| route.path == path).peekable();
    if same_path.peek().is_none() {
        return Err(Refusal::no_such_path());
    }
    same_path.find(|route| route.method == method).ok_or_else(Refusal::no_such_method)
}

const fn public(path: &'static str, name: &'static str, act: fn(&mut Server, &Asked) -> Outcome) -> Route {
    Route { method: "GET", path, name, per_second: 0, keyed: false, act }
}

const fn get(
    path: &'static str,
    name: &'static str,
    per_second: u32,
    act: fn(&mut Server, &Asked) -> Outcome,
) -> Route {
    Route { method: "GET", path, name, per_second, keyed: false, act }
}

const fn post(
    path: &'static str,
    name: &'static str,
    per_second: u32,
    act: fn(&mut Server, &Asked) -> Outcome,
) -> Route {
    Route { method: "POST", path, name, per_second, keyed: false, act }
}

const fn delete(
    path: &'static str,
    name: &'static str,
    per_second: u32,
    act: fn(&mut Server, &Asked) -> Outcome,
) -> Route {
    Route { method: "DELETE", path, name, per_second, keyed: false, act }
}

const fn stream(method: &'static str, name: &'static str, act: fn(&mut Server, &Asked) -> Outcome) -> Route {
    Route { method, path: "/openApi/user/auth/userDataStream", name, per_second: 2, keyed: true, act }
}

pub(crate) const ROUTES: &[Route] = &[
    public("/openApi/swap/v2/server/time", "time", Server::time),
    public("/openApi/swap/v2/quote/contracts", "contracts", Server::contracts),
    public("/openApi/swap/v2/quote/premiumIndex", "premiumIndex", Server::premium_index),
    public("/openApi/swap/v2/quote/fundingRate", "fundingRate", Server::funding_rates),
    public("/openApi/swap/v2/quote/ticker", "ticker", Server::ticker),
    public("/openApi/swap/v2/quote/bookTicker", "bookTicker", Server::book_ticker),
    public("/openApi/swap/v2/quote/price", "price", Server::price),
    public("/openApi/swap/v1/ticker/price", "price", Server::price),
    public("/openApi/swap/v2/quote/depth", "depth", Server::depth),
    public("/openApi/swap/v2/quote/openInterest", "openInterest", Server::open_interest),
    public("/openApi/swap/v2/quote/trades", "trades", Server::no_market_rows),
    public("/openApi/swap/v2/quote/klines", "klines", Server::no_market_rows),
    public("/openApi/swap/v3/quote/klines", "klines", Server::no_market_rows),
    public("/openApi/swap/v1/market/markPriceKlines", "markPriceKlines", Server::no_market_rows),
    public("/openApi/spot/v1/common/symbols", "spotSymbols", Server::spot_symbols),
    public("/openApi/cswap/v1/market/contracts", "inverseContracts", Server::no_rows),
    get("/openApi/swap/v1/tradingRules", "tradingRules", 5, Server::trading_rules),
    get("/openApi/swap/v1/maintMarginRatio", "maintMarginRatio", 5, Server::tiers),
    get("/openApi/swap/v3/user/balance", "balance", 5, Server::balance),
    get("/openApi/swap/v2/user/balance", "balance", 5, Server::balance_v2),
    get("/openApi/swap/v2/user/positions", "positions", 5, Server::positions),
    get("/openApi/swap/v1/trade/positionHistory", "positionHistory", 5, Server::position_history),
    get("/openApi/swap/v2/user/commissionRate", "commissionRate", 5, Server::commission_rate),
    get("/openApi/swap/v2/user/income", "income", 5, Server::income),
    get("/openApi/swap/v1/user/marginAssets", "marginAssets", 5, Server::margin_assets),
    get("/openApi/v1/account/apiRestrictions", "apiRestrictions", 1, Server::api_restrictions),
    get("/openApi/v1/account/apiPermissions", "apiPermissions", 1, Server::api_permissions),
    get("/openApi/account/v1/uid", "uid", 5, Server::uid),
    get("/openApi/wallets/v1/capital/config/getall", "currencies", 2, Server::currencies),
    get("/openApi/swap/v2/trade/leverage", "leverageQuery", 5, Server::leverage),
    post("/openApi/swap/v2/trade/leverage", "leverage", 5, Server::set_leverage),
    get("/openApi/swap/v2/trade/marginType", "marginTypeQuery", 2, Server::margin_type),
    post("/openApi/swap/v2/trade/marginType", "marginType", 2, Server::set_margin_type),
    get("/openApi/swap/v1/positionSide/dual", "positionModeQuery", 2, Server::position_mode),
    post("/openApi/swap/v1/positionSide/dual", "positionMode", 2, Server::set_position_mode),
    get("/openApi/swap/v1/trade/assetMode", "assetModeQuery", 2, Server::asset_mode),
    post("/openApi/swap/v1/trade/assetMode", "assetMode", 2, Server::set_asset_mode),
    get("/openApi/swap/v1/trade/multiAssetsRules", "multiAssetsRules", 5, Server::multi_assets_rules),
    post("/openApi/swap/v2/trade/positionMargin", "positionMargin", 2, Server::position_margin),
    get("/openApi/swap/v1/positionMargin/history", "positionMarginHistory", 2, Server::margin_history),
    post("/openApi/swap/v2/trade/order", "order", 10, Server::place),
    post("/openApi/swap/v2/trade/order/test", "orderTest", 5, Server::place_test),
    post("/openApi/swap/v2/trade/batchOrders", "batchOrders", 5, Server::place_batch),
    delete("/openApi/swap/v2/trade/order", "cancel", 5, Server::cancel),
    delete("/openApi/swap/v2/trade/batchOrders", "cancelBatch", 5, Server::cancel_batch),
    delete("/openApi/swap/v2/trade/allOpenOrders", "cancelAll", 5, Server::cancel_all),
    post("/openApi/swap/v2/trade/cancelAllAfter", "cancelAllAfter", 2, Server::cancel_all_after),
    post("/openApi/swap/v1/trade/amend", "amend", 5, Server::amend),
    post("/openApi/swap/v1/trade/cancelReplace", "cancelReplace", 5, Server::cancel_replace),
    post("/openApi/swap/v2/trade/closeAllPositions", "closeAllPositions", 5, Server::close_all),
    post("/openApi/swap/v1/trade/closePosition", "closePosition", 5, Server::close_position),
    get("/openApi/swap/v2/trade/order", "orderQuery", 5, Server::order),
    get("/openApi/swap/v2/trade/openOrder", "openOrder", 5, Server::open_order),
    get("/openApi/swap/v2/trade/openOrders", "openOrders", 5, Server::open_orders),
    get("/openApi/swap/v2/trade/allOrders", "allOrders", 5, Server::all_orders),
    get("/openApi/swap/v1/trade/fullOrder", "fullOrder", 5, Server::full_orders),
    get("/openApi/swap/v2/trade/allFillOrders", "allFillOrders", 5, Server::all_fill_orders),
    get("/openApi/swap/v2/trade/fillHistory", "fillHistory", 5, Server::fill_history),
    get("/openApi/swap/v2/trade/forceOrders", "forceOrders", 10, Server::force_orders),
    stream("POST", "userDataStream", Server::listen_key),
    stream("PUT", "userDataStreamKeep", Server::keep_listen_key),
    stream("DELETE", "userDataStreamClose", Server::close_listen_key),
    get("/openApi/spot/v1/account/balance", "spotBalance", 5, Server::spot_balance),
    post("/openApi/api/asset/v1/transfer", "transfer", 2, Server::transfer),
    post("/openApi/swap/v1/trade/getVst", "getVst", 1, Server::get_vst),
    post("/openApi/swap/v2/trade/getVst", "getVst", 1, Server::get_vst),
];
