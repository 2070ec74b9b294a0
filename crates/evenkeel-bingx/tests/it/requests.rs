//! The request cases of another client: for what both can say, the same call with the same parameters. Differences are
//! listed, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_bingx::BingX;
use evenkeel_exchange::{Observe as _, Protective, StopIntent, StopSize, Trade as _, Trigger, leverage_of};
use evenkeel_types::{
    ClientOrderId, Leverage, MarginMode, OrderIntent, PositionSide, Scope, Side, TimeInForce, Timestamp,
};
use serde_json::{Value, json};

use crate::server::{Asked, Fate, NOW, Server, parameters};
use crate::support::{fixtures, id, intent, json as parse, read, symbol, unproven};

/// `timeInForce`: every order says how long it stays. `clientOrderID`: every order has an identity.
const ORDER: [&str; 2] = ["timeInForce", "clientOrderID"];
/// A stop says by which price it is triggered, and that it only closes; both are defaults or left open there.
const STOP: [&str; 3] = ["clientOrderID", "workingType", "reduceOnly"];
/// Lists say their bounds.
const LIST: [&str; 4] = ["startTime", "endTime", "limit", "symbol"];

/// Files whose calls this crate does not make, and why.
const FILES_LEFT_OUT: &[(&str, &str)] = &[
    (
        "request_closeAllPositions_1.json",
        "positions are closed by orders with a worst price, never at the market",
    ),
    ("request_editOrder_1.json", "orders are not amended: cancelling and placing are two decisions"),
    ("request_fetchCanceledOrders_1.json", "orders are asked for one by one, by their ids"),
    ("request_fetchClosedOrders_1.json", "the same"),
    ("request_fetchOrders_1.json", "the same"),
    ("request_fetchOpenInterest_1.json", "not read"),
    ("request_setPositionMode_1.json", "the position mode is never changed"),
    (
        "request_createTrailingAmountOrder_1.json",
        "trailing stops follow by a fraction here, not by an amount",
    ),
];

/// The cases that no call of ours is equivalent to, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("twap", "orders that a program of the venue slices"),
    ("TWAP", "orders that a program of the venue slices"),
    ("Swap market buy order", "orders have a worst price here: IOC limits instead of MARKET"),
    ("swap reduceOnly order", "the same; reduceOnly itself is in the limit case below"),
    ("with stopLoss (exchange-specific)", "stops are orders of their own here"),
    ("swap create FOK order", "there is no fill-or-kill among our times in force"),
    ("Swap trailing amount order", "trailing stops follow by a fraction here, not by an amount"),
    ("Swap create a trailing amount order", "the same"),
];

fn contracts() -> Fate {
    let row = |name: &str| {
        json!({"symbol": name, "quantityPrecision": 4, "pricePrecision": 2, "makerFeeRate": 0.0002, "takerFeeRate": 0.0005,
            "tradeMinQuantity": 0.0001, "tradeMinUSDT": 2, "currency": "USDT", "status": 1, "apiStateOpen": "true",
            "apiStateClose": "true"})
    };
    Fate::data(json!(["BTC-USDT", "ETH-USDT", "LTC-USDT"].map(row)))
}

/// The call and the parameters of a case.
fn expected(case: &Value) -> Asked {
    let url = case["url"].as_str().unwrap();
    let (path, query) =
        url.split_once("/openApi/swap/").unwrap().1.split_once('/').unwrap().1.split_once('?').unwrap();
    let sent = parameters(query).into_iter().filter(|(name, _)| name != "timestamp" && name != "signature");
    (path.to_owned(), sent.collect())
}

struct Cases {
    folder: std::path::PathBuf,
    seen: BTreeSet<String>,
}

