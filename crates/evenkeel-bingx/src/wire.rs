//! The venue's JSON as the venue spells it. Nothing but field names is known here.
//!
//! Every field is kept as the text it has in the answer: a number is read from its own digits, whether it was sent as
//! `"1.50"` or as `1.50`, and an order number above 2^53 keeps all of its digits. Absent and null are told apart. All
//! structs are plain: raw text cannot be captured inside tagged, untagged or flattened types.

use evenkeel_http::json::Field;
use serde::Deserialize;

macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($field:ident $(= $spelled:literal)?),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub(crate) struct $name<'a> {
            $(#[serde(borrow $(, rename = $spelled)?)] pub(crate) $field: Field<'a>,)*
        }
    };
}

wire! {
    /// Around every answer.
    Envelope { code, msg, debug_msg, data }
}
wire! {
    /// `server/time`.
    ServerTime { server_time }
}
wire! {
    /// A row of `quote/contracts`. The maxima of leverage were dropped from it in 2026.
    Contract {
        symbol, quantity_precision, price_precision, maker_fee_rate, taker_fee_rate, trade_min_quantity,
        trade_min_usdt = "tradeMinUSDT", currency, status, api_state_open, api_state_close, launch_time,
    }
}
wire! {
    /// A row of `maintMarginRatio`.
    Tier { symbol, min_position_val, max_position_val, maint_margin_ratio, maint_amount }
}
wire! {
    /// A row of `quote/premiumIndex`.
    Premium { symbol, mark_price, last_funding_rate, next_funding_time, funding_interval_hours }
}
wire! {
    /// A row of `quote/ticker`.
    Ticker { symbol, bid_price, ask_price }
}
wire! {
    /// A row of `user/balance`. Two spellings of the frozen margin are in use.
    Balance {
        user_id, short_uid, asset, balance, equity, unrealized_profit, available_margin, used_margin,
        freezed_margin, frozen_margin,
    }
}
wire! {
    /// A row of `user/positions`.
    Position {
        symbol, position_amt, position_side, isolated, avg_price, margin, leverage, unrealized_profit,
        liquidation_price, mark_price, only_one_position,
    }
}
wire! {
    /// `positionSide/dual`.
    PositionMode { dual_side_position }
}
wire! {
    /// `trade/assetMode`.
    AssetMode { asset_mode }
}
wire! {
    /// `trade/leverage`, read.
    Leverage { symbol, long_leverage, short_leverage, max_long_leverage, max_short_leverage }
}
wire! {
    /// `trade/leverage`, written: it does not say for which side.
    LeverageSet { symbol, leverage }
}
wire! {
    /// `trade/marginType`.
    MarginType { symbol, margin_type }
}
wire! {
    /// `trade/positionMargin`; at the top level, beside the code.
    MarginMoved { amount, r#type = "type" }
}
wire! {
    /// `user/commissionRate`.
    Commission { commission }
}
wire! {
    /// The object in it.
    Rates { taker_commission_rate, maker_commission_rate }
}
wire! {
    /// `account/apiRestrictions`; at the top level, beside the code.
    KeyRights { code, ip_restrict, enable_reading, enable_futures, permits_universal_transfer }
}
wire! {
    /// `data` of answers that hold one order in a wrapper.
    Wrapped { order }
}
wire! {
    /// `data` of answers that hold orders.
    Orders { orders }
}
wire! {
    /// An order: placed, asked for, or in a list. Two spellings of its numbers are in use, often in one answer.
    Order {
        symbol, order_id, order_id_text = "orderID", client_order_id, client_order_id_upper = "clientOrderID",
        side, position_side, r#type = "type", orig_qty, quantity, executed_qty, avg_price, price, stop_price,
        commission, status, reduce_only, close_position, only_one_position, code, error_code, msg,
        error_msg, error_message,
    }
}
wire! {
    /// `data` of `trade/fillHistory`.
    Fills { fill_history_orders = "fill_history_orders", total }
}
wire! {
    /// A row of it.
    Fill { symbol, trade_id, order_id, side, qty, price, commission, commission_asset, filled_time }
}
wire! {
    /// A row of `quote/fundingRate`.
    PastFunding { symbol, funding_rate, funding_time }
}
wire! {
    /// A row of `user/income`.
    Income { symbol, income_type, income, asset, time, tran_id }
}
wire! {
    /// `data` of `trade/allOpenOrders`.
    Cancelled { success, failed }
}
wire! {
    /// `data` of `trade/cancelAllAfter`.
    Switch { status }
}
wire! {
    /// The answer to moving money between wallets.
    Transfer { transfer_id }
}
