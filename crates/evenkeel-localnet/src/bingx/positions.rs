//! Positions as the venue lists them: sizes have no sign, the side says it.

use evenkeel_types::{Decimal, Exact, PositionSide, Price, Usd};

use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::numbers::{cut, money, ratio};
use super::order_rows::position_number;
use super::server::{Asked, Server};
use crate::floor::{Account, Figures, Held, Listed};

impl Server {
    pub(crate) fn positions(&mut self, asked: &Asked) -> Outcome {
        let only = self.market_or_all(&asked.params)?.map(|market| market.symbol.clone());
        let (account, figures) = (self.account(asked)?, self.figures(asked)?);
        let mut rows = Vec::new();
        for held in
            figures.held.iter().filter(|held| only.as_ref().is_none_or(|symbol| held.symbol == *symbol))
        {
            if let Some(market) = self.floor.market(held.symbol.as_str()) {
                rows.push(self.position(account, market, &figures, held));
            }
        }
        Ok(Reply::Data(Json::List(rows)))
    }

    fn position(&self, account: &Account, market: &Listed, figures: &Figures, held: &Held) -> Json {
        let (ticks, lots) = (Listed::decimals(market.tick.get()), Listed::decimals(market.lot));
        let size = held.qty.abs();
        let initial = at_entry(held);
        let with_profit = initial.plus(held.unrealised).unwrap_or(initial);
        let margin = held.isolated.map_or(with_profit, |(equity, _)| equity);
        let removable = match held.isolated {
            Some((equity, _)) => equity.minus(held.initial).unwrap_or(Usd::ZERO).max(Usd::ZERO),
            None => Usd::ZERO,
        };
        let cut_price = |price: Option<Price>| cut(price.map_or(Decimal::ZERO, Price::get), ticks);
        object! {
            "positionId": position_number(held.since, &held.symbol, held.leg).to_string(),
            "symbol": held.symbol.as_str(),
            // Also where money is called otherwise.
            "currency": market.quote_coin.as_str(),
            "positionAmt": cut(size.get(), lots),
            "availableAmt": cut(self.available(account, held), lots),
            "positionSide": if held.qty.is_negative() { "SHORT" } else { "LONG" },
            "isolated": held.isolated.is_some(),
            "avgPrice": cut_price(Some(held.entry)),
            "initialMargin": money(initial.get()),
            "margin": money(margin.get()),
            "leverage": Json::number(held.leverage.get()),
            "unrealizedProfit": money(held.unrealised.get()),
            "realisedProfit": money(self.realised(account, held).get()),
            "liquidationPrice": held.liquidation.map_or(Json::from(0_u32), |price| Json::number(price.get())),
            "pnlRatio": money(ratio(held.unrealised.get(), initial.get())),
            "maxMarginReduction": money(removable.get()),
            "minIncreaseMargin": money(Usd::ZERO.get()),
            "riskRate": money(risk(market, figures, held)),
            "markPrice": cut_price(Some(held.mark)),
            "positionValue": money(held.notional.get()),
            "onlyOnePosition": held.leg == PositionSide::Net,
            "createTime": held.since.0,
            "updateTime": self.floor.now.0,
        }
    }

    /// What is not waiting to be closed by resting orders.
    fn available(&self, account: &Account, held: &Held) -> Decimal {
        let locked = account.locked(&held.symbol, held.leg, true).get();
        held.qty.abs().get().minus(locked).unwrap_or(Decimal::ZERO).max(Decimal::ZERO)
    }

    /// Closed profit, fees and funding since it was opened.
    pub(crate) fn realised(&self, account: &Account, held: &Held) -> Usd {
        let earned = account.earned.get(&(held.symbol.clone(), held.leg)).copied().unwrap_or_default();
        let paid = held.realised.minus(earned.fees);
        paid.and_then(|sum| sum.plus(earned.funding)).unwrap_or(held.realised)
    }
}

/// Entry times size over leverage.
fn at_entry(held: &Held) -> Usd {
    let value = held.entry.value(held.qty.abs());
    value.and_then(|value| held.leverage.margin(value)).unwrap_or(held.initial)
}

/// Maintenance and the fees of closing, over what there is: of the position where it is isolated, of the account where not.
fn risk(market: &Listed, figures: &Figures, held: &Held) -> Decimal {
    let need = |held: &Held| {
        let fee = market.instrument.liquidation_fee.of(held.notional).unwrap_or(Usd::ZERO);
        held.maintenance.plus(fee).unwrap_or(held.maintenance)
    };
    if let Some((equity, _)) = held.isolated {
        return ratio(need(held).get(), equity.get());
    }
    let cross = figures.held.iter().filter(|held| held.isolated.is_none()).map(need);
    let equity = figures.cross_wallet.plus(figures.cross_unrealised).unwrap_or(Usd::ZERO);
    ratio(Usd::sum(cross).unwrap_or(Usd::ZERO).get(), equity.get())
}
