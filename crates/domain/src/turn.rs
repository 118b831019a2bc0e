//! What comes next for an attempt, read from its journal alone. The worker asks
//! this after every step; after a crash it asks the same question of the same
//! journal and gets the same answer. Every stop reason has its rule here, and
//! none but a finished turn leads to an output.

use std::sync::Arc;

use crate::attempt::{Step, StepKind, StepState, read_json};
use crate::model::{Answer, Block, Message, Purpose, Role, StopReason};
use crate::prompt;
use crate::task::Verdict;
use crate::tool::{FileEntry, ToolInput, ToolOutcome};

/// Bounds of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most rounds of tool calls.
    pub tool_rounds_max: u32,
    /// Whether the output is judged.
    pub is_verified: bool,
}

/// How often an answer that was cut at its token bound is continued.
const CONTINUATIONS_MAX: u32 = 2;
/// How often a turn that the provider paused is sent back.
const PAUSES_MAX: u32 = 10;
/// How often an empty answer is asked for again.
const EMPTY_MAX: u32 = 1;
/// The same tool calls with the same arguments, this often in a row: it is stuck.
const SAME_CALLS_MAX: u32 = 3;

/// A tool call whose result is not in the journal yet.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolRequest {
    /// Its step.
    pub seq: u32,
    /// The id its result must name.
    pub tool_use_id: String,
    /// The tool.
    pub name: String,
    /// Arguments as the model gave them.
    pub input: ToolInput,
    /// How far it got before.
    pub state: StepState,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Ask the model to go on.
    Call {
        /// The conversation after the opening message.
        messages: Vec<Message>,
        /// Text of ours that is new in it, to be journalled with the call.
        note: Option<Arc<str>>,
    },
    /// Run these tools, in this order.
    RunTools(Vec<ToolRequest>),
    /// Ask the verifier about this output.
    Judge {
        /// The output.
        output: Arc<str>,
    },
    /// The output is accepted.
    Complete {
        /// The output.
        output: Arc<str>,
        /// What the verifier said, if it was asked.
        verdict: Option<Verdict>,
        /// Its notes.
        notes: Option<Arc<str>>,
    },
    /// The verifier found gaps.
    Gaps {
        /// Its notes.
        notes: Arc<str>,
        /// The output.
        output: Arc<str>,
    },
    /// A person has to look.
    AskPerson {
        /// Why.
        reason: Arc<str>,
        /// What there is.
        output: Option<Arc<str>>,
        /// What the verifier said, if it was asked.
        verdict: Option<Verdict>,
    },
}

/// Reads the journal and says what comes next.
///
/// # Errors
/// A sentence when the journal cannot be read: damaged data or a defect.
pub fn next_move(steps: &[Step], bounds: Bounds) -> Result<Move, String> {
    let mut reader = Reader::default();
    for step in steps {
        reader.read(step)?;
    }
    Ok(reader.decide(bounds))
}

/// Files written so far, from the results in the journal; the last write to a
/// path counts.
///
/// # Errors
/// A sentence when the journal cannot be read.
pub fn files_written(steps: &[Step]) -> Result<Vec<FileEntry>, String> {
    let mut files: Vec<FileEntry> = Vec::new();
    for step in steps.iter().filter(|step| step.kind == StepKind::Tool) {
        let Some(result) = &step.result else { continue };
        let outcome: ToolOutcome = read_json(result).ok_or_else(|| unreadable(step))?;
        for entry in outcome.writes {
            files.retain(|earlier| earlier.path != entry.path);
            files.push(entry);
        }
    }
    Ok(files)
}

fn unreadable(step: &Step) -> String {
    format!("step {} of {} cannot be read", step.seq, step.owner.as_str())
}

/// The conversation while it is being read.
#[derive(Default)]
struct Reader {
    messages: Vec<Message>,
    last: Option<StopReason>,
    pending_tools: Vec<ToolRequest>,
    /// Arguments of the last answer's tool calls, by id.
    asked: Vec<(String, ToolInput)>,
    rounds: u32,
    same_calls: u32,
    continuations: u32,
    pauses: u32,
    empties: u32,
    /// Texts of the present turn: an answer and its continuations.
    turn_texts: Vec<String>,
    /// A call that has to be made (again), with its note.
    repeats: Option<Option<Arc<str>>>,
    verdict: Option<(Verdict, Arc<str>)>,
    is_judging: bool,
}

