//! What stands around an account: the venue's clock, its dexes and books, the roles of addresses, the request budget.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{Price, Rate, Symbol, Timestamp};

use super::Body;
use crate::sign::Address;
use crate::wire;
use evenkeel_http::cut;

/// `exchangeStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExchangeStatus {
    /// The venue's clock.
    pub time: Timestamp,
    /// What is out of the ordinary, in the venue's words.
    pub special: Option<String>,
}

/// Decodes `exchangeStatus`.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_exchange_status(body: Body<'_>) -> Result<ExchangeStatus, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::ExchangeStatus<'_> = root.object()?;
    let special = root.key("specialStatuses", wire.special_statuses);
    let special = special.optional().map(|node| if node.is_text() { node.string() } else { Ok(node.text()) });
    Ok(ExchangeStatus {
        time: Timestamp(root.key("time", wire.time).integer()?),
        special: special.transpose()?,
    })
}

/// One builder dex.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PerpDex {
    /// Its name, which its coins are prefixed with.
    pub name: String,
    /// Its number, which asset ids contain: 1 for the first builder dex.
    pub index: u32,
    /// What its deployer takes, as a multiple of the venue's fee; `None` where the answer does not say.
    pub fee_scale: Option<evenkeel_types::Decimal>,
}

impl PerpDex {
    /// By what a fee of the validator-operated dex is multiplied here: `1 + scale` below 1, else `2 * scale`
    /// (official documentation, state of 2026-08-22). The tenth that is left in a coin's growth mode is not taken
    /// off: the fee can be too high, never too low. `None` where the deployer's share is not known.
    #[must_use]
    pub fn fee_factor(&self) -> Option<evenkeel_types::Decimal> {
        use evenkeel_types::{Decimal, Exact as _};
        let scale = self.fee_scale?;
        if scale < Decimal::ONE { Decimal::ONE.plus(scale).ok() } else { Decimal::TWO.times(scale).ok() }
    }
}

/// Decodes `perpDexs`: the builder dexes in the venue's order. The first element is null and stands for the
/// validator-operated dex.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_perp_dexs(body: Body<'_>) -> Result<Vec<PerpDex>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let mut dexes = Vec::new();
    for (index, raw) in root.array()?.into_iter().enumerate() {
        let row = root.index(index, Some(raw));
        let Some(row) = row.optional() else { continue };
        let wire: wire::PerpDex<'_> = row.object()?;
        let scale = row.key("deployerFeeScale", wire.deployer_fee_scale);
        let scale = scale.optional().map(|node| node.number::<evenkeel_types::Usd>()).transpose()?;
        dexes.push(PerpDex {
            name: row.key("name", wire.name).string()?,
            index: u32::try_from(index).map_err(|_| row.invalid("more dexes than can be counted"))?,
            fee_scale: scale.map(evenkeel_types::Usd::get),
        });
    }
    Ok(dexes)
}

/// Best bid and best ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // Two sides, and there will not be a third.
pub struct TopOfBook {
    /// Best bid, where there is one.
    pub bid: Option<Price>,
    /// Best ask, where there is one.
    pub ask: Option<Price>,
}

/// Decodes `l2Book` down to its best prices.
///
/// # Errors
/// [`DecodeError`] naming the field; an answer about another coin than `symbol` is refused.
pub fn decode_top_of_book(body: Body<'_>, symbol: &Symbol) -> Result<TopOfBook, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::Book<'_> = root.object()?;
    let coin = root.key("coin", wire.coin);
    let found = coin.symbol()?;
    if found != *symbol {
        let problem = format!("an answer about {found}, asked was {symbol}");
        return Err(coin.error(DecodeErrorKind::Inconsistent, &problem, "read it again"));
    }
    let levels = root.key("levels", wire.levels);
    let sides = levels.array()?;
    let (Some(&bids), Some(&asks), 2) = (sides.first(), sides.get(1), sides.len()) else {
        return Err(levels.invalid("expected the pair [bids, asks]"));
    };
    let best = |node: Node<'_, '_>| {
        let rows = node.array()?;
        let Some(&first) = rows.first() else { return Ok(None) };
        let row = node.index(0, Some(first));
        let wire: wire::Level<'_> = row.object()?;
        row.key("px", wire.px).number::<Price>().map(Some)
    };
    Ok(TopOfBook { bid: best(levels.index(0, Some(bids)))?, ask: best(levels.index(1, Some(asks)))? })
}

