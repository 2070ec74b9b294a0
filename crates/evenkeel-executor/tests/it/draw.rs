//! Worlds, targets, policies and faults, drawn from a seed.

use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Operation};
use evenkeel_paper::{
    Conditional, Event, Execution, Fault, FaultRule, Lag, PaperVenue, StaleTime, World, profiles,
};
use evenkeel_rebalance::{Gross, LeverageChange, Policy, Rest, Target};
use evenkeel_types::{Decimal, Leverage, MarginMode, OrderKind, Price, Rate, Symbol, Usd};

/// SplitMix64: the sequence is part of what a seed means.
#[derive(Debug, Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()].clone()
    }
    fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(low + self.below(high - low + 1))
    }
}

/// What a case is mostly about. Every case also has a little of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Calm,
    Refusals,
    Timeouts,
    LostAnswers,
    LateOrders,
    Dropped,
    Partial,
    LateMargin,
    OldReadings,
    LyingReadings,
    LostReadings,
    Settings,
    SilentSettings,
    Foreign,
    ForeignLeverage,
    ForeignOrder,
    Jumps,
    Walk,
    Journal,
    Cancel,
    Expired,
    Changed,
    Twice,
    StuckClose,
    LostClose,
    LostOpen,
    Slow,
    Everything,
}

pub(crate) const THEMES: [Theme; 28] = [
    Theme::Calm,
    Theme::Refusals,
    Theme::Timeouts,
    Theme::LostAnswers,
    Theme::LateOrders,
    Theme::Dropped,
    Theme::Partial,
    Theme::LateMargin,
    Theme::OldReadings,
    Theme::LyingReadings,
    Theme::LostReadings,
    Theme::Settings,
    Theme::SilentSettings,
    Theme::Foreign,
    Theme::ForeignLeverage,
    Theme::ForeignOrder,
    Theme::Jumps,
    Theme::Walk,
    Theme::Journal,
    Theme::Cancel,
    Theme::Expired,
    Theme::Changed,
    Theme::Twice,
    Theme::StuckClose,
    Theme::LostClose,
    Theme::LostOpen,
    Theme::Slow,
    Theme::Everything,
];

pub(crate) struct Case {
    pub(crate) theme: Theme,
    pub(crate) venue: PaperVenue,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) target: Target,
    pub(crate) leverage: Leverage,
    pub(crate) policy: Policy,
    pub(crate) rng: Rng,
}

/// Name, price, decimals of its lot, maximum leverage.
const MARKETS: [(&str, &str, u32, u32); 5] = [
    ("BTC", "106418", 5, 40),
    ("DOGE", "0.19", 0, 10),
    ("ETH", "2512.4", 4, 25),
    ("SOL", "166.4", 2, 20),
    ("XRP", "2.17", 0, 20),
];

