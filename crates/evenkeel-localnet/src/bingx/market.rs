//! Public data: time, contracts, prices, funding.

use evenkeel_types::{Decimal, Exact, Price, Quote, Timestamp};

use super::contracts::label;
use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::numbers::{cut, ratio};
use super::refusals::Refusal;
use super::server::{Asked, Server};
use crate::floor::{Listed, text};

const DAY: u64 = 24 * 3_600_000;
/// Rows of past funding, and the most that can be asked for.
const RATES: u64 = 100;
const MAX_RATES: u64 = 1000;
/// Levels of the book.
const LEVELS: u64 = 20;
const MAX_LEVELS: u64 = 1000;

impl Server {
    pub(crate) fn time(&mut self, _: &Asked) -> Outcome {
        Ok(Reply::Data(object! {"serverTime": self.floor.now.0}))
    }

    /// Lists that are always empty here.
    pub(crate) fn no_rows(&mut self, _: &Asked) -> Outcome {
        Ok(Reply::Timed(Json::List(Vec::new())))
    }

    /// The same, of one market.
    pub(crate) fn no_market_rows(&mut self, asked: &Asked) -> Outcome {
        self.market(&asked.params)?;
        Ok(Reply::Data(Json::List(Vec::new())))
    }

    pub(crate) fn spot_symbols(&mut self, _: &Asked) -> Outcome {
        Ok(Reply::Data(object! {"symbols": Vec::new()}))
    }

    pub(crate) fn contracts(&mut self, asked: &Asked) -> Outcome {
        let only = self.market_or_all(&asked.params)?.map(|market| market.symbol.clone());
        let listed = self.floor.markets.iter();
        let rows = listed.filter(|market| only.as_ref().is_none_or(|symbol| market.symbol == *symbol));
        Ok(Reply::Data(Json::List(rows.map(|market| self.contract(market)).collect())))
    }

    fn contract(&self, market: &Listed) -> Json {
        let fees = self.floor.accounts.first().map(|account| account.world.profile().fees);
        let (maker, taker) = fees.map_or_else(Default::default, |fees| (fees.maker.get(), fees.taker.get()));
        let label = label(market.symbol.as_str());
        object! {
            "contractId": label.id.to_string(),
            "symbol": market.symbol.as_str(),
            "size": label.size,
            "quantityPrecision": Listed::decimals(market.lot),
            "pricePrecision": Listed::decimals(market.tick.get()),
            "feeRate": Json::number(taker),
            "makerFeeRate": Json::number(maker),
            "takerFeeRate": Json::number(taker),
            "tradeMinLimit": 0_u32,
            "tradeMinQuantity": Json::number(market.min_qty.get()),
            "tradeMinUSDT": Json::number(market.min_notional.get()),
            // Also where money is called otherwise.
            "currency": market.quote_coin.as_str(),
            "asset": market.base.as_str(),
            "status": 1_u32,
            "apiStateOpen": "true",
            "apiStateClose": "true",
            "ensureTrigger": label.ensures_trigger,
            "triggerFeeRate": label.trigger_fee,
            "brokerState": false,
            "launchTime": label.launched,
            "maintainTime": 0_u32,
            "offTime": 0_u32,
            "displayName": market.symbol.as_str(),
        }
    }

    pub(crate) fn trading_rules(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        Ok(Reply::Data(object! {
            "minSizeCoin": text(market.min_qty.get()),
            "minSizeUsd": text(market.min_notional.get()),
            "maxNumOrder": "200",
            "protectionThreshold": "0.05",
            "buyMaxPrice": "1.1",
            "buyMinPrice": "0.1",
            "sellMaxPrice": "10",
            "sellMinPrice": "0.9",
            "marketRatio": "0.05",
        }))
    }

    pub(crate) fn tiers(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let tiers = market.instrument.tiers.as_slice();
        let mut rows = Vec::with_capacity(tiers.len());
        for (index, tier) in tiers.iter().enumerate() {
            let number = index.saturating_add(1);
            let next = tiers.get(number).map(|next| next.notional_floor).or(market.instrument.tiers.cap());
            // Without a cap the venue has one all the same.
            let top = next.map_or_else(|| "1000000000".to_owned(), |next| text(next.get()));
            rows.push(object! {
                "tier": format!("Tier {number}"),
                "symbol": market.symbol.as_str(),
                "minPositionVal": text(tier.notional_floor.get()),
                "maxPositionVal": top,
                "maintMarginRatio": cut(tier.maintenance_rate.get(), 6),
                "maintAmount": cut(tier.deduction.get(), 6),
            });
        }
        Ok(Reply::Timed(Json::List(rows)))
    }

    pub(crate) fn quote_of(&self, market: &Listed) -> Quote {
        let at_start = Quote { mark: market.mark, bid: None, ask: None };
        self.floor.quote(&market.symbol).unwrap_or(at_start)
    }

    /// One row for a symbol, a list for all.
    fn one_or_all(&self, asked: &Asked, row: impl Fn(&Self, &Listed) -> Json) -> Outcome {
        Ok(Reply::Data(match self.market_or_all(&asked.params)? {
            Some(market) => row(self, market),
            None => Json::List(self.floor.markets.iter().map(|market| row(self, market)).collect()),
        }))
    }

