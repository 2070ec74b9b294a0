//! Which environment, which key. Nothing here has a default that could cost money.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{Clock, SystemClock};
use evenkeel_http::feed::{Sockets, WebSockets};
use evenkeel_http::{
    BaseUrl, HmacKey, InvalidBaseUrl, ReqwestTransport, Secret, Transport, sensitive_header,
};
use evenkeel_types::{AccountId, Capabilities, FeeRates};
use http::HeaderValue;

use crate::capabilities::{REQUEST_VALIDITY, capabilities};
use crate::venue::{Bybit, Reader};

/// Variable with the API key.
pub const KEY_VARIABLE: &str = "BYBIT_API_KEY";
/// Variable with the API key's secret.
pub const SECRET_VARIABLE: &str = "BYBIT_API_SECRET";

/// Below that an ordinary round trip is too late.
const VALIDITY_MIN: Duration = Duration::from_secs(1);
/// Above that a lost request stays possible for longer than anybody waits for its answer.
pub(crate) const VALIDITY_MAX: Duration = Duration::from_secs(10);
/// How long an answer is waited for: twice the usual validity, so that an answer that did not come will not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Which of the venue's environments. Each has keys of its own; a key of another one is refused (10003).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Environment {
    /// Real money.
    Mainnet,
    /// The venue's test network: other markets, other tiers.
    Testnet,
    /// Virtual money at the prices of the real markets. Orders are kept for seven days; not every call is offered (fee
    /// rates may not be: see [`Builder::fees`]).
    Demo,
}

impl Environment {
    fn base_url(self) -> &'static str {
        match self {
            Environment::Mainnet => "https://api.bybit.com",
            Environment::Testnet => "https://api-testnet.bybit.com",
            Environment::Demo => "https://api-demo.bybit.com",
        }
    }

    fn stream_url(self) -> &'static str {
        match self {
            Environment::Mainnet => "wss://stream.bybit.com",
            Environment::Testnet => "wss://stream-testnet.bybit.com",
            Environment::Demo => "wss://stream-demo.bybit.com",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Environment::Mainnet => "mainnet",
            Environment::Testnet => "testnet",
            Environment::Demo => "demo",
        })
    }
}

impl std::str::FromStr for Environment {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "mainnet" => Ok(Environment::Mainnet),
            "testnet" => Ok(Environment::Testnet),
            "demo" => Ok(Environment::Demo),
            other => Err(ConfigError::Environment(other.chars().take(20).collect())),
        }
    }
}

/// An API key and its secret. For a [`Reader`] a key that may only read is enough.
#[derive(Clone)]
pub struct Credentials {
    /// Signed too, so that its text is needed beside the header.
    pub(crate) key: Secret,
    pub(crate) header: HeaderValue,
    pub(crate) secret: HmacKey,
}

impl Credentials {
    /// A key and its secret, as the venue issued them.
    ///
    /// # Errors
    /// [`ConfigError::Variable`] for an empty one, or a key that no header can carry. Neither is shown.
    pub fn new(key: &Secret, secret: &Secret) -> Result<Self, ConfigError> {
        let wrong = |variable, problem: &str| ConfigError::Variable { variable, problem: problem.to_owned() };
        if secret.expose().is_empty() {
            return Err(wrong(SECRET_VARIABLE, "it is empty"));
        }
        if key.expose().is_empty() {
            return Err(wrong(KEY_VARIABLE, "it is empty"));
        }
        let header = sensitive_header(key).map_err(|error| wrong(KEY_VARIABLE, &error.to_string()))?;
        Ok(Self { key: key.clone(), header, secret: HmacKey::new(secret) })
    }

