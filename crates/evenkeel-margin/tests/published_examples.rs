//! Every worked example that the venues publish, or that was taken from real accounts, within its own tolerance.

mod common;

use common::*;
use evenkeel_margin::formulas::{AtEntry, entry_cash};
use evenkeel_margin::{
    Backing, Holding, Leg, MarginRules, cash_leg, initial_margin, liquidation_price, maintenance_margin,
    margin_ratio, notional, safe_range, unrealised_pnl,
};
use evenkeel_types::{Decimal, MarginTier, PositionSide, Price, Qty, Rate, TierRow, Tiers, Usd};

/// A Binance bracket list; the inline ones do not say the leverage.
fn brackets(list: &Json) -> Tiers {
    let rows: Vec<_> = list
        .list()
        .iter()
        .map(|row| TierRow {
            notional_floor: row.usd("notionalFloor"),
            max_leverage: row
                .find("initialLeverage")
                .map_or(leverage("20"), |l| evenkeel_types::Leverage::new(l.number()).unwrap()),
            maintenance_rate: row.rate("maintMarginRatio"),
            deduction: Some(row.usd("cum")),
        })
        .collect();
    let cap = list.list().last().map(|row| row.usd("notionalCap"));
    Tiers::new(&rows, cap).unwrap()
}

#[test]
fn binance() {
    let Some(file) = fixture("liquidation_examples_binance.json") else { return };
    let mut checked = 0;
    for example in file.get("examples").list() {
        let id = example.get("id").text();
        let inputs = example.get("inputs");
        let table = inputs
            .find("brackets")
            .or_else(|| {
                let name = inputs.find("brackets_ref")?.text();
                Some(file.get("brackets").get(name.strip_prefix("brackets.").unwrap()))
            })
            .map(|list| brackets(&list));
        let rules = match &table {
            Some(tiers) => MarginRules::new(tiers, Rate::ZERO),
            None => known(inputs.rate("maint_margin_ratio"), inputs.usd("cum")),
        };
        let legs: Vec<(Qty, Price)> = inputs
            .find("legs")
            .map_or_else(|| vec![leg(&inputs)], |legs| legs.list().iter().map(leg).collect());
        let wallet = inputs.find("isolated_wallet").unwrap_or_else(|| inputs.get("wallet_balance"));
        let wallet = Usd::new(wallet.number()).unwrap();
        let others_pnl = Usd::new(inputs.num_or("upnl1", "0")).unwrap();
        let others_maintenance = Usd::new(inputs.num_or("tmm1", "0")).unwrap();
        let expected = example.get("expected");
        let (want, tolerance) = (expected.num("liquidation_price"), expected.num("abs_tolerance"));

        // By the published terms.
        let cash = entry_cash(wallet, others_pnl, legs.iter().copied()).unwrap();
        let cash = cash.minus(others_maintenance).unwrap();
        let got = match legs.as_slice() {
            [(size, _)] => liquidation_price(*size, cash, &rules).unwrap().unwrap(),
            legs => {
                let legs: Vec<_> = legs.iter().map(|(size, _)| Leg { qty: *size, rules }).collect();
                let range = safe_range(&legs, cash).unwrap().unwrap();
                assert_eq!(range.lower, None, "{id}");
                range.upper.unwrap()
            }
        };
        close_to(&id, got.get(), want, tolerance);

        // And from a whole account, where the terms have to come out by themselves.
        let mark = inputs.find("mark_price").map_or(legs[0].1, |mark| Price::new(mark.number()).unwrap());
        let mut holdings = Vec::new();
        let mut pnl = Usd::ZERO;
        for (size, entry) in &legs {
            let own = unrealised_pnl(*size, *entry, mark).unwrap();
            pnl = pnl.plus(own).unwrap();
            let side = match (legs.len(), size.is_negative()) {
                (1, _) => PositionSide::Net,
                (_, false) => PositionSide::Long,
                (_, true) => PositionSide::Short,
            };
            let backing = if example.get("margin_mode").text() == "isolated" {
                Backing::Isolated { equity: wallet.plus(own).unwrap() }
            } else {
                Backing::Cross
            };
            holdings.push(Holding { side, backing, ..cross("THIS", *size, mark, rules) });
        }
        for other in inputs.find("other_positions").map(|list| list.list()).unwrap_or_default() {
            let (size, entry) = leg(&other);
            let rules = known(other.rate("maint_margin_ratio"), other.usd("cum"));
            let holding = cross(&other.get("symbol").text(), size, other.price("mark_price"), rules);
            let maintenance = holding.maintenance_margin().unwrap();
            close_to(&id, maintenance.get(), other.num("maint_margin"), d("0.00001"));
            pnl = pnl.plus(unrealised_pnl(size, entry, holding.mark).unwrap()).unwrap();
            holdings.push(holding);
        }
        let account = account(wallet.plus(pnl).unwrap(), holdings);
        let index = account.positions().position(|h| h.symbol.as_str() == "THIS").unwrap();
        let prices = account.liquidation_prices().unwrap();
        close_to(&id, prices[index].unwrap().get(), want, tolerance);
        let exposure = account.exposure().unwrap();
        assert_eq!(exposure.positions[index].liquidation_price, prices[index], "{id}");
        checked += 1;
    }
    assert_eq!(checked, 15);
    assert_eq!(file.get("count").text(), "15");
}

