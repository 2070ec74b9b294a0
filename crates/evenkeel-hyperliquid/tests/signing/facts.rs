//! Vectors that stand here, so that they are checked without the folder of fixtures, and constants computed anew.

use evenkeel_hyperliquid::sign::{
    Action, Grouping, L1_DOMAIN, Network, OrderWire, Signature, Tif, UserAction, connection_id, l1_digest,
    l1_struct_hash, msgpack, orders_msgpack, sign_action, sign_l1, sign_user, sign_user_action,
    user_action_fields, user_domain,
};
use evenkeel_types::Timestamp;
use sha3::{Digest as _, Keccak256};

use crate::support::{KEY_ADDRESS, agent, hex, json, master, number};

fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    Keccak256::digest(parts.concat()).into()
}

fn signature(r: &str, s: &str, v: u8) -> Signature {
    Signature { r: number(r), s: number(s), v }
}

fn one_order() -> Action {
    let order = OrderWire::limit(1, true, &1_100.into(), &"0.2".parse().unwrap(), false, Tif::Gtc).unwrap();
    Action::Order { orders: vec![order], grouping: Grouping::Na }
}

#[test]
fn the_worked_example() {
    let text = r#"{"type":"order","orders":[{"a":1,"b":true,"p":"1100","s":"0.2","r":false,"t":{"limit":{"tif":"Gtc"}}}],"grouping":"na"}"#;
    let action = one_order();
    assert_eq!(serde_json::to_string(&action).unwrap(), text);
    let bytes = msgpack(&action).unwrap();
    assert_eq!(
        hex(&bytes),
        "0x83a474797065a56f72646572a66f72646572739186a16101a162c3a170a431313030a173a3302e32a172c2a17481a56c696d697481a3746966a3477463a867726f7570696e67a26e61"
    );
    assert_eq!(msgpack(&json(text)).unwrap(), bytes);
    let Action::Order { orders, grouping } = &action else { panic!() };
    assert_eq!(orders_msgpack(orders, *grouping), bytes);

    let nonce = 1_755_863_118_217;
    let id = connection_id(&bytes, nonce, None, None);
    assert_eq!(id, keccak(&[&bytes, b"\x00\x00\x01\x98\xd1\x98\xf1\x89", b"\x00"]));
    assert_eq!(hex(&id), "0x131c0c768c67af1828fde6e80993f528d4b1ae86fed38b7f526b7f650c72f2b9");
    assert_eq!(
        hex(&l1_struct_hash(&id, Network::Mainnet)),
        "0x4d516be58577023452b9e7195d4f3bcf292775c702bfebf8c2295b85d6f00617"
    );
    let digest = l1_digest(&id, Network::Mainnet);
    assert_eq!(hex(&digest), "0x0ebe8d742b312c26e9e66d6b4844fe3060a92e280d3fa28c6a1c6fd96667f733");
    let expected = signature(
        "0xcc201dedb51591824df52ef5c7c543043fbd33af0d6341e442b4fda41c245ba0",
        "0x77c69d817d591f7f06a9ee431b7ee6c73e90ee8b7172bac7c3e7523e6d990634",
        27,
    );
    let key = agent();
    assert_eq!(key.address().to_string(), KEY_ADDRESS);
    assert_eq!(sign_l1(&key, Network::Mainnet, &action, nonce, None, None).unwrap(), expected);
    assert_eq!(sign_action(&key, Network::Mainnet, &action, nonce, None, None).unwrap(), expected);
    assert_eq!(expected.recover(&digest).unwrap().to_string(), KEY_ADDRESS);
    assert_eq!(
        serde_json::to_string(&expected).unwrap(),
        r#"{"r":"0xcc201dedb51591824df52ef5c7c543043fbd33af0d6341e442b4fda41c245ba0","s":"0x77c69d817d591f7f06a9ee431b7ee6c73e90ee8b7172bac7c3e7523e6d990634","v":27}"#
    );
}

