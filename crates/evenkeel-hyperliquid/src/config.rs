//! Which network, which account, which key. Nothing here has a default that could cost money.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{Clock, SystemClock};
use evenkeel_http::feed::{Sockets, WebSockets};
use evenkeel_http::{BaseUrl, InvalidBaseUrl, ReqwestTransport, Secret, Transport};
use evenkeel_types::Capabilities;

use crate::capabilities::capabilities;
use crate::sign::{AccountAddress, Address, AgentKey, MasterKey, Network, Signer};
use crate::venue::{Hyperliquid, Reader};

/// Variable with the address of the account: the one that holds the money, never that of an agent.
pub const ACCOUNT_VARIABLE: &str = "HYPERLIQUID_ACCOUNT_ADDRESS";
/// Variable with the private key of an agent (API wallet) that the account approved.
pub const AGENT_KEY_VARIABLE: &str = "HYPERLIQUID_AGENT_KEY";
/// Variable with the address of a sub-account to trade for instead; optional.
pub const SUB_ACCOUNT_VARIABLE: &str = "HYPERLIQUID_SUBACCOUNT_ADDRESS";
/// Variable with the address of a vault to trade for instead; optional.
pub const VAULT_VARIABLE: &str = "HYPERLIQUID_VAULT_ADDRESS";

/// How long one of our actions stays valid at the venue. The documentation advises five to ten seconds: less, and a
/// slow block kills it, which costs five requests of the address's budget; more, and a lost one stays dangerous longer.
const REQUEST_VALIDITY: Duration = Duration::from_secs(10);
/// Validity below which an ordinary block time would kill actions.
const VALIDITY_MIN: Duration = Duration::from_secs(2);
/// Validity above which a lost action stays possible for longer than anybody watches.
const VALIDITY_MAX: Duration = Duration::from_secs(60);
/// How long an answer is waited for. The venue answers a write after its block, some hundred milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Which of the venue's networks. They have different accounts, markets and margin tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Environment {
    /// Real money.
    Mainnet,
    /// The venue's test network.
    Testnet,
}

impl Environment {
    pub(crate) fn network(self) -> Network {
        match self {
            Environment::Mainnet => Network::Mainnet,
            Environment::Testnet => Network::Testnet,
        }
    }

    fn base_url(self) -> &'static str {
        match self {
            Environment::Mainnet => "https://api.hyperliquid.xyz",
            Environment::Testnet => "https://api.hyperliquid-testnet.xyz",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Environment::Mainnet => "mainnet",
            Environment::Testnet => "testnet",
        })
    }
}

impl std::str::FromStr for Environment {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "mainnet" => Ok(Environment::Mainnet),
            "testnet" => Ok(Environment::Testnet),
            other => Err(ConfigError::Environment(other.chars().take(20).collect())),
        }
    }
}

/// Whose positions are read and traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // The venue has these three, and each is signed differently.
pub enum ActingFor {
    /// The account itself.
    Own,
    /// A sub-account of it.
    SubAccount(AccountAddress),
    /// A vault that it leads.
    Vault(AccountAddress),
}

/// An account, and what of it is acted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    master: AccountAddress,
    acting_for: ActingFor,
}

impl Account {
    /// The account itself.
    #[must_use]
    pub fn new(master: AccountAddress) -> Self {
        Self { master, acting_for: ActingFor::Own }
    }

    /// A sub-account or a vault of it.
    #[must_use]
    pub fn acting_for(self, acting_for: ActingFor) -> Self {
        Self { acting_for, ..self }
    }