fn leg(json: &Json) -> (Qty, Price) {
    (Qty::new(json.num("position_amt")).unwrap(), json.price("entry_price"))
}

#[test]
fn binance_identities() {
    let Some(file) = fixture("liquidation_examples_binance.json") else { return };
    let list = file.get("identities").list();
    assert_eq!(list.len(), 2);
    for identity in list {
        let (inputs, expected) = (identity.get("inputs"), identity.get("expected"));
        let rules = known(inputs.rate("maintMarginRatio"), Usd::ZERO);
        let value = if let Some(value) = inputs.find("notional") {
            let wallet = inputs.usd("isolatedWallet").plus(inputs.usd("unrealizedProfit")).unwrap();
            assert_eq!(wallet, expected.usd("isolatedMargin"));
            Usd::new(value.number()).unwrap()
        } else {
            let (size, mark) = (Qty::new(inputs.num("positionAmt")).unwrap(), inputs.price("markPrice"));
            let value = notional(size, mark).unwrap();
            close_to("notional", value.get(), expected.num("notional"), d("0.00000001"));
            let pnl = unrealised_pnl(size, inputs.price("entryPrice"), mark).unwrap();
            close_to("pnl", pnl.get(), expected.num("unRealizedProfit"), d("0.00000001"));
            value
        };
        let initial = initial_margin(value, inputs.leverage("leverage")).unwrap();
        // The venue truncates to 8 decimals.
        close_to("initial", initial.get(), expected.num("initialMargin"), d("0.00000001"));
        let maintenance = maintenance_margin(value, &rules).unwrap();
        close_to("maintenance", maintenance.get(), expected.num("maintMargin"), d("0.00000001"));
    }
}

#[test]
fn binance_brackets_are_continuous() {
    let Some(file) = fixture("binance_leverage_brackets.json") else { return };
    let symbols = file.get("symbols").list();
    assert!(!symbols.is_empty());
    for entry in symbols {
        let name = entry.get("symbol").text();
        let tiers = brackets(&entry.get("brackets"));
        let rows: Vec<_> = tiers
            .as_slice()
            .iter()
            .map(|t| TierRow {
                notional_floor: t.notional_floor,
                max_leverage: t.max_leverage,
                maintenance_rate: t.maintenance_rate,
                deduction: None,
            })
            .collect();
        let derived = Tiers::new(&rows, tiers.cap()).unwrap();
        for (published, derived) in tiers.as_slice().iter().zip(derived.as_slice()) {
            close_to(&name, published.deduction.get(), derived.deduction.get(), d("0.01"));
        }
        let rules = MarginRules::new(&tiers, Rate::ZERO);
        for pair in tiers.as_slice().windows(2) {
            let floor = pair[1].notional_floor;
            let at = maintenance_margin(floor, &rules).unwrap();
            let below = pair[0].maintenance_rate.of(floor).unwrap().minus(pair[0].deduction).unwrap();
            close_to(&name, at.get(), below.get(), d("0.01"));
            // Maintenance never exceeds initial margin at the tier's own maximum leverage.
            assert!(at <= initial_margin(floor, pair[1].max_leverage).unwrap(), "{name} at {floor}");
            assert_eq!(evenkeel_margin::max_leverage(floor, &rules).unwrap(), pair[1].max_leverage);
        }
        let beyond = tiers.cap().unwrap().plus(usd("1")).unwrap();
        assert!(evenkeel_margin::max_leverage(beyond, &rules).is_err());
    }
}

