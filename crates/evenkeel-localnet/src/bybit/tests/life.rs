//! What becomes of orders and positions, in figures.

use evenkeel_types::MarginMode;
use serde_json::{Value, json};

use super::support::{Bot, limit, market, with};
use crate::bybit::{AccountSpec, Server};

fn texts<'a>(row: &'a Value, names: &[&str]) -> Vec<&'a str> {
    names.iter().map(|name| row[name].as_str().unwrap_or_else(|| panic!("{name} in {row}"))).collect()
}

#[test]
fn an_acknowledgement_is_no_execution() {
    let mut bot = Bot::new(Server::builder());
    let id = bot.act("order/create", market("SOLUSDT", "Buy", "10"))["orderId"].as_str().unwrap().to_owned();
    // Nobody knows it yet, and nothing is held.
    assert_eq!(bot.shown(&id), Value::Null);
    bot.wait(49);
    assert_eq!(bot.position("SOLUSDT")["size"], "0");
    bot.wait(1);
    let row = bot.shown(&id);
    // The ask is a tick off the mark of 166.4, two basis points more are 166.4433, and that up to a tick.
    let figures =
        ["orderStatus", "cumExecQty", "leavesQty", "avgPrice", "cumExecValue", "cumExecFee", "cancelType"];
    assert_eq!(texts(&row, &figures), ["Filled", "10", "0", "166.45", "1664.5", "0.915475", "UNKNOWN"]);
    assert_eq!(row["cumFeeDetail"], json!({"USDT": "0.915475"}));
    assert_eq!(texts(&row, &["orderType", "timeInForce", "price"]), ["Market", "IOC", "174.72"]);
    let position = bot.position("SOLUSDT");
    let figures = ["side", "size", "avgPrice", "positionValue", "markPrice", "unrealisedPnl", "leverage"];
    assert_eq!(texts(&position, &figures), ["Buy", "10", "166.45", "1664.5", "166.400", "-0.5", "10"]);
    // At the mark: a tenth; half a percent, and the fee of closing.
    assert_eq!(
        texts(&position, &["positionIM", "positionMM", "curRealisedPnl"]),
        ["166.4", "9.2352", "-0.915475"]
    );
    let wallet = bot.ask("account/wallet-balance", "accountType=UNIFIED")["list"][0].clone();
    let totals = [
        "totalWalletBalance",
        "totalPerpUPL",
        "totalMarginBalance",
        "totalInitialMargin",
        "totalAvailableBalance",
        "totalMaintenanceMargin",
        "accountIMRate",
        "accountMMRate",
    ];
    assert_eq!(
        texts(&wallet, &totals),
        ["9999.084525", "-0.5", "9998.584525", "166.4", "9832.184525", "9.2352", "0.0166", "0.0009"]
    );
    let coin = &wallet["coin"][0];
    assert_eq!(
        texts(coin, &["coin", "equity", "walletBalance", "totalPositionIM"]),
        ["USDT", "9998.584525", "9999.084525", "166.4"]
    );
}

