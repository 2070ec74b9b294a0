//! The venue's JSON as the venue spells it. Nothing but field names is known here.
//!
//! Every field is kept as the text it has in the answer: a number is read from its own digits, whether it was sent as
//! `"1.50"`, as `1.50` or, in recordings of clients that quote everything, as `"3"`. Absent and null are told apart. All
//! structs are plain: raw text cannot be captured inside tagged, untagged or flattened types.

use evenkeel_http::json::Field;
use serde::Deserialize;

macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub(crate) struct $name<'a> {
            $(#[serde(borrow)] pub(crate) $field: Field<'a>,)*
        }
    };
}

wire! {
    /// `{code, msg}`: a refusal, and what setters answer.
    Refusal { code, msg }
}
wire! {
    /// `time`.
    ServerTime { server_time }
}
wire! {
    /// `exchangeInfo`.
    ExchangeInfo { symbols }
}
wire! {
    /// A row of `exchangeInfo.symbols`.
    SymbolInfo { symbol, contract_type, status, quote_asset, margin_asset, filters }
}
wire! {
    /// A row of `filters`.
    Filter {
        filter_type, tick_size, min_price, max_price, step_size, min_qty, max_qty, notional, position_control_side,
    }
}
wire! {
    /// A row of `leverageBracket`.
    SymbolBrackets { symbol, brackets }
}
wire! {
    /// A row of `brackets`.
    Bracket { initial_leverage, notional_cap, notional_floor, maint_margin_ratio, cum }
}
wire! {
    /// A row of `fundingInfo`.
    FundingInfo { symbol, funding_interval_hours }
}
wire! {
    /// A row of `premiumIndex`.
    PremiumIndex { symbol, mark_price, last_funding_rate, next_funding_time, time }
}
wire! {
    /// A row of `ticker/bookTicker`.
    BookTicker { symbol, bid_price, ask_price }
}
wire! {
    /// A row of `fundingRate`.
    FundingRate { symbol, funding_time, funding_rate }
}
wire! {
    /// `account`, version 3.
    Account { assets, positions }
}
wire! {
    /// A row of `account.assets`.
    AccountAsset { asset, wallet_balance, cross_wallet_balance, cross_un_pnl, available_balance, max_withdraw_amount }
}
wire! {
    /// A row of `account.positions`.
    AccountPosition { symbol, position_side, position_amt, isolated_wallet }
}
wire! {
    /// A row of `balance`.
    Balance { account_alias, asset, balance }
}
wire! {
    /// A row of `positionRisk`; `leverage` and `margin_type` are in version 2 only.
    PositionRisk {
        symbol, position_side, position_amt, entry_price, mark_price, liquidation_price, isolated_margin,
        isolated_wallet, leverage, margin_type, update_time,
    }
}
wire! {
    /// A row of `symbolConfig`.
    SymbolConfig { symbol, margin_type, leverage }
}
wire! {
    /// `accountConfig`.
    AccountConfig { can_trade, dual_side_position, multi_assets_margin, fee_tier }
}
wire! {
    /// `commissionRate`.
    CommissionRate { symbol, maker_commission_rate, taker_commission_rate }
}
wire! {
    /// An order, in every answer that has one; or a refusal in its place within a batch.
    Order {
        code, msg, symbol, client_order_id, order_id, side, position_side, orig_qty, executed_qty, avg_price, price,
        stop_price, activate_price, status, r#type, orig_type, reduce_only, close_position, time_in_force,
    }
}
wire! {
    /// A conditional order.
    AlgoOrder {
        algo_id, client_algo_id, order_type, symbol, side, position_side, quantity, algo_status, trigger_price, price,
        activate_price, close_position, reduce_only, actual_order_id, actual_qty, update_time,
    }
}
wire! {
    /// The answer to cancelling a conditional order.
    AlgoCancel { algo_id, client_algo_id, code }
}
wire! {
    /// A row of `userTrades`.
    UserTrade { symbol, id, order_id, side, price, qty, commission, commission_asset, time }
}
wire! {
    /// A row of `income`.
    Income { symbol, income_type, income, asset, time, tran_id }
}
wire! {
    /// The answer to setting a leverage.
    Leverage { symbol, leverage }
}
wire! {
    /// The answer to arming the dead-man switch.
    Countdown { symbol, countdown_time }
}
wire! {
    /// The answer to moving money between wallets.
    Transfer { tran_id }
}
