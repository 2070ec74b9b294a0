//! Where the money is: equity and free margin of the cross pools, by account mode.

use std::collections::BTreeMap;

use evenkeel_http::json::{DecodeError, DecodeErrorKind};
use evenkeel_types::{Decimal, MarginMode, MarginPool, NumberError, PoolId, Usd};

use super::account::decode_clearinghouse_state;
use super::check::Check;
use super::settings::decode_active_asset_data;
use super::snapshot::{AccountInput, Part, missing, overflow};
use super::wallet::{SpotBalance, decode_spot_clearinghouse_state};

/// By how much the venue's own free margin may differ from what the balance gives: one percent of the equity and
/// one USD, as prices move between the readings.
const AGREEMENT_PERCENT: i64 = 1;

/// Somebody who owes money has no equity to plan with.
fn not_negative(pool: MarginPool, file: &str, path: &str) -> Result<MarginPool, DecodeError> {
    if pool.equity.is_negative() {
        return Err(DecodeError::new(
            DecodeErrorKind::Unsupported,
            file,
            path.to_owned(),
            &format!("the equity of {} is negative: {}", pool.id, pool.equity),
            "the account owes money; add collateral or close positions at the venue first",
        ));
    }
    Ok(pool)
}

/// The pool of one dex of a standard account.
pub(super) fn standard_pool(part: &Part<'_>) -> Result<MarginPool, DecodeError> {
    let check = part.check();
    check.summaries()?;
    let cross = part.state.cross.ok_or_else(|| missing(&check, "crossMarginSummary"))?;
    let free = overflow(&check, "crossMarginSummary", cross.account_value.minus(cross.total_margin_used))?;
    let pool = MarginPool {
        id: part.markets.pool.clone(),
        collateral: part.markets.collateral.clone(),
        equity: cross.account_value,
        free: free.max(Usd::ZERO),
        withdrawable: part.state.withdrawable,
        // The same rule limits a transfer to the spot wallet.
        transferable: part.state.withdrawable,
    };
    not_negative(pool, check.file, "crossMarginSummary.accountValue")
}

/// What the positions of all dexes take from one collateral's balance.
struct Held {
    isolated: Usd,
    cross_margin: Usd,
    cross_profit: Usd,
    any: bool,
}

impl Held {
    const NOTHING: Self =
        Self { isolated: Usd::ZERO, cross_margin: Usd::ZERO, cross_profit: Usd::ZERO, any: false };
}

