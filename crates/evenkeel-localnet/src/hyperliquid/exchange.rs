//! `/exchange`: who signed, may they, is it new, and then what they asked for.

use std::time::Duration;

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::Response;
use serde_json::{Value, json};

use super::action::{Action, ScheduleCancel, UsdClassTransfer};
use super::crypto::{Address, Around, Signature, connection_id, l1_digest};
use super::envelope::{Envelope, done, refused, unreadable};
use super::orders::Desk;
use super::server::Server;
use super::transfers;

/// The most that one signed action may weigh.
const MAX_WEIGHT: usize = 200;
/// The least time until a scheduled cancel.
const SCHEDULE_MIN: Duration = Duration::from_secs(5);
/// From this volume on cancels can be scheduled.
const SCHEDULE_VOLUME: u32 = 1_000_000;
/// How often an address that is over its budget gets one request through.
const TRICKLE: Duration = Duration::from_secs(10);

impl Server {
    pub(crate) fn exchange(&mut self, body: &[u8]) -> Response<Bytes> {
        let Signed { envelope, action, vault, signature } = match read(body) {
            Ok(signed) => signed,
            Err(answer) => return *answer,
        };
        let outcome = match &action {
            Action::UsdClassTransfer(transfer) => self.signed_by_user(transfer, &envelope, vault, &signature),
            _ => self.signed_by_agent(&action, &envelope, vault, &signature),
        };
        self.sync();
        match outcome {
            Ok(response) => done(&response),
            Err(text) => refused(&text),
        }
    }

    /// The account that an action is signed for.
    pub(crate) fn signed_for(&self, body: &[u8]) -> Option<Address> {
        let Signed { envelope, action, vault, signature } = read(body).ok()?;
        if let Action::UsdClassTransfer(transfer) = &action {
            return transfers::signer(transfer, &signature);
        }
        let digest = self.digest(&action, &envelope, vault);
        let master = self.master_of(signature.signer(&digest)?)?;
        Some(vault.unwrap_or(master))
    }

    fn digest(&self, action: &Action, envelope: &Envelope, vault: Option<Address>) -> [u8; 32] {
        let around = Around { nonce: envelope.nonce, vault, expires_after: envelope.expires_after };
        l1_digest(&connection_id(&action.packed(), around), self.mainnet)
    }

    fn signed_by_agent(
        &mut self,
        action: &Action,
        envelope: &Envelope,
        vault: Option<Address>,
        signature: &Signature,
    ) -> Result<Value, String> {
        if envelope.expires_after.is_some_and(|until| self.now.0 > until) {
            return Err("Action already expired".to_owned());
        }
        let digest = self.digest(action, envelope, vault);
        let signer = signature.signer(&digest).ok_or("Unable to recover signer.")?;
        let Some(master) = self.master_of(signer) else {
            return Err(format!("User or API Wallet {signer} does not exist."));
        };
        let target = vault.unwrap_or(master);
        let index = self.accounts.iter().position(|account| {
            account.address == target && account.master.as_ref().map_or(target, |(m, _)| *m) == master
        });
        let Some(index) = index else { return Err(format!("Vault not registered: {target}")) };
        if action.items() > MAX_WEIGHT {
            return Err(format!("Signed action over weight limit of {MAX_WEIGHT}."));
        }
        self.budget(index, action.items())?;
        let now = self.now;
        self.nonces.entry(signer).or_default().burn(envelope.nonce, now)?;
        self.perform(index, action)
    }

    fn perform(&mut self, index: usize, action: &Action) -> Result<Value, String> {
        let now = self.now;
        let Some(account) = self.accounts.get_mut(index) else { return Err("no account".to_owned()) };
        let mut desk = Desk { account, markets: &self.markets, ids: &mut self.ids };
        let nothing = |()| json!({"type": "default"});
        let statuses = |statuses: Vec<Value>| Ok(json!({"type": "cancel", "data": {"statuses": statuses}}));
        match action {
            Action::Order(orders) => desk.place(orders),
            Action::Cancel(action) => {
                statuses(action.cancels.iter().map(|cancel| desk.cancel(cancel.a, Some(cancel.o))).collect())
            }
            Action::CancelByCloid(action) => {
                let mut entries = Vec::new();
                for cancel in &action.cancels {
                    let oid = desk.account.by_name(&cancel.cloid);
                    entries.push(desk.cancel(cancel.asset, oid));
                }
                statuses(entries)
            }
            Action::Modify(action) => desk.modify(action),
            Action::BatchModify(action) => Ok(desk.batch_modify(action)),
            Action::UpdateLeverage(action) => desk.update_leverage(action).map(nothing),
            Action::UpdateIsolatedMargin(action) => desk.update_isolated_margin(action).map(nothing),
            Action::TopUpIsolatedOnlyMargin(action) => desk.top_up(action).map(nothing),
            Action::ScheduleCancel(action) => schedule(&mut desk, action, now).map(nothing),
            Action::Noop(_) => Ok(nothing(())),
            // Signed in another way, and dealt with there.
            Action::UsdClassTransfer(_) => Err("Unable to recover signer.".to_owned()),
        }
    }

