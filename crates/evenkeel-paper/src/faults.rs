//! What goes wrong, when asked to.

use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Operation};
use evenkeel_types::Symbol;

use crate::rng::Rng;
use crate::time::Event;

/// How long something stays late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Lag {
    /// For a time.
    Time(Duration),
    /// For this many snapshots.
    Reads(u32),
}

/// Which time a stale reading claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum StaleTime {
    /// Its own: `as_of` and `read_at` are old.
    Honest,
    /// Now: nothing shows that it is old.
    Lying,
}

/// One thing that goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The venue refuses; nothing is changed, and the error says so. Use it for rate limits and maintenance too.
    Refuse {
        /// With this kind.
        kind: ErrorKind,
        /// And this request to wait.
        retry_after: Option<Duration>,
    },
    /// The request never arrives. The caller sees a timeout, of unknown effect for a write.
    LoseRequest,
    /// The request is carried out, or refused, and the answer never arrives. The caller sees a timeout.
    LoseAnswer,
    /// The caller sees a timeout now; the request arrives and is carried out later.
    Delay {
        /// This much later.
        by: Duration,
    },
    /// The venue says yes and does nothing. A placed order is acknowledged and never heard of again.
    Ignore,
    /// An order trades at once only this share of what it could; an immediate order's rest is cancelled.
    PartialFill {
        /// In thousandths, rounded down to a lot.
        permille: u32,
    },
    /// Free margin that this order's fills release is not shown by snapshots yet. The exchange itself counts it.
    LateMargin {
        /// For this long.
        lag: Lag,
    },
    /// A reading of snapshot, leverage or prices shows what was before the last changes.
    StaleRead {
        /// Before this many changes; as many as are remembered (16) at most.
        changes: usize,
        /// Which time it claims.
        time: StaleTime,
    },
    /// An order that exists is not found.
    OrderNotFound,
    /// Something happens just before the call is handled.
    Happens(Event),
}

/// When a [`Fault`] strikes: of the calls that match, which and how often.
///
/// ```
/// use evenkeel_exchange::Operation;
/// use evenkeel_paper::{Fault, FaultRule};
///
/// // The answer to the second order is lost; one in twenty snapshots times out.
/// let rules = [
///     FaultRule::new(Fault::LoseAnswer).on(Operation::Place).nth(2),
///     FaultRule::new(Fault::LoseRequest).on(Operation::Snapshot).permille(50),
/// ];
/// # let _ = rules;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    fault: Fault,
    operation: Option<Operation>,
    symbol: Option<Symbol>,
    permille: u32,
    from: u64,
    left: Option<u32>,
    seen: u64,
}

impl FaultRule {
    /// At every call.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, operation: None, symbol: None, permille: 1000, from: 1, left: None, seen: 0 }
    }

    /// At every order, and at every stop: the exchange refuses them, with [`ErrorKind::Rejected`], as when trading is halted.
    #[must_use]
    pub fn refusing_orders() -> [Self; 2] {
        let refused = Self::new(Fault::Refuse { kind: ErrorKind::Rejected, retry_after: None });
        [refused.clone().on(Operation::Place), refused.on(Operation::PlaceStop)]
    }

    /// Only at this operation. Each order of a batch is a call of its own; a reading of several symbols is one call.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only at calls that name this symbol.
    #[must_use]
    pub fn symbol(mut self, symbol: Symbol) -> Self {
        self.symbol = Some(symbol);
        self
    }

    /// Only with this probability, in thousandths, drawn from the world's seed.
    #[must_use]
    pub fn permille(mut self, permille: u32) -> Self {
        self.permille = permille;
        self
    }

    /// Only from the `n`-th matching call on, counted from 1.
    #[must_use]
    pub fn from(mut self, n: u64) -> Self {
        self.from = n;
        self
    }

    /// At most this often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// At the `n`-th matching call only, counted from 1.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        self.from(n).times(1)
    }

    fn strikes(&mut self, operation: Operation, symbols: &[Symbol], rng: &mut Rng) -> bool {
        let meant = self.operation.is_none_or(|wanted| wanted == operation)
            && self.symbol.as_ref().is_none_or(|wanted| symbols.contains(wanted));
        if !meant {
            return false;
        }
        self.seen = self.seen.saturating_add(1);
        if self.seen < self.from || self.left == Some(0) {
            return false;
        }
        if self.permille < 1000 && rng.below(1000) >= self.permille {
            return false;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        true
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Normal,
    Refuse(ErrorKind, Option<Duration>),
    LoseRequest,
    LoseAnswer,
    Delay(Duration),
    Ignore,
}

/// All faults of one call together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) fate: Fate,
    pub(crate) tweak: Tweak,
    pub(crate) stale: Option<(usize, StaleTime)>,
    pub(crate) hidden: bool,
    pub(crate) events: Vec<Event>,
}

