//! The vectors in the folder of fixtures.

use evenkeel_hyperliquid::sign::{
    Action, Address, AgentKey, BuilderFee, Grouping, L1_DOMAIN, MasterKey, Network, OrderAction, OrderKind,
    OrderWire, OrderedJson, SignError, Signer, Tif, TpSl, UserKind, UserValue, connection_id, l1_digest,
    l1_struct_hash, msgpack, orders_msgpack, scaled_integer, sign_action, sign_l1, sign_user,
    sign_user_typed, usd_micros, user_action_fields, user_digest, user_domain, user_struct_hash, wire_number,
};
use evenkeel_types::{Decimal, Timestamp};
use serde_json::Value;

use crate::support::{assert_signature, fixture, hex, json, number, text};

const FILE: &str = "hyperliquid_signing_vectors.json";

fn rows(file: &Value, key: &str, count: usize) -> Vec<Value> {
    let rows = file[key].as_array().unwrap().clone();
    assert_eq!(rows.len(), count, "{key}");
    rows
}

#[test]
fn all_vectors_of_the_sdks() {
    let Some(file) = fixture(FILE) else { return };
    let (mut l1, mut user, mut typed) = (0, 0, 0);
    for vector in rows(&file, "vectors", 120) {
        match text(&vector, "scheme") {
            "l1" => {
                l1_vector(&vector);
                typed += u32::from(typed_vector(&vector));
                l1 += 1;
            }
            "user_signed" => {
                user_vector(&vector);
                user += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((l1, user), (98, 22));
    // The rest are actions without a type here, and the fast flag of cancels.
    assert_eq!(typed, 75, "vectors that are signed from a typed action");
}

fn network(vector: &Value) -> Network {
    if vector["is_mainnet"].as_bool().unwrap() { Network::Mainnet } else { Network::Testnet }
}

/// Nonce, vault and expiry.
fn envelope(vector: &Value, vault: &str, expiry: &str) -> (u64, Option<Address>, Option<Timestamp>) {
    let vault = vector[vault].as_str().map(|vault| vault.parse().unwrap());
    (vector["nonce"].as_u64().unwrap(), vault, vector[expiry].as_u64().map(Timestamp))
}

fn l1_vector(vector: &Value) {
    let name = text(vector, "name");
    let key = AgentKey::from_hex(text(vector, "private_key")).unwrap();
    assert_eq!(key.address().to_string(), text(vector, "signer_address").to_lowercase(), "{name}");
    let action = json(text(vector, "action_json"));
    let (nonce, vault, expiry) = envelope(vector, "vault_address", "expires_after");

    let bytes = msgpack(&action).unwrap();
    assert_eq!(hex(&bytes), text(vector, "action_msgpack_hex"), "{name}");
    let id = connection_id(&bytes, nonce, vault.as_ref(), expiry);
    assert_eq!(hex(&id), text(vector, "connection_id"), "{name}");
    assert_eq!(hex(&L1_DOMAIN), text(vector, "eip712_domain_separator"), "{name}");
    assert_eq!(hex(&l1_struct_hash(&id, network(vector))), text(vector, "eip712_struct_hash"), "{name}");
    let digest = l1_digest(&id, network(vector));
    assert_eq!(hex(&digest), text(vector, "eip712_digest"), "{name}");

    let signature = sign_l1(&key, network(vector), &action, nonce, vault.as_ref(), expiry).unwrap();
    assert_signature(name, &signature, vector);
    assert_eq!(signature.recover(&digest).unwrap(), key.address().get(), "{name}");
    let master = MasterKey::danger_from_hex(text(vector, "private_key")).unwrap();
    assert_eq!(master.as_signer().sign_digest(&digest).unwrap(), signature, "{name}");
    let sent = serde_json::to_value(signature).unwrap();
    assert_eq!(text(&sent, "r"), text(vector, "r_padded"), "{name}");
    assert_eq!(text(&sent, "s"), text(vector, "s_padded"), "{name}");
    assert_eq!(sent["v"], vector["v"], "{name}");
}

/// The same vector from a typed action; false where there is no type for it.
fn typed_vector(vector: &Value) -> bool {
    let name = text(vector, "name");
    let expected = text(vector, "action_msgpack_hex");
    if let Some(order) = order_action(&vector["action"]) {
        assert_eq!(hex(&msgpack(&order).unwrap()), expected, "{name}");
        assert_eq!(serde_json::to_string(&order).unwrap(), text(vector, "action_json"), "{name}");
        if order.builder.is_some() {
            return true;
        }
        assert_eq!(hex(&orders_msgpack(&order.orders, order.grouping)), expected, "{name}");
    }
    let Some(action) = typed(&vector["action"]) else { return false };
    assert_eq!(hex(&action.msgpack().unwrap()), expected, "{name}");
    assert_eq!(serde_json::to_string(&action).unwrap(), text(vector, "action_json"), "{name}");
    let key = AgentKey::from_hex(text(vector, "private_key")).unwrap();
    let (nonce, vault, expiry) = envelope(vector, "vault_address", "expires_after");
    let signature = sign_action(&key, network(vector), &action, nonce, vault.as_ref(), expiry).unwrap();
    assert_signature(name, &signature, vector);
    true
}

fn typed(action: &Value) -> Option<Action> {
    let int = |value: &Value| value.as_u64().unwrap();
    let small = |value: &Value| u32::try_from(int(value)).unwrap();
    if action.get("f").is_some() {
        return None;
    }
    Some(match text(action, "type") {
        "order" => {
            let OrderAction { orders, grouping, .. } = order_action(action)?;
            Action::Order { orders, grouping }
        }
        "cancel" => {
            let rows = action["cancels"].as_array().unwrap();
            Action::Cancel { cancels: rows.iter().map(|row| (small(&row["a"]), int(&row["o"]))).collect() }
        }
        "cancelByCloid" => {
            let rows = action["cancels"].as_array().unwrap();
            let pair = |row: &Value| (small(&row["asset"]), text(row, "cloid").to_owned());
            Action::CancelByCloid { cancels: rows.iter().map(pair).collect() }
        }
        "updateLeverage" => Action::UpdateLeverage {
            asset: small(&action["asset"]),
            is_cross: action["isCross"].as_bool().unwrap(),
            leverage: small(&action["leverage"]),
        },
        "updateIsolatedMargin" => Action::UpdateIsolatedMargin {
            asset: small(&action["asset"]),
            micros: action["ntli"].as_i64().unwrap(),
        },
        "topUpIsolatedOnlyMargin" => Action::TopUpIsolatedOnlyMargin {
            asset: small(&action["asset"]),
            leverage: text(action, "leverage").to_owned(),
        },
        "scheduleCancel" => Action::ScheduleCancel { time: action.get("time").map(int) },
        "noop" => Action::Noop,
        _ => return None,
    })
}

fn order_action(action: &Value) -> Option<OrderAction> {
    if text(action, "type") != "order" {
        return None;
    }
    let grouping = match text(action, "grouping") {
        "na" => Grouping::Na,
        "normalTpsl" => Grouping::NormalTpsl,
        "positionTpsl" => Grouping::PositionTpsl,
        other => panic!("{other}"),
    };
    let builder = action.get("builder").map(|builder| BuilderFee {
        address: text(builder, "b").parse().unwrap(),
        fee: builder["f"].as_u64().unwrap().try_into().unwrap(),
    });
    let orders = action["orders"].as_array().unwrap().iter().map(order_wire).collect();
    Some(OrderAction { orders, grouping, builder })
}

fn order_wire(order: &Value) -> OrderWire {
    let kind = if let Some(limit) = order["t"].get("limit") {
        OrderKind::Limit(match text(limit, "tif") {
            "Alo" => Tif::Alo,
            "Ioc" => Tif::Ioc,
            "Gtc" => Tif::Gtc,
            other => panic!("{other}"),
        })
    } else {
        let trigger = &order["t"]["trigger"];
        OrderKind::Trigger {
            is_market: trigger["isMarket"].as_bool().unwrap(),
            trigger_px: text(trigger, "triggerPx").to_owned(),
            tpsl: if text(trigger, "tpsl") == "tp" { TpSl::Tp } else { TpSl::Sl },
        }
    };
    OrderWire {
        asset: order["a"].as_u64().unwrap().try_into().unwrap(),
        is_buy: order["b"].as_bool().unwrap(),
        price: text(order, "p").to_owned(),
        size: text(order, "s").to_owned(),
        reduce_only: order["r"].as_bool().unwrap(),
        kind,
        cloid: order.get("c").map(|cloid| cloid.as_str().unwrap().to_owned()),
    }
}

fn user_vector(vector: &Value) {
    let name = text(vector, "name");
    let master = MasterKey::danger_from_hex(text(vector, "private_key")).unwrap();
    assert_eq!(master.address().to_string(), text(vector, "signer_address").to_lowercase(), "{name}");
    let action = json(text(vector, "action_json"));
    let primary_type = text(vector, "primary_type");
    let fields: Vec<(&str, UserKind)> =
        vector["types"].as_array().unwrap().iter().map(|row| (text(row, "name"), kind(row))).collect();

    let signature = sign_user_typed(&master, primary_type, &fields, &action).unwrap();
    assert_signature(name, &signature, vector);
    let values: Vec<_> =
        fields.iter().map(|(name, kind)| (*name, value(&vector["action"], name, *kind))).collect();
    let chain_id =
        u64::from_str_radix(text(vector, "signature_chain_id").strip_prefix("0x").unwrap(), 16).unwrap();
    assert_eq!(hex(&user_domain(chain_id)), text(vector, "eip712_domain_separator"), "{name}");
    assert_eq!(hex(&user_struct_hash(primary_type, &values)), text(vector, "eip712_struct_hash"), "{name}");
    let digest = user_digest(primary_type, &values, chain_id);
    assert_eq!(hex(&digest), text(vector, "eip712_digest"), "{name}");
    assert_eq!(signature.recover(&digest).unwrap(), master.address().get(), "{name}");

    // Some vectors are messages without the action's type.
    let Some(kind) = vector["action"].get("type") else { return };
    let row = user_action_fields(kind.as_str().unwrap()).unwrap();
    assert_eq!((row.primary_type, row.fields), (primary_type, fields.as_slice()), "{name}");
    let (sent, signature) = sign_user(&master, &action).unwrap();
    assert_signature(name, &signature, vector);
    let mut expected = vector["action"].clone();
    if expected["agentName"] == "" {
        expected.as_object_mut().unwrap().remove("agentName");
    }
    assert_eq!(serde_json::to_value(&sent).unwrap(), expected, "{name}");
    // What is sent is enough to sign the same again.
    assert_eq!(sign_user(&master, &sent).unwrap(), (sent, signature), "{name}");
}

fn kind(row: &Value) -> UserKind {
    match text(row, "type") {
        "string" => UserKind::Text,
        "bool" => UserKind::Bool,
        "uint64" => UserKind::Uint,
        "address" => UserKind::Address,
        other => panic!("{other}"),
    }
}

fn value<'a>(action: &'a Value, name: &str, kind: UserKind) -> UserValue<'a> {
    match kind {
        UserKind::Text => UserValue::Text(text(action, name)),
        UserKind::Bool => UserValue::Bool(action[name].as_bool().unwrap()),
        UserKind::Uint => UserValue::Uint(action[name].as_u64().unwrap()),
        UserKind::Address => UserValue::Address(text(action, name).parse().unwrap()),
    }
}

#[test]
fn the_constants_of_the_vectors() {
    let Some(file) = fixture(FILE) else { return };
    let constants = &file["constants"];
    assert_eq!(hex(&L1_DOMAIN), text(constants, "l1_domain_separator"));
    assert_eq!(hex(&user_domain(0x66eee)), text(constants, "user_domain_0x66eee_separator"));
}

#[test]
fn numbers_of_the_vectors() {
    let Some(file) = fixture(FILE) else { return };
    let decimal = |text: &str| text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).unwrap();
    for case in rows(&file, "wire_number_cases", 17) {
        let made = wire_number(&decimal(text(&case, "input")));
        match case.get("wire") {
            Some(wire) => assert_eq!(made.unwrap(), wire.as_str().unwrap(), "{case}"),
            None => assert!(matches!(made, Err(SignError::Number { .. })), "{case}"),
        }
    }
    for case in rows(&file, "int_cases", 5) {
        let input = decimal(text(&case, "input"));
        let made = match text(&case, "fn") {
            "usd_int_6dp" => usd_micros(&input),
            "int_8dp" => scaled_integer(&input, 8),
            other => panic!("{other}"),
        };
        assert_eq!(made.ok(), case["out"].as_i64(), "{case}");
    }
    // How the SDK chooses prices is not ours; how it writes them is.
    for case in rows(&file, "slippage_price_cases", 18) {
        assert_eq!(wire_number(&decimal(text(&case, "result"))).unwrap(), text(&case, "wire"), "{case}");
    }
}

