//! Wallets, rates, budgets and roles.

use evenkeel_types::{Decimal, Timestamp};
use serde_json::{Value, json};

use crate::hyperliquid::account::Account;
use crate::hyperliquid::crypto::Address;
use crate::hyperliquid::numbers::text;
use crate::hyperliquid::server::Server;
use crate::hyperliquid::views::clearinghouse;

/// `spotClearinghouseState`; without money there is no row.
pub(super) fn spot(usdc: Decimal) -> Value {
    let row = json!({"coin": "USDC", "token": 0, "total": text(usdc), "hold": "0.0", "entryNtl": "0.0"});
    let balances = if usdc.is_zero() { Vec::new() } else { vec![row] };
    json!({"balances": balances})
}

/// Of an account without discounts.
pub(super) fn fees() -> Value {
    let vip = |cutoff: &str, cross: &str, add: &str, spot_cross: &str, spot_add: &str| json!({"ntlCutoff": cutoff, "cross": cross, "add": add, "spotCross": spot_cross, "spotAdd": spot_add});
    let maker = |cutoff: &str, add: &str| json!({"makerFractionCutoff": cutoff, "add": add});
    let stake = |bps: &str, discount: &str| json!({"bpsOfMaxSupply": bps, "discount": discount});
    json!({
        "dailyUserVlm": [],
        "feeSchedule": {
            "cross": "0.00045", "add": "0.00015", "spotCross": "0.0007", "spotAdd": "0.0004",
            "tiers": {
                "vip": [
                    vip("5000000.0", "0.0004", "0.00012", "0.0006", "0.0003"),
                    vip("25000000.0", "0.00035", "0.00008", "0.0005", "0.0002"),
                    vip("100000000.0", "0.0003", "0.00004", "0.0004", "0.0001"),
                    vip("500000000.0", "0.00028", "0.0", "0.00035", "0.0"),
                    vip("2000000000.0", "0.00026", "0.0", "0.0003", "0.0"),
                    vip("7000000000.0", "0.00024", "0.0", "0.00025", "0.0"),
                ],
                "mm": [maker("0.005", "-0.00001"), maker("0.015", "-0.00002"), maker("0.03", "-0.00003")],
            },
            "referralDiscount": "0.04",
            "stakingDiscountTiers": [stake("0.0", "0.0"), stake("0.0001", "0.05")],
        },
        "userCrossRate": "0.00045",
        "userAddRate": "0.00015",
        "userSpotCrossRate": "0.0007",
        "userSpotAddRate": "0.0004",
        "activeReferralDiscount": "0.0",
        "activeStakingDiscount": stake("0.0", "0.0"),
        "trial": null,
        "feeTrialReward": "0.0",
        "nextTrialAvailableTimestamp": null,
        "stakingLink": null,
    })
}

impl Account {
    pub(super) fn rate_limit(&self) -> Value {
        json!({
            "cumVlm": text(self.volume()),
            "nRequestsUsed": self.requests,
            "nRequestsCap": self.request_cap(),
            "nRequestsSurplus": 0,
        })
    }

    /// The one without a name is not listed.
    pub(super) fn named_agents(&self, now: Timestamp) -> Value {
        let named = self.agents.iter().filter(|agent| agent.valid_until > now);
        let row = |agent: &crate::hyperliquid::account::Agent| {
            let name = agent.name.as_ref()?;
            Some(json!({
                "name": name, "address": agent.address.to_string(), "validUntil": agent.valid_until.0,
            }))
        };
        Value::Array(named.filter_map(row).collect())
    }
}

impl Server {
    pub(super) fn role(&self, user: Address) -> Value {
        if let Some(account) = self.find(user) {
            return match &account.master {
                None => json!({"role": "user"}),
                Some((master, _)) => {
                    json!({"role": "subAccount", "data": {"master": master.to_string()}})
                }
            };
        }
        match self.master_of(user) {
            Some(master) => json!({"role": "agent", "data": {"user": master.to_string()}}),
            None => json!({"role": "missing"}),
        }
    }

    /// Null where there is none.
    pub(super) fn sub_accounts(&self, master: Address) -> Value {
        let row = |account: &Account| {
            let (owner, name) = account.master.as_ref().filter(|(owner, _)| *owner == master)?;
            Some(json!({
                "name": name,
                "subAccountUser": account.address.to_string(),
                "master": owner.to_string(),
                "clearinghouseState": clearinghouse(account, &self.markets)?,
                "spotState": spot(account.spot.get()),
            }))
        };
        let rows: Vec<Value> = self.accounts.iter().filter_map(row).collect();
        if rows.is_empty() { Value::Null } else { Value::Array(rows) }
    }
}

/// What is answered about an address that has no account.
pub(super) fn empty(kind: &str, now: Timestamp) -> Result<Value, String> {
    let summary = json!({
        "accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "0.0",
    });
    Ok(match kind {
        "clearinghouseState" => json!({
            "marginSummary": summary, "crossMarginSummary": summary, "crossMaintenanceMarginUsed": "0.0",
            "withdrawable": "0.0", "assetPositions": [], "time": now.0,
        }),
        "spotClearinghouseState" => spot(Decimal::ZERO),
        "userAbstraction" => json!("default"),
        "orderStatus" => json!({"status": "unknownOid"}),
        "userFees" => fees(),
        "userRateLimit" => {
            json!({"cumVlm": "0.0", "nRequestsUsed": 0, "nRequestsCap": 10000, "nRequestsSurplus": 0})
        }
        "subAccounts" | "activeAssetData" => Value::Null,
        _ => json!([]),
    })
}