    pub(crate) fn premium_index(&mut self, asked: &Asked) -> Outcome {
        self.one_or_all(asked, |server, market| {
            let mark = cut(server.quote_of(market).mark.get(), Listed::decimals(market.tick.get()));
            object! {
                "symbol": market.symbol.as_str(),
                "markPrice": mark.as_str(),
                "indexPrice": mark.as_str(),
                "lastFundingRate": cut(market.funding.get(), 8),
                "nextFundingTime": server.floor.next_funding(market).0,
                "fundingIntervalHours": market.interval() / 3_600_000,
                "minFundingRate": "-0.003000",
                "maxFundingRate": "0.003000",
                "updateTime": server.floor.now.0,
            }
        })
    }

    pub(crate) fn funding_rates(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let now = self.floor.now.0;
        let from = Timestamp(asked.params.integer("startTime")?.unwrap_or(0));
        let until = Timestamp(asked.params.integer("endTime")?.unwrap_or(now).min(now));
        let limit = asked.params.integer("limit")?.unwrap_or(RATES).min(MAX_RATES);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // The youngest first.
        let rows = self.floor.fundings_of(market.symbol.as_str(), from, until).rev().take(limit);
        let rows = rows.map(|row| {
            object! {
                "symbol": row.symbol.as_str(),
                "fundingRate": cut(row.rate.get(), 8),
                "fundingTime": row.time.0,
            }
        });
        Ok(Reply::Data(Json::List(rows.collect())))
    }

    pub(crate) fn ticker(&mut self, asked: &Asked) -> Outcome {
        self.one_or_all(asked, Self::ticker_row)
    }

    /// What happened in the day before is made up from where the price began.
    pub(crate) fn ticker_row(&self, market: &Listed) -> Json {
        let (ticks, lots) = (Listed::decimals(market.tick.get()), Listed::decimals(market.lot));
        let quote = self.quote_of(market);
        let (last, open) = (quote.mark.get(), market.mark.get());
        let change = last.minus(open).unwrap_or(Decimal::ZERO);
        let percent = ratio(change.times(Decimal::ONE_HUNDRED).unwrap_or(Decimal::ZERO), open);
        let price = |price: Option<Price>| cut(price.map_or(Decimal::ZERO, Price::get), ticks);
        let size = |qty: Decimal| cut(qty, lots);
        object! {
            "symbol": market.symbol.as_str(),
            "priceChange": cut(change, ticks),
            "priceChangePercent": cut(percent, 2),
            "lastPrice": cut(last, ticks),
            "lastQty": size(market.min_qty.get()),
            "highPrice": cut(last.max(open), ticks),
            "lowPrice": cut(last.min(open), ticks),
            "volume": size(Decimal::from(10_000)),
            "quoteVolume": cut(last.times(Decimal::from(10_000)).unwrap_or(last), 2),
            "openPrice": cut(open, ticks),
            "openTime": self.floor.now.0.saturating_sub(DAY),
            "closeTime": self.floor.now.0,
            "askPrice": price(quote.ask),
            "askQty": size(Decimal::TEN),
            "bidPrice": price(quote.bid),
            "bidQty": size(Decimal::TEN),
        }
    }

    pub(crate) fn book_ticker(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let quote = self.quote_of(market);
        let ticks = Listed::decimals(market.tick.get());
        let price = |price: Option<Price>| Json::Number(cut(price.map_or(Decimal::ZERO, Price::get), ticks));
        let row = object! {
            "symbol": market.symbol.as_str(),
            "bid_price": price(quote.bid),
            "bid_qty": 10_u32,
            "ask_price": price(quote.ask),
            "ask_qty": 10_u32,
        };
        Ok(Reply::Data(object! {"book_ticker": row}))
    }

    pub(crate) fn price(&mut self, asked: &Asked) -> Outcome {
        self.one_or_all(asked, |server, market| {
            object! {
                "symbol": market.symbol.as_str(),
                "price": cut(server.quote_of(market).mark.get(), Listed::decimals(market.tick.get())),
                "time": server.floor.now.0,
            }
        })
    }

    pub(crate) fn depth(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let levels = asked.params.integer("limit")?.unwrap_or(LEVELS).min(MAX_LEVELS);
        let (bids, asks) = self.levels(market, levels);
        Ok(Reply::Data(object! {
            "T": self.floor.now.0,
            "bids": bids.clone(),
            "asks": asks.clone(),
            "bidsCoin": bids,
            "asksCoin": asks,
        }))
    }

    /// Bids and asks: the best prices, and what is made up behind them, a tick apart, ten coins each. Asks come with the
    /// highest first.
    pub(crate) fn levels(&self, market: &Listed, levels: u64) -> (Vec<Json>, Vec<Json>) {
        let quote = self.quote_of(market);
        let (tick, ticks) = (market.tick.get(), Listed::decimals(market.tick.get()));
        let size = cut(Decimal::TEN, Listed::decimals(market.lot));
        let side = |best: Option<Price>, step: Decimal| -> Vec<Json> {
            let level = |level: u64| {
                let away = step.times(Decimal::from(level)).ok()?;
                best?.get().plus(away).ok().filter(|price| price.is_sign_positive() && !price.is_zero())
            };
            let row = |price: Decimal| Json::List(vec![cut(price, ticks).into(), size.as_str().into()]);
            (0..levels).map_while(|number| level(number).map(row)).collect()
        };
        let bids = side(quote.bid, Decimal::ZERO.minus(tick).unwrap_or(tick));
        let mut asks = side(quote.ask, tick);
        asks.reverse();
        (bids, asks)
    }

    pub(crate) fn open_interest(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?;
        let value =
            self.quote_of(market).mark.get().times(Decimal::from(10_000)).map_err(|_| Refusal::internal())?;
        Ok(Reply::Data(object! {
            "openInterest": cut(value, 2),
            "symbol": market.symbol.as_str(),
            "time": self.floor.now.0,
        }))
    }
}