#[test]
fn the_vectors_printed_in_the_sdks_tests() {
    let Some(file) = fixture("recorded/hyperliquid/signing_vectors_1.json") else { return };
    let sections = ["note", "l1", "phantom_agent", "user_signed"];
    assert!(file.as_object().unwrap().keys().all(|key| sections.contains(&key.as_str())));
    for vector in rows(&file, "l1", 9) {
        let name = text(&vector, "name");
        let key = AgentKey::from_hex(text(&vector, "privateKey")).unwrap();
        let (action, id, nonce, vault, expiry) = printed(&vector);
        assert_eq!(id, number(text(&vector, "connectionId")), "{name}");
        for (network, expected) in [(Network::Mainnet, "mainnet"), (Network::Testnet, "testnet")] {
            let signature = sign_l1(&key, network, &action, nonce, vault.as_ref(), expiry).unwrap();
            assert_signature(name, &signature, &vector[expected]);
        }
    }
    for vector in rows(&file, "phantom_agent", 1) {
        assert_eq!(printed(&vector).1, number(text(&vector, "connectionId")), "{vector}");
    }
    for vector in rows(&file, "user_signed", 2) {
        let name = text(&vector, "name");
        let master = MasterKey::danger_from_hex(text(&vector, "privateKey")).unwrap();
        let mut action = vector["message"].clone();
        action["hyperliquidChain"] = vector["hyperliquidChain"].clone();
        action["signatureChainId"] = vector["signatureChainId"].clone();
        let row = match text(&vector, "primaryType") {
            "HyperliquidTransaction:UsdSend" => user_action_fields("usdSend"),
            "HyperliquidTransaction:Withdraw" => user_action_fields("withdraw3"),
            other => panic!("{other}"),
        };
        action["type"] = row.unwrap().action.into();
        let (_, signature) = sign_user(&master, &json(&action.to_string())).unwrap();
        assert_signature(name, &signature, &vector["signature"]);
    }
}