    /// From the environment: [`ACCOUNT_VARIABLE`], and where set [`SUB_ACCOUNT_VARIABLE`] or [`VAULT_VARIABLE`].
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(&environment_variable)
    }

    /// The same from any source of variables.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let Some(account) = set(ACCOUNT_VARIABLE) else {
            return Err(ConfigError::MissingVariables(vec![ACCOUNT_VARIABLE]));
        };
        let master = address(ACCOUNT_VARIABLE, &account)?;
        let acting_for = match (set(SUB_ACCOUNT_VARIABLE), set(VAULT_VARIABLE)) {
            (None, None) => ActingFor::Own,
            (Some(text), None) => ActingFor::SubAccount(address(SUB_ACCOUNT_VARIABLE, &text)?),
            (None, Some(text)) => ActingFor::Vault(address(VAULT_VARIABLE, &text)?),
            (Some(_), Some(_)) => return Err(ConfigError::TwoTargets),
        };
        Ok(Self { master, acting_for })
    }

    /// The account that approved the agent.
    #[must_use]
    pub fn master(&self) -> AccountAddress {
        self.master
    }

    /// Whose positions are read and traded.
    #[must_use]
    pub fn target(&self) -> AccountAddress {
        match self.acting_for {
            ActingFor::Own => self.master,
            ActingFor::SubAccount(address) | ActingFor::Vault(address) => address,
        }
    }

    /// Which of the three.
    #[must_use]
    pub fn kind(&self) -> ActingFor {
        self.acting_for
    }

    /// What goes into the signature as `vaultAddress`: the sub-account or vault, nothing for the account itself.
    pub(crate) fn vault(&self) -> Option<Address> {
        match self.acting_for {
            ActingFor::Own => None,
            ActingFor::SubAccount(address) | ActingFor::Vault(address) => Some(address.get()),
        }
    }
}

fn address(variable: &'static str, text: &str) -> Result<AccountAddress, ConfigError> {
    AccountAddress::parse(text.trim())
        .map_err(|error| ConfigError::Variable { variable, problem: error.to_string() })
}

fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A key that signs, and the account that it signs for: two kinds of address that cannot be confused.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) account: Account,
    /// Only a master key can move money between wallets.
    pub(crate) master: Option<Arc<MasterKey>>,
}

impl Credentials {
    /// An agent (API wallet) that the account approved. It can trade and set leverage, and cannot withdraw.
    #[must_use]
    pub fn agent(key: AgentKey, account: Account) -> Self {
        Self { signer: Arc::new(key), account, master: None }
    }

    /// A signer of your own, whose key lives elsewhere. Its address must be an agent of the account.
    #[must_use]
    pub fn signer(signer: Arc<dyn Signer>, account: Account) -> Self {
        Self { signer, account, master: None }
    }

    /// The account's own key, which can withdraw everything: only for what an agent may not do, which is moving money
    /// between the spot and the perpetual wallet. Search for this name in review.
    ///
    /// # Errors
    /// [`ConfigError::NotTheMaster`] when the key is not that of the account.
    pub fn danger_master(key: MasterKey, account: Account) -> Result<Self, ConfigError> {
        if key.address() != account.master {
            return Err(ConfigError::NotTheMaster);
        }
        Ok(Self { signer: Arc::new(key.as_signer()), account, master: Some(Arc::new(key)) })
    }

    /// From the environment: [`AGENT_KEY_VARIABLE`] and what [`Account::from_env`] reads.
    ///
    /// # Errors
    /// [`ConfigError`] naming all variables that are missing, or the one that is wrong; never its value where it is a
    /// key.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(&environment_variable)
    }

    /// The same from any source of variables.
    ///
    /// # Errors
    /// As [`Credentials::from_env`].
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        // Wiped when dropped, as the key made from it is.
        let key = variable(AGENT_KEY_VARIABLE).map(Secret::from);
        let key = key.filter(|value| !value.expose().trim().is_empty());
        match (key, Account::from_variables(variable)) {
            (Some(key), Ok(account)) => {
                let key = AgentKey::from_hex(key.expose().trim()).map_err(|error| ConfigError::Variable {
                    variable: AGENT_KEY_VARIABLE,
                    problem: error.to_string(),
                })?;
                Ok(Self::agent(key, account))
            }
            (None, Err(ConfigError::MissingVariables(mut names))) => {
                names.push(AGENT_KEY_VARIABLE);
                Err(ConfigError::MissingVariables(names))
            }
            (_, Err(error)) => Err(error),
            (None, Ok(_)) => Err(ConfigError::MissingVariables(vec![AGENT_KEY_VARIABLE])),
        }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> Account {
        self.account
    }
}

