//! Whether an account adds up. A file that was edited, cut, or put together from two moments or two accounts is
//! refused here, with the field and both values, before a plan is made from it.

use evenkeel_http::json::{DecodeError, DecodeErrorKind};
use evenkeel_types::{Decimal, Exact as _, Leverage, MarginMode, NumberError, Usd};

use super::account::{ClearinghouseState, HeldPosition, MarginSummary};
use super::market::Markets;

/// Amounts are printed with 6 decimals, so a sum over the thousand rows that the venue allows at most is off by
/// less than 0.001; a cent leaves a factor of ten.
const CENTS: u32 = 2;
/// The venue sums in binary floating point; its sums carry artefacts beyond the twelfth digit
/// (`1887689.2728180001`), which a billionth of the amount covers.
const RELATIVE: u32 = 9;
/// How far the price at which a position is valued may lie from the mark price of the other answer, in percent.
/// The two are read within a second or so; a percent in between means two moments, or shifted rows.
const MARK_PERCENT: u32 = 1;

pub(super) struct Check<'a> {
    /// Name of the `clearinghouseState` answer.
    pub(super) file: &'a str,
    pub(super) state: &'a ClearinghouseState,
}

impl Check<'_> {
    pub(super) fn error(&self, path: &str, problem: &str, remedy: &str) -> DecodeError {
        DecodeError::new(DecodeErrorKind::Inconsistent, self.file, path.to_owned(), problem, remedy)
    }

    pub(super) fn path(position: &HeldPosition, field: &str) -> String {
        format!("assetPositions[{}].position.{field}", position.row)
    }

    /// A calculation on the position's values, or an error that says where they are too large.
    fn computed<T>(&self, path: &str, result: Result<T, NumberError>) -> Result<T, DecodeError> {
        result.map_err(|error| {
            DecodeError::new(
                DecodeErrorKind::Value,
                self.file,
                path.to_owned(),
                &error.to_string(),
                "take the venue's answer whole and unchanged",
            )
        })
    }

    /// Compares a field with what it must be.
    fn equal(&self, path: &str, given: Usd, derived: Usd, what: &str) -> Result<(), DecodeError> {
        if self.computed(path, near(given, derived))? {
            return Ok(());
        }
        let problem = format!("{given} does not match {what}, which is {derived}");
        Err(self.error(path, &problem, "take the venue's answer whole and unchanged"))
    }

    /// What holds for each position by itself.
    pub(super) fn positions(&self) -> Result<(), DecodeError> {
        for position in &self.state.positions {
            let path = Self::path(position, "marginUsed");
            match (position.mode, position.raw_usd) {
                (MarginMode::Cross, _) => {
                    let margin = position.leverage.margin(position.position_value);
                    let margin = self.computed(&path, margin)?;
                    self.equal(&path, position.margin_used, margin, "positionValue / leverage.value")?;
                }
                (MarginMode::Isolated, Some(raw_usd)) => {
                    let bucket = self.computed(&path, raw_usd.plus(position.signed_value()))?;
                    let what = "leverage.rawUsd plus the signed positionValue";
                    self.equal(&path, position.margin_used, bucket, what)?;
                }
                (MarginMode::Isolated, None) => {}
            }
        }
        Ok(())
    }

    /// The summaries against the positions. Not for unified accounts, whose summaries mean nothing.
    pub(super) fn summaries(&self) -> Result<(), DecodeError> {
        if let Some(total) = &self.state.total {
            self.summary("marginSummary", total, |_| true)?;
        }
        if let Some(cross) = &self.state.cross {
            self.summary("crossMarginSummary", cross, |position| position.mode == MarginMode::Cross)?;
        }
        if let (Some(total), Some(cross)) = (&self.state.total, &self.state.cross) {
            let path = "marginSummary.accountValue";
            let isolated = self.computed(path, self.isolated())?;
            let sum = self.computed(path, cross.account_value.plus(isolated))?;
            let what = "crossMarginSummary.accountValue plus the isolated positions' marginUsed";
            self.equal(path, total.account_value, sum, what)?;
        }
        Ok(())
    }

    /// Equity of all isolated buckets.
    pub(super) fn isolated(&self) -> Result<Usd, NumberError> {
        let isolated = self.state.positions.iter().filter(|p| p.mode == MarginMode::Isolated);
        Usd::sum(isolated.map(|p| p.margin_used))
    }

    /// Initial margin of all cross positions.
    pub(super) fn cross_margin(&self) -> Result<Usd, NumberError> {
        let cross = self.state.positions.iter().filter(|p| p.mode == MarginMode::Cross);
        Usd::sum(cross.map(|p| p.margin_used))
    }

    fn summary(
        &self,
        name: &str,
        summary: &MarginSummary,
        counts: impl Fn(&HeldPosition) -> bool,
    ) -> Result<(), DecodeError> {
        let rows = || self.state.positions.iter().filter(|position| counts(position));
        let path = format!("{name}.totalNtlPos");
        let notional = self.computed(&path, Usd::sum(rows().map(|p| p.position_value)))?;
        self.equal(&path, summary.total_ntl_pos, notional, "the sum of the positions' positionValue")?;

        let path = format!("{name}.accountValue");
        let value = Usd::sum(rows().map(HeldPosition::signed_value));
        let value = self.computed(&path, value.and_then(|value| summary.total_raw_usd.plus(value)))?;
        let what = "totalRawUsd plus the signed positionValue of the positions";
        self.equal(&path, summary.account_value, value, what)?;

        // Whether margin reserved by resting orders is counted in it is not documented: more is plausible,
        // less is not.
        let path = format!("{name}.totalMarginUsed");
        let margin = self.computed(&path, Usd::sum(rows().map(|p| p.margin_used)))?;
        if summary.total_margin_used < margin {
            self.equal(&path, summary.total_margin_used, margin, "the sum of the positions' marginUsed")?;
        }
        Ok(())
    }

    /// The positions against the metadata and prices of the other answer.
    pub(super) fn markets(&self, markets: &Markets, file: &str) -> Result<(), DecodeError> {
        for position in &self.state.positions {
            let symbol = &position.symbol;
            let Some(market) = markets.get(symbol) else {
                let problem = format!("a position in {symbol}, which is not in the universe of {file}");
                let remedy = "take both answers for the same network and the same dex";
                return Err(self.error(&Self::path(position, "coin"), &problem, remedy));
            };

            // The venue checks the tier of the notional when a position is opened; the market can carry it into
            // the next tier with its setting unchanged. So only what was never allowed is refused.
            let allowed = market.instrument.max_leverage();
            let allowed = position.max_leverage.map_or(allowed, |own: Leverage| own.max(allowed));
            if position.leverage > allowed {
                let problem = format!(
                    "a leverage of {} for {symbol}, whose maximum is {allowed} (in {file})",
                    position.leverage
                );
                let remedy =
                    "take both answers for the same network, or lower the leverage at the venue first";
                return Err(self.error(&Self::path(position, "leverage.value"), &problem, remedy));
            }

            let Some(mark) = market.mark else { continue };
            let path = Self::path(position, "positionValue");
            let size = position.qty.abs();
            let at_mark = self.computed(&path, mark.value(size))?;
            let apart = self.computed(&path, position.position_value.minus(at_mark))?.abs();
            let limit = self.computed(&path, at_mark.times(Decimal::new(MARK_PERCENT.into(), 2)))?;
            if apart > limit {
                let price = self.computed(&path, position.position_value.get().over(size.get()))?;
                let problem = format!(
                    "{} for {size} {symbol} is a price of {}, more than {MARK_PERCENT} % from markPx {mark} in {file}",
                    position.position_value,
                    price.normalize()
                );
                let remedy =
                    "record both answers at the same moment, with universe and contexts in the venue's order";
                return Err(self.error(&path, &problem, remedy));
            }
        }
        Ok(())
    }
}

fn near(given: Usd, derived: Usd) -> Result<bool, NumberError> {
    let apart = given.minus(derived)?.abs().get();
    let tolerance = Decimal::new(1, CENTS).plus(derived.abs().get().times(Decimal::new(1, RELATIVE))?)?;
    Ok(apart <= tolerance)
}