    fn signed_by_user(
        &mut self,
        action: &UsdClassTransfer,
        envelope: &Envelope,
        vault: Option<Address>,
        signature: &Signature,
    ) -> Result<Value, String> {
        let network = if self.mainnet { "Mainnet" } else { "Testnet" };
        let wrong = action.hyperliquid_chain != network
            || action.nonce != envelope.nonce
            || vault.is_some()
            || envelope.expires_after.is_some();
        let signer = transfers::signer(action, signature).filter(|_| !wrong);
        let signer = signer.ok_or("Unable to recover signer.")?;
        // An agent may not do this, whoever approved it.
        if !self.accounts.iter().any(|account| account.address == signer && account.master.is_none()) {
            return Err(format!("Must deposit before performing actions. User: {signer}"));
        }
        let now = self.now;
        self.nonces.entry(signer).or_default().burn(envelope.nonce, now)?;
        self.transfer(action, signer)?;
        Ok(json!({"type": "default"}))
    }

    /// The account that a key acts for: its own, or the one that approved it.
    pub(crate) fn master_of(&self, signer: Address) -> Option<Address> {
        let own = |account: &&super::account::Account| account.master.is_none();
        let account = self.accounts.iter().filter(own).find(|account| {
            let agent =
                |agent: &&super::account::Agent| agent.address == signer && agent.valid_until > self.now;
            account.address == signer || account.agents.iter().find(agent).is_some()
        })?;
        Some(account.address)
    }

    /// Requests that an address may send: a number to begin with, and one for each dollar traded.
    fn budget(&mut self, index: usize, items: usize) -> Result<(), String> {
        let now = self.now;
        let Some(account) = self.accounts.get_mut(index) else { return Ok(()) };
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        let (used, cap) = (account.requests.saturating_add(items), account.request_cap());
        if used > cap {
            let waited = account.last_over_budget.is_none_or(|last| now.since(last) >= TRICKLE);
            if !waited {
                let volume = evenkeel_types::round::for_reading(account.volume(), 2);
                return Err(format!(
                    "Too many cumulative requests sent ({used} > {cap}) for cumulative volume traded ${volume}. \
                     Place taker orders to free up 1 request per USDC traded."
                ));
            }
            account.last_over_budget = Some(now);
        }
        account.requests = used;
        Ok(())
    }
}

/// A body that could be read.
struct Signed {
    envelope: Envelope,
    action: Action,
    vault: Option<Address>,
    signature: Signature,
}

fn read(body: &[u8]) -> Result<Signed, Box<Response<Bytes>>> {
    let unreadable = |why: &str| Box::new(unreadable(why));
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))?;
    let action = Action::parse(envelope.action.clone()).and_then(|mut action| {
        action.normalise()?;
        Ok(action)
    });
    let action = action.map_err(|why| unreadable(&why))?;
    let vault = match envelope.vault_address.as_deref().map(Address::parse) {
        None => None,
        Some(Some(vault)) => Some(vault),
        Some(None) => return Err(unreadable("invalid vaultAddress")),
    };
    let wire = &envelope.signature;
    let signature = Signature::parse(&wire.r, &wire.s, wire.v);
    let signature = signature.ok_or_else(|| Box::new(refused("Unable to recover signer.")))?;
    Ok(Signed { envelope, action, vault, signature })
}

fn schedule(desk: &mut Desk<'_>, action: &ScheduleCancel, now: Timestamp) -> Result<(), String> {
    let volume = desk.account.volume();
    if volume < SCHEDULE_VOLUME.into() {
        let volume = evenkeel_types::round::for_reading(volume, 2);
        return Err(format!(
            "Cannot set scheduled cancel time until enough volume traded. Required: ${SCHEDULE_VOLUME}. \
             Traded: ${volume}."
        ));
    }
    let at = action.time.map(Timestamp);
    if at.is_some_and(|at| at < now.after(SCHEDULE_MIN)) {
        return Err("Scheduled cancel time too early, must be at least 5 seconds from now.".to_owned());
    }
    desk.account.cancel_at = at;
    Ok(())
}
