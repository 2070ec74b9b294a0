//! Lists that are longer than one answer, and what else can be read: prices, past funding, balances, rights.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_exchange::{
    Diagnose, Diagnosis, ErrorKind, FundingHistory, FundingPayment, FundingPayments, Operation, PastFunding,
    Quotes, Result, Severity, Topic, WalletBalance, Wallets, async_trait,
};
use evenkeel_types::{Quote, Symbol, Timestamp};
use futures_util::future::{join, join_all};

use super::account::Accounts;
use super::plumbing::{Key, Reply};
use super::reader::Reader;
use crate::config::ActingFor;
use crate::decode::{
    Abstraction, Body, DecodeError, UserFill, UserRole, decode_exchange_status, decode_extra_agents,
    decode_funding_history, decode_spot_clearinghouse_state, decode_top_of_book, decode_user_abstraction,
    decode_user_fills, decode_user_funding, decode_user_rate_limit, decode_user_role,
};
use crate::encode::{ask, dex_of};
use crate::endpoints::{self, Read};
use crate::wire::Question;
use evenkeel_http::Failure;

/// A page of fills is full with this many.
const FILLS_PAGE: usize = 2000;
/// The venue keeps this many fills of an account.
const FILLS_KEPT: usize = 10_000;
/// The venue answers 2 000 fills at most, and keeps the last 10 000: five full pages, one that is not full, and as many
/// again for executions that come in meanwhile.
const FILL_PAGES_MAX: usize = 12;
/// Rows of funding come 500 at a time; this is eleven years of hours, or two months of them in fifty coins.
const FUNDING_PAGES_MAX: usize = 200;
/// Less budget than this is worth a warning: an afternoon of a bot that places an order a minute.
const BUDGET_LOW: u64 = 500;
/// A key that ends within this time is worth a warning.
const KEY_ENDS_SOON: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) struct Reports<'a>(pub(super) &'a Accounts);

