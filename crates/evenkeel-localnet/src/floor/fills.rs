//! Executions as venues show them: what the paper exchange does not keep is added up here as they come.

use std::collections::BTreeMap;

use evenkeel_types::{Exact, Fill, NumberError, PositionSide, Price, Qty, Side, Symbol, Timestamp, Usd};

/// What is held of a leg, as far as the executions tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Book {
    pub(crate) qty: Qty,
    /// Signed value at entry.
    pub(crate) paid: Usd,
    /// Profit of what was closed since the position was opened, without fees and funding.
    pub(crate) realised: Usd,
    pub(crate) since: Timestamp,
}

/// Holdings by leg.
pub(crate) type Books = BTreeMap<(Symbol, PositionSide), Book>;

/// One execution.
#[derive(Debug, Clone)]
pub(crate) struct FillRow {
    pub(crate) trade: u64,
    /// The number of its order.
    pub(crate) order: u64,
    pub(crate) client_id: Option<String>,
    pub(crate) symbol: Symbol,
    pub(crate) side: Side,
    pub(crate) leg: PositionSide,
    pub(crate) qty: Qty,
    pub(crate) price: Price,
    pub(crate) value: Usd,
    /// What was paid; below zero is a rebate.
    pub(crate) fee: Usd,
    pub(crate) maker: bool,
    /// Profit of what it closed, without the fee.
    pub(crate) realised: Usd,
    /// How much of it closed something.
    pub(crate) closed: Qty,
    /// What is held of the leg afterwards, signed.
    pub(crate) after: Qty,
    pub(crate) liquidation: bool,
    pub(crate) time: Timestamp,
}

/// What a leg brought: in all, and since the position that is held was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Earned {
    /// Profit of what was closed and funding, less fees.
    pub(crate) all: Usd,
    /// The same since the position was opened.
    pub(crate) since: Usd,
    /// Of that, fees that were paid.
    pub(crate) fees: Usd,
    /// Of that, funding that was received.
    pub(crate) funding: Usd,
    /// What the position that was held last brought in all, once it is gone.
    pub(crate) ended: Usd,
    /// When it last traded, and the number of that execution.
    pub(crate) last: Option<(Timestamp, u64)>,
}

impl Default for Earned {
    fn default() -> Self {
        let zero = Usd::ZERO;
        Self { all: zero, since: zero, fees: zero, funding: zero, ended: zero, last: None }
    }
}

impl Earned {
    /// Adds an execution that brought the leg from one size to another.
    pub(crate) fn add(&mut self, row: &FillRow, before: Option<Qty>, after: Option<Qty>) {
        let sign = |qty: Option<Qty>| qty.map(Qty::is_negative);
        let held = self.since;
        if sign(before) != sign(after) {
            *self = Self { all: self.all, last: self.last, ..Self::default() };
        }
        // Smaller than the sums of the account, which the paper exchange checked.
        let add = |sum: Usd, more: Usd| sum.plus(more).unwrap_or(sum);
        let net = row.realised.minus(row.fee).unwrap_or(row.realised);
        self.all = add(self.all, net);
        self.since = add(self.since, net);
        self.fees = add(self.fees, row.fee);
        self.ended = if after.is_none() { add(held, net) } else { Usd::ZERO };
        self.last = Some((row.time, row.trade));
    }

    /// Adds a payment of funding; below zero it was paid.
    pub(crate) fn fund(&mut self, amount: Usd) {
        let add = |sum: Usd| sum.plus(amount).unwrap_or(sum);
        (self.all, self.since, self.funding) = (add(self.all), add(self.since), add(self.funding));
    }
}

/// The order behind an execution.
pub(crate) struct Behind {
    pub(crate) trade: u64,
    pub(crate) order: u64,
    pub(crate) client_id: Option<String>,
    pub(crate) leg: PositionSide,
    pub(crate) maker: bool,
    pub(crate) liquidation: bool,
}

/// Takes an execution into the holdings.
pub(crate) fn take(books: &mut Books, fill: &Fill, behind: Behind) -> Result<FillRow, NumberError> {
    let leg = (fill.symbol.clone(), behind.leg);
    let new = Book { qty: Qty::ZERO, paid: Usd::ZERO, realised: Usd::ZERO, since: fill.time };
    let before = books.get(&leg).copied().unwrap_or(new);
    let change = fill.side.signed(fill.qty);
    let opposite = !before.qty.is_zero() && before.qty.is_negative() != change.is_negative();
    let closing = if opposite { change.abs().min(before.qty.abs()) } else { Qty::ZERO };
    let mut after = Book { qty: before.qty.plus(change)?, ..before };
    let mut realised = Usd::ZERO;
    if closing.is_positive() {
        let share = Usd::new(before.paid.get().times(closing.get())?.over(before.qty.abs().get())?)?;
        let signed = if before.qty.is_negative() { closing.negated() } else { closing };
        realised = fill.price.value(signed)?.minus(share)?;
        after.paid = before.paid.minus(share)?;
        after.realised = before.realised.plus(realised)?;
    }
    let opening = change.abs().minus(closing)?;
    after.paid = after.paid.plus(fill.price.value(fill.side.signed(opening))?)?;
    if closing.is_positive() && opening.is_positive() {
        // Through zero: what is held now was opened by this very execution.
        after = Book { realised: Usd::ZERO, since: fill.time, ..after };
    }
    let held = after.qty;
    if held.is_zero() {
        books.remove(&leg);
    } else {
        books.insert(leg, after);
    }
    Ok(FillRow {
        trade: behind.trade,
        order: behind.order,
        client_id: behind.client_id,
        symbol: fill.symbol.clone(),
        side: fill.side,
        leg: behind.leg,
        qty: fill.qty,
        price: fill.price,
        value: fill.price.value(fill.qty)?,
        fee: fill.fee,
        maker: behind.maker,
        realised,
        closed: closing,
        after: held,
        liquidation: behind.liquidation,
        time: fill.time,
    })
}
