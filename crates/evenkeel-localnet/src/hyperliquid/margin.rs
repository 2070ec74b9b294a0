//! Leverage, margin mode and isolated margin.

use evenkeel_types::{Decimal, Exact, Leverage, MarginMode, MarginModes, Position, Usd};

use super::action::{TopUp, UpdateIsolatedMargin, UpdateLeverage};
use super::markets::Listed;
use super::orders::Desk;

const NOT_CROSS: &str = "Cross margin is not allowed for this asset.";
const SWITCH: &str = "Cannot switch leverage type with open position.";
const LOWER_ISOLATED: &str = "Isolated position does not have sufficient margin available to decrease leverage. \
                              To decrease leverage, add margin to the position.";
const LOWER_CROSS: &str = "Cross position does not have sufficient margin available to decrease leverage. \
                           To decrease leverage, deposit more collateral.";
const INVALID: &str = "Invalid leverage value";
const NO_MARGIN: &str = "Account does not have sufficient margin available for increase.";

impl Desk<'_> {
    fn market(&self, asset: u32) -> Result<&Listed, String> {
        let market = usize::try_from(asset).ok().and_then(|index| self.markets.get(index));
        // What the venue says about numbers that do not exist is not known.
        market.ok_or_else(|| format!("Invalid asset {asset}"))
    }

    pub(crate) fn update_leverage(&mut self, action: &UpdateLeverage) -> Result<(), String> {
        let market = self.market(action.asset)?.clone();
        let symbol = &market.symbol;
        let leverage = Leverage::new(action.leverage).ok();
        let leverage = leverage.filter(|_| action.leverage <= market.max_leverage).ok_or(INVALID)?;
        let mode = if action.is_cross { MarginMode::Cross } else { MarginMode::Isolated };
        if !market.modes.allows(mode) {
            return Err(NOT_CROSS.to_owned());
        }
        let (_, present) = self.account.setting(symbol).ok_or(INVALID)?;
        let held = self.account.position(symbol).is_some();
        if mode != present {
            if held {
                return Err(SWITCH.to_owned());
            }
            let switched = self.account.world.set_margin_mode(symbol, mode);
            switched.map_err(|error| said(error.message(), mode))?;
        }
        let set = self.account.world.set_leverage(symbol, leverage);
        set.map_err(|error| {
            if mode != present {
                // Nothing is held, so the way back is open.
                let _back = self.account.world.set_margin_mode(symbol, present);
            }
            said(error.message(), mode)
        })
    }

    fn isolated(&self, market: &Listed) -> Result<(Position, Usd), String> {
        let position = self.account.position(&market.symbol);
        let position = position.ok_or("Cannot update margin for empty position.")?;
        let equity = position.isolated.map(|bucket| bucket.equity);
        let equity = equity.ok_or("Position does not use isolated margin.")?;
        Ok((position, equity))
    }

    pub(crate) fn update_isolated_margin(&mut self, action: &UpdateIsolatedMargin) -> Result<(), String> {
        let market = self.market(action.asset)?.clone();
        if action.ntli == 0 {
            return Err("Update to isolated margin cannot be zero.".to_owned());
        }
        self.isolated(&market)?;
        if action.ntli < 0 && market.modes == MarginModes::StrictIsolated {
            let text = "Cannot remove isolated margin for this asset. To remove margin, reduce the position.";
            return Err(text.to_owned());
        }
        let amount = Usd::new(Decimal::new(action.ntli, 6)).map_err(|error| error.to_string())?;
        self.move_margin(&market, amount)
    }

    fn move_margin(&mut self, market: &Listed, amount: Usd) -> Result<(), String> {
        let refused = if amount.is_negative() {
            "Position does not have sufficient margin for reduction."
        } else {
            NO_MARGIN
        };
        self.account.world.adjust_margin(&market.symbol, amount).map_err(|_| refused.to_owned())
    }

    /// Adds what is missing for the position to be at this leverage.
    pub(crate) fn top_up(&mut self, action: &TopUp) -> Result<(), String> {
        let market = self.market(action.asset)?.clone();
        if market.modes != MarginModes::StrictIsolated {
            return Err("Asset not strict isolated".to_owned());
        }
        let (position, equity) = self.isolated(&market)?;
        let leverage: Leverage = action.leverage.parse().map_err(|_| INVALID.to_owned())?;
        let missing = self.account.quote(&market.symbol).and_then(|quote| {
            let target = leverage.margin(position.notional(quote.mark).ok()?).ok()?;
            let missing = target.get().minus(equity.get()).ok()?;
            let round = evenkeel_types::Round::Up;
            Usd::new(evenkeel_types::round::to_places(missing, 6, round)).ok()
        });
        match missing {
            Some(missing) if missing.is_positive() => self.move_margin(&market, missing),
            _ => Err(INVALID.to_owned()),
        }
    }
}

/// What the paper exchange says about leverage, in the venue's words. That resting orders block a change is an
/// assumption of the paper exchange; for it there is no text of the venue, so it gets the one of a held position.
fn said(message: &str, mode: MarginMode) -> String {
    let text = match (message, mode) {
        ("open orders block a change of leverage" | "open orders block a change of margin mode", _) => SWITCH,
        (message, MarginMode::Cross) if message.contains("free margin") => LOWER_CROSS,
        (message, MarginMode::Isolated) if message.contains("margin") => LOWER_ISOLATED,
        _ => INVALID,
    };
    text.to_owned()
}
