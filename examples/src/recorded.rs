//! Accounts from recorded answers of Hyperliquid, in the venue's own JSON.

use std::path::Path;

use evenkeel_hyperliquid::capabilities;
use evenkeel_hyperliquid::decode::{
    AbstractionInput, AccountInput, Body, DexInput, FeeInput, FlatSettings, OpenOrdersInput, decode_snapshot,
};
use evenkeel_paper::{PaperVenue, profiles};
use evenkeel_rebalance::Target;
use evenkeel_types::{AccountId, Leverage, Scope, Snapshot, VenueId};

use crate::failure::Failure;
use crate::wish::Wish;
use crate::{Case, Place};

const STATE: &str = "clearinghouseState.json";
const MARKETS: &str = "metaAndAssetCtxs.json";
const MODE: &str = "userAbstraction.json";
const SPOT: &str = "spotClearinghouseState.json";
const ORDERS: &str = "openOrders.json";
const FEES: &str = "userFees.json";

/// What the user vouches for, and what is to be done with the account.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The account is in the standard mode, where no answer says so.
    pub assume_standard: bool,
    /// The account has nothing on builder dexes; matters for unified accounts.
    pub no_other_dexes: bool,
    /// Put it on a paper exchange.
    pub fork: bool,
    /// Of the paper exchange.
    pub seed: u64,
}

/// Reads a folder of recorded answers.
///
/// # Errors
/// A file that is missing, not understood, or contradicts another, in one line that names file and field.
pub fn load(folder: &str, wish: Wish, target: &Target, options: Options) -> Result<Case, Failure> {
    let dir = Path::new(folder);
    if !dir.is_dir() {
        return Err(Failure::input(format!(
            "--recorded: `{folder}` is no folder; it should hold {STATE} and {MARKETS}"
        )));
    }
    let read = |name: &str| match std::fs::read(dir.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::input(format!("{}: {error}", dir.join(name).display()))),
    };
    let needed = |name: &str| {
        let missing = || Failure::input(format!("{name}: not in {folder}; record the venue's answer there"));
        read(name).and_then(|bytes| bytes.ok_or_else(missing))
    };
    let (state, markets) = (needed(STATE)?, needed(MARKETS)?);
    let (mode, spot, orders, fees) = (read(MODE)?, read(SPOT)?, read(ORDERS)?, read(FEES)?);
    let mut assumptions = Vec::new();
    let abstraction = match &mode {
        Some(bytes) => AbstractionInput::Answer(Body::new(MODE, bytes)),
        None if options.assume_standard => {
            assumptions
                .push(format!("{MODE} is not there; the account is taken as one in the standard mode"));
            AbstractionInput::AssumeStandard
        }
        None => {
            return Err(Failure::input(format!(
                "{MODE}: not in {folder}, so the account's mode is not known; record the answer to \
                 userAbstraction, or vouch for the standard mode with --assume-standard"
            )));
        }
    };
    if orders.is_none() {
        assumptions.push(format!("{ORDERS} is not there; taken as no resting orders"));
    }
    if fees.is_none() {
        assumptions.push(format!("{FEES} is not there; fees are the venue's base rates"));
    }
    let input = Input { state, markets, spot, orders, fees };
    let snapshot = input.decode(abstraction, &target.scope(), wish.leverage, options.no_other_dexes)?;

    let place = if options.fork {
        let venue = PaperVenue::fork(&snapshot, &profiles::hyperliquid(), options.seed)
            .map_err(|error| Failure::input(format!("{folder}: {}", evenkeel_exchange::chain(&error))))?;
        assumptions.push("rehearsed on a paper exchange forked from the recorded account".to_owned());
        Place::Paper(venue)
    } else {
        Place::Recorded(Box::new(snapshot))
    };
    Ok(Case { title: format!("recorded account in {folder}"), assumptions, place, wish })
}

struct Input {
    state: Vec<u8>,
    markets: Vec<u8>,
    spot: Option<Vec<u8>>,
    orders: Option<Vec<u8>>,
    fees: Option<Vec<u8>>,
}

impl Input {
    fn decode(
        &self,
        abstraction: AbstractionInput<'_>,
        scope: &Scope,
        leverage: Leverage,
        no_other_dexes: bool,
    ) -> Result<Snapshot, Failure> {
        decode_snapshot(&AccountInput {
            venue: VenueId::new("hyperliquid").map_err(Failure::input)?,
            account: AccountId::new("recorded").map_err(Failure::input)?,
            capabilities: capabilities(),
            scope: scope.clone(),
            dexes: vec![DexInput {
                clearinghouse_state: Body::new(STATE, &self.state),
                meta_and_asset_ctxs: Body::new(MARKETS, &self.markets),
                open_orders: match &self.orders {
                    Some(bytes) => OpenOrdersInput::Answer(Body::new(ORDERS, bytes)),
                    None => OpenOrdersInput::AssumeNone,
                },
                fees: match &self.fees {
                    Some(bytes) => FeeInput::Answer(Body::new(FEES, bytes)),
                    None => FeeInput::BaseTier,
                },
            }],
            abstraction,
            spot_clearinghouse_state: self.spot.as_deref().map(|bytes| Body::new(SPOT, bytes)),
            other_dexes: no_other_dexes.then_some(&[]),
            available: Vec::new(),
            // Nobody recorded the settings of flat symbols. Taken as other than the target's, they are written and
            // proven before anything is opened.
            flat_settings: FlatSettings::Assume { other_than: leverage },
        })
        .map_err(Failure::input)
    }
}
