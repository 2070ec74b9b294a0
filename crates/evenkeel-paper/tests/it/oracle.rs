//! Random lives of an account against a second bookkeeping that knows only executions, prices and funding.
//!
//! The engine keeps entry values, buckets and realised profit. The oracle keeps none of these: cash changes by
//! `-qty * price - fee` at every fill and by `-qty * mark * rate` at every funding, and the account is worth cash plus
//! `qty * mark`. Both must agree to the last digit.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_paper::{Execution, Origin, PaperVenue, Profile, World, profiles};
use evenkeel_types::{
    Decimal, Leverage, LowerIsolated, MarginMode, OrderIntent, PositionSide, Price, Qty, Round, Scope, Side,
    Snapshot, Symbol, TimeInForce, Usd,
};
use proptest::prelude::*;

use crate::support::{both, cases, id, sym, world};

const RATE: &str = "0.0003";

#[derive(Debug, Clone)]
enum Op {
    Order { btc: bool, buy: bool, lots: u32, beyond: i32, tif: u8, reduce_only: bool },
    Close { btc: bool },
    Leverage { btc: bool, leverage: u32 },
    Mode { btc: bool, isolated: bool },
    Margin { btc: bool, cents: i64 },
    Cancel { nth: usize },
    Mark { btc: bool, permille: i32 },
    Hours(u8),
    Foreign { btc: bool, lots: i32 },
    Funds(i32),
}

fn op() -> impl Strategy<Value = Op> {
    let beyond = -60..300i32;
    prop_oneof![
        9 => (any::<bool>(), any::<bool>(), 60..9_000u32, beyond, 0..4u8, any::<bool>()).prop_map(
            |(btc, buy, lots, beyond, tif, reduce_only)| Op::Order { btc, buy, lots, beyond, tif, reduce_only }
        ),
        1 => any::<bool>().prop_map(|btc| Op::Close { btc }),
        2 => (any::<bool>(), 1..45u32).prop_map(|(btc, leverage)| Op::Leverage { btc, leverage }),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(btc, isolated)| Op::Mode { btc, isolated }),
        1 => (any::<bool>(), -20_000..20_000i64).prop_map(|(btc, cents)| Op::Margin { btc, cents }),
        1 => (0..4usize).prop_map(|nth| Op::Cancel { nth }),
        3 => (any::<bool>(), -150..170i32).prop_map(|(btc, permille)| Op::Mark { btc, permille }),
        1 => (1..4u8).prop_map(Op::Hours),
        1 => (any::<bool>(), -3000..3000i32).prop_map(|(btc, lots)| Op::Foreign { btc, lots }),
        1 => (-50..200i32).prop_map(Op::Funds),
    ]
}

struct Oracle {
    cash: Decimal,
    held: BTreeMap<Symbol, Decimal>,
    fills: usize,
    hour: u64,
}

impl Oracle {
    fn take_fills(&mut self, world: &World) {
        for fill in world.all_fills().iter().skip(self.fills) {
            let signed = fill.side.signed(fill.qty).get();
            self.cash -= signed * fill.price.get() + fill.fee.get();
            *self.held.entry(fill.symbol.clone()).or_default() += signed;
        }
        self.fills = world.all_fills().len();
    }

    fn value(&self, marks: &BTreeMap<Symbol, Decimal>) -> Decimal {
        self.cash + self.held.iter().map(|(symbol, qty)| qty * marks[symbol]).sum::<Decimal>()
    }
}

fn marks(snapshot: &Snapshot) -> BTreeMap<Symbol, Decimal> {
    snapshot.quotes.iter().map(|(symbol, quote)| (symbol.clone(), quote.mark.get())).collect()
}

fn name(btc: bool) -> Symbol {
    sym(if btc { "BTC" } else { "SOL" })
}