fn at_entry(inputs: &Json, size: Qty, entry: Price) -> AtEntry {
    AtEntry {
        qty: size,
        entry,
        leverage: inputs.leverage("leverage"),
        tier: MarginTier {
            notional_floor: Usd::ZERO,
            max_leverage: leverage("100"),
            maintenance_rate: Rate::new(inputs.num_or("maintenance_margin_rate", "0")).unwrap(),
            deduction: Usd::new(inputs.num_or("mm_deduction", "0")).unwrap(),
        },
        extra: Usd::new(inputs.num_or("extra_margin", "0")).unwrap(),
    }
}

#[test]
fn bybit() {
    let Some(file) = fixture("liquidation_examples_bybit.json") else { return };
    let mut checked = 0;
    for example in file.get("examples").list() {
        let id = example.get("id").text();
        let (inputs, expected) = (example.get("inputs"), example.get("expected"));
        let tolerance = example.num("abs_tolerance");
        let check =
            |key: &str, got: Decimal| close_to(&format!("{id} {key}"), got, expected.num(key), tolerance);
        match id.as_str() {
            id if id.starts_with("hc_") || id.starts_with("freqtrade_") => {
                let position = at_entry(&inputs, inputs.sized("size"), inputs.price("entry_price"));
                check("liquidation_price", position.entry_based_liquidation().unwrap().unwrap().get());
                check("initial_margin", position.initial_margin().unwrap().get());
                check("maintenance_margin", position.maintenance_margin().unwrap().get());
            }
            id if id.starts_with("markbased_") => {
                let position = at_entry(&inputs, inputs.sized("size"), inputs.price("entry_price"));
                let price = position.mark_based_liquidation(rate("0.00055")).unwrap().unwrap();
                check("liquidation_price", price.get());
                // Without extra margin it is the general form with the margin at entry as the wallet.
                let cash = entry_cash(
                    position.initial_margin().unwrap(),
                    Usd::ZERO,
                    [(position.qty, position.entry)],
                );
                let rules = MarginRules::fixed(position.tier, Rate::ZERO);
                let general = liquidation_price(position.qty, cash.unwrap(), &rules).unwrap().unwrap();
                close_to(id, general.get(), price.get(), d("0.00000000001"));
                let careful = position.careful_liquidation(rate("0.00055")).unwrap().unwrap();
                let entry_based = position.entry_based_liquidation().unwrap().unwrap();
                let nearer =
                    if position.qty.is_negative() { price.min(entry_based) } else { price.max(entry_based) };
                assert_eq!(careful, nearer);
            }
            "add_size_averages_buffer" => {
                // 8500 before: 500 from the tier plus 1000 added by hand; the second unit alone has 9500.
                let one = AtEntry {
                    qty: qty("1"),
                    entry: inputs.price("entry_price"),
                    leverage: leverage("10"),
                    tier: tier("0", "100", "0.05", "0"),
                    extra: usd("1000"),
                };
                let liquidation = |p: AtEntry| p.entry_based_liquidation().unwrap().unwrap().get();
                assert_eq!(liquidation(one), inputs.num("liquidation_price_before"));
                let alone = AtEntry { extra: Usd::ZERO, entry: inputs.price("added_entry_price"), ..one };
                assert_eq!(liquidation(alone), inputs.num("liquidation_price_of_added_alone"));
                check("liquidation_price", liquidation(AtEntry { qty: qty("2"), ..one }));
            }
            "bankruptcy_long_10000_50x" => {
                let position = at_entry(&inputs, qty("1"), inputs.price("entry_price"));
                check("bankruptcy_price", position.bankruptcy_price().unwrap().unwrap().get());
            }
            "order_cost_50000_10x" => {
                let position = at_entry(&inputs, inputs.sized("size"), inputs.price("price"));
                let fee = inputs.rate("taker_fee_rate");
                check("initial_margin", position.initial_margin().unwrap().get());
                check("close_fee", position.close_fee(fee).unwrap().get());
                check("open_fee", fee.of(inputs.usd("price")).unwrap().get());
                check("order_cost", position.order_cost(fee).unwrap().get());
            }
            "api_sample_xrp_cross_im_mm" => {
                let position = at_entry(&inputs, qty("1"), inputs.price("position_value"));
                let fee = position.close_fee(inputs.rate("taker_fee_rate")).unwrap();
                check("close_fee", fee.get());
                check("position_im", position.initial_margin().unwrap().plus(fee).unwrap().get());
                check("position_mm", position.maintenance_margin().unwrap().plus(fee).unwrap().get());
            }
            id if id.starts_with("btc_tier") => {
                let tiers = risk_limits(&inputs.get("tiers"));
                let rules = MarginRules::new(&tiers, Rate::ZERO);
                let value = inputs.usd("position_value");
                check("maintenance_margin", maintenance_margin(value, &rules).unwrap().get());
                // The venue counts a value equal to the limit to the tier below, this crate to the one above; by
                // continuity the margin is the same. Just below the limit both agree on the tier.
                let boundary = expected.usd("tier_max") == value;
                let inside = if boundary { value.minus(usd("0.01")).unwrap() } else { value };
                let tier = rules.tier_at(inside);
                check("maintenance_margin_rate", tier.maintenance_rate.get());
                check("mm_deduction", tier.deduction.get());
                let above = tiers.as_slice().iter().find(|t| t.notional_floor > inside);
                check("tier_max", above.map_or(tiers.cap(), |t| Some(t.notional_floor)).unwrap().get());
            }
            "uta_cross_two_positions" => {
                let mut equity = inputs.usd("total_wallet_balance");
                let mut holdings = Vec::new();
                for position in inputs.get("positions").list() {
                    let size = position.sized("size");
                    let rules = known(position.rate("mmr"), position.usd("deduction"));
                    let holding = Holding {
                        entry: Some(position.price("entry")),
                        leverage: position.leverage("leverage"),
                        ..cross(&position.get("symbol").text(), size, position.price("mark"), rules)
                    };
                    equity = equity.plus(holding.unrealised_pnl().unwrap().unwrap()).unwrap();
                    holdings.push(holding);
                }
                let exposure = account(equity, holdings).exposure().unwrap();
                check("total_margin_balance", exposure.account_value.get());
                check("total_initial_margin", exposure.initial_margin.get());
                check("total_maintenance_margin", exposure.maintenance_margin.get());
                check("total_available_balance", exposure.free.get());
                check("account_im_rate", exposure.margin_utilisation.unwrap());
                check("account_mm_rate", exposure.pools[0].margin_ratio.unwrap());
                let pnl = Usd::sum(exposure.positions.iter().map(|p| p.unrealised_pnl.unwrap())).unwrap();
                check("total_perp_upl", pnl.get());
            }
            other => panic!("no test for {other}"),
        }
        checked += 1;
    }
    assert_eq!(checked, 18);
    assert_eq!(file.get("count").text(), "18");
}

