//! The venue's error codes: one table from code to kind and effect.
//!
//! A code is on the list because the venue's documentation (error codes, state of 2026-11) or a recorded answer shows it as
//! a refusal before anything happened, or says itself that it may have been carried out. What is on no list proves nothing:
//! after a write its effect is [`Effect::Unknown`].

use evenkeel_exchange::{Effect, ErrorKind};

use Effect::{NotApplied as No, Unknown as May};
use ErrorKind::{
    Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NoLiquidity, NotFound, NotSupported,
    RateLimited, ReduceOnly, Rejected, Timeout, Unclassified,
};

/// One row: the code, and what it means.
type Row = (i64, ErrorKind, Effect);

/// The codes of the documentation.
const TABLE: &[Row] = &[
    // General. -1000, -1006 and -1007 say themselves that it may have been carried out.
    (-1000, Unclassified, May),
    (-1001, Maintenance, May),
    (-1002, Auth, No),
    (-1003, RateLimited, No),
    (-1006, Timeout, May),
    (-1007, Timeout, May),
    (-1008, Maintenance, No),
    (-1010, Rejected, No),
    (-1011, Auth, No),
    (-1013, Invalid, No),
    (-1014, Invalid, No),
    (-1015, RateLimited, No),
    (-1016, Maintenance, No),
    (-1020, NotSupported, No),
    // Outside `recvWindow`: refused before it was looked at.
    (-1021, Timeout, No),
    (-1022, Auth, No),
    (-1023, Invalid, No),
    (-1099, Auth, No),
    // Parameters.
    (-1100, Invalid, No),
    (-1101, Invalid, No),
    (-1102, Invalid, No),
    (-1103, Invalid, No),
    (-1104, Invalid, No),
    (-1105, Invalid, No),
    (-1106, Invalid, No),
    (-1108, Invalid, No),
    (-1109, Auth, No),
    (-1110, Invalid, No),
    (-1111, Invalid, No),
    (-1114, Invalid, No),
    (-1115, Invalid, No),
    (-1116, Invalid, No),
    (-1117, Invalid, No),
    (-1118, Invalid, No),
    (-1119, Invalid, No),
    (-1120, Invalid, No),
    (-1121, Invalid, No),
    (-1122, Rejected, No),
    (-1125, NotFound, No),
    (-1126, Invalid, No),
    (-1127, Invalid, No),
    (-1128, Invalid, No),
    (-1129, Invalid, No),
    (-1130, Invalid, No),
    (-1131, Invalid, No),
    (-1136, Invalid, No),
    // Orders and the account.
    (-2010, Rejected, No),
    (-2011, NotFound, No),
    (-2012, Rejected, May),
    (-2013, NotFound, No),
    (-2014, Auth, No),
    (-2015, Auth, No),
    (-2016, Rejected, No),
    (-2017, Auth, No),
    (-2018, InsufficientMargin, No),
    (-2019, InsufficientMargin, No),
    (-2020, NoLiquidity, No),
    (-2021, Rejected, No),
    (-2022, ReduceOnly, No),
    (-2023, Rejected, No),
    (-2024, ReduceOnly, No),
    (-2025, Rejected, No),
    (-2026, Invalid, No),
    (-2027, InsufficientMargin, No),
    (-2028, LeverageRefused, No),
    // Filters and parameters of futures.
    (-4000, Invalid, No),
    (-4001, Invalid, No),
    (-4002, Invalid, No),
    (-4003, Invalid, No),
    (-4004, Invalid, No),
    (-4005, Invalid, No),
    (-4006, Invalid, No),
    (-4007, Invalid, No),
    (-4008, Invalid, No),
    (-4009, Invalid, No),
    (-4010, Invalid, No),
    (-4011, Invalid, No),
    (-4012, Invalid, No),
    (-4013, Invalid, No),
    (-4014, Invalid, No),
    (-4015, Invalid, No),
    // The market left the band around the mark price.
    (-4016, Rejected, No),
    (-4023, Invalid, No),
    (-4024, Rejected, No),
    (-4028, LeverageRefused, No),
    (-4032, Invalid, No),
    (-4044, Invalid, No),
    (-4045, Rejected, No),
    // "No need to change": success where it is asked for, see `is_already_so`.
    (-4046, Rejected, No),
    (-4047, LeverageRefused, No),
    (-4048, LeverageRefused, No),
    (-4049, Rejected, No),
    (-4050, InsufficientMargin, No),
    (-4051, InsufficientMargin, No),
    (-4052, Rejected, No),
    (-4053, Rejected, No),
    (-4054, Rejected, No),
    (-4055, Invalid, No),
    (-4059, Rejected, No),
    (-4060, Invalid, No),
    (-4061, Invalid, No),
    (-4062, Invalid, No),
    (-4067, Rejected, No),
    (-4068, Rejected, No),
    (-4082, Invalid, No),
    (-4083, Rejected, May),
    (-4087, Rejected, No),
    (-4088, Auth, No),
    (-4109, Rejected, No),
    // An order with this id is open: perhaps a copy of this very request.
    (-4116, Rejected, May),
    (-4117, Rejected, No),
    (-4118, ReduceOnly, No),
    (-4120, NotSupported, No),
    (-4131, NoLiquidity, No),
    (-4135, Invalid, No),
    (-4136, Invalid, No),
    (-4137, Invalid, No),
    (-4138, Invalid, No),
    (-4139, Invalid, No),
    (-4140, Rejected, No),
    (-4141, Rejected, No),
    (-4142, Rejected, No),
    (-4144, Invalid, No),
    (-4161, LeverageRefused, No),
    (-4164, Invalid, No),
    (-4165, Invalid, No),
    (-4167, Rejected, No),
    (-4168, LeverageRefused, No),
    (-4169, Rejected, No),
    (-4170, Rejected, No),
    (-4171, Rejected, No),
    (-4172, Rejected, No),
    (-4183, Rejected, No),
    (-4184, Rejected, No),
    (-4192, Rejected, No),
    (-4202, LeverageRefused, No),
    (-4203, LeverageRefused, No),
    (-4205, LeverageRefused, No),
    (-4206, LeverageRefused, No),
    (-4208, LeverageRefused, No),
    (-4209, LeverageRefused, No),
    (-4210, Rejected, No),
    (-4211, Rejected, No),
    (-4400, Rejected, No),
    (-4401, Rejected, No),
    (-4402, Rejected, No),
    (-4403, LeverageRefused, No),
    (-4531, Rejected, No),
    (-5021, Rejected, No),
    (-5022, Rejected, No),
    (-5024, Rejected, No),
    (-5025, Rejected, No),
    (-5026, Rejected, No),
    (-5027, Rejected, No),
    // The second check of the validity, in the matching engine: refused there.
    (-5028, Timeout, No),
    (-5029, Invalid, No),
    (-5037, Invalid, No),
    (-5038, Invalid, No),
    (-5039, Invalid, No),
    (-5040, Invalid, No),
    (-5041, NoLiquidity, No),
    (-5043, Rejected, No),
    (-5047, Invalid, No),
];