fn intent(snapshot: &Snapshot, number: u64, op: &Op) -> Option<OrderIntent> {
    let (symbol, side, qty, beyond, tif, reduce_only) = match *op {
        Op::Order { btc, buy, lots, beyond, tif, reduce_only } => {
            let symbol = name(btc);
            let lot = snapshot.instruments[&symbol].lot.get();
            let tif = [TimeInForce::Ioc, TimeInForce::Ioc, TimeInForce::Gtc, TimeInForce::PostOnly]
                [usize::from(tif)];
            let side = if buy { Side::Buy } else { Side::Sell };
            (symbol, side, Qty::new(lot * Decimal::from(lots)).unwrap(), beyond, tif, reduce_only)
        }
        Op::Close { btc } => {
            let held = snapshot.qty(&name(btc));
            (name(btc), Side::closing(held)?, held.abs(), 300, TimeInForce::Ioc, true)
        }
        _ => return None,
    };
    // `beyond` ten-thousandths on the aggressive side of the mark.
    let sign = if side == Side::Buy { 1 } else { -1 };
    let factor = Decimal::ONE + Decimal::new(i64::from(beyond * sign), 4);
    let limit = Price::new(snapshot.quotes[&symbol].mark.get() * factor).unwrap();
    let limit = snapshot.instruments[&symbol].price_rule.round(limit, Round::Down).unwrap();
    let position_side = PositionSide::Net;
    Some(OrderIntent { id: id(number), symbol, side, position_side, qty, limit, tif, reduce_only })
}

/// Whether the write, where the operation is one, was accepted.
fn act(world: &mut World, snapshot: &Snapshot, number: u64, op: &Op) -> Option<bool> {
    match *op {
        Op::Order { .. } | Op::Close { .. } => {
            let intent = intent(snapshot, number, op)?;
            Some(world.place(&[intent]).remove(0).is_ok())
        }
        Op::Leverage { btc, leverage } => {
            Some(world.set_leverage(&name(btc), Leverage::new(leverage).unwrap()).is_ok())
        }
        Op::Mode { btc, isolated } => {
            let mode = if isolated { MarginMode::Isolated } else { MarginMode::Cross };
            Some(world.set_margin_mode(&name(btc), mode).is_ok())
        }
        Op::Margin { btc, cents } => {
            Some(world.adjust_margin(&name(btc), Usd::new(Decimal::new(cents, 2)).unwrap()).is_ok())
        }
        Op::Cancel { nth } => {
            let order = snapshot.open_orders.get(nth)?;
            Some(world.cancel_by_venue_id(&order.symbol, &order.venue_order_id).is_ok())
        }
        Op::Mark { btc, permille } => {
            let symbol = name(btc);
            let mark =
                snapshot.quotes[&symbol].mark.get() * (Decimal::ONE + Decimal::new(permille.into(), 3));
            let rule = &snapshot.instruments[&symbol].price_rule;
            world.set_mark(&symbol, rule.round(Price::new(mark).unwrap(), Round::Down).unwrap()).unwrap();
            None
        }
        Op::Hours(hours) => {
            world.advance(Duration::from_secs(3600 * u64::from(hours)));
            None
        }
        Op::Foreign { btc, lots } => {
            let lot = snapshot.instruments[&name(btc)].lot.get();
            let qty = Qty::new(lot * Decimal::from(lots)).unwrap();
            world.happen(evenkeel_paper::Event::ForeignTrade { symbol: name(btc), qty });
            None
        }
        Op::Funds(_) => None,
    }
}

/// Maintenance at 1/(2 max), spelled out again.
fn maintenance(snapshot: &Snapshot, qty: Decimal, symbol: &Symbol) -> Decimal {
    let max = if symbol.as_str() == "BTC" { 40 } else { 20 };
    let fee = snapshot.instruments[symbol].liquidation_fee.get();
    (qty * snapshot.quotes[symbol].mark.get()).abs() * (Decimal::ONE / Decimal::from(2 * max) + fee)
}