#[test]
fn parts_are_closed_with_their_share_of_profit_and_fees() {
    let mut bot = Bot::new(Server::builder());
    bot.order(market("SOLUSDT", "Buy", "10"));
    bot.price("SOLUSDT", "180");
    let id = bot.order(with(market("SOLUSDT", "Sell", "4"), json!({"reduceOnly": true})));
    // 179.99 less two basis points is 179.954002, down to 179.95: 4 times 13.5.
    let row = bot.ask("execution/list", &format!("category=linear&orderId={id}"))["list"][0].clone();
    let figures = ["execPrice", "execQty", "execFee", "feeRate", "closedSize", "execType", "side"];
    assert_eq!(texts(&row, &figures), ["179.95", "4", "0.39589", "0.00055", "4", "Trade", "Sell"]);
    assert_eq!(
        (row["isMaker"].as_bool(), bot.position("SOLUSDT")["size"].as_str()),
        (Some(false), Some("6"))
    );
    let closed = bot.ask("position/closed-pnl", "category=linear&symbol=SOLUSDT")["list"][0].clone();
    let figures = [
        "closedSize",
        "avgEntryPrice",
        "avgExitPrice",
        "cumEntryValue",
        "cumExitValue",
        "openFee",
        "closeFee",
    ];
    assert_eq!(texts(&closed, &figures), ["4", "166.45", "179.95", "665.8", "719.8", "0.36619", "0.39589"]);
    // 54 less both fees.
    assert_eq!(closed["closedPnl"], "53.23792");
    let log = bot.ask("account/transaction-log", "accountType=UNIFIED&category=linear");
    let rows: Vec<Vec<&str>> = log["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| texts(row, &["type", "side", "size", "cashFlow", "fee", "change", "cashBalance"]))
        .collect();
    assert_eq!(
        rows,
        [
            ["TRADE", "Sell", "6", "54", "0.39589", "53.60411", "10052.688635"],
            ["TRADE", "Buy", "10", "0", "0.915475", "-0.915475", "9999.084525"],
        ]
    );
}

#[test]
fn resting_orders_wait_change_and_fill_in_parts() {
    let spec = AccountSpec::named("main").world(|world| world.depth("SOLUSDT", "3"));
    let mut bot = Bot::new(Server::builder().account(spec));
    let id = bot.order(limit("SOLUSDT", "Buy", "5", "160"));
    let row = bot.shown(&id);
    assert_eq!(
        texts(&row, &["orderStatus", "leavesQty", "leavesValue", "avgPrice"]),
        ["New", "5", "800", ""]
    );
    let change =
        json!({"category": "linear", "symbol": "SOLUSDT", "orderId": id, "qty": "4", "price": "161"});
    assert_eq!(bot.act("order/amend", change)["orderId"], id.as_str());
    bot.wait(200);
    let wallet = bot.ask("account/wallet-balance", "accountType=UNIFIED")["list"][0].clone();
    // 644 at 10x, and what the paper exchange sets aside for its fee and the way to the mark.
    let reserved: f64 = wallet["coin"][0]["totalOrderIM"].as_str().unwrap().parse().unwrap();
    assert!((64.4..66.0).contains(&reserved), "{reserved}");
    bot.price("SOLUSDT", "160.5");
    let row = bot.shown(&id);
    assert_eq!(
        texts(&row, &["orderStatus", "cumExecQty", "leavesQty", "avgPrice"]),
        ["PartiallyFilled", "3", "1", "161"]
    );
    bot.act("order/cancel", json!({"category": "linear", "symbol": "SOLUSDT", "orderId": id}));
    let row = bot.shown(&id);
    let figures = ["orderStatus", "cumExecQty", "leavesQty", "cancelType", "rejectReason"];
    assert_eq!(texts(&row, &figures), ["Cancelled", "3", "0", "CancelByUser", "EC_PerCancelRequest"]);
    let fill = bot.ask("execution/list", "category=linear&symbol=SOLUSDT")["list"][0].clone();
    assert_eq!((fill["isMaker"].as_bool(), fill["feeRate"].as_str()), (Some(true), Some("0.0002")));
    // Immediate orders end where the book does.
    let id = bot.order(market("SOLUSDT", "Buy", "5"));
    let row = bot.shown(&id);
    let figures = ["orderStatus", "cumExecQty", "rejectReason"];
    assert_eq!(texts(&row, &figures), ["Cancelled", "3", "EC_NoImmediateQtyToFill"]);
}

#[test]
fn post_only_orders_that_would_trade_end_as_cancelled() {
    let mut bot = Bot::new(Server::builder());
    let order = with(limit("SOLUSDT", "Buy", "1", "170"), json!({"timeInForce": "PostOnly"}));
    let id = bot.order(order);
    let row = bot.shown(&id);
    assert_eq!(
        texts(&row, &["orderStatus", "cumExecQty", "rejectReason"]),
        ["Cancelled", "0", "EC_PostOnlyWillTakeLiquidity"]
    );
}

#[test]
fn refusals_can_come_late() {
    let mut bot = Bot::new(Server::builder().late_refusals());
    let id = bot.order(market("BTCUSDT", "Buy", "5"));
    let row = bot.shown(&id);
    assert_eq!(
        texts(&row, &["orderStatus", "cumExecQty", "rejectReason"]),
        ["Rejected", "0", "INSUFFICIENT_MARGIN"]
    );
}

#[test]
fn funding_is_in_both_histories_with_opposite_signs() {
    let mut bot = Bot::new(Server::builder());
    bot.order(market("SOLUSDT", "Sell", "10"));
    bot.wait(6 * 3600 * 1000);
    // 10 at 166.4 and 0.01 %: shorts receive it.
    let paid = bot.ask("execution/list", "category=linear&execType=Funding")["list"][0].clone();
    assert_eq!(
        texts(&paid, &["execFee", "execQty", "execPrice", "side"]),
        ["-0.1664", "10", "166.4", "Sell"]
    );
    assert_eq!(paid["execTime"], "1772380800000");
    let log = bot.ask("account/transaction-log", "type=SETTLEMENT")["list"][0].clone();
    let figures = ["funding", "change", "size", "qty", "feeRate", "tradePrice"];
    assert_eq!(texts(&log, &figures), ["0.1664", "0.1664", "-10", "10", "0.0001", "166.4"]);
    let history = bot.ask("market/funding/history", "category=linear&symbol=SOLUSDT&limit=1")["list"].clone();
    let expected =
        json!([{"symbol": "SOLUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": "1772380800000"}]);
    assert_eq!(history, expected);
}

#[test]
fn isolated_positions_have_buckets() {
    let mut bot = Bot::new(Server::builder());
    bot.act("account/set-margin-mode", json!({"setMarginMode": "ISOLATED_MARGIN"}));
    assert_eq!(bot.ask("account/info", "")["marginMode"], "ISOLATED_MARGIN");
    bot.order(market("SOLUSDT", "Buy", "10"));
    let position = bot.position("SOLUSDT");
    let before: f64 = position["positionIM"].as_str().unwrap().parse().unwrap();
    assert!((166.0..168.0).contains(&before), "{position}");
    let wallet = bot.ask("account/wallet-balance", "accountType=UNIFIED")["list"][0].clone();
    assert_eq!(texts(&wallet, &["totalAvailableBalance", "accountMMRate"]), ["", ""]);
    assert_eq!(wallet["coin"][0]["totalPositionIM"], position["positionIM"]);
    let change = |amount: &str| json!({"category": "linear", "symbol": "SOLUSDT", "margin": amount});
    let after = bot.act("position/add-margin", change("25.5"));
    let added: f64 = after["positionIM"].as_str().unwrap().parse().unwrap();
    assert!((added - before - 25.5).abs() < 1e-6, "{before} {added}");
    assert_eq!(bot.refused("position/add-margin", change("-100")).0, 110_078);
    assert_eq!(bot.refused("position/add-margin", change("1000000")).0, 110_014);
    assert_eq!(bot.refused("position/add-margin", change("0")).0, 110_027);
    assert_eq!(bot.refused("position/add-margin", change("0.00001")).0, 10001);
    assert_ne!(after["liqPrice"], "");
    let world = bot.server.world("main").unwrap();
    let held =
        world.peek(&evenkeel_types::Scope::of(["SOLUSDT".parse().unwrap()])).unwrap().positions[0].clone();
    assert_eq!(held.mode, MarginMode::Isolated);
    assert_eq!(held.isolated.unwrap().equity.to_string(), (added - 0.5).to_string());
}

#[test]
fn both_legs_in_hedge_mode() {
    let mut bot = Bot::new(Server::builder());
    bot.act("position/switch-mode", json!({"category": "linear", "coin": "USDT", "mode": 3}));
    let leg = |idx: u8| json!({"positionIdx": idx});
    bot.order(with(market("SOLUSDT", "Buy", "3"), leg(1)));
    bot.order(with(market("SOLUSDT", "Sell", "2"), leg(2)));
    let rows = bot.ask("position/list", "category=linear&symbol=SOLUSDT")["list"].clone();
    let shown: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["positionIdx"].as_u64().unwrap(), texts(row, &["side", "size"])))
        .collect();
    assert_eq!(shown, [(1, vec!["Buy", "3"]), (2, vec!["Sell", "2"])]);
    assert_eq!(
        bot.refused("order/create", market("SOLUSDT", "Buy", "1")).1,
        "position idx not match position mode"
    );
    bot.order(with(market("SOLUSDT", "Sell", "3"), json!({"positionIdx": 1, "reduceOnly": true})));
    let rows = bot.ask("position/list", "category=linear&settleCoin=USDT")["list"].clone();
    assert_eq!((rows.as_array().unwrap().len(), rows[0]["positionIdx"].as_u64()), (1, Some(2)));
    // Leverage by leg only with buckets.
    let apart = json!({"category": "linear", "symbol": "ETHUSDT", "buyLeverage": "5", "sellLeverage": "7"});
    assert_eq!(bot.refused("position/set-leverage", apart.clone()).0, 10001);
    bot.order(with(market("SOLUSDT", "Buy", "2"), json!({"positionIdx": 2, "reduceOnly": true})));
    bot.act("account/set-margin-mode", json!({"setMarginMode": "ISOLATED_MARGIN"}));
    bot.act("position/set-leverage", apart);
    let rows = bot.ask("position/symbol-info", "category=linear&symbol=ETHUSDT")["list"].clone();
    assert_eq!((rows[0]["leverage"].as_str(), rows[1]["leverage"].as_str()), (Some("5"), Some("7")));
}

