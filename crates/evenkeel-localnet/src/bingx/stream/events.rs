//! What happens to an account, as events of its private stream.

use std::collections::BTreeSet;

use evenkeel_types::{Decimal, MarginMode, PositionSide, Qty, Symbol, Usd};

use crate::bingx::desk::{Desk, Face, Shown};
use crate::bingx::json::{Json, object};
use crate::bingx::numbers::{cut, ratio};
use crate::bingx::order_rows::{List, formal, leg, price, side, stop_price, word};
use crate::bingx::server::Server;
use crate::floor::{Account, Figures, FillRow, Income, IncomeKind, News, OrderNews, Status};

/// An event, and its name.
pub(super) type Event = (&'static str, Json);

const ORDER: &str = "ORDER_TRADE_UPDATE";
const ACCOUNT: &str = "ACCOUNT_UPDATE";
const SETTING: &str = "ACCOUNT_CONFIG_UPDATE";

/// Streams have eight decimals, lists those of the market.
const PLACES: u32 = 8;

fn eight(value: Decimal) -> String {
    cut(value, PLACES)
}

/// Zero is bare where sums of money changed by nothing.
fn change(amount: Usd) -> String {
    if amount.is_zero() { "0".to_owned() } else { eight(amount.get()) }
}

/// What happened to an order, and where it stands after it.
struct Step<'a> {
    what: &'static str,
    status: &'static str,
    fill: Option<&'a FillRow>,
    /// Executed in all.
    done: (Qty, Usd),
}

impl Server {
    /// In the order in which the venue tells: orders and their executions, then what they did to the account.
    pub(super) fn events(&self, place: usize, news: &News) -> Vec<Event> {
        let (Some(account), Some(desk)) = (self.floor.accounts.get(place), self.desks.get(place)) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        let mut told = BTreeSet::new();
        for order in &news.orders {
            told.extend(order.fills.iter().copied());
            self.order_events(account, desk, order, &mut events);
        }
        for place in news.fills.clone().filter(|place| !told.contains(place)) {
            events.extend(account.fills.get(place).map(|fill| self.foreign(fill)));
        }
        if let Some(figures) = account.figures(&self.floor.markets) {
            self.account_events(account, &figures, news, &mut events);
        }
        for (symbol, _, (long, short, mode)) in &news.settings {
            events.push(self.setting(symbol, (long.get(), short.get()), *mode));
        }
        events
    }

    /// The settings of all markets, as they are told when a stream begins and every few seconds.
    pub(super) fn all_settings(&self, account: &Account) -> Vec<Event> {
        let settings = account.snapshot(&self.floor.markets).map(|snapshot| snapshot.settings);
        let settings = settings.unwrap_or_default();
        settings
            .values()
            .map(|one| self.setting(&one.symbol, (one.long.get(), one.short.get()), one.mode))
            .collect()
    }

    fn event(&self, name: &'static str, part: &'static str, content: Json) -> Event {
        let now = self.floor.now.0;
        (name, object! {"e": name, "E": now, "T": now}.and(vec![(part, content)]))
    }

    fn setting(&self, symbol: &Symbol, (long, short): (Decimal, Decimal), mode: MarginMode) -> Event {
        let setting = object! {
            "s": symbol.as_str(), "l": Json::number(long), "S": Json::number(short), "mt": mode_name(mode),
        };
        (SETTING, object! {"e": SETTING, "E": self.floor.now.0, "ac": setting})
    }

