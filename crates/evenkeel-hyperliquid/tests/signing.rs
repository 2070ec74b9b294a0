//! What is signed, held byte for byte to the vectors of the venue's own SDKs, and to facts that stand here.

#[path = "signing/facts.rs"]
mod facts;
#[path = "signing/properties.rs"]
mod properties;
#[path = "signing/refusals.rs"]
mod refusals;
#[path = "signing/support.rs"]
mod support;
#[path = "signing/vectors.rs"]
mod vectors;