impl Cases {
    /// Every case of these files was compared, or is left out for a reason.
    fn all_seen(&self, files: impl Fn(&str) -> bool) {
        let mut open = Vec::new();
        for entry in std::fs::read_dir(&self.folder).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            let left_out = FILES_LEFT_OUT.iter().any(|(file, _)| *file == name);
            if !name.starts_with("request_") || left_out || !files(&name) {
                continue;
            }
            for case in parse(&read(&self.folder, &name))["cases"].as_array().unwrap() {
                let description = case["description"].as_str().unwrap();
                let seen = self.seen.contains(&format!("{name}: {description}"));
                if !seen && !LEFT_OUT.iter().any(|(part, _)| description.contains(part)) {
                    open.push(format!("{name}: {description}"));
                }
            }
        }
        assert_eq!(open, Vec::<String>::new(), "neither compared nor left out for a reason");
    }

    fn case(&mut self, file: &str, description: &str) -> Asked {
        let cases = parse(&read(&self.folder, file));
        let cases = cases["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| case["description"] == description);
        self.seen.insert(format!("{file}: {description}"));
        expected(case.unwrap_or_else(|| panic!("{file}: {description}")))
    }

    /// What was sent is what the case says, but for parameters that we send as well.
    fn same(&mut self, file: &str, description: &str, ours: &[Asked], more: &[&str]) {
        let (path, theirs) = self.case(file, description);
        let found = ours.iter().find(|(call, _)| call.split(' ').nth(1) == Some(path.as_str()));
        let (_, asked) = found.unwrap_or_else(|| panic!("{description}: {path} is not among {ours:?}"));
        let ours: BTreeMap<&String, &String> = asked
            .iter()
            .filter(|(name, _)| !more.contains(&name.as_str()) || theirs.contains_key(*name))
            .collect();
        assert_eq!(ours, theirs.iter().collect(), "{description}");
    }
}

fn order(name: &str, side: Side, qty: &str, price: &str, tif: TimeInForce) -> OrderIntent {
    OrderIntent { tif, ..intent(name, side, qty, price) }
}

fn stop(name: &str, side: Side, trigger: Trigger, worst: Option<&str>) -> StopIntent {
    StopIntent {
        id: id(1),
        symbol: symbol(name),
        side,
        position_side: PositionSide::Net,
        trigger,
        size: StopSize::Qty("0.0001".parse().unwrap()),
        worst: worst.map(|price| price.parse().unwrap()),
    }
}

async fn placed(server: &Arc<Server>, venue: &BingX, order: OrderIntent) -> Vec<Asked> {
    server.asked();
    venue.place(&[unproven(order)]).await.remove(0).unwrap();
    server.writes()
}

