//! Every public decoder on any body. No panic; errors are one line that names the body; and what is decoded stands in
//! the body digit for digit, so that nothing is cut, rounded, or a zero that the venue did not send.

use std::sync::LazyLock;

use evenkeel_hyperliquid::capabilities;
use evenkeel_hyperliquid::decode::{
    Abstraction, AbstractionInput, AccountInput, Body, Cloid, DecodeError, DexInput, FeeInput, FlatSettings,
    Markets, OpenOrdersInput, OrderRecord, base_fees, decode_active_asset_data, decode_answer,
    decode_clearinghouse_state, decode_exchange_status, decode_extra_agents, decode_funding_history,
    decode_historical_orders, decode_meta, decode_meta_and_asset_ctxs, decode_open_orders,
    decode_order_status, decode_perp_dexs, decode_snapshot, decode_spot_clearinghouse_state,
    decode_top_of_book, decode_user_abstraction, decode_user_fees, decode_user_fills, decode_user_funding,
    decode_user_rate_limit, decode_user_role,
};
use evenkeel_types::{AccountId, Leverage, Qty, Rate, Scope, Snapshot, Symbol, Usd, VenueId};

use crate::decoders::{Decoder, assert_says, fine, pick, plain, refused, straight};
use crate::numbers::{AMOUNTS, Numbers};

/// What the first byte picks.
pub const DECODERS: &[Decoder] = &[
    ("clearinghouse_state", clearinghouse_state),
    ("spot_clearinghouse_state", |body| plain(body, decode_spot_clearinghouse_state)),
    ("meta", |body| markets(body, decode_meta)),
    ("meta_and_asset_ctxs", |body| markets(body, decode_meta_and_asset_ctxs)),
    ("open_orders", open_orders),
    ("order_status", |body| orders(body, |body| Ok(decode_order_status(body)?.into_iter().collect()))),
    ("historical_orders", |body| orders(body, decode_historical_orders)),
    ("user_fills", user_fills),
    ("funding_history", |body| plain(body, decode_funding_history)),
    ("user_funding", |body| plain(body, decode_user_funding)),
    ("answer", |body| plain(body, decode_answer)),
    ("active_asset_data", active_asset_data),
    ("top_of_book", |body| plain(body, |body| decode_top_of_book(body, &BTC))),
    ("exchange_status", |body| plain(body, decode_exchange_status)),
    ("perp_dexs", perp_dexs),
    ("extra_agents", |body| plain(body, decode_extra_agents)),
    ("user_rate_limit", user_rate_limit),
    ("user_role", |body| plain(body, decode_user_role)),
    ("user_abstraction", |body| plain(body, decode_user_abstraction)),
    ("user_fees", user_fees),
    ("snapshot: clearinghouseState", |body| snapshot(body, Place::State, Mode::Standard)),
    ("snapshot: metaAndAssetCtxs", |body| snapshot(body, Place::Markets, Mode::Standard)),
    ("snapshot: userAbstraction", |body| snapshot(body, Place::Abstraction, Mode::Standard)),
    ("snapshot: openOrders", |body| snapshot(body, Place::Orders, Mode::Standard)),
    ("snapshot: userFees", |body| snapshot(body, Place::Fees, Mode::Standard)),
    ("unified snapshot: clearinghouseState", |body| snapshot(body, Place::State, Mode::Unified)),
    ("unified snapshot: metaAndAssetCtxs", |body| snapshot(body, Place::Markets, Mode::Unified)),
    ("unified snapshot: spotClearinghouseState", |body| snapshot(body, Place::Spot, Mode::Unified)),
    ("unified snapshot: activeAssetData", |body| snapshot(body, Place::Available, Mode::Unified)),
    ("unified snapshot: another dex", |body| snapshot(body, Place::OtherDex, Mode::Unified)),
];

static BTC: LazyLock<Symbol> = LazyLock::new(|| Symbol::new("BTC").expect("a symbol"));

/// One input of the target.
pub fn run(data: &[u8]) {
    pick(DECODERS, data);
}

fn clearinghouse_state(body: &[u8]) {
    let Some(state) = straight(body, decode_clearinghouse_state) else { return };
    for position in &state.positions {
        assert!(!position.qty.is_zero() && !position.position_value.is_negative(), "{position:?}");
        assert_eq!(position.signed_value().abs(), position.position_value);
    }
}

