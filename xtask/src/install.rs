//! Puts the tools that tests talk to into `target/tools`: the official Python
//! client, npm packages, cargo-nextest; and system packages by apt, when root.
//!
//! All of it is optional for somebody without network: what cannot be had is
//! reported with the reason, and the tests that need it say so and pass over.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::{answers, cargo, command, root, say, succeed, tools};
use crate::test::Outcome;

/// For one download of packages.
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(10);
/// For building cargo-nextest from source on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_mins(40);

/// Debian packages that the tests need. None so far.
const SYSTEM_PACKAGES: &[&str] = &[];

/// What is in a tool's folder is described by this file; written last, so that an
/// installation that broke off is done again.
const STAMP: &str = ".stamp";

/// Installs missing Debian packages, when that is ours to do.
pub fn system_packages() -> Outcome {
    let missing: Vec<&str> = SYSTEM_PACKAGES.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Outcome::Passed("nothing to install".to_owned());
    }
    match apt(&missing) {
        Ok(()) => Outcome::Passed(format!("installed {}", missing.join(", "))),
        Err(error) => Outcome::Skipped(format!("{error:#}")),
    }
}

/// Installs Debian packages, and says so; only as root on Debian or Ubuntu.
///
/// # Errors
/// It is not ours to do, or apt fails.
pub fn apt(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install -y {}", packages.join(" "));
    let has_apt = Path::new("/etc/debian_version").exists() && answers(command("apt-get").arg("--version"));
    if !(has_apt && is_root()) {
        bail!("needs `{line}` as root on Debian or Ubuntu");
    }
    say(format!("installing system packages: {}", packages.join(", ")));
    succeed(command("apt-get").args(["update", "-q"]), DOWNLOAD_LIMIT)?;
    let mut install = command("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-y", "-q", "--no-install-recommends"]).args(packages);
    succeed(&mut install, DOWNLOAD_LIMIT)
}

fn is_installed(package: &str) -> bool {
    answers(command("dpkg").args(["-s", package]))
}

fn is_root() -> bool {
    let id = command("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A virtual environment with the packages of `xtask/requirements.txt`.
pub fn python_tools() -> Outcome {
    let installed = fs::read_to_string(root().join("xtask/requirements.txt"))
        .context("cannot read xtask/requirements.txt")
        .and_then(|wanted| virtual_environment(&tools().join("venv"), &wanted));
    optional(installed)
}

/// Makes `folder` a virtual environment with the wanted packages, one a line.
/// Answers whether there was something to do.
///
/// # Errors
/// Python is missing, or the packages cannot be had.
pub fn virtual_environment(folder: &Path, wanted: &str) -> Result<bool> {
    if is_stamped(folder, wanted) {
        return Ok(false);
    }
    succeed(command("python3").args(["-m", "venv", "--clear"]).arg(folder), DOWNLOAD_LIMIT)?;
    let list = folder.join("requirements.txt");
    fs::write(&list, wanted)?;
    let mut pip = command(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(list);
    succeed(&mut pip, DOWNLOAD_LIMIT)?;
    stamp(folder, wanted)?;
    Ok(true)
}

/// The npm packages of `xtask/npm`, exactly as its lock file says.
pub fn npm_tools() -> Outcome {
    optional(install_npm_tools())
}

fn install_npm_tools() -> Result<bool> {
    let (from, folder) = (root().join("xtask/npm"), tools().join("npm"));
    let lock = fs::read_to_string(from.join("package-lock.json"))?;
    if is_stamped(&folder, &lock) {
        return Ok(false);
    }
    fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(from.join(name), folder.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    let mut npm = command("npm");
    npm.current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    succeed(&mut npm, DOWNLOAD_LIMIT)?;
    stamp(&folder, &lock)?;
    Ok(true)
}

/// cargo-nextest: the one on the path, else built once into `target/tools`.
pub fn nextest() -> Outcome {
    if has_nextest() {
        return Outcome::Passed("is there".to_owned());
    }
    let mut install = cargo(&["install", "cargo-nextest", "--locked", "--root"]);
    install.arg(tools());
    match succeed(&mut install, BUILD_LIMIT) {
        Ok(()) => Outcome::Passed("built into target/tools".to_owned()),
        Err(error) => Outcome::Skipped(format!("{error:#}; `cargo test` is used instead")),
    }
}

/// Whether cargo-nextest can be used.
pub fn has_nextest() -> bool {
    answers(&mut cargo(&["nextest", "--version"]))
}

fn optional(installed: Result<bool>) -> Outcome {
    match installed {
        Ok(true) => Outcome::Passed("installed".to_owned()),
        Ok(false) => Outcome::Passed("is there".to_owned()),
        Err(error) => Outcome::Skipped(format!("{error:#}; tests that need it pass over")),
    }
}

fn is_stamped(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == wanted)
}

fn stamp(folder: &Path, wanted: &str) -> Result<()> {
    fs::write(folder.join(STAMP), wanted).context("cannot write the stamp")
}
