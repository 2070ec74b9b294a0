//! What holds for all keys, digests, orders and texts.

use evenkeel_hyperliquid::sign::{
    Action, Address, AgentKey, BuilderFee, Grouping, MasterKey, OrderAction, OrderKind, OrderWire,
    OrderedJson, Signature, Signer, Tif, TpSl, msgpack, orders_msgpack, scaled_integer, wire_number,
};
use evenkeel_types::{Decimal, parse_decimal};
use proptest::prelude::*;

use crate::support::{cases, hex, json};

/// The upper half of the curve's order begins here; signatures must be below.
const HALF_ORDER: [u8; 32] =
    *b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x5d\x57\x6e\x73\x57\xa4\x50\x1d\xdf\xe9\x2f\x46\x68\x1b\x20\xa0";

fn order() -> impl Strategy<Value = OrderWire> {
    let number = || prop_oneof![r"[1-9][0-9]{0,5}(\.[0-9]{0,7}[1-9])?", "[0-9]{0,300}"];
    let kind = prop_oneof![
        prop::sample::select(vec![Tif::Alo, Tif::Ioc, Tif::Gtc]).prop_map(OrderKind::Limit),
        (any::<bool>(), number(), prop::sample::select(vec![TpSl::Tp, TpSl::Sl]))
            .prop_map(|(is_market, trigger_px, tpsl)| OrderKind::Trigger { is_market, trigger_px, tpsl }),
    ];
    let asset = prop_oneof![0..300_u32, 60_000..120_000_u32, any::<u32>()];
    (asset, any::<bool>(), number(), number(), any::<bool>(), kind, prop::option::of("0x[0-9a-f]{32}"))
        .prop_map(|(asset, is_buy, price, size, reduce_only, kind, cloid)| OrderWire {
            asset,
            is_buy,
            price,
            size,
            reduce_only,
            kind,
            cloid,
        })
}

fn grouping() -> impl Strategy<Value = Grouping> {
    prop_oneof![
        prop::sample::select(vec![Grouping::Na, Grouping::NormalTpsl, Grouping::PositionTpsl]),
        any::<u32>().prop_map(Grouping::Priority),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let cloid = || "0x[0-9a-f]{32}";
    prop_oneof![
        (prop::collection::vec(order(), 0..20), grouping())
            .prop_map(|(orders, grouping)| Action::Order { orders, grouping }),
        prop::collection::vec(any::<(u32, u64)>(), 0..20).prop_map(|cancels| Action::Cancel { cancels }),
        prop::collection::vec((any::<u32>(), cloid()), 0..20)
            .prop_map(|cancels| Action::CancelByCloid { cancels }),
        any::<(u32, bool, u32)>().prop_map(|(asset, is_cross, leverage)| Action::UpdateLeverage {
            asset,
            is_cross,
            leverage
        }),
        any::<(u32, i64)>().prop_map(|(asset, micros)| Action::UpdateIsolatedMargin { asset, micros }),
        (any::<u32>(), r"[1-9]\.[1-9]")
            .prop_map(|(asset, leverage)| Action::TopUpIsolatedOnlyMargin { asset, leverage }),
        any::<Option<u64>>().prop_map(|time| Action::ScheduleCancel { time }),
        Just(Action::Noop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_signature_leads_back_to_its_key(key in any::<[u8; 32]>(), digest in any::<[u8; 32]>()) {
        // One in 2^128 is no key.
        let key = AgentKey::from_hex(&hex(&key)).unwrap();
        let signature = key.sign_digest(&digest).unwrap();
        prop_assert_eq!(signature.recover(&digest).unwrap(), key.address().get());
        prop_assert_eq!(key.sign_digest(&digest).unwrap(), signature, "deterministic");
        prop_assert!(signature.s <= HALF_ORDER && matches!(signature.v, 27 | 28));
        let mut other = digest;
        other[0] ^= 1;
        prop_assert_ne!(signature.recover(&other).ok(), Some(key.address().get()));
    }

    #[test]
    fn recovering_from_anything_ends(r in any::<[u8; 32]>(), s in any::<[u8; 32]>(), v in 0..40_u8, digest in any::<[u8; 32]>()) {
        let _ = Signature { r, s, v }.recover(&digest);
    }

    #[test]
    fn orders_by_hand_are_those_of_serde(orders in prop::collection::vec(order(), 0..40), grouping in grouping()) {
        let by_hand = orders_msgpack(&orders, grouping);
        let action = OrderAction { orders: orders.clone(), grouping, builder: None };
        prop_assert_eq!(&by_hand, &msgpack(&action).unwrap());
        let action = Action::Order { orders, grouping };
        prop_assert_eq!(&by_hand, &msgpack(&action).unwrap());
        prop_assert_eq!(by_hand, action.msgpack().unwrap());
    }

    #[test]
    fn the_body_says_what_was_signed(action in action(), fee in any::<Option<([u8; 20], u32)>>()) {
        let body = serde_json::to_string(&action).unwrap();
        prop_assert_eq!(msgpack(&json(&body)).unwrap(), action.msgpack().unwrap());
        if let Action::Order { orders, grouping } = action {
            let builder = fee.map(|(address, fee)| BuilderFee { address: Address(address), fee });
            let action = OrderAction { orders, grouping, builder };
            let body = serde_json::to_string(&action).unwrap();
            prop_assert_eq!(msgpack(&json(&body)).unwrap(), msgpack(&action).unwrap());
        }
    }

    #[test]
    fn any_text_is_json_or_refused(text in any::<String>(), bytes in any::<Vec<u8>>(), near in r#"[\[\]{}:",0-9.eE+a-z\\-]{0,60}"#) {
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes), &near] {
            if let Ok(value) = OrderedJson::parse(text) {
                let _ = msgpack(&value);
                let again = OrderedJson::parse(&serde_json::to_string(&value).unwrap());
                prop_assert_eq!(again.unwrap(), value);
            }
            let _ = text.parse::<Address>();
            let _ = AgentKey::from_hex(text);
            let _ = MasterKey::danger_from_hex(text);
        }
    }

    #[test]
    fn addresses_are_read_as_they_are_written(bytes in any::<[u8; 20]>()) {
        let address = Address(bytes);
        prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        prop_assert_eq!(Address::parse(&format!("0x{:X}", Upper(&bytes))).unwrap(), address);
        prop_assert_eq!(format!("{address:?}"), address.to_string());
    }

    #[test]
    fn numbers_keep_their_value(mantissa in any::<i128>(), scale in 0..=28_u32) {
        let Ok(value) = Decimal::try_from_i128_with_scale(mantissa >> 33, scale) else { return Ok(()) };
        if let Ok(text) = wire_number(&value) {
            prop_assert_eq!(parse_decimal("number", &text).unwrap(), value);
            prop_assert!(!text.contains(['e', 'E', '+']) && text != "-0");
            prop_assert!(!text.contains('.') || !text.ends_with(['0', '.']));
        } else {
            prop_assert!(value.normalize().scale() > 8);
        }
        if let Ok(scaled) = scaled_integer(&value, 6) {
            prop_assert_eq!(Decimal::from_i128_with_scale(scaled.into(), 6), value);
        }
    }
}

struct Upper<'a>(&'a [u8]);

impl std::fmt::UpperHex for Upper<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
