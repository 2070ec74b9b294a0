//! Hyperliquid.

use std::str::FromStr as _;

use evenkeel_hyperliquid::{
    AGENT_KEY_VARIABLE, Account, ConfigError, Credentials, Environment as Network, Hyperliquid,
};

use super::{Access, Line, Opened, Wanted, not_set, short};
use crate::failure::Failure;

/// Opens it. An account's address is enough for reading; a key is only ever taken for trading.
pub(super) fn open(wanted: &Wanted<'_>, access: Access) -> Result<Opened, Failure> {
    let variable = |name: &str| wanted.variables.get(name);
    let network = Network::from_str(wanted.environment.name()).map_err(unfit)?;
    let with_key = match access {
        Access::Read => false,
        Access::Trade => true,
        Access::Best => variable(AGENT_KEY_VARIABLE).is_some(),
    };
    let mut builder = Hyperliquid::builder().environment(network);
    if let Some(url) = wanted.base_url {
        builder = builder.base_url(url);
    }
    if let Some(capabilities) = &wanted.capabilities {
        builder = builder.capabilities(capabilities.clone());
    }
    if with_key {
        let credentials = Credentials::from_variables(&variable).map_err(unfit)?;
        let account = short(&credentials.account().target().to_string());
        let venue = builder.credentials(credentials).build().map_err(unfit)?;
        return Ok(Opened { clock: Box::new(venue.clock()), line: Line::Trading(Box::new(venue)), account });
    }
    let whose = Account::from_variables(&variable).map_err(unfit)?;
    let account = short(&whose.target().to_string());
    let venue = builder.account(whose).build_reader().map_err(unfit)?;
    Ok(Opened { clock: Box::new(venue.clock()), line: Line::Reading(Box::new(venue)), account })
}

/// The library's own text holds no secret.
fn unfit(error: ConfigError) -> Failure {
    match error {
        ConfigError::MissingVariables(names) => not_set(&names),
        ConfigError::BaseUrl(problem) => Failure::input(format!("--base-url: {problem}")),
        error => Failure::input(error),
    }
}
