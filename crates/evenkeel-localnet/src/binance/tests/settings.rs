//! Leverage, margin type and isolated margin.

use serde_json::json;

use super::support::{Client, limit, market};
use crate::binance::{AccountSpec, Server};

#[test]
fn leverage_has_the_largest_position_beside_it() {
    let mut client = Client::new(Server::builder());
    let set = |client: &mut Client, leverage: u32| {
        client.done("POST", "/fapi/v1/leverage", &format!("symbol=BTCUSDT&leverage={leverage}"))
    };
    assert_eq!(
        set(&mut client, 20),
        json!({"leverage": 20, "maxNotionalValue": "100000000", "symbol": "BTCUSDT"})
    );
    assert_eq!(set(&mut client, 20)["leverage"], 20);
    assert_eq!(set(&mut client, 21)["maxNotionalValue"], "70000000");
    assert_eq!(set(&mut client, 1)["maxNotionalValue"], "1800000000");
    let (code, text) = client.refused("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=151");
    assert_eq!((code, text.as_str()), (-4028, "Leverage 151 is not valid"));
    assert_eq!(client.refused("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=0").0, -4028);
    assert_eq!(client.refused("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=2.5").0, -1130);
    let config = client.ask("/fapi/v1/symbolConfig", "symbol=BTCUSDT");
    assert_eq!(
        config[0],
        json!({"symbol": "BTCUSDT", "marginType": "CROSSED", "isAutoAddMargin": false, "leverage": 1, "maxNotionalValue": "1800000000"})
    );
}

#[test]
fn a_held_leverage_goes_down_while_there_is_margin() {
    let mut client = Client::new(Server::builder().account(AccountSpec::named("main").cash("1000")));
    client.order(&market("SOLUSDT", "BUY", "100"));
    let (code, text) = client.refused("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=10");
    assert_eq!(
        (code, text.as_str()),
        (-2028, "Leverage is smaller than permitted: insufficient margin balance.")
    );
    client.done("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=18");
    assert_eq!(client.refused("POST", "/fapi/v1/marginType", "symbol=SOLUSDT&marginType=ISOLATED").0, -4048);
}

#[test]
fn isolated_positions() {
    let mut client = Client::new(Server::builder());
    let mode = |mode: &str| format!("symbol=SOLUSDT&marginType={mode}");
    assert_eq!(
        client.refused("POST", "/fapi/v1/marginType", &mode("CROSSED")),
        (-4046, "No need to change margin type.".to_owned())
    );
    client.order(&limit("SOLUSDT", "BUY", "1", "150", "GTC"));
    assert_eq!(client.refused("POST", "/fapi/v1/marginType", &mode("ISOLATED")).0, -4047);
    client.done("DELETE", "/fapi/v1/allOpenOrders", "symbol=SOLUSDT");
    assert_eq!(
        client.done("POST", "/fapi/v1/marginType", &mode("ISOLATED")),
        json!({"code": 200, "msg": "success"})
    );
    let margin = |kind: u32, amount: &str| format!("symbol=SOLUSDT&amount={amount}&type={kind}");
    assert_eq!(client.refused("POST", "/fapi/v1/positionMargin", &margin(1, "10")).0, -4054);
    client.done("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=10");
    client.order(&market("SOLUSDT", "BUY", "10"));
    let row = client.ask("/fapi/v3/positionRisk", "")[0].clone();
    // A tenth of 1664.5, with and without the loss of fifty cents.
    assert_eq!(
        (&row["isolatedWallet"], &row["isolatedMargin"]),
        (&json!("166.45000000"), &json!("165.95000000"))
    );
    let answer = client.done("POST", "/fapi/v1/positionMargin", &margin(1, "100.5"));
    assert_eq!(
        answer,
        json!({"amount": 100.5, "code": 200, "msg": "Successfully modify position margin.", "type": 1})
    );
    assert_eq!(client.ask("/fapi/v3/positionRisk", "")[0]["isolatedWallet"], "266.95000000");
    // Isolated: long (Q·EP − W − cum)/(Q(1−MMR)), with cum 0 and MMR 0.5 %.
    let risk = client.ask("/fapi/v3/positionRisk", "")[0].clone();
    assert_eq!(risk["liquidationPrice"], "140.45728643");
    assert_eq!(client.refused("POST", "/fapi/v1/positionMargin", &margin(2, "150")).0, -4051);
    assert_eq!(client.refused("POST", "/fapi/v1/positionMargin", &margin(1, "100000")).0, -4050);
    assert_eq!(client.refused("POST", "/fapi/v1/positionMargin", &margin(1, "0")).0, -4055);
    client.done("POST", "/fapi/v1/positionMargin", &margin(2, "50"));
    let history = client.ask("/fapi/v1/positionMargin/history", "symbol=SOLUSDT");
    assert_eq!(
        (&history[0]["amount"], &history[1]["amount"]),
        (&json!("100.50000000"), &json!("-50.00000000"))
    );
    assert_eq!(client.refused("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=5").0, -4161);
    client.done("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=15");
    let account = client.ask("/fapi/v3/account", "");
    // The wallet has the bucket in it, the cross wallet has not.
    let read = |name: &str| account[name].as_str().unwrap().parse::<evenkeel_types::Decimal>().unwrap();
    assert_eq!(read("totalWalletBalance") - read("totalCrossWalletBalance"), "216.95".parse().unwrap());
}

#[test]
fn multi_assets_mode_is_not_emulated() {
    let mut client = Client::new(Server::builder());
    assert_eq!(client.ask("/fapi/v1/multiAssetsMargin", ""), json!({"multiAssetsMargin": false}));
    assert_eq!(client.refused("POST", "/fapi/v1/multiAssetsMargin", "multiAssetsMargin=false").0, -4171);
    assert_eq!(client.refused("POST", "/fapi/v1/multiAssetsMargin", "multiAssetsMargin=true").0, -4084);
}

#[test]
fn money_moves_between_the_wallets() {
    let mut client = Client::new(Server::builder().account(AccountSpec::named("main").spot("50")));
    let move_it = |kind: &str, amount: &str| format!("type={kind}&asset=USDT&amount={amount}");
    assert_eq!(client.refused("POST", "/sapi/v1/asset/transfer", &move_it("MAIN_UMFUTURE", "51")).0, -5013);
    client.done("POST", "/sapi/v1/asset/transfer", &move_it("MAIN_UMFUTURE", "50"));
    assert_eq!(client.ask("/fapi/v3/balance", "")[0]["balance"], "10050.00000000");
    client.done("POST", "/sapi/v1/asset/transfer", &move_it("UMFUTURE_MAIN", "20.5"));
    let rows = client.ask("/fapi/v1/income", "incomeType=TRANSFER");
    assert_eq!(
        (&rows[0]["income"], &rows[1]["income"], &rows[0]["symbol"]),
        (&json!("50.00000000"), &json!("-20.50000000"), &json!(""))
    );
    assert!(rows[1]["tranId"].as_i64().is_some(), "{rows}");
}
