//! USDC between the spot and the perpetual wallet, signed by the account's own key.

use evenkeel_types::{Decimal, Exact, Usd};
use serde_json::json;

use super::action::UsdClassTransfer;
use super::crypto::{Address, Signature, keccak, user_digest, word};
use super::markets::pool;
use super::numbers::usd;
use super::server::Server;
use super::views::withdrawable;

const KIND: &str =
    "HyperliquidTransaction:UsdClassTransfer(string hyperliquidChain,string amount,bool toPerp,uint64 nonce)";
/// Decimals of USDC.
const PLACES: u32 = 6;

/// Whose signature it is.
pub(crate) fn signer(action: &UsdClassTransfer, signature: &Signature) -> Option<Address> {
    let chain = u64::from_str_radix(action.signature_chain_id.strip_prefix("0x")?, 16).ok()?;
    let fields = [
        keccak(&[action.hyperliquid_chain.as_bytes()]),
        keccak(&[action.amount.as_bytes()]),
        word(u64::from(action.to_perp)),
        word(action.nonce),
    ];
    signature.signer(&user_digest(chain, KIND, &fields))
}

impl Server {
    /// Moves the money of the signer's account, or of a sub-account that the amount names.
    pub(crate) fn transfer(&mut self, action: &UsdClassTransfer, signer: Address) -> Result<(), String> {
        let (amount, named) = match action.amount.split_once(" subaccount:") {
            None => (action.amount.as_str(), signer),
            Some((amount, sub)) => (amount, Address::parse(sub).ok_or("Invalid send")?),
        };
        let amount: Usd = amount.parse().map_err(|_| "Invalid send".to_owned())?;
        if !amount.is_positive() || amount.get().normalize().scale() > PLACES {
            return Err("Invalid send".to_owned());
        }
        let markets = self.markets.clone();
        let Some(account) = self.accounts.iter_mut().find(|account| {
            account.address == named
                && account.master.as_ref().map_or(account.address, |(master, _)| *master) == signer
        }) else {
            return Err("Invalid send".to_owned());
        };
        if account.abstraction != "default" && account.abstraction != "disabled" {
            return Err("Action disabled when unified account is active".to_owned());
        }
        let missing = || "Insufficient balance for token transfer".to_owned();
        let change = if action.to_perp { amount } else { amount.negated() };
        let available = if action.to_perp {
            account.spot.get()
        } else {
            let snapshot = account.snapshot(&markets);
            snapshot.and_then(|snapshot| withdrawable(&snapshot)).unwrap_or(Decimal::ZERO)
        };
        if amount.get() > available {
            return Err(missing());
        }
        let spot = account.spot.get().minus(change.get()).and_then(Usd::new).map_err(|_| missing())?;
        let pool = pool().map_err(|_| missing())?;
        account.world.add_funds(&pool, change).map_err(|_| missing())?;
        account.spot = spot;
        let delta =
            json!({"type": "accountClassTransfer", "usdc": usd(amount.get()), "toPerp": action.to_perp});
        account.book(self.now, delta);
        Ok(())
    }
}
