//! What actions do.

use evenkeel_types::{MarginMode, Timestamp};
use serde_json::json;

use super::support::{Bot, START, limit, named, orders, reducing, sign, trigger};
use crate::Venue as _;
use crate::hyperliquid::crypto::{keccak, user_digest, word};
use crate::hyperliquid::{AccountSpec, Server};

const BTC: u32 = 0;
const ETH: u32 = 1;
const SOL: u32 = 2;
const HYPE: u32 = 3;

fn held() -> Bot {
    let spec = AccountSpec::named("main").spot("25").traded("2000000").world(|world| {
        world.position("SOL", "2", 5, MarginMode::Cross).position("ETH", "0.1", 5, MarginMode::Isolated)
    });
    Bot::new(Server::builder().account(spec))
}

#[test]
fn orders_fill_rest_and_are_found() {
    let mut bot = Bot::new(Server::builder());
    let filled = bot.order(named(limit(SOL, true, "168", "1", "Ioc"), 7));
    assert_eq!(filled["filled"]["totalSz"], "1.0");
    assert_eq!(filled["filled"]["avgPx"], "166.45");
    assert!(filled["filled"]["oid"].as_u64().unwrap() > u64::from(u32::MAX));
    assert_eq!(filled["filled"]["cloid"], "0x00000000000000000000000000000007");
    let resting = bot.order(named(limit(SOL, true, "150", "1", "Gtc"), 8));
    let oid = resting["resting"]["oid"].as_u64().unwrap();
    let user = bot.account.to_string();
    for name in [json!(oid), json!(oid.to_string()), json!("0x00000000000000000000000000000008")] {
        let found = bot.ask(json!({"type": "orderStatus", "user": user, "oid": name}));
        assert_eq!(found["order"]["status"], "open");
        assert_eq!(found["order"]["order"]["oid"], oid);
        assert_eq!(found["order"]["order"]["limitPx"], "150.0");
    }
    assert_eq!(bot.about("openOrders").as_array().unwrap().len(), 1);
    // The market comes to it.
    bot.server.set_price(&"SOL".parse().unwrap(), "149.5".parse().unwrap()).unwrap();
    let found = bot.ask(json!({"type": "orderStatus", "user": user, "oid": oid}));
    assert_eq!(
        (&found["order"]["status"], &found["order"]["order"]["sz"]),
        (&json!("filled"), &json!("0.0"))
    );
    let fills = bot.about("userFills");
    assert_eq!(
        (&fills[0]["oid"], &fills[0]["crossed"], &fills[0]["px"]),
        (&json!(oid), &json!(false), &json!("150.0"))
    );
    assert_eq!((&fills[0]["startPosition"], &fills[0]["dir"]), (&json!("1.0"), &json!("Open Long")));
    assert_eq!(bot.ask(json!({"type": "orderStatus", "user": user, "oid": 1}))["status"], "unknownOid");
}

#[test]
fn cancels_answer_one_by_one() {
    let mut bot = Bot::new(Server::builder());
    let oid = bot.order(limit(SOL, true, "150", "1", "Gtc"))["resting"]["oid"].clone();
    bot.order(named(limit(SOL, true, "151", "1", "Alo"), 9));
    let cancel = json!({"type": "cancel", "cancels": [{"a": SOL, "o": oid}, {"a": SOL, "o": 5}, {"a": BTC, "o": oid}]});
    let gone = json!({"error": "Order was never placed, already canceled, or filled. asset=2"});
    let statuses = bot.statuses(cancel);
    assert_eq!(statuses[..2], [json!("success"), gone.clone()]);
    let by_name = json!({"type": "cancelByCloid", "cancels": [{"asset": SOL, "cloid": "0x00000000000000000000000000000009"}]});
    assert_eq!(bot.statuses(by_name.clone()), [json!("success")]);
    assert_eq!(bot.statuses(by_name), [gone]);
    assert_eq!(bot.about("openOrders"), json!([]));
    let history = bot.about("historicalOrders");
    assert!(history.as_array().unwrap().iter().all(|row| row["status"] == "canceled"));
}

