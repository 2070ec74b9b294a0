//! Money and what a key may do.

use evenkeel_types::Usd;

use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::numbers::money;
use super::server::{Asked, Server};
use crate::floor::{Account, Figures, IncomeKind};

/// Users are numbered from here.
const FIRST_USER: u64 = 1_167_804_930_295_000_000;
const FIRST_SHORT: u64 = 12_851_936;

pub(crate) fn user(account: &Account) -> u64 {
    FIRST_USER.saturating_add(account.number)
}

impl Server {
    pub(crate) fn balance(&mut self, asked: &Asked) -> Outcome {
        let row = self.balance_row(asked, !self.demo)?;
        if self.demo {
            return Ok(Reply::Data(Json::List(vec![row])));
        }
        // An asset that was never used has empty texts.
        let unused = object! {
            "userId": "",
            "asset": "USDC",
            "balance": "",
            "equity": "",
            "unrealizedProfit": "",
            "realizedProfit": "0",
            "availableMargin": "",
            "usedMargin": "",
            "frozenMargin": "",
            "shortUid": short_uid(self.account(asked)?),
        };
        Ok(Reply::Data(Json::List(vec![row, unused])))
    }

    /// The older form: one object.
    pub(crate) fn balance_v2(&mut self, asked: &Asked) -> Outcome {
        Ok(Reply::Data(object! {"balance": self.balance_row(asked, false)?}))
    }

    /// Two spellings are in use.
    fn balance_row(&self, asked: &Asked, newer: bool) -> Result<Json, super::refusals::Refusal> {
        let (account, figures) = (self.account(asked)?, self.figures(asked)?);
        let realised =
            account.income.iter().filter(|row| row.kind != IncomeKind::Transfer).map(|row| row.amount);
        let realised = Usd::sum(realised).unwrap_or(Usd::ZERO);
        let names =
            if newer { ("realizedProfit", "frozenMargin") } else { ("realisedProfit", "freezedMargin") };
        Ok(Json::Object(vec![
            ("userId", Json::from(user(account).to_string())),
            ("asset", Json::from(self.coin())),
            ("balance", Json::from(money(figures.wallet.get()))),
            ("equity", Json::from(money(figures.equity().get()))),
            ("unrealizedProfit", Json::from(money(figures.unrealised.get()))),
            (names.0, Json::from(money(realised.get()))),
            ("availableMargin", Json::from(money(figures.free.get()))),
            ("usedMargin", Json::from(money(used(&figures).get()))),
            (names.1, Json::from(money(figures.order_initial.get()))),
            ("shortUid", Json::from(short_uid(account))),
        ]))
    }

    pub(crate) fn commission_rate(&mut self, asked: &Asked) -> Outcome {
        let account = self.account(asked)?;
        let fees =
            account.snapshot(&self.floor.markets).and_then(|snapshot| snapshot.fees.values().next().copied());
        let fees = fees.unwrap_or(account.world.profile().fees);
        let rates = object! {
            "takerCommissionRate": Json::number(fees.taker.get()),
            "makerCommissionRate": Json::number(fees.maker.get()),
        };
        Ok(Reply::Data(object! {"commission": rates}))
    }

    pub(crate) fn uid(&mut self, asked: &Asked) -> Outcome {
        Ok(Reply::Data(object! {"uid": user(self.account(asked)?)}))
    }

    pub(crate) fn api_restrictions(&mut self, _: &Asked) -> Outcome {
        Ok(Reply::Bare(object! {
            "ipRestrict": false,
            "createTime": 1_700_000_000_000_u64,
            "enableReading": true,
            "enableFutures": true,
            "enableSpotAndMarginTrading": false,
            "permitsUniversalTransfer": true,
        }))
    }

    /// What the key may do, as numbers: 1 spot, 2 read, 3 perpetuals, 4 transfers.
    pub(crate) fn api_permissions(&mut self, asked: &Asked) -> Outcome {
        let key = self.account(asked)?.key.id().to_owned();
        let permissions = vec![Json::from(2_u32), Json::from(3_u32), Json::from(4_u32)];
        let row = object! {"apiKey": key, "note": "", "permissions": permissions, "ipAddresses": Vec::new()};
        Ok(Reply::Data(object! {"apiInfos": vec![row]}))
    }

    pub(crate) fn currencies(&mut self, _: &Asked) -> Outcome {
        Ok(Reply::Timed(Json::List(vec![object! {
            "coin": self.coin(),
            "name": self.coin(),
            "networkList": Vec::new(),
        }])))
    }

    pub(crate) fn margin_assets(&mut self, asked: &Asked) -> Outcome {
        let figures = self.figures(asked)?;
        let amount = |value: Usd| super::numbers::cut(value.get(), 8);
        Ok(Reply::Data(Json::List(vec![object! {
            "currency": self.coin(),
            "totalAmount": amount(figures.wallet),
            "availableTransfer": amount(figures.free),
            "latestMortgageAmount": amount(figures.wallet),
        }])))
    }
}

fn short_uid(account: &Account) -> String {
    FIRST_SHORT.saturating_add(account.number).to_string()
}

/// Margin of positions: what isolated ones hold without their profit, what cross ones need.
fn used(figures: &Figures) -> Usd {
    let of = |held: &crate::floor::Held| held.isolated.map_or(held.initial, |(_, cash)| cash);
    Usd::sum(figures.held.iter().map(of)).unwrap_or(Usd::ZERO)
}