/// Nothing that is due for liquidation is left standing.
fn is_solvent(snapshot: &Snapshot) -> bool {
    let due = |mode: MarginMode| {
        let of_mode = snapshot.positions.iter().filter(move |p| p.mode == mode);
        of_mode.map(|p| (p, maintenance(snapshot, p.qty.get(), &p.symbol)))
    };
    let cross: Decimal = due(MarginMode::Cross).map(|(_, needed)| needed).sum();
    // Without a cross position there is nothing to liquidate, however deep somebody else's trade has cut.
    (cross.is_zero() || snapshot.pools[0].equity.get() >= cross)
        && due(MarginMode::Isolated).all(|(p, needed)| p.isolated.unwrap().equity.get() >= needed)
}

fn live(profile: Profile, execution: Execution, ops: &[Op]) -> Result<(), TestCaseError> {
    let synchronous = profile.acknowledgement_delay.is_zero();
    let mut world = world(profile)
        .funding("SOL", RATE)
        .funding("BTC", RATE)
        .execution(execution)
        .seed(7)
        .build()
        .unwrap();
    let mut oracle = Oracle { cash: Decimal::from(1000), held: BTreeMap::new(), fills: 0, hour: 0 };
    let start = world.now().0;
    for (number, op) in ops.iter().enumerate() {
        let before = world.peek(&both()).unwrap();
        let samples = world.history().len();
        if let Op::Funds(amount) = op {
            let amount = Usd::new(*amount).unwrap();
            let pool = before.pools[0].id.clone();
            if world.add_funds(&pool, amount).is_ok() {
                oracle.cash += amount.get();
            }
        }
        let accepted = act(&mut world, &before, number as u64, op);
        // Acknowledged orders are executed before anything else is looked at.
        world.advance(Duration::from_millis(200));
        let after = world.peek(&both()).unwrap();
        prop_assert!(after.validate(&both()).is_ok(), "{:?}", after.validate(&both()));

        // Refused: nothing but the clock moved.
        if accepted == Some(false) {
            let still = Snapshot { as_of: after.as_of, settings: after.settings.clone(), ..before.clone() };
            prop_assert_eq!(&still, &after, "refused {:?} changed something", op);
            let setting = |s: &Snapshot, symbol| (s.settings[symbol].long, s.settings[symbol].mode);
            for symbol in [&sym("SOL"), &sym("BTC")] {
                prop_assert_eq!(setting(&before, symbol), setting(&after, symbol));
            }
        }

        // Two bookkeepings, one account value.
        let positions_before = oracle.held.clone();
        oracle.take_fills(&world);
        let interval = if world.profile().name == "hyperliquid" { 1 } else { 8 };
        let hour = (world.now().0 - start) / 3_600_000 / interval;
        for _ in oracle.hour..hour {
            for (symbol, qty) in &positions_before {
                oracle.cash -= qty * marks(&after)[symbol] * RATE.parse::<Decimal>().unwrap();
            }
        }
        oracle.hour = hour;
        let totals = world.totals();
        let value = oracle.value(&marks(&after)) + totals.absorbed.get();
        // Funding inside an advance may liquidate half way; later payments of that advance are then the engine's.
        let liquidated = world.orders().iter().filter(|order| order.origin == Origin::Liquidation).count();
        if !(matches!(op, Op::Hours(_)) && liquidated > 0) {
            prop_assert_eq!(value.normalize(), after.account_value().unwrap().get().normalize(), "{:?}", op);
        } else {
            oracle.cash += after.account_value().unwrap().get() - value;
        }
        for symbol in [sym("SOL"), sym("BTC")] {
            let held = oracle.held.get(&symbol).copied().unwrap_or_default();
            prop_assert_eq!(held, after.qty(&symbol).get());
        }

        prop_assert!(is_solvent(&after), "{after:?}");
        check_order(op, &before, &after, accepted == Some(true) && synchronous)?;
        // The last sample is the account as it stands.
        if world.history().len() > samples {
            let last = world.history().last().unwrap();
            prop_assert_eq!(last.account_value, after.account_value().unwrap());
            prop_assert_eq!(last.gross, after.gross().unwrap());
        }
    }
    Ok(())
}

