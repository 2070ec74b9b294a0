//! Tests that need several crates at once live in this package's `tests/` folder: between published crates they would
//! be cycles of versioned dev-dependencies, which `cargo package` refuses.