    /// What a conditional order became is an order of its own; nothing is told of the trigger itself.
    fn order_events(&self, account: &Account, desk: &Desk, news: &OrderNews, events: &mut Vec<Event>) {
        let Some(ticket) = account.tickets.get(&news.id) else { return };
        let total = ticket.done(&account.world);
        let fills: Vec<&FillRow> = news.fills.iter().filter_map(|place| account.fills.get(*place)).collect();
        let (mut qty, mut value) = (total.qty, total.value);
        for fill in &fills {
            qty = qty.minus(fill.qty).unwrap_or(Qty::ZERO);
            value = value.minus(fill.value).unwrap_or(Usd::ZERO);
        }
        let mut say = |shown: &Shown<'_>, step: &Step<'_>| {
            events.push(self.event(ORDER, "o", self.order_update(shown, step)));
        };
        let is_new = news.before.is_none();
        let triggered = is_new || news.before == Some(Status::Waiting);
        let created = Step { what: "NEW", status: "NEW", fill: None, done: (Qty::ZERO, Usd::ZERO) };
        let mut shown = Shown { ticket, id: ticket.id, face: Face::Whole };
        for face in desk.faces(ticket) {
            let is_child = matches!(face.face, Face::Child { .. });
            if if is_child { triggered } else { is_new } {
                say(&face, &created);
            }
            shown = face;
        }
        let over = match news.now {
            Status::Waiting | Status::Open => None,
            Status::Filled => Some("FILLED"),
            Status::Cancelled | Status::Expired | Status::Rejected(_) => Some("CANCELED"),
        };
        let standing = |qty: Qty| if qty.is_zero() { "NEW" } else { "PARTIALLY_FILLED" };
        if news.amended {
            say(&shown, &Step { what: "NEW", status: standing(qty), fill: None, done: (qty, value) });
        }
        for (number, fill) in fills.iter().enumerate() {
            qty = qty.plus(fill.qty).unwrap_or(qty);
            value = value.plus(fill.value).unwrap_or(value);
            let last = number.saturating_add(1) == fills.len() && over == Some("FILLED");
            let status = if last { "FILLED" } else { "PARTIALLY_FILLED" };
            say(&shown, &Step { what: "TRADE", status, fill: Some(fill), done: (qty, value) });
        }
        if over == Some("CANCELED") {
            say(&shown, &Step { what: "CANCELED", status: "CANCELED", fill: None, done: (qty, value) });
        }
    }

    fn order_update(&self, shown: &Shown<'_>, step: &Step<'_>) -> Json {
        let wish = &shown.ticket.wish;
        let (kind, (qty, value), fill) = (shown.kind(), step.done, step.fill);
        let of = |figure: fn(&FillRow) -> Decimal| eight(fill.map_or(Decimal::ZERO, figure));
        let parent = if let Face::Child { of } = shown.face { Some(of) } else { None };
        let client = if parent.is_some() { "" } else { wish.client_id.as_deref().unwrap_or_default() };
        object! {
            "s": wish.symbol.as_str(),
            "c": client,
            "i": shown.id,
            "S": side(wish.side),
            "o": kind,
            "q": eight(wish.qty.map_or_else(|| formal(wish), Qty::get)),
            "p": price(wish, kind, List::One, PLACES),
            "sp": stop_price(&wish.kind, PLACES).unwrap_or_else(|| eight(Decimal::ZERO)),
            "ap": eight(ratio(value.get(), qty.get())),
            "x": step.what,
            "X": step.status,
            "N": self.coin(),
            "n": of(|fill| fill.fee.negated().get()),
            "T": fill.map_or(0, |fill| fill.time.0),
            "wt": word(wish, "workingType"),
            "ps": leg(wish.leg),
            "rp": of(|fill| fill.realised.get()),
            "z": eight(qty.get()),
            "l": of(|fill| fill.qty.get()),
            "L": of(|fill| fill.price.get()),
            "sg": "false",
            "ti": parent.unwrap_or(0),
            "ro": wish.reduce_only,
            "td": fill.map_or(0, |fill| fill.trade),
            "tv": of(|fill| fill.value.get()),
        }
    }

    /// An execution that no order of ours stands behind: a liquidation, or somebody else on the venue's page.
    fn foreign(&self, fill: &FillRow) -> Event {
        let (kind, what) = if fill.liquidation { ("LIQUIDATION", "CALCULATED") } else { ("MARKET", "TRADE") };
        let (qty, price) = (eight(fill.qty.get()), eight(fill.price.get()));
        let row = object! {
            "s": fill.symbol.as_str(), "c": "", "i": fill.order, "S": side(fill.side), "o": kind,
            "q": qty.as_str(), "p": price.as_str(), "sp": eight(Decimal::ZERO), "ap": price.as_str(), "x": what,
            "X": "FILLED", "N": self.coin(), "n": eight(fill.fee.negated().get()), "T": fill.time.0,
            "wt": "MARK_PRICE", "ps": leg(fill.leg), "rp": eight(fill.realised.get()), "z": qty.as_str(),
            "l": qty.as_str(), "L": price.as_str(), "sg": "false", "ti": 0_u64, "ro": false, "td": fill.trade,
            "tv": eight(fill.value.get()),
        };
        self.event(ORDER, "o", row)
    }