pub(crate) fn case(seed: u64) -> Case {
    let mut rng = Rng(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed);
    let theme = THEMES[usize::try_from(seed % THEMES.len() as u64).unwrap()];
    let profile = rng.pick(&profiles::all());
    let cash = 50 + rng.below(5_000);
    let count = 1 + usize::try_from(rng.below(4)).unwrap();
    let first = usize::try_from(rng.below((MARKETS.len() - count + 1) as u64)).unwrap();
    let markets = &MARKETS[first..first + count];
    let mut builder = World::builder(profile.clone()).cash("USDC", &cash.to_string()).seed(seed);
    if profile.capabilities.hedge_mode && rng.chance(25) {
        builder = builder.hedge();
    }
    let mode = |rng: &mut Rng| if rng.chance(30) { MarginMode::Isolated } else { MarginMode::Cross };
    let mut used = 0.0f64;
    for (name, price, lot, max) in markets {
        builder = builder.market(name, price, *lot, *max);
        let room = cash as f64 * 0.6 - used;
        if rng.chance(70) && room > 5.0 {
            let leverage = u32::try_from(1 + rng.below(u64::from(*max).min(15))).unwrap();
            let margin = room * (0.1 + rng.below(70) as f64 / 100.0);
            let price: f64 = price.parse().unwrap();
            let size = margin * f64::from(leverage) / price;
            let text = format!("{size:.*}", usize::try_from(*lot).unwrap());
            if text.parse::<f64>().unwrap() * price > 12.0 {
                used += margin;
                let sign = if rng.chance(30) { "-" } else { "" };
                let mode = mode(&mut rng);
                builder = builder.position(name, &format!("{sign}{text}"), leverage, mode);
            }
        } else if rng.chance(50) {
            let leverage = u32::try_from(1 + rng.below(u64::from(*max).min(15))).unwrap();
            let mode = mode(&mut rng);
            builder = builder.setting(name, leverage, mode);
        }
    }
    let world = builder.build().unwrap();
    let symbols: Vec<Symbol> = markets.iter().map(|(name, ..)| name.parse().unwrap()).collect();
    let leverage = Leverage::new(u32::try_from(1 + rng.below(5)).unwrap()).unwrap();
    let target = draw_target(&mut rng, &symbols, leverage);
    let mut policy = draw_policy(&mut rng);
    if theme == Theme::Slow {
        policy.run_deadline = Duration::from_secs(2);
    }
    Case { theme, venue: PaperVenue::new(world), symbols, target, leverage, policy, rng }
}

fn draw_target(rng: &mut Rng, symbols: &[Symbol], leverage: Leverage) -> Target {
    let mut left = 100;
    let mut weights = Vec::new();
    for symbol in symbols {
        if rng.chance(80) {
            let weight = 1 + rng.below(left.min(70));
            left -= weight;
            let sign = if rng.chance(25) { "-" } else { "" };
            weights.push((symbol.to_string(), format!("{sign}{weight}")));
        }
        if left == 0 {
            break;
        }
    }
    weights.push(("cash".into(), left.to_string()));
    let mut target = Target::percent(weights).unwrap().leverage(leverage);
    if rng.chance(60) {
        target = target.gross(Gross::Leverage(Decimal::new(i64::try_from(5 + rng.below(45)).unwrap(), 1)));
    }
    if rng.chance(20) {
        target = target.rest(Rest::Keep);
    }
    if rng.chance(20) {
        target = target.margin_mode(rng.pick(&[MarginMode::Cross, MarginMode::Isolated]));
    }
    target
}

fn draw_policy(rng: &mut Rng) -> Policy {
    Policy {
        leverage_change: rng.pick(&[LeverageChange::Auto, LeverageChange::Reopen]),
        reopen_at_once: u32::try_from(1 + rng.below(3)).unwrap(),
        attempts: u32::try_from(1 + rng.below(3)).unwrap(),
        rounds_per_phase: u32::try_from(2 + rng.below(3)).unwrap(),
        ..Policy::conservative()
    }
}

