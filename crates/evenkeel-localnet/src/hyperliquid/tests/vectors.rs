//! The signing vectors of the venue's own SDKs: the signer that is recovered is the one that signed.

use serde_json::{Value, json};

use super::support::{Bot, fixture};
use crate::hyperliquid::action::Action;
use crate::hyperliquid::crypto::{Address, Around, Signature, connection_id, hex, l1_digest};
use crate::hyperliquid::{AccountSpec, Network, Server};
use crate::{Blueprint, Venue};
use evenkeel_types::Timestamp;

/// Actions that this server does not have; the venue has them.
const OTHERS: [&str; 6] = [
    "dummy",
    "subAccountTransfer",
    "createSubAccount",
    "agentSetAbstraction",
    "agentSendAsset",
    "approveAgent",
];

fn vectors(scheme: &str) -> Vec<Value> {
    let Some(fixture) = fixture("hyperliquid_signing_vectors.json") else {
        println!("skipped: no shared fixtures");
        return Vec::new();
    };
    let all = fixture["vectors"].as_array().unwrap().iter();
    all.filter(|vector| vector["scheme"] == scheme).cloned().collect()
}

fn address(value: &Value) -> Option<Address> {
    value.as_str().map(|text| Address::parse(text).unwrap())
}

#[test]
fn every_l1_vector_of_a_known_action_gives_its_signer() {
    let mut known = 0;
    for vector in vectors("l1") {
        let name = &vector["name"];
        let kind = vector["action"]["type"].as_str().unwrap();
        let Ok(mut action) = Action::parse(vector["action"].clone()) else {
            assert!(OTHERS.contains(&kind), "{name}: {kind}");
            continue;
        };
        known += 1;
        let around = Around {
            nonce: vector["nonce"].as_u64().unwrap(),
            vault: address(&vector["vault_address"]),
            expires_after: vector["expires_after"].as_u64(),
        };
        let packed = action.packed();
        assert_eq!(hex(&packed), vector["action_msgpack_hex"], "{name}");
        let id = connection_id(&packed, around);
        assert_eq!(hex(&id), vector["connection_id"], "{name}");
        let mainnet = vector["is_mainnet"].as_bool().unwrap();
        for (r, s) in [("r", "s"), ("r_padded", "s_padded")] {
            let (r, s) = (vector[r].as_str().unwrap(), vector[s].as_str().unwrap());
            let signature = Signature::parse(r, s, vector["v"].as_u64().unwrap()).unwrap();
            let signer = address(&vector["signer_address"]);
            assert_eq!(signature.signer(&l1_digest(&id, mainnet)), signer, "{name}");
            assert_ne!(signature.signer(&l1_digest(&id, !mainnet)), signer, "{name}");
        }
        // The venue hashes its own spelling of numbers; only some vectors of the Rust SDK spell them otherwise.
        action.normalise().unwrap();
        let canonical = !vector["action_json"].as_str().unwrap().contains(".0\"");
        assert_eq!(action.packed() == packed, canonical, "{name}");
    }
    assert!(known == 0 || known > 80, "{known}");
}

/// A server at the time of a vector, of which its signer is an agent.
fn serve(vector: &Value, nonce: u64) -> Server {
    let mainnet = vector["is_mainnet"].as_bool().unwrap();
    let signer = address(&vector["signer_address"]).unwrap();
    Server::builder()
        .network(if mainnet { Network::Mainnet } else { Network::Testnet })
        .account(AccountSpec::named("main").agent("vectors", signer, None))
        .build_at(Timestamp(nonce))
        .unwrap()
}

#[test]
fn whole_requests_of_the_vectors_are_not_taken_for_somebody_elses() {
    for vector in vectors("l1") {
        let name = &vector["name"];
        let text = vector["action_json"].as_str().unwrap();
        if Action::parse(vector["action"].clone()).is_err() || text.contains(".0\"") {
            continue;
        }
        let nonce = vector["nonce"].as_u64().unwrap();
        let body = json!({
            "action": vector["action"], "nonce": nonce,
            "signature": {"r": vector["r"], "s": vector["s"], "v": vector["v"]},
            "vaultAddress": vector["vault_address"], "expiresAfter": vector["expires_after"],
        });
        let mut server = serve(&vector, nonce);
        let request = http::Request::post("/exchange").body(body.to_string().into()).unwrap();
        let answer = server.handle(Timestamp(nonce), request);
        assert_eq!(answer.status(), 200, "{name}");
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        let refusal = answer["response"].as_str().unwrap_or_default();
        // A vault that this account has not got is only looked at when the signer is known.
        assert!(!refusal.contains("does not exist") && !refusal.contains("recover"), "{name}: {refusal}");
    }
}

#[test]
fn transfers_signed_in_words_give_their_signer() {
    for vector in vectors("user_signed") {
        let name = &vector["name"];
        if vector["action"]["type"] != "usdClassTransfer" {
            continue;
        }
        let Ok(Action::UsdClassTransfer(action)) = Action::parse(vector["action"].clone()) else {
            panic!("{name}");
        };
        let (r, s) = (vector["r"].as_str().unwrap(), vector["s"].as_str().unwrap());
        let signature = Signature::parse(r, s, vector["v"].as_u64().unwrap()).unwrap();
        let signer = crate::hyperliquid::transfers::signer(&action, &signature);
        assert_eq!(signer, address(&vector["signer_address"]), "{name}");
    }
}

#[test]
fn a_changed_byte_is_somebody_else() {
    let mut bot = Bot::new(Server::builder());
    let action = json!({"type": "updateLeverage", "asset": 1, "isCross": true, "leverage": 5});
    let mut body = bot.signed(&action, bot.nonce, None);
    body["action"]["leverage"] = json!(6);
    let answer = bot.send(&body);
    assert_eq!(answer["status"], "err");
    let text = answer["response"].as_str().unwrap();
    assert!(text.starts_with("User or API Wallet 0x") && text.ends_with(" does not exist."), "{text}");
}