fn markets(body: &[u8], decode: impl FnOnce(Body<'_>) -> Result<Markets, DecodeError>) {
    let Some(markets) = fine(body, decode) else { return };
    assert_eq!(markets.instruments().len(), markets.list.len());
    for (index, market) in markets.list.iter().enumerate() {
        let instrument = &market.instrument;
        assert_eq!(usize::try_from(market.index), Ok(index));
        assert_eq!(markets.get(&instrument.symbol).map(|found| found.index), Some(market.index));
        assert!(instrument.max_qty.is_none_or(Qty::is_positive), "orders of size zero: {instrument:?}");
        assert_eq!(instrument.max_qty.is_some(), market.mark.is_some());
    }
    if let Some(numbers) = Numbers::of(body) {
        let prices: Vec<_> = markets.list.iter().map(|market| (market.mark, market.oracle)).collect();
        numbers.assert_say(AMOUNTS, &prices);
        numbers.assert_say(AMOUNTS, &markets.list.iter().map(|market| market.funding).collect::<Vec<_>>());
        for market in &markets.list {
            for tier in market.instrument.tiers.as_slice() {
                // Where there is no table, the only tier begins at zero. What is computed is not in the body.
                let floor = Some(tier.notional_floor).filter(|floor| !floor.is_zero());
                numbers.assert_say(AMOUNTS, &(floor, tier.max_leverage));
                assert!(tier.maintenance_rate > Rate::ZERO, "{tier:?}");
            }
        }
    }
}

fn open_orders(body: &[u8]) {
    let Some(orders) = straight(body, decode_open_orders) else { return };
    for (index, order) in orders.iter().enumerate() {
        assert!(order.remaining.is_none_or(|qty| !qty.is_negative()), "{order:?}");
        let twice = orders[..index].iter().any(|other| other.venue_order_id == order.venue_order_id);
        assert!(!twice, "{order:?}");
    }
}

fn orders(body: &[u8], decode: impl FnOnce(Body<'_>) -> Result<Vec<OrderRecord>, DecodeError>) {
    for order in straight(body, decode).unwrap_or_default() {
        assert!(!order.remaining.is_negative() && order.remaining <= order.ordered, "{order:?}");
        if let Some(executed) = order.executed() {
            assert!(!executed.is_negative() && executed <= order.ordered, "{executed} of {order:?}");
        }
        if let Some(cloid) = order.cloid {
            assert_eq!(Cloid::parse(&cloid.to_string()), Some(cloid));
            assert!(cloid.ours().is_none_or(|ours| Cloid::from(ours) == cloid), "{cloid}");
        }
    }
}

fn user_fills(body: &[u8]) {
    for fill in straight(body, decode_user_fills).unwrap_or_default() {
        assert!(fill.fill.qty.is_positive() && !fill.fill.trade_id.is_empty(), "{fill:?}");
    }
}

fn active_asset_data(body: &[u8]) {
    let Some(asset) = straight(body, |body| decode_active_asset_data(body, &BTC)) else { return };
    assert_eq!(asset.symbol, *BTC);
    assert!(asset.available.iter().all(|side| asset.free() <= *side), "{asset:?}");
    assert!(asset.setting(evenkeel_types::Timestamp(7)).is(asset.leverage));
}

fn perp_dexs(body: &[u8]) {
    let numbers = Numbers::of(body);
    for dex in fine(body, decode_perp_dexs).unwrap_or_default() {
        let (Some(scale), Some(numbers)) = (dex.fee_scale, &numbers) else { continue };
        assert!(numbers.has(&scale.to_string()), "{dex:?}");
        let _ = dex.fee_factor();
    }
}

fn user_rate_limit(body: &[u8]) {
    let Some(budget) = fine(body, decode_user_rate_limit) else { return };
    assert!(budget.left() <= budget.cap);
    if let Some(numbers) = Numbers::of(body) {
        assert!(numbers.has(&budget.used.to_string()), "{budget:?}");
    }
}

fn user_fees(body: &[u8]) {
    let Some(fees) = fine(body, decode_user_fees) else { return };
    let discount = b"activeReferralDiscount";
    // With a discount the rates are computed.
    if !body.windows(discount.len()).any(|part| part == discount) {
        assert_says(body, AMOUNTS, &fees);
    }
}

/// Which answer of the example account the body replaces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    State,
    Markets,
    Abstraction,
    Spot,
    Orders,
    Fees,
    Available,
    OtherDex,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Standard,
    Unified,
}

fn snapshot(body: &[u8], place: Place, mode: Mode) {
    with_account(body, place, mode, |input, other_than| match decode_snapshot(input) {
        Ok(snapshot) => adds_up(&snapshot, &input.scope, other_than, body, place),
        Err(error) => refused(&error),
    });
}

/// The example account with the body in that place, and a leverage that no assumed setting must have.
fn with_account<T>(
    body: &[u8],
    place: Place,
    mode: Mode,
    then: impl FnOnce(&AccountInput<'_>, Leverage) -> T,
) -> T {
    macro_rules! recorded {
        ($name:literal) => {
            include_bytes!(concat!("../../examples/recorded/hyperliquid/", $name))
        };
    }
    let put = |at: Place, name, otherwise| Body::new(name, if at == place { body } else { otherwise });
    let state = put(Place::State, "state", recorded!("clearinghouseState.json"));
    let markets = put(Place::Markets, "markets", recorded!("metaAndAssetCtxs.json"));
    let abstraction = put(Place::Abstraction, "abstraction", recorded!("userAbstraction.json"));
    let orders = put(Place::Orders, "orders", recorded!("openOrders.json"));
    // What the example would be as a unified account.
    let spot =
        put(Place::Spot, "spot", br#"{"balances":[{"coin":"USDC","token":0,"total":"200.0","hold":"0"}]}"#);
    let available = put(Place::Available, "available", b"");
    let others = [put(Place::OtherDex, "other", b"")];
    // One that the assumed settings have otherwise, and one that they do not.
    let other_than =
        if body.len().is_multiple_of(2) { Leverage::ONE } else { Leverage::new(20).expect("a leverage") };
    let input = AccountInput {
        venue: VenueId::new("hyperliquid").expect("a name"),
        account: AccountId::new("recorded").expect("a name"),
        capabilities: capabilities(),
        scope: Scope::of([BTC.clone()]),
        abstraction: match mode {
            Mode::Standard => AbstractionInput::Answer(abstraction),
            Mode::Unified => AbstractionInput::Known(Abstraction::Unified),
        },
        dexes: vec![DexInput {
            clearinghouse_state: state,
            meta_and_asset_ctxs: markets,
            open_orders: OpenOrdersInput::Answer(orders),
            fees: match place {
                Place::Fees => FeeInput::Answer(Body::new("fees", body)),
                _ => FeeInput::Known(base_fees()),
            },
        }],
        spot_clearinghouse_state: Some(spot),
        other_dexes: Some(if place == Place::OtherDex { &others } else { &[] }),
        available: if place == Place::Available { vec![(BTC.clone(), available)] } else { Vec::new() },
        flat_settings: FlatSettings::Assume { other_than },
    };
    then(&input, other_than)
}

fn adds_up(snapshot: &Snapshot, scope: &Scope, other_than: Leverage, body: &[u8], place: Place) {
    assert_eq!(snapshot.validate(scope), Ok(()));
    for pool in &snapshot.pools {
        assert!(!pool.equity.is_negative() && !pool.free.is_negative(), "{pool:?}");
    }
    for order in &snapshot.open_orders {
        assert!(snapshot.instruments.contains_key(&order.symbol), "{order:?}");
    }
    for (symbol, setting) in &snapshot.settings {
        assert_eq!(*symbol, setting.symbol);
        assert!(
            snapshot.position(symbol).is_some() || !setting.is(other_than),
            "the assumed setting of {symbol} is the one that is wanted"
        );
    }
    let written = serde_json::to_string(snapshot).expect("a snapshot can be written");
    let read: Snapshot = serde_json::from_str(&written).expect("a snapshot can be read");
    assert_eq!(&read, snapshot);
    match place {
        Place::State => {
            assert_says(body, AMOUNTS, &(&snapshot.positions, snapshot.as_of));
            // In a standard account; otherwise it is what the balance gives.
            let own: Vec<(Usd, Option<Usd>)> = snapshot
                .pools
                .iter()
                .filter(|pool| pool.withdrawable.is_some())
                .map(|pool| (pool.equity, pool.withdrawable))
                .collect();
            assert_says(body, AMOUNTS, &own);
        }
        Place::Orders => assert_says(body, AMOUNTS, &snapshot.open_orders),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_decoder_is_tried() {
        let public = include_str!("../../crates/evenkeel-hyperliquid/src/decode/mod.rs");
        crate::decoders::assert_all_are_tried(public, include_str!("decode.rs"), 21);
    }

    /// The account of which parts are replaced is fine as it is, so that a change to one part is what is refused.
    #[test]
    fn the_example_is_an_account_in_both_modes() {
        let files = [
            (
                Place::State,
                &include_bytes!("../../examples/recorded/hyperliquid/clearinghouseState.json")[..],
            ),
            (Place::Markets, include_bytes!("../../examples/recorded/hyperliquid/metaAndAssetCtxs.json")),
        ];
        for (place, body) in files {
            for mode in [Mode::Standard, Mode::Unified] {
                assert!(accepted(body, place, mode));
            }
        }
        assert!(accepted(b"[]", Place::Orders, Mode::Standard));
        assert!(accepted(br#"{"assetPositions":[]}"#, Place::OtherDex, Mode::Unified));
    }

    fn accepted(body: &[u8], place: Place, mode: Mode) -> bool {
        with_account(body, place, mode, |input, _| decode_snapshot(input)).is_ok()
    }
}