impl Reader {
    fn read(&mut self, step: &Step) -> Result<(), String> {
        match (step.kind, &*step.name) {
            (StepKind::Tool, _) => self.read_tool(step),
            (StepKind::Model, name) if name == Purpose::Verification.as_str() => self.read_verdict(step),
            (StepKind::Model, _) => self.read_answer(step),
        }
    }

    fn read_answer(&mut self, step: &Step) -> Result<(), String> {
        if let Some(note) = &step.note {
            self.push_user(Block::Text { text: note.to_string() });
        }
        let Some(result) = &step.result else {
            self.repeats = Some(step.note.clone());
            return Ok(());
        };
        let answer: Answer = read_json(result).ok_or_else(|| unreadable(step))?;
        self.count(&answer);
        let is_tools = answer.stop == StopReason::ToolUse;
        // A tool call of a cut answer has no result, so it cannot be sent back.
        let content: Vec<Block> = answer
            .content
            .iter()
            .filter(|block| is_tools || !matches!(block, Block::ToolUse { .. }))
            .filter(|block| !matches!(block, Block::Text { text } if text.is_empty()))
            .cloned()
            .collect();
        if !content.is_empty() {
            self.messages.push(Message::assistant(content));
        }
        self.last = Some(answer.stop);
        Ok(())
    }

    fn count(&mut self, answer: &Answer) {
        let text = answer.text();
        let is_continued = matches!(self.last, Some(StopReason::MaxTokens | StopReason::PauseTurn));
        if !is_continued {
            self.turn_texts.clear();
        }
        let is_empty = text.trim().is_empty();
        if !is_empty {
            self.turn_texts.push(text);
        }
        match &answer.stop {
            StopReason::MaxTokens => self.continuations += 1,
            StopReason::PauseTurn => self.pauses += 1,
            StopReason::EndTurn | StopReason::StopSequence if is_empty && !is_continued => self.empties += 1,
            StopReason::ToolUse => {
                self.rounds += 1;
                let asked: Vec<(String, ToolInput)> = answer
                    .content
                    .iter()
                    .filter_map(|block| match block {
                        Block::ToolUse { name, input, .. } => Some((name.clone(), input.clone())),
                        _ => None,
                    })
                    .collect();
                self.same_calls = if asked == self.asked { self.same_calls + 1 } else { 1 };
                self.asked = asked;
            }
            _ => {}
        }
    }

    fn read_tool(&mut self, step: &Step) -> Result<(), String> {
        let id = step.tool_use_id.as_deref().unwrap_or_default();
        if let Some(result) = &step.result {
            let outcome: ToolOutcome = read_json(result).ok_or_else(|| unreadable(step))?;
            self.push_user(Block::ToolResult {
                tool_use_id: id.to_owned(),
                content: outcome.content,
                is_error: outcome.is_error,
            });
            return Ok(());
        }
        let input = self.input_of(id).ok_or_else(|| unreadable(step))?;
        self.pending_tools.push(ToolRequest {
            seq: step.seq,
            tool_use_id: id.to_owned(),
            name: step.name.to_string(),
            input,
            state: step.state,
        });
        Ok(())
    }

    /// The arguments stand in the answer that asked, nowhere else.
    fn input_of(&self, tool_use_id: &str) -> Option<ToolInput> {
        let answer = self.messages.iter().rev().find(|message| message.role == Role::Assistant)?;
        answer.content.iter().find_map(|block| match block {
            Block::ToolUse { id, input, .. } if id == tool_use_id => Some(input.clone()),
            _ => None,
        })
    }

    fn read_verdict(&mut self, step: &Step) -> Result<(), String> {
        self.is_judging = true;
        let Some(result) = &step.result else { return Ok(()) };
        let answer: Answer = read_json(result).ok_or_else(|| unreadable(step))?;
        let is_whole = matches!(answer.stop, StopReason::EndTurn | StopReason::StopSequence);
        self.verdict = Some(if is_whole {
            let judgement = prompt::parse_verdict(&answer.text());
            (judgement.verdict, judgement.notes.into())
        } else {
            (Verdict::HumanNeeded, "the verifier's answer was cut".into())
        });
        Ok(())
    }