#[test]
fn pages_follow_each_other_to_an_empty_one() {
    let mut bot = Bot::new(Server::builder());
    let mut ids: Vec<String> =
        (0..5).map(|n| bot.order(limit("SOLUSDT", "Buy", "0.1", &format!("10{n}")))).collect();
    ids.reverse();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let query = format!("category=linear&symbol=SOLUSDT&limit=2{cursor}");
        let page = bot.ask("order/realtime", &query);
        let rows = page["list"].as_array().unwrap();
        let Some(last) = rows.last() else { break };
        seen.extend(rows.iter().map(|row| row["orderId"].as_str().unwrap().to_owned()));
        let next = page["nextPageCursor"].as_str().unwrap();
        let key =
            format!("{}%3A{}", last["orderId"].as_str().unwrap(), last["createdTime"].as_str().unwrap());
        assert!(next.ends_with(&key) && next.contains("%2C"), "{next}");
        cursor = format!("&cursor={next}");
        pages += 1;
    }
    assert_eq!((seen, pages), (ids, 3));
}

#[test]
fn money_moves_once_for_each_id() {
    let mut bot = Bot::new(Server::builder().account(AccountSpec::named("main").cash("100").spot("40")));
    let body = |id: &str, from: &str, to: &str, amount: &str| json!({"transferId": id, "coin": "USDT", "amount": amount, "fromAccountType": from, "toAccountType": to});
    let path = "asset/transfer/inter-transfer";
    assert_eq!(
        bot.act(path, body("a", "FUND", "UNIFIED", "30.5")),
        json!({"transferId": "a", "status": "SUCCESS"})
    );
    assert_eq!(bot.refused(path, body("a", "FUND", "UNIFIED", "1")).0, 131_214);
    assert_eq!(bot.refused(path, body("b", "FUND", "UNIFIED", "9.6")).0, 131_212);
    assert_eq!(bot.refused(path, body("c", "UNIFIED", "FUND", "130.6")).0, 131_212);
    bot.act(path, body("d", "UNIFIED", "FUND", "0.5"));
    let fund = bot.ask("asset/transfer/query-account-coins-balance", "accountType=FUND");
    assert_eq!(fund["balance"][0]["walletBalance"], "10");
    let log = bot.ask("account/transaction-log", "")["list"].clone();
    assert_eq!(texts(&log[0], &["type", "change", "cashBalance"]), ["TRANSFER_OUT", "-0.5", "130"]);
}

#[test]
fn a_liquidation_is_seen_as_one() {
    let mut bot = Bot::new(Server::builder().account(AccountSpec::named("main").cash("400")));
    bot.order(market("SOLUSDT", "Buy", "10"));
    let resting = bot.order(limit("SOLUSDT", "Buy", "0.1", "100"));
    bot.price("SOLUSDT", "125");
    assert_eq!(bot.position("SOLUSDT")["size"], "0");
    let fill = bot.ask("execution/list", "category=linear&execType=BustTrade")["list"][0].clone();
    assert_eq!(texts(&fill, &["side", "execQty", "execPrice", "closedSize"]), ["Sell", "10", "125", "10"]);
    assert_eq!(
        texts(&bot.shown(&resting), &["orderStatus", "cancelType"]),
        ["Cancelled", "CancelAllBeforeLiq"]
    );
}
