//! The account: balances, positions, settings, fees.

use std::collections::BTreeMap;

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{
    Collateral, FeeRates, Leverage, MarginMode, PositionMode, PositionSide, Price, Qty, Symbol, Timestamp,
    Usd,
};

use super::Body;
use crate::read::Fields as _;
use crate::wire;

/// Money of one currency in the futures wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asset {
    /// Which currency.
    pub asset: Collateral,
    /// All of it, isolated margin included, without unrealised profit. In coins.
    pub wallet: Qty,
    /// What backs cross positions, without unrealised profit. In coins.
    pub cross_wallet: Usd,
    /// Unrealised profit of cross positions.
    pub cross_profit: Usd,
    /// What new initial margin can be taken from.
    pub available: Usd,
    /// What may be moved out of the futures wallet.
    pub transferable: Usd,
}

/// What is held, by size only: `account` has no prices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Held {
    /// What.
    pub symbol: Symbol,
    /// Net, or which leg.
    pub side: PositionSide,
    /// Signed size; not zero.
    pub qty: Qty,
    /// What is in its isolated bucket, without unrealised profit, where the answer has it; zero for cross positions.
    pub isolated_wallet: Option<Usd>,
}

/// `account`, version 3.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountState {
    /// By currency.
    pub assets: Vec<Asset>,
    /// What is held, sorted.
    pub held: Vec<Held>,
}

/// Decodes `account`, version 3. Its totals are not read: in single-asset mode they cover USDT only.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_account(body: Body<'_>) -> Result<AccountState, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::Account<'_> = root.object()?;
    let assets = root.key("assets", wire.assets);
    let mut found: Vec<Asset> = Vec::new();
    for (index, raw) in assets.array()?.into_iter().enumerate() {
        let row = assets.index(index, Some(raw));
        let wire: wire::AccountAsset<'_> = row.object()?;
        let name = row.key("asset", wire.asset);
        let asset = Collateral::new(&name.string()?).map_err(|error| name.invalid(&error.to_string()))?;
        if found.iter().any(|known| known.asset == asset) {
            return Err(name.error(
                DecodeErrorKind::Inconsistent,
                "the currency appears twice",
                "read it again",
            ));
        }
        found.push(Asset {
            asset,
            wallet: row.key("walletBalance", wire.wallet_balance).number()?,
            cross_wallet: row.key("crossWalletBalance", wire.cross_wallet_balance).number()?,
            cross_profit: row.key("crossUnPnl", wire.cross_un_pnl).number()?,
            available: row.key("availableBalance", wire.available_balance).number()?,
            transferable: row.key("maxWithdrawAmount", wire.max_withdraw_amount).number()?,
        });
    }
    let positions = root.key("positions", wire.positions);
    let mut held = Vec::new();
    for (index, raw) in positions.array()?.into_iter().enumerate() {
        let row = positions.index(index, Some(raw));
        let wire: wire::AccountPosition<'_> = row.object()?;
        let qty: Qty = row.key("positionAmt", wire.position_amt).number()?;
        if qty.is_zero() {
            continue;
        }
        let symbol = row.key("symbol", wire.symbol).symbol()?;
        let side = position_side(&row.key("positionSide", wire.position_side))?;
        let isolated_wallet = optional(&row.key("isolatedWallet", wire.isolated_wallet))?;
        held.push(Held { symbol, side, qty, isolated_wallet });
    }
    held.sort();
    Ok(AccountState { assets: found, held })
}

/// Decodes the account's name from `balance`: a code that the venue gives every futures account.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_account_alias(body: Body<'_>) -> Result<String, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?;
    let row = root.index(0, rows.first().copied());
    let wire: wire::Balance<'_> = row.object()?;
    row.key("accountAlias", wire.account_alias).string()
}

/// `accountConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountConfig {
    /// One-way or hedge; the same for COIN-M.
    pub position_mode: PositionMode,
    /// Whether all currencies back all positions, for which no honest pools can be given.
    pub multi_assets: bool,
    /// Whether the key may trade.
    pub can_trade: bool,
}

/// Decodes `accountConfig`.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_account_config(body: Body<'_>) -> Result<AccountConfig, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::AccountConfig<'_> = root.object()?;
    let hedge = root.key("dualSidePosition", wire.dual_side_position).flag()?;
    Ok(AccountConfig {
        position_mode: if hedge { PositionMode::Hedge } else { PositionMode::OneWay },
        multi_assets: root.key("multiAssetsMargin", wire.multi_assets_margin).flag()?,
        can_trade: root.key("canTrade", wire.can_trade).flag()?,
    })
}

/// A row of `positionRisk`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PositionRow {
    /// What.
    pub symbol: Symbol,
    /// Net, or which leg.
    pub side: PositionSide,
    /// Signed size; zero where only an order is open.
    pub qty: Qty,
    /// Average entry price; none when flat.
    pub entry: Option<Price>,
    /// Mark price that its figures are computed with.
    pub mark: Option<Price>,
    /// The venue's liquidation price; none where there is none.
    pub liquidation: Option<Price>,
    /// The bucket's equity: isolated wallet and unrealised profit. Zero for cross positions.
    pub isolated_margin: Usd,
    /// The same without unrealised profit, where the answer has it.
    pub isolated_wallet: Option<Usd>,
    /// Leverage and mode, which version 3 does not have.
    pub setting: Option<(Leverage, MarginMode)>,
    /// When it last changed; zero where it never did.
    pub updated: Timestamp,
}