impl Case {
    /// What somebody who approved does not know yet: everything that goes wrong from here on.
    pub(crate) fn go_wrong(&mut self) {
        let theme = self.theme;
        let mut rules = Vec::new();
        let rng = &mut self.rng;
        let strong = u32::try_from(100 + rng.below(500)).unwrap();
        let place = |fault| FaultRule::new(fault).on(Operation::Place);
        let refuse =
            |kind, wait: Option<u64>| Fault::Refuse { kind, retry_after: wait.map(Duration::from_millis) };
        let kinds = [
            ErrorKind::Maintenance,
            ErrorKind::Rejected,
            ErrorKind::InsufficientMargin,
            ErrorKind::NoLiquidity,
            ErrorKind::RateLimited,
        ];
        let settings = [Operation::SetLeverage, Operation::SetMarginMode, Operation::AdjustMargin];
        let all = theme == Theme::Everything;
        let some = if all { 60 } else { strong };
        if theme == Theme::Refusals || all {
            rules.push(place(refuse(rng.pick(&kinds), None)).permille(some));
            rules.push(place(refuse(ErrorKind::RateLimited, Some(3_000))).permille(some / 4));
        }
        if theme == Theme::Timeouts || all {
            rules.push(place(Fault::LoseRequest).permille(some));
        }
        if theme == Theme::LostAnswers || all {
            rules.push(place(Fault::LoseAnswer).permille(some));
            rules.push(FaultRule::new(Fault::OrderNotFound).on(Operation::Order).permille(some));
        }
        if theme == Theme::LateOrders || all {
            let by = rng.millis(50, 45_000);
            rules.push(place(Fault::Delay { by }).permille(some));
        }
        if theme == Theme::Dropped || all {
            rules.push(place(Fault::Ignore).permille(some));
        }
        if theme == Theme::Partial || all {
            let permille = u32::try_from(rng.below(1000)).unwrap();
            rules.push(place(Fault::PartialFill { permille }).permille(if all { 200 } else { 800 }));
        }
        if theme == Theme::LateMargin || all {
            let lag = if rng.chance(50) {
                Lag::Reads(u32::try_from(1 + rng.below(4)).unwrap())
            } else {
                Lag::Time(rng.millis(200, 8_000))
            };
            rules.push(place(Fault::LateMargin { lag }).permille(if all { 200 } else { 900 }));
        }
        if matches!(theme, Theme::OldReadings | Theme::LyingReadings) || all {
            let time = if theme == Theme::OldReadings { StaleTime::Honest } else { StaleTime::Lying };
            let changes = usize::try_from(1 + rng.below(4)).unwrap();
            let stale = FaultRule::new(Fault::StaleRead { changes, time }).on(Operation::Snapshot);
            // Now and then for good: then nothing may be decided any more.
            let forever = rng.chance(40) && !all;
            rules.push(if forever { stale.from(2) } else { stale.permille(some) });
            let stale = Fault::StaleRead { changes: 1, time: StaleTime::Lying };
            rules.push(FaultRule::new(stale).on(Operation::Leverage).permille(some / 2));
        }
        if theme == Theme::LostReadings || all {
            for operation in [Operation::Snapshot, Operation::Leverage, Operation::Order, Operation::Fills] {
                let lost = FaultRule::new(Fault::LoseRequest).on(operation);
                let forever = rng.chance(15) && !all;
                rules.push(if forever { lost.from(2) } else { lost.permille(some) });
            }
        }
        if theme == Theme::Settings || all {
            for operation in settings {
                let kind = rng.pick(&[
                    ErrorKind::LeverageRefused,
                    ErrorKind::RateLimited,
                    ErrorKind::InsufficientMargin,
                ]);
                rules.push(FaultRule::new(refuse(kind, None)).on(operation).permille(some));
                rules.push(FaultRule::new(Fault::LoseAnswer).on(operation).permille(some / 2));
                rules.push(FaultRule::new(Fault::LoseRequest).on(operation).permille(some / 2));
                let by = rng.millis(50, 20_000);
                rules.push(FaultRule::new(Fault::Delay { by }).on(operation).permille(some / 4));
            }
        }
        if theme == Theme::SilentSettings || all {
            rules.push(FaultRule::new(Fault::Ignore).on(Operation::SetLeverage).permille(if all {
                50
            } else {
                900
            }));
        }
        self.disturb(&mut rules);
        self.venue.with(|world| {
            world.set_latency(Duration::from_millis(20));
            world.inject(rules);
        });
    }

