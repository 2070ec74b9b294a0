//! Placing orders, and closing positions at the market.

use evenkeel_types::{PositionSide, Price, Side};
use serde_json::Value;

use super::desk::Shown;
use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::numbers::cut;
use super::order_rows::{leg, position_id, side, word, zero_or};
use super::params::Params;
use super::parse::{self, Parsed};
use super::refusals::Refusal;
use super::server::{Asked, Server};
use crate::floor::{Kind, Listed, Wish, text};

/// Orders of one request.
const MAX_BATCH: usize = 5;

impl Server {
    pub(crate) fn place(&mut self, asked: &Asked) -> Outcome {
        let id = self.place_one(asked.account, &asked.params)?;
        let row = self.acknowledged(asked, id)?;
        // The demo host was recorded with the older form.
        Ok(Reply::Data(if self.demo {
            object! {"order": row}
        } else {
            row
        }))
    }

    /// Everything but the order itself.
    pub(crate) fn place_test(&mut self, asked: &Asked) -> Outcome {
        let mut trial = self.clone();
        let id = trial.place_one(asked.account, &asked.params)?;
        let row = trial.acknowledged(asked, id)?;
        Ok(Reply::Data(object! {"order": row.with("orderId", 0_u64)}))
    }

    pub(crate) fn place_batch(&mut self, asked: &Asked) -> Outcome {
        let orders = asked.params.list("batchOrders")?.ok_or_else(|| Refusal::required("batchOrders"))?;
        if orders.is_empty() || orders.len() > MAX_BATCH {
            return Err(Refusal::malformed("batchOrders", "1 to 5 orders are allowed"));
        }
        let mut forms = Vec::with_capacity(orders.len());
        for order in &orders {
            let Value::Object(fields) = order else {
                return Err(Refusal::malformed("batchOrders", "an array of objects is expected"));
            };
            forms.push(Params::of_object(fields));
        }
        let mut rows = Vec::with_capacity(forms.len());
        for form in &forms {
            rows.push(match self.place_one(asked.account, form) {
                Ok(id) => self.acknowledged(asked, id)?,
                Err(refusal) => refused_row(form, &refusal),
            });
        }
        Ok(Reply::Data(object! {"orders": rows}))
    }

    /// Answers its number.
    pub(crate) fn place_one(&mut self, index: usize, params: &Params) -> Result<u64, Refusal> {
        let symbol = params.need("symbol")?;
        let market = self.floor.markets.iter().find(|market| market.symbol.as_str() == symbol);
        let market = market.ok_or_else(|| Refusal::unknown_symbol(symbol))?.clone();
        let account = self.floor.accounts.get(index).ok_or_else(Refusal::no_key)?;
        let Parsed { wish, stops } = parse::order(params, &market, account)?;
        self.take(index, &market, wish, stops)
    }

    /// Takes an order in, unless it is to be refused: what can be told of it by then is told at once.
    pub(crate) fn take(
        &mut self,
        index: usize,
        market: &Listed,
        wish: Wish,
        stops: Vec<Wish>,
    ) -> Result<u64, Refusal> {
        let account = self.floor.accounts.get_mut(index).ok_or_else(Refusal::no_key)?;
        let (hedge, way) = (account.is_hedged(), wish.side);
        let cap = account.setting(&market.symbol).and_then(|setting| {
            market.instrument.tiers.max_notional(if way == Side::Buy { setting.long } else { setting.short })
        });
        let cap = cap.map_or_else(String::new, |cap| text(cap.get()));
        let refused = |why: &crate::floor::Why| Refusal::order(why, market, hedge, way, &cap);
        if account.is_locked(&wish, true) {
            return Err(refused(&crate::floor::Why::Locked));
        }
        if let Some(why) = account.foresee(market, &wish) {
            return Err(refused(&why));
        }
        let id = account.place(market, wish, &mut self.floor.ids).map_err(|why| refused(&why))?;
        if let Some(desk) = self.desks.get_mut(index) {
            desk.watch(id, stops);
        }
        Ok(id)
    }

