//! What a task is told and, more so, what it is not.

use proptest::prelude::*;

use super::*;

fn done(id: &str, output: &str) -> Prerequisite {
    Prerequisite {
        task_id: TaskId::new(id),
        title: format!("Task {id}"),
        ended: Ended::Completed,
        output: Some(output.to_owned()),
        files: vec!["src/a.rs".to_owned()],
    }
}

fn brief() -> TaskBrief {
    TaskBrief {
        project_name: "Bakery".to_owned(),
        plan_summary: "Sell bread.".to_owned(),
        requirements: vec![("R2".to_owned(), "Take orders.".to_owned())],
        phase: Some("Build".to_owned()),
        affected_files: vec!["shop.py".to_owned()],
        prerequisites: vec![
            done("t1", "An outline."),
            Prerequisite { ended: Ended::Skipped, ..done("t2", "old") },
        ],
        feedback: (1..=4)
            .map(|n| Feedback { source: FeedbackSource::Verification, text: format!("gap {n}") })
            .collect(),
        guidance: vec!["Keep it small.".to_owned()],
        knowledge: vec![Knowledge {
            category: "decision".to_owned(),
            content: "Prices are in cents.".to_owned(),
            source_title: Some("Model".to_owned()),
        }],
    }
}

fn size(pieces: &[ContextPiece]) -> usize {
    pieces
        .iter()
        .map(|piece| {
            piece.text.chars().count() + piece.source_title.as_deref().unwrap_or_default().chars().count()
        })
        .sum()
}

#[test]
fn a_task_is_told_what_concerns_it() {
    insta::assert_json_snapshot!(build(&brief(), &ContextBounds::default()));
}

#[test]
fn a_skipped_prerequisite_gives_nothing() {
    let pieces = build(&brief(), &ContextBounds::default());
    let skipped = pieces.iter().find(|piece| piece.source_task_id == Some(TaskId::new("t2"))).unwrap();
    assert!(skipped.text.contains("skipped") && !skipped.text.contains("old"));
}

#[test]
fn a_source_is_told_once_with_its_latest_output() {
    let brief = TaskBrief { prerequisites: vec![done("a", "1"), done("b", "2"), done("a", "3")], ..brief() };
    let pieces = build(&brief, &ContextBounds::default());
    let outputs: Vec<&str> = pieces
        .iter()
        .filter(|piece| piece.kind == PieceKind::DependencyOutput)
        .filter_map(|piece| piece.text.lines().next())
        .collect();
    assert_eq!(outputs, ["3", "2"]);
}

#[test]
fn short_outputs_leave_room_for_long_ones() {
    assert_eq!(share(100, 80, &[10, 200, 30]), [10, 60, 30]);
    assert_eq!(share(100, 50, &[10, 200]), [10, 50]);
    assert_eq!(share(2, 50, &[9, 9, 9]), [0, 1, 1]);
    assert_eq!(share(5, 5, &[]), Vec::<usize>::new());
}

#[test]
fn what_is_cut_says_so() {
    assert_eq!(cut("äöü", 3), "äöü");
    assert_eq!(cut("äöü", 2), "äö\n[cut here: the first 2 of 3 characters are shown]");
    let bounds = ContextBounds { forward_max_chars: 5, ..ContextBounds::default() };
    let pieces = build(&brief(), &bounds);
    assert!(pieces.iter().any(|piece| piece.text.starts_with("An ou\n[cut here: the first 5 of 11")));
}

#[test]
fn context_stays_the_same_size_however_many_tasks_there_are() {
    let many = |count: usize| {
        let prerequisites = (0..count).map(|i| done(&format!("t{i:05}"), &"x".repeat(9000))).collect();
        size(&build(&TaskBrief { prerequisites, ..brief() }, &ContextBounds::default()))
    };
    let (few, lots) = (many(100), many(3000));
    assert!(few.abs_diff(lots) < 10, "{few} {lots}");
    assert!(lots < 40_000, "{lots}");
}

proptest! {
    #[test]
    fn context_is_bounded_whatever_the_brief(
        text in "\\PC{0,300}",
        (repeat, count) in (1..60usize, 0..120usize),
        (each, total, knowledge_max) in (0..3000usize, 0..30_000usize, 0..5000usize),
    ) {
        let long = text.repeat(repeat);
        let brief = TaskBrief {
            project_name: long.clone(),
            plan_summary: long.clone(),
            requirements: vec![(long.clone(), long.clone()); count],
            phase: Some(long.clone()),
            affected_files: vec![long.clone(); count],
            prerequisites: (0..count)
                .map(|i| Prerequisite { title: long.clone(), files: vec![text.clone(); count], ..done(&format!("t{i}"), &long) })
                .collect(),
            feedback: vec![Feedback { source: FeedbackSource::Review, text: long.clone() }; count],
            guidance: vec![long.clone(); count],
            knowledge: vec![Knowledge { category: text.clone(), content: long, source_title: Some(text) }; count],
        };
        let bounds = ContextBounds {
            forward_max_chars: each,
            forward_total_chars: total,
            knowledge_max_chars: knowledge_max,
        };
        let pieces = build(&brief, &bounds);
        prop_assert!(size(&pieces) <= bounds.max_chars(), "{} > {}", size(&pieces), bounds.max_chars());
        let knowledge: usize = pieces
            .iter()
            .filter(|piece| piece.kind == PieceKind::ProjectKnowledge)
            .map(|piece| piece.text.chars().count())
            .sum();
        prop_assert!(knowledge <= knowledge_max);
    }
}
