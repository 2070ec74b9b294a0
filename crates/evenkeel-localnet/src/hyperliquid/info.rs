//! `/info`: questions, which anybody may ask about anybody.

use bytes::Bytes;
use evenkeel_types::{Decimal, Qty, Rate, Symbol, Timestamp, Usd};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::crypto::{Address, hex, keccak};
use super::envelope::unreadable;
use super::markets::meta;
use super::numbers::{text, usd};
use super::server::Server;
use super::views::clearinghouse;
use crate::answer;

mod market;
mod rows;
mod wallet;

use rows::full;
pub(crate) use rows::short;

/// Rows of one answer about funding.
const MAX_FUNDING: usize = 500;
/// Executions, and past orders, of one answer.
const MAX_ROWS: usize = 2000;

/// Questions about markets and the venue.
pub(crate) const QUESTIONS: [&str; 14] = [
    "meta",
    "allPerpMetas",
    "metaAndAssetCtxs",
    "allMids",
    "l2Book",
    "perpDexs",
    "exchangeStatus",
    "spotMeta",
    "spotMetaAndAssetCtxs",
    "candleSnapshot",
    "predictedFundings",
    "perpsAtOpenInterestCap",
    "fundingHistory",
    "userRole",
];
/// Questions about somebody. Who asks about an address that has no account, an agent's for example, is shown an empty one.
pub(crate) const QUESTIONS_ABOUT_USERS: [&str; 16] = [
    "clearinghouseState",
    "spotClearinghouseState",
    "userAbstraction",
    "openOrders",
    "frontendOpenOrders",
    "orderStatus",
    "historicalOrders",
    "userFills",
    "userFillsByTime",
    "userFunding",
    "userNonFundingLedgerUpdates",
    "activeAssetData",
    "userFees",
    "userRateLimit",
    "extraAgents",
    "subAccounts",
];

/// A question's parameters.
struct Asked<'a>(&'a Value);

impl Asked<'_> {
    fn text(&self, key: &str) -> Result<&str, String> {
        self.0.get(key).and_then(Value::as_str).ok_or_else(|| format!("missing field `{key}`"))
    }

    fn user(&self) -> Result<Address, String> {
        Address::parse(self.text("user")?).ok_or_else(|| "invalid user".to_owned())
    }

    fn since(&self) -> Result<Timestamp, String> {
        let since = self.0.get("startTime").and_then(Value::as_u64);
        since.map(Timestamp).ok_or_else(|| "missing field `startTime`".to_owned())
    }

    /// Inclusive.
    fn until(&self) -> Timestamp {
        Timestamp(self.0.get("endTime").and_then(Value::as_u64).unwrap_or(u64::MAX))
    }
}

/// Money that came or went.
pub(crate) fn ledger_row(user: Address, (time, delta): &(Timestamp, Value)) -> Value {
    let name = format!("{time}{delta}{user}");
    json!({"time": time.0, "hash": hex(&keccak(&[name.as_bytes()])), "delta": delta})
}

/// A payment of funding, without its time.
pub(crate) fn funding_row(symbol: &Symbol, amount: Usd, qty: Option<Qty>, rate: Option<Rate>) -> Value {
    json!({
        "coin": symbol.as_str(),
        "usdc": usd(amount.get()),
        "szi": text(qty.map_or(Decimal::ZERO, Qty::get)),
        "fundingRate": text(rate.map_or(Decimal::ZERO, Rate::get)),
        "nSamples": null,
    })
}

impl Server {
    pub(crate) fn info(&mut self, body: &[u8]) -> Response<Bytes> {
        let question: Value = match serde_json::from_slice(body) {
            Ok(question) => question,
            Err(error) => return unreadable(&error.to_string()),
        };
        match self.ask(&question) {
            Ok(value) => answer::json(StatusCode::OK, &value),
            Err(why) => unreadable(&why),
        }
    }

    /// The answer to a question, or what is wrong with it.
    pub(crate) fn ask(&mut self, question: &Value) -> Result<Value, String> {
        self.answer(&Asked(question))
    }

