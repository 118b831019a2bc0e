//! Names of MCP tools: `<server>__<tool>`, of characters and of a length that every
//! provider accepts. Pure. The first `__` always ends the server's part, so two
//! servers can never make the same name.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// Longest name of a tool, in bytes, the server's part included.
const NAME_BYTES_MAX: usize = 64;
/// Longest part for the server.
const SERVER_BYTES_MAX: usize = 24;
/// Hex digits that tell apart what would have the same name.
const SUFFIX_DIGITS: usize = 6;
/// Between the two parts.
const SEPARATOR: &str = "__";

/// The server's part of tool names, for each server.
pub(super) fn server_names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    unique(names, SERVER_BYTES_MAX, |name| {
        // No `__` and no `_` at the ends: the separator must be found again.
        let parts = plain(name);
        let parts: Vec<&str> = parts.split('_').filter(|part| !part.is_empty()).collect();
        parts.join("_")
    })
}

/// Full names of the tools of one server, by the server's own names.
pub(super) fn tool_names<'a>(
    server: &str,
    tools: impl IntoIterator<Item = &'a str>,
) -> BTreeMap<String, String> {
    let room = NAME_BYTES_MAX.saturating_sub(server.len() + SEPARATOR.len());
    let mut names = unique(tools, room, plain);
    for name in names.values_mut() {
        *name = format!("{server}{SEPARATOR}{name}");
    }
    names
}

fn plain(name: &str) -> String {
    name.chars()
        .map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_' | '-') => c,
            _ => '_',
        })
        .collect()
}

/// Who had to be changed and meets another gets a piece of the hash of what it was
/// called: that stays the same when others come and go.
fn unique<'a>(
    originals: impl IntoIterator<Item = &'a str>,
    bytes_max: usize,
    simplify: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for original in originals {
        let simple = simplify(original);
        groups.entry(cut(&simple, bytes_max)).or_default().push(original);
    }
    let mut names = BTreeMap::new();
    for (simple, mut members) in groups {
        members.sort_unstable();
        members.dedup();
        let is_alone = members.len() == 1;
        for original in members {
            let is_whole = simplify(original).len() <= bytes_max;
            let keeps = !simple.is_empty() && (original == simple || (is_alone && is_whole));
            let name = if keeps { simple.clone() } else { with_suffix(&simple, original, bytes_max) };
            names.insert(original.to_owned(), name);
        }
    }
    names
}

fn with_suffix(simple: &str, original: &str, bytes_max: usize) -> String {
    let hash = hex(&Sha256::digest(original));
    let head = cut(simple, bytes_max.saturating_sub(SUFFIX_DIGITS + 1));
    let head = head.trim_end_matches('_');
    let suffix = &hash[..SUFFIX_DIGITS];
    if head.is_empty() { suffix.to_owned() } else { format!("{head}-{suffix}") }
}

// Only ASCII comes here.
fn cut(text: &str, bytes_max: usize) -> String {
    text.chars().take(bytes_max).collect()
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_prefixed_and_plain() {
        let names = tool_names("files", ["read_file", "Read File", "größe", "x.y/z", ""]);
        assert_eq!(names["read_file"], "files__read_file");
        assert!(names["Read File"].starts_with("files__read_file-"), "{names:?}");
        assert_eq!(names["größe"], "files__gr__e");
        assert_eq!(names["x.y/z"], "files__x_y_z");
        assert_eq!(names[""].len(), "files__".len() + SUFFIX_DIGITS);
    }

    #[test]
    fn a_servers_part_has_no_separator_in_it() {
        let names = server_names(["a__b", "a_b", "_x_", "__", "Ä", &"n".repeat(90)]);
        assert_eq!(names["a_b"], "a_b");
        assert_eq!(names["_x_"], "x");
        assert!(names["a__b"].starts_with("a_b-"));
        assert!(names.values().all(|name| !name.contains("__") && !name.is_empty() && name.len() <= 24));
    }

    proptest! {
        #[test]
        fn names_are_unique_bounded_and_the_server_is_found_again(
            servers in prop::collection::btree_set(".{0,40}", 1..6),
            tools in prop::collection::btree_set(".{0,90}", 1..6),
        ) {
            let mut seen = BTreeSet::new();
            let parts = server_names(servers.iter().map(String::as_str));
            prop_assert_eq!(parts.len(), servers.len());
            for part in parts.values() {
                let names = tool_names(part, tools.iter().map(String::as_str));
                prop_assert_eq!(names.len(), tools.len());
                for name in names.values() {
                    prop_assert!(name.len() <= NAME_BYTES_MAX, "{}", name);
                    prop_assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')));
                    prop_assert_eq!(name.split_once(SEPARATOR).map(|(head, _)| head), Some(part.as_str()));
                    prop_assert!(seen.insert(name.clone()), "twice: {}", name);
                }
            }
        }
    }
}