#[tokio::test]
async fn orders_are_those_of_another_client() {
    let Some(folder) = fixtures() else { return };
    let mut cases = Cases { folder, seen: BTreeSet::new() };
    let server = Server::start();
    server.always("GET quote/contracts", contracts());
    let venue = server.venue();
    let file = "request_createOrder_1.json";
    use TimeInForce::{Gtc, PostOnly};
    let sent = placed(&server, &venue, order("BTC-USDT", Side::Buy, "0.0001", "25000", Gtc)).await;
    cases.same(file, "Swap limit buy order", &sent, &ORDER);
    let sent = placed(&server, &venue, order("LTC-USDT", Side::Buy, "0.1", "50", Gtc)).await;
    cases.same(file, "swap create GTC order", &sent, &ORDER);
    let sent = placed(&server, &venue, order("LTC-USDT", Side::Buy, "0.1", "50", PostOnly)).await;
    cases.same(file, "swap create PO order", &sent, &ORDER);
    // The id is ours; the spelling of its name is theirs.
    let (_, theirs) = cases.case(file, "swap order with clientOrderId");
    assert!(theirs.contains_key("clientOrderID") && sent[0].1.contains_key("clientOrderID"));
    assert!(ClientOrderId::parse(&sent[0].1["clientOrderID"]).is_ok());

    let price = |text: &str| text.parse().unwrap();
    let stops = venue.abilities().stop_orders.unwrap();
    for (description, stop) in [
        (
            "Swap attach a stop loss market order to an existing long position",
            stop("BTC-USDT", Side::Sell, Trigger::StopLoss(price("30000")), None),
        ),
        (
            "Swap attach a take profit market order to an existing short position",
            stop("BTC-USDT", Side::Buy, Trigger::TakeProfit(price("30000")), None),
        ),
        (
            "Swap attach a take profit limit order to an existing short position",
            stop("BTC-USDT", Side::Buy, Trigger::TakeProfit(price("30000")), Some("31000")),
        ),
        (
            "Swap trailing percent order",
            stop(
                "BTC-USDT",
                Side::Sell,
                Trigger::Trailing { callback: "0.1".parse().unwrap(), activation: None },
                None,
            ),
        ),
    ] {
        server.asked();
        stops.place_stops(&[stop]).await.remove(0).unwrap();
        // Theirs sometimes say reduceOnly themselves.
        cases.same(file, description, &server.writes(), &STOP);
    }
    // Theirs would sell at 31 000 or better once it falls to 30 000: such an order could never protect, and is refused here.
    let (_, theirs) = cases.case(file, "Swap attach a stop loss limit order to an existing long position");
    assert_eq!(theirs["type"], "STOP");
    let never = stop("BTC-USDT", Side::Sell, Trigger::StopLoss(price("30000")), Some("31000"));
    assert!(stops.place_stops(&[never]).await.remove(0).is_err());

    server.asked();
    let two = ["25000", "27000"].map(|price| order("BTC-USDT", Side::Buy, "0.0001", price, Gtc));
    let two: Vec<_> =
        two.into_iter().zip(1..).map(|(intent, n)| unproven(OrderIntent { id: id(n), ..intent })).collect();
    venue.place(&two).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    let ours = server.writes();
    let (path, theirs) =
        cases.case("request_createOrders_1.json", "Swap create multiple limit orders at once");
    assert_eq!(ours[0].0, format!("POST {path}"));
    let orders = |text: &str| -> Vec<BTreeMap<String, Value>> {
        let mut orders: Vec<BTreeMap<String, Value>> = serde_json::from_str(text).unwrap();
        orders.iter_mut().for_each(|order| order.retain(|name, _| !ORDER.contains(&name.as_str())));
        orders
    };
    assert_eq!(orders(&ours[0].1["batchOrders"]), orders(&theirs["batchOrders"]));
    assert!(!ours[0].1["batchOrders"].contains(' '), "every byte of it is signed");

    cases.all_seen(|name| name.starts_with("request_createOrder"));
}