    /// Adds to the user's turn, which must not be followed by another one.
    fn push_user(&mut self, block: Block) {
        match self.messages.last_mut() {
            Some(message) if message.role == Role::User => message.content.push(block),
            _ => self.messages.push(Message { role: Role::User, content: vec![block] }),
        }
    }

    fn decide(mut self, bounds: Bounds) -> Move {
        if let Some(note) = self.repeats.take() {
            return Move::Call { messages: self.messages, note };
        }
        if !self.pending_tools.is_empty() {
            return Move::RunTools(self.pending_tools);
        }
        match self.last.clone() {
            None => Move::Call { messages: self.messages, note: None },
            Some(StopReason::ToolUse) => self.after_tools(bounds),
            Some(StopReason::EndTurn | StopReason::StopSequence) => self.after_turn(bounds),
            Some(StopReason::MaxTokens) if self.continuations <= CONTINUATIONS_MAX => {
                self.call_with(prompt::continuation())
            }
            Some(StopReason::MaxTokens) => {
                let cuts = self.continuations;
                self.ask(format!(
                    "the answer was cut at its token bound {cuts} times; raise execution.default_max_tokens"
                ))
            }
            Some(StopReason::PauseTurn) if self.pauses <= PAUSES_MAX => {
                Move::Call { messages: self.messages, note: None }
            }
            Some(StopReason::PauseTurn) => self.ask("the provider paused the turn again and again"),
            Some(StopReason::Refusal) => self.ask("the model refused to do this"),
            Some(StopReason::ContextExceeded) => {
                self.ask("the conversation no longer fits the model's window; split the task")
            }
            Some(StopReason::Other(reason)) => {
                self.ask(format!("the model stopped for a reason this version does not know: {reason}"))
            }
        }
    }

    fn after_tools(self, bounds: Bounds) -> Move {
        if self.same_calls >= SAME_CALLS_MAX {
            let reason = format!("the model asked for the same tool call {} times in a row", self.same_calls);
            return self.ask(reason);
        }
        if self.rounds >= bounds.tool_rounds_max {
            let reason =
                format!("{} rounds of tool calls were used up (execution.max_tool_rounds)", self.rounds);
            return self.ask(reason);
        }
        Move::Call { messages: self.messages, note: None }
    }

    fn after_turn(self, bounds: Bounds) -> Move {
        let Some(output) = self.output() else {
            return if self.empties <= EMPTY_MAX {
                self.call_with(prompt::empty_answer())
            } else {
                self.ask("the model answered with nothing, twice")
            };
        };
        match self.verdict {
            None if bounds.is_verified || self.is_judging => Move::Judge { output },
            None => Move::Complete { output, verdict: None, notes: None },
            Some((verdict @ (Verdict::Passed | Verdict::Skipped), notes)) => {
                Move::Complete { output, verdict: Some(verdict), notes: Some(notes) }
            }
            Some((Verdict::GapsFound, notes)) => Move::Gaps { notes, output },
            Some((Verdict::HumanNeeded, notes)) => {
                let reason = format!("the verifier asks for a person: {notes}").into();
                Move::AskPerson { reason, output: Some(output), verdict: Some(Verdict::HumanNeeded) }
            }
        }
    }

    /// The text of the turn: what is forwarded and shown. Remarks made between
    /// tool calls are in the journal, not in the output.
    fn output(&self) -> Option<Arc<str>> {
        (!self.turn_texts.is_empty()).then(|| self.turn_texts.join("\n").into())
    }

    fn call_with(mut self, note: String) -> Move {
        self.push_user(Block::Text { text: note.clone() });
        Move::Call { messages: self.messages, note: Some(note.into()) }
    }

    fn ask(self, reason: impl Into<Arc<str>>) -> Move {
        Move::AskPerson { reason: reason.into(), output: self.output(), verdict: None }
    }
}

#[cfg(test)]
mod tests;