/// Why a connector could not be built. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No environment was stated.
    #[error("state the environment: mainnet or testnet; there is no default")]
    NoEnvironment,
    /// An environment that the venue does not have.
    #[error("there is no environment `{0}`; allowed are mainnet and testnet")]
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
    /// Both a sub-account and a vault were named.
    #[error("set {SUB_ACCOUNT_VARIABLE} or {VAULT_VARIABLE}, not both")]
    TwoTargets,
    /// The account's address is that of the signing key.
    #[error(
        "the account address is that of the signing key: name the account that approved this agent, or use its own key through danger_master"
    )]
    AgentIsTheAccount,
    /// A master key of another account.
    #[error("the key is not that of the account {ACCOUNT_VARIABLE} names")]
    NotTheMaster,
    /// No credentials or account were given.
    #[error("give {0}")]
    Missing(&'static str),
    /// A base URL that cannot be used.
    #[error("base URL: {0}")]
    BaseUrl(InvalidBaseUrl),
    /// A request validity outside what makes sense.
    #[error("a request validity must lie between 2 and 60 s")]
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
    account: Option<Account>,
    base_url: Option<String>,
    clock: Option<Arc<dyn Clock>>,
    transport: Option<Arc<dyn Transport>>,
    sockets: Option<Arc<dyn Sockets>>,
    capabilities: Option<Capabilities>,
    validity: Option<Duration>,
    timeout: Option<Duration>,
    dexes: Vec<String>,
}

/// What both connectors are built from.
pub(crate) struct Settings {
    pub(crate) environment: Environment,
    pub(crate) base_url: BaseUrl,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) sockets: Arc<dyn Sockets>,
    pub(crate) capabilities: Capabilities,
    pub(crate) timeout: Duration,
    pub(crate) dexes: Vec<String>,
    pub(crate) validity: Duration,
}

impl Builder {
    /// Which network. Must be stated.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Key and account, for trading.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The account, for reading only. Anybody may read any account.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }

    /// Another server that speaks the venue's protocol, for tests: `http://127.0.0.1:3001`. Without `https` only this
    /// very host and port is ever talked to. What is signed stays valid on the real network of the environment: use
    /// test keys.
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

    /// How long the venue may carry out an action after it was signed, 2 to 60 s; 10 s where nothing is given.
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

    /// Builder dexes that are always read, beside those that hold something or are in scope.
    #[must_use]
    pub fn dexes<S: Into<String>>(mut self, dexes: impl IntoIterator<Item = S>) -> Self {
        self.dexes = dexes.into_iter().map(Into::into).collect();
        self
    }

