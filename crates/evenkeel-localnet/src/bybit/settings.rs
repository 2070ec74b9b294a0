//! Leverage, margin mode, position mode, and the margin of isolated positions.

use evenkeel_types::round::for_reading;
use evenkeel_types::{Decimal, Exact, Leverage, MarginMode, PositionMode, Side, Usd};
use serde_json::json;

use super::account::{internal, margin_mode};
use super::auth::Caller;
use super::envelope::{Answer, Refusal, Reply, merged};
use super::params::Params;
use super::parse::{leg, linear};
use super::refusals;
use super::server::Server;
use crate::floor::{Listed, Why};

/// Decimals of an amount of margin.
const MARGIN_PLACES: u32 = 4;

/// As the venue says it, in hundredths.
fn beyond(asked: Decimal, most: Decimal) -> Refusal {
    let hundredths = |value: Decimal| {
        value.times(Decimal::ONE_HUNDRED).map_or_else(|_| String::new(), |value| for_reading(value, 0))
    };
    let text = format!(
        "cannot set leverage [{}] gt maxLeverage [{}] by risk limit",
        hundredths(asked),
        hundredths(most)
    );
    Refusal::new(110_013, text)
}

fn leverage(params: &Params, name: &'static str, market: &Listed) -> Result<Leverage, Refusal> {
    let asked = params.decimal(name)?.ok_or_else(|| Refusal::parameter(name))?;
    let most = market.instrument.max_leverage();
    if asked > most.get() {
        return Err(beyond(asked, most.get()));
    }
    let asked = Leverage::new(asked).map_err(|_| Refusal::parameter(name))?;
    if asked < Leverage::ONE || !asked.fits(market.instrument.leverage_step) {
        return Err(Refusal::parameter(name));
    }
    Ok(asked)
}

impl Server {
    pub(super) fn set_leverage(&mut self, caller: &Caller, params: &Params) -> Answer {
        linear(params)?;
        let market = self.market(params)?;
        let (buy, sell) =
            (leverage(params, "buyLeverage", market)?, leverage(params, "sellLeverage", market)?);
        let symbol = market.symbol.clone();
        let account = self.account(caller.account)?;
        let setting = account.setting(&symbol).ok_or_else(internal)?;
        let apart = account.is_hedged() && margin_mode(account, self) == MarginMode::Isolated;
        if buy != sell && !apart {
            return Err(Refusal::new(10001, "buyLeverage must equal sellLeverage"));
        }
        if (setting.long, setting.short) == (buy, sell) {
            return Err(Refusal::new(110_043, "leverage not modified"));
        }
        let tier = |side: Side| {
            let figures = account.figures(&self.floor.markets)?;
            let of_side = |held: &&crate::floor::Held| held.qty.is_negative() == (side == Side::Sell);
            let held = figures.of(&symbol).find(of_side).map_or(Usd::ZERO, |held| held.notional);
            Some(market.instrument.tiers.at(held).max_leverage)
        };
        let most = tier(Side::Buy).unwrap_or(buy).min(tier(Side::Sell).unwrap_or(sell));
        let account = self.floor.accounts.get_mut(caller.account).ok_or_else(internal)?;
        let kept = account.world.clone();
        let done = if buy == sell {
            account.set_leverage(&symbol, None, buy)
        } else {
            let first = account.set_leverage(&symbol, Some(Side::Buy), buy);
            first.and_then(|()| account.set_leverage(&symbol, Some(Side::Sell), sell))
        };
        done.map_err(|why| {
            // Both sides or none.
            account.world = kept;
            match why {
                Why::LeverageTier => beyond(buy.max(sell).get(), most.get()),
                Why::Margin => Refusal::new(110_044, "Available margin is insufficient"),
                why => refusals::order(&why),
            }
        })?;
        Ok(json!({}).into())
    }

    pub(super) fn set_margin_mode(&mut self, caller: &Caller, params: &Params) -> Answer {
        let refused = |code: &str, text: &str| {
            let result = json!({"reasons": [{"reasonCode": code, "reasonMsg": text}]});
            Refusal { result, ..Refusal::new(3_400_045, "Set margin mode failed") }
        };
        let mode = match params.needed("setMarginMode")? {
            "REGULAR_MARGIN" => MarginMode::Cross,
            "ISOLATED_MARGIN" => MarginMode::Isolated,
            "PORTFOLIO_MARGIN" => {
                return Err(refused("3400000", "Equity needs to be equal to or greater than 1000 USDC"));
            }
            _ => return Err(Refusal::parameter("setMarginMode")),
        };
        let account = self.floor.accounts.get_mut(caller.account).ok_or_else(internal)?;
        account.set_account_mode(mode).map_err(|why| match why {
            Why::Orders => refused("3400052", "You have uncancelled USDT perpetual orders"),
            Why::Margin => refused("3400210", "The risk rate of the account is too high after switching"),
            _ => refused("3400045", "Set margin mode failed"),
        })?;
        Ok(Reply { text: "Request accepted", ..json!({"reasons": []}).into() })
    }

    /// One mode for all symbols, whichever are named.
    pub(super) fn switch_mode(&mut self, caller: &Caller, params: &Params) -> Answer {
        linear(params)?;
        if params.text("symbol")?.is_some() {
            let _known = self.market(params)?;
        } else if params.text("coin")?.is_none() {
            return Err(Refusal::new(10001, "params error: symbol or coin invalid"));
        }
        let mode = match params.integer("mode")? {
            Some(0) => PositionMode::OneWay,
            Some(3) => PositionMode::Hedge,
            _ => return Err(Refusal::parameter("mode")),
        };
        let account = self.floor.accounts.get_mut(caller.account).ok_or_else(internal)?;
        if account.position_mode() == mode {
            return Err(Refusal::new(110_025, "Position mode is not modified"));
        }
        account.set_position_mode(mode).map_err(|why| refusals::order(&why))?;
        Ok(json!({}).into())
    }

    pub(super) fn add_margin(&mut self, caller: &Caller, params: &Params) -> Answer {
        linear(params)?;
        let market = self.market(params)?.clone();
        let leg = leg(params, self.is_hedged(caller.account)?)?;
        let amount = params.decimal("margin")?.ok_or_else(|| Refusal::parameter("margin"))?;
        if amount.normalize().scale() > MARGIN_PLACES {
            return Err(Refusal::parameter("margin"));
        }
        let amount = Usd::new(amount).map_err(|_| Refusal::parameter("margin"))?;
        let account = self.account(caller.account)?;
        if margin_mode(account, self) == MarginMode::Cross {
            return Err(Refusal::new(110_015, "The position is in cross margin mode"));
        }
        if account.position(&market.symbol, leg).is_none_or(|position| position.qty.is_zero()) {
            return Err(Refusal::new(110_033, "Margin cannot be set without an open position"));
        }
        if amount.is_zero() {
            return Err(Refusal::new(110_027, "Margin is not modified"));
        }
        let account = self.floor.accounts.get_mut(caller.account).ok_or_else(internal)?;
        account.move_margin(&market.symbol, leg, amount).map_err(|why| match why {
            Why::Margin if amount.is_negative() => {
                Refusal::new(110_078, "The reduction of the position margin exceeds the maximum")
            }
            Why::Margin => Refusal::new(110_014, "Available balance is insufficient to add margin"),
            why => refusals::order(&why),
        })?;
        let (account, figures) = self.figures(caller.account)?;
        let row = self.position_row(account, &figures, &market, leg);
        Ok(merged(row, json!({"category": "linear"})).into())
    }
}