#[test]
fn reduce_only_is_cut_and_never_flips() {
    let mut bot = held();
    let filled = bot.order(reducing(limit(SOL, false, "165", "5", "Ioc")));
    assert_eq!(filled["filled"]["totalSz"], "2.0");
    let user = bot.account.to_string();
    let found = bot.ask(json!({"type": "orderStatus", "user": user, "oid": filled["filled"]["oid"]}));
    assert_eq!(
        (&found["order"]["status"], &found["order"]["order"]["origSz"]),
        (&json!("filled"), &json!("5.0"))
    );
    let again = bot.order(reducing(limit(SOL, false, "165", "5", "Ioc")));
    assert_eq!(again, json!({"error": "Reduce only order would increase position. asset=2"}));
    let fill = &bot.about("userFills")[0];
    assert_eq!((&fill["dir"], &fill["closedPnl"]), (&json!("Close Long"), &json!("-0.1")));
}

#[test]
fn dust_is_closed_whole_only() {
    let mut bot = held();
    let least = json!({"error": "Order must have minimum value of $10. asset=2"});
    assert_eq!(bot.order(reducing(limit(SOL, false, "165", "0.05", "Ioc"))), least);
    bot.order(reducing(limit(SOL, false, "165", "1.95", "Ioc")));
    assert_eq!(bot.order(limit(SOL, false, "165", "0.04", "Ioc")), least);
    assert_eq!(bot.order(limit(SOL, false, "165", "0.05", "Ioc"))["filled"]["totalSz"], "0.05");
}

#[test]
fn a_family_is_armed_by_its_parent_and_ends_with_it() {
    let mut bot = Bot::new(Server::builder());
    let family = |price: &str| {
        json!({"type": "order", "grouping": "normalTpsl", "orders": [
            limit(SOL, true, price, "1", "Gtc"),
            trigger(SOL, false, "180", "1", "tp", "179"),
            trigger(SOL, false, "150", "1", "sl", "149"),
        ]})
    };
    let waiting = bot.statuses(family("160"));
    assert_eq!(waiting[1..], [json!("waitingForFill"), json!("waitingForFill")]);
    let open = bot.about("frontendOpenOrders");
    assert_eq!(open.as_array().unwrap().len(), 3);
    assert_eq!(open[2]["children"].as_array().unwrap().len(), 2);
    bot.statuses(json!({"type": "cancel", "cancels": [{"a": SOL, "o": waiting[0]["resting"]["oid"]}]}));
    assert_eq!(bot.about("frontendOpenOrders"), json!([]));
    let armed = bot.statuses(family("168"));
    assert_eq!(armed[1..], [json!("waitingForTrigger"), json!("waitingForTrigger")]);
    assert_eq!(bot.about("frontendOpenOrders").as_array().unwrap().len(), 2);
    bot.server.set_price(&"SOL".parse().unwrap(), "149.5".parse().unwrap()).unwrap();
    assert_eq!(bot.about("frontendOpenOrders"), json!([]));
    let history = bot.about("historicalOrders");
    let ends: Vec<&str> = (0..3).map(|row| history[row]["status"].as_str().unwrap()).collect();
    assert_eq!(ends, ["filled", "siblingFilledCanceled", "filled"]);
}

#[test]
fn a_stop_on_the_position_covers_whatever_it_is() {
    let mut bot = held();
    let stop = json!({"type": "order", "grouping": "positionTpsl", "orders": [trigger(SOL, false, "150", "2", "sl", "149")]});
    assert_eq!(bot.statuses(stop), [json!("waitingForTrigger")]);
    bot.order(limit(SOL, true, "168", "1", "Ioc"));
    let row = bot.about("frontendOpenOrders")[0].clone();
    assert_eq!(
        (&row["sz"], &row["isPositionTpsl"], &row["orderType"]),
        (&json!("3.0"), &json!(true), &json!("Stop Market"))
    );
    assert_eq!(row["triggerCondition"], "Price below 150");
}

#[test]
fn a_modified_order_is_a_new_one() {
    let mut bot = Bot::new(Server::builder());
    let oid = bot.order(named(limit(SOL, true, "150", "1", "Gtc"), 1))["resting"]["oid"].clone();
    let modify = |oid: &serde_json::Value| json!({"type": "batchModify", "modifies": [{"oid": oid, "order": named(limit(SOL, true, "151", "2", "Gtc"), 1)}]});
    let new = bot.statuses(modify(&oid))[0]["resting"]["oid"].clone();
    assert_ne!(new, oid);
    let row = bot.about("frontendOpenOrders")[0].clone();
    assert_eq!((&row["oid"], &row["limitPx"], &row["tif"]), (&new, &json!("151.0"), &json!("Alo")));
    let dead = json!({"error": "Cannot modify canceled or filled order asset=2"});
    assert_eq!(bot.statuses(modify(&oid)), [dead]);
    let single = json!({"type": "modify", "oid": "0x00000000000000000000000000000001", "order": limit(SOL, true, "168", "1", "Ioc"), "a": true});
    bot.done(single);
    assert_eq!(bot.about("userFills")[0]["sz"], "1.0");
}