    fn disturb(&mut self, rules: &mut Vec<FaultRule>) {
        let theme = self.theme;
        let all = theme == Theme::Everything;
        let rng = &mut self.rng;
        let symbol = rng.pick(&self.symbols);
        let quote = self
            .venue
            .with(|world| world.peek(&evenkeel_types::Scope::of([symbol.clone()])).unwrap().quotes[&symbol]);
        let at = |rng: &mut Rng| {
            rng.pick(&[Operation::Snapshot, Operation::Place, Operation::SetLeverage, Operation::Leverage])
        };
        if matches!(theme, Theme::Foreign | Theme::Changed) || all && rng.chance(30) {
            let usd = Usd::new(Decimal::from(20 + rng.below(200))).unwrap();
            let lot = self.venue.with(|world| {
                world.peek(&evenkeel_types::Scope::of([symbol.clone()])).unwrap().instruments[&symbol].lot
            });
            let size = lot.toward_zero(quote.mark.quantity(usd).unwrap()).unwrap();
            let qty = if rng.chance(50) { size } else { size.negated() };
            if !qty.is_zero() {
                let event = Event::ForeignTrade { symbol: symbol.clone(), qty };
                let (at, nth) = if theme == Theme::Changed {
                    (Operation::Snapshot, 1)
                } else {
                    (at(rng), 1 + rng.below(3))
                };
                rules.push(FaultRule::new(Fault::Happens(event)).on(at).nth(nth));
            }
        }
        if theme == Theme::ForeignOrder {
            let held =
                self.venue.with(|world| world.peek(&evenkeel_types::Scope::default())).unwrap().positions;
            if let Some(position) = held.first() {
                let away = if position.qty.is_negative() { Decimal::TWO } else { Decimal::new(5, 1) };
                let mark =
                    self.venue.with(|world| world.peek(&evenkeel_types::Scope::default())).unwrap().quotes
                        [&position.symbol]
                        .mark;
                let stop = Conditional {
                    id: None,
                    symbol: position.symbol.clone(),
                    side: position.closing_side(),
                    position_side: position.side,
                    qty: None,
                    trigger: Price::new(mark.get() * away).unwrap(),
                    limit: None,
                    reduce_only: true,
                    kind: OrderKind::StopLoss,
                };
                // A trigger that is no valid price is refused, and the case goes on without one.
                let _placed = self.venue.with(|world| world.place_conditional(&stop));
            }
        }
        if theme == Theme::ForeignLeverage || all && rng.chance(30) {
            let leverage = Leverage::new(u32::try_from(1 + rng.below(9)).unwrap()).unwrap();
            for symbol in &self.symbols {
                let event = Event::ForeignLeverage { symbol: symbol.clone(), leverage };
                let often = u32::try_from(200 + rng.below(600)).unwrap();
                let at =
                    rng.pick(&[Operation::Snapshot, Operation::Place, Operation::Place, Operation::Place]);
                rules.push(FaultRule::new(Fault::Happens(event)).on(at).permille(often).times(2));
            }
        }
        if theme == Theme::Jumps || all && rng.chance(50) {
            let by = Rate::new(Decimal::new(i64::try_from(rng.below(30)).unwrap() - 15, 2)).unwrap();
            let event = Event::Move { symbol: symbol.clone(), by };
            rules.push(FaultRule::new(Fault::Happens(event)).on(at(rng)).nth(1 + rng.below(4)));
        }
        if theme == Theme::Walk || all {
            let step = Rate::new(Decimal::new(i64::try_from(1 + rng.below(20)).unwrap(), 4)).unwrap();
            for symbol in &self.symbols {
                self.venue.with(|world| world.random_walk(symbol, Duration::from_millis(200), step));
            }
        }
        let kinds = [ErrorKind::Maintenance, ErrorKind::Rejected];
        match theme {
            Theme::StuckClose => {
                let refuse = Fault::Refuse { kind: rng.pick(&kinds), retry_after: None };
                rules.push(FaultRule::new(refuse).on(Operation::Place).symbol(symbol));
            }
            // Lost for good where the venue takes an identity twice; where it does not, sending again proves it.
            Theme::LostClose => {
                rules.push(FaultRule::new(Fault::LoseRequest).on(Operation::Place).times(3));
            }
            Theme::LostOpen => {
                rules.push(FaultRule::new(Fault::LoseRequest).on(Operation::Place).from(1 + rng.below(4)));
            }
            Theme::Slow => {
                let wait = rng.millis(500, 20_000);
                self.venue.with(|world| world.set_execution(Execution::AtLimit));
                let late = Fault::Refuse { kind: ErrorKind::RateLimited, retry_after: Some(wait) };
                rules.push(FaultRule::new(late).on(Operation::Snapshot).permille(600));
            }
            _ => {}
        }
    }
}
