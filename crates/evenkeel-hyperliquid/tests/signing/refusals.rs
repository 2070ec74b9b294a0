//! What is refused, with which words, and that no words hold a key.

use std::fmt::{Debug, Display};

use evenkeel_hyperliquid::sign::{
    AccountAddress, Address, AgentAddress, AgentKey, MasterKey, Network, OrderedJson, SignError, Signature,
    Signer, UserAction, UserKind, msgpack, scaled_integer, sign_l1, sign_user, sign_user_action,
    sign_user_typed, usd_micros, wire_number,
};
use serde::{Serialize, Serializer};

use crate::support::{KEY, KEY_ADDRESS, agent, json, master};

fn says<T: Debug>(result: Result<T, SignError>, part: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
    assert!(error.chars().count() <= 300 && !error.chars().any(char::is_control), "no short line: {error:?}");
}

#[test]
fn addresses() {
    for (text, problem) in [
        ("", "it is empty"),
        ("14791697260e4c9a71f18484c9f997b308e59325", "does not begin with 0x"),
        ("0X14791697260e4c9a71f18484c9f997b308e59325", "does not begin with 0x"),
        (" 0x14791697260e4c9a71f18484c9f997b308e59325", "does not begin with 0x"),
        ("0x", "0 digits after 0x instead of 40"),
        ("0x14791697260e4c9a71f18484c9f997b308e593", "38 digits"),
        ("0x14791697260e4c9a71f18484c9f997b308e5932", "39 digits"),
        ("0x14791697260e4c9a71f18484c9f997b308e59325a", "41 digits"),
        ("0x14791697260g4c9a71f18484c9f997b308e59325", "character 12 after 0x is no hexadecimal digit"),
        ("0x14791697260e4c9a71f18484c9f997b308e5932é", "character 40 after 0x"),
        (KEY, "may be a private key"),
    ] {
        says(Address::parse(text), problem);
        says(text.parse::<Address>(), problem);
        says(AccountAddress::parse(text), problem);
        says(AgentAddress::parse(text), problem);
    }
    let mixed = "0x14791697260E4c9A71f18484C9f997B308e59325";
    assert_eq!(AccountAddress::parse(mixed).unwrap().to_string(), KEY_ADDRESS);
}

#[test]
fn keys() {
    for (text, problem) in [
        ("", "0 hexadecimal digits instead of 64"),
        ("0x", "0 hexadecimal digits instead of 64"),
        (&KEY[..65], "63 hexadecimal digits"),
        (KEY_ADDRESS, "40 hexadecimal digits"),
        (&KEY.replace('3', "x"), "no hexadecimal digit"),
        (&KEY.replace(|c: char| c != 'x', "0"), "zero, or not below the order"),
        ("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", "not below the order"),
        (&"f".repeat(64), "not below the order"),
    ] {
        says(AgentKey::from_hex(text), problem);
        says(MasterKey::danger_from_hex(text), problem);
    }
    // The last key of all, and the same with and without prefix and in either case.
    let last = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";
    let address = AgentKey::from_hex(last).unwrap().address();
    assert_eq!(AgentKey::from_hex(&format!("0x{}", last.to_uppercase())).unwrap().address(), address);
}