/// What an address is to the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserRole {
    /// An account of its own.
    User,
    /// A key that signs for this account.
    Agent(Address),
    /// A vault.
    Vault,
    /// A sub-account of this account.
    SubAccount(Address),
    /// Not known to the venue.
    Missing,
}

/// Decodes `userRole`.
///
/// # Errors
/// [`DecodeError`] naming the field; an unknown role is refused.
pub fn decode_user_role(body: Body<'_>) -> Result<UserRole, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::UserRole<'_> = root.object()?;
    let role = root.key("role", wire.role);
    let data = root.key("data", wire.data);
    match role.string()?.as_str() {
        "user" => Ok(UserRole::User),
        "vault" => Ok(UserRole::Vault),
        "missing" => Ok(UserRole::Missing),
        "agent" => {
            let wire: wire::UserRoleData<'_> = data.object()?;
            address(&data.key("user", wire.user)).map(UserRole::Agent)
        }
        "subAccount" => {
            let wire: wire::UserRoleData<'_> = data.object()?;
            address(&data.key("master", wire.master)).map(UserRole::SubAccount)
        }
        other => Err(role.invalid(&format!("unknown role {}", cut(other)))),
    }
}

fn address(node: &Node<'_, '_>) -> Result<Address, DecodeError> {
    node.string()?.parse().map_err(|error| node.invalid(&format!("{error}")))
}

/// A named agent of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedAgent {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// Until when its signatures are accepted.
    pub valid_until: Timestamp,
}

/// Decodes `extraAgents`. The one unnamed agent of an account is not among them.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_extra_agents(body: Body<'_>) -> Result<Vec<NamedAgent>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let row = |(index, raw)| {
        let row = root.index(index, Some(raw));
        let wire: wire::Agent<'_> = row.object()?;
        Ok(NamedAgent {
            name: row.key("name", wire.name).string()?,
            address: address(&row.key("address", wire.address))?,
            valid_until: Timestamp(row.key("validUntil", wire.valid_until).integer()?),
        })
    };
    root.array()?.into_iter().enumerate().map(row).collect()
}

/// How many signed requests an address has used of those it may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestBudget {
    /// Used, over the account's whole life.
    pub used: u64,
    /// Allowed: 10 000, and one for each USD ever traded.
    pub cap: u64,
}

impl RequestBudget {
    /// What is left; zero when it is used up.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.cap.saturating_sub(self.used)
    }
}

/// Decodes `userRateLimit`. Requests bought beside the cap (`nRequestsSurplus`) are added to it.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_user_rate_limit(body: Body<'_>) -> Result<RequestBudget, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::UserRateLimit<'_> = root.object()?;
    let surplus = root.key("nRequestsSurplus", wire.n_requests_surplus);
    let surplus = surplus.optional().map_or(Ok(0), |node| node.integer())?;
    Ok(RequestBudget {
        used: root.key("nRequestsUsed", wire.n_requests_used).integer()?,
        cap: root.key("nRequestsCap", wire.n_requests_cap).integer()?.saturating_add(surplus),
    })
}

/// A fee rate times a builder dex's factor. A rebate is not multiplied but taken for no fee at all: whether a
/// deployer passes it on is not documented.
pub(crate) fn scaled_rate(rate: Rate, factor: evenkeel_types::Decimal) -> Option<Rate> {
    use evenkeel_types::Exact as _;
    if rate <= Rate::ZERO { Some(Rate::ZERO) } else { Rate::new(rate.get().times(factor).ok()?).ok() }
}