impl Reports<'_> {
    async fn ask(&self, operation: Operation, read: Read, question: Question) -> Result<Reply> {
        let reply = self.0.plumbing.ask(operation, read, question, read.name.to_owned()).await;
        reply.map_err(|failure| self.0.plumbing.error(operation, &failure))
    }

    fn too_long(&self, operation: Operation, what: &str) -> evenkeel_exchange::Error {
        let problem = format!("there are more {what} than the venue answers for; ask for a shorter time");
        self.0.plumbing.error(operation, &Failure::nothing(ErrorKind::Decode, problem))
    }

    /// All executions of these symbols, oldest first.
    pub(super) async fn fills(
        &self,
        operation: Operation,
        symbols: &[Symbol],
        since: Timestamp,
    ) -> Result<Vec<UserFill>> {
        let wanted: BTreeSet<&Symbol> = symbols.iter().collect();
        let user = self.0.plumbing.account.target().get();
        let read = endpoints::USER_FILLS_BY_TIME;
        let mut fills: Vec<UserFill> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut from = since;
        for _ in 0..FILL_PAGES_MAX {
            let reply = self.ask(operation, read, ask(read).user(user).since(from)).await?;
            let page = self.0.plumbing.understood(operation, decode_user_fills(reply.body()))?;
            let before = seen.len();
            let mut last = from;
            let full = page.len() >= FILLS_PAGE;
            // A page that is not full is all there is, in whatever order; of a full one the last must be the newest.
            if full && !page.is_sorted_by_key(|fill| fill.fill.time) {
                return Err(self.too_long(operation, "fills"));
            }
            for fill in page {
                last = last.max(fill.fill.time);
                // Pages overlap in the millisecond at which they meet.
                if seen.insert((fill.fill.symbol.clone(), fill.fill.trade_id.clone()))
                    && wanted.contains(&fill.fill.symbol)
                    && fill.fill.time >= since
                {
                    fills.push(fill);
                }
            }
            // What the venue does not keep any more would be a hole; so would more in a millisecond than a page holds.
            if seen.len() >= FILLS_KEPT || (full && seen.len() == before) {
                return Err(self.too_long(operation, "fills"));
            }
            if !full {
                // Stable: within a millisecond the venue's own order stays.
                fills.sort_by_key(|fill| fill.fill.time);
                return Ok(fills);
            }
            from = last;
        }
        Err(self.too_long(operation, "fills"))
    }

    /// All rows from `since` on, oldest first, page by page until one brings nothing new. A row is one that has a key
    /// of its own.
    async fn rows<T, K: Ord>(
        &self,
        (operation, read, what): (Operation, Read, &str),
        question: Question,
        since: Timestamp,
        decode: impl Fn(Body<'_>) -> std::result::Result<Vec<T>, DecodeError>,
        key: impl Fn(&T) -> (Timestamp, K),
    ) -> Result<Vec<T>> {
        let mut rows: BTreeMap<(Timestamp, K), T> = BTreeMap::new();
        let mut from = since;
        for _ in 0..FUNDING_PAGES_MAX {
            let reply = self.ask(operation, read, question.clone().since(from)).await?;
            let page = self.0.plumbing.understood(operation, decode(reply.body()))?;
            let before = rows.len();
            for row in page {
                let key = key(&row);
                if key.0 >= since {
                    rows.entry(key).or_insert(row);
                }
            }
            if rows.len() == before {
                return Ok(rows.into_values().collect());
            }
            from = rows.last_key_value().map_or(from, |((time, _), _)| *time);
        }
        Err(self.too_long(operation, what))
    }

    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<PastFunding>> {
        let read = endpoints::FUNDING_HISTORY;
        let of = (Operation::FundingHistory, read, "funding rates");
        self.rows(of, ask(read).coin(symbol), since, decode_funding_history, |row| (row.time, ())).await
    }

    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        let read = endpoints::USER_FUNDING;
        let of = (Operation::FundingPayments, read, "funding payments");
        let question = ask(read).user(self.0.plumbing.account.target().get());
        // One payment for each coin and moment.
        let key = |row: &FundingPayment| (row.time, row.symbol.clone());
        self.rows(of, question, since, decode_user_funding, key).await
    }

    /// Marks from the markets, best prices from the books.
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        let operation = Operation::Quotes;
        let dexes: BTreeSet<&str> = symbols.iter().map(dex_of).collect();
        let markets =
            join_all(dexes.iter().map(|dex| async move { (*dex, self.0.markets(operation, dex).await) }));
        let books = join_all(symbols.iter().map(|symbol| async move {
            let read = endpoints::L2_BOOK;
            let reply = self.ask(operation, read, ask(read).coin(symbol)).await?;
            self.0.plumbing.understood(operation, decode_top_of_book(reply.body(), symbol))
        }));
        let (markets, books) = join(markets, books).await;
        symbols
            .iter()
            .zip(books)
            .map(|(symbol, book)| {
                let found = markets.iter().find(|(dex, _)| *dex == dex_of(symbol));
                let markets = match found {
                    Some((_, Ok(markets))) => markets,
                    Some((_, Err(error))) => {
                        return Err(self.0.plumbing.error(operation, &Failure::of(error)));
                    }
                    None => return Err(self.0.unlisted(operation, symbol)),
                };
                let Some(market) = markets.get(symbol) else {
                    return Err(self.0.unlisted(operation, symbol));
                };
                let Some(mark) = market.mark else {
                    let problem = format!("the venue names no mark price for {symbol}");
                    return Err(self
                        .0
                        .plumbing
                        .error(operation, &Failure::nothing(ErrorKind::NotFound, problem)));
                };
                let book = book?;
                Ok(Quote { mark, bid: book.bid, ask: book.ask })
            })
            .collect()
    }
}

#[async_trait]
impl Quotes for Reader {
    async fn quotes(&self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        Reports(&self.accounts).quotes(symbols).await
    }
}

