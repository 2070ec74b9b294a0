//! Venues that show an account only to a key of its own: the same key reads and, where it may, trades.

use super::{Access, Line, Opened, Wanted};
use crate::failure::Failure;

/// The three crates have the same shape and no common trait: a builder is used once, here.
macro_rules! keyed {
    ($open:ident, $library:ident, $venue:ident) => {
        /// Opens it. For reading a key that may only read is enough, and better.
        pub(super) fn $open(wanted: &Wanted<'_>, access: Access) -> Result<Opened, Failure> {
            use $library::{ConfigError, Credentials, Environment, KEY_VARIABLE, $venue};

            let unfit = |error: ConfigError| match error {
                ConfigError::MissingVariables(names) => super::not_set(&names),
                ConfigError::BaseUrl(problem) => Failure::input(format!("--base-url: {problem}")),
                error => Failure::input(error),
            };
            let environment: Environment = wanted.environment.name().parse().map_err(unfit)?;
            let credentials =
                Credentials::from_variables(&|name| wanted.variables.get(name)).map_err(unfit)?;
            let mut builder = $venue::builder().environment(environment).credentials(credentials);
            if let Some(url) = wanted.base_url {
                builder = builder.base_url(url);
            }
            if let Some(capabilities) = &wanted.capabilities {
                builder = builder.capabilities(capabilities.clone());
            }
            // The venue's own name of the account is known only after asking; a key is never shown.
            let account = format!("of {KEY_VARIABLE}");
            Ok(if access == Access::Read {
                let venue = builder.build_reader().map_err(unfit)?;
                Opened { clock: Box::new(venue.clock()), line: Line::Reading(Box::new(venue)), account }
            } else {
                let venue = builder.build().map_err(unfit)?;
                Opened { clock: Box::new(venue.clock()), line: Line::Trading(Box::new(venue)), account }
            })
        }
    };
}

keyed!(binance, evenkeel_binance, Binance);
keyed!(bybit, evenkeel_bybit, Bybit);
keyed!(bingx, evenkeel_bingx, BingX);
