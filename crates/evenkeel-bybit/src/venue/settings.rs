//! Leverage, margin, margin mode, trailing stops: what is set, and is a success where it is so already.

use evenkeel_exchange::{ErrorKind, Operation, Result};
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::{Leverage, MarginMode, PositionSide, Price, Symbol, Usd};
use futures_util::future::join;

use super::plumbing::{Outcome, undecoded};
use super::trader::Bybit;
use crate::decode::decode_margin_mode_set;
use crate::encode::{self, body};
use crate::endpoints;
use crate::error::{Means as _, Setting};
use crate::wire::SetMarginMode;

impl Bybit {
    /// Sets the margin mode of the **whole account**: all positions, now and later. The venue refuses it where orders
    /// rest, and where positions would lack margin afterwards; its reasons are in the error.
    ///
    /// # Errors
    /// Those of the venue.
    pub async fn set_account_margin_mode(&self, mode: MarginMode) -> Result<()> {
        let operation = Operation::SetMarginMode;
        let decided = self.now();
        let request = body(&SetMarginMode { set_margin_mode: encode::margin_mode(mode) });
        let plumbing = self.reader.plumbing();
        let (endpoint, urgency) = (endpoints::SET_MARGIN_MODE, Urgency::Ordinary);
        let written = plumbing.write(operation, endpoint, request, 1, urgency, decided).await;
        let done = match written {
            Ok(reply) => decode_margin_mode_set(reply.body()).map_err(|error| undecoded(&error)),
            Err(failure) => unchanged_is_done(failure, Setting::MarginMode),
        };
        self.told(operation, done)
    }

    /// Sets a trailing stop on the whole position of a symbol, or takes it away: it follows the best last price at this
    /// distance, from the activation price on where one is given, and then closes at the market. It has no client id;
    /// it is among the open orders of a snapshot, and is cancelled by the venue's id or by `None` here.
    ///
    /// # Errors
    /// Those of the venue; [`ErrorKind::Invalid`] for what is off the tick.
    pub async fn set_trailing_stop(
        &self,
        symbol: &Symbol,
        side: PositionSide,
        distance: Option<Price>,
        activation: Option<Price>,
    ) -> Result<()> {
        let operation = Operation::PlaceStop;
        let decided = self.now();
        let urgency = if distance.is_some() { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let done = async {
            let contract = self.contract(symbol).await?;
            let request = body(&encode::trailing_stop(symbol, side, distance, activation, &contract)?);
            let plumbing = self.reader.plumbing();
            let written =
                plumbing.write(operation, endpoints::TRADING_STOP, request, 1, urgency, decided).await;
            written.map(drop)
        };
        let done = done.await;
        self.told(operation, done)
    }

    pub(super) async fn set_leverage_of(&self, symbol: &Symbol, leverage: Leverage) -> Outcome<()> {
        let operation = Operation::SetLeverage;
        let decided = self.now();
        let contract = self.contract(symbol).await?;
        let request = body(&encode::leverage(symbol, leverage, &contract)?);
        // What is not known to lower it may raise it, and waits its turn.
        let lowers = self.reader.accounts.memory.lock().is_lower(symbol, leverage, decided);
        let urgency = if lowers { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let forget = || self.reader.accounts.memory.lock().forget_setting(symbol);
        forget();
        let plumbing = self.reader.plumbing();
        let written = plumbing.write(operation, endpoints::SET_LEVERAGE, request, 1, urgency, decided).await;
        // Whatever was read meanwhile may be from before.
        forget();
        written.map(drop).or_else(|failure| unchanged_is_done(failure, Setting::Leverage))
    }

    pub(super) async fn adjust_margin_of(&self, symbol: &Symbol, delta: Usd) -> Outcome<()> {
        let (operation, decided) = (Operation::AdjustMargin, self.now());
        // What is wrong with the amount is told before anything is asked.
        encode::margin(symbol, delta, PositionSide::Net)?;
        let accounts = &self.reader.accounts;
        let (mode, rows) = join(accounts.margin_mode(), accounts.rows_of(symbol)).await;
        let mode = mode.map_err(Failure::unwritten)?;
        let rows = rows.map_err(Failure::unwritten)?;
        let invalid =
            |problem: &str| Err(Failure::nothing(ErrorKind::Invalid, format!("{symbol}: {problem}")));
        if mode == MarginMode::Cross {
            return invalid("the account is in cross margin: its positions have no margin of their own");
        }
        let mut held = rows.iter().filter(|row| !row.qty.is_zero());
        let side = match (held.next(), held.next()) {
            (Some(row), None) => row.side,
            (None, _) => return invalid("there is no position whose margin could be moved"),
            _ => return invalid("both legs are held: close one of them first"),
        };
        let request = body(&encode::margin(symbol, delta, side)?);
        let urgency = if delta.is_positive() { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let plumbing = self.reader.plumbing();
        let written = plumbing.write(operation, endpoints::ADD_MARGIN, request, 1, urgency, decided).await;
        written.map(drop).or_else(|failure| unchanged_is_done(failure, Setting::Margin))
    }

    pub(super) async fn set_margin_mode_of(&self, symbol: &Symbol, mode: MarginMode) -> Outcome<()> {
        let current = self.reader.accounts.margin_mode().await.map_err(Failure::unwritten)?;
        if current == mode {
            return Ok(());
        }
        let problem = format!(
            "{symbol}: the margin mode is that of the whole account, which is {current}; set it at the venue, or by \
             Bybit::set_account_margin_mode"
        );
        Err(Failure::nothing(ErrorKind::NotSupported, problem))
    }
}

/// What is so already was done, where it is about the very thing that was to be set.
fn unchanged_is_done(failure: Failure, setting: Setting) -> Outcome<()> {
    if failure.is_unchanged(setting) { Ok(()) } else { Err(failure) }
}