#[async_trait]
impl FundingHistory for Reader {
    async fn funding_history(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<PastFunding>> {
        Reports(&self.accounts).funding_history(symbol, since).await
    }
}

#[async_trait]
impl FundingPayments for Reader {
    async fn funding_payments(&self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        Reports(&self.accounts).funding_payments(since).await
    }
}

#[async_trait]
impl Wallets for Reader {
    /// The spot wallet. In a unified account it is what backs the perpetual positions too.
    async fn balances(&self) -> Result<Vec<WalletBalance>> {
        let operation = Operation::Balances;
        let plumbing = &self.accounts.plumbing;
        let answers = plumbing.gather(operation, [Key::Spot]).await;
        let reply = answers.get(&Key::Spot).map_err(|failure| plumbing.error(operation, &failure))?;
        let balances = plumbing.understood(operation, decode_spot_clearinghouse_state(reply.body()))?;
        balances
            .into_iter()
            .filter(|balance| !balance.total.is_zero())
            .map(|balance| {
                let available = balance.total.minus(balance.hold).map_err(|error| {
                    plumbing.error(operation, &Failure::nothing(ErrorKind::Decode, error.to_string()))
                })?;
                Ok(WalletBalance {
                    wallet: "spot".into(),
                    coin: balance.coin,
                    total: balance.total,
                    available,
                })
            })
            .collect()
    }
}

fn diagnosis(
    topic: Topic,
    severity: Severity,
    finding: impl Into<String>,
    remedy: Option<&str>,
) -> Diagnosis {
    Diagnosis { topic, severity, finding: finding.into(), remedy: remedy.map(str::to_owned) }
}

impl Reader {
    async fn look(&self, read: Read, question: Question) -> Result<Reply> {
        Reports(&self.accounts).ask(Operation::Diagnose, read, question).await
    }

    fn unread(topic: Topic, what: &str, error: &evenkeel_exchange::Error) -> Diagnosis {
        let finding = format!("{what} could not be read: {}", evenkeel_exchange::chain(error));
        diagnosis(topic, Severity::Unclear, finding, None)
    }

    async fn key(&self, now: Timestamp) -> Vec<Diagnosis> {
        let plumbing = self.plumbing();
        let master = plumbing.account.master().get();
        let Some(signer) = self.signer else {
            return vec![diagnosis(Topic::Key, Severity::Fine, "no key: this connector can only read", None)];
        };
        if signer.get() == master {
            return vec![diagnosis(
                Topic::Key,
                Severity::Warning,
                "the account's own key signs: whoever gets it can withdraw everything",
                Some("approve an agent (API wallet) at the venue and sign with its key"),
            )];
        }
        let read = endpoints::USER_ROLE;
        let (role, agents) = join(
            self.look(read, ask(read).user(signer.get())),
            self.look(endpoints::EXTRA_AGENTS, ask(endpoints::EXTRA_AGENTS).user(master)),
        )
        .await;
        let role =
            role.and_then(|reply| plumbing.understood(Operation::Diagnose, decode_user_role(reply.body())));
        let mut found = vec![match role {
            Err(error) => Self::unread(Topic::Key, "the key's role", &error),
            Ok(UserRole::Agent(account)) if account == master => {
                diagnosis(Topic::Key, Severity::Fine, format!("{signer} is an agent of {master}"), None)
            }
            Ok(UserRole::Agent(other)) => diagnosis(
                Topic::Key,
                Severity::Problem,
                format!("{signer} is an agent of {other}, not of {master}"),
                Some("name the account that approved this agent"),
            ),
            Ok(_) => diagnosis(
                Topic::Key,
                Severity::Problem,
                format!("{signer} is no agent of any account, or its time is over"),
                Some("approve it as an API wallet at the venue; never use an old agent's key again"),
            ),
        }];
        let agents = agents
            .and_then(|reply| plumbing.understood(Operation::Diagnose, decode_extra_agents(reply.body())));
        match agents {
            Err(error) => found.push(Self::unread(Topic::Key, "the list of agents", &error)),
            Ok(agents) => {
                if let Some(agent) = agents.iter().find(|agent| agent.address == signer.get()) {
                    let left = agent.valid_until.since(now);
                    let days = left.as_secs().checked_div(24 * 3600).unwrap_or(0);
                    let finding = format!("agent `{}` is valid for another {days} day(s)", agent.name);
                    let soon = left <= KEY_ENDS_SOON;
                    let severity = if soon { Severity::Warning } else { Severity::Fine };
                    let remedy = soon.then_some("approve a new agent with a new key before then");
                    found.push(diagnosis(Topic::Key, severity, finding, remedy));
                } else {
                    let finding = "it is not among the named agents, so how long it is valid cannot be read";
                    found.push(diagnosis(Topic::Key, Severity::Unclear, finding, None));
                }
            }
        }
        found
    }

