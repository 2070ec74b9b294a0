//! What happens by itself: funding, liquidation, the dead-man switch. And money that adds up.

use evenkeel_types::{Decimal, Exact, MarginMode};
use serde_json::Value;

use super::support::{BTC, Bot, SOL, START};
use crate::bingx::{AccountSpec, Server};

fn amount(row: &Value, field: &str) -> Decimal {
    row[field].as_str().unwrap_or_else(|| panic!("{field}: {row}")).parse().unwrap()
}

/// 16:00 of that day.
const SETTLEMENT: u64 = 1_772_380_800_000;

#[test]
fn funding_is_booked_after_it_was_due() {
    let mut bot = Bot::flat();
    assert_eq!(bot.get("swap/v2/quote/premiumIndex", &[("symbol", BTC)])["nextFundingTime"], SETTLEMENT);
    bot.order([BTC, "BUY", "MARKET"], &[("quantity", "0.1")]);
    let funding = [("symbol", BTC), ("incomeType", "FUNDING_FEE")];
    bot.pass(SETTLEMENT - START.0);
    assert!(bot.list("swap/v2/user/income", "", &funding).is_empty());
    bot.pass(46_000);
    let rows = bot.list("swap/v2/user/income", "", &funding);
    // 0.1 * 107850.4 * 0.000024
    assert_eq!((rows.len(), &rows[0]["income"]), (1, &"-0.25884096".into()));
    assert_eq!(rows[0]["time"], SETTLEMENT + 46_000);
    let past = bot.list("swap/v2/quote/fundingRate", "", &[("symbol", BTC), ("limit", "2")]);
    assert_eq!(
        (past.len(), &past[0]["fundingTime"], &past[0]["fundingRate"]),
        (2, &SETTLEMENT.into(), &"0.00002400".into())
    );
}

#[test]
fn an_isolated_position_is_liquidated_alone() {
    let isolated = AccountSpec::named("main").world(|world| world.setting(SOL, 10, MarginMode::Isolated));
    let mut bot = Bot::new(Server::builder().account(isolated));
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "10")]);
    bot.order([BTC, "BUY", "MARKET"], &[("quantity", "0.01")]);
    let sol = |bot: &mut Bot| bot.positions().into_iter().find(|row| row["symbol"] == SOL);
    let before = sol(&mut bot).unwrap();
    let price: Decimal = before["liquidationPrice"].to_string().parse().unwrap();
    // Long, isolated: (E * Q - M) / (Q * (1 - MMR - f)), with M = E * Q / 10.
    let wanted = "166.467"
        .parse::<Decimal>()
        .unwrap()
        .times("0.9".parse().unwrap())
        .unwrap()
        .over("0.995".parse().unwrap())
        .unwrap();
    assert!(price.minus(wanted).unwrap().abs() < "0.01".parse().unwrap(), "{price} {wanted}");
    // Margin that is added moves it away, and can be taken out again.
    let margin =
        |kind: &'static str, amount: &'static str| [("symbol", SOL), ("type", kind), ("amount", amount)];
    let answer = bot.call("POST", "swap/v2/trade/positionMargin", &margin("1", "50.5"));
    assert_eq!(answer.to_string(), r#"{"amount":50.5,"code":0,"msg":"","type":1}"#);
    assert!(sol(&mut bot).unwrap()["liquidationPrice"].to_string().parse::<Decimal>().unwrap() < price);
    assert_eq!(bot.refused("POST", "swap/v2/trade/positionMargin", &margin("2", "80")).0, 104_411);
    let answer = bot.call("POST", "swap/v2/trade/positionMargin", &margin("2", "50"));
    assert_eq!(answer["code"], 0);
    assert_eq!(bot.list("swap/v1/positionMargin/history", "records", &[("symbol", SOL)]).len(), 2);
    bot.price(SOL, "150");
    assert!(sol(&mut bot).is_none() && bot.positions().len() == 1);
    let forced = bot.list("swap/v2/trade/forceOrders", "orders", &[("symbol", SOL)]);
    assert_eq!(
        (forced.len(), &forced[0]["executedQty"], &forced[0]["side"]),
        (1, &"10.00".into(), &"SELL".into())
    );
}

