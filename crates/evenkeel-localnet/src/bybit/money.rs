//! The funding wallet, and the way between it and the unified one.

use evenkeel_types::{Decimal, Usd};
use serde_json::json;

use super::auth::Caller;
use super::envelope::{Answer, Refusal};
use super::numbers::usd;
use super::params::Params;
use super::server::Server;
use crate::history::MAX_HISTORY;

impl Server {
    pub(super) fn coin_info(&mut self, caller: &Caller, params: &Params) -> Answer {
        let coin = self.account(caller.account)?.coin.0.as_str().to_owned();
        if params.text("coin")?.is_some_and(|wanted| wanted != coin) {
            return Ok(json!({"rows": []}).into());
        }
        let chain = json!({
            "chain": "ETH", "chainType": "Ethereum (ERC20)", "confirmation": "6", "withdrawFee": "1", "depositMin": "0",
            "withdrawMin": "10", "chainDeposit": "0", "chainWithdraw": "0", "minAccuracy": "6",
            "withdrawPercentageFee": "0", "contractAddress": "",
        });
        let row = json!({"name": coin, "coin": coin, "remainAmount": "0", "chains": [chain]});
        Ok(json!({"rows": [row]}).into())
    }

    pub(super) fn coin_balances(&mut self, caller: &Caller, params: &Params) -> Answer {
        let kind = params.needed("accountType")?.to_owned();
        let (account, figures) = self.figures(caller.account)?;
        let (wallet, free) = match kind.as_str() {
            "FUND" => (account.spot, account.spot),
            "UNIFIED" => (figures.wallet, figures.free.max(Usd::ZERO)),
            _ => return Err(Refusal::parameter("accountType")),
        };
        let row = json!({
            "coin": account.coin.0.as_str(), "transferBalance": usd(free), "walletBalance": usd(wallet), "bonus": "",
        });
        Ok(json!({"memberId": "", "accountType": kind, "balance": [row]}).into())
    }

    /// Between `FUND` and `UNIFIED`; the same id moves money once.
    pub(super) fn transfer(&mut self, caller: &Caller, params: &Params) -> Answer {
        let id = params.needed("transferId")?.to_owned();
        let coin = params.needed("coin")?.to_owned();
        let amount = params.decimal("amount")?.filter(|amount| *amount > Decimal::ZERO);
        let amount =
            amount.and_then(|amount| Usd::new(amount).ok()).ok_or_else(|| Refusal::parameter("amount"))?;
        let into_unified = match (params.needed("fromAccountType")?, params.needed("toAccountType")?) {
            ("FUND", "UNIFIED") => true,
            ("UNIFIED", "FUND") => false,
            _ => return Err(Refusal::new(131_203, "Invalid account type")),
        };
        let key = (caller.account, id.clone());
        if self.transfers.contains_key(&key) {
            return Err(Refusal::new(131_214, "Transaction Duplicate"));
        }
        let short = || Refusal::new(131_212, "Insufficient balance");
        let account = self.floor.accounts.get_mut(caller.account).ok_or_else(short)?;
        if account.coin.0.as_str() != coin {
            return Err(Refusal::parameter("coin"));
        }
        let moved = if into_unified { amount } else { amount.negated() };
        let left = account.spot.minus(moved).ok().filter(|left| !left.is_negative()).ok_or_else(short)?;
        account.transfer(moved).map_err(|_| short())?;
        account.spot = left;
        self.transfers.insert(key, self.floor.now);
        if self.transfers.len() > MAX_HISTORY {
            let mut times: Vec<_> = self.transfers.values().copied().collect();
            times.sort_unstable();
            let youngest = times.get(MAX_HISTORY >> 1).copied();
            self.transfers.retain(|_, at| Some(*at) >= youngest);
        }
        Ok(json!({"transferId": id, "status": "SUCCESS"}).into())
    }
}