#[tokio::test]
async fn settings_cancels_and_reads_are_those_of_another_client() {
    let Some(folder) = fixtures() else { return };
    let mut cases = Cases { folder, seen: BTreeSet::new() };
    let server = Server::start();
    server.always("GET quote/contracts", contracts());
    let venue = server.venue();
    let (btc, ltc) = (symbol("BTC-USDT"), symbol("LTC-USDT"));

    server.always(
        "GET trade/leverage",
        Fate::data(
            json!({"longLeverage": 5, "shortLeverage": 5, "maxLongLeverage": 75, "maxShortLeverage": 75}),
        ),
    );
    venue.set_leverage(&btc, Leverage::new(10).unwrap()).await.unwrap();
    cases.same("request_setLeverage_1.json", "Linear swap set leverage", &server.writes(), &[]);

    // Isolated, so that its margin can be moved. Ours names the side; theirs leaves it to the venue's default, LONG.
    let mut rows = crate::server::positions();
    rows[1]["isolated"] = json!(true);
    rows[1]["margin"] = json!("60");
    rows.as_array_mut().unwrap().remove(0);
    server.always("GET user/positions", Fate::data(rows));
    venue.adjust_margin(&btc, "1".parse().unwrap()).await.unwrap();
    cases.same("request_addMargin_1.json", "Add Margin", &server.writes(), &["positionSide"]);
    venue.adjust_margin(&btc, "-1".parse().unwrap()).await.unwrap();
    cases.same("request_reduceMargin_1.json", "reduceMargin", &server.writes(), &["positionSide"]);

    let file = "request_cancelOrder_1.json";
    venue.cancel_by_venue_id(&btc, "1720647776204967936").await.unwrap();
    cases.same(file, "Swap cancel order", &server.writes(), &[]);
    venue.cancel_by_venue_id(&ltc, "1792480780099366912").await.unwrap();
    cases.same(file, "cancel trigger order", &server.writes(), &[]);
    // Cancels go one by one: their list is a batch of one.
    venue.cancel_by_venue_id(&ltc, "1741775869694930944").await.unwrap();
    let (_, theirs) = cases.case("request_cancelOrders_1.json", "cancel swap orders");
    let (_, asked) = server.writes().remove(0);
    assert_eq!(theirs["orderIdList"], format!("[{}]", asked["orderId"]));

    let abilities = venue.abilities();
    abilities.cancel_all.unwrap().cancel_all(Some(&btc), Protective::Cancel).await.unwrap();
    cases.same("request_cancelAllOrders_1.json", "Linear swap cancel all orders", &server.writes(), &[]);
    abilities.dead_man_switch.unwrap().arm(Duration::from_secs(100)).await.unwrap();
    cases.same("request_cancelAllOrdersAfter_1.json", "Swap cancel all orders after", &server.writes(), &[]);

    // Reads: a whole account at once, theirs mostly by symbol.
    server.always("GET trade/marginType", Fate::data(json!({"marginType": "CROSSED"})));
    server.clock.pass(Duration::from_secs(61));
    venue.snapshot(&Scope::of([btc.clone(), ltc.clone()])).await.unwrap();
    let asked = server.asked();
    cases.same("request_fetchBalance_1.json", "Linear swap fetch balance", &asked, &[]);
    cases.same("request_fetchTradingFee_1.json", "linear swap trading trading fee", &asked, &[]);
    cases.same("request_fetchPositionMode_1.json", "fetch position mode", &asked, &[]);
    let by = |call: &str, name: &str| -> Vec<Asked> {
        asked
            .iter()
            .filter(|(c, a)| c == call && a.get("symbol").is_some_and(|s| s == name))
            .cloned()
            .collect()
    };
    cases.same("request_fetchTicker_1.json", "Swap ticker", &by("GET quote/ticker", "BTC-USDT"), &[]);
    cases.same(
        "request_fetchMarkPrice_1.json",
        "fetchMarkPrice",
        &by("GET quote/premiumIndex", "BTC-USDT"),
        &[],
    );
    for (file, description) in [
        ("request_fetchOpenOrders_1.json", "Swap open orders"),
        ("request_fetchPosition_1.json", "Linear swap fetch position"),
    ] {
        let (path, theirs) = cases.case(file, description);
        assert!(asked.iter().any(|(call, asked)| call.ends_with(&path) && asked.is_empty()));
        assert_eq!(theirs.keys().collect::<Vec<_>>(), ["symbol"], "ours reads all symbols at once");
    }
    server.clock.pass(Duration::from_secs(60));
    server.always("GET user/positions", Fate::data(json!([])));
    venue.set_margin_mode(&btc, MarginMode::Cross).await.unwrap();
    server.asked();
    leverage_of(&venue, &btc).await.unwrap();
    cases.same("request_fetchMarginMode_1.json", "Linear swap fetch the margin mode", &server.asked(), &[]);

    let _ = venue.order(&ltc, &id(1)).await.unwrap();
    let (path, theirs) = cases.case("request_fetchOrder_1.json", "fetch canceled swap order");
    let (call, asked) = server.asked().remove(0);
    assert_eq!(call, format!("GET {path}"));
    // Ours asks by the client id.
    assert_eq!(
        asked.keys().map(|k| k.replace("clientOrderId", "orderId")).collect::<BTreeSet<_>>(),
        theirs.into_keys().collect()
    );

    let abilities = venue.read_abilities();
    abilities.funding_payments.unwrap().funding_payments(Timestamp(NOW)).await.unwrap();
    let (path, theirs) = cases.case("request_fetchFundingHistory_1.json", "fetchFundingHistory");
    let (call, asked) = server.asked().remove(0);
    assert_eq!((call, &asked["incomeType"]), (format!("GET {path}"), &theirs["incomeType"]));
    assert!(asked.keys().all(|name| theirs.contains_key(name) || LIST.contains(&name.as_str())));
    abilities.funding_history.unwrap().funding_history(&btc, Timestamp(NOW)).await.unwrap();
    cases.same("request_fetchFundingRateHistory_1.json", "fundingRateHistory", &server.asked(), &LIST);
    cases.all_seen(|name| !name.starts_with("request_createOrder"));
}
