//! Cancelling everything at once.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_exchange::{CancelAll, Effect, ErrorKind, Operation, Protective, Result, async_trait};
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::{OrderKind, Symbol};

use super::plumbing::{Outcome, undecoded};
use super::trader::{Bybit, LOOKING_MAX};
use crate::decode::{OrderRecord, decode_cancelled};
use crate::encode::body;
use crate::endpoints;
use crate::wire::{CATEGORY, CancelOrders};

/// Where more orders match than this, the venue cancels as many of them, in no order: it is asked again.
const CANCELLED_AT_ONCE: usize = 500;
/// Ten times five hundred orders; what is left then is somebody else placing them.
const ROUNDS_MAX: usize = 10;
/// How often what was taken in is looked after.
const LOOKS: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

#[async_trait]
impl CancelAll for Bybit {
    /// Of contracts that are settled in USDT. What is kept are the orders that wait for a trigger, those attached to
    /// positions among them. `Ok` only once none of the others is open any more: the venue's answer says that the request
    /// was taken in.
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        let done = self.cancel_everything(symbol, protective).await;
        self.told(Operation::CancelAll, done)
    }
}

impl Bybit {
    async fn cancel_everything(&self, symbol: Option<&Symbol>, protective: Protective) -> Outcome<u32> {
        let request = CancelOrders {
            category: CATEGORY,
            symbol: symbol.map(Symbol::as_str),
            settle_coin: if symbol.is_none() { Some("USDT") } else { None },
            // Orders in the book, without those that wait.
            order_filter: match protective {
                Protective::Keep => Some("Order"),
                Protective::Cancel => None,
            },
        };
        let mut cancelled = BTreeSet::new();
        for round in 0..ROUNDS_MAX {
            let plumbing = self.reader.plumbing();
            let (operation, urgency) = (Operation::CancelAll, Urgency::ReducesRisk);
            // A cancel gets no worse with age: each round counts from its own turn.
            let decided = self.now();
            let reply =
                plumbing.write(operation, endpoints::CANCEL_ALL, body(&request), 1, urgency, decided).await;
            let page = reply
                .and_then(|reply| decode_cancelled(reply.body()).map_err(|error| undecoded(&error)))
                // Earlier rounds were carried out.
                .map_err(|failure| if round == 0 { failure } else { some_done(failure) })?;
            let full = page.len() >= CANCELLED_AT_ONCE;
            let before = cancelled.len();
            cancelled.extend(page);
            if !full || cancelled.len() == before {
                break;
            }
        }
        self.until_none(symbol, protective).await?;
        Ok(u32::try_from(cancelled.len()).unwrap_or(u32::MAX))
    }

    async fn until_none(&self, symbol: Option<&Symbol>, protective: Protective) -> Outcome<()> {
        let concerned =
            |order: &&OrderRecord| protective == Protective::Cancel || order.kind == OrderKind::Limit;
        let (mut left, began) = (String::new(), self.now());
        for wait in LOOKS {
            self.reader.plumbing().clock.sleep(wait).await;
            left = match self.reader.accounts.open_orders(symbol, Urgency::ReducesRisk).await {
                Ok(orders) => match orders.iter().filter(concerned).count() {
                    0 => return Ok(()),
                    count => format!("{count} orders are still open"),
                },
                Err(failure) => format!("whether it was carried out could not be read: {}", failure.message),
            };
            if self.now().since(began) > LOOKING_MAX {
                break;
            }
        }
        Err(Failure::new(ErrorKind::Timeout, Effect::Unknown, format!("it was taken in, and {left}")))
    }
}

fn some_done(failure: Failure) -> Failure {
    Failure { effect: Effect::Unknown, ..failure }
}
