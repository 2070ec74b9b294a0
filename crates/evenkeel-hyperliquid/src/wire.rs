//! The venue's JSON as the venue spells it. Nothing but field names is known here.
//!
//! Every field is kept as the text it has in the answer: a number is read from its own digits, whether it was
//! sent as `"1.50"`, as `1.50` or, in recordings of clients that quote everything, as `"3"`. Absent and null are
//! told apart. All structs are plain: raw text cannot be captured inside tagged, untagged or flattened types.

use evenkeel_http::json::Field;

use serde::{Deserialize, Serialize};

use crate::sign::Signature;

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
    /// `meta`, and the first element of `metaAndAssetCtxs`.
    Meta { universe, margin_tables, collateral_token }
}
wire! {
    /// A row of `meta.universe`.
    Asset { name, sz_decimals, max_leverage, margin_table_id, only_isolated, margin_mode, is_delisted }
}
wire! {
    /// The second element of a `[id, table]` pair in `meta.marginTables`.
    MarginTable { margin_tiers }
}
wire! {
    /// A row of `marginTiers`.
    MarginTier { lower_bound, max_leverage }
}
wire! {
    /// A row of the second element of `metaAndAssetCtxs`.
    AssetContext { mark_px, oracle_px, funding }
}
wire! {
    /// `clearinghouseState`.
    ClearinghouseState {
        asset_positions, margin_summary, cross_margin_summary, cross_maintenance_margin_used, withdrawable, time,
    }
}
wire! {
    /// `marginSummary` and `crossMarginSummary`.
    MarginSummary { account_value, total_ntl_pos, total_raw_usd, total_margin_used }
}
wire! {
    /// A row of `assetPositions`.
    AssetPosition { r#type, position }
}
wire! {
    /// `assetPositions[].position`.
    Position {
        coin, szi, leverage, entry_px, position_value, unrealized_pnl, liquidation_px, margin_used, max_leverage,
    }
}
wire! {
    /// `assetPositions[].position.leverage`.
    Leverage { r#type, value, raw_usd }
}
wire! {
    /// `spotClearinghouseState`.
    SpotClearinghouseState { balances }
}
wire! {
    /// A row of `balances`.
    SpotBalance { coin, token, total, hold }
}
wire! {
    /// A row of `openOrders`, `frontendOpenOrders` and their `children`.
    OpenOrder {
        coin, side, limit_px, sz, oid, reduce_only, is_trigger, trigger_px, order_type, is_position_tpsl, children,
        cloid,
    }
}
wire! {
    /// `userFees`; already reduced by volume tier and staking, not by the referral discount.
    UserFees { user_cross_rate, user_add_rate, active_referral_discount }
}
wire! {
    /// `orderStatus`.
    OrderStatus { status, order }
}
wire! {
    /// `orderStatus.order`, and a row of `historicalOrders`.
    OrderRecord { order, status, status_timestamp }
}
wire! {
    /// The order inside an [`OrderRecord`].
    Order { coin, side, limit_px, sz, oid, timestamp, orig_sz, cloid, reduce_only }
}
wire! {
    /// A row of `userFills` and `userFillsByTime`.
    Fill { coin, px, sz, side, time, oid, tid, fee, cloid }
}
wire! {
    /// A row of `fundingHistory`.
    FundingRow { coin, funding_rate, time }
}
wire! {
    /// A row of `userFunding`.
    FundingPayment { time, delta }
}
wire! {
    /// What a [`FundingPayment`] changed.
    FundingDelta { r#type, coin, usdc, szi, funding_rate }
}
wire! {
    /// `activeAssetData`.
    ActiveAssetData { coin, leverage, available_to_trade, mark_px }
}
wire! {
    /// `exchangeStatus`.
    ExchangeStatus { time, special_statuses }
}
wire! {
    /// A row of `perpDexs`.
    PerpDex { name, deployer_fee_scale }
}
wire! {
    /// `l2Book`.
    Book { coin, time, levels }
}
wire! {
    /// One price of a [`Book`].
    Level { px }
}
wire! {
    /// `userRole`.
    UserRole { role, data }
}
wire! {
    /// `userRole.data`: `user` of an agent, `master` of a sub-account.
    UserRoleData { user, master }
}
wire! {
    /// A row of `extraAgents`.
    Agent { name, address, valid_until }
}
wire! {
    /// `userRateLimit`.
    UserRateLimit { n_requests_used, n_requests_cap, n_requests_surplus }
}
wire! {
    /// Every answer of the exchange endpoint with HTTP status 200.
    Answer { status, response }
}
wire! {
    /// `response` of an accepted action.
    Response { r#type, data }
}
wire! {
    /// `response.data`.
    ResponseData { statuses, status }
}
wire! {
    /// An entry of `statuses` that is an object.
    StatusEntry { resting, filled, error }
}
wire! {
    /// `resting` of a [`StatusEntry`].
    Resting { oid, cloid }
}
wire! {
    /// `filled` of a [`StatusEntry`].
    Filled { total_sz, avg_px, oid, cloid }
}

/// The body of a signed request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<'a, A: Serialize> {
    pub(crate) action: &'a A,
    pub(crate) nonce: u64,
    pub(crate) signature: &'a Signature,
    /// The sub-account or vault that is traded for; null is the signer's own account.
    pub(crate) vault_address: Option<String>,
    /// Null where the action does not expire.
    pub(crate) expires_after: Option<u64>,
}

/// An order, by the client id in the venue's form or by the venue's own number.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum OrderKey {
    Cloid(String),
    Number(u64),
}

/// The body of an info request: its type, and what that type needs.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question {
    pub(crate) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// A builder dex; absent is the validator-operated one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oid: Option<OrderKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_time: Option<u64>,
}
