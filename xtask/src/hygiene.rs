//! The hygiene step: tracked files name no path of one machine and no host of a
//! package registry; long files are reported.
//!
//! Reads files, changes none. The patterns are put together at run time, so that
//! this file does not find itself.

use std::fs;

use crate::process::{command, root, say};
use crate::test::Outcome;

/// A source file longer than this should be split; reported, not refused.
const LINES_MAX: usize = 600;

/// The one file that cannot do without a host: cargo writes it there.
const EXEMPT: &str = "Cargo.lock";

/// Checks all files that git tracks or would track.
pub fn run() -> Outcome {
    let files = match tracked_files() {
        Ok(files) => files,
        Err(reason) => return Outcome::Skipped(reason),
    };
    let patterns = patterns();
    let mut findings = Vec::new();
    let mut long = 0;
    for name in files.iter().filter(|name| *name != EXEMPT) {
        // What is no text, or was deleted, has no lines to read.
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        findings.extend(find(&patterns, name, &text));
        let lines = text.lines().count();
        if name.ends_with(".rs") && lines > LINES_MAX {
            long += 1;
            say(format!("note: {name} has {lines} lines; think about splitting it at {LINES_MAX}"));
        }
    }
    findings.iter().for_each(say);
    if findings.is_empty() {
        Outcome::Passed(format!("{} files, {long} long", files.len()))
    } else {
        Outcome::Failed(format!("{} findings, listed above", findings.len()))
    }
}

fn tracked_files() -> Result<Vec<String>, String> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = command("git").args(arguments).output().map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        return Err("this folder is no git repository".to_owned());
    }
    let names = String::from_utf8_lossy(&output.stdout);
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// What no file may say, and what it is.
fn patterns() -> Vec<(String, &'static str)> {
    let paths = [["/wor", "k/"], ["/roo", "t/"], ["/tmp/ba", "sh_jobs"]];
    let hosts = [
        ["crates", ".io"],
        ["pypi", ".org"],
        ["python", "hosted.org"],
        ["registry.np", "mjs.org"],
        ["deb.deb", "ian.org"],
    ];
    let paths = paths.map(|parts| (parts.concat(), "a path of one machine"));
    let hosts = hosts.map(|parts| (parts.concat(), "a host of a package registry"));
    paths.into_iter().chain(hosts).collect()
}

fn find(patterns: &[(String, &str)], name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (pattern, what) in patterns {
            if line.match_indices(pattern.as_str()).any(|(at, _)| starts_a_word(line, at)) {
                findings.push(format!("{name}:{}: {what}: {pattern}", index + 1));
            }
        }
    }
    findings
}

/// `src/work/x` holds no path of a machine, and a longer word no host.
fn starts_a_word(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_hosts_are_found_where_they_start_a_word() {
        let (path, host) = (["/wor", "k/x"].concat(), ["https://static.crates", ".io/x"].concat());
        for (line, expected) in [
            (format!("open({path:?})"), 1),
            (format!("src{path}"), 0),
            (host, 1),
            ("nothing".to_owned(), 0),
            (format!("{path} {path}"), 1),
        ] {
            assert_eq!(find(&patterns(), "f", &line).len(), expected, "{line}");
        }
        assert_eq!(find(&patterns(), "f", &format!("a\n{path}"))[0].split(": ").next(), Some("f:2"));
    }
}
