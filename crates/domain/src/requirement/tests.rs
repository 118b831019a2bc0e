//! What counts as one requirement, by example and by property.

use proptest::prelude::*;

use super::*;

fn texts(text: &str) -> Vec<String> {
    split(text).into_iter().map(|requirement| requirement.text).collect()
}

#[test]
fn paragraphs_are_requirements() {
    assert_eq!(texts("one\ngoes on\n\n  two  \n \n\nthree"), ["one\ngoes on", "two", "three"]);
    assert_eq!(split("a\r\n\r\nb")[1].id, "R2");
}

#[test]
fn each_list_item_counts_and_keeps_what_is_under_it() {
    let text = "It must:\n- do this\n  carefully\n  - and nested\n* do that\nlazily\n\n  second paragraph of that\n\nAfter.";
    assert_eq!(
        texts(text),
        [
            "It must:",
            "do this\n  carefully\n  - and nested",
            "do that\nlazily\n\n  second paragraph of that",
            "After."
        ]
    );
}

#[test]
fn ordered_lists_count_each_item() {
    assert_eq!(texts("1. a\n2. b\n10) c"), ["a", "b", "c"]);
    assert_eq!(texts("It was founded in\n1986. Then it grew."), ["It was founded in\n1986. Then it grew."]);
    assert_eq!(texts("2.5 seconds at most"), ["2.5 seconds at most"]);
    assert_eq!(texts("*emphasis* is no list"), ["*emphasis* is no list"]);
    assert_eq!(texts("- [ ] open\n- \n-\n+ plus"), ["open", "plus"]);
}

#[test]
fn headings_and_rules_are_context_only() {
    let found = split("# Title\nIntro.\n## Later ##\n- nice\n---\nlast\n#tag stays");
    let pairs: Vec<(Option<&str>, &str)> =
        found.iter().map(|r| (r.section.as_deref(), r.text.as_str())).collect();
    assert_eq!(
        pairs,
        [(Some("Title"), "Intro."), (Some("Later"), "nice"), (Some("Later"), "last\n#tag stays")]
    );
    assert_eq!(texts("Name\n====\n\nbody"), ["body"]);
    assert_eq!(texts("kept\n---\nbody"), ["kept", "body"]);
    assert_eq!(texts("# only a heading"), ["# only a heading"]);
    assert_eq!(texts("---"), ["---"]);
}

#[test]
fn fenced_code_stays_with_its_paragraph() {
    let text = "Print this:\n\n```\n- no item\n\n# no heading\n```\n\nnext";
    assert_eq!(texts(text), ["Print this:\n\n```\n- no item\n\n# no heading\n```", "next"]);
    assert_eq!(texts("```never closed\n\n- a\n\n- b"), ["```never closed", "a", "b"]);
    assert_eq!(texts("# H\n~~~\ncode\n~~~"), ["~~~\ncode\n~~~"]);
}

#[test]
fn tags_carry_ids_and_sections() {
    insta::assert_snapshot!(tagged(&split("Intro.\n\n# Must\n- one\n- two\n\n# May\nthree")));
}

#[test]
fn blank_and_overlong_texts_are_refused() {
    let blank = read(" \n\t\u{feff}").unwrap_err();
    assert_eq!((blank.code, blank.message.contains("blank")), (Code::Invalid, true));
    let long = read(&"é".repeat(60_000)).unwrap_err();
    assert!(long.message.contains("60000") && long.message.contains("50000"), "{long}");
    assert!(read(&"é".repeat(TEXT_MAX_CHARS)).is_ok());
}

#[test]
fn ids_read_back() {
    assert_eq!(number_of(&id_of(12)), Some(12));
    assert_eq!(number_of(" [r3] "), Some(3));
    for bad in ["R0", "R", "3", "R-1", "R１", "R99999999999999999999999", "X1"] {
        assert_eq!(number_of(bad), None, "{bad}");
    }
}

#[test]
fn thousands_of_unclosed_fences_do_not_take_long() {
    let text = "```x\n".repeat(10_000);
    assert_eq!(split(&text).len(), 1);
}

proptest! {
    #[test]
    fn text_that_is_not_blank_yields_numbered_requirements(text in "[-#*+1.) \\n\ta-c`~=é]{0,200}") {
        let found = split(&text);
        prop_assert_eq!(found.is_empty(), text.trim().is_empty());
        for (index, requirement) in found.iter().enumerate() {
            prop_assert_eq!(number_of(&requirement.id), Some(index + 1));
            prop_assert!(!requirement.text.trim().is_empty());
            prop_assert_eq!(requirement.text.trim(), requirement.text.as_str());
        }
    }

    #[test]
    fn no_word_is_lost(words in prop::collection::vec("[a-z]{1,8}", 1..20), gaps in prop::collection::vec(0..5usize, 20)) {
        let between = ["\n\n", "\n- ", "\n", "\n  ", "\n\n1. "];
        let mut text = String::new();
        for (word, gap) in words.iter().zip(&gaps) {
            text.push_str(word);
            text.push_str(between[*gap]);
        }
        let kept: Vec<String> = texts(&text)
            .iter()
            .flat_map(|t| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .filter(|word| word.chars().all(char::is_alphabetic))
            .collect();
        prop_assert_eq!(kept, words);
    }

    #[test]
    fn any_text_is_split_without_panic(text in any::<String>()) {
        let _ = tagged(&split(&text));
    }
}
