//! The known name that a mistyped one probably meant.
//!
//! Pure text; knows nothing of what the names are for.

/// Names longer than this are no typing mistakes; comparing them would only cost time.
const NAME_CHARS_MAX: usize = 100;

/// The candidate with the fewest edits, if these are few for the length of the
/// name; else one that ends in the same last part (`port` for `server.port`).
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let lower = name.to_lowercase();
    if lower.chars().count() > NAME_CHARS_MAX {
        return None;
    }
    let allowed = (lower.chars().count() / 3).clamp(1, 4);
    let closest = candidates
        .clone()
        .map(|candidate| (edits(&lower, &candidate.to_lowercase()), candidate))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, _)| *edits <= allowed)
        .map(|(_, candidate)| candidate);
    closest.or_else(|| {
        let last = last_part(&lower);
        let mut same_end = candidates.filter(|candidate| last_part(candidate).eq_ignore_ascii_case(last));
        // Two keys that end alike would make the hint a guess.
        same_end.next().filter(|_| same_end.next().is_none())
    })
}

fn last_part(name: &str) -> &str {
    name.rsplit(['.']).next().unwrap_or(name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two texts.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edits(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn mistyped_names_find_their_neighbour() {
        let known = ["server.port", "server.host", "git.enabled", "simulated.enabled", "auth.secret_key"];
        for (name, expected) in [
            ("server.prot", Some("server.port")),
            ("Server.Port", Some("server.port")),
            ("sever.host", Some("server.host")),
            ("port", Some("server.port")),
            ("enabled", None),
            ("something.else.entirely", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.iter().copied()), expected, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known.iter().copied()), None);
    }
}
