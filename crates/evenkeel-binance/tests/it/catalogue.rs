//! Every code that the documentation or a recording has is on the list, or is left out for a reason.

use evenkeel_binance::{classify, classify_http};
use evenkeel_exchange::{Effect, ErrorKind};
use serde_json::Value;

use crate::support::{fixtures, json, read};

/// Codes of the recorded catalogue that are deliberately on no list. Most are those of the wallet interface (withdrawals),
/// which has another numbering between -4000 and -4100 and which this connector never calls.
const LEFT_OUT: &[(i64, &str)] = &[
    (-1004, "server busy: whether the request went on is not said"),
    (-1005, "not in the documentation of futures"),
    (-1112, "not in the documentation of futures that was at hand"),
    (-4017, "withdrawals"),
    (-4019, "withdrawals"),
    (-4022, "withdrawals"),
    (-4025, "withdrawals"),
    (-4027, "withdrawals"),
    (-4030, "withdrawals"),
    (-4033, "withdrawals"),
    (-4035, "withdrawals"),
    (-4037, "withdrawals"),
    (-4038, "withdrawals"),
    (-4040, "withdrawals"),
    (-4042, "withdrawals"),
    (-4043, "withdrawals"),
    (-9000, "sub-accounts"),
];

#[test]
fn every_recorded_code_is_classified_or_left_out_for_a_reason() {
    let Some(folder) = fixtures() else { return };
    let rows = json(&read(&folder, "error_catalog_1.json"));
    let mut seen = 0;
    for row in rows.as_array().unwrap() {
        let body = &row["body"];
        let text = body["msg"].as_str().unwrap();
        let Some(code) = body["code"].as_i64() else {
            // `{"msg": "Too many requests…", "success": false}` comes with its HTTP status.
            let bytes = body.to_string().into_bytes();
            assert_eq!(classify_http(429, &bytes), Some((ErrorKind::RateLimited, Effect::NotApplied)));
            assert_eq!(classify_http(400, &bytes), Some((ErrorKind::Unclassified, Effect::Unknown)));
            continue;
        };
        let left_out = LEFT_OUT.iter().any(|(known, _)| *known == code);
        assert_eq!(classify(code, text).is_none(), left_out, "{code} {text}");
        let bytes = body.to_string().into_bytes();
        let (_, effect) = classify_http(400, &bytes).unwrap();
        assert!(!left_out || effect == Effect::Unknown, "{code}");
        seen += 1;
    }
    assert_eq!(seen, 84, "a catalogue that grows is looked at again");
    for index in 1..=7 {
        let body = json(&read(&folder, &format!("error_{index}.json")));
        let (code, text) = (body["code"].as_i64().unwrap(), body["msg"].as_str().unwrap());
        let (_, effect) = classify(code, text).unwrap_or_else(|| panic!("{code}"));
        assert_eq!(effect, Effect::NotApplied, "{code}");
    }
    let socket = json(&read(&folder, "wsapi_error_1.json"));
    assert_eq!(
        classify(socket["error"]["code"].as_i64().unwrap(), ""),
        Some((ErrorKind::Unclassified, Effect::Unknown))
    );
}