    /// What is said of an order that was taken in.
    pub(crate) fn acknowledged(&self, asked: &Asked, id: u64) -> Result<Json, Refusal> {
        let account = self.account(asked)?;
        let ticket = account.tickets.get(&id).ok_or_else(Refusal::internal)?;
        let wish = &ticket.wish;
        let market = self.floor.market(wish.symbol.as_str()).ok_or_else(Refusal::internal)?;
        let client = wish.client_id.as_deref().unwrap_or_default();
        let price = match &wish.kind {
            Kind::Limit(price) => Json::number(price.get()),
            Kind::Trigger(trigger) => {
                trigger.limit.map_or(Json::from(0_u32), |limit| Json::number(limit.get()))
            }
            _ => zero_or(word(wish, "distance")),
        };
        let stop = match &wish.kind {
            Kind::Trigger(trigger) => Json::number(trigger.at.get()),
            _ => Json::from(0_u32),
        };
        let older = vec![
            ("symbol", Json::from(wish.symbol.as_str())),
            ("positionSide", Json::from(leg(wish.leg))),
            ("side", Json::from(side(wish.side))),
            ("type", Json::from(word(wish, "type"))),
            ("price", price),
            ("quantity", zero_or(word(wish, "quantity"))),
        ];
        let newer = vec![
            ("stopPrice", stop),
            ("workingType", Json::from(word(wish, "workingType"))),
            ("clientOrderID", Json::from(client)),
        ];
        let last = vec![
            ("timeInForce", Json::from(word(wish, "timeInForce"))),
            ("priceRate", zero_or(word(wish, "priceRate"))),
            ("stopLoss", Json::from(word(wish, "stopLoss"))),
            ("takeProfit", Json::from(word(wish, "takeProfit"))),
            (
                "reduceOnly",
                Json::from(wish.words.get("reduceOnly").and_then(Value::as_bool).unwrap_or(false)),
            ),
            ("activationPrice", zero_or(word(wish, "activationPrice"))),
            ("closePosition", Json::from(word(wish, "closePosition"))),
            ("stopGuaranteed", Json::from(word(wish, "stopGuaranteed"))),
        ];
        let number = object! {"orderId": id};
        if self.demo {
            return Ok(number.and(older).and(newer).and(last));
        }
        let (ticks, lots) = (Listed::decimals(market.tick.get()), Listed::decimals(market.lot));
        let shown = Shown { ticket, id, face: super::desk::Face::Whole };
        let done = shown.done(&account.world);
        Ok(number
            .and(vec![("orderID", Json::from(id.to_string()))])
            .and(older)
            .and(vec![("quoteOrderQty", Json::from(0_u32))])
            .and(newer)
            .and(vec![("clientOrderId", Json::from(client))])
            .and(last)
            .and(vec![
                ("status", Json::from(shown.status(&account.world))),
                ("avgPrice", Json::from(cut(done.average.map_or_else(Default::default, Price::get), ticks))),
                ("executedQty", Json::from(cut(done.qty.get(), lots))),
            ]))
    }

    pub(crate) fn close_all(&mut self, asked: &Asked) -> Outcome {
        let market = self.market_or_all(&asked.params)?.map(|market| market.symbol.clone());
        let held = self.figures(asked)?.held;
        let mut success = Vec::new();
        for position in held.iter().filter(|held| market.as_ref().is_none_or(|symbol| held.symbol == *symbol))
        {
            let way = if position.qty.is_negative() { "BUY" } else { "SELL" };
            let id = self.close_leg(
                asked,
                position.symbol.as_str(),
                way,
                position.leg,
                &text(position.qty.abs().get()),
            )?;
            success.push(Json::from(id));
        }
        Ok(Reply::Data(object! {"success": success, "failed": Json::Null}))
    }

    pub(crate) fn close_position(&mut self, asked: &Asked) -> Outcome {
        let wanted = asked.params.integer("positionId")?.ok_or_else(|| Refusal::required("positionId"))?;
        let held = self.figures(asked)?.held;
        let account = self.account(asked)?;
        let found = held.iter().find(|held| position_id(account, &held.symbol, held.leg) == wanted);
        let position = found.ok_or_else(Refusal::no_position)?;
        let short = position.qty.is_negative();
        let (way, word) = if short { ("BUY", "Bid") } else { ("SELL", "Ask") };
        let size = text(position.qty.abs().get());
        let id = self.close_leg(asked, position.symbol.as_str(), way, position.leg, &size)?;
        Ok(Reply::Timed(object! {
            "orderId": id,
            "positionId": wanted.to_string(),
            "symbol": position.symbol.as_str(),
            "side": word,
            "type": "Market",
            "positionSide": leg(position.leg),
            "origQty": size,
        }))
    }

    fn close_leg(
        &mut self,
        asked: &Asked,
        symbol: &str,
        way: &str,
        side: PositionSide,
        size: &str,
    ) -> Result<u64, Refusal> {
        let mut fields = serde_json::Map::new();
        let reduce = if side == PositionSide::Net { "true" } else { "" };
        for (name, value) in [
            ("symbol", symbol),
            ("side", way),
            ("positionSide", leg(side)),
            ("type", "MARKET"),
            ("quantity", size),
            ("reduceOnly", reduce),
        ] {
            fields.insert(name.to_owned(), Value::from(value));
        }
        self.place_one(asked.account, &Params::of_object(&fields))
    }
}

/// No such row is documented; these names are those of a cancelled batch.
fn refused_row(form: &Params, refusal: &Refusal) -> Json {
    let given = |name: &str| Json::from(form.text(name).unwrap_or_default());
    object! {
        "orderId": 0_u64,
        "symbol": given("symbol"),
        "side": given("side"),
        "positionSide": given("positionSide"),
        "type": given("type"),
        "clientOrderID": form.either("clientOrderID", "clientOrderId").unwrap_or_default().to_ascii_lowercase(),
        "errorCode": refusal.code,
        "errorMessage": refusal.text.as_str(),
    }
}
