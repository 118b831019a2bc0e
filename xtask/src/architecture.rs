//! The arrows between our crates, and the one home of each heavy dependency,
//! checked against `cargo metadata`. A test, not a step: it runs with the others.
//!
//! Whoever wants a new arrow changes the table here, and says why in a decision.

use std::process::Command;

use serde_json::{Value, json};

/// Which of our crates each crate may depend on. What is not listed is refused.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("store", &["domain"]),
    ("providers", &["domain"]),
    ("tools", &["domain"]),
    ("engine", &["domain"]),
    ("server", &["domain", "store", "engine"]),
    ("cli", &["domain", "store", "providers", "tools", "engine", "server"]),
    ("testkit", &["domain"]),
    ("xtask", &[]),
];

/// The crate that tests alone may use.
const TEST_ONLY: &str = "testkit";

/// Heavy dependencies: who ships them, and whether tests of other crates may use them.
/// Our own SQL is in `store` alone; `tools` has the driver for knowledge databases,
/// which are files of others that are read as they are, never our state.
const HOMES: [(&str, &[&str], bool); 4] = [
    ("sqlx", &["store", "tools"], false),
    ("reqwest", &["providers", "tools", "cli"], true),
    ("axum", &["server", "testkit"], true),
    ("clap", &["cli", "xtask"], false),
];

/// Dependencies that a crate must not have, not even for its tests.
const FORBIDDEN: [(&str, &str); 1] = [("domain", "tokio")];

/// Every arrow that is not allowed.
fn violations(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            found.push(format!("{name} is not in the table of crates"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let is_for_tests = dependency["kind"] == "dev";
            let is_arrow_allowed = allowed.contains(&to) || (is_for_tests && to == TEST_ONLY);
            let is_home = HOMES
                .iter()
                .find(|(heavy, ..)| *heavy == to)
                .is_none_or(|(_, homes, tests_may)| homes.contains(&name) || (*tests_may && is_for_tests));
            let is_forbidden = FORBIDDEN.contains(&(name, to));
            if (ours.contains(&to) && !is_arrow_allowed) || !is_home || is_forbidden {
                let how = if is_for_tests { " for its tests" } else { "" };
                found.push(format!("{name} must not depend on {to}{how}"));
            }
        }
    }
    found
}

#[test]
fn the_workspace_has_only_allowed_arrows() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(crate::process::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(metadata["packages"].as_array().map(Vec::len), Some(ALLOWED.len()));
    assert_eq!(violations(&metadata), Vec::<String>::new());
}

#[test]
fn wrong_arrows_are_found() {
    let package = |name: &str, to: &str, kind: Value| {
        let others = ALLOWED.iter().map(|(other, _)| json!({"name": other, "dependencies": []}));
        let mut packages: Vec<Value> = others.filter(|other| other["name"] != name).collect();
        packages.push(json!({"name": name, "dependencies": [{"name": to, "kind": kind}]}));
        violations(&json!({ "packages": packages }))
    };
    for (name, to, kind, is_allowed) in [
        ("store", "domain", Value::Null, true),
        ("store", "testkit", json!("dev"), true),
        ("server", "reqwest", json!("dev"), true),
        ("providers", "axum", json!("dev"), true),
        ("cli", "server", Value::Null, true),
        ("domain", "serde", Value::Null, true),
        ("domain", "store", Value::Null, false),
        ("engine", "store", Value::Null, false),
        ("engine", "store", json!("dev"), false),
        ("store", "testkit", Value::Null, false),
        ("store", "testkit", json!("build"), false),
        ("server", "providers", Value::Null, false),
        ("server", "reqwest", Value::Null, false),
        ("xtask", "domain", Value::Null, false),
        ("domain", "tokio", json!("dev"), false),
        ("engine", "sqlx", json!("dev"), false),
        ("newcomer", "serde", Value::Null, false),
    ] {
        assert_eq!(package(name, to, kind.clone()).is_empty(), is_allowed, "{name} -> {to} {kind}");
    }
}