#[test]
fn constants_are_what_they_are_the_hashes_of() {
    let of = |text: &str| keccak(&[text.as_bytes()]);
    let domain = of("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    assert_eq!(hex(&domain), "0x8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f");
    let chain = |id: u64| [[0; 24].as_slice(), &id.to_be_bytes()].concat();
    let separator = |name: &str, id: u64| keccak(&[&domain, &of(name), &of("1"), &chain(id), &[0; 32]]);
    assert_eq!(separator("Exchange", 1337), L1_DOMAIN);
    assert_eq!(hex(&L1_DOMAIN), "0xd79297fcdf2ffcd4ae223d01edaa2ba214ff8f401d7c9300d995d17c82aa4040");
    for id in [0x66eee, 0xa4b1, 1, u64::MAX] {
        assert_eq!(user_domain(id), separator("HyperliquidSignTransaction", id), "{id}");
    }
    assert_eq!(
        hex(&user_domain(0x66eee)),
        "0xfeb1393ca4412a4ca577bd51d04f0a77033514c602f4d0a11490fb95f7428df6"
    );
    let agent = of("Agent(string source,bytes32 connectionId)");
    for network in [Network::Mainnet, Network::Testnet] {
        let message = keccak(&[&agent, &of(network.source()), &[7; 32]]);
        assert_eq!(l1_struct_hash(&[7; 32], network), message);
        assert_eq!(l1_digest(&[7; 32], network), keccak(&[b"\x19\x01", &L1_DOMAIN, &message]));
    }
    assert_eq!(Network::Mainnet.source(), "a");
    assert_eq!(Network::Testnet.source(), "b");
}

#[test]
fn vault_expiry_and_network_are_part_of_what_is_signed() {
    let vault = "0x1719884eb866cb12b2287399b15f7db5e7d775ea".parse().unwrap();
    let sign = |network, nonce, vault, expiry: Option<u64>| {
        sign_action(&agent(), network, &one_order(), nonce, vault, expiry.map(Timestamp)).unwrap()
    };
    assert_eq!(
        sign(Network::Mainnet, 1_755_863_118_239, Some(&vault), None),
        signature(
            "0x30b1e2db4f0df994d9a0d975999018474004aef37ba7e5a7c72a8021ac87f941",
            "0x506e1a2bb048904ac459419f449284420acdab43d75752e93c65d1e91c6a4627",
            27
        )
    );
    assert_eq!(
        sign(Network::Mainnet, 1_755_863_118_241, None, Some(1_755_863_128_241)),
        signature(
            "0xf9b1ee37d249a961bbbcfbfccbd8f100a84445558dfb14bbb7a756d43deacad1",
            "0x7a3aeba2546f7aefa46a490b5bb2d1d4d06af25c9ea3b6b01abadd386a5e602",
            28
        )
    );
    let key = agent();
    let dummy = json(r#"{"type":"dummy","num":100000000000}"#);
    let testnet = sign_l1(&key, Network::Testnet, &dummy, 0, Some(&vault), None).unwrap();
    assert_eq!(
        testnet,
        signature(
            "0xe281d2fb5c6e25ca01601f878e4d69c965bb598b88fac58e475dd1f5e56c362b",
            "0x7ddad27e9a238d045c035bc606349d075d5c5cd00a6cd1da23ab5c39d4ef0f60",
            27
        )
    );
}

#[test]
fn actions_have_their_keys_in_the_venues_order() {
    let cancels = vec![(1, 82_382), (0, u64::MAX)];
    for (action, expected) in [
        (
            Action::Cancel { cancels },
            r#"{"type":"cancel","cancels":[{"a":1,"o":82382},{"a":0,"o":18446744073709551615}]}"#,
        ),
        (
            Action::CancelByCloid { cancels: vec![(1, "0x00000000000000000000000000000001".into())] },
            r#"{"type":"cancelByCloid","cancels":[{"asset":1,"cloid":"0x00000000000000000000000000000001"}]}"#,
        ),
        (
            Action::UpdateLeverage { asset: 110_000, is_cross: false, leverage: 21 },
            r#"{"type":"updateLeverage","asset":110000,"isCross":false,"leverage":21}"#,
        ),
        (
            Action::UpdateIsolatedMargin { asset: 1, micros: i64::MIN },
            r#"{"type":"updateIsolatedMargin","asset":1,"isBuy":true,"ntli":-9223372036854775808}"#,
        ),
        (
            Action::TopUpIsolatedOnlyMargin { asset: 3, leverage: "2.5".into() },
            r#"{"type":"topUpIsolatedOnlyMargin","asset":3,"leverage":"2.5"}"#,
        ),
        (Action::ScheduleCancel { time: Some(123_456_789) }, r#"{"type":"scheduleCancel","time":123456789}"#),
        (Action::ScheduleCancel { time: None }, r#"{"type":"scheduleCancel"}"#),
        (Action::Noop, r#"{"type":"noop"}"#),
    ] {
        assert_eq!(serde_json::to_string(&action).unwrap(), expected);
        assert_eq!(action.msgpack().unwrap(), msgpack(&json(expected)).unwrap(), "{expected}");
    }
}

#[test]
fn integers_are_as_short_as_they_can_be() {
    for (number, bytes) in [
        ("0", "00"),
        ("127", "7f"),
        ("128", "cc80"),
        ("255", "ccff"),
        ("256", "cd0100"),
        ("65535", "cdffff"),
        ("65536", "ce00010000"),
        ("4294967295", "ceffffffff"),
        ("4294967296", "cf0000000100000000"),
        ("18446744073709551615", "cfffffffffffffffff"),
        ("-1", "ff"),
        ("-32", "e0"),
        ("-33", "d0df"),
        ("-128", "d080"),
        ("-129", "d1ff7f"),
        ("-32768", "d18000"),
        ("-32769", "d2ffff7fff"),
        ("-2147483648", "d280000000"),
        ("-2147483649", "d3ffffffff7fffffff"),
        ("-9223372036854775808", "d38000000000000000"),
    ] {
        let packed = msgpack(&json(&format!("{{\"n\":{number}}}"))).unwrap();
        assert_eq!(hex(&packed), format!("0x81a16e{bytes}"), "{number}");
    }
}

#[test]
fn a_class_transfer_is_signed_and_sent_as_one_object() {
    let action =
        UserAction::UsdClassTransfer { amount: "1.23".into(), to_perp: true, nonce: 1_755_863_118_257 };
    let (sent, made) = sign_user_action(&master(), Network::Mainnet, &action).unwrap();
    assert_eq!(
        made,
        signature(
            "0x7bd7b59092ed1b345437d8106e9bace8e13b8c18555227ea9d8273125e80e47e",
            "0x551966e794fef07c55be220f1741d77c4d61da848fae22c18ddcaa117926dd65",
            27
        )
    );
    assert_eq!(
        serde_json::to_string(&sent).unwrap(),
        r#"{"type":"usdClassTransfer","hyperliquidChain":"Mainnet","signatureChainId":"0x66eee","amount":"1.23","toPerp":true,"nonce":1755863118257}"#
    );
    // Of a sub-account.
    let amount = "5 subaccount:0x1d9470d4b963f552e6f671a81619d395877bf409".to_owned();
    let action = UserAction::UsdClassTransfer { amount, to_perp: true, nonce: 1_755_863_118_259 };
    let (_, made) = sign_user_action(&master(), Network::Mainnet, &action).unwrap();
    assert_eq!(
        made,
        signature(
            "0xe836ed30d97654b043487deb14c5c25c8e6d1e57343ed5f81756504e24dbc6f2",
            "0x5c5cb18ce7d71efd1f4a4082048b0275ca6c3f066e883a778528be8a52bb18f9",
            27
        )
    );
}

#[test]
fn an_unnamed_agent_is_signed_with_an_empty_name_and_sent_without_one() {
    let with = |name: &str| {
        json(&format!(
            r#"{{"type":"approveAgent","agentAddress":"0x5e9ee1089755c3435139848e47e6635505d5a13a",{name}"nonce":1755863118265,"signatureChainId":"0x66eee","hyperliquidChain":"Mainnet"}}"#
        ))
    };
    let expected = signature(
        "0xc9251226726aae428365a2f7caf2500096ce05866fedcc2e4888bd8add5e4caa",
        "0x6c90d4a6c616a390ccdc3275e36f6932b8cc08870533e380c13222c5c2767f28",
        27,
    );
    for given in [with(""), with(r#""agentName":"","#)] {
        assert_eq!(sign_user(&master(), &given).unwrap(), (with(""), expected));
    }
    let named = with(r#""agentName":"rebalancer","#);
    assert_eq!(sign_user(&master(), &named).unwrap().0, named);
}

#[test]
fn the_table_of_user_signed_actions() {
    let of = |action: &str| user_action_fields(action).unwrap();
    let names = |action: &str| of(action).fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    for (action, primary_type, fields) in [
        ("usdClassTransfer", "UsdClassTransfer", "amount toPerp nonce"),
        ("withdraw3", "Withdraw", "destination amount time"),
        ("usdSend", "UsdSend", "destination amount time"),
        ("spotSend", "SpotSend", "destination token amount time"),
        ("sendAsset", "SendAsset", "destination sourceDex destinationDex token amount fromSubAccount nonce"),
        ("approveAgent", "ApproveAgent", "agentAddress agentName nonce"),
        ("approveBuilderFee", "ApproveBuilderFee", "maxFeeRate builder nonce"),
        ("userSetAbstraction", "UserSetAbstraction", "user abstraction nonce"),
        ("userDexAbstraction", "UserDexAbstraction", "user enabled nonce"),
    ] {
        assert_eq!(of(action).primary_type, format!("HyperliquidTransaction:{primary_type}"));
        assert_eq!(names(action), format!("hyperliquidChain {fields}"));
    }
    assert_eq!(user_action_fields("order"), None);
}
