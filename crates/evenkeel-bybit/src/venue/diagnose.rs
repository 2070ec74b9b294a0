//! What can be told about key, account and budget before trading.

use evenkeel_exchange::{Diagnose, Diagnosis, ErrorKind, Severity, Topic, async_trait};
use futures_util::future::join3;

use super::plumbing::Outcome;
use super::reader::Reader;
use crate::decode::{AccountInfo, AccountKind, AccountMargin, position_mode};
use crate::endpoints;
use evenkeel_http::{Failure, Urgency};

/// From how many per cent of its limit on a budget is worth a warning.
const BUDGET_LOW_PERCENT: u64 = 80;

fn diagnosis(
    topic: Topic,
    severity: Severity,
    finding: impl Into<String>,
    remedy: Option<&str>,
) -> Diagnosis {
    Diagnosis { topic, severity, finding: finding.into(), remedy: remedy.map(str::to_owned) }
}

fn unread(topic: Topic, what: &str, failure: &Failure) -> Diagnosis {
    diagnosis(topic, Severity::Unclear, format!("{what} could not be read: {}", failure.message), None)
}

fn key(info: &Outcome<AccountInfo>) -> Diagnosis {
    match info {
        Ok(_) => diagnosis(
            Topic::Key,
            Severity::Unclear,
            "the key is valid and may read the account; what else it may do is not read",
            Some("give it the rights to trade contracts and nothing else, and bind it to your address"),
        ),
        Err(failure) if failure.kind == ErrorKind::Auth => diagnosis(
            Topic::Key,
            Severity::Problem,
            format!("the venue refuses the key: {}", failure.message),
            Some("each environment has keys of its own: make one in the environment that is configured"),
        ),
        Err(failure) => unread(Topic::Key, "whether the key is valid", failure),
    }
}

fn account(info: &Outcome<AccountInfo>) -> Diagnosis {
    let info = match info {
        Ok(info) => info,
        Err(failure) => return unread(Topic::AccountMode, "the kind of the account", failure),
    };
    let kind = match info.kind {
        AccountKind::Classic => "classic account",
        AccountKind::Unified1 => "unified account 1.0",
        AccountKind::Unified1Pro => "unified account 1.0 (professional)",
        AccountKind::Unified2 => "unified account 2.0",
        AccountKind::Unified2Pro => "unified account 2.0 (professional)",
    };
    let margin = match info.margin {
        AccountMargin::Cross => "cross margin",
        AccountMargin::Isolated => "isolated margin",
        AccountMargin::Portfolio => "portfolio margin",
    };
    let finding = format!("{kind}, {margin} for all symbols");
    match info.margin_mode() {
        Ok(_) => diagnosis(Topic::AccountMode, Severity::Fine, finding, None),
        Err(why) => diagnosis(Topic::AccountMode, Severity::Problem, finding, Some(why)),
    }
}

impl Reader {
    fn budget(&self) -> Diagnosis {
        let plumbing = self.plumbing();
        let usages = [
            plumbing.address_usage(),
            plumbing.usage(&endpoints::CREATE_BATCH),
            plumbing.usage(&endpoints::SET_LEVERAGE),
        ];
        let blocked = usages.iter().find_map(|usage| usage.blocked_for);
        let low = usages.iter().any(|usage| {
            let limit = u64::from(usage.quota.weight()).saturating_mul(BUDGET_LOW_PERCENT);
            usage.used.saturating_mul(100) >= limit
        });
        let [address, orders, leverages] = usages;
        let finding = format!(
            "{} of {} calls of this address used in five seconds, {} of {} orders and {} of {} changes of leverage \
             in one",
            address.used,
            address.quota.weight(),
            orders.used,
            orders.quota.weight(),
            leverages.used,
            leverages.quota.weight()
        );
        match blocked {
            Some(wait) => diagnosis(
                Topic::RateBudget,
                Severity::Problem,
                format!("the venue wants nothing for another {} s", wait.as_secs()),
                Some("wait; asking on makes it longer"),
            ),
            None if low => diagnosis(Topic::RateBudget, Severity::Warning, finding, None),
            None => diagnosis(Topic::RateBudget, Severity::Fine, finding, None),
        }
    }
}

#[async_trait]
impl Diagnose for Reader {
    async fn diagnose(&self) -> Vec<Diagnosis> {
        let time = self.plumbing().sample().await;
        let (info, held, orders) = join3(
            self.accounts.info(),
            self.accounts.held(),
            self.accounts.open_orders(None, Urgency::Ordinary),
        )
        .await;
        let positions = match held {
            Err(failure) => unread(Topic::PositionMode, "the position mode", &failure),
            Ok((rows, _)) if rows.is_empty() => diagnosis(
                Topic::PositionMode,
                Severity::Unclear,
                "nothing is held: the position mode of a symbol shows when it is in a snapshot's scope",
                None,
            ),
            Ok((rows, _)) => match position_mode(rows.iter()) {
                Ok(mode) => {
                    diagnosis(Topic::PositionMode, Severity::Fine, format!("{mode:?} where held"), None)
                }
                Err(error) => {
                    diagnosis(Topic::PositionMode, Severity::Problem, error.problem(), Some(error.remedy()))
                }
            },
        };
        let status = match (time, orders) {
            (Err(failure), _) => diagnosis(
                Topic::VenueStatus,
                Severity::Problem,
                failure.message,
                Some("wait, and look again"),
            ),
            (Ok(_), Err(failure)) => unread(Topic::VenueStatus, "the open orders", &failure),
            (Ok(_), Ok(orders)) => {
                let finding = format!("the venue answers; {} orders rest or wait", orders.len());
                diagnosis(Topic::VenueStatus, Severity::Fine, finding, None)
            }
        };
        vec![key(&info), account(&info), positions, self.budget(), status]
    }
}
