//! What can be told before trading.

use evenkeel_exchange::{Diagnose, Diagnosis, ErrorKind, Operation, Severity, Topic, async_trait};
use evenkeel_types::PositionMode;

use super::plumbing::Key;
use super::reader::Reader;
use crate::decode::{check_mode, decode_account_config, decode_symbol_configs};

/// Of a limit, how much used is worth a warning, in percent.
const MOSTLY_USED: u64 = 70;

fn diagnosis(
    topic: Topic,
    severity: Severity,
    finding: impl Into<String>,
    remedy: Option<&str>,
) -> Diagnosis {
    Diagnosis { topic, severity, finding: finding.into(), remedy: remedy.map(str::to_owned) }
}

fn unread(topic: Topic, what: &str, error: &evenkeel_exchange::Error) -> Diagnosis {
    let finding = format!("{what} could not be read: {}", evenkeel_exchange::chain(error));
    let severity = if error.kind() == ErrorKind::Auth { Severity::Problem } else { Severity::Unclear };
    diagnosis(topic, severity, finding, None)
}

impl Reader {
    fn budgets(&self) -> Vec<Diagnosis> {
        let names = ["request weight of this address", "orders in ten seconds", "orders in a minute"];
        let usages = self.plumbing().usage();
        let told = names.iter().zip(usages).map(|(name, usage)| {
            let all = u64::from(usage.quota.weight());
            if let Some(wait) = usage.blocked_for {
                let finding =
                    format!("{name}: the venue refuses everything for another {} s", wait.as_secs());
                let remedy = Some("wait; asking again makes a ban longer");
                return diagnosis(Topic::RateBudget, Severity::Problem, finding, remedy);
            }
            let finding = format!("{name}: {} of {all} used", usage.used);
            let high = usage.used.saturating_mul(100) > all.saturating_mul(MOSTLY_USED);
            let severity = if high { Severity::Warning } else { Severity::Fine };
            let remedy = high.then_some("ask less often, or find what else uses this address or account");
            diagnosis(Topic::RateBudget, severity, finding, remedy)
        });
        told.collect()
    }
}

#[async_trait]
impl Diagnose for Reader {
    async fn diagnose(&self) -> Vec<Diagnosis> {
        let operation = Operation::Diagnose;
        let plumbing = self.plumbing();
        let time = plumbing.sample().await.map_err(|failure| plumbing.error(operation, &failure));
        let mut found = vec![match &time {
            Ok(time) => {
                diagnosis(Topic::VenueStatus, Severity::Fine, format!("it answers; its time is {time}"), None)
            }
            Err(error) => unread(Topic::VenueStatus, "the venue's time", error),
        }];
        let answers = plumbing.gather(operation, [Key::Config, Key::Settings]).await;
        let config = answers.get(&Key::Config).map_err(|failure| plumbing.error(operation, &failure));
        let config =
            config.and_then(|reply| plumbing.understood(operation, decode_account_config(reply.body())));
        let settings = answers.get(&Key::Settings).map_err(|failure| plumbing.error(operation, &failure));
        let settings =
            settings.and_then(|reply| plumbing.understood(operation, decode_symbol_configs(reply.body())));
        match config {
            Err(error) => found.push(unread(Topic::Key, "the account's configuration", &error)),
            Ok(config) => {
                found.push(if config.can_trade {
                    diagnosis(Topic::Key, Severity::Fine, "the account may trade", None)
                } else {
                    let remedy = "enable futures for the key, or look at the account's restrictions";
                    diagnosis(Topic::Key, Severity::Problem, "the account may not trade", Some(remedy))
                });
                let mode = settings.and_then(|settings| {
                    plumbing.understood(operation, check_mode(&config, &settings)).map(|()| settings.len())
                });
                found.push(match mode {
                    Ok(_) => diagnosis(Topic::AccountMode, Severity::Fine, "single-asset mode", None),
                    Err(error) if error.kind() == ErrorKind::NotSupported => {
                        diagnosis(Topic::AccountMode, Severity::Problem, error.message(), None)
                    }
                    Err(error) => unread(Topic::AccountMode, "the account's mode", &error),
                });
                let mode = match config.position_mode {
                    PositionMode::OneWay => "one-way",
                    PositionMode::Hedge => {
                        "hedge: every order names its leg; at most one leg per symbol may be held"
                    }
                };
                found.push(diagnosis(Topic::PositionMode, Severity::Fine, mode, None));
            }
        }
        found.extend(self.budgets());
        found
    }
}
