//! `account/info`, `account/wallet-balance` and `account/fee-rate`.

use std::collections::BTreeMap;

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{FeeRates, MarginMode, Symbol, Usd};

use super::{Body, listed_name, number_or_none, page, result, rows};
use crate::wire;

/// Which kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountKind {
    /// Before unified accounts: wallets for each kind of trading.
    Classic,
    /// Unified 1.0: inverse contracts stand apart.
    Unified1,
    /// The same with the higher limits of professional accounts.
    Unified1Pro,
    /// Unified 2.0.
    Unified2,
    /// The same with the higher limits of professional accounts.
    Unified2Pro,
}

/// The margin mode, which is that of the whole account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountMargin {
    /// All positions share the account's collateral.
    Cross,
    /// Each position has a bucket of its own.
    Isolated,
    /// Margin by the risk of the whole portfolio.
    Portfolio,
}

/// How the account keeps its money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountInfo {
    /// Which kind of account.
    pub kind: AccountKind,
    /// Its margin mode.
    pub margin: AccountMargin,
}

impl AccountInfo {
    /// The margin mode of all its positions.
    ///
    /// # Errors
    /// In words, with the remedy: classic accounts and portfolio margin are not understood.
    pub fn margin_mode(&self) -> Result<MarginMode, &'static str> {
        if self.kind == AccountKind::Classic {
            return Err(
                "the account is a classic one, whose wallets this connector does not read; upgrade it to a \
                        unified trading account at the venue",
            );
        }
        match self.margin {
            AccountMargin::Cross => Ok(MarginMode::Cross),
            AccountMargin::Isolated => Ok(MarginMode::Isolated),
            AccountMargin::Portfolio => Err(
                "the account is in portfolio margin, in which leverage has no meaning and margin is not per \
                     position; switch it to cross (REGULAR_MARGIN) or isolated margin at the venue",
            ),
        }
    }
}

/// Decodes `account/info`.
///
/// # Errors
/// [`DecodeError`] naming the field; an account or a mode of an unknown kind is [`DecodeErrorKind::Unsupported`].
pub fn decode_account_info(body: Body<'_>) -> Result<AccountInfo, DecodeError> {
    result(body, |result| {
        let wire: wire::AccountInfo<'_> = result.object()?;
        let status = result.key("unifiedMarginStatus", wire.unified_margin_status);
        let mode = result.key("marginMode", wire.margin_mode);
        let unknown = |node: &Node<'_, '_>, what: &str| {
            let remedy = "this library is too old for the account; no honest figures can be given";
            node.error(DecodeErrorKind::Unsupported, &format!("unknown {what} {}", node.text()), remedy)
        };
        let kind = match status.integer()? {
            1 => AccountKind::Classic,
            3 => AccountKind::Unified1,
            4 => AccountKind::Unified1Pro,
            5 => AccountKind::Unified2,
            6 => AccountKind::Unified2Pro,
            _ => return Err(unknown(&status, "kind of account")),
        };
        let margin = match mode.string()?.as_str() {
            "REGULAR_MARGIN" => AccountMargin::Cross,
            "ISOLATED_MARGIN" => AccountMargin::Isolated,
            "PORTFOLIO_MARGIN" => AccountMargin::Portfolio,
            _ => return Err(unknown(&mode, "margin mode")),
        };
        Ok(AccountInfo { kind, margin })
    })
}

/// One coin of a wallet, in coins. What the venue leaves empty is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coin {
    /// Its name.
    pub coin: String,
    /// What is in the wallet: without unrealised profit.
    pub wallet: Usd,
    /// What the coin is worth in USD; absent from old answers.
    pub usd_value: Option<Usd>,
    /// The same with unrealised profit, without debts.
    pub equity: Usd,
    /// Unrealised profit.
    pub unrealised: Usd,
    /// Reserved by spot orders; absent from old answers.
    pub locked: Option<Usd>,
    /// Granted by the venue; cannot back isolated positions.
    pub bonus: Option<Usd>,
    /// Initial margin of orders; empty in portfolio margin.
    pub order_margin: Option<Usd>,
    /// Initial margin of positions, with the reserved fees of closing them; empty in portfolio margin.
    pub position_margin: Option<Usd>,
    /// Maintenance margin of positions; empty in portfolio margin.
    pub maintenance: Option<Usd>,
}