/// Bybit publishes each tier's upper limit.
fn risk_limits(list: &Json) -> Tiers {
    let mut floor = Some(Usd::ZERO);
    let mut rows = Vec::new();
    for row in list.list() {
        rows.push(TierRow {
            notional_floor: floor.expect("only the last tier is endless"),
            max_leverage: evenkeel_types::Leverage::new(
                (Decimal::ONE / row.num("initialMargin")).round_dp(2),
            )
            .unwrap(),
            maintenance_rate: row.rate("maintenanceMargin"),
            deduction: Some(row.usd("mmDeduction")),
        });
        floor = row.get("riskLimitValue").text().parse().ok();
    }
    Tiers::new(&rows, floor).unwrap()
}

#[test]
fn bingx() {
    let Some(file) = fixture("liquidation_examples_bingx.json") else { return };
    let examples = file.get("examples").list();
    let eth = examples.iter().find(|e| e.get("id").text() == "eth_tier_table").expect("the table");
    let eth = position_tiers(&eth.get("inputs").get("tiers"));
    let mut checked = 0;
    for example in &examples {
        let id = example.get("id").text();
        let (inputs, expected) = (example.get("inputs"), example.get("expected"));
        let tolerance = example.num("abs_tolerance");
        let check =
            |key: &str, got: Decimal| close_to(&format!("{id} {key}"), got, expected.num(key), tolerance);
        match id.as_str() {
            id if id == "doc_bnb_short_isolated_5x" || id.starts_with("isolated_") => {
                let (size, entry) = (inputs.sized("size"), inputs.price("entry_price"));
                let cash = entry_cash(inputs.usd("fixed_margin"), Usd::ZERO, [(size, entry)]).unwrap();
                // The real sample shows rate and fee as one number only.
                let (maintenance, fee) = match inputs.find("mmr_plus_fee") {
                    Some(both) => (Rate::new(both.number()).unwrap(), Rate::ZERO),
                    None => (inputs.rate("maintenance_margin_rate"), inputs.rate("taker_fee_rate")),
                };
                let tier = MarginTier {
                    maintenance_rate: maintenance,
                    deduction: inputs.usd("maint_amount"),
                    ..tier("0", "100", "0", "0")
                };
                let got = liquidation_price(size, cash, &MarginRules::fixed(tier, fee)).unwrap().unwrap();
                check("liquidation_price", got.get());
            }
            id if id == "hc_btc_160000" || id.starts_with("eth_tier_") && id != "eth_tier_table" => {
                let value = inputs.usd("position_value");
                let rules = known(inputs.rate("maint_margin_ratio"), inputs.usd("maint_amount"));
                check("maintenance_margin", maintenance_margin(value, &rules).unwrap().get());
                if id.starts_with("eth_tier_") {
                    let by_table = maintenance_margin(value, &MarginRules::new(&eth, Rate::ZERO)).unwrap();
                    check("maintenance_margin", by_table.get());
                }
            }
            "eth_tier_table" => {
                assert_eq!(eth.as_slice().len(), 16);
                for pair in eth.as_slice().windows(2) {
                    let at = |t: &MarginTier| {
                        t.maintenance_rate
                            .of(pair[1].notional_floor)
                            .unwrap()
                            .minus(t.deduction)
                            .unwrap()
                            .get()
                    };
                    close_to(&id, at(&pair[0]), at(&pair[1]), tolerance);
                }
            }
            "hedge_cross_doge_short" => {
                // Its liquidation price of 0 (none) cannot be recomputed: the account's balance is not in the
                // sample. The identities of the position can.
                let size = qty("-40");
                assert_eq!(inputs.num("size"), d("40"));
                let initial = initial_margin(
                    notional(size, inputs.price("entry_price")).unwrap(),
                    inputs.leverage("leverage"),
                );
                let initial = initial.unwrap();
                close_to(&id, initial.get(), inputs.num("initial_margin"), tolerance);
                let pnl =
                    unrealised_pnl(size, inputs.price("entry_price"), inputs.price("mark_price")).unwrap();
                close_to(&id, pnl.get(), inputs.num("unrealized_profit"), tolerance);
                check("margin", initial.plus(pnl).unwrap().get());
                check("pnl_ratio", pnl.get() / initial.get());
                check("position_value", notional(size, inputs.price("mark_price")).unwrap().get());
                assert_eq!(expected.get("liquidation_price").text(), "0");
            }
            "balance_equity_identity" => {
                // Unrealised profit does not count as free margin at this venue; an account read from it keeps that.
                let equity = inputs.usd("balance").plus(inputs.usd("unrealizedProfit")).unwrap();
                check("equity", equity.get());
                let holding = Holding {
                    leverage: leverage("1"),
                    ..cross("X", qty("1"), inputs.price("usedMargin"), known(rate("0.01"), Usd::ZERO))
                };
                let free = expected.usd("availableMargin");
                let mut pool = pool(equity);
                pool.reserved = equity.minus(inputs.usd("usedMargin")).unwrap().minus(free).unwrap();
                close_to(&id, pool.reserved.get(), inputs.num("unrealizedProfit"), tolerance);
                let account = evenkeel_margin::Account::new(vec![pool], vec![holding]).unwrap();
                check("availableMargin", account.pool_totals().unwrap()[0].free.get());
            }
            "risk_ratio_cross" => {
                let need = inputs.usd("sum_maintenance_margin").plus(inputs.usd("sum_close_fee")).unwrap();
                let equity = inputs.num("balance") - inputs.num("isolated_margins") - inputs.num("frozen")
                    + inputs.num("sum_unrealized_pnl");
                check("risk_rate", margin_ratio(need, Usd::new(equity).unwrap()).unwrap());
            }
            other => panic!("no test for {other}"),
        }
        checked += 1;
    }
    assert_eq!(checked, 13);
    assert_eq!(file.get("count").text(), "13");
}

