//! Which sizes are rounded up: the choice that brings the book nearest to its target within all limits.

use alloc::vec::Vec;

use evenkeel_types::{Decimal, Exact, NumberError};

use super::limits::{Limits, Load, Slack};
use super::row::Row;

/// Up to so many symbols every choice is weighed; the largest search is 2^12 nodes, a few milliseconds.
pub(super) const EXACT_SYMBOLS: usize = 12;

/// How many choices the pass after the greedy one tries to swap in. One lot each is all there is to gain, so more
/// would cost time for nothing.
const SWAPS: usize = 64;

/// A size that may be one lot larger.
struct Choice {
    row: usize,
    up: Decimal,
    /// By how much the distance to the target falls, in notional; above zero.
    gain: Decimal,
    /// Share of the lot that rounding down loses.
    remainder: Decimal,
    from: Load,
    to: Load,
    pool: usize,
}

/// Takes the sizes that are rounded towards zero and enlarges those that bring the sum of `|size - wanted|` in
/// notional down most, subject to every limit. Exact for up to [`EXACT_SYMBOLS`] choices; above, largest remainder
/// first and a pass of swaps, within one largest lot of the optimum.
///
/// `candidates` are `(row, wanted, up)`: the size before rounding and the larger choice.
pub(super) fn improve(
    rows: &[Row<'_>],
    sizes: &mut [Decimal],
    candidates: &[(usize, Decimal, Decimal)],
    limits: &Limits,
) -> Result<(), NumberError> {
    let slack = limits.slack(rows, sizes)?;
    if !slack.fits() {
        return Ok(());
    }
    let mut choices = Vec::new();
    for (index, wanted, up) in candidates {
        let (Some(row), Some(size)) = (rows.get(*index), sizes.get(*index)) else { continue };
        let mark = row.mark.get();
        let lost = wanted.minus(*size)?.abs();
        let gain = lost.minus(wanted.minus(*up)?.abs())?.times(mark)?;
        if gain <= Decimal::ZERO {
            continue;
        }
        choices.push(Choice {
            row: *index,
            up: *up,
            gain,
            remainder: lost.over(up.minus(*size)?.abs())?,
            from: limits.load(row, *size)?,
            to: limits.load(row, *up)?,
            pool: row.pool,
        });
    }
    // Every choice gains, so where all of them fit there is nothing to weigh.
    let mut all = slack.clone();
    for choice in &choices {
        all = all.after(choice.pool, &choice.from, &choice.to)?;
    }
    let chosen = if all.fits() {
        (0..choices.len()).collect()
    } else if choices.len() <= EXACT_SYMBOLS {
        exact(&choices, &slack)?
    } else {
        greedy(&mut choices, &slack)?
    };
    for index in chosen {
        if let Some(choice) = choices.get(index)
            && let Some(size) = sizes.get_mut(choice.row)
        {
            *size = choice.up;
        }
    }
    Ok(())
}

/// Branch and bound over all subsets: take or leave each choice, cut where even all that is left cannot win.
fn exact(choices: &[Choice], slack: &Slack) -> Result<Vec<usize>, NumberError> {
    // What the choices from each index on can gain together.
    let mut rest = Vec::with_capacity(choices.len().saturating_add(1));
    rest.push(Decimal::ZERO);
    for choice in choices.iter().rev() {
        let sum = rest.last().copied().unwrap_or(Decimal::ZERO).plus(choice.gain)?;
        rest.push(sum);
    }
    rest.reverse();
    let mut best = (Decimal::ZERO, Vec::new());
    let mut stack = Vec::new();
    stack.push((0_usize, Decimal::ZERO, slack.clone(), Vec::new()));
    while let Some((index, gained, slack, taken)) = stack.pop() {
        // A limit may be broken on the way and mended by a later choice (net exposure), so the end decides.
        if slack.fits() && gained > best.0 {
            best = (gained, taken.clone());
        }
        let (Some(choice), Some(possible)) = (choices.get(index), rest.get(index)) else { continue };
        if gained.plus(*possible)? <= best.0 {
            continue;
        }
        let next = index.saturating_add(1);
        let with = slack.after(choice.pool, &choice.from, &choice.to)?;
        let mut more: Vec<usize> = taken.clone();
        more.push(index);
        stack.push((next, gained, slack, taken));
        stack.push((next, gained.plus(choice.gain)?, with, more));
    }
    Ok(best.1)
}

fn greedy(choices: &mut [Choice], slack: &Slack) -> Result<Vec<usize>, NumberError> {
    // Ties fall back on the row order, which is by symbol.
    choices.sort_by(|a, b| b.remainder.cmp(&a.remainder).then(a.row.cmp(&b.row)));
    let mut slack = slack.clone();
    let mut chosen = Vec::new();
    let mut left = Vec::new();
    for (index, choice) in choices.iter().enumerate() {
        let with = slack.after(choice.pool, &choice.from, &choice.to)?;
        if with.fits() {
            slack = with;
            chosen.push(index);
        } else {
            left.push(index);
        }
    }
    // Swap the least valuable choice taken for a more valuable one that was left.
    left.sort_by(|a, b| gain(choices, *b).cmp(&gain(choices, *a)).then(a.cmp(b)));
    chosen.sort_by(|a, b| gain(choices, *a).cmp(&gain(choices, *b)).then(a.cmp(b)));
    for index in left.into_iter().take(SWAPS) {
        let Some(wanted) = choices.get(index) else { continue };
        for place in 0..chosen.len().min(SWAPS) {
            let Some(given) = chosen.get(place).and_then(|taken| choices.get(*taken)) else { break };
            if given.gain >= wanted.gain {
                break;
            }
            let without = slack.after(given.pool, &given.to, &given.from)?;
            let with = without.after(wanted.pool, &wanted.from, &wanted.to)?;
            if with.fits() {
                slack = with;
                if let Some(taken) = chosen.get_mut(place) {
                    *taken = index;
                }
                break;
            }
        }
    }
    Ok(chosen)
}

fn gain(choices: &[Choice], index: usize) -> Decimal {
    choices.get(index).map_or(Decimal::ZERO, |choice| choice.gain)
}
