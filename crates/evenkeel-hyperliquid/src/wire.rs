//! The venue's JSON as the venue spells it. Nothing but field names is known here.
//!
//! Every field is kept as the text it has in the answer: a number is read from its own digits, whether it was
//! sent as `"1.50"`, as `1.50` or, in recordings of clients that quote everything, as `"3"`. Absent and null are
//! told apart. All structs are plain: raw text cannot be captured inside tagged, untagged or flattened types.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One field: absent, or its raw JSON text (which may be `null`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Field<'a>(pub(crate) Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

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
    }
}
wire! {
    /// `userFees`; already reduced by volume tier and staking, not by the referral discount.
    UserFees { user_cross_rate, user_add_rate, active_referral_discount }
}
