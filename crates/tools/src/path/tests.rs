//! The table of paths, by the numbers of the bad-input corpus.

use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> bool {
    RelativePath::parse(text).is_err()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of inputs, one a line")]
fn paths_that_could_leave_or_mislead_are_refused() {
    let deep = vec!["d"; 200].join("/");
    let long_name = "n".repeat(256);
    let long_path = vec!["n".repeat(200); 6].join("/");
    let huge = "a".repeat(1 << 20);
    let table: &[(&str, &[&str])] = &[
        (
            "B47",
            &[
                "../../etc/passwd",
                "..",
                "a/../b",
                "a/..",
                "./..",
                "/etc/passwd",
                "/",
                "//x",
                "/proc/self/environ",
            ],
        ),
        (
            "B48",
            &[
                "a\\b",
                "..\\..\\x",
                "C:\\x",
                "C:x",
                "c:/x",
                "\\\\host\\share",
                "//host/share",
                "file:///etc/passwd",
                "file:x",
                "~",
                "~/x",
                "./~/x",
                "~root/x",
                "a.txt:stream",
            ],
        ),
        (
            "B52",
            &[
                "a\0b",
                "a\nb",
                "a\rb",
                "a\tb",
                "\u{1b}[31mx",
                "a\u{7f}",
                "a\u{85}",
                "a\u{202e}txt.exe",
                "a\u{2066}b",
                "a\u{2069}",
                "a\u{202a}",
                "..\u{2215}x",
                "a\u{ff0f}b",
                "a\u{2044}b",
                "a\u{ff3c}b",
                "a\u{200b}b",
                "\u{feff}a",
                "a\u{2028}b",
            ],
        ),
        (
            "B54",
            &[
                "CON",
                "con",
                "Con.txt",
                "dir/NUL",
                "nul.tar.gz",
                "COM1",
                "lpt9.log",
                "COM\u{b9}",
                "aux ",
                "CON .txt",
                "conin$",
                "a.",
                "a ",
                "a./b",
                "a /b",
                "...",
                "a\u{a0}",
                &long_name,
                &deep,
                &long_path,
                &huge,
            ],
        ),
        ("empty", &["", ".", "./", "./.", "a//b", "a/", " "]),
    ];
    for (number, texts) in table {
        for text in *texts {
            assert!(refused(text), "{number}: {:?} was let through", text.get(..40).unwrap_or(text));
        }
    }
}

#[test]
fn ordinary_paths_pass_and_have_one_spelling() {
    let table = [
        ("a", "a"),
        ("./src/./main.rs", "src/main.rs"),
        (".gitignore", ".gitignore"),
        ("a..b/c...d", "a..b/c...d"),
        ("..a/b", "..a/b"),
        ("src/[slug]/page (1).tsx", "src/[slug]/page (1).tsx"),
        ("backup~", "backup~"),
        ("%2e%2e%2fx", "%2e%2e%2fx"),
        ("console.log", "console.log"),
        ("COM10", "COM10"),
        ("e\u{301}tude.md", "\u{e9}tude.md"),
        ("\u{e9}tude.md", "\u{e9}tude.md"),
        ("日本語/ファイル.txt", "日本語/ファイル.txt"),
        ("👩\u{200d}💻.md", "👩\u{200d}💻.md"),
    ];
    for (text, expected) in table {
        assert_eq!(
            RelativePath::parse(text).map(|path| path.to_string()),
            Ok(expected.to_owned()),
            "{text:?}"
        );
    }
}

#[test]
fn limits_are_reached_exactly() {
    assert!(!refused(&"n".repeat(255)));
    assert!(!refused(&["d"; 32].join("/")));
    assert!(refused(&["d"; 33].join("/")));
    // 5 * 204 + 4 slashes = 1024.
    let full = vec!["n".repeat(204); 5].join("/");
    assert_eq!(full.len(), 1024);
    assert!(!refused(&full));
    assert!(refused(&format!("{full}n")));
}

#[test]
fn twins_have_one_key() {
    for (a, b) in
        [("README.md", "readme.MD"), ("Stra\u{df}e", "STRASSE"), ("\u{c9}a", "e\u{301}A"), ("\u{212a}", "k")]
    {
        let (a, b) = (RelativePath::parse(a).unwrap(), RelativePath::parse(b).unwrap());
        assert_eq!(a.key(), b.key(), "{a} and {b}");
    }
}

proptest! {
    #[test]
    fn what_passes_never_leaves_and_is_stable(text in "([a-zA-Z.~/\\\\: ]|\\PC|[\\x00-\\x1f]|\\.\\./|\u{202e}|\u{2215}){0,40}") {
        if let Ok(path) = RelativePath::parse(&text) {
            prop_assert!(!path.as_str().starts_with('/'));
            prop_assert!(path.names().all(|name| !name.is_empty() && name != "." && name != ".."));
            prop_assert!(!path.as_str().contains(['\\', ':', '\0']));
            prop_assert_eq!(RelativePath::parse(path.as_str()).unwrap(), path);
        }
    }
}