fn position_tiers(list: &Json) -> Tiers {
    let rows: Vec<_> = list
        .list()
        .iter()
        .map(|row| TierRow {
            notional_floor: row.usd("minPositionVal"),
            max_leverage: leverage("100"),
            maintenance_rate: row.rate("maintMarginRatio"),
            deduction: Some(row.usd("maintAmount")),
        })
        .collect();
    Tiers::new(&rows, list.list().last().map(|row| row.usd("maxPositionVal"))).unwrap()
}

/// The nine examples of the Hyperliquid rules: real positions of a test account, the venue's own documentation, and
/// values derived by hand from its formulas.
#[test]
fn half_of_initial_margin_at_maximum_leverage() {
    let testnet_btc = table(&[("0", "40", "0.0125"), ("10000", "25", "0.02"), ("50000", "10", "0.05")]);
    let tiered = MarginRules::new(&testnet_btc, Rate::ZERO);
    let forty = known(evenkeel_margin::maintenance_rate(leverage("40")).unwrap(), Usd::ZERO);
    let fifty = known(evenkeel_margin::maintenance_rate(leverage("50")).unwrap(), Usd::ZERO);
    let mark = price("60000");
    let cross_cash = |equity: &str, size: &str, others: &str| {
        cash_leg(usd(equity).minus(usd(others)).unwrap(), qty(size), mark).unwrap()
    };
    // size, cash leg, rules, expected, tolerance
    for (number, size, cash, rules, expected, tolerance) in [
        (1, "0.0335", usd("-95.059824"), &fifty, Some("2866.26938"), "0.003"),
        (2, "0.002", usd("-103.731933"), &forty, Some("52522.4977215"), "0.0000001"),
        (3, "0.002", usd("-83.731933"), &forty, Some("42395.9154430"), "0.0000001"),
        (5, "0.1", cross_cash("1000", "0.1", "0"), &forty, Some("50632.91139"), "0.00001"),
        (6, "-0.1", cross_cash("1000", "-0.1", "0"), &forty, Some("69135.80247"), "0.00001"),
        (7, "0.1", cross_cash("1000", "0.1", "60"), &forty, Some("51240.50633"), "0.00001"),
        (8, "1", usd("-54000"), &tiered, Some("55184.21053"), "0.00001"),
        (9, "0.1", cross_cash("20000", "0.1", "0"), &forty, None, "0"),
    ] {
        let got = liquidation_price(qty(size), cash, rules).unwrap();
        match (got, expected) {
            (Some(got), Some(expected)) => {
                close_to(&format!("{number}"), got.get(), d(expected), d(tolerance));
            }
            (got, expected) => assert_eq!((got, expected), (None, None), "{number}"),
        }
    }
    // 2 and 3: the bucket is worth cash plus value.
    let bucket = |cash: &str| usd(cash).plus(price("64794").value(qty("0.002")).unwrap()).unwrap();
    assert_eq!(bucket("-103.731933"), usd("25.856067"));
    assert_eq!(bucket("-83.731933"), usd("45.856067"));
    // 4: the venue's own maintenance figure.
    assert_eq!(maintenance_margin(usd("12073.655"), &tiered).unwrap(), usd("166.4731"));
    // 5: maintenance at the mark; 10 and 11: what can be withdrawn.
    assert_eq!(maintenance_margin(usd("6000"), &forty).unwrap(), usd("75"));
    let withdrawable = |equity: &str, used: &str, value: &str| {
        evenkeel_margin::formulas::withdrawable(usd(equity), usd(used), usd(value)).unwrap().get()
    };
    let got = withdrawable("1008998.241837", "503510.150066", "10070203.001339");
    close_to("10", got, d("1977.9417"), d("0.0001"));
    close_to("11", withdrawable("929.919372", "587.349", "2936.745"), d("342.570372"), d("0.0001"));
}
