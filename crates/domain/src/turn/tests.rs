//! Journals, one for each rule.

use serde_json::json;

use super::*;
use crate::attempt::{Owner, write_json};
use crate::id::TaskId;
use crate::model::{RateLimits, Usage};

const BOUNDS: Bounds = Bounds { tool_rounds_max: 3, is_verified: false };
const VERIFIED: Bounds = Bounds { is_verified: true, ..BOUNDS };

/// A journal in the making.
#[derive(Default)]
struct Journal(Vec<Step>);

impl Journal {
    fn push(
        mut self,
        kind: StepKind,
        name: &str,
        note: Option<&str>,
        tool_use_id: Option<&str>,
        result: Option<Arc<str>>,
    ) -> Self {
        self.0.push(Step {
            owner: Owner::Task(TaskId::new("tsk_1")),
            attempt: 1,
            seq: u32::try_from(self.0.len()).unwrap() + 1,
            kind,
            state: if result.is_some() { StepState::Done } else { StepState::Intent },
            name: name.into(),
            tries: 1,
            tool_use_id: tool_use_id.map(Into::into),
            request_hash: "h".into(),
            note: note.map(Into::into),
            result,
        });
        self
    }

    fn answer(self, stop: StopReason, content: Vec<Block>) -> Self {
        self.answer_with(None, stop, content)
    }

    fn answer_with(self, note: Option<&str>, stop: StopReason, content: Vec<Block>) -> Self {
        let result = write_json(&answer(stop, content));
        self.push(StepKind::Model, "execution", note, None, Some(result))
    }

    fn tool(self, id: &str, result: Option<&str>) -> Self {
        let result = result.map(|text| write_json(&ToolOutcome::ok(text)));
        self.push(StepKind::Tool, "read_file", None, Some(id), result)
    }

    fn verdict(self, stop: StopReason, text_of: &str) -> Self {
        let result = write_json(&answer(stop, text(text_of)));
        self.push(StepKind::Model, "verification", None, None, Some(result))
    }

    fn next(&self, bounds: Bounds) -> Move {
        next_move(&self.0, bounds).unwrap()
    }
}

fn answer(stop: StopReason, content: Vec<Block>) -> Answer {
    Answer {
        content,
        stop,
        usage: Some(Usage::default()),
        model: "m".into(),
        request_id: None,
        rate_limits: RateLimits::default(),
    }
}

fn text(text: &str) -> Vec<Block> {
    vec![Block::Text { text: text.to_owned() }]
}

fn ask(id: &str, path: &str) -> Block {
    Block::ToolUse { id: id.to_owned(), name: "read_file".to_owned(), input: json!({"path": path}) }
}

fn reason_of(next: Move) -> String {
    match next {
        Move::AskPerson { reason, .. } => reason.to_string(),
        other => panic!("expected a question to a person, got {other:?}"),
    }
}

#[test]
fn an_empty_journal_asks_the_model() {
    assert_eq!(Journal::default().next(BOUNDS), Move::Call { messages: vec![], note: None });
}

#[test]
fn a_finished_turn_is_the_output() {
    let journal = Journal::default().answer(StopReason::EndTurn, text("done"));
    assert_eq!(journal.next(BOUNDS), Move::Complete { output: "done".into(), verdict: None, notes: None });
    assert_eq!(journal.next(VERIFIED), Move::Judge { output: "done".into() });
}

#[test]
fn tools_run_before_the_model_goes_on_and_every_one_gets_its_result() {
    let asked = Journal::default()
        .answer(StopReason::ToolUse, vec![ask("a", "1"), ask("b", "2")])
        .tool("a", Some("one"))
        .tool("b", None);
    let Move::RunTools(tools) = asked.next(BOUNDS) else { panic!("expected tools") };
    assert_eq!(
        (tools.len(), tools[0].tool_use_id.as_str(), &tools[0].input),
        (1, "b", &json!({"path": "2"}))
    );
    let answered = Journal(asked.0[..2].to_vec()).tool("b", Some("two"));
    let Move::Call { messages, .. } = answered.next(BOUNDS) else { panic!("expected a call") };
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].content.len(), 2);
}

#[test]
fn remarks_between_tool_calls_are_not_the_output() {
    let journal = Journal::default()
        .answer(StopReason::ToolUse, vec![text("Let me look.").remove(0), ask("a", "1")])
        .tool("a", Some("one"))
        .answer(StopReason::EndTurn, text("It says one."));
    assert!(matches!(journal.next(BOUNDS), Move::Complete { output, .. } if &*output == "It says one."));
}