/// The pools of a unified account: one for each collateral of the dexes given.
pub(super) fn unified_pools(
    input: &AccountInput<'_>,
    parts: &[Part<'_>],
) -> Result<Vec<MarginPool>, DecodeError> {
    let file = parts.first().map_or("account", |part| part.input.clearinghouse_state.name);
    let refuse = |file: &str, problem: &str, remedy: &str| {
        DecodeError::new(DecodeErrorKind::Unsupported, file, String::new(), problem, remedy)
    };
    let Some(spot) = input.spot_clearinghouse_state else {
        return Err(refuse(
            file,
            "the account is unified, so accountValue and withdrawable mean nothing here",
            "give the answer to `spotClearinghouseState` as well, or switch the account to the standard mode",
        ));
    };
    let Some(others) = input.other_dexes else {
        return Err(refuse(
            file,
            "the account is unified, and positions on other dexes would draw on the same balance",
            "give the `clearinghouseState` answers of all other dexes (an empty list if there are none)",
        ));
    };
    for other in others {
        let state = decode_clearinghouse_state(*other)?;
        if let Some(position) = state.positions.first() {
            return Err(refuse(
                other.name,
                &format!("a position in {} draws on the same unified balance", position.symbol),
                "give all answers of that dex, close the position, or switch the account to the standard mode",
            ));
        }
    }
    let balances = decode_spot_clearinghouse_state(spot)?;
    let mut pools: BTreeMap<PoolId, (&Part<'_>, Held)> = BTreeMap::new();
    for part in parts {
        let entry = pools.entry(part.markets.pool.clone()).or_insert_with(|| (part, Held::NOTHING));
        add(&mut entry.1, part)?;
    }
    pools
        .into_values()
        .map(|(part, held)| unified_pool(input, parts, part, &held, &balances, spot.name))
        .collect()
}

fn add(held: &mut Held, part: &Part<'_>) -> Result<(), DecodeError> {
    let check = part.check();
    let isolated = check.isolated().and_then(|isolated| held.isolated.plus(isolated));
    held.isolated = overflow(&check, "assetPositions", isolated)?;
    let margin = check.cross_margin().and_then(|margin| held.cross_margin.plus(margin));
    held.cross_margin = overflow(&check, "assetPositions", margin)?;
    for position in part.state.positions.iter().filter(|p| p.mode == MarginMode::Cross) {
        let path = Check::path(position, "unrealizedPnl");
        let profit = position.unrealized_pnl.ok_or_else(|| missing(&check, &path))?;
        held.cross_profit = overflow(&check, &path, held.cross_profit.plus(profit))?;
    }
    held.any |= !part.state.positions.is_empty();
    Ok(())
}

fn unified_pool(
    input: &AccountInput<'_>,
    parts: &[Part<'_>],
    part: &Part<'_>,
    held: &Held,
    balances: &[SpotBalance],
    file: &str,
) -> Result<MarginPool, DecodeError> {
    let token = part.markets.collateral_token;
    let mut rows = balances.iter().enumerate().filter(|(_, balance)| balance.token == Some(token));
    let nothing = SpotBalance::nothing(token);
    let (index, balance) = match (rows.next(), rows.next()) {
        (Some((index, balance)), None) => (index, balance),
        // The venue leaves out tokens of which there is nothing. Positions without a balance contradict that.
        (None, _) if !held.any => (0, &nothing),
        _ => {
            return Err(DecodeError::new(
                DecodeErrorKind::Missing,
                file,
                "balances".to_owned(),
                &format!("there is not exactly one row of token {token}"),
                "take the answer whole, for the same account",
            ));
        }
    };
    let path = format!("balances[{index}].total");
    let check = part.check();
    let (low, high) = overflow(&check, &path, readings(balance, held))?;
    let available = available(input, parts, part)?;
    let (equity, free) = match available {
        None => {
            let unreserved = Usd::new(balance.total.get()).and_then(|total| {
                let hold = Usd::new(balance.hold.get())?;
                low.minus(held.cross_margin).and_then(|free| Ok(free.min(total.minus(hold)?)))
            });
            (low, overflow(&check, &path, unreserved)?)
        }
        Some(available) => {
            let chosen = agreed(low, high, held.cross_margin, available);
            let Some((equity, free)) = overflow(&check, &path, chosen)? else {
                return Err(DecodeError::new(
                    DecodeErrorKind::Inconsistent,
                    file,
                    path,
                    &format!(
                        "the venue offers {available} to trade with, more than the balance of {high} less {} of margin in use",
                        held.cross_margin
                    ),
                    "read the account again; if it stays, the unified balance is not understood: switch the account to the standard mode",
                ));
            };
            (equity, free)
        }
    };
    let pool = MarginPool {
        id: part.markets.pool.clone(),
        collateral: part.markets.collateral.clone(),
        equity,
        free: free.max(Usd::ZERO),
        withdrawable: None,
        transferable: None,
    };
    not_negative(pool, file, &path)
}

/// Equity without isolated buckets in both readings, the lower one first: liquidation of a unified account is
/// documented as cross maintenance over (spot `total` less isolated `marginUsed`), so `total` contains the buckets;
/// whether it contains the unrealised profit of cross positions is not said.
fn readings(balance: &SpotBalance, held: &Held) -> Result<(Usd, Usd), NumberError> {
    let settled = Usd::new(balance.total.get())?.minus(held.isolated)?;
    let with_profit = settled.plus(held.cross_profit)?;
    Ok((settled.min(with_profit), settled.max(with_profit)))
}

/// Equity and free margin by the reading that the venue's own figure agrees with; the lower one where it does not
/// decide. `None` where the venue offers more than either reading allows.
fn agreed(low: Usd, high: Usd, margin: Usd, available: Usd) -> Result<Option<(Usd, Usd)>, NumberError> {
    let implied = available.plus(margin)?;
    let near = high.abs().times(Decimal::new(AGREEMENT_PERCENT, 2))?.plus(Usd::new(1)?)?;
    if implied > high.plus(near)? {
        return Ok(None);
    }
    let agrees = |equity: Usd| implied.minus(equity).map(|apart| apart.abs() <= near);
    let equity = if agrees(high)? && !agrees(low)? { high } else { low };
    Ok(Some((equity, available.min(equity.minus(margin)?))))
}

/// The least free margin that the venue names for a coin of this pool.
fn available(
    input: &AccountInput<'_>,
    parts: &[Part<'_>],
    pool: &Part<'_>,
) -> Result<Option<Usd>, DecodeError> {
    let mut least: Option<Usd> = None;
    for (symbol, body) in &input.available {
        let same = parts
            .iter()
            .any(|part| part.markets.pool == pool.markets.pool && part.markets.get(symbol).is_some());
        if same {
            let free = decode_active_asset_data(*body, symbol)?.free();
            least = Some(least.map_or(free, |least| least.min(free)));
        }
    }
    Ok(least)
}
