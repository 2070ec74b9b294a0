//! Which environment, which key. Nothing here has a default that could cost money.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{Clock, SystemClock};
use evenkeel_http::feed::{Sockets, WebSockets};
use evenkeel_http::{
    BaseUrl, InvalidBaseUrl, ReqwestTransport, Secret, Transport, one_line, sensitive_header,
};
use evenkeel_types::{AccountId, Capabilities};
use http::HeaderValue;

use crate::capabilities::{REQUEST_VALIDITY, capabilities};
use crate::sign::Key;
use crate::venue::{Binance, Reader};

/// Variable with the API key.
pub const KEY_VARIABLE: &str = "BINANCE_API_KEY";
/// Variable with the secret of an HMAC key.
pub const SECRET_VARIABLE: &str = "BINANCE_API_SECRET";
/// Variable with the private half of an Ed25519 key, instead of the secret: a PKCS#8 PEM, or the seed in hex or base64.
pub const ED25519_VARIABLE: &str = "BINANCE_ED25519_PRIVATE_KEY";

/// Validity below which ordinary round trips and clock errors would kill requests.
const VALIDITY_MIN: Duration = Duration::from_secs(1);
/// Validity above which a lost order stays possible for longer than it is waited for.
pub(crate) const VALIDITY_MAX: Duration = Duration::from_secs(5);
/// How long an answer is waited for. The venue itself gives up earlier and says so (-1007).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Which of the venue's environments. They have different keys, accounts and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Environment {
    /// Real money.
    Mainnet,
    /// The venue's demo trading, which was called testnet before.
    Demo,
}

impl Environment {
    fn base_url(self) -> &'static str {
        match self {
            Environment::Mainnet => "https://fapi.binance.com",
            Environment::Demo => "https://demo-fapi.binance.com",
        }
    }

    fn stream_url(self) -> &'static str {
        match self {
            Environment::Mainnet => "wss://fstream.binance.com",
            Environment::Demo => "wss://demo-fstream.binance.com",
        }
    }

    /// Where money is moved between wallets. The demo environment is not documented to have that.
    fn wallet_url(self) -> Option<&'static str> {
        match self {
            Environment::Mainnet => Some("https://api.binance.com"),
            Environment::Demo => None,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Environment::Mainnet => "mainnet",
            Environment::Demo => "demo",
        })
    }
}

impl std::str::FromStr for Environment {
    type Err = ConfigError;

    /// `testnet` is the old name of `demo`, and the same servers.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "mainnet" => Ok(Environment::Mainnet),
            "demo" | "testnet" => Ok(Environment::Demo),
            other => Err(ConfigError::Environment(one_line(other, 20))),
        }
    }
}

fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// An API key and what signs for it. Nothing of it is ever printed.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) header: HeaderValue,
    pub(crate) key: Arc<Key>,
    /// Tells accounts apart in the names of limits, without the key.
    pub(crate) fingerprint: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.key)
    }
}

impl Credentials {
    /// An API key whose requests are signed with this.
    ///
    /// # Errors
    /// [`ConfigError::Variable`] for a key that no header can carry.
    pub fn new(api_key: &Secret, key: Key) -> Result<Self, ConfigError> {
        let header = sensitive_header(api_key)
            .map_err(|error| ConfigError::Variable { variable: KEY_VARIABLE, problem: error.to_string() })?;
        let digest =
            evenkeel_http::HmacKey::from_bytes(b"evenkeel account").sign_hex(api_key.expose().as_bytes());
        let fingerprint = digest.chars().take(16).collect();
        Ok(Self { header, key: Arc::new(key), fingerprint })
    }

    /// From the environment: [`KEY_VARIABLE`], and [`SECRET_VARIABLE`] or [`ED25519_VARIABLE`].
    ///
    /// # Errors
    /// [`ConfigError`] naming all variables that are missing, or the one that is wrong; never a value.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(&environment_variable)
    }

    /// The same from any source of variables.
    ///
    /// # Errors
    /// As [`Credentials::from_env`].
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        // Wiped when dropped; without the line break that files end with.
        let set = |name: &str| {
            let secret = variable(name).map(Secret::from)?;
            let trimmed = secret.expose().trim();
            (!trimmed.is_empty()).then(|| Secret::from(trimmed.to_owned()))
        };
        let (api_key, secret, private) = (set(KEY_VARIABLE), set(SECRET_VARIABLE), set(ED25519_VARIABLE));
        let mut missing = Vec::new();
        if api_key.is_none() {
            missing.push(KEY_VARIABLE);
        }
        if secret.is_none() && private.is_none() {
            missing.push(SECRET_VARIABLE);
        }
        let key = match (secret, private) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoKeys),
            (Some(secret), None) => Some(Key::hmac(&secret)),
            (None, Some(private)) => Some(Key::ed25519(&private).map_err(|error| ConfigError::Variable {
                variable: ED25519_VARIABLE,
                problem: error.to_string(),
            })?),
            (None, None) => None,
        };
        match (api_key, key) {
            (Some(api_key), Some(key)) => Self::new(&api_key, key),
            _ => Err(ConfigError::MissingVariables(missing)),
        }
    }
}

