//! Good plans pass, and each mutation of one breaks its rule.
