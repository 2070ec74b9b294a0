//! Hedge mode, and several accounts.

use serde_json::json;

use super::support::{Client, market};
use crate::binance::{AccountSpec, Server};

const ORDER: &str = "/fapi/v1/order";

#[test]
fn legs_are_kept_apart() {
    let mut client = Client::new(Server::builder().account(AccountSpec::named("main").hedge()));
    let leg =
        |side: &str, qty: &str, leg: &str| format!("{}&positionSide={leg}", market("SOLUSDT", side, qty));
    assert_eq!(client.refused("POST", ORDER, &market("SOLUSDT", "BUY", "1")).0, -4061);
    assert_eq!(client.order(&leg("BUY", "3", "LONG"))["positionSide"], "LONG");
    client.order(&leg("SELL", "2", "SHORT"));
    let reduce = format!("{}&reduceOnly=true", leg("SELL", "1", "LONG"));
    assert_eq!(
        client.refused("POST", ORDER, &reduce),
        (-1106, "Parameter 'reduceonly' sent when not required.".to_owned())
    );
    let rows = client.ask("/fapi/v3/positionRisk", "");
    let seen = |at: usize| (rows[at]["positionSide"].clone(), rows[at]["positionAmt"].clone());
    assert_eq!([seen(0), seen(1)], [(json!("LONG"), json!("3.00")), (json!("SHORT"), json!("-2.00"))]);
    assert!(rows[1]["notional"].as_str().unwrap().starts_with('-'));
    // Beyond the leg: refused, not cut.
    assert_eq!(client.refused("POST", ORDER, &leg("SELL", "4", "LONG")).0, -2022);
    assert_eq!(client.order(&leg("SELL", "3", "LONG"))["status"], "FILLED");
    assert_eq!(client.refused("POST", ORDER, &leg("SELL", "1", "LONG")).0, -2022);
    let rows = client.ask("/fapi/v3/positionRisk", "");
    assert_eq!((&rows[0]["positionAmt"], &rows[1]["positionAmt"]), (&json!("0.00"), &json!("-2.00")));
    assert_eq!(client.refused("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false").0, -4068);
    client.order(&leg("BUY", "2", "SHORT"));
    assert_eq!(
        client.done("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false"),
        json!({"code": 200, "msg": "success"})
    );
    assert_eq!(
        client.refused("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false"),
        (-4059, "No need to change position side.".to_owned())
    );
    assert_eq!(client.ask("/fapi/v1/accountConfig", "")["dualSidePosition"], false);
    let trades = client.ask("/fapi/v1/userTrades", "symbol=SOLUSDT");
    let sides: Vec<_> =
        trades.as_array().unwrap().iter().map(|row| row["positionSide"].as_str().unwrap()).collect();
    assert_eq!(sides, ["LONG", "SHORT", "LONG", "SHORT"]);
}

#[test]
fn accounts_do_not_see_each_other() {
    let builder =
        Server::builder().account(AccountSpec::named("one")).account(AccountSpec::named("two").cash("77"));
    let mut client = Client::new(builder);
    client.order(&market("SOLUSDT", "BUY", "3"));
    client.account = "two".to_owned();
    assert_eq!(client.ask("/fapi/v3/positionRisk", ""), json!([]));
    assert_eq!(client.ask("/fapi/v3/balance", "")[0]["balance"], "77.00000000");
    assert_eq!(client.server.world("one").unwrap().orders().len(), 1);
}
