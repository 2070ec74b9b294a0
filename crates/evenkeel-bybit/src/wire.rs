//! The venue's JSON as the venue spells it. Nothing but field names is known here.
//!
//! Every field is kept as the text it has in the answer: a number is read from its own digits, whether it was sent as
//! `"1.50"` or as `1.50`. Absent, null and the empty text (which is "not applicable" here) are told apart. All structs
//! are plain: raw text cannot be captured inside tagged, untagged or flattened types.

use std::collections::BTreeMap;

use evenkeel_http::json::Field;
use serde::{Deserialize, Serialize};

/// An object whose names are not known beforehand.
pub(crate) type Map<'a> = BTreeMap<String, Field<'a>>;

macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub(crate) struct $name<'a> {
            $($(#[$attribute])* #[serde(borrow)] pub(crate) $field: Field<'a>,)*
        }
    };
}

wire! {
    /// What every answer is wrapped in.
    Envelope { ret_code, ret_msg, result, ret_ext_info, time }
}
wire! {
    /// A `result` that is a list, or `retExtInfo` of a batch.
    List { list, next_page_cursor, success }
}
wire! {
    /// `market/time`.
    ServerTime { time_second, time_nano }
}
wire! {
    /// A row of `market/instruments-info`.
    Instrument {
        symbol, contract_type, status, base_coin, quote_coin, settle_coin, funding_interval, leverage_filter,
        price_filter, lot_size_filter, is_pre_listing,
    }
}
wire! {
    /// `leverageFilter`.
    LeverageFilter { min_leverage, max_leverage, leverage_step }
}
wire! {
    /// `priceFilter`.
    PriceFilter { min_price, max_price, tick_size }
}
wire! {
    /// `lotSizeFilter`.
    LotSizeFilter { max_order_qty, max_mkt_order_qty, min_order_qty, qty_step, min_notional_value }
}
wire! {
    /// A row of `market/risk-limit`.
    RiskLimit {
        symbol, risk_limit_value, maintenance_margin, initial_margin, max_leverage, mm_deduction,
    }
}
wire! {
    /// A row of `market/tickers`.
    Ticker {
        symbol, mark_price, index_price, bid1_price, ask1_price, funding_rate, next_funding_time,
        funding_interval_hour,
    }
}
wire! {
    /// A row of `market/funding/history`.
    FundingRow { symbol, funding_rate, funding_rate_timestamp }
}
wire! {
    /// `account/info`.
    AccountInfo { unified_margin_status, margin_mode }
}
wire! {
    /// `account/wallet-balance`, its only row.
    Wallet {
        account_type, total_equity, total_wallet_balance, total_margin_balance, total_available_balance,
        #[serde(rename = "totalPerpUPL")] total_perp_upl,
        total_initial_margin, total_maintenance_margin, coin,
    }
}
wire! {
    /// A row of `coin`.
    Coin {
        coin, equity, usd_value, wallet_balance, locked, bonus, borrow_amount, unrealised_pnl,
        #[serde(rename = "totalOrderIM")] total_order_im,
        #[serde(rename = "totalPositionIM")] total_position_im,
        #[serde(rename = "totalPositionMM")] total_position_mm,
    }
}
wire! {
    /// A row of `account/fee-rate`.
    FeeRate { symbol, taker_fee_rate, maker_fee_rate }
}
wire! {
    /// A row of `account/transaction-log`.
    Transaction { id, symbol, side, r#type, funding, size, fee_rate, transaction_time, currency, category }
}
wire! {
    /// A row of `position/list`, and the `result` of `position/add-margin`.
    Position {
        position_idx, symbol, side, size, avg_price, entry_price, position_value, mark_price, leverage, liq_price,
        #[serde(rename = "positionIM")] position_im,
        #[serde(rename = "positionMM")] position_mm,
        unrealised_pnl, is_reduce_only, position_status,
    }
}
wire! {
    /// A row of `order/realtime` and `order/history`.
    Order {
        order_id, order_link_id, symbol, side, position_idx, order_type, price, qty, order_status, reject_reason,
        cancel_type, avg_price, leaves_qty, cum_exec_qty, cum_exec_fee, cum_fee_detail, stop_order_type,
        trigger_price, trigger_direction, reduce_only, close_on_trigger, created_time,
    }
}
wire! {
    /// A row of `execution/list`.
    Execution {
        exec_id, exec_type, exec_price, exec_qty, exec_value, exec_fee, exec_time, fee_rate, fee_currency, symbol,
        side, order_id, order_link_id,
    }
}
wire! {
    /// `order/create` and `order/cancel`, and a row of the batch calls.
    Acknowledgement { order_id, order_link_id }
}
wire! {
    /// A row of `retExtInfo.list`.
    Outcome { code, msg }
}
wire! {
    /// `account/set-margin-mode`.
    Reasons { reasons }
}
wire! {
    /// A row of `reasons`.
    Reason { reason_code, reason_msg }
}

/// What all these calls are about.
pub(crate) const CATEGORY: &str = "linear";

/// One order, as the body of `order/create` or within a batch.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewOrder {
    /// Only where it is the whole body; a batch says it once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<&'static str>,
    pub(crate) symbol: String,
    pub(crate) side: &'static str,
    pub(crate) order_type: &'static str,
    pub(crate) qty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_in_force: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trigger_price: Option<String>,
    /// 1: when the price rises to it, 2: when it falls to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trigger_direction: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trigger_by: Option<&'static str>,
    pub(crate) order_link_id: String,
    pub(crate) position_idx: u8,
    pub(crate) reduce_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) close_on_trigger: Option<bool>,
}

/// The body of `order/create-batch`.
#[derive(Debug, Serialize)]
pub(crate) struct NewOrders<'a> {
    pub(crate) category: &'static str,
    pub(crate) request: &'a [NewOrder],
}

/// The body of `order/cancel`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelOrder<'a> {
    pub(crate) category: &'static str,
    pub(crate) symbol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_link_id: Option<&'a str>,
}

/// The body of `order/cancel-all`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelOrders<'a> {
    pub(crate) category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settle_coin: Option<&'static str>,
    /// Absent is every kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_filter: Option<&'static str>,
}

/// The body of `position/set-leverage`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetLeverage<'a> {
    pub(crate) category: &'static str,
    pub(crate) symbol: &'a str,
    pub(crate) buy_leverage: String,
    pub(crate) sell_leverage: String,
}

/// The body of `position/add-margin`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddMargin<'a> {
    pub(crate) category: &'static str,
    pub(crate) symbol: &'a str,
    pub(crate) margin: String,
    pub(crate) position_idx: u8,
}

/// The body of `position/trading-stop`, as far as it is used: a trailing stop of the whole position.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrailingStop<'a> {
    pub(crate) category: &'static str,
    pub(crate) symbol: &'a str,
    pub(crate) tpsl_mode: &'static str,
    pub(crate) position_idx: u8,
    pub(crate) trailing_stop: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) active_price: Option<String>,
}

/// The body of `account/set-margin-mode`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetMarginMode {
    pub(crate) set_margin_mode: &'static str,
}
