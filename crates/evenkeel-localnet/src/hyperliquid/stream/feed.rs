//! What can be listened to.

use serde_json::{Value, json};

use super::logs::{Fills, Fundings, Ledger, Orders};
use crate::hyperliquid::crypto::Address;
use crate::hyperliquid::server::Server;
use crate::stream::without;

/// Accepted, with nothing that ever happens: there are no trades of others, no candles, no TWAPs.
const SILENT: [&str; 7] = [
    "trades",
    "candle",
    "notification",
    "userTwapSliceFills",
    "userTwapHistory",
    "userHistoricalOrders",
    "webData3",
];

/// One subscription, and what was told on it.
#[derive(Debug, Clone)]
pub(super) enum Feed {
    /// Told whole when it comes, and whenever it is different from what was told.
    State { what: State, told: Value },
    /// Order by order.
    Orders { user: Address, orders: Orders },
    /// Execution by execution, beginning with those that there were.
    Fills { user: Address, fills: Fills },
    /// Executions, fundings, and cancels by the venue.
    Events { user: Address, fills: Fills, fundings: Fundings, orders: Orders },
    /// Payment by payment, beginning with those that there were.
    Fundings { user: Address, fundings: Fundings },
    /// Money that comes and goes, beginning with what there was.
    Ledger { user: Address, ledger: Ledger },
    /// Nothing ever.
    Silent(&'static str),
}

/// What is told whole.
#[derive(Debug, Clone)]
pub(super) enum State {
    Mids,
    Book(String),
    Best(String),
    Context(String),
    Contexts,
    Capacity(Address, String),
    Account(Address),
    Accounts(Address),
    OpenOrders(Address),
    Wallet(Address),
}

impl Feed {
    /// `None` for what there is not.
    pub(super) fn of(asked: &Value, server: &mut Server) -> Option<Self> {
        let kind = asked.get("type")?.as_str()?;
        let text = |key: &str| asked.get(key).and_then(Value::as_str);
        if text("dex").is_some_and(|dex| !dex.is_empty()) {
            return None;
        }
        let coin = || {
            let coin = text("coin")?;
            let known = server.markets.iter().any(|market| market.symbol.as_str() == coin);
            known.then(|| coin.to_owned())
        };
        let user = || Address::parse(text("user")?);
        let state = |what: State| Some(Self::State { what, told: Value::Null });
        match kind {
            "allMids" => state(State::Mids),
            "l2Book" => state(State::Book(coin()?)),
            "bbo" => state(State::Best(coin()?)),
            "activeAssetCtx" => state(State::Context(coin()?)),
            "allDexsAssetCtxs" => state(State::Contexts),
            "activeAssetData" => state(State::Capacity(user()?, coin()?)),
            "clearinghouseState" => state(State::Account(user()?)),
            "allDexsClearinghouseState" => state(State::Accounts(user()?)),
            "openOrders" => state(State::OpenOrders(user()?)),
            "spotState" => state(State::Wallet(user()?)),
            "orderUpdates" => {
                let user = user()?;
                Some(Self::Orders { user, orders: Orders::from_now(server.find(user)) })
            }
            "userFills" => Some(Self::Fills { user: user()?, fills: Fills::from_the_beginning() }),
            "userEvents" => {
                let user = user()?;
                Some(Self::Events {
                    user,
                    fills: Fills::from_now(server.find(user)),
                    fundings: Fundings::from_now(server.find(user)),
                    orders: Orders::from_now(server.find(user)),
                })
            }
            "userFundings" => Some(Self::Fundings { user: user()?, fundings: Fundings::default() }),
            "userNonFundingLedgerUpdates" => Some(Self::Ledger { user: user()?, ledger: Ledger::default() }),
            _ => SILENT.into_iter().find(|silent| *silent == kind).map(Self::Silent),
        }
    }

    pub(super) fn channel(&self) -> &'static str {
        match self {
            Self::State { what, .. } => what.channel(),
            Self::Orders { .. } => "orderUpdates",
            Self::Fills { .. } => "userFills",
            // Not its name.
            Self::Events { .. } => "user",
            Self::Fundings { .. } => "userFundings",
            Self::Ledger { .. } => "userNonFundingLedgerUpdates",
            Self::Silent(kind) => kind,
        }
    }

    pub(super) fn user(&self) -> Option<Address> {
        match self {
            Self::State { what, .. } => what.user(),
            Self::Orders { user, .. }
            | Self::Fills { user, .. }
            | Self::Events { user, .. }
            | Self::Fundings { user, .. }
            | Self::Ledger { user, .. } => Some(*user),
            Self::Silent(_) => None,
        }
    }

