//! Small accounts to plan for, written the way the tests read.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::collections::BTreeMap;

use evenkeel_rebalance::*;
use evenkeel_types::*;

pub fn d(text: &str) -> Decimal {
    parse_decimal("test", text).unwrap()
}

pub fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub fn sym(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn x(leverage: u32) -> Leverage {
    Leverage::new(leverage).unwrap()
}

/// A venue like Hyperliquid: everything changes in place, isolated after a top-up.
pub fn capabilities() -> Capabilities {
    let mut can = Capabilities::cautious();
    can.raise_with_position = WithPosition { cross: true, isolated: true };
    can.lower_cross_with_position = true;
    can.lower_isolated = LowerIsolated::AfterTopUp;
    can.margin_mode_scope = MarginModeScope::Symbol;
    can.margin_adjustment = MarginAdjustment::Both;
    can.min_notional = MinNotionalRule::FullCloseExempt;
    can.orders_block_leverage = false;
    can.orders_block_mode = false;
    can
}

pub struct World {
    pub snapshot: Snapshot,
}

impl World {
    /// One USDC pool with this much equity.
    pub fn with_equity(equity: &str) -> Self {
        let equity = usd(equity);
        let pool = MarginPool {
            id: PoolId(sym("USDC")),
            collateral: Collateral::new("USDC").unwrap(),
            equity,
            free: equity,
            withdrawable: None,
            transferable: None,
        };
        Self {
            snapshot: Snapshot {
                venue: VenueId::new("test").unwrap(),
                account: AccountId::new("account").unwrap(),
                as_of: Timestamp(1_000_000),
                capabilities: capabilities(),
                position_mode: PositionMode::OneWay,
                pools: vec![pool],
                positions: Vec::new(),
                settings: BTreeMap::new(),
                quotes: BTreeMap::new(),
                instruments: BTreeMap::new(),
                fees: BTreeMap::new(),
                open_orders: Vec::new(),
            },
        }
    }

    /// Lists a symbol with mark, lot, and its setting while flat.
    pub fn list(mut self, symbol: &str, mark: &str, lot: &str, leverage: u32) -> Self {
        let name = sym(symbol);
        let instrument = Instrument {
            symbol: name.clone(),
            pool: PoolId(sym("USDC")),
            price_rule: PriceRule::SignificantFigures { figures: 6, max_decimals: 6, integers_always: true },
            lot: Lot::new(d(lot)).unwrap(),
            min_qty: None,
            max_qty: None,
            min_notional: Some(usd("10")),
            leverage_step: Decimal::ONE,
            tiers: Tiers::flat(x(40), Rate::new(d("0.0125")).unwrap()).unwrap(),
            liquidation_fee: Rate::ZERO,
            margin_modes: MarginModes::Both,
            status: TradingStatus::Trading,
            funding_interval: None,
        };
        self.snapshot.instruments.insert(name.clone(), instrument);
        let mark = mark.parse().unwrap();
        self.snapshot.quotes.insert(name.clone(), Quote { mark, bid: None, ask: None });
        let rate = |text: &str| text.parse().unwrap();
        self.snapshot.fees.insert(name.clone(), FeeRates { maker: rate("0.00015"), taker: rate("0.00045") });
        let setting =
            LeverageSetting::both(name.clone(), x(leverage), MarginMode::Cross, Timestamp(1_000_000));
        self.snapshot.settings.insert(name, setting);
        self
    }

    pub fn instrument(mut self, symbol: &str, change: impl FnOnce(&mut Instrument)) -> Self {
        change(self.snapshot.instruments.get_mut(&sym(symbol)).unwrap());
        self
    }

    /// Holds a cross position in a listed symbol at its setting; the pool's free margin follows.
    pub fn hold(mut self, symbol: &str, qty: &str) -> Self {
        let name = sym(symbol);
        let setting = self.snapshot.settings[&name].clone();
        let qty: Qty = qty.parse().unwrap();
        let mark = self.snapshot.quotes[&name].mark;
        let leverage = setting.of(qty);
        let margin = leverage.margin(mark.value(qty).unwrap()).unwrap();
        self.snapshot.pools[0].free = self.snapshot.pools[0].free.minus(margin).unwrap().max(Usd::ZERO);
        self.snapshot.positions.push(Position {
            symbol: name,
            side: PositionSide::Net,
            qty,
            entry: Some(mark),
            mode: MarginMode::Cross,
            leverage,
            isolated: None,
            max_leverage: None,
            liquidation_price: None,
        });
        self
    }

    /// Holds an isolated position with this much equity in its bucket, taken from the pool.
    pub fn hold_isolated(mut self, symbol: &str, qty: &str, bucket: &str) -> Self {
        let name = sym(symbol);
        let bucket = usd(bucket);
        self.snapshot.settings.get_mut(&name).unwrap().mode = MarginMode::Isolated;
        let setting = self.snapshot.settings[&name].clone();
        let qty: Qty = qty.parse().unwrap();
        let mark = self.snapshot.quotes[&name].mark;
        let pool = &mut self.snapshot.pools[0];
        pool.equity = pool.equity.minus(bucket).unwrap();
        pool.free = pool.free.minus(bucket).unwrap();
        self.snapshot.positions.push(Position {
            symbol: name,
            side: PositionSide::Net,
            qty,
            entry: Some(mark),
            mode: MarginMode::Isolated,
            leverage: setting.of(qty),
            isolated: Some(IsolatedMargin { equity: bucket }),
            max_leverage: None,
            liquidation_price: None,
        });
        self
    }
}

/// The scenarios' costs: fee 0.045 %, slippage 0.05 %, no reserve, no stress.
pub fn exact_policy() -> Policy {
    let mut policy = Policy::conservative();
    policy.max_leverage = x(40);
    policy.fee = Some("0.00045".parse().unwrap());
    policy.slippage = "0.0005".parse().unwrap();
    policy.stress = Rate::ZERO;
    policy
}

pub fn halves(leverage: u32) -> Target {
    Target::percent([("SOL", "50"), ("BTC", "50")]).unwrap().leverage(x(leverage))
}

pub fn mixed() -> World {
    World::with_equity("200")
        .list("SOL", "166.4", "0.01", 2)
        .list("BTC", "106553", "0.00001", 10)
        .hold("SOL", "0.54")
        .hold("BTC", "0.00197")
}

pub fn starved() -> World {
    World::with_equity("416")
        .list("SOL", "166.4", "0.01", 10)
        .list("BTC", "106553", "0.00001", 10)
        .hold("SOL", "5.66")
        .hold("BTC", "0.02101")
}

/// Action and symbol of every step.
pub fn actions(plan: &Plan) -> Vec<String> {
    plan.steps().map(|step| format!("{} {}", step.symbol, step.action)).collect()
}

pub fn make(world: &World, target: &Target, policy: &Policy) -> Plan {
    let resolved = target.resolve(&world.snapshot).unwrap();
    plan(&world.snapshot, &resolved, policy, &RunState::start()).unwrap()
}
