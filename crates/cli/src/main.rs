//! The binary `orch`.
fn main() {}
