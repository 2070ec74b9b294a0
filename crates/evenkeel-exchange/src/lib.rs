#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod abilities;
mod clock;
mod error;
mod proof;
mod request;
mod stream;
mod venue;

pub use abilities::{
    Abilities, CancelAll, DeadManSwitch, Diagnose, Diagnosis, Fenced, Fencing, FundingHistory,
    FundingPayment, FundingPayments, PastFunding, Protective, Quotes, ReadAbilities, Route, Severity,
    StopIntent, StopOrders, StopSize, StopState, StopStatus, TopUp, Topic, Transfers, Trigger, WalletBalance,
    Wallets,
};
pub use async_trait::async_trait;
#[cfg(feature = "system-clock")]
pub use clock::SystemClock;
pub use clock::{Cancel, Clock};
pub use error::{Effect, Error, ErrorKind, Operation, Result, chain};
pub use proof::{Expected, LeverageProof, PROOF_LIFETIME, ProofError, leverage_of, prove_leverage};
pub use request::{OrderRequest, RequestError};
pub use stream::{Hint, Stream, Subscription};
pub use venue::{FundingRate, Observe, Trade};