/// The venue's published codes, each with what it means here, written down from its documentation and not from the table.
fn documented() -> Vec<(i64, ErrorKind, Effect)> {
    use ErrorKind::{
        Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NoLiquidity, NotFound, NotSupported,
        RateLimited, ReduceOnly, Rejected, Timeout, Unclassified,
    };
    let rows: &[(ErrorKind, Effect, &[i64])] = &[
        // "Execution status unknown", "send status unknown", an internal error without the text of HTTP 503.
        (Unclassified, Effect::Unknown, &[-1000]),
        (Maintenance, Effect::Unknown, &[-1001]),
        (Timeout, Effect::Unknown, &[-1006, -1007]),
        // Parts of a batch or of a cancelling of everything may have happened.
        (Rejected, Effect::Unknown, &[-2012, -4083]),
        // An order with this id is open, perhaps this very one.
        (Rejected, Effect::Unknown, &[-4116]),
        // Keys and rights.
        (Auth, Effect::NotApplied, &[-1002, -1011, -1022, -1099, -1109, -2014, -2015, -2017, -4088]),
        // Limits.
        (RateLimited, Effect::NotApplied, &[-1003, -1015]),
        // Overloaded, shutting down.
        (Maintenance, Effect::NotApplied, &[-1008, -1016]),
        // The validity, in front and in the matching engine.
        (Timeout, Effect::NotApplied, &[-1021, -5028]),
        (NotSupported, Effect::NotApplied, &[-1020, -4120]),
        // Parameters.
        (
            Invalid,
            Effect::NotApplied,
            &[
                -1013, -1014, -1023, -1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1110, -1111,
                -1114, -1115, -1116, -1117, -1118, -1119, -1120, -1121, -1126, -1127, -1128, -1129, -1130,
                -1136, -2026,
            ],
        ),
        // Filters: prices, sizes, ids, lists.
        (
            Invalid,
            Effect::NotApplied,
            &[
                -4000, -4001, -4002, -4003, -4004, -4005, -4006, -4007, -4008, -4009, -4010, -4011, -4012,
                -4013, -4014, -4015, -4023, -4032, -4044, -4055, -4060, -4061, -4062, -4082, -4135, -4137,
                -4138, -4139, -4144, -4164, -4165, -5029, -5037, -5038, -5039, -5040, -5047,
            ],
        ),
        // What is not there.
        (NotFound, Effect::NotApplied, &[-1125, -2011, -2013]),
        // Margin.
        (InsufficientMargin, Effect::NotApplied, &[-2018, -2019, -2027, -4050, -4051]),
        (ReduceOnly, Effect::NotApplied, &[-2022, -2024, -4118]),
        (NoLiquidity, Effect::NotApplied, &[-2020, -4131, -5041]),
        // Leverage and margin mode.
        (
            LeverageRefused,
            Effect::NotApplied,
            &[-2028, -4028, -4047, -4048, -4161, -4168, -4202, -4203, -4205, -4206, -4208, -4209, -4403],
        ),
        // States of the market and of the account.
        (
            Rejected,
            Effect::NotApplied,
            &[
                -1010, -1122, -2010, -2016, -2021, -2023, -2025, -4016, -4024, -4045, -4046, -4049, -4052,
                -4053, -4054, -4059, -4067, -4068, -4087, -4109, -4117, -4140, -4141, -4142, -4167, -4169,
                -4170, -4171, -4172, -4183, -4184, -4192, -4210, -4211, -4400, -4401, -4402, -4531, -5021,
                -5022, -5024, -5025, -5026, -5027, -5043,
            ],
        ),
    ];
    let each = rows.iter().flat_map(|(kind, effect, codes)| codes.iter().map(|code| (*code, *kind, *effect)));
    each.collect()
}

#[test]
fn every_documented_code_means_what_its_documentation_says() {
    let documented = documented();
    let codes: std::collections::BTreeSet<i64> = documented.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes.len(), documented.len(), "none twice");
    assert_eq!(codes.len(), 161, "a code that is added is looked at");
    for (code, kind, effect) in documented {
        assert_eq!(classify(code, ""), Some((kind, effect)), "{code}");
        let bytes = serde_json::json!({"code": code, "msg": "x"}).to_string().into_bytes();
        assert_eq!(classify_http(400, &bytes), Some((kind, effect)), "{code}");
        // With a server error nothing but an overloaded venue is certain.
        let (_, behind) = classify_http(503, &bytes).unwrap();
        assert_eq!(behind == Effect::NotApplied, code == -1008, "{code}");
        for status in [500, 502, 504] {
            assert_eq!(classify_http(status, &bytes).unwrap().1, Effect::Unknown, "{status} {code}");
        }
    }
}

/// Whatever number the venue may think of: what is on no list proves nothing.
#[test]
fn every_other_code_is_unknown() {
    let documented: Vec<i64> = documented().iter().map(|(code, ..)| *code).collect();
    // Recorded, though not in the documentation that was at hand.
    let recorded = [-1131, -4136];
    for code in (-9999..=9999).filter(|code| !documented.contains(code) && !recorded.contains(code)) {
        assert_eq!(classify(code, ""), None, "{code}");
        let bytes = serde_json::json!({"code": code, "msg": "x"}).to_string().into_bytes();
        assert_eq!(classify_http(400, &bytes), Some((ErrorKind::Unclassified, Effect::Unknown)), "{code}");
    }
}

/// HTTP statuses as the documentation has them, without a body that says more.
#[test]
fn statuses_mean_what_their_documentation_says() {
    let applied_never = [401, 403, 418, 429];
    for status in (100..200).chain(300..600) {
        let (_, effect) = classify_http(status, b"x").unwrap();
        assert_eq!(effect == Effect::NotApplied, applied_never.contains(&status), "{status}");
    }
    assert_eq!(classify_http(200, b"[]"), None);
    assert_eq!(classify_http(408, b"x"), Some((ErrorKind::Timeout, Effect::Unknown)));
}

/// A refusal inside a batch is the same refusal.
#[test]
fn refusals_in_batches_are_listed_too() {
    let Some(folder) = fixtures() else { return };
    for name in ["batchOrders_3.json", "batchOrders_cancel_1.json"] {
        let rows: Value = json(&read(&folder, name));
        for row in rows.as_array().unwrap().iter().filter(|row| !row["code"].is_null()) {
            let code = row["code"].as_i64().unwrap();
            assert!(classify(code, row["msg"].as_str().unwrap()).is_some(), "{name}: {code}");
        }
    }
}