type Printed = (OrderedJson, [u8; 32], u64, Option<Address>, Option<Timestamp>);

/// An action of the second file and its connection id. `serde_json` loses the order of keys when it reads a file as a
/// value, so it is put back by hand.
fn printed(vector: &Value) -> Printed {
    let (nonce, vault, expiry) = envelope(vector, "vaultAddress", "expiresAfter");
    let action = &vector["action"];
    let in_order = match text(action, "type") {
        "order" => serde_json::to_string(&typed(action).unwrap()).unwrap(),
        kind => {
            let keys: &[&str] = match kind {
                "dummy" => &["num"],
                "createSubAccount" => &["name"],
                "subAccountTransfer" => &["subAccountUser", "isDeposit", "usd"],
                "scheduleCancel" => &["time"],
                other => panic!("{other}"),
            };
            let known =
                keys.iter().filter_map(|key| action.get(key).map(|value| format!(",\"{key}\":{value}")));
            format!("{{\"type\":\"{kind}\"{}}}", known.collect::<String>())
        }
    };
    assert_eq!(serde_json::from_str::<Value>(&in_order).unwrap(), *action);
    let action = json(&in_order);
    let id = connection_id(&msgpack(&action).unwrap(), nonce, vault.as_ref(), expiry);
    (action, id, nonce, vault, expiry)
}
