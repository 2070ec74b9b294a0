//! What is wanted, as people write it.

use std::collections::BTreeMap;

use evenkeel_rebalance::{Gross, LeverageChange, Policy, Rest, Target};
use evenkeel_types::{Leverage, MarginMode, parse_decimal};

use crate::failure::Failure;

/// A target and the policy to reach it within.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Percent by symbol, as text.
    pub weights: Vec<(String, String)>,
    /// Of all symbols.
    pub leverage: Leverage,
    /// Of single symbols.
    pub leverages: BTreeMap<String, Leverage>,
    /// How much.
    pub gross: Gross,
    /// `None` keeps what each position has.
    pub margin_mode: Option<MarginMode>,
    /// Positions without a weight.
    pub rest: Rest,
    /// The limits.
    pub policy: Policy,
}

/// What a command line changes about a wish.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// `SOL=50,BTC=50`.
    pub weights: Option<Vec<(String, String)>>,
    /// Of all symbols.
    pub leverage: Option<Leverage>,
    /// How much.
    pub gross: Option<Gross>,
    /// Cross or isolated.
    pub margin_mode: Option<MarginMode>,
    /// Positions without a weight.
    pub rest: Option<Rest>,
    /// How a leverage is changed.
    pub leverage_change: Option<LeverageChange>,
    /// A whole policy.
    pub policy: Option<Policy>,
}

impl Wish {
    /// The target for the library.
    ///
    /// # Errors
    /// Weights or leverages that are refused.
    pub fn target(&self) -> Result<Target, Failure> {
        let weights = self.weights.iter().map(|(symbol, percent)| (symbol, percent));
        let mut target = Target::percent(weights)
            .map_err(Failure::input)?
            .leverage(self.leverage)
            .gross(self.gross)
            .rest(self.rest);
        if let Some(mode) = self.margin_mode {
            target = target.margin_mode(mode);
        }
        for (symbol, leverage) in &self.leverages {
            target = target.leverage_of(symbol, *leverage).map_err(Failure::input)?;
        }
        Ok(target)
    }

    /// The same wish with what the command line says instead.
    #[must_use]
    pub fn with(mut self, changes: &Changes) -> Self {
        let changes = changes.clone();
        if let Some(weights) = changes.weights {
            self.leverages.retain(|symbol, _| weights.iter().any(|(named, _)| named == symbol));
            self.weights = weights;
        }
        if let Some(leverage) = changes.leverage {
            self.leverage = leverage;
            self.leverages.clear();
        }
        self.gross = changes.gross.unwrap_or(self.gross);
        self.margin_mode = changes.margin_mode.or(self.margin_mode);
        self.rest = changes.rest.unwrap_or(self.rest);
        self.policy = changes.policy.unwrap_or(self.policy);
        if let Some(change) = changes.leverage_change {
            self.policy.leverage_change = change;
        }
        self
    }
}

/// `SOL=50,BTC=-30,cash=20`.
///
/// # Errors
/// What is no pair, in one line.
pub fn weights(text: &str) -> Result<Vec<(String, String)>, String> {
    text.split(',')
        .map(|pair| match pair.split_once('=') {
            Some((symbol, percent)) if !symbol.trim().is_empty() => {
                Ok((symbol.trim().to_owned(), percent.trim().to_owned()))
            }
            _ => Err(format!("`{}` is no SYMBOL=PERCENT; write it like SOL=50,BTC=50", pair.trim())),
        })
        .collect()
}

/// `preserve`, `x1.5`, `usd:800`.
///
/// # Errors
/// Anything else, in one line.
pub fn gross(text: &str) -> Result<Gross, String> {
    let refused =
        |why: String| format!("{why}; allowed are preserve, x1.5 (times the account value), usd:800");
    let number = |digits: &str| parse_decimal("it", digits).map_err(|error| refused(error.to_string()));
    if text == "preserve" {
        Ok(Gross::Preserve)
    } else if let Some(multiple) = text.strip_prefix('x') {
        Ok(Gross::Leverage(number(multiple)?))
    } else if let Some(amount) = text.strip_prefix("usd:") {
        evenkeel_types::Usd::new(number(amount)?)
            .map(Gross::Notional)
            .map_err(|error| refused(error.to_string()))
    } else {
        Err(refused(format!("`{text}` is no amount")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_pairs() {
        let pair = |symbol: &str, percent: &str| (symbol.to_owned(), percent.to_owned());
        assert_eq!(weights("SOL=50, BTC=-50"), Ok(vec![pair("SOL", "50"), pair("BTC", "-50")]));
        for wrong in ["SOL", "", "SOL=50,,BTC=50", "=50"] {
            assert!(weights(wrong).unwrap_err().contains("SOL=50,BTC=50"), "{wrong}");
        }
    }

    #[test]
    fn gross_has_three_forms() {
        assert_eq!(gross("preserve"), Ok(Gross::Preserve));
        assert_eq!(gross("x1.5"), Ok(Gross::Leverage("1.5".parse().unwrap())));
        assert_eq!(gross("usd:800"), Ok(Gross::Notional("800".parse().unwrap())));
        for wrong in ["", "800", "x", "usd:", "usd:1e3", "x1,5"] {
            assert!(gross(wrong).unwrap_err().contains("usd:800"), "{wrong}");
        }
    }
}
