//! A file into pieces that a search can give: markdown by its headings, code by
//! its definitions, other text by paragraphs. Pure; every byte of the text ends up
//! in some piece, up to blank lines.

/// A piece is closed when the next part would make it longer than this.
const CHARS_GOAL: usize = 1_500;
/// A part longer than this is cut.
const CHARS_MAX: usize = 3_000;
/// Longest name of a piece.
const NAME_CHARS_MAX: usize = 120;

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The heading or definition that it begins with.
    pub name: Option<String>,
    /// Its text.
    pub text: String,
}

/// Cuts a file; its extension says how.
pub fn cut(path: &str, text: &str) -> Vec<Piece> {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let blocks = match extension.as_deref() {
        Some("md" | "markdown" | "mdx") => by_headings(text),
        Some(
            "rs" | "py" | "js" | "jsx" | "ts" | "tsx" | "mjs" | "go" | "java" | "kt" | "cs" | "c" | "h"
            | "cc" | "cpp" | "hpp" | "rb" | "php" | "swift" | "scala" | "sql" | "sh" | "lua" | "ex" | "zig",
        ) => by_definitions(text),
        _ => by_paragraphs(text),
    };
    pack(blocks)
}

/// A part that belongs together. One that `begins` does not join the part before.
struct Block {
    name: Option<String>,
    begins: bool,
    text: String,
}

fn by_headings(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut trail: Vec<(usize, String)> = Vec::new();
    let mut fence: Option<char> = None;
    let mut is_broken = true;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(mark) =
            ['`', '~'].into_iter().find(|mark| trimmed.starts_with(&mark.to_string().repeat(3)))
        {
            match fence {
                None => fence = Some(mark),
                Some(open) if open == mark => fence = None,
                Some(_) => {}
            }
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        let is_heading =
            fence.is_none() && (1..=6).contains(&level) && line[level..].starts_with([' ', '\t']);
        if is_heading {
            trail.retain(|(above, _)| *above < level);
            trail.push((level, line[level..].trim().trim_end_matches('#').trim().to_owned()));
            let name = trail.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(" > ");
            blocks.push(Block { name: Some(name), begins: true, text: line.to_owned() });
            is_broken = false;
        } else if line.trim().is_empty() && fence.is_none() {
            is_broken = true;
        } else {
            add(&mut blocks, line, is_broken);
            is_broken = false;
        }
    }
    blocks
}

/// Definitions begin at the left edge after a blank line.
fn by_definitions(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_broken = true;
    for line in text.lines() {
        if line.trim().is_empty() {
            is_broken = true;
            continue;
        }
        let is_at_edge = !line.starts_with([' ', '\t', '}', ')', ']']);
        let begins = is_broken && is_at_edge;
        add(&mut blocks, line, is_broken);
        if let Some(block) = blocks.last_mut() {
            if begins {
                block.begins = true;
            }
            if block.name.is_none() && is_at_edge && block.begins {
                block.name = definition(line);
            }
        }
        is_broken = false;
    }
    blocks
}

fn by_paragraphs(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut is_broken = true;
    for line in text.lines() {
        if line.trim().is_empty() {
            is_broken = true;
            continue;
        }
        add(&mut blocks, line, is_broken);
        is_broken = false;
    }
    blocks
}

fn add(blocks: &mut Vec<Block>, line: &str, is_broken: bool) {
    match blocks.last_mut() {
        Some(block) if !is_broken => {
            block.text.push('\n');
            block.text.push_str(line);
        }
        _ => blocks.push(Block { name: None, begins: false, text: line.to_owned() }),
    }
}

