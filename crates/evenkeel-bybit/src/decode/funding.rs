//! Lists of the past: `execution/list`, `market/funding/history`, `account/transaction-log`.

use evenkeel_exchange::{FundingPayment, PastFunding};
use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{ClientOrderId, Fill, Qty, Rate, Side, Symbol, Timestamp, Usd};

use super::market::SETTLE_COIN;
use super::{Body, Page, page, side, size};
use crate::wire;

/// Kinds of rows that move money and no position.
const NO_TRADES: &[&str] = &["Funding", "Settle", "SessionSettlePnL"];

/// Decodes `execution/list`: what was traded, newest first as the venue sends it; `None` for a row that is no trade
/// (funding). Liquidations, auto-deleveraging and kinds that are not known are trades: they change positions.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_executions(body: Body<'_>) -> Result<Page<Option<Fill>>, DecodeError> {
    page(body, execution)
}

fn execution(row: &Node<'_, '_>) -> Result<Option<Fill>, DecodeError> {
    let wire: wire::Execution<'_> = row.object()?;
    if NO_TRADES.contains(&row.key("execType", wire.exec_type).string()?.as_str()) {
        return Ok(None);
    }
    let qty_node = row.key("execQty", wire.exec_qty);
    let qty = size(&qty_node)?;
    if qty.is_zero() {
        return Err(qty_node.invalid("an executed size must be above zero"));
    }
    let link = row.key("orderLinkId", wire.order_link_id).filled();
    let link = link.map(|node| node.string()).transpose()?;
    Ok(Some(Fill {
        trade_id: row.key("execId", wire.exec_id).string()?,
        order: link.and_then(|link| ClientOrderId::parse(&link).ok()),
        symbol: row.key("symbol", wire.symbol).symbol()?,
        side: side(&row.key("side", wire.side))?,
        qty,
        price: row.key("execPrice", wire.exec_price).number()?,
        fee: fee(row, &wire)?,
        time: Timestamp(row.key("execTime", wire.exec_time).integer()?),
    }))
}

/// What was paid; negative is a rebate. A fee in another coin is told by its rate, which is that of the coin of
/// settlement.
fn fee(row: &Node<'_, '_>, wire: &wire::Execution<'_>) -> Result<Usd, DecodeError> {
    let currency = row.key("feeCurrency", wire.fee_currency).filled();
    let currency = currency.map(|node| node.string()).transpose()?;
    if currency.as_deref().is_none_or(|coin| coin == SETTLE_COIN) {
        return row.key("execFee", wire.exec_fee).number();
    }
    let rate: Rate = row.key("feeRate", wire.fee_rate).number()?;
    let value_node = row.key("execValue", wire.exec_value);
    let value: Usd = value_node.number()?;
    value_node.computed(rate.of(value))
}

/// Decodes `market/funding/history`, newest first as the venue sends it.
///
/// # Errors
/// [`DecodeError`] naming the field; a row of another symbol is refused.
pub fn decode_funding_history(body: Body<'_>, symbol: &Symbol) -> Result<Vec<PastFunding>, DecodeError> {
    let page = page(body, |row| {
        let wire: wire::FundingRow<'_> = row.object()?;
        let node = row.key("symbol", wire.symbol);
        if node.symbol()? != *symbol {
            let problem = format!("asked for {symbol}");
            return Err(node.error(DecodeErrorKind::Inconsistent, &problem, "read it again"));
        }
        Ok(PastFunding {
            time: Timestamp(row.key("fundingRateTimestamp", wire.funding_rate_timestamp).integer()?),
            rate: row.key("fundingRate", wire.funding_rate).number()?,
        })
    })?;
    Ok(page.rows)
}

/// Decodes `account/transaction-log`: the venue's id of each payment of funding and the payment, newest first as the venue
/// sends it; `None` for a row of another kind or coin.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_funding_payments(
    body: Body<'_>,
) -> Result<Page<Option<(String, FundingPayment)>>, DecodeError> {
    page(body, payment)
}

fn payment(row: &Node<'_, '_>) -> Result<Option<(String, FundingPayment)>, DecodeError> {
    let wire: wire::Transaction<'_> = row.object()?;
    let kind = row.key("type", wire.r#type).string()?;
    let currency = row.key("currency", wire.currency).string()?;
    if kind != "SETTLEMENT" || currency != SETTLE_COIN {
        return Ok(None);
    }
    let amount = row.key("funding", wire.funding);
    // Empty where the row settles something else.
    let Some(amount) = amount.filled() else { return Ok(None) };
    let id = row.key("id", wire.id).string()?;
    let payment = FundingPayment {
        time: Timestamp(row.key("transactionTime", wire.transaction_time).integer()?),
        symbol: row.key("symbol", wire.symbol).symbol()?,
        amount: amount.number()?,
        qty: held(row, &wire)?,
        rate: super::number_or_none(row.key("feeRate", wire.fee_rate))?,
    };
    Ok(Some((id, payment)))
}

/// The size is documented as signed; where its sign and the side do not agree, nothing is said.
fn held(row: &Node<'_, '_>, wire: &wire::Transaction<'_>) -> Result<Option<Qty>, DecodeError> {
    let Some(size) = super::number_or_none::<Qty>(row.key("size", wire.size))? else { return Ok(None) };
    let side_node = row.key("side", wire.side);
    let side = match side_node.filled().map(|node| node.string()).transpose()?.as_deref() {
        Some("Buy") => Side::Buy,
        Some("Sell") => Side::Sell,
        None | Some("None") => return Ok(Some(size)),
        Some(other) => return Err(side_node.invalid(&format!("unknown side {}", cut(other)))),
    };
    Ok(Some(size).filter(|size| side.signed(*size) == *size))
}