    async fn sub_account(&self) -> Option<Diagnosis> {
        let plumbing = self.plumbing();
        let (master, target) = (plumbing.account.master().get(), plumbing.account.target());
        let read = endpoints::USER_ROLE;
        let reply = self.look(read, ask(read).user(target.get())).await;
        let role =
            reply.and_then(|reply| plumbing.understood(Operation::Diagnose, decode_user_role(reply.body())));
        let topic = Topic::AccountMode;
        Some(match (plumbing.account.kind(), role) {
            (_, Err(error)) => Self::unread(topic, "the account's role", &error),
            (_, Ok(UserRole::Agent(of))) => diagnosis(
                topic,
                Severity::Problem,
                format!("{target} is an agent of {of}, not an account: everything would read as empty"),
                Some("name the account itself"),
            ),
            (_, Ok(UserRole::Missing)) => diagnosis(
                topic,
                Severity::Problem,
                format!("{target} is not known to the venue on {}", plumbing.environment),
                Some("deposit to it first, or look at the address and the environment"),
            ),
            (ActingFor::SubAccount(_), Ok(UserRole::SubAccount(of))) if of == master => return None,
            (ActingFor::Vault(_), Ok(UserRole::Vault)) => return None,
            (ActingFor::Own, Ok(UserRole::User)) => return None,
            (ActingFor::Own, Ok(UserRole::SubAccount(of))) => diagnosis(
                topic,
                Severity::Problem,
                format!("{target} is a sub-account of {of}"),
                Some("name its master as the account, and this one as the sub-account"),
            ),
            (_, Ok(role)) => diagnosis(
                topic,
                Severity::Problem,
                format!("{target} is to the venue {role:?}, which is not what was configured"),
                Some("look at the account, sub-account and vault addresses"),
            ),
        })
    }
}

#[async_trait]
impl Diagnose for Reader {
    async fn diagnose(&self) -> Vec<Diagnosis> {
        let plumbing = self.plumbing();
        let user = plumbing.account.target().get();
        let (mode, budget, status) =
            (endpoints::USER_ABSTRACTION, endpoints::USER_RATE_LIMIT, endpoints::EXCHANGE_STATUS);
        let (status, (mode, budget)) = join(
            self.look(status, ask(status)),
            join(self.look(mode, ask(mode).user(user)), self.look(budget, ask(budget).user(user))),
        )
        .await;
        let understood = Operation::Diagnose;
        let status =
            status.and_then(|reply| plumbing.understood(understood, decode_exchange_status(reply.body())));
        let now =
            status.as_ref().map_or_else(|_| plumbing.by_venue(plumbing.clock.now()), |status| status.time);
        let mut found = match status {
            Err(error) => vec![Self::unread(Topic::VenueStatus, "the venue's status", &error)],
            Ok(status) => vec![match status.special {
                None => diagnosis(Topic::VenueStatus, Severity::Fine, "nothing out of the ordinary", None),
                Some(special) => diagnosis(Topic::VenueStatus, Severity::Warning, special, None),
            }],
        };
        found.extend(self.key(now).await);
        found.extend(self.sub_account().await);
        let mode =
            mode.and_then(|reply| plumbing.understood(understood, decode_user_abstraction(reply.body())));
        found.push(match mode {
            Err(error) => Self::unread(Topic::AccountMode, "the account's mode", &error),
            Ok(Abstraction::Standard) => diagnosis(
                Topic::AccountMode,
                Severity::Fine,
                "standard: spot and perpetual wallets are apart",
                None,
            ),
            Ok(Abstraction::Unified) => diagnosis(
                Topic::AccountMode,
                Severity::Fine,
                "unified: one balance backs spot and all dexes; 50 000 actions a day",
                None,
            ),
            Ok(_) => diagnosis(
                Topic::AccountMode,
                Severity::Problem,
                "portfolio margin, or a mode that was discontinued: no honest equity can be given",
                Some("switch the account to the standard or the unified mode at the venue"),
            ),
        });
        found.push(diagnosis(
            Topic::PositionMode,
            Severity::Fine,
            "one-way; the venue has no hedge mode",
            None,
        ));
        let budget =
            budget.and_then(|reply| plumbing.understood(understood, decode_user_rate_limit(reply.body())));
        found.push(match budget {
            Err(error) => Self::unread(Topic::RateBudget, "the request budget", &error),
            Ok(budget) => {
                let finding = format!("{} of {} signed requests are left", budget.left(), budget.cap);
                let low = budget.left() < BUDGET_LOW;
                let severity = if low { Severity::Warning } else { Severity::Fine };
                let remedy = low.then_some(
                    "every USD traded adds one; without any left one action passes every ten seconds",
                );
                diagnosis(Topic::RateBudget, severity, finding, remedy)
            }
        });
        found
    }
}