#[test]
fn leverage_and_isolated_margin_move_as_at_the_venue() {
    let mut bot = held();
    let set = |asset: u32, cross: bool, leverage: u32| json!({"type": "updateLeverage", "asset": asset, "isCross": cross, "leverage": leverage});
    bot.done(set(SOL, true, 10));
    bot.done(set(SOL, true, 10));
    assert_eq!(bot.refused(set(SOL, false, 10)), "Cannot switch leverage type with open position.");
    assert_eq!(bot.refused(set(SOL, true, 21)), "Invalid leverage value");
    assert_eq!(bot.refused(set(SOL, true, 0)), "Invalid leverage value");
    assert_eq!(bot.refused(set(HYPE, true, 2)), "Cross margin is not allowed for this asset.");
    assert!(bot.refused(set(ETH, false, 2)).starts_with("Isolated position does not have sufficient margin"));
    let margin = |asset: u32, ntli: i64| json!({"type": "updateIsolatedMargin", "asset": asset, "isBuy": true, "ntli": ntli});
    bot.done(margin(ETH, 100_000_000));
    bot.done(set(ETH, false, 2));
    let before = bot.about("clearinghouseState")["assetPositions"][0]["position"].clone();
    assert_eq!(before["leverage"]["type"], "isolated");
    assert_eq!(before["marginUsed"], "149.272");
    assert_eq!(
        bot.refused(margin(ETH, -100_000_000)),
        "Position does not have sufficient margin for reduction."
    );
    bot.done(margin(ETH, -10_000_000));
    assert_eq!(bot.refused(margin(ETH, 0)), "Update to isolated margin cannot be zero.");
    assert_eq!(bot.refused(margin(SOL, 1)), "Position does not use isolated margin.");
    assert_eq!(bot.refused(margin(BTC, 1)), "Cannot update margin for empty position.");
    assert!(bot.refused(margin(ETH, 1 << 50)).starts_with("Account does not have sufficient margin"));
    let top_up = |asset: u32| json!({"type": "topUpIsolatedOnlyMargin", "asset": asset, "leverage": "1.5"});
    assert_eq!(bot.refused(top_up(ETH)), "Asset not strict isolated");
    bot.order(limit(HYPE, true, "40", "1", "Ioc"));
    assert!(bot.refused(margin(HYPE, -1)).starts_with("Cannot remove isolated margin for this asset."));
    bot.done(top_up(HYPE));
    assert_eq!(bot.about("clearinghouseState")["assetPositions"][1]["position"]["marginUsed"], "26.494667");
}

#[test]
fn money_moves_between_the_wallets_with_the_masters_signature() {
    let mut bot = held();
    let transfer = |bot: &mut Bot, amount: &str, to_perp: bool, master: bool| {
        bot.nonce += 1;
        let key = if master { bot.server.master_key(bot.account).unwrap().clone() } else { bot.key.clone() };
        let kind = "HyperliquidTransaction:UsdClassTransfer(string hyperliquidChain,string amount,bool toPerp,uint64 nonce)";
        let fields =
            [keccak(&[b"Testnet"]), keccak(&[amount.as_bytes()]), word(to_perp.into()), word(bot.nonce)];
        let signature = sign(&key, &user_digest(0x66eee, kind, &fields));
        let action = json!({"type": "usdClassTransfer", "amount": amount, "toPerp": to_perp, "nonce": bot.nonce,
            "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet"});
        bot.send(&json!({"action": action, "nonce": bot.nonce, "signature": signature}))
    };
    let ok = json!({"status": "ok", "response": {"type": "default"}});
    assert_eq!(transfer(&mut bot, "20", true, true), ok);
    assert_eq!(bot.about("spotClearinghouseState")["balances"][0]["total"], "5.0");
    let short = transfer(&mut bot, "20", true, true);
    assert_eq!(short["response"], "Insufficient balance for token transfer");
    assert_eq!(
        transfer(&mut bot, "20000", false, true)["response"],
        "Insufficient balance for token transfer"
    );
    assert_eq!(transfer(&mut bot, "100", false, true), ok);
    assert_eq!(bot.about("spotClearinghouseState")["balances"][0]["total"], "105.0");
    let agent = transfer(&mut bot, "1", false, false);
    assert_eq!(
        agent["response"],
        format!("Must deposit before performing actions. User: {}", bot.key.address())
    );
    bot.server.deposit("main", "7".parse().unwrap()).unwrap();
    bot.server.deposit("main", "-3".parse().unwrap()).unwrap();
    let question =
        json!({"type": "userNonFundingLedgerUpdates", "user": bot.account.to_string(), "startTime": 0});
    let rows = bot.ask(question);
    let deltas: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["delta"].clone()).collect();
    assert_eq!(
        deltas,
        [
            json!({"type": "accountClassTransfer", "usdc": "20.0", "toPerp": true}),
            json!({"type": "accountClassTransfer", "usdc": "100.0", "toPerp": false}),
            json!({"type": "deposit", "usdc": "7.0"}),
            json!({"type": "withdraw", "usdc": "3.0", "nonce": bot.now.0, "fee": "0.0"}),
        ]
    );
}