    fn answer(&mut self, asked: &Asked<'_>) -> Result<Value, String> {
        let kind = asked.text("type")?;
        if !QUESTIONS.contains(&kind) && !QUESTIONS_ABOUT_USERS.contains(&kind) {
            return Err(format!("unknown variant `{kind}`"));
        }
        // There are no builder dexes here.
        if asked.0.get("dex").and_then(Value::as_str).is_some_and(|dex| !dex.is_empty()) {
            return Err("unknown dex".to_owned());
        }
        match kind {
            "meta" => Ok(meta(&self.markets)),
            "allPerpMetas" => Ok(json!([meta(&self.markets)])),
            "metaAndAssetCtxs" => Ok(json!([meta(&self.markets), self.contexts()])),
            "allMids" => Ok(self.mids()),
            "l2Book" => self.book(asked.text("coin")?),
            "perpDexs" => Ok(json!([null])),
            "exchangeStatus" => Ok(json!({"time": self.now.0, "specialStatuses": null})),
            "spotMeta" => Ok(market::spot_meta()),
            "spotMetaAndAssetCtxs" => Ok(json!([market::spot_meta(), market::spot_contexts()])),
            "candleSnapshot" | "predictedFundings" | "perpsAtOpenInterestCap" => Ok(json!([])),
            "fundingHistory" => self.funding_history(asked),
            "userRole" => Ok(self.role(asked.user()?)),
            _ if QUESTIONS_ABOUT_USERS.contains(&kind) => self.about(kind, asked),
            _ => Err(format!("unknown variant `{kind}`")),
        }
    }

    fn about(&mut self, kind: &str, asked: &Asked<'_>) -> Result<Value, String> {
        let user = asked.user()?;
        let Some(account) = self.find(user) else { return wallet::empty(kind, self.now) };
        let markets = &self.markets;
        let internal = || "internal".to_owned();
        match kind {
            "clearinghouseState" => clearinghouse(account, markets).ok_or_else(internal),
            "spotClearinghouseState" => Ok(wallet::spot(account.spot.get())),
            "userAbstraction" => Ok(json!(account.abstraction)),
            "openOrders" => Ok(account.open_orders(short)),
            "frontendOpenOrders" => Ok(account.open_orders(full)),
            "orderStatus" => account.order_status(asked.0.get("oid")),
            "historicalOrders" => Ok(account.history()),
            "userFills" => Ok(json!(
                account.fills.iter().rev().take(MAX_ROWS).map(|fill| fill.show(user)).collect::<Vec<_>>()
            )),
            "userFillsByTime" => {
                let (since, until) = (asked.since()?, asked.until());
                let rows = account.fills.iter().filter(|fill| fill.time >= since && fill.time <= until);
                Ok(json!(rows.take(MAX_ROWS).map(|fill| fill.show(user)).collect::<Vec<_>>()))
            }
            "userFunding" => self.user_funding(user, asked),
            "userNonFundingLedgerUpdates" => {
                let (since, until) = (asked.since()?, asked.until());
                let rows = account.ledger.iter().filter(|(time, _)| *time >= since && *time <= until);
                Ok(json!(rows.take(MAX_ROWS).map(|row| ledger_row(user, row)).collect::<Vec<_>>()))
            }
            "activeAssetData" => account.asset_data(asked.text("coin")?, markets),
            "userFees" => Ok(wallet::fees()),
            "userRateLimit" => Ok(account.rate_limit()),
            "extraAgents" => Ok(account.named_agents(self.now)),
            "subAccounts" => Ok(self.sub_accounts(user)),
            _ => Err(format!("unknown variant `{kind}`")),
        }
    }

    fn user_funding(&mut self, user: Address, asked: &Asked<'_>) -> Result<Value, String> {
        let (since, until) = (asked.since()?, asked.until());
        let account = self.accounts.iter_mut().find(|account| account.address == user);
        // Without rules of its own the paper exchange answers every reading.
        let payments =
            account.and_then(|account| account.world.funding_payments(since).ok()).unwrap_or_default();
        let rows = payments.into_iter().filter(|payment| payment.time <= until).take(MAX_FUNDING);
        let show = rows.map(|payment| {
            let name = format!("{}{}{user}", payment.time, payment.symbol);
            let mut delta = funding_row(&payment.symbol, payment.amount, payment.qty, payment.rate);
            if let Some(delta) = delta.as_object_mut() {
                delta.insert("type".to_owned(), json!("funding"));
            }
            json!({"time": payment.time.0, "hash": hex(&keccak(&[name.as_bytes()])), "delta": delta})
        });
        Ok(json!(show.collect::<Vec<_>>()))
    }
}
