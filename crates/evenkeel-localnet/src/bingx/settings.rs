//! Leverage, margin mode, position mode, asset mode.

use evenkeel_types::{Decimal, Exact, Leverage, MarginMode, PositionMode, Side, Usd};

use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::numbers::{cut, ratio};
use super::refusals::Refusal;
use super::server::{Asked, Server};
use crate::floor::{Listed, Why};

impl Server {
    pub(crate) fn leverage(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let setting = self.account(asked)?.setting(&market.symbol).ok_or_else(Refusal::internal)?;
        let most = Json::number(market.instrument.max_leverage().get());
        let first = object! {
            "symbol": market.symbol.as_str(),
            "longLeverage": Json::number(setting.long.get()),
            "shortLeverage": Json::number(setting.short.get()),
            "maxLongLeverage": most.clone(),
            "maxShortLeverage": most,
        };
        Ok(Reply::Data(first.and(self.room(asked, market)?)))
    }

    /// What can still be opened at the settings: by the free margin, and by what the leverage allows.
    fn room(&self, asked: &Asked, market: &Listed) -> Result<Vec<(&'static str, Json)>, Refusal> {
        let account = self.account(asked)?;
        let figures = self.figures(asked)?;
        let setting = account.setting(&market.symbol).ok_or_else(Refusal::internal)?;
        let mark = account.quote(&market.symbol).ok_or_else(Refusal::internal)?.mark;
        let free = figures.free.max(Usd::ZERO).get();
        let most = |leverage: Leverage| {
            let most = market.instrument.tiers.max_notional(leverage);
            most.map_or(Decimal::from(1_000_000_000), Usd::get)
        };
        let value =
            |leverage: Leverage| free.times(leverage.get()).unwrap_or(Decimal::ZERO).min(most(leverage));
        let lots = Listed::decimals(market.lot);
        let coins = |leverage: Leverage| Json::Number(cut(ratio(value(leverage), mark.get()), lots));
        let dollars = |value: Decimal| Json::Number(cut(value, 1));
        Ok(vec![
            ("availableLongVol", coins(setting.long)),
            ("availableShortVol", coins(setting.short)),
            ("availableLongVal", dollars(value(setting.long))),
            ("availableShortVal", dollars(value(setting.short))),
            ("maxPositionLongVal", dollars(most(setting.long))),
            ("maxPositionShortVal", dollars(most(setting.short))),
        ])
    }

    pub(crate) fn set_leverage(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?.clone();
        let hedge = self.account(asked)?.is_hedged();
        let side = match (asked.params.need("side")?, hedge) {
            ("BOTH", false) => None,
            ("LONG", true) => Some(Side::Buy),
            ("SHORT", true) => Some(Side::Sell),
            ("BOTH" | "LONG" | "SHORT", _) => return Err(Refusal::leverage_side(hedge)),
            _ => return Err(Refusal::malformed("side", "This field must be BOTH, LONG or SHORT.")),
        };
        let wanted = asked.params.integer("leverage")?.ok_or_else(|| Refusal::required("leverage"))?;
        let leverage =
            Leverage::new(wanted).map_err(|_| Refusal::malformed("leverage", "must be at least 1"))?;
        let most = market.instrument.max_leverage();
        // The demo host was seen to answer as if it had taken 500 where 125 is the maximum.
        let pretends = self.demo && leverage > most;
        if !pretends {
            let done = if leverage > most {
                Err(Why::LeverageRange)
            } else {
                self.account_mut(asked)?.set_leverage(&market.symbol, side, leverage)
            };
            done.map_err(|why| Refusal::leverage(&why, &market))?;
        }
        let first = object! {"leverage": Json::number(leverage.get()), "symbol": market.symbol.as_str()};
        Ok(Reply::Data(first.and(self.room(asked, &market)?)))
    }

    pub(crate) fn margin_type(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let setting = self.account(asked)?.setting(&market.symbol).ok_or_else(Refusal::internal)?;
        let word = if setting.mode == MarginMode::Isolated { "ISOLATED" } else { "CROSSED" };
        Ok(Reply::Data(object! {"marginType": word, "symbol": market.symbol.as_str()}))
    }

    /// The mode that it has already is no mistake.
    pub(crate) fn set_margin_type(&mut self, asked: &Asked) -> Outcome {
        let symbol = self.market(&asked.params)?.symbol.clone();
        let word = asked.params.need("marginType")?.to_owned();
        let mode = match word.as_str() {
            "ISOLATED" => MarginMode::Isolated,
            "CROSSED" => MarginMode::Cross,
            "SEPARATE_ISOLATED" if !self.account(asked)?.is_hedged() => {
                return Err(Refusal::new(
                    104_108,
                    "The one-way mode does not support separate isolated margin",
                ));
            }
            "SEPARATE_ISOLATED" => {
                return Err(Refusal::new(
                    109_400,
                    "separate isolated margin is not part of this local network",
                ));
            }
            _ => {
                return Err(Refusal::malformed(
                    "marginType",
                    "This field must be ISOLATED, CROSSED or SEPARATE_ISOLATED.",
                ));
            }
        };
        self.account_mut(asked)?.set_mode(&symbol, mode).map_err(|why| Refusal::mode(&why))?;
        Ok(Reply::Data(object! {"symbol": symbol.as_str(), "marginType": word}))
    }

    pub(crate) fn position_mode(&mut self, asked: &Asked) -> Outcome {
        Ok(Reply::Data(object! {"dualSidePosition": self.dual(asked)?}))
    }

    /// The demo host was seen to send a flag; everything else that is recorded has a text.
    fn dual(&self, asked: &Asked) -> Result<Json, Refusal> {
        let hedge = self.account(asked)?.is_hedged();
        Ok(if self.demo { Json::from(hedge) } else { Json::from(if hedge { "true" } else { "false" }) })
    }

    pub(crate) fn set_position_mode(&mut self, asked: &Asked) -> Outcome {
        let hedge =
            asked.params.flag("dualSidePosition")?.ok_or_else(|| Refusal::required("dualSidePosition"))?;
        let mode = if hedge { PositionMode::Hedge } else { PositionMode::OneWay };
        let account = self.account_mut(asked)?;
        let waiting = account.open().next().is_some();
        let done = if waiting && account.is_hedged() != hedge {
            Err(Why::Orders)
        } else {
            account.set_position_mode(mode)
        };
        done.map_err(|why| Refusal::mode(&why))?;
        Ok(Reply::Data(object! {"dualSidePosition": self.dual(asked)?}))
    }

    pub(crate) fn asset_mode(&mut self, _: &Asked) -> Outcome {
        Ok(Reply::Data(object! {"assetMode": "singleAssetMode"}))
    }

    pub(crate) fn set_asset_mode(&mut self, asked: &Asked) -> Outcome {
        match asked.params.need("assetMode")? {
            "singleAssetMode" => self.asset_mode(asked),
            "multiAssetsMode" => {
                Err(Refusal::new(109_400, "multi-assets mode is not part of this local network"))
            }
            _ => {
                Err(Refusal::malformed("assetMode", "This field must be singleAssetMode or multiAssetsMode."))
            }
        }
    }

    pub(crate) fn multi_assets_rules(&mut self, _: &Asked) -> Outcome {
        Ok(Reply::Data(Json::List(vec![object! {
            "marginAssets": self.coin(),
            "ltv": "99.99%",
            "collateralValueRatio": "99.99%",
            "maxTransfer": "",
            "indexPrice": "1.0000000000",
        }])))
    }
}