#[test]
fn no_words_hold_a_key() {
    let digits = &KEY[2..];
    // Wherever the key is put by mistake, and however it is damaged.
    let damaged = [
        KEY.to_owned(),
        digits.to_owned(),
        format!("{KEY} "),
        format!("{KEY}0"),
        format!("0x{KEY}"),
        digits[1..].to_owned(),
    ];
    let mut words = vec![format!("{:?} {:?} {:#?}", agent(), master(), agent())];
    let signer: &dyn Signer = &agent();
    words.push(format!("{signer:?} {:?}", master().as_signer()));
    for text in &damaged {
        fn all<T: Debug>(words: &mut Vec<String>, result: Result<T, SignError>) {
            if let Err(error) = result {
                words.push(format!("{error} {error:?} {:?}", anyhow(&error)));
            }
        }
        fn anyhow(error: &(dyn std::error::Error + 'static)) -> Option<String> {
            error.source().map(ToString::to_string)
        }
        all(&mut words, AgentKey::from_hex(text));
        all(&mut words, MasterKey::danger_from_hex(text));
        all(&mut words, Address::parse(text));
        all(&mut words, AccountAddress::parse(text));
        all(&mut words, AgentAddress::parse(text));
        let amount =
            UserAction::UsdClassTransfer { amount: format!("1 subaccount:{text}"), to_perp: true, nonce: 1 };
        all(&mut words, sign_user_action(&master(), Network::Testnet, &amount));
        let agent = format!(
            r#"{{"type":"approveAgent","agentAddress":"{text}","nonce":1,"signatureChainId":"0x1","hyperliquidChain":"Testnet"}}"#
        );
        all(&mut words, sign_user(&master(), &json(&agent)));
    }
    assert!(words.len() > 30);
    for text in words {
        // Not even a part of it that would help.
        assert!(!text.to_lowercase().contains(&digits[..12]), "{text}");
    }
}

#[test]
fn json_that_is_no_action() {
    for (text, problem) in [
        ("", "EOF"),
        (r#"{"a":1"#, "EOF"),
        (r#"{"a":1} x"#, "trailing"),
        (r#"{"p":1.5}"#, "decimals are strings in actions"),
        (r#"{"p":1e3}"#, "decimals are strings in actions"),
        (r#"{"p":18446744073709551616}"#, "a whole number of 64 bits"),
        (r#"{"p":-9223372036854775809}"#, "a whole number of 64 bits"),
        (r#"{"n":-0}"#, "a whole number of 64 bits"),
        (r#"{"c":null}"#, "keys without a value are left out"),
        (r#"{"a":1,"b":2,"a":1}"#, "the key `a` comes twice"),
        (r#"{"a":[{"b":1,"\u0062":2}]}"#, "the key `b` comes twice"),
        (r#"{"b\n\u007f":1,"b\n\u007f":2}"#, "the key `b  ` comes twice"),
        (&format!("{{\"{0}\":1,\"{0}\":2}}", "k".repeat(100_000)), "kkk…` comes twice"),
        (&("[".repeat(33) + &"]".repeat(33)), "more than 32 deep"),
        (&("{\"a\":".repeat(33) + "1" + &"}".repeat(33)), "more than 32 deep"),
        (&"[".repeat(100_000), "more than 32 deep"),
    ] {
        says(OrderedJson::parse(text), problem);
    }
    let deep = "{\"a\":".repeat(32) + "1" + &"}".repeat(32);
    assert_eq!(serde_json::to_string(&json(&deep)).unwrap(), deep);
    let order = r#"{"z":"é\"","a":[true,false,-5,18446744073709551615,[],{}],"m":{"2":1,"1":2}}"#;
    assert_eq!(serde_json::to_string(&json(order)).unwrap(), order);
    // Numbers as `serde_json` gives them when any crate of a build turns on its `arbitrary_precision`.
    let wrapped = |number: &str| {
        OrderedJson::parse(&format!(r#"{{"n":{{"$serde_json::private::Number":"{number}"}}}}"#))
    };
    for number in ["0", "18446744073709551615", "-1", "-9223372036854775808"] {
        assert_eq!(wrapped(number).unwrap(), json(&format!(r#"{{"n":{number}}}"#)));
    }
    for number in ["1.5", "1e3", "-0", "18446744073709551616"] {
        says(wrapped(number), "decimals are strings in actions");
    }
}

/// A map with one entry.
struct Entry<K, V>(K, V);

impl<K: Serialize, V: Serialize> Serialize for Entry<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0, &self.1)])
    }
}

/// A type of the caller's that explains itself at length.
struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(format!("why: two\nlines {}", "x".repeat(1000))))
    }
}

struct Raw;

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(b"raw")
    }
}

#[test]
fn values_that_actions_do_not_have() {
    says(msgpack(&Entry("px", 0.5_f64)), "at `px`: a number with a decimal point");
    says(msgpack(&Entry("px", 1_f32)), "at `px`: a number with a decimal point");
    says(msgpack(&Entry("c", None::<u8>)), "at `c`: null; leave the key out");
    says(msgpack(&Entry("unit", ())), "at `unit`: null");
    says(msgpack(&Entry("raw", Raw)), "at `raw`: raw bytes");
    says(msgpack(&Entry("big", u128::MAX)), "at `big`: raw bytes, or a number beyond 64 bits");
    says(msgpack(&Entry(1, "one")), "a key is no string");
    says(msgpack(&Entry("a\u{7f}\nb", 0.5)), "at `a  b`: a number");
    says(msgpack(&Entry("k".repeat(100_000), 0.5)), "kkk…`: a number");
    says(msgpack(&Entry("key", Refuses)), "why: two lines");
    says(msgpack(&Entry("deep", vec![Entry("x", vec![Entry("y", 0.5)])])), "at `y`");
    says(msgpack(&Entry("after", (Entry("x", 1), 0.5))), "with a decimal point");
    says(msgpack("noop"), "an action is an object");
    says(msgpack(&[1, 2]), "an action is an object");
    says(msgpack(&json("[]")), "an action is an object");
    says(msgpack(&serde_json::json!({"a": 1.5})), "at `a`");
    let fine = Entry("a", (1_u8, "x".repeat(70_000), vec![true; 70_000], Entry("b", Entry("c", [0_u64; 0]))));
    assert!(msgpack(&fine).is_ok());
    says(sign_l1(&agent(), Network::Testnet, &Entry("a", 0.5), 1, None, None), "with a decimal point");
}

#[test]
fn numbers() {
    says(
        wire_number(&"0.000000001".parse().unwrap()),
        "0.000000001 cannot be sent: the venue takes at most 8 decimals",
    );
    says(usd_micros(&"0.0000001".parse().unwrap()), "it has too many decimals");
    says(usd_micros(&"9223372036854.775808".parse().unwrap()), "beyond what 64 bits hold");
    assert_eq!(usd_micros(&"9223372036854.775807".parse().unwrap()).unwrap(), i64::MAX);
    assert_eq!(usd_micros(&"-9223372036854.775808".parse().unwrap()).unwrap(), i64::MIN);
    assert_eq!(usd_micros(&"1.500000000000".parse().unwrap()).unwrap(), 1_500_000);
    says(scaled_integer(&1.into(), u32::MAX), "beyond what 64 bits hold");
    assert_eq!(wire_number(&"-1.50".parse().unwrap()).unwrap(), "-1.5");
    let mut zero = "0.000".parse::<evenkeel_types::Decimal>().unwrap();
    zero.set_sign_negative(true);
    assert_eq!(wire_number(&zero).unwrap(), "0");
    let most = evenkeel_types::Decimal::MAX;
    assert_eq!(wire_number(&most).unwrap(), most.to_string());
}

#[test]
fn signatures() {
    let signature = agent().sign_digest(&[1; 32]).unwrap();
    for v in [0, 1, 26, 31, 255] {
        says(Signature { v, ..signature }.recover(&[1; 32]), "v is not 27 or 28");
    }
    for wrong in [[0; 32], [0xff; 32]] {
        says(Signature { r: wrong, ..signature }.recover(&[1; 32]), "r or s is zero");
        says(Signature { s: wrong, ..signature }.recover(&[1; 32]), "r or s is zero");
    }
    // No point has this coordinate.
    let mut five = [0; 32];
    five[31] = 5;
    says(Signature { r: five, ..signature }.recover(&[1; 32]), "coordinate of no point");
    let debug: &dyn Display = &serde_json::to_string(&Signature { r: [0; 32], s: [1; 32], v: 28 }).unwrap();
    assert!(debug.to_string().starts_with(&format!("{{\"r\":\"0x{}\",\"s\":\"0x01", "0".repeat(64))));
}

#[test]
fn user_signed_actions() {
    let send = |from: &str, to: &str| {
        let text = r#"{"type":"usdSend","destination":"0x5e9ee1089755c3435139848e47e6635505d5a13a","amount":"1","time":1687816341423,"signatureChainId":"0x66eee","hyperliquidChain":"Testnet"}"#;
        assert!(text.contains(from), "{from}");
        sign_user(&master(), &json(&text.replace(from, to)))
    };
    assert!(send("1", "1").is_ok());
    says(send(r#""type":"usdSend","#, ""), "`type` is missing");
    says(send("usdSend", "order"), "the type `order` is not known");
    says(send("usdSend", r"or\nder"), "the type `or der` is not known");
    says(send(r#""amount":"1","#, ""), "`amount` is missing");
    says(send(r#""amount":"1""#, r#""amount":1"#), "`amount` is of another kind than Text");
    says(send("1687816341423", r#""1687816341423""#), "`time` is of another kind than Uint");
    says(send("1687816341423", "-5"), "`time` is of another kind than Uint");
    says(send(r#""amount":"1""#, r#""amount":"1","memo":"x""#), "`memo` would be sent without being signed");
    says(send("amount", r"a\nmount"), "`a mount` would be sent without being signed");
    says(send("amount", &"k".repeat(100_000)), "kkk…` would be sent without being signed");
    says(send("Testnet", "testnet"), "must be `Mainnet` or `Testnet`");
    says(send(r#","hyperliquidChain":"Testnet""#, ""), "must be `Mainnet` or `Testnet`");
    for chain in ["", "66eee", "0x", "0x+1", "0xg", "0x10000000000000000"] {
        says(send("0x66eee", chain), "`signatureChainId` must be");
    }
    says(send(r#""0x66eee""#, "1"), "`signatureChainId` must be");
    says(sign_user(&master(), &json("[]")), "it is no object");
    says(sign_user_typed(&master(), "X", &[], &json("1")), "it is no object");
    let flag = json(r#"{"hyperliquidChain":"Testnet","signatureChainId":"0x1","on":"true"}"#);
    let fields = [("hyperliquidChain", UserKind::Text), ("on", UserKind::Bool)];
    says(sign_user_typed(&master(), "X", &fields, &flag), "`on` is of another kind than Bool");
    for (amount, problem) in [
        ("0", "above zero"),
        ("-1", "above zero"),
        ("1e3", "1e3"),
        ("", "amount"),
        ("1.0000001", "too many decimals"),
        ("1 subaccount:0x12", "2 digits after 0x"),
        ("1 sub", "1 sub"),
    ] {
        let action = UserAction::UsdClassTransfer { amount: amount.into(), to_perp: false, nonce: 1 };
        says(sign_user_action(&master(), Network::Mainnet, &action), problem);
    }
}

/// A signer whose key lives elsewhere, and is not reachable.
#[derive(Debug)]
struct Elsewhere;

impl Signer for Elsewhere {
    fn address(&self) -> AgentAddress {
        agent().address()
    }

    fn sign_digest(&self, _: &[u8; 32]) -> Result<Signature, SignError> {
        Err(SignError::Signer("the device is locked".into()))
    }
}

#[test]
fn a_signer_that_refuses_is_heard() {
    let made = sign_l1(&Elsewhere, Network::Testnet, &json(r#"{"type":"noop"}"#), 1, None, None);
    says(made, "the signer did not sign: the device is locked");
}
