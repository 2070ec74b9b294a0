//! What this venue can do beyond the common traits: cancelling everything, now or when we fall silent, and moving money
//! between wallets.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_exchange::{
    CancelAll, DeadManSwitch, Effect, ErrorKind, Operation, Protective, Result, Route, Transfers, async_trait,
};
use evenkeel_http::{Failure, Urgency, cut};
use evenkeel_types::{OrderKind, Symbol, Usd};
use futures_util::future::join_all;

use super::plumbing::{undecoded, unread};
use super::reader::looked;
use super::rules::{Outcome, of};
use super::trader::BingX;
use crate::decode::{decode_cancelled, decode_open_orders, decode_switch, decode_transfer};
use crate::encode::{self, Parameters};
use crate::endpoints;

/// The shortest and the longest time that the venue's switch takes.
const SWITCH: std::ops::RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(120);
/// Symbols with open orders that are cancelled one by one: more would take half a minute, and is no account of ours.
const SYMBOLS_MAX: usize = 150;
/// How many of them in one turn: what the venue takes in a second.
const CANCELS_AT_ONCE: usize = 5;

#[async_trait]
impl CancelAll for BingX {
    /// With the conditional orders kept, only limit orders are cancelled, symbol by symbol: whether the venue looks at the
    /// kind where no symbol is named is not documented. Stops that are attached to a limit order go with it.
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        let operation = Operation::CancelAll;
        let done = match (symbol, protective) {
            (None, Protective::Cancel) => self.cancel_these(Parameters::new()).await,
            (None, Protective::Keep) => self.cancel_limits().await,
            (Some(symbol), Protective::Cancel) => self.cancel_these(of(symbol)).await,
            (Some(symbol), Protective::Keep) => self.cancel_these(limits_of(symbol)).await,
        };
        self.told(operation, done)
    }
}

fn limits_of(symbol: &Symbol) -> Parameters {
    let mut parameters = of(symbol);
    parameters.push(("type", "LIMIT".to_owned()));
    parameters
}

impl BingX {
    async fn cancel_these(&self, parameters: Parameters) -> Outcome<u32> {
        let (operation, endpoint) = (Operation::CancelAll, endpoints::CANCEL_ALL);
        let keeps = parameters.iter().any(|(name, _)| *name == "type");
        // A cancel gets no worse with age: each counts from its own turn.
        let (plumbing, decided) = (self.reader.plumbing(), self.now());
        let reply = plumbing.write(operation, endpoint, parameters, Urgency::ReducesRisk, decided).await?;
        let answer = decode_cancelled(reply.body()).map_err(|error| undecoded(&error))?;
        if keeps && answer.conditional > 0 {
            let problem = format!(
                "{} of the {} orders that were cancelled are conditional ones, which were to be kept",
                answer.conditional, answer.done
            );
            return Err(Failure::new(ErrorKind::Rejected, Effect::Unknown, problem));
        }
        if answer.failed > 0 {
            let problem = format!("{} orders were cancelled, {} were not", answer.done, answer.failed);
            return Err(Failure::new(ErrorKind::Rejected, Effect::Unknown, problem));
        }
        Ok(answer.done)
    }

    /// Limit orders of all symbols.
    async fn cancel_limits(&self) -> Outcome<u32> {
        let symbols = looked(self.symbols_with_limits().await)?;
        if symbols.len() > SYMBOLS_MAX {
            let problem = format!(
                "{} symbols have open orders, more than the {SYMBOLS_MAX} that are \
                                   cancelled one by one; name a symbol",
                symbols.len()
            );
            return Err(Failure::nothing(ErrorKind::NotSupported, problem));
        }
        let symbols: Vec<&Symbol> = symbols.iter().collect();
        let mut count = 0_u32;
        let (mut worst, mut any): (Option<Failure>, bool) = (None, false);
        // As many at once as the venue takes in a second; all of them, whatever becomes of the first.
        for turn in symbols.chunks(CANCELS_AT_ONCE) {
            for cancelled in join_all(turn.iter().map(|symbol| self.cancel_these(limits_of(symbol)))).await {
                match cancelled {
                    Ok(done) => {
                        count = count.saturating_add(done);
                        any = true;
                    }
                    Err(failure) if failure.effect == Effect::Unknown || worst.is_none() => {
                        worst = Some(failure);
                    }
                    Err(_) => {}
                }
            }
        }
        match worst {
            None => Ok(count),
            // What was cancelled stays cancelled.
            Some(failure) if any => Err(Failure { effect: Effect::Unknown, ..failure }),
            Some(failure) => Err(failure),
        }
    }

    async fn symbols_with_limits(&self) -> Outcome<BTreeSet<Symbol>> {
        let accounts = &self.reader.accounts;
        self.reader.plumbing().venue_now().await?;
        let (mode, reply) =
            futures_util::future::join(accounts.position_mode(), accounts.ask(endpoints::OPEN_ORDERS)).await;
        let orders = decode_open_orders(reply?.body(), mode?).map_err(|error| unread(&error))?;
        let limits = orders.into_iter().filter(|order| order.kind == OrderKind::Limit);
        Ok(limits.map(|order| order.symbol).collect())
    }

    async fn switch(&self, parameters: Parameters, wanted: &str) -> Outcome<()> {
        let (operation, endpoint) = (Operation::DeadManSwitch, endpoints::CANCEL_ALL_AFTER);
        let (plumbing, decided) = (self.reader.plumbing(), self.now());
        let reply = plumbing.write(operation, endpoint, parameters, Urgency::ReducesRisk, decided).await?;
        let status = decode_switch(reply.body()).map_err(|error| undecoded(&error))?;
        if status == wanted {
            return Ok(());
        }
        Err(Failure::unproven(format!("the switch is {}, not {wanted}", cut(&status))))
    }
}

#[async_trait]
impl DeadManSwitch for BingX {
    /// Cancels **all** open orders of the account, protective ones too. Whole seconds, 10 to 120. The venue's own note
    /// speaks of spot orders: try it on a demo account before anything depends on it.
    async fn arm(&self, within: Duration) -> Result<()> {
        let operation = Operation::DeadManSwitch;
        let armed = if SWITCH.contains(&within) && within.subsec_nanos() == 0 {
            let parameters = vec![("type", "ACTIVATE".to_owned()), ("timeOut", within.as_secs().to_string())];
            self.switch(parameters, "ACTIVATED").await
        } else {
            let problem = format!("{within:?} cannot be set: the venue takes whole seconds, 10 to 120");
            Err(Failure::nothing(ErrorKind::Invalid, problem))
        };
        self.told(operation, armed)
    }

    async fn disarm(&self) -> Result<()> {
        let parameters = vec![("type", "CLOSE".to_owned())];
        let closed = self.switch(parameters, "CLOSED").await;
        self.told(Operation::DeadManSwitch, closed)
    }
}

#[async_trait]
impl Transfers for BingX {
    /// USDT, and real money only. The key needs the right *Universal Transfer*. The venue takes no identity of ours with
    /// it: one whose answer was lost shows in the balances of both wallets only.
    async fn transfer(&self, route: Route, amount: Usd) -> Result<()> {
        let operation = Operation::Transfer;
        let (plumbing, decided) = (self.reader.plumbing(), self.now());
        let moved = async {
            let parameters = encode::transfer(route, amount)?;
            let (endpoint, urgency) = (endpoints::TRANSFER, Urgency::Ordinary);
            let reply = plumbing.write(operation, endpoint, parameters, urgency, decided).await?;
            decode_transfer(reply.body()).map(drop).map_err(|error| undecoded(&error))
        };
        self.told(operation, moved.await)
    }
}