/// The name that a line of code defines, in the languages people use most.
fn definition(line: &str) -> Option<String> {
    const MODIFIERS: [&str; 18] = [
        "pub",
        "export",
        "default",
        "async",
        "public",
        "private",
        "protected",
        "internal",
        "static",
        "abstract",
        "final",
        "sealed",
        "partial",
        "unsafe",
        "const",
        "extern",
        "data",
        "open",
    ];
    const KINDS: [&str; 17] = [
        "fn",
        "struct",
        "enum",
        "trait",
        "impl",
        "mod",
        "class",
        "interface",
        "type",
        "def",
        "func",
        "function",
        "record",
        "object",
        "namespace",
        "module",
        "macro_rules!",
    ];
    let words = line.split(|c: char| c.is_whitespace() || matches!(c, '(' | '{' | '<' | ':' | ';' | '='));
    let mut words = words.filter(|word| !word.is_empty());
    let mut word = words.next()?;
    while MODIFIERS.contains(&word) || matches!(word, "crate" | "crate)" | "super)") {
        word = words.next()?;
    }
    if !KINDS.contains(&word) {
        return None;
    }
    let name = words.next()?.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    (!name.is_empty()).then(|| name.to_owned())
}

/// Joins small parts and cuts large ones.
fn pack(blocks: Vec<Block>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut heading: Option<String> = None;
    let mut chars = usize::MAX;
    for block in blocks {
        let begins = block.begins;
        if begins {
            heading.clone_from(&block.name);
        }
        let length = block.text.chars().count();
        let joins = !begins && chars.saturating_add(length) <= CHARS_GOAL;
        if let Some(last) = pieces.last_mut().filter(|_| joins) {
            last.text.push_str("\n\n");
            last.text.push_str(&block.text);
            chars += length + 2;
            continue;
        }
        for part in parts(&block.text) {
            chars = part.chars().count();
            let name = heading.as_ref().map(|name| name.chars().take(NAME_CHARS_MAX).collect());
            pieces.push(Piece { name, text: part.to_owned() });
        }
    }
    pieces
}

/// A long text in parts, cut at a line or a word where there is one.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((limit, _)) = rest.char_indices().nth(CHARS_MAX) {
        let head = &rest[..limit];
        let end = head.rfind('\n').or_else(|| head.rfind(' ')).filter(|end| *end > 0).unwrap_or(limit);
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start_matches([' ', '\n']);
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(path: &str, text: &str) -> Vec<(Option<String>, String)> {
        cut(path, text).into_iter().map(|piece| (piece.name, piece.text)).collect()
    }

    #[test]
    fn markdown_is_cut_at_headings_outside_of_code() {
        let text =
            "intro\n\n# One\ntext\n\nmore\n## Sub\n```sh\n# no heading\n```\n# Two ##\n#no heading either";
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            names("a.md", text),
            [
                (None, "intro".to_owned()),
                (name("One"), "# One\ntext\n\nmore".to_owned()),
                (name("One > Sub"), "## Sub\n```sh\n# no heading\n```".to_owned()),
                (name("Two"), "# Two ##\n#no heading either".to_owned()),
            ]
        );
    }

    #[test]
    fn code_is_cut_at_definitions() {
        let text = "//! doc\n\n/// A.\npub struct Foo {\n    a: u8,\n\n    b: u8,\n}\n\npub(crate) async fn bar<T>() {}\n";
        let found = names("a.rs", text);
        let names: Vec<Option<&str>> = found.iter().map(|(name, _)| name.as_deref()).collect();
        assert_eq!(names, [None, Some("Foo"), Some("bar")]);
        assert!(found[1].1.contains("b: u8"));
        assert_eq!(definition("class Dog(Animal):"), Some("Dog".to_owned()));
        assert_eq!(definition("export default function main() {"), Some("main".to_owned()));
        assert_eq!(definition("let x = 1;"), None);
    }

    #[test]
    fn long_paragraphs_are_cut_between_words() {
        let text = "word ".repeat(2_000);
        let pieces = cut("a.txt", &text);
        assert!(pieces.len() >= 4 && pieces.iter().all(|piece| piece.text.chars().count() <= CHARS_MAX));
        assert_eq!(pieces.iter().map(|piece| piece.text.matches("word").count()).sum::<usize>(), 2_000);
        assert_eq!(cut("a.txt", &"é".repeat(7_000)).len(), 3);
        assert_eq!(cut("a.txt", " \n\n"), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_is_lost(text in "([a-z# `~{}()é]{0,20}\n{1,3}){0,40}", name in "a\\.(md|rs|txt)") {
            let keep = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let pieces = cut(&name, &text);
            let joined: String = pieces.iter().map(|piece| keep(&piece.text)).collect();
            prop_assert_eq!(joined, keep(&text));
        }
    }
}