/// Why a connector could not be built. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No environment was stated.
    #[error("state the environment: mainnet or demo; there is no default")]
    NoEnvironment,
    /// An environment that the venue does not have.
    #[error("there is no environment `{0}`; allowed are mainnet and demo")]
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
    /// Both kinds of key.
    #[error("set {SECRET_VARIABLE} or {ED25519_VARIABLE}, not both")]
    TwoKeys,
    /// No credentials were given.
    #[error("give credentials; the venue shows an account only to its key")]
    NoCredentials,
    /// A base URL that cannot be used.
    #[error("base URL: {0}")]
    BaseUrl(InvalidBaseUrl),
    /// A request validity outside what makes sense.
    #[error("a request validity must lie between 1 and 5 s")]
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
    pub(crate) account: Option<AccountId>,
    pub(crate) base_url: BaseUrl,
    /// The server of the wallet interface, where there is one.
    pub(crate) wallet_url: Option<BaseUrl>,
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

    /// The key. For [`Builder::build_reader`] one that may only read is enough, and better.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// How the account is called in snapshots. Without it, by the code that the venue gives it (`accountAlias`), which is
    /// read once.
    #[must_use]
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    /// Another server that speaks the venue's protocol, for tests: `http://127.0.0.1:3001`. Without `https` only this
    /// very host and port is ever talked to.
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

    /// How long the venue may carry out a request after it was signed (`recvWindow`), 1 to 5 s; 5 s where nothing is given.
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
    pub fn build(self) -> Result<Binance, ConfigError> {
        Ok(Binance::new(self.settings()?))
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
        let credentials = self.credentials.ok_or(ConfigError::NoCredentials)?;
        let validity = self.validity.unwrap_or(REQUEST_VALIDITY);
        if !(VALIDITY_MIN..=VALIDITY_MAX).contains(&validity) {
            return Err(ConfigError::Validity);
        }
        let server = self.base_url.as_deref().unwrap_or(environment.base_url());
        let base_url: BaseUrl = server.parse().map_err(ConfigError::BaseUrl)?;
        let wallet_url = environment.wallet_url().map(|own| match self.base_url {
            Some(_) => Ok(base_url.clone()),
            None => own.parse().map_err(ConfigError::BaseUrl),
        });
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
        // Every signed request carries it, so it is a fact.
        capabilities.request_validity = Some(validity);
        Ok(Settings {
            environment,
            credentials,
            account: self.account,
            base_url,
            wallet_url: wallet_url.transpose()?,
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

    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

    fn credentials(set: &[(&str, &str)]) -> Result<Credentials, String> {
        let owned: Vec<(String, String)> =
            set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let variable =
            move |name: &str| owned.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Credentials::from_variables(&variable).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_that_are_missing_are_named_all_at_once() {
        assert_eq!(credentials(&[]).unwrap_err(), "not set: BINANCE_API_KEY, BINANCE_API_SECRET");
        assert_eq!(credentials(&[(KEY_VARIABLE, "k")]).unwrap_err(), "not set: BINANCE_API_SECRET");
        assert_eq!(
            credentials(&[(SECRET_VARIABLE, "s"), (KEY_VARIABLE, " ")]).unwrap_err(),
            "not set: BINANCE_API_KEY"
        );
        assert_eq!(credentials(&[(ED25519_VARIABLE, SEED)]).unwrap_err(), "not set: BINANCE_API_KEY");
    }

    #[test]
    fn wrong_values_name_the_variable_and_show_nothing() {
        let error = credentials(&[(KEY_VARIABLE, "k"), (ED25519_VARIABLE, "abc123")]).unwrap_err();
        assert!(error.starts_with("BINANCE_ED25519_PRIVATE_KEY: ") && !error.contains("abc123"), "{error}");
        let both = [(KEY_VARIABLE, "k"), (SECRET_VARIABLE, "s"), (ED25519_VARIABLE, SEED)];
        assert!(credentials(&both).unwrap_err().contains("not both"));
        let error = credentials(&[(KEY_VARIABLE, "k\nj"), (SECRET_VARIABLE, "s")]).unwrap_err();
        assert!(error.starts_with("BINANCE_API_KEY: "), "{error}");
        let found = credentials(&[(KEY_VARIABLE, "canary-key\n"), (SECRET_VARIABLE, "canary-secret")]);
        assert_eq!(format!("{:?}", found.unwrap()), "Credentials(Key(HMAC ***))");
    }

    #[test]
    fn nothing_that_matters_has_a_default() {
        let found = credentials(&[(KEY_VARIABLE, "k"), (SECRET_VARIABLE, "s")]).unwrap();
        let built = Binance::builder().credentials(found.clone()).build();
        assert_eq!(built.unwrap_err(), ConfigError::NoEnvironment);
        let built = Reader::builder().environment(Environment::Demo).build_reader();
        assert_eq!(built.unwrap_err(), ConfigError::NoCredentials);
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
            let built = Binance::builder()
                .environment(Environment::Demo)
                .credentials(found.clone())
                .base_url(url)
                .build();
            assert!(matches!(built.unwrap_err(), ConfigError::BaseUrl(_)), "{url}");
        }
        for seconds in [0, 6, 60] {
            let built = Binance::builder()
                .environment(Environment::Demo)
                .credentials(found.clone())
                .request_validity(Duration::from_secs(seconds))
                .build();
            assert_eq!(built.unwrap_err(), ConfigError::Validity, "{seconds}");
        }
        assert!("prod".parse::<Environment>().unwrap_err().to_string().contains("mainnet and demo"));
        assert_eq!("testnet".parse::<Environment>().unwrap(), Environment::Demo);
    }
}