    fn account_events(&self, account: &Account, figures: &Figures, news: &News, events: &mut Vec<Event>) {
        let changed = || -> Vec<Json> {
            news.legs.iter().map(|(symbol, leg)| self.leg_row(account, figures, symbol, *leg)).collect()
        };
        let mut say = |reason: &str, amount: Usd, later: [Usd; 2], positions: Vec<Json>| {
            let before = |end: Usd, later: Usd| eight(end.minus(later).unwrap_or(end).get());
            let [wallet, cross] = later;
            let balance = object! {
                "a": self.coin(), "wb": before(figures.wallet, wallet),
                "cw": before(figures.cross_wallet, cross), "bc": change(amount),
            };
            let content = object! {"m": reason, "B": vec![balance], "P": positions};
            events.push(self.event(ACCOUNT, "a", content));
        };
        let is_isolated = |symbol: Option<&Symbol>| {
            symbol.is_some_and(|symbol| figures.of(symbol).any(|held| held.mode == MarginMode::Isolated))
        };
        let rows = account.income.get(news.income.clone()).unwrap_or_default();
        let mut known = false;
        for (place, row) in rows.iter().enumerate() {
            // What came after it is not in its balance yet.
            let after = rows.get(place.saturating_add(1)..).unwrap_or_default().iter();
            let sum = |sum: [Usd; 2], row: &Income| {
                let plus = |sum: Usd| sum.plus(row.amount).unwrap_or(sum);
                let [wallet, cross] = sum;
                [plus(wallet), if is_isolated(row.symbol.as_ref()) { cross } else { plus(cross) }]
            };
            let later = after.fold([Usd::ZERO; 2], sum);
            match row.kind {
                IncomeKind::Transfer => {
                    say(
                        if row.amount.is_negative() { "WITHDRAW" } else { "DEPOSIT" },
                        row.amount,
                        later,
                        Vec::new(),
                    );
                }
                // Positions come along where they are isolated.
                IncomeKind::Funding => {
                    let isolated =
                        |symbol: &Symbol| Some(symbol) == row.symbol.as_ref() && is_isolated(Some(symbol));
                    let legs = news.legs.iter().filter(|(symbol, _)| isolated(symbol));
                    let legs =
                        legs.map(|(symbol, leg)| self.leg_row(account, figures, symbol, *leg)).collect();
                    say("FUNDING_FEE", row.amount, later, legs);
                }
                IncomeKind::Realised | IncomeKind::Commission => continue,
            }
            known = true;
        }
        // There are four reasons. What is none of the others, margin that was moved for one, is told as an order's.
        // Leverage alone changes nothing that is shown here.
        if !news.fills.is_empty() || (news.cash && !known) {
            say("ORDER", Usd::ZERO, [Usd::ZERO; 2], changed());
        }
    }

    /// A position, or one that is gone. Of one-way accounts the size has a sign, as nothing else says the direction.
    fn leg_row(&self, account: &Account, figures: &Figures, symbol: &Symbol, side: PositionSide) -> Json {
        let Some(held) = figures.of(symbol).find(|held| held.leg == side) else {
            let mode = account.setting(symbol).map_or(MarginMode::Cross, |setting| setting.mode);
            let zero = eight(Decimal::ZERO);
            return object! {
                "s": symbol.as_str(), "pa": zero.as_str(), "ep": zero.as_str(), "up": zero.as_str(),
                "mt": mode_name(mode), "iw": "0", "ps": leg(side), "cr": zero.as_str(),
            };
        };
        let qty = if side == PositionSide::Net { held.qty } else { held.qty.abs() };
        object! {
            "s": symbol.as_str(),
            "pa": eight(qty.get()),
            "ep": eight(held.entry.get()),
            "up": eight(held.unrealised.get()),
            "mt": mode_name(held.mode),
            "iw": held.isolated.map_or_else(|| "0".to_owned(), |(_, cash)| eight(cash.get())),
            "ps": leg(side),
            "cr": eight(self.realised(account, held).get()),
        }
    }
}

fn mode_name(mode: MarginMode) -> &'static str {
    if mode == MarginMode::Isolated { "isolated" } else { "cross" }
}
