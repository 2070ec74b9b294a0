//! What happened: `userTrades` and `income`.

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document};
use evenkeel_types::{Fill, Price, Qty, Side, Symbol, Timestamp, Usd};

use super::Body;
use super::order::side;
use crate::read::Fields as _;
use crate::wire;

/// One execution. Its fee may be in another currency than its price, and its order is told by the venue's number only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserTrade {
    /// What was traded.
    pub symbol: Symbol,
    /// Its number; rises within a symbol.
    pub id: u64,
    /// The venue's number of the order, with all digits.
    pub order_id: String,
    /// Buy or sell.
    pub side: Side,
    /// Executed size, above zero.
    pub qty: Qty,
    /// Execution price.
    pub price: Price,
    /// Fee in `fee_asset`; negative is a rebate.
    pub fee: Qty,
    /// What the fee was paid in: the margin currency, or BNB.
    pub fee_asset: String,
    /// When, by the venue's clock.
    pub time: Timestamp,
}

impl UserTrade {
    /// As a fill, with the fee in the quote currency.
    pub(crate) fn fill(&self, fee: Usd) -> Fill {
        Fill {
            trade_id: self.id.to_string(),
            order: None,
            symbol: self.symbol.clone(),
            side: self.side,
            qty: self.qty,
            price: self.price,
            fee,
            time: self.time,
        }
    }
}

/// Decodes `userTrades`, in the order sent.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_user_trades(body: Body<'_>) -> Result<Vec<UserTrade>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| {
        let row = root.index(index, Some(raw));
        let wire: wire::UserTrade<'_> = row.object()?;
        let size = row.key("qty", wire.qty);
        let qty: Qty = size.number()?;
        if !qty.is_positive() {
            return Err(size.invalid(&format!("an executed size must be above zero, not {qty}")));
        }
        Ok(UserTrade {
            symbol: row.key("symbol", wire.symbol).symbol()?,
            id: row.key("id", wire.id).integer()?,
            order_id: row.key("orderId", wire.order_id).id()?,
            side: side(&row.key("side", wire.side))?,
            qty,
            price: row.key("price", wire.price).number()?,
            fee: row.key("commission", wire.commission).number()?,
            fee_asset: row.key("commissionAsset", wire.commission_asset).string()?,
            time: Timestamp(row.key("time", wire.time).integer()?),
        })
    })
    .collect()
}

/// A row of the account's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Income {
    /// What kind, in the venue's word: `FUNDING_FEE`.
    pub kind: String,
    /// For which symbol; none for what concerns the whole account.
    pub symbol: Option<Symbol>,
    /// What it did to the balance.
    pub amount: Usd,
    /// In which currency.
    pub asset: String,
    /// When.
    pub time: Timestamp,
    /// Unique within a kind, except for transfers.
    pub id: String,
}

/// Decodes `income`, in the order sent.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_income(body: Body<'_>) -> Result<Vec<Income>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| {
        let row = root.index(index, Some(raw));
        let wire: wire::Income<'_> = row.object()?;
        let name = row.key("symbol", wire.symbol);
        let symbol = if name.string()?.is_empty() { None } else { Some(name.symbol()?) };
        Ok(Income {
            kind: row.key("incomeType", wire.income_type).string()?,
            symbol,
            amount: row.key("income", wire.income).number()?,
            asset: row.key("asset", wire.asset).string()?,
            time: Timestamp(row.key("time", wire.time).integer()?),
            id: row.key("tranId", wire.tran_id).id()?,
        })
    })
    .collect()
}

impl Income {
    /// As a payment in dollars.
    pub(crate) fn payment(self) -> Result<evenkeel_exchange::FundingPayment, DecodeError> {
        let refused = |problem: String| {
            let remedy = "look at the account's transaction history";
            Err(DecodeError::new(DecodeErrorKind::Unsupported, "income", String::new(), &problem, remedy))
        };
        if !super::is_dollar(&self.asset) {
            return refused(format!("funding was paid in {}", cut(&self.asset)));
        }
        match self.symbol {
            None => refused("funding without a symbol".into()),
            Some(symbol) => Ok(evenkeel_exchange::FundingPayment {
                time: self.time,
                symbol,
                amount: self.amount,
                qty: None,
                rate: None,
            }),
        }
    }
}