    /// A connector that can trade. Sends nothing.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn build(self) -> Result<Hyperliquid, ConfigError> {
        let Some(credentials) = self.credentials.clone() else {
            return Err(ConfigError::Missing("credentials; to only read an account, use build_reader"));
        };
        let (signer, account) = (credentials.signer.address().get(), credentials.account);
        let own = [account.master().get(), account.target().get()];
        if credentials.master.is_none() && own.contains(&signer) {
            return Err(ConfigError::AgentIsTheAccount);
        }
        Ok(Hyperliquid::new(self.settings()?, credentials))
    }

    /// A connector that only reads, and holds no key. Sends nothing.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn build_reader(self) -> Result<Reader, ConfigError> {
        let account = self.account.or(self.credentials.as_ref().map(Credentials::account));
        let Some(account) = account else { return Err(ConfigError::Missing("the account to read")) };
        Ok(Reader::new(self.settings()?, account))
    }

    fn settings(self) -> Result<Settings, ConfigError> {
        let environment = self.environment.ok_or(ConfigError::NoEnvironment)?;
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
        let mut capabilities = self.capabilities.unwrap_or_else(capabilities);
        // Every action carries it, so it is a fact.
        capabilities.request_validity = Some(validity);
        Ok(Settings {
            environment,
            base_url,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            transport,
            sockets,
            capabilities,
            timeout: self.timeout.unwrap_or(ANSWER_TIMEOUT),
            dexes: self.dexes,
            validity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
    const SIGNER: &str = "0x14791697260e4c9a71f18484c9f997b308e59325";
    const MASTER: &str = "0x5e9ee1089755c3435139848e47e6635505d5a13a";
    const SUB: &str = "0x1719884eb866cb12b2287399b15f7db5e7d775ea";

    fn credentials(set: &[(&str, &str)]) -> Result<Credentials, String> {
        let owned: Vec<(String, String)> =
            set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let variable =
            move |name: &str| owned.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Credentials::from_variables(&variable).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_that_are_missing_are_named_all_at_once() {
        assert_eq!(
            credentials(&[]).unwrap_err(),
            "not set: HYPERLIQUID_ACCOUNT_ADDRESS, HYPERLIQUID_AGENT_KEY"
        );
        assert_eq!(credentials(&[(ACCOUNT_VARIABLE, MASTER)]).unwrap_err(), "not set: HYPERLIQUID_AGENT_KEY");
        assert_eq!(
            credentials(&[(AGENT_KEY_VARIABLE, KEY), (ACCOUNT_VARIABLE, " ")]).unwrap_err(),
            "not set: HYPERLIQUID_ACCOUNT_ADDRESS"
        );
    }

    #[test]
    fn wrong_values_name_the_variable_and_never_show_a_key() {
        let error = credentials(&[(AGENT_KEY_VARIABLE, "0xabc123"), (ACCOUNT_VARIABLE, MASTER)]).unwrap_err();
        assert!(error.starts_with("HYPERLIQUID_AGENT_KEY: ") && !error.contains("abc123"), "{error}");
        let error = credentials(&[(AGENT_KEY_VARIABLE, KEY), (ACCOUNT_VARIABLE, "0x12")]).unwrap_err();
        assert!(error.starts_with("HYPERLIQUID_ACCOUNT_ADDRESS: "), "{error}");
        let both = [
            (AGENT_KEY_VARIABLE, KEY),
            (ACCOUNT_VARIABLE, MASTER),
            (SUB_ACCOUNT_VARIABLE, SUB),
            (VAULT_VARIABLE, SUB),
        ];
        assert!(credentials(&both).unwrap_err().contains("not both"));
        let found = credentials(&both[..3]).unwrap();
        assert_eq!(found.account().target().to_string(), SUB);
        assert_eq!(found.account().master().to_string(), MASTER);
        assert!(!format!("{found:?}").contains("0123456789012345"));
    }

    #[test]
    fn an_agent_is_not_the_account_it_signs_for() {
        let found = credentials(&[(AGENT_KEY_VARIABLE, KEY), (ACCOUNT_VARIABLE, SIGNER)]).unwrap();
        let built = Hyperliquid::builder().environment(Environment::Testnet).credentials(found).build();
        assert_eq!(built.unwrap_err(), ConfigError::AgentIsTheAccount);
    }

    #[test]
    fn nothing_that_matters_has_a_default() {
        let found = credentials(&[(AGENT_KEY_VARIABLE, KEY), (ACCOUNT_VARIABLE, MASTER)]).unwrap();
        let built = Hyperliquid::builder().credentials(found.clone()).build();
        assert_eq!(built.unwrap_err(), ConfigError::NoEnvironment);
        let built = Hyperliquid::builder().environment(Environment::Testnet).build();
        assert!(matches!(built.unwrap_err(), ConfigError::Missing(_)));
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
            let built = Hyperliquid::builder()
                .environment(Environment::Testnet)
                .credentials(found.clone())
                .base_url(url)
                .build();
            assert!(matches!(built.unwrap_err(), ConfigError::BaseUrl(_)), "{url}");
        }
        assert!("prod".parse::<Environment>().unwrap_err().to_string().contains("mainnet and testnet"));
    }
}
