//! What the suite may do.

use std::time::Duration;

use evenkeel_types::{Decimal, Rate, Symbol, Usd};

/// What the suite works with. The account it runs on must hold nothing and have no orders in these symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) notional: Option<Usd>,
    pub(crate) slippage: Rate,
    pub(crate) patience: Duration,
    pub(crate) clock_bound: Duration,
    pub(crate) run: u16,
}

impl Setup {
    /// With these symbols. All are read; the first one is traded.
    pub fn new(symbols: impl IntoIterator<Item = Symbol>) -> Self {
        Self {
            symbols: symbols.into_iter().collect(),
            notional: None,
            // One percent: enough for a small order in any book that is worth testing in.
            slippage: Rate::new(Decimal::new(1, 2)).unwrap_or(Rate::ZERO),
            patience: Duration::from_secs(10),
            clock_bound: Duration::from_secs(5),
            run: 0,
        }
    }

    /// Value of one unit of trade in quote currency; at most four are held at once. One and a half times the
    /// instrument's minimum unless given (15 where it has none).
    #[must_use]
    pub fn with_notional(mut self, notional: Usd) -> Self {
        self.notional = Some(notional);
        self
    }

    /// How far beyond the market limits are set; 1 % unless given.
    #[must_use]
    pub fn with_slippage(mut self, slippage: Rate) -> Self {
        self.slippage = slippage;
        self
    }

    /// How long to wait for an order or a reading to arrive; ten seconds unless given.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// By how much server time and readings may differ; five seconds unless given.
    #[must_use]
    pub fn with_clock_bound(mut self, bound: Duration) -> Self {
        self.clock_bound = bound;
        self
    }

    /// Distinguishes runs on one account within the same millisecond of its clock, as virtual ones have: order ids
    /// are made from the time and this.
    #[must_use]
    pub fn with_run(mut self, run: u16) -> Self {
        self.run = run;
        self
    }
}
