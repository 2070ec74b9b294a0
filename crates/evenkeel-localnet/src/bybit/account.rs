//! The account as a whole.

use evenkeel_types::{Decimal, Exact, MarginMode, PositionMode, Rate, Scope, Usd};
use serde_json::{Value, json};

use super::auth::Caller;
use super::envelope::{Answer, Refusal};
use super::numbers::{fine, share, text, usd};
use super::params::{Category, Params};
use super::server::Server;
use crate::floor::{Account, Figures, Held};

/// Where the numbers of users begin.
pub(super) const FIRST_USER: u64 = 24_600_000;

pub(super) fn internal() -> Refusal {
    Refusal::new(10016, "System error. Please try again later.")
}

/// The margin mode, which all symbols share.
pub(super) fn margin_mode(account: &Account, server: &Server) -> MarginMode {
    let first = server.floor.markets.first();
    let setting = first.and_then(|market| account.setting(&market.symbol));
    setting.map_or(MarginMode::Cross, |setting| setting.mode)
}

/// Maintenance margin with the fee of closing, as liquidations here count it.
pub(super) fn maintenance(held: &Held, fee: Rate) -> Usd {
    let fee = fee.of(held.notional).unwrap_or(Usd::ZERO);
    held.maintenance.plus(fee).unwrap_or(held.maintenance)
}

/// Initial margin: of an isolated position what is in its bucket.
pub(super) fn initial(held: &Held) -> Usd {
    held.isolated.map_or(held.initial, |(_, cash)| cash)
}

impl Server {
    pub(super) fn figures(&self, place: usize) -> Result<(&Account, Figures), Refusal> {
        let account = self.account(place)?;
        let figures = account.figures(&self.floor.markets).ok_or_else(internal)?;
        Ok((account, figures))
    }

    /// The rate by which closing a position counts as maintenance.
    pub(super) fn closing_fee(&self, held: &Held) -> Rate {
        let market = self.floor.market(held.symbol.as_str());
        market.map_or(Rate::ZERO, |market| market.instrument.liquidation_fee)
    }

    pub(super) fn account_info(&mut self, caller: &Caller, _: &Params) -> Answer {
        let account = self.account(caller.account)?;
        let mode = match margin_mode(account, self) {
            MarginMode::Cross => "REGULAR_MARGIN",
            MarginMode::Isolated => "ISOLATED_MARGIN",
        };
        Ok(json!({
            "marginMode": mode, "updatedTime": "1697078946000", "unifiedMarginStatus": 5, "dcpStatus": "OFF",
            "timeWindow": 10, "smpGroup": 0, "isMasterTrader": false, "spotHedgingStatus": "OFF",
        })
        .into())
    }

    pub(super) fn wallet_balance(&mut self, caller: &Caller, params: &Params) -> Answer {
        match params.text("accountType")? {
            Some("UNIFIED") => {}
            _ => return Err(Refusal::new(10001, "accountType only support UNIFIED.")),
        }
        let (account, figures) = self.figures(caller.account)?;
        let coin = account.coin.0.as_str().to_owned();
        if let Some(wanted) = params.text("coin")?
            && !wanted.split(',').any(|name| name == coin)
        {
            return Ok(json!({"list": [self.wallet(account, &figures, &[])]}).into());
        }
        let row = self.coin_row(account, &figures, &coin);
        Ok(json!({"list": [self.wallet(account, &figures, &[row])]}).into())
    }

    /// The account with its one coin, as the stream tells it.
    pub(super) fn whole_wallet(&self, place: usize) -> Option<Value> {
        let (account, figures) = self.figures(place).ok()?;
        let coin = self.coin_row(account, &figures, account.coin.0.as_str());
        Some(self.wallet(account, &figures, &[coin]))
    }

    fn margins(&self, figures: &Figures) -> (Usd, Usd) {
        let sum = |amounts: &mut dyn Iterator<Item = Usd>| Usd::sum(amounts).unwrap_or(Usd::ZERO);
        let initials = sum(&mut figures.held.iter().map(initial));
        let maintenances =
            sum(&mut figures.held.iter().map(|held| maintenance(held, self.closing_fee(held))));
        (initials, maintenances)
    }

    fn coin_row(&self, account: &Account, figures: &Figures, coin: &str) -> Value {
        let (initials, maintenances) = self.margins(figures);
        let realised =
            Usd::sum(account.income.iter().filter(|row| row.symbol.is_some()).map(|row| row.amount));
        let equity = usd(figures.equity());
        json!({
            "coin": coin, "equity": equity, "usdValue": equity, "walletBalance": usd(figures.wallet),
            "unrealisedPnl": usd(figures.unrealised), "cumRealisedPnl": usd(realised.unwrap_or(Usd::ZERO)),
            "totalOrderIM": usd(figures.order_initial), "totalPositionIM": usd(initials),
            "totalPositionMM": usd(maintenances), "locked": "0", "bonus": "0", "borrowAmount": "0",
            "accruedInterest": "0", "spotHedgingQty": "0", "spotBorrow": "0", "marginCollateral": true,
            "collateralSwitch": true, "availableToBorrow": "", "availableToWithdraw": "",
        })
    }