#[test]
fn a_cut_answer_is_continued_twice_and_never_completed() {
    let once = Journal::default().answer(StopReason::MaxTokens, text("part 1"));
    let Move::Call { note: Some(note), messages } = once.next(BOUNDS) else {
        panic!("expected a continuation")
    };
    assert_eq!(messages.len(), 2);
    let whole = Journal(once.0.clone()).answer_with(Some(&note), StopReason::EndTurn, text("part 2"));
    assert!(matches!(whole.next(BOUNDS), Move::Complete { output, .. } if &*output == "part 1\npart 2"));
    let cut = once.answer_with(Some(&note), StopReason::MaxTokens, text("b")).answer_with(
        Some(&note),
        StopReason::MaxTokens,
        text("c"),
    );
    assert!(reason_of(cut.next(BOUNDS)).contains("cut"));
}

#[test]
fn a_cut_tool_call_is_never_run_nor_sent_back() {
    let journal = Journal::default().answer(StopReason::MaxTokens, vec![ask("a", "1")]);
    let Move::Call { messages, .. } = journal.next(BOUNDS) else { panic!("expected a continuation") };
    assert!(
        messages
            .iter()
            .flat_map(|message| &message.content)
            .all(|block| !matches!(block, Block::ToolUse { .. }))
    );
    assert_eq!(messages.len(), 1);
}

#[test]
fn refusals_and_unknown_reasons_go_to_a_person() {
    for stop in [StopReason::Refusal, StopReason::ContextExceeded, StopReason::Other("new".into())] {
        let journal = Journal::default().answer(stop, text("no"));
        assert!(matches!(journal.next(BOUNDS), Move::AskPerson { .. }));
    }
}

#[test]
fn an_empty_answer_is_asked_for_once_more() {
    let journal = Journal::default().answer(StopReason::EndTurn, vec![]);
    let Move::Call { note: Some(note), .. } = journal.next(BOUNDS) else { panic!("expected another try") };
    let journal = journal.answer_with(Some(&note), StopReason::EndTurn, vec![]);
    assert!(reason_of(journal.next(BOUNDS)).contains("nothing"));
}

#[test]
fn the_same_call_for_ever_and_too_many_rounds_go_to_a_person() {
    let mut journal = Journal::default();
    for round in 0..3 {
        let id = format!("t{round}");
        journal = journal.answer(StopReason::ToolUse, vec![ask(&id, "same")]).tool(&id, Some("x"));
    }
    assert!(reason_of(journal.next(Bounds { tool_rounds_max: 10, ..BOUNDS })).contains("same tool call"));
    let mut journal = Journal::default();
    for round in 0..3 {
        let id = format!("t{round}");
        journal = journal.answer(StopReason::ToolUse, vec![ask(&id, &id)]).tool(&id, Some("x"));
    }
    assert!(reason_of(journal.next(BOUNDS)).contains("max_tool_rounds"));
}

#[test]
fn an_unanswered_call_is_made_again_with_its_note() {
    let journal = Journal::default().answer(StopReason::MaxTokens, text("part")).push(
        StepKind::Model,
        "execution",
        Some("go on"),
        None,
        None,
    );
    let Move::Call { messages, note } = journal.next(BOUNDS) else { panic!("expected a call") };
    assert_eq!(note.as_deref(), Some("go on"));
    assert_eq!(messages.last().unwrap().content, text("go on"));
}

#[test]
fn each_verdict_leads_somewhere_and_a_cut_one_to_a_person() {
    let done = || Journal::default().answer(StopReason::EndTurn, text("done"));
    let passed = done().verdict(StopReason::EndTurn, r#"{"verdict":"passed","notes":"fine"}"#);
    assert!(matches!(passed.next(VERIFIED), Move::Complete { verdict: Some(Verdict::Passed), .. }));
    let gaps = done().verdict(StopReason::EndTurn, r#"{"verdict":"gaps_found","notes":"no tests"}"#);
    assert!(matches!(gaps.next(VERIFIED), Move::Gaps { notes, .. } if &*notes == "no tests"));
    for odd in ["{\"notes\":\"x\"}", "looks fine to me", r#"{"verdict":"sure"}"#] {
        let journal = done().verdict(StopReason::EndTurn, odd);
        assert!(matches!(journal.next(VERIFIED), Move::AskPerson { .. }), "{odd}");
    }
    let cut = done().verdict(StopReason::MaxTokens, r#"{"verdict":"passed","notes":"f"#);
    assert!(matches!(cut.next(VERIFIED), Move::AskPerson { .. }));
}

#[test]
fn the_last_write_to_a_path_counts() {
    let wrote = |hash: &str| {
        let mut outcome = ToolOutcome::ok("ok");
        outcome.writes.push(FileEntry { path: "a.md".into(), hash: hash.into(), bytes: 1 });
        write_json(&outcome)
    };
    let journal = Journal::default()
        .answer(StopReason::ToolUse, vec![ask("a", "1"), ask("b", "2")])
        .push(StepKind::Tool, "write_file", None, Some("a"), Some(wrote("h1")))
        .push(StepKind::Tool, "write_file", None, Some("b"), Some(wrote("h2")));
    let files = files_written(&journal.0).unwrap();
    assert_eq!((files.len(), files[0].hash.as_str()), (1, "h2"));
}