#[test]
fn open_orders_are_cancelled_when_nobody_moves_the_switch() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150")]);
    let switch = [("type", "ACTIVATE"), ("timeOut", "10")];
    let said = bot.post("swap/v2/trade/cancelAllAfter", &switch);
    assert_eq!(
        (&said["status"], said["triggerTime"].as_u64().unwrap()),
        (&"ACTIVATED".into(), bot.now.0 / 1000 + 10)
    );
    bot.pass(8000);
    bot.post("swap/v2/trade/cancelAllAfter", &switch);
    bot.pass(8000);
    assert_eq!(bot.open().len(), 1);
    bot.pass(1000);
    assert!(bot.open().is_empty());
    bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150")]);
    bot.post("swap/v2/trade/cancelAllAfter", &switch);
    bot.post("swap/v2/trade/cancelAllAfter", &[("type", "CLOSE")]);
    bot.pass(60_000);
    assert_eq!(bot.open().len(), 1);
}

#[test]
fn both_legs_and_several_accounts_are_kept_apart() {
    let builder = Server::builder()
        .account(AccountSpec::named("main").hedge())
        .account(AccountSpec::named("other").cash("50"));
    let mut bot = Bot::new(builder);
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "1"), ("positionSide", "LONG")]);
    bot.order([SOL, "SELL", "MARKET"], &[("quantity", "3"), ("positionSide", "SHORT")]);
    let held = bot.positions();
    assert!(
        held.iter().all(|row| row["onlyOnePosition"] == false && row["positionAmt"].as_str().unwrap() > "0")
    );
    let key = bot.server.key("other").unwrap();
    (bot.key, bot.secret) = (key.id().to_owned(), key.secret().to_owned());
    assert!(bot.positions().is_empty());
    assert_eq!(bot.list("swap/v3/user/balance", "", &[])[0]["balance"], "50.0000");
}

#[test]
fn money_adds_up() {
    let mut bot = Bot::new(Server::builder().account(AccountSpec::named("main").spot("100")));
    bot.post(
        "api/asset/v1/transfer",
        &[("fromAccount", "fund"), ("toAccount", "USDTMPerp"), ("asset", "USDT"), ("amount", "60")],
    );
    let back = [("fromAccount", "USDTMPerp"), ("toAccount", "fund"), ("asset", "USDT"), ("amount", "20000")];
    assert_eq!(bot.refused("POST", "api/asset/v1/transfer", &back).0, 100_202);
    assert_eq!(bot.get("spot/v1/account/balance", &[])["balances"][0]["free"], "40.00000000");
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "10")]);
    bot.order([BTC, "SELL", "LIMIT"], &[("quantity", "0.05"), ("price", "108000")]);
    bot.pass(100);
    bot.price(SOL, "170");
    bot.price(BTC, "108100");
    bot.order([SOL, "SELL", "MARKET"], &[("quantity", "4"), ("reduceOnly", "true")]);
    bot.pass(9 * 3_600_000);
    let balance = bot.list("swap/v3/user/balance", "", &[]).remove(0);
    let sum = |rows: &[Value], field: &str| {
        rows.iter().map(|row| amount(row, field)).fold(Decimal::ZERO, |sum, more| sum.plus(more).unwrap())
    };
    let income = bot.list("swap/v2/user/income", "", &[]);
    let kinds: std::collections::BTreeSet<&str> =
        income.iter().map(|row| row["incomeType"].as_str().unwrap()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["FUNDING_FEE", "REALIZED_PNL", "TRADING_FEE", "TRANSFER"]
    );
    let near = |a: Decimal, b: Decimal| a.minus(b).unwrap().abs() <= Decimal::new(2, 4);
    let wallet = Decimal::from(10_000).plus(sum(&income, "income")).unwrap();
    assert!(near(amount(&balance, "balance"), wallet), "{balance} {wallet}");
    let held = bot.positions();
    let profit = sum(&held, "unrealizedProfit");
    assert!(near(amount(&balance, "equity"), wallet.plus(profit).unwrap()), "{balance}");
    // The one that rested pays as maker.
    let fills = bot.list("swap/v2/trade/fillHistory", "fill_history_orders", &[("symbol", BTC)]);
    assert_eq!(
        (&fills[0]["role"], &fills[0]["commission"], &fills[0]["qty"]),
        (&"maker".into(), &"-1.08".into(), &"0.0500".into())
    );
    let old = [("symbol", BTC), ("startTs", "0"), ("endTs", "1872360400000"), ("tradingUnit", "CONT")];
    let rows = bot.list("swap/v2/trade/allFillOrders", "fill_orders", &old);
    assert_eq!((&rows[0]["volume"], rows[0].get("tradeId")), (&"500".into(), None));
}
