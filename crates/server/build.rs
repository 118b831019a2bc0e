//! Release builds contain the built interface. Without this, cargo would not see
//! that it appeared after a build without it.

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts the profile in the environment only"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Debug builds read the folder at run time. A path that is missing counts as
    // changed, and nobody without Node should compile the server again each time.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../../ui/dist");
    }
}