#[test]
fn a_scheduled_cancel_strikes_when_it_is_due() {
    let mut bot = held();
    bot.order(limit(SOL, true, "150", "1", "Gtc"));
    let at = |time: u64| json!({"type": "scheduleCancel", "time": time});
    assert!(bot.refused(at(START.0 + 4000)).contains("at least 5 seconds"));
    bot.done(at(START.0 + 10_000));
    bot.now = Timestamp(START.0 + 9_999);
    assert_eq!(bot.about("openOrders").as_array().unwrap().len(), 1);
    bot.now = Timestamp(START.0 + 10_001);
    assert_eq!(bot.about("openOrders"), json!([]));
    assert_eq!(bot.about("historicalOrders")[0]["status"], "scheduledCancel");
    let mut poor = Bot::new(Server::builder());
    assert!(
        poor.refused(at(START.0 + 60_000))
            .starts_with("Cannot set scheduled cancel time until enough volume")
    );
}

#[test]
fn funding_is_paid_and_a_liquidation_is_seen() {
    let mut bot = held();
    bot.now = Timestamp(START.0 + 3_600_000);
    let paid = bot.ask(json!({"type": "userFunding", "user": bot.account.to_string(), "startTime": START.0}));
    assert_eq!(paid.as_array().unwrap().len(), 2);
    assert_eq!(paid[1]["delta"]["usdc"], "-0.00416");
    let history = bot.ask(json!({"type": "fundingHistory", "coin": "SOL", "startTime": START.0 - 3_600_000}));
    assert_eq!(history.as_array().unwrap().len(), 2);
    bot.server.set_price(&"ETH".parse().unwrap(), "1900".parse().unwrap()).unwrap();
    let fill = bot.about("userFills")[0].clone();
    assert_eq!(fill["dir"], "Liquidated Isolated Long");
    assert_eq!(fill["liquidation"]["liquidatedUser"], bot.account.to_string());
    assert_eq!(bot.about("clearinghouseState")["assetPositions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_sub_account_is_traded_by_its_masters_agent() {
    let mut bot = Bot::new(
        Server::builder()
            .account(AccountSpec::named("main"))
            .account(AccountSpec::named("sub").sub_of("main"))
            .account(AccountSpec::named("other")),
    );
    let [main, sub, other] = bot.server.addresses()[..] else { panic!() };
    bot.vault = Some(sub);
    bot.order(limit(SOL, true, "168", "1", "Ioc"));
    bot.account = sub;
    assert_eq!(bot.about("userFills").as_array().unwrap().len(), 1);
    assert_eq!(bot.about("userRole"), json!({"role": "subAccount", "data": {"master": main.to_string()}}));
    bot.account = bot.key.address();
    assert_eq!(bot.about("userRole"), json!({"role": "agent", "data": {"user": main.to_string()}}));
    assert_eq!(bot.about("clearinghouseState")["assetPositions"], json!([]));
    bot.account = main;
    assert_eq!(bot.about("userFills"), json!([]));
    assert_eq!(bot.about("subAccounts")[0]["subAccountUser"], sub.to_string());
    bot.vault = Some(other);
    assert!(bot.refused(orders(&[limit(SOL, true, "168", "1", "Ioc")])).starts_with("Vault not registered"));
}
