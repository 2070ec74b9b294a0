//! The requests of another client (its static tests): what this crate sends for the same wish says the same. Parameters are
//! compared as sets; accepted differences are in the tables.

use evenkeel_exchange::{
    CancelAll as _, Observe as _, Protective, StopIntent, StopOrders as _, StopSize, Trade as _, Trigger,
};
use evenkeel_types::{MarginMode, OrderIntent, PositionSide, Scope, Side, TimeInForce};
use serde_json::{Map, Value, json};

use crate::server::{Asked, Server, order};
use crate::support::{fixtures, id, intent, json as parse, read, symbol, unproven};

/// What this crate always says and the other client leaves to the venue's defaults.
const ADDED: &[(&str, &str)] = &[
    ("orderLinkId", "the identity of every order of ours"),
    ("positionIdx", "said also in one-way mode, where it is 0"),
    ("reduceOnly", "said also where it is false"),
    ("timeInForce", "said always"),
    ("triggerBy", "the mark price, where the default is the last price"),
    ("closeOnTrigger", "a stop frees margin for itself if it must"),
    ("tpslMode", "the whole position, which is the default"),
];

/// Of orders at the market: this crate sends an immediate order with the limit that the intent has.
const AT_MARKET: &[&str] = &["orderType", "price"];

/// Cases and files without an equivalent, with the reason.
const ELSEWHERE: &[(&str, Option<usize>, &str)] = &[
    (
        "createOrder",
        Some(2),
        "stops are orders of their own here, with an id; none are attached to a position",
    ),
    ("createOrder", Some(3), "as above"),
    ("createOrder", Some(4), "conditional orders that open a position are not offered"),
    ("createOrder", Some(5), "as above"),
    ("createOrder", Some(8), "a limit that is better than the trigger could never trade at once: refused"),
    ("createOrder", Some(9), "stops are orders of their own here"),
    ("createOrder", Some(10), "as above"),
    ("createOrder", Some(11), "as above"),
    ("fetchBalance", Some(2), "the funding wallet is not read"),
    ("fetchBalance", Some(3), "classic accounts are refused"),
    ("editOrders", None, "orders are not amended"),
    ("fetchClosedOrder", None, "the history is asked by id, whatever became of the order"),
    ("fetchClosedOrders", None, "not read"),
    ("fetchFundingHistory", None, "funding is read from the ledger"),
    ("fetchFundingRateHistory", None, "the same call, always with both ends of the time"),
    ("fetchMyLiquidations", None, "all executions are read"),
    ("fetchMyTrades", None, "all executions are read, with both ends of the time"),
    ("fetchOpenInterest", None, "not read"),
    ("fetchPositionsHistory", None, "not read"),
    ("fetchTickers", None, "few symbols are asked for one by one, many as here"),
    ("fetchTradingFee", None, "the rates of all symbols are read at once"),
    ("setPositionMode", None, "not set"),
];

struct Cases(Vec<(String, Value)>);

impl Cases {
    fn load() -> Option<Self> {
        let folder = fixtures()?;
        let mut cases = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(method) = name.strip_prefix("request_").and_then(|rest| rest.strip_suffix("_1.json"))
            else {
                continue;
            };
            let file = parse(&read(&folder, &name));
            for (index, case) in file["cases"].as_array().unwrap().iter().enumerate() {
                cases.push((format!("{method} {index}"), case.clone()));
            }
        }
        Some(Self(cases))
    }

    fn take(&mut self, name: &str) -> Value {
        let place = self.0.iter().position(|(known, _)| known == name);
        self.0.swap_remove(place.unwrap_or_else(|| panic!("no case {name}"))).1
    }
}