/// The codes of the wallet interface that moving money is answered with. It shares the general ones and has meanings of its
/// own for the rest: what -4046 is there has nothing to do with margin types. The documentation of wallets (error codes,
/// 2026-10), except for -5013, which other clients list with its text.
const WALLET: &[Row] = &[
    (-5002, InsufficientMargin, No),
    (-5003, InsufficientMargin, No),
    (-5007, Invalid, No),
    // "Transfer fail" and "transfer in pending" do not say that nothing was moved.
    (-5010, Rejected, May),
    (-5011, Rejected, No),
    (-5012, Rejected, May),
    (-5013, InsufficientMargin, No),
];

/// Codes that mean the same at every interface of the venue: what is general, parameters, and the key.
fn is_general(code: i64) -> bool {
    matches!(code, -1199..=-1000 | -2014 | -2015)
}

/// The request was taken in, and no answer came in time. Its text says so with whatever code and status.
pub(super) const NO_ANSWER: &str = "Unknown error, please check your request or try again later.";
/// How the texts of HTTP 503 begin with which a request failed for sure. They come with several codes (-1000, -1001,
/// -1008), or with none, and mean nothing with another status.
pub(super) const FAILED: [&str; 4] = [
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
    "Request throttled by system-level protection",
    "Server is currently overloaded with other requests",
];

/// What a code of the venue means, with its text, where it is on the list.
///
/// ```
/// use evenkeel_binance::classify;
/// use evenkeel_exchange::{Effect, ErrorKind};
///
/// let known = classify(-2019, "Margin is insufficient.");
/// assert_eq!(known, Some((ErrorKind::InsufficientMargin, Effect::NotApplied)));
/// assert_eq!(classify(-1007, "").map(|(_, effect)| effect), Some(Effect::Unknown));
/// assert_eq!(classify(-9999, "Something nobody has seen"), None);
/// ```
#[must_use]
pub fn classify(code: i64, text: &str) -> Option<(ErrorKind, Effect)> {
    // It comes with several codes, and what it says is worse than what they say.
    if text.trim().starts_with(NO_ANSWER) {
        return Some((Timeout, May));
    }
    found(TABLE, code)
}

/// The same where the wallet interface answered.
pub(super) fn classify_wallet(code: i64, text: &str) -> Option<(ErrorKind, Effect)> {
    if is_general(code) || text.trim().starts_with(NO_ANSWER) {
        return classify(code, text);
    }
    found(WALLET, code)
}

fn found(table: &[Row], code: i64) -> Option<(ErrorKind, Effect)> {
    table.iter().find(|(known, ..)| *known == code).map(|(_, kind, effect)| (*kind, *effect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once() {
        let codes: Vec<i64> = TABLE.iter().map(|(code, ..)| *code).collect();
        assert!(codes.is_sorted_by(|a, b| a > b), "in the order of the venue's documentation, none twice");
        let codes: Vec<i64> = WALLET.iter().map(|(code, ..)| *code).collect();
        assert!(codes.is_sorted_by(|a, b| a > b) && !codes.iter().any(|code| is_general(*code)));
    }

    #[test]
    fn wallets_have_meanings_of_their_own() {
        for (code, expected) in [
            (-1021, Some((Timeout, No))),
            (-2015, Some((Auth, No))),
            (-5002, Some((InsufficientMargin, No))),
            (-5012, Some((Rejected, May))),
            // Of futures: a margin type, an order, a position.
            (-4046, None),
            (-2013, None),
            (-2019, None),
            (-5022, None),
        ] {
            assert_eq!(classify_wallet(code, ""), expected, "{code}");
        }
        assert_eq!(classify_wallet(-5002, NO_ANSWER), Some((Timeout, May)));
        assert_eq!(classify(-5002, ""), None);
    }
}