/// Decodes `positionRisk`, version 3 (or 2), in the order sent. Rows of size zero have an open order.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_position_risk(body: Body<'_>) -> Result<Vec<PositionRow>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| {
        let row = root.index(index, Some(raw));
        let wire: wire::PositionRisk<'_> = row.object()?;
        let (leverage, mode) = (
            row.key("leverage", wire.leverage).optional(),
            row.key("marginType", wire.margin_type).optional(),
        );
        let setting = match (leverage, mode) {
            (Some(leverage), Some(mode)) => Some((leverage.number()?, margin_mode(&mode)?)),
            _ => None,
        };
        let side = position_side(&row.key("positionSide", wire.position_side))?;
        let amount = row.key("positionAmt", wire.position_amt);
        let qty: Qty = amount.number()?;
        let fits = match side {
            PositionSide::Net => true,
            PositionSide::Long => !qty.is_negative(),
            PositionSide::Short => !qty.is_positive(),
        };
        if !fits {
            return Err(amount.error(
                DecodeErrorKind::Inconsistent,
                &format!("a size of {qty} on the {side:?} side"),
                "read it again",
            ));
        }
        Ok(PositionRow {
            symbol: row.key("symbol", wire.symbol).symbol()?,
            side,
            qty,
            entry: row.key("entryPrice", wire.entry_price).required_price()?,
            mark: row.key("markPrice", wire.mark_price).required_price()?,
            liquidation: row.key("liquidationPrice", wire.liquidation_price).required_price()?,
            isolated_margin: row.key("isolatedMargin", wire.isolated_margin).number()?,
            isolated_wallet: optional(&row.key("isolatedWallet", wire.isolated_wallet))?,
            setting,
            updated: Timestamp(row.key("updateTime", wire.update_time).integer()?),
        })
    })
    .collect()
}

/// A row of `symbolConfig`: what is set for a symbol, flat or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SymbolSetting {
    /// Cross or isolated.
    pub mode: MarginMode,
    /// Of both legs. `None` where the venue says zero: a delisted symbol, or an account in portfolio margin mode.
    pub leverage: Option<Leverage>,
}

/// Decodes `symbolConfig`, for one symbol or all. Symbols with names outside ASCII are left out.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_symbol_configs(body: Body<'_>) -> Result<BTreeMap<Symbol, SymbolSetting>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let mut settings = BTreeMap::new();
    for (index, raw) in root.array()?.into_iter().enumerate() {
        let row = root.index(index, Some(raw));
        let wire: wire::SymbolConfig<'_> = row.object()?;
        let name = row.key("symbol", wire.symbol);
        let symbol = match name.symbol() {
            Ok(symbol) => symbol,
            Err(error) if error.kind() == DecodeErrorKind::Unsupported => continue,
            Err(error) => return Err(error),
        };
        let leverage = row.key("leverage", wire.leverage);
        let none = leverage.number::<Qty>()?.is_zero();
        let setting = SymbolSetting {
            mode: margin_mode(&row.key("marginType", wire.margin_type))?,
            leverage: if none { None } else { Some(leverage.number()?) },
        };
        if settings.insert(symbol, setting).is_some() {
            return Err(name.error(
                DecodeErrorKind::Inconsistent,
                "the symbol appears twice",
                "read it again",
            ));
        }
    }
    Ok(settings)
}

/// Decodes `commissionRate`: the account's own rates for the symbol that was asked for.
///
/// # Errors
/// [`DecodeError`] naming the field, also for an answer about another symbol.
pub fn decode_commission_rate(body: Body<'_>, of: &Symbol) -> Result<FeeRates, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::CommissionRate<'_> = root.object()?;
    let name = root.key("symbol", wire.symbol);
    if name.symbol()? != *of {
        return Err(name.error(DecodeErrorKind::Inconsistent, &format!("asked was {of}"), "read it again"));
    }
    Ok(FeeRates {
        maker: root.key("makerCommissionRate", wire.maker_commission_rate).number()?,
        taker: root.key("takerCommissionRate", wire.taker_commission_rate).number()?,
    })
}

fn optional(node: &Node<'_, '_>) -> Result<Option<Usd>, DecodeError> {
    node.optional().map(|node| node.number()).transpose()
}

/// The venue has four spellings of it.
pub(super) fn margin_mode(node: &Node<'_, '_>) -> Result<MarginMode, DecodeError> {
    match node.string()?.as_str() {
        "CROSSED" | "cross" | "CROSS" => Ok(MarginMode::Cross),
        "ISOLATED" | "isolated" => Ok(MarginMode::Isolated),
        other => Err(node.invalid(&format!("{} is no margin type", cut(other)))),
    }
}

pub(super) fn position_side(node: &Node<'_, '_>) -> Result<PositionSide, DecodeError> {
    match node.string()?.as_str() {
        "BOTH" => Ok(PositionSide::Net),
        "LONG" => Ok(PositionSide::Long),
        "SHORT" => Ok(PositionSide::Short),
        other => Err(node.invalid(&format!("{} is no position side", cut(other)))),
    }
}