/// What they send.
fn theirs(case: &Value) -> Map<String, Value> {
    if let Some(body) = case["output"].as_str() {
        return parse(body.as_bytes()).as_object().unwrap().clone();
    }
    let url = case["url"].as_str().unwrap();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn same(name: &str, ours: &Value, theirs: &Map<String, Value>, but: &[&str]) {
    let ours = ours.as_object().unwrap();
    for (key, value) in theirs {
        if !but.contains(&key.as_str()) {
            assert_eq!(ours.get(key), Some(value), "{name}: {key}");
        }
    }
    for key in ours.keys() {
        let known = theirs.contains_key(key) || but.contains(&key.as_str());
        assert!(
            known || ADDED.iter().any(|(added, _)| added == key),
            "{name}: {key} is sent by this crate alone"
        );
    }
}

fn path_of(case: &Value) -> String {
    let url: http::Uri = case["url"].as_str().unwrap().parse().unwrap();
    url.path().to_owned()
}

fn stop(of: &str, side: Side, trigger: Trigger, qty: &str, worst: Option<&str>) -> StopIntent {
    StopIntent {
        id: id(7),
        symbol: symbol(of),
        side,
        position_side: PositionSide::Net,
        trigger,
        size: StopSize::Qty(qty.parse().unwrap()),
        worst: worst.map(|price| price.parse().unwrap()),
    }
}

#[tokio::test]
async fn requests_say_the_same() {
    let Some(mut cases) = Cases::load() else { return };
    let server = Server::start();
    let venue = server.venue();
    let price = |text: &str| text.parse().unwrap();
    let sent = || -> Asked { server.written().remove(0) };

    for (index, stop) in [
        (0, stop("ETHUSDT", Side::Sell, Trigger::TakeProfit(price("10000")), "0.1", Some("10000"))),
        (1, stop("ETHUSDT", Side::Sell, Trigger::StopLoss(price("4000")), "0.1", None)),
        (6, stop("LTCUSDT", Side::Sell, Trigger::TakeProfit(price("110")), "0.1", Some("100"))),
        (7, stop("BTCUSDT", Side::Sell, Trigger::StopLoss(price("82000")), "0.001", Some("81000"))),
    ] {
        let name = format!("createOrder {index}");
        let case = cases.take(&name);
        venue.place_stops(&[stop]).await.remove(0).unwrap();
        let ours = sent();
        assert_eq!(ours.path, path_of(&case));
        same(&name, &ours.body, &theirs(&case), &[]);
    }
    let case = cases.take("createOrder 12");
    let distance = Some(price("1000"));
    venue.set_trailing_stop(&symbol("BTCUSDT"), PositionSide::Net, distance, None).await.unwrap();
    let ours = sent();
    assert_eq!(ours.path, path_of(&case));
    same("createOrder 12", &ours.body, &theirs(&case), &[]);

    let plain = |of: &str, side, qty: &str, limit: &str| intent(9, of, side, qty, limit);
    let short = |intent: OrderIntent| OrderIntent { position_side: PositionSide::Short, ..intent };
    let reducing = |intent: OrderIntent| OrderIntent { reduce_only: true, ..intent };
    // Ids are used once each.
    for (number, index, intent, but) in [
        (20, 13, plain("ADAUSDT", Side::Buy, "1", "60.4234"), &[][..]),
        (21, 14, reducing(plain("ADAUSDT", Side::Sell, "81", "0.5")), AT_MARKET),
        (22, 15, short(plain("ADAUSDT", Side::Sell, "10", "0.5")), AT_MARKET),
        // Theirs leaves out that it reduces: in hedge mode buying the short leg can do nothing else.
        (23, 16, short(reducing(plain("ADAUSDT", Side::Buy, "10", "0.7"))), AT_MARKET),
    ] {
        let name = format!("createOrder {index}");
        let case = cases.take(&name);
        let intent = OrderIntent { id: id(number), ..intent };
        venue.place(&[unproven(intent)]).await.remove(0).unwrap();
        let ours = sent();
        assert_eq!(ours.path, path_of(&case));
        same(&name, &ours.body, &theirs(&case), but);
    }

    let case = cases.take("createOrders 0");
    let gtc = |number: u8, limit: &str| OrderIntent {
        id: id(number),
        tif: TimeInForce::Gtc,
        ..plain("LTCUSDT", Side::Buy, "0.1", limit)
    };
    let placed = venue.place(&[unproven(gtc(1, "60")), unproven(gtc(2, "61"))]).await;
    assert!(placed.iter().all(Result::is_ok), "{placed:?}");
    let ours = sent();
    assert_eq!(ours.path, path_of(&case));
    let theirs_all = theirs(&case);
    assert_eq!(ours.body["category"], theirs_all["category"]);
    for (ours, theirs) in
        ours.body["request"].as_array().unwrap().iter().zip(theirs_all["request"].as_array().unwrap())
    {
        same("createOrders", ours, theirs.as_object().unwrap(), &[]);
    }

    // One request for each, where theirs is one for all: this crate cancels as it is asked to.
    for name in ["cancelOrders 0", "cancelOrdersForSymbols 0"] {
        for wanted in theirs(&cases.take(name))["request"].as_array().unwrap() {
            let (of, number) = (wanted["symbol"].as_str().unwrap(), wanted["orderId"].as_str().unwrap());
            let mut over = order(1, of, "Buy", "1", "0", "Cancelled");
            over["orderId"] = json!(number);
            server.with(|world| world.orders = vec![over]);
            venue.cancel_by_venue_id(&symbol(of), number).await.unwrap();
            let mut theirs = wanted.as_object().unwrap().clone();
            theirs.insert("category".into(), json!("linear"));
            let asked = server.asked();
            let ours = asked.iter().find(|asked| asked.is_write()).unwrap();
            same(name, &ours.body, &theirs, &[]);
            // And looks after it as theirs does in `fetchOrder`.
            let read = asked.iter().find(|asked| asked.path == "/v5/order/realtime").unwrap();
            assert_eq!(read.query.keys().collect::<Vec<_>>(), ["category", "orderId", "symbol"]);
        }
    }
    let keys: Vec<String> = theirs(&cases.take("fetchOrder 0")).keys().cloned().collect();
    assert_eq!(keys, ["category", "orderId", "symbol"]);
    let case = cases.take("cancelAllOrders 0");
    server.with(|world| world.orders.clear());
    venue.cancel_all(Some(&symbol("BTCUSDT")), Protective::Cancel).await.unwrap();
    same("cancelAllOrders", &sent().body, &theirs(&case), &[]);

    let case = cases.take("setMarginMode 0");
    venue.set_account_margin_mode(MarginMode::Isolated).await.unwrap();
    let ours = sent();
    assert_eq!((ours.path, ours.body), (path_of(&case), Value::Object(theirs(&case))));

    // Reads.
    venue.snapshot(&Scope::default()).await.unwrap();
    let asked = server.asked();
    for name in ["fetchBalance 0", "fetchBalance 1", "fetchPositions 0"] {
        let case = cases.take(name);
        let ours = asked.iter().find(|asked| asked.path == path_of(&case)).unwrap();
        let ours: Map<String, Value> =
            ours.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        assert_eq!(ours, theirs(&case), "{name}");
    }

    for (name, _) in &cases.0 {
        let (method, index) = name.split_once(' ').unwrap();
        let index: usize = index.parse().unwrap();
        let excused =
            ELSEWHERE.iter().any(|(known, of, _)| *known == method && of.is_none_or(|of| of == index));
        assert!(excused, "{name} is not compared, for no reason");
    }
}