/// What our own order may have done at most.
fn check_order(op: &Op, before: &Snapshot, after: &Snapshot, accepted: bool) -> Result<(), TestCaseError> {
    let (Op::Order { btc, reduce_only, .. }, true) = (op, accepted) else { return Ok(()) };
    let (old, new) = (before.qty(&name(*btc)).get(), after.qty(&name(*btc)).get());
    if *reduce_only {
        prop_assert!(
            new.is_zero() || new.is_sign_negative() == old.is_sign_negative(),
            "flipped {old} to {new}"
        );
        prop_assert!(new.abs() <= old.abs(), "grew from {old} to {new}");
    } else if new.abs() > old.abs() {
        // It was admitted at the leverage setting, so the margin of what is held is still there.
        let position = after.position(&name(*btc)).unwrap();
        let notional = new.abs() * after.quotes[&name(*btc)].mark.get();
        if position.mode == MarginMode::Cross {
            let equity = after.pools[0].equity.get();
            prop_assert!(notional / position.leverage.get() <= equity, "{notional} on {equity}");
        }
    }
    Ok(())
}

fn execution() -> impl Strategy<Value = Execution> {
    prop_oneof![
        Just(Execution::AtLimit),
        Just(Execution::AtMark),
        Just(Execution::Slippage("0.002".parse().unwrap())),
        Just(Execution::RandomSlippage("0.01".parse().unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_life_adds_up(
        profile in 0..4usize, execution in execution(), ops in proptest::collection::vec(op(), 1..32),
    ) {
        live(profiles::all()[profile].clone(), execution, &ops)?;
    }

    #[test]
    fn a_cross_account_is_liquidated_exactly_when_maintenance_exceeds_equity(
        sol in -40_000..40_000i64, btc in -60_000..60_000i64, moves in proptest::collection::vec((any::<bool>(), -40..45i64), 1..12),
    ) {
        let mut world = world(profiles::hyperliquid()).build().unwrap();
        for (symbol, qty) in [("SOL", Decimal::new(sol, 3)), ("BTC", Decimal::new(btc, 6).round_dp(5))] {
            let qty = Qty::new(qty).unwrap();
            world.happen(evenkeel_paper::Event::ForeignTrade { symbol: sym(symbol), qty });
        }
        for (btc, permille) in moves {
            let before = world.peek(&both()).unwrap();
            if before.positions.is_empty() {
                return Ok(());
            }
            // The account at the new price, by hand.
            let symbol = name(btc);
            let mark = before.quotes[&symbol].mark.get();
            let new = (mark * (Decimal::ONE + Decimal::new(permille, 3))).round_dp(2);
            let equity = before.pools[0].equity.get() + before.qty(&symbol).get() * (new - mark);
            let mut moved = before.clone();
            moved.quotes.get_mut(&symbol).unwrap().mark = Price::new(new).unwrap();
            let needed: Decimal =
                moved.positions.iter().map(|p| maintenance(&moved, p.qty.get(), &p.symbol)).sum();
            world.set_mark(&symbol, Price::new(new).unwrap()).unwrap();
            let after = world.peek(&both()).unwrap();
            prop_assert_eq!(after.positions.is_empty(), equity < needed, "equity {} maintenance {}", equity, needed);
            if equity < needed {
                prop_assert_eq!(after.pools[0].equity.get(), equity.max(Decimal::ZERO), "no clearance fee here");
            } else {
                prop_assert_eq!(after.pools[0].equity.get(), equity);
            }
        }
    }

    #[test]
    fn an_isolated_position_is_liquidated_at_its_price_and_not_before(
        profile in 0..4usize, lots in 100..4000i64, leverage in 2..20u32, long: bool,
    ) {
        let sign = if long { 1 } else { -1 };
        let qty = Decimal::new(lots * sign, 3);
        let builder = world(profiles::all()[profile].clone());
        let world = builder.position("SOL", &qty.to_string(), leverage, MarginMode::Isolated).build().unwrap();
        let scope = Scope::of([sym("SOL")]);
        let Some(price) = world.peek(&scope).unwrap().positions[0].liquidation_price else { return Ok(()) };
        let step = price.get() * Decimal::new(1, 9);
        for (off, gone) in [(step, false), (-step, true)] {
            let mut world = world.clone();
            let mark = Price::new(price.get() + off * Decimal::from(sign)).unwrap();
            world.set_mark(&sym("SOL"), mark).unwrap();
            prop_assert_eq!(world.peek(&scope).unwrap().positions.is_empty(), gone, "at {:?} of {:?}", mark, price);
        }
    }

    #[test]
    fn nothing_panics_at_the_edge_of_what_numbers_hold(
        mantissa in any::<i64>(), scale in 0..28u32, price in 1..i64::MAX, price_scale in 0..28u32, leverage in 1..200u32,
        buy: bool, cash in any::<i64>(),
    ) {
        let mut world = world(profiles::binance()).build().unwrap();
        let sol = sym("SOL");
        let qty = Qty::new(Decimal::new(mantissa, scale)).unwrap();
        let price = Price::new(Decimal::new(price, price_scale)).unwrap();
        let pool = world.peek(&both()).unwrap().pools[0].id.clone();
        let intent = |number| OrderIntent {
            id: id(number),
            symbol: sol.clone(),
            side: if buy { Side::Buy } else { Side::Sell },
            position_side: PositionSide::Net,
            qty,
            limit: price,
            tif: TimeInForce::Gtc,
            reduce_only: false,
        };
        let _ = world.place(&[intent(1)]);
        let _ = world.add_funds(&pool, Usd::new(cash).unwrap());
        let _ = world.set_leverage(&sol, Leverage::new(leverage).unwrap());
        world.happen(evenkeel_paper::Event::ForeignTrade { symbol: sol.clone(), qty });
        let _ = world.set_mark(&sol, price);
        let _ = world.place(&[intent(2)]);
        let _ = world.adjust_margin(&sol, Usd::new(Decimal::new(mantissa, scale)).unwrap());
        // The end of time is far: not in every case.
        if mantissa % 16 == 0 {
            world.advance(Duration::MAX);
        }
        let _ = world.peek(&both()).unwrap();
    }
}

/// The leverage rules of the profiles differ where the venues do.
#[test]
fn lowering_an_isolated_position_follows_the_venue() {
    for profile in profiles::all() {
        let rule = profile.capabilities.lower_isolated;
        let venue =
            PaperVenue::new(world(profile).position("SOL", "3", 10, MarginMode::Isolated).build().unwrap());
        let five = Leverage::new(5).unwrap();
        let sol = sym("SOL");
        let bucket =
            || venue.with(|w| w.peek(&both()).unwrap().positions[0].isolated.unwrap().equity.to_string());
        let answer = venue.with(|w| w.set_leverage(&sol, five));
        match rule {
            LowerIsolated::Never => assert_eq!(
                answer.unwrap_err().to_string(),
                "binance: setting leverage: leverage refused: leverage of an isolated position cannot be lowered"
            ),
            LowerIsolated::AfterTopUp => {
                assert!(answer.unwrap_err().to_string().contains("insufficient margin"));
                assert_eq!(bucket(), "49.92");
                venue.with(|w| w.adjust_margin(&sol, Usd::new(50).unwrap())).unwrap();
                venue.with(|w| w.set_leverage(&sol, five)).unwrap();
                assert_eq!(bucket(), "99.92");
            }
            _ => {
                answer.unwrap();
                assert_eq!(bucket(), "99.84", "499.2 / 5");
            }
        }
    }
}