/// The unified wallet. The totals are in USD and have no meaning in isolated mode.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wallet {
    /// What maintenance margin is compared with: wallet balance and unrealised profit of all coins.
    pub margin_balance: Option<Usd>,
    /// The same less discounts on collateral and less initial margin.
    pub available: Option<Usd>,
    /// Initial margin of all positions and orders.
    pub initial_margin: Option<Usd>,
    /// Maintenance margin of all positions.
    pub maintenance: Option<Usd>,
    /// Its coins.
    pub coins: Vec<Coin>,
}

/// Decodes `account/wallet-balance` of the unified wallet.
///
/// # Errors
/// [`DecodeError`] naming the field; a wallet of another type is [`DecodeErrorKind::Unsupported`].
pub fn decode_wallet(body: Body<'_>) -> Result<Wallet, DecodeError> {
    result(body, |result| {
        let wire: wire::List<'_> = result.object()?;
        let list = result.key("list", wire.list);
        let mut wallets = rows(&list, wallet)?;
        match (wallets.pop(), wallets.len()) {
            (Some(wallet), 0) => Ok(wallet),
            (last, before) => {
                let count = before.saturating_add(usize::from(last.is_some()));
                Err(list.invalid(&format!("{count} wallets where there is one")))
            }
        }
    })
}

fn wallet(row: &Node<'_, '_>) -> Result<Wallet, DecodeError> {
    let wire: wire::Wallet<'_> = row.object()?;
    let kind = row.key("accountType", wire.account_type);
    if kind.string()? != "UNIFIED" {
        let problem = format!("a wallet of type {}", cut(&kind.string()?));
        let remedy = "upgrade the account to a unified trading account at the venue";
        return Err(kind.error(DecodeErrorKind::Unsupported, &problem, remedy));
    }
    Ok(Wallet {
        margin_balance: number_or_none(row.key("totalMarginBalance", wire.total_margin_balance))?,
        available: number_or_none(row.key("totalAvailableBalance", wire.total_available_balance))?,
        initial_margin: number_or_none(row.key("totalInitialMargin", wire.total_initial_margin))?,
        maintenance: number_or_none(row.key("totalMaintenanceMargin", wire.total_maintenance_margin))?,
        coins: rows(&row.key("coin", wire.coin), coin)?,
    })
}

fn coin(row: &Node<'_, '_>) -> Result<Coin, DecodeError> {
    let wire: wire::Coin<'_> = row.object()?;
    Ok(Coin {
        coin: row.key("coin", wire.coin).string()?,
        wallet: row.key("walletBalance", wire.wallet_balance).number()?,
        usd_value: number_or_none(row.key("usdValue", wire.usd_value))?,
        equity: row.key("equity", wire.equity).number()?,
        unrealised: row.key("unrealisedPnl", wire.unrealised_pnl).number()?,
        locked: number_or_none(row.key("locked", wire.locked))?,
        bonus: number_or_none(row.key("bonus", wire.bonus))?,
        order_margin: number_or_none(row.key("totalOrderIM", wire.total_order_im))?,
        position_margin: number_or_none(row.key("totalPositionIM", wire.total_position_im))?,
        maintenance: number_or_none(row.key("totalPositionMM", wire.total_position_mm))?,
    })
}

/// Decodes `account/fee-rate`: this account's rates, by symbol. A row that is not understood is left out: its symbol has no
/// rates.
///
/// # Errors
/// [`DecodeError`] where the answer as a whole is not understood, or a row has no name.
pub fn decode_fee_rates(body: Body<'_>) -> Result<BTreeMap<Symbol, FeeRates>, DecodeError> {
    let page = page(body, |row| {
        let wire: wire::FeeRate<'_> = row.object()?;
        let maker = row.key("makerFeeRate", wire.maker_fee_rate).number();
        let taker = row.key("takerFeeRate", wire.taker_fee_rate).number();
        let rates = maker.and_then(|maker| Ok(FeeRates { maker, taker: taker? })).ok();
        Ok(listed_name(&row.key("symbol", wire.symbol))?.zip(rates))
    })?;
    Ok(page.rows.into_iter().flatten().collect())
}