    /// From the environment: [`KEY_VARIABLE`] and [`SECRET_VARIABLE`].
    ///
    /// # Errors
    /// [`ConfigError`] naming all variables that are missing, or the one that is wrong; never its value.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// The same from any source of variables.
    ///
    /// # Errors
    /// As [`Credentials::from_env`].
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = |name: &'static str| {
            // Wiped when dropped, as the trimmed one is.
            let value = variable(name).map(Secret::from).ok_or(name)?;
            let trimmed = value.expose().trim();
            if trimmed.is_empty() { Err(name) } else { Ok(Secret::from(trimmed.to_owned())) }
        };
        match (read(KEY_VARIABLE), read(SECRET_VARIABLE)) {
            (Ok(key), Ok(secret)) => Self::new(&key, &secret),
            (key, secret) => {
                let missing = [key.err(), secret.err()].into_iter().flatten().collect();
                Err(ConfigError::MissingVariables(missing))
            }
        }
    }

    /// A name for the key that says nothing about it: what its requests are counted by in this process.
    pub(crate) fn fingerprint(&self) -> String {
        self.secret.sign_hex(b"evenkeel rate limit scope").chars().take(12).collect()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// Why a connector could not be built. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No environment was stated.
    #[error("state the environment: mainnet, testnet or demo; there is no default")]
    NoEnvironment,
    /// An environment that the venue does not have.
    #[error("there is no environment `{0}`; allowed are mainnet, testnet and demo")]
    Environment(String),
    /// Variables that are needed and not set.
    #[error("not set: {}", .0.join(", "))]
    MissingVariables(Vec<&'static str>),
    /// A variable whose value is not understood.
    #[error("{variable}: {problem}")]
    Variable {
        /// Which.
        variable: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// No credentials were given.
    #[error("give {0}")]
    Missing(&'static str),
    /// A name of the account that is not allowed.
    #[error("account: {0}")]
    Account(String),
    /// A base URL that cannot be used.
    #[error("base URL: {0}")]
    BaseUrl(InvalidBaseUrl),
    /// A request validity outside what the venue takes.
    #[error("a request validity must lie between 1 and 10 s")]
    Validity,
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built: {0}")]
    Transport(String),
}

/// Builds a connector. Only [`Builder::build`] and [`Builder::build_reader`] can fail.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    environment: Option<Environment>,
    credentials: Option<Credentials>,
    account: Option<AccountId>,
    fees: Option<FeeRates>,
    base_url: Option<String>,
    clock: Option<Arc<dyn Clock>>,
    transport: Option<Arc<dyn Transport>>,
    sockets: Option<Arc<dyn Sockets>>,
    capabilities: Option<Capabilities>,
    validity: Option<Duration>,
    timeout: Option<Duration>,
}

/// What both connectors are built from.
pub(crate) struct Settings {
    pub(crate) environment: Environment,
    pub(crate) credentials: Credentials,
    pub(crate) account: AccountId,
    pub(crate) fees: Option<FeeRates>,
    pub(crate) base_url: BaseUrl,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) sockets: Arc<dyn Sockets>,
    pub(crate) stream_url: String,
    pub(crate) capabilities: Capabilities,
    pub(crate) timeout: Duration,
    pub(crate) validity: Duration,
}

impl Builder {
    /// Which environment. Must be stated.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Key and secret.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// How snapshots call the account; a name made from the key where nothing is given.
    #[must_use]
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    /// Another host: one of the venue's regional ones (`https://api.bybit.eu`), or a server that speaks its protocol, for
    /// tests (`http://127.0.0.1:3001`). Without `https` only this very host and port is ever talked to. What is signed
    /// stays valid at the venue: use test keys.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The clock; the system's where none is given.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The transport; reqwest with rustls where none is given.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// What opens the private stream; tungstenite with rustls where nothing is given.
    #[must_use]
    pub fn sockets(mut self, sockets: Arc<dyn Sockets>) -> Self {
        self.sockets = Some(sockets);
        self
    }

    /// What the venue lets one do, where it was probed; the documented [`capabilities`] where nothing is given.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// The account's fee rates, where the venue does not tell them: the demo environment may not. Rates that the venue
    /// tells win.
    #[must_use]
    pub fn fees(mut self, fees: FeeRates) -> Self {
        self.fees = Some(fees);
        self
    }

    /// How long the venue may carry out a request after it was signed, 1 to 10 s; 5 s where nothing is given.
    #[must_use]
    pub fn request_validity(mut self, validity: Duration) -> Self {
        self.validity = Some(validity);
        self
    }

    /// How long an answer is waited for; 10 s where nothing is given.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A connector that can trade. Sends nothing.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn build(self) -> Result<Bybit, ConfigError> {
        Ok(Bybit::new(self.settings()?))
    }

    /// A connector that only reads. Sends nothing.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn build_reader(self) -> Result<Reader, ConfigError> {
        Ok(Reader::new(self.settings()?))
    }

    fn settings(self) -> Result<Settings, ConfigError> {
        let environment = self.environment.ok_or(ConfigError::NoEnvironment)?;
        let credentials = self.credentials;
        let credentials =
            credentials.ok_or(ConfigError::Missing("credentials: the account is read with a key too"))?;
        let validity = self.validity.unwrap_or(REQUEST_VALIDITY);
        if !(VALIDITY_MIN..=VALIDITY_MAX).contains(&validity) {
            return Err(ConfigError::Validity);
        }
        let server = self.base_url.as_deref().unwrap_or(environment.base_url());
        let base_url: BaseUrl = server.parse().map_err(ConfigError::BaseUrl)?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(
                ReqwestTransport::to(&base_url).map_err(|error| ConfigError::Transport(error.to_string()))?,
            ),
        };
        let sockets = match self.sockets {
            Some(sockets) => sockets,
            None => Arc::new(
                WebSockets::to(&base_url).map_err(|error| ConfigError::Transport(error.to_string()))?,
            ),
        };
        // Another server has its streams beside its calls.
        let stream_url = match self.base_url {
            Some(_) => base_url.websocket(),
            None => environment.stream_url().to_owned(),
        };
        let mut capabilities = self.capabilities.unwrap_or_else(capabilities);
        // Every signed request carries it.
        capabilities.request_validity = Some(validity);
        let account = match self.account {
            Some(account) => account,
            None => AccountId::new(&format!("key-{}", credentials.fingerprint()))
                .map_err(|error| ConfigError::Account(error.to_string()))?,
        };
        Ok(Settings {
            environment,
            credentials,
            account,
            fees: self.fees,
            base_url,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            transport,
            sockets,
            stream_url,
            capabilities,
            timeout: self.timeout.unwrap_or(ANSWER_TIMEOUT),
            validity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(set: &[(&str, &str)]) -> Result<Credentials, String> {
        let owned: Vec<(String, String)> =
            set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let variable =
            move |name: &str| owned.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Credentials::from_variables(&variable).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_that_are_missing_are_named_all_at_once() {
        assert_eq!(credentials(&[]).unwrap_err(), "not set: BYBIT_API_KEY, BYBIT_API_SECRET");
        assert_eq!(credentials(&[(KEY_VARIABLE, "k")]).unwrap_err(), "not set: BYBIT_API_SECRET");
        let blank = [(SECRET_VARIABLE, "s"), (KEY_VARIABLE, " ")];
        assert_eq!(credentials(&blank).unwrap_err(), "not set: BYBIT_API_KEY");
    }

    #[test]
    fn wrong_values_name_the_variable_and_are_never_shown() {
        let error = credentials(&[(KEY_VARIABLE, "abc\u{1}123"), (SECRET_VARIABLE, "hush")]).unwrap_err();
        assert!(error.starts_with("BYBIT_API_KEY: ") && !error.contains("abc"), "{error}");
        let found = credentials(&[(KEY_VARIABLE, "canary-key"), (SECRET_VARIABLE, "canary-secret")]).unwrap();
        let printed = format!("{found:?} {:?}", Bybit::builder().credentials(found.clone()));
        assert!(!printed.contains("canary"), "{printed}");
        assert_eq!(found.fingerprint().len(), 12);
    }

    #[test]
    fn nothing_that_matters_has_a_default() {
        let found = credentials(&[(KEY_VARIABLE, "k"), (SECRET_VARIABLE, "s")]).unwrap();
        let built = Bybit::builder().credentials(found.clone()).build();
        assert_eq!(built.unwrap_err(), ConfigError::NoEnvironment);
        let built = Bybit::builder().environment(Environment::Demo).build();
        assert!(matches!(built.unwrap_err(), ConfigError::Missing(_)));
        let with = || Bybit::builder().environment(Environment::Demo).credentials(found.clone());
        for url in [
            "ftp://x",
            "http://",
            "127.0.0.1:1",
            "http://localhost",
            "http://a:1/b",
            "http://u:p@h:1",
            "http://h:1?x=1",
            "\u{7}",
        ] {
            let built = with().base_url(url).build();
            assert!(matches!(built.unwrap_err(), ConfigError::BaseUrl(_)), "{url}");
        }
        for millis in [0, 999, 10_001, 60_000] {
            let built = with().request_validity(Duration::from_millis(millis)).build();
            assert_eq!(built.unwrap_err(), ConfigError::Validity);
        }
        assert!("prod".parse::<Environment>().unwrap_err().to_string().contains("testnet and demo"));
        assert_eq!("demo".parse::<Environment>().unwrap(), Environment::Demo);
    }
}