/// What is different about one order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tweak {
    pub(crate) permille: Option<u32>,
    pub(crate) late: Option<Lag>,
}

/// Asks every rule, in the order in which they were injected; of several fates the first wins.
pub(crate) fn judge(
    rules: &mut [FaultRule],
    operation: Operation,
    symbols: &[Symbol],
    rng: &mut Rng,
) -> Verdict {
    let mut verdict = Verdict {
        fate: Fate::Normal,
        tweak: Tweak::default(),
        stale: None,
        hidden: false,
        events: Vec::new(),
    };
    for rule in rules {
        if !rule.strikes(operation, symbols, rng) {
            continue;
        }
        let fate = match &rule.fault {
            Fault::Refuse { kind, retry_after } => Some(Fate::Refuse(*kind, *retry_after)),
            Fault::LoseRequest => Some(Fate::LoseRequest),
            Fault::LoseAnswer => Some(Fate::LoseAnswer),
            Fault::Delay { by } => Some(Fate::Delay(*by)),
            Fault::Ignore => Some(Fate::Ignore),
            other => {
                verdict.note(other);
                None
            }
        };
        if let (Fate::Normal, Some(fate)) = (&verdict.fate, fate) {
            verdict.fate = fate;
        }
    }
    verdict
}

impl Verdict {
    fn note(&mut self, fault: &Fault) {
        match fault {
            Fault::PartialFill { permille } => self.tweak.permille = Some((*permille).min(1000)),
            Fault::LateMargin { lag } => self.tweak.late = Some(*lag),
            Fault::StaleRead { changes, time } => self.stale = Some((*changes, *time)),
            Fault::OrderNotFound => self.hidden = true,
            Fault::Happens(event) => self.events.push(event.clone()),
            Fault::Refuse { .. }
            | Fault::LoseRequest
            | Fault::LoseAnswer
            | Fault::Delay { .. }
            | Fault::Ignore => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(rule: FaultRule, calls: usize) -> Vec<usize> {
        let (mut rule, mut rng) = (rule, Rng::new(7));
        (1..=calls).filter(|_| rule.strikes(Operation::Place, &[], &mut rng)).collect()
    }

    #[test]
    fn rules_count_only_what_matches() {
        let place = || FaultRule::new(Fault::LoseAnswer).on(Operation::Place);
        assert_eq!(strikes(place(), 3), [1, 2, 3]);
        assert_eq!(strikes(place().nth(2), 5), [2]);
        assert_eq!(strikes(place().from(3).times(2), 9), [3, 4]);
        assert!(strikes(FaultRule::new(Fault::Ignore).on(Operation::Cancel), 9).is_empty());
        assert!(strikes(place().symbol(Symbol::new("SOL").unwrap()), 9).is_empty());
        let some = strikes(place().permille(100), 10_000).len();
        assert!((850..1150).contains(&some), "{some} of 10000 at one in ten");
    }

    #[test]
    fn the_first_fate_wins_and_the_rest_adds_up() {
        let mut rules = [
            FaultRule::new(Fault::LateMargin { lag: Lag::Reads(2) }),
            FaultRule::new(Fault::LoseAnswer),
            FaultRule::new(Fault::Ignore),
            FaultRule::new(Fault::PartialFill { permille: 5000 }),
        ];
        let verdict = judge(&mut rules, Operation::Place, &[], &mut Rng::new(0));
        assert_eq!(verdict.fate, Fate::LoseAnswer);
        assert_eq!(verdict.tweak, Tweak { permille: Some(1000), late: Some(Lag::Reads(2)) });
    }
}