    /// The data of the messages that are due.
    pub(super) fn news(&mut self, server: &mut Server) -> Vec<Value> {
        match self {
            Self::State { what, told } => {
                let Some(data) = what.data(server) else { return Vec::new() };
                let timeless = without(data.clone(), &["time"]);
                if *told == timeless {
                    return Vec::new();
                }
                *told = timeless;
                vec![data]
            }
            Self::Orders { user, orders } => {
                let rows = orders.news(server, *user);
                if rows.is_empty() { Vec::new() } else { vec![Value::Array(rows)] }
            }
            Self::Fills { user, fills } => fills.messages(server, *user),
            Self::Events { user, fills, fundings, orders } => {
                let mut messages = Vec::new();
                let rows = fills.news(server, *user);
                if !rows.is_empty() {
                    messages.push(json!({"fills": rows}));
                }
                messages.extend(fundings.news(server, *user).into_iter().map(|row| json!({"funding": row})));
                let cancelled = orders.cancelled_by_the_venue(server, *user);
                if !cancelled.is_empty() {
                    messages.push(json!({"nonUserCancel": cancelled}));
                }
                messages
            }
            Self::Fundings { user, fundings } => fundings.messages(server, *user),
            Self::Ledger { user, ledger } => ledger.messages(server, *user),
            Self::Silent(_) => Vec::new(),
        }
    }
}

impl State {
    fn channel(&self) -> &'static str {
        match self {
            Self::Mids => "allMids",
            Self::Book(_) => "l2Book",
            Self::Best(_) => "bbo",
            Self::Context(_) => "activeAssetCtx",
            Self::Contexts => "allDexsAssetCtxs",
            Self::Capacity(..) => "activeAssetData",
            Self::Account(_) => "clearinghouseState",
            Self::Accounts(_) => "allDexsClearinghouseState",
            Self::OpenOrders(_) => "openOrders",
            Self::Wallet(_) => "spotState",
        }
    }

    fn user(&self) -> Option<Address> {
        match self {
            Self::Capacity(user, _)
            | Self::Account(user)
            | Self::Accounts(user)
            | Self::OpenOrders(user)
            | Self::Wallet(user) => Some(*user),
            _ => None,
        }
    }

    /// The answer to the same question, in the stream's wrapping.
    fn data(&self, server: &mut Server) -> Option<Value> {
        let book =
            |server: &mut Server, coin: &str| server.ask(&json!({"type": "l2Book", "coin": coin})).ok();
        let about = |server: &mut Server, kind: &str, user: &Address| {
            server.ask(&json!({"type": kind, "user": user.to_string()})).ok()
        };
        let user = self.user().map(|user| user.to_string());
        match self {
            Self::Mids => Some(json!({"mids": server.ask(&json!({"type": "allMids"})).ok()?})),
            Self::Book(coin) => book(server, coin),
            Self::Best(coin) => {
                let book = book(server, coin)?;
                let best = |side: usize| book.get("levels")?.get(side)?.get(0);
                Some(json!({"coin": coin, "time": book.get("time"), "bbo": [best(0), best(1)]}))
            }
            Self::Context(coin) => {
                let at = server.markets.iter().position(|market| market.symbol.as_str() == coin)?;
                let contexts = contexts(server)?;
                Some(json!({"coin": coin, "ctx": contexts.get(at)?}))
            }
            Self::Contexts => Some(json!({"ctxs": [["", contexts(server)?]]})),
            Self::Capacity(user, coin) => {
                let asked = json!({"type": "activeAssetData", "user": user.to_string(), "coin": coin});
                let found = server.ask(&asked).ok()?;
                (!found.is_null()).then_some(found)
            }
            Self::Account(of) => {
                let state = about(server, "clearinghouseState", of)?;
                Some(json!({"dex": "", "user": user, "clearinghouseState": state}))
            }
            Self::Accounts(of) => {
                let state = about(server, "clearinghouseState", of)?;
                Some(json!({"user": user, "clearinghouseStates": [["", state]]}))
            }
            Self::OpenOrders(of) => {
                let orders = about(server, "frontendOpenOrders", of)?;
                Some(json!({"dex": "", "user": user, "orders": orders}))
            }
            Self::Wallet(of) => {
                let state = about(server, "spotClearinghouseState", of)?;
                Some(json!({"user": user, "spotState": state}))
            }
        }
    }
}

fn contexts(server: &mut Server) -> Option<Value> {
    let both = server.ask(&json!({"type": "metaAndAssetCtxs"})).ok()?;
    both.get(1).cloned()
}
