//! Hyperliquid.

use std::str::FromStr as _;

use evenkeel_hyperliquid::{
    AGENT_KEY_VARIABLE, Account, ConfigError, Credentials, Environment as Network, Hyperliquid, Reader,
};

use super::{Access, Line, Opened, Wanted};
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
    if with_key {
        let credentials = Credentials::from_variables(&variable).map_err(unfit)?;
        let account = credentials.account().target().to_string();
        let mut builder = Hyperliquid::builder().environment(network).credentials(credentials);
        if let Some(url) = wanted.base_url {
            builder = builder.base_url(url);
        }
        if let Some(capabilities) = &wanted.capabilities {
            builder = builder.capabilities(capabilities.clone());
        }
        let venue = builder.build().map_err(unfit)?;
        let clock = Box::new(venue.clock());
        return Ok(Opened { line: Line::Trading(Box::new(venue)), clock, account });
    }
    let account = Account::from_variables(&variable).map_err(unfit)?;
    let name = account.target().to_string();
    let mut builder = Reader::builder().environment(network).account(account);
    if let Some(url) = wanted.base_url {
        builder = builder.base_url(url);
    }
    if let Some(capabilities) = &wanted.capabilities {
        builder = builder.capabilities(capabilities.clone());
    }
    let venue = builder.build_reader().map_err(unfit)?;
    let clock = Box::new(venue.clock());
    Ok(Opened { line: Line::Reading(Box::new(venue)), clock, account: name })
}

/// The library's own text holds no secret.
fn unfit(error: ConfigError) -> Failure {
    match error {
        ConfigError::MissingVariables(names) => Failure::input(format!(
            "not set: {}; put them into the environment or into a file .env, see .env.example",
            names.join(", ")
        )),
        ConfigError::BaseUrl(problem) => Failure::input(format!("--base-url: {problem}")),
        error => Failure::input(error),
    }
}