    /// The totals, which have no meaning in isolated margin.
    fn wallet(&self, account: &Account, figures: &Figures, coins: &[Value]) -> Value {
        let (initials, maintenances) = self.margins(figures);
        let used = initials.plus(figures.order_initial).unwrap_or(initials);
        let balance = figures.equity();
        let rate = |margin: Usd| {
            let rate = margin.get().over(balance.get()).unwrap_or(Decimal::ZERO);
            share(rate.max(Decimal::ZERO))
        };
        let cross = margin_mode(account, self) == MarginMode::Cross;
        let only_cross = |text: String| if cross { text } else { String::new() };
        let (initial_rate, maintenance_rate) = (only_cross(rate(used)), only_cross(rate(maintenances)));
        let (used, maintenances) = (only_cross(usd(used)), only_cross(usd(maintenances)));
        json!({
            "accountType": "UNIFIED", "totalEquity": usd(balance), "totalWalletBalance": usd(figures.wallet),
            "totalMarginBalance": only_cross(usd(balance)), "totalPerpUPL": usd(figures.unrealised),
            "totalAvailableBalance": only_cross(usd(figures.free.max(Usd::ZERO))),
            "totalInitialMargin": used, "totalInitialMarginByMp": used,
            "totalMaintenanceMargin": maintenances, "totalMaintenanceMarginByMp": maintenances,
            "accountIMRate": initial_rate, "accountIMRateByMp": initial_rate,
            "accountMMRate": maintenance_rate, "accountMMRateByMp": maintenance_rate, "accountLTV": "0",
            "coin": coins,
        })
    }

    pub(super) fn fee_rates(&mut self, caller: &Caller, params: &Params) -> Answer {
        let Category::Linear = params.category()? else { return Ok(json!({"list": []}).into()) };
        let account = self.account(caller.account)?;
        let markets: Vec<_> = match params.text("symbol")? {
            Some(_) => vec![self.market(params)?],
            None => self.floor.markets.iter().collect(),
        };
        let symbols = markets.iter().map(|market| market.symbol.clone());
        let snapshot = account.world.peek(&Scope::of(symbols)).map_err(|_| internal())?;
        let row = |market: &&crate::floor::Listed| {
            let fees = snapshot.fees.get(&market.symbol)?;
            Some(json!({
                "symbol": market.symbol.as_str(), "takerFeeRate": text(fees.taker.get()),
                "makerFeeRate": text(fees.maker.get()),
            }))
        };
        Ok(json!({"list": markets.iter().filter_map(row).collect::<Vec<_>>()}).into())
    }

    pub(super) fn query_api(&mut self, caller: &Caller, _: &Params) -> Answer {
        let account = self.account(caller.account)?;
        let user = FIRST_USER.saturating_add(account.number);
        Ok(json!({
            "id": user.to_string(), "note": account.name, "apiKey": caller.key,
            "readOnly": u8::from(caller.reads_only), "secret": "",
            "permissions": {
                "ContractTrade": ["Order", "Position"], "Spot": [], "Wallet": ["AccountTransfer"], "Options": [],
                "Derivatives": ["DerivativesTrade"], "CopyTrading": [], "BlockTrade": [], "Exchange": [], "NFT": [],
            },
            "ips": ["127.0.0.1"], "type": 1, "deadlineDay": 83, "expiredAt": "2099-01-01T00:00:00Z",
            "createdAt": "2022-10-16T02:24:40Z", "unified": 0, "uta": 1, "userID": user, "inviterID": 0,
            "vipLevel": "No VIP", "mktMakerLevel": "0", "affiliateID": 0, "rsaPublicKey": "", "isMaster": true,
            "parentUid": "0", "kycLevel": "LEVEL_DEFAULT", "kycRegion": "",
        })
        .into())
    }

    pub(super) fn user_settings(&mut self, _: &Caller, _: &Params) -> Answer {
        Ok(json!({"lpaSpot": false, "lpaPerp": false, "smsef": false, "fmsef": false}).into())
    }

    pub(super) fn collateral_info(&mut self, caller: &Caller, _: &Params) -> Answer {
        let coin = self.account(caller.account)?.coin.0.as_str().to_owned();
        let row = json!({
            "availableToBorrow": "0", "freeBorrowingAmount": "", "freeBorrowAmount": "0", "maxBorrowingAmount": "0",
            "hourlyBorrowRate": "0", "borrowUsageRate": "0", "collateralSwitch": true, "borrowAmount": "0",
            "borrowable": false, "currency": coin, "marginCollateral": true, "freeBorrowingLimit": "0",
            "collateralRatio": fine(Decimal::ONE),
        });
        Ok(json!({"list": [row]}).into())
    }

    pub(super) fn dcp_info(&mut self, caller: &Caller, _: &Params) -> Answer {
        let of = |((account, _), _): &(&(usize, String), &u64)| *account == caller.account;
        let rows: Vec<Value> = self
            .windows
            .iter()
            .filter(of)
            .map(|((_, product), window)| {
                json!({"product": product, "dcpStatus": "ON", "timeWindow": window.to_string()})
            })
            .collect();
        Ok(json!({"dcpInfos": rows}).into())
    }

    /// The window is kept and shown. What would start it, the end of a stream that listens to `dcp`, does not exist here.
    pub(super) fn set_dcp(&mut self, caller: &Caller, params: &Params) -> Answer {
        let product = params.text("product")?.unwrap_or("OPTIONS").to_owned();
        if !matches!(product.as_str(), "OPTIONS" | "DERIVATIVES" | "SPOT") {
            return Err(Refusal::parameter("product"));
        }
        let window = params.integer("timeWindow")?.filter(|window| (3..=300).contains(window));
        let window = window.ok_or_else(|| Refusal::parameter("timeWindow"))?;
        self.windows.insert((caller.account, product), window);
        Ok(json!({}).into())
    }

    pub(super) fn is_hedged(&self, place: usize) -> Result<bool, Refusal> {
        Ok(self.account(place)?.position_mode() == PositionMode::Hedge)
    }
}
