//! What can be told about key, account and venue before trading.

use evenkeel_exchange::{Diagnose, Diagnosis, ErrorKind, Operation, Severity, Topic, async_trait};
use evenkeel_http::Failure;
use evenkeel_types::PositionMode;
use futures_util::future::{join, join3};

use super::plumbing::unread;
use super::reader::Reader;
use super::rules::Outcome;
use crate::decode::{AssetMode, KeyRights, decode_balance, decode_key_rights};
use crate::endpoints;

fn diagnosis(
    topic: Topic,
    severity: Severity,
    finding: impl Into<String>,
    remedy: Option<&str>,
) -> Diagnosis {
    Diagnosis { topic, severity, finding: finding.into(), remedy: remedy.map(str::to_owned) }
}

impl Reader {
    async fn rights(&self) -> Outcome<KeyRights> {
        let reply = self.accounts.ask(endpoints::KEY_RIGHTS).await?;
        decode_key_rights(reply.body()).map_err(|error| unread(&error))
    }

    async fn has_balance(&self) -> Outcome<bool> {
        let reply = self.accounts.ask(endpoints::BALANCE).await?;
        let rows = decode_balance(reply.body()).map_err(|error| unread(&error))?;
        let asset = self.environment().settles_in("USDT");
        Ok(rows.iter().any(|row| row.asset.as_str() == asset))
    }

    fn unclear(&self, topic: Topic, what: &str, failure: &Failure) -> Diagnosis {
        let error = self.plumbing().error(Operation::Diagnose, failure);
        let severity = if failure.kind == ErrorKind::Auth { Severity::Problem } else { Severity::Unclear };
        let remedy =
            (failure.kind == ErrorKind::Auth).then_some("look at the key, its rights and its addresses");
        diagnosis(topic, severity, format!("{what} could not be read: {error}"), remedy)
    }

    fn key(&self, rights: Outcome<KeyRights>) -> Vec<Diagnosis> {
        let rights = match rights {
            Ok(rights) => rights,
            Err(failure) => return vec![self.unclear(Topic::Key, "what the key may do", &failure)],
        };
        let mut found = Vec::new();
        let mut add = |severity, finding: &str, remedy| {
            found.push(diagnosis(Topic::Key, severity, finding, remedy));
        };
        match (rights.reads, rights.trades, self.trades) {
            (false, ..) => {
                add(Severity::Problem, "the key may not read", Some("give it the right to read"));
            }
            (_, false, true) => add(
                Severity::Problem,
                "the key may not trade perpetuals",
                Some("give it the right to trade perpetual futures, or build a reader"),
            ),
            (_, true, false) => add(
                Severity::Warning,
                "the key may trade, but is only read with",
                Some("use a key that may only read"),
            ),
            _ => add(Severity::Fine, "the key may do what is needed", None),
        }
        if !rights.ip_bound {
            let remedy = "bind it to the addresses of this machine at the venue";
            add(Severity::Warning, "the key works from any address", Some(remedy));
        }
        if rights.transfers {
            let remedy =
                "take the right to transfer away from it where nothing is to be moved between wallets";
            add(Severity::Warning, "the key may move money, which trading does not need", Some(remedy));
        }
        found
    }
}

#[async_trait]
impl Diagnose for Reader {
    async fn diagnose(&self) -> Vec<Diagnosis> {
        let time = self.plumbing().sample().await;
        let status = match time {
            Ok(_) => diagnosis(Topic::VenueStatus, Severity::Fine, "it answers", None),
            Err(failure) => {
                // Nothing can be signed without the venue's time.
                return vec![self.unclear(Topic::VenueStatus, "the venue's clock", &failure)];
            }
        };
        let ((rights, balance), (position_mode, asset_mode, contracts)) = join(
            join(self.rights(), self.has_balance()),
            join3(
                self.accounts.position_mode_now(),
                self.accounts.asset_mode_now(),
                self.accounts.contracts(),
            ),
        )
        .await;
        let mut found = vec![match contracts {
            Err(failure) => self.unclear(Topic::VenueStatus, "the list of contracts", &failure),
            Ok(_) => status,
        }];
        found.extend(self.key(rights));
        found.push(match (asset_mode, balance) {
            (Err(failure), _) => self.unclear(Topic::AccountMode, "the asset mode", &failure),
            (_, Err(failure)) => self.unclear(Topic::AccountMode, "the balance", &failure),
            (Ok(AssetMode::Multi), _) => diagnosis(
                Topic::AccountMode,
                Severity::Problem,
                "multi-assets mode: no honest equity can be given",
                Some("switch the account to the single-asset mode at the venue"),
            ),
            (Ok(AssetMode::Single), Ok(false)) => diagnosis(
                Topic::AccountMode,
                Severity::Problem,
                format!("there is no balance in {}", self.environment().settles_in("USDT")),
                Some("fund the perpetual account, and look whether this is the right environment"),
            ),
            (Ok(AssetMode::Single), Ok(true)) => {
                diagnosis(Topic::AccountMode, Severity::Fine, "single-asset mode", None)
            }
        });
        found.push(match position_mode {
            Err(failure) => self.unclear(Topic::PositionMode, "the position mode", &failure),
            Ok(PositionMode::OneWay) => diagnosis(Topic::PositionMode, Severity::Fine, "one-way", None),
            Ok(PositionMode::Hedge) => diagnosis(
                Topic::PositionMode,
                Severity::Warning,
                "hedge mode: leverage is set on both sides, and both sides of a symbol must not be held at once",
                Some("switch to one-way at the venue, without positions and orders, where hedging is not needed"),
            ),
        });
        let budget = "no budget: 10 orders, 5 reads of a kind and 2 changes of a setting a second";
        found.push(diagnosis(Topic::RateBudget, Severity::Fine, budget, None));
        found
    }
}
