//! Every code that is known of the venue is on the list, or is not for a reason.

use std::collections::BTreeSet;

use evenkeel_bybit::{Meaning, classify, classify_status};
use evenkeel_exchange::{Effect, ErrorKind};

use crate::support::{fixtures, json, read};

use Effect::{NotApplied as No, Unknown as May};
use ErrorKind::{
    Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NoLiquidity, NotFound, NotSupported,
    RateLimited, ReduceOnly, Rejected, Timeout, Unclassified,
};

/// What the project's facts about the venue say of each code, by hand: kind, effect after a write, codes.
const FACTS: &[(ErrorKind, Effect, &str)] = &[
    // "Outcome unknown: reconcile before anything else."
    (Timeout, May, "10000"),
    (Rejected, May, "10014 110072 20003 20006"),
    (Maintenance, May, "10016 10019"),
    // "Retry": whether a write was carried out is not said.
    (Maintenance, May, "131200 3400214"),
    (RateLimited, May, "429 10429"),
    // "Not executed."
    (RateLimited, No, "10006 10018 10403"),
    (Timeout, No, "10002"),
    (Invalid, No, "10001 10017 10404 110018 110019 110032 110049 110050 110108 110109"),
    (Auth, No, "10003 10004 10005 10007 33004 10008 10027 10009 110132 10024 10010 10029 20001"),
    (NotSupported, No, "10028"),
    // "Business reject."
    (Invalid, No, "110057 110058 110059 110060 110092 110093 110094"),
    (NotFound, No, "110001 110008 110010"),
    (InsufficientMargin, No, "110004 110006 110007 110012 110014 110044 110045 110051 110052 110053"),
    (InsufficientMargin, No, "110011 110046 110039 110040 110078"),
    (
        LeverageRefused,
        No,
        "110013 110073 3400045 3400071 3400139 3400208 3400210 3400211 3400052 3400053 3400054",
    ),
    (LeverageRefused, No, "3401010 3200400 3200402"),
    (NotSupported, No, "110015 110036 110038 110077 110076 110029 3200403"),
    (ReduceOnly, No, "110017 110034"),
    (
        Rejected,
        No,
        "110033 110003 110120 110121 110009 110020 110061 110021 110089 110090 110086 110087 110064",
    ),
    (Rejected, No, "110022 110023 110042 110082 110085 110024 110028 110047 110048 110031"),
    (Rejected, No, "110066 110074 110103 110137 110095 110096 110097 110098 110099 110100"),
    (Rejected, No, "110101 110102 110104 110105 110106 110107 110123 110124 110125 110131"),
    (Rejected, No, "182021 182104 182106 182108 182000 182999"),
    // "Retry shortly."
    (Maintenance, No, "110005 110063 110079"),
    (NoLiquidity, No, "110118"),
    // Recorded, with the words of the codes above.
    (Invalid, No, "7001"),
    (InsufficientMargin, No, "140007"),
];

/// "No-op = success."
const UNCHANGED: &str = "110043 34036 110025 110026 110027";

/// Statuses: those that the venue documents, and any other.
const STATUSES: &[(ErrorKind, Effect, &str)] = &[
    (Invalid, No, "400"),
    (Auth, No, "401"),
    (RateLimited, No, "403"),
    (NotSupported, No, "404"),
    (RateLimited, May, "429"),
    (Maintenance, May, "500 501 502 503 505 520 599"),
    (Timeout, May, "504"),
    (
        Unclassified,
        May,
        "100 101 201 204 206 301 302 307 308 402 405 406 408 409 410 413 418 422 425 431 451 600 999",
    ),
];

/// Codes that are deliberately not on the list, so that they prove nothing.
const UNKNOWN: &[(&str, &str)] = &[
    ("-10009", "of an API before V5"),
    ("-1021", "of an API before V5"),
    ("-1140", "of an API before V5, for spot"),
    ("-2013", "of an API before V5, for spot"),
    ("-1", "of an API before V5: one code for many things"),
    ("12137", "spot only"),
    ("130006", "of an API before V5"),
    ("131001", "of wallets, not of contracts"),
    ("170371", "spot only"),
    ("170372", "spot only"),
    ("170213", "spot only"),
    ("3100116", "of an API before V5"),
    ("3100198", "of an API before V5"),
    ("30034", "retried by another client, its meaning is not documented"),
    ("30035", "retried by another client, its meaning is not documented"),
    ("130035", "retried by another client, its meaning is not documented"),
    ("130150", "retried by another client, its meaning is not documented"),
];

#[test]
fn every_fact_is_classified_as_it_says() {
    let mut codes = 0;
    for (kind, effect, listed) in FACTS {
        for code in listed.split_whitespace() {
            assert_eq!(classify(code), Some(Meaning::Refused(*kind, *effect)), "{code}");
            codes += 1;
        }
    }
    for code in UNCHANGED.split_whitespace() {
        assert_eq!(classify(code), Some(Meaning::Unchanged), "{code}");
        codes += 1;
    }
    assert_eq!(codes, 147);
    for (code, why) in UNKNOWN {
        assert_eq!(classify(code), None, "{code}: {why}");
    }
    for (kind, effect, listed) in STATUSES {
        for status in listed.split_whitespace() {
            assert_eq!(classify_status(status.parse().unwrap()), (*kind, *effect), "{status}");
        }
    }
}

/// Nothing is on the list but what is known: by trying all numbers that the venue's codes can be.
#[test]
fn nothing_else_is_classified() {
    let known: BTreeSet<&str> = FACTS
        .iter()
        .flat_map(|(.., codes)| codes.split_whitespace())
        .chain(UNCHANGED.split_whitespace())
        .collect();
    let ranges = [0..50_000_u32, 100_000..200_000, 3_100_000..3_500_000];
    for code in ranges.into_iter().flatten().map(|code| code.to_string()) {
        // Documented as ranges: collateral and portfolio margin.
        let range =
            code.len() == 6 && code.starts_with("182") || code.len() == 7 && code.starts_with("32004");
        assert_eq!(classify(&code).is_some(), range || known.contains(code.as_str()), "{code}");
    }
}

#[test]
fn recorded_codes_are_classified_or_not_for_a_reason() {
    let Some(folder) = fixtures() else { return };
    let mut codes = Vec::new();
    for row in json(&read(&folder, "error_catalog_1.json")).as_array().unwrap() {
        let body = &row["body"];
        let code = if body["retCode"].is_null() { &body["ret_code"] } else { &body["retCode"] };
        codes.push(code.to_string());
    }
    for index in 1..=6 {
        codes.push(json(&read(&folder, &format!("error_{index}.json")))["retCode"].to_string());
    }
    codes.push(json(&read(&folder, "order_amend_1.json"))["retCode"].to_string());
    let batch = json(&read(&folder, "order_cancel_batch_1.json"));
    codes.extend(batch["retExtInfo"]["list"].as_array().unwrap().iter().map(|row| row["code"].to_string()));
    for code in codes.iter().filter(|code| *code != "0") {
        let listed = classify(code).is_some();
        let excused = UNKNOWN.iter().any(|(known, _)| known == code);
        assert!(listed != excused, "{code}");
    }
    assert_eq!(codes.len(), 27);
}
