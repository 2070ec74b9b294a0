//! Margin of positions, and money between wallets.

use evenkeel_types::{PositionSide, Usd};

use super::account::user;
use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::numbers::cut;
use super::refusals::Refusal;
use super::server::{Asked, Server};

/// Virtual money of one request.
const GIFT: u32 = 10_000;

impl Server {
    /// Adds margin to an isolated position (type 1), or takes some out (type 2).
    pub(crate) fn position_margin(&mut self, asked: &Asked) -> Outcome {
        let params = &asked.params;
        let symbol = self.market(params)?.symbol.clone();
        let given = params.above_zero("amount")?.ok_or_else(|| Refusal::required("amount"))?;
        let amount = Usd::new(given).map_err(|_| Refusal::malformed("amount", "a number is expected"))?;
        let adds = match params.integer("type")?.ok_or_else(|| Refusal::required("type"))? {
            1 => true,
            2 => false,
            _ => return Err(Refusal::malformed("type", "This field must be 1 or 2.")),
        };
        let hedge = self.account(asked)?.is_hedged();
        let leg = match (params.text("positionSide").unwrap_or("LONG"), hedge) {
            // There is one position, whatever it is called.
            ("BOTH" | "LONG" | "SHORT", false) => PositionSide::Net,
            ("LONG", true) => PositionSide::Long,
            ("SHORT", true) => PositionSide::Short,
            ("BOTH", true) => return Err(Refusal::leg(true)),
            _ => return Err(Refusal::malformed("positionSide", "This field must be BOTH, LONG or SHORT.")),
        };
        let moved = if adds { amount } else { amount.negated() };
        let now = self.floor.now;
        self.account_mut(asked)?
            .move_margin(&symbol, leg, moved)
            .map_err(|why| Refusal::margin(&why, adds))?;
        if let Some(desk) = self.desks.get_mut(asked.account) {
            desk.margin_moves.push(super::desk::MarginMove { time: now, symbol, leg, amount: moved });
        }
        let kind = if adds { 1_u32 } else { 2 };
        Ok(Reply::Top(vec![("amount", Json::number(given)), ("type", Json::from(kind))]))
    }

    pub(crate) fn spot_balance(&mut self, asked: &Asked) -> Outcome {
        let spot = cut(self.account(asked)?.spot.get(), 8);
        let row = object! {"asset": self.coin(), "free": spot, "locked": "0"};
        Ok(Reply::Data(object! {"balances": vec![row]}))
    }

    /// Between the perpetual wallet and the money beside it; virtual money has no other wallet.
    pub(crate) fn transfer(&mut self, asked: &Asked) -> Outcome {
        if self.demo {
            return Err(Refusal::no_such_path());
        }
        let params = &asked.params;
        let coin = self.coin();
        if params.need("asset")? != coin {
            return Err(Refusal::malformed("asset", "no such asset"));
        }
        let given = params.above_zero("amount")?.ok_or_else(|| Refusal::required("amount"))?;
        let amount = Usd::new(given).map_err(|_| Refusal::malformed("amount", "a number is expected"))?;
        let beside = |name: &str| matches!(name, "fund" | "spot");
        let into = match (params.need("fromAccount")?, params.need("toAccount")?) {
            (from, "USDTMPerp") if beside(from) => true,
            ("USDTMPerp", to) if beside(to) => false,
            _ => return Err(Refusal::malformed("fromAccount", "illegal transferType")),
        };
        let short = || Refusal::new(100_202, "Insufficient balance");
        let free = self.figures(asked)?.free;
        let account = self.account_mut(asked)?;
        let enough = if into { account.spot >= amount } else { free >= amount };
        if !enough {
            return Err(short());
        }
        let (perpetual, spot) = if into { (amount, amount.negated()) } else { (amount.negated(), amount) };
        let left = account.spot.plus(spot).map_err(|_| Refusal::internal())?;
        account.transfer(perpetual).map_err(|_| short())?;
        account.spot = left;
        let id = format!("{}{}", user(account), account.income.len());
        Ok(Reply::Timed(object! {"transferId": id}))
    }

    /// Virtual money, where it is virtual.
    pub(crate) fn get_vst(&mut self, asked: &Asked) -> Outcome {
        if !self.demo {
            return Err(Refusal::no_such_path());
        }
        let amount = Usd::new(GIFT).map_err(|_| Refusal::internal())?;
        self.account_mut(asked)?.transfer(amount).map_err(|_| Refusal::internal())?;
        Ok(Reply::Data(object! {"amount": GIFT.to_string()}))
    }
}
