//! What is shown while a project advances: bars on a terminal, plain lines
//! elsewhere, one event a line for programs.
//!
//! Shows what it is told; what happens next is not its business.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use console::style;
use domain::event::{Event, EventKind};
use domain::id::TaskId;
use domain::money::NanoUsd;
use engine::{LiveDelta, LiveText};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::output::{count, cut, duration, money, print, say, talk_width};

/// How often spinners turn.
const SPIN: Duration = Duration::from_millis(100);
/// Longest line of a log.
const LINE_WIDTH: usize = 170;
/// Room that the time takes before a line of a log.
const STAMP_WIDTH: usize = 11;
/// Room for a title beside a spinner.
const TITLE_WIDTH: usize = 44;

/// Where a project stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Tasks that are done.
    pub done: u32,
    /// All tasks.
    pub total: u32,
    /// What was spent, real or simulated.
    pub spent: NanoUsd,
    /// Of how much.
    pub limit: NanoUsd,
    /// Whether the money is simulated.
    pub is_simulated: bool,
}

/// What is shown, and how.
pub struct View {
    form: Form,
    words: Words,
}

/// A way to show it.
enum Form {
    /// For a person at a terminal.
    Bars(Box<Bars>),
    /// For a log.
    Lines(Instant),
    /// For a program.
    Json,
}

/// What events are told with.
#[derive(Default)]
struct Words {
    /// Names of tasks that events only number.
    titles: HashMap<TaskId, String>,
    /// Whether a stand-in does the work.
    is_simulated: bool,
}

impl View {
    /// The one that fits where we write to.
    #[must_use]
    pub fn new(is_json: bool) -> Self {
        let form = if is_json {
            Form::Json
        } else if io::stderr().is_terminal() && console::Term::stderr().features().is_attended() {
            Form::Bars(Box::new(Bars::new()))
        } else {
            Form::Lines(Instant::now())
        };
        Self { form, words: Words::default() }
    }

    /// Whether standard output belongs to a program.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        matches!(self.form, Form::Json)
    }

    /// Names of tasks that events only number.
    pub fn titles(&mut self, titles: HashMap<TaskId, String>) {
        self.words.titles = titles;
    }

    /// Whether a stand-in does the work.
    pub const fn simulated(&mut self, is_simulated: bool) {
        self.words.is_simulated = is_simulated;
    }

    /// Something happened.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        match &mut self.form {
            Form::Json => return print(&format!("{}\n", event_json(event))),
            Form::Bars(bars) => bars.event(event, &self.words),
            Form::Lines(since) => {
                let room = talk_width().map_or(LINE_WIDTH, |width| width - STAMP_WIDTH);
                if let Some(line) = line_of(event, &self.words, room) {
                    say(&format!("{:>9}  {line}", duration(since.elapsed())));
                }
            }
        }
        Ok(())
    }

    /// A piece of live text.
    pub fn live(&mut self, delta: &LiveDelta) {
        if let Form::Bars(bars) = &mut self.form {
            bars.live(delta, &self.words);
        }
    }

    /// Where the project stands now.
    pub fn standing(&mut self, standing: Standing) {
        if let Form::Bars(bars) = &mut self.form {
            bars.standing(standing);
        }
    }

    /// A line of talk between everything else.
    pub fn note(&self, text: &str) {
        match &self.form {
            Form::Bars(bars) => {
                // A line that cannot be shown is lost, and that is all.
                let _ = bars.all.println(text);
            }
            Form::Lines(_) | Form::Json => say(text),
        }
    }

    /// Gives the terminal to somebody else for a while.
    pub fn hide(&self) {
        if let Form::Bars(bars) = &self.form {
            bars.all.set_draw_target(ProgressDrawTarget::hidden());
            // Clearing cannot fail in a way that matters.
            let _ = console::Term::stderr().clear_line();
        }
    }

    /// Takes it back.
    pub fn show(&self) {
        if let Form::Bars(bars) = &self.form {
            bars.all.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Nothing more will be shown.
    pub fn end(&mut self) {
        if let Form::Bars(bars) = &mut self.form {
            bars.end();
        }
    }
}

/// Bars for a terminal.
struct Bars {
    all: MultiProgress,
    overall: Option<ProgressBar>,
    planning: Option<(ProgressBar, usize)>,
    tasks: HashMap<TaskId, TaskBar>,
}

struct TaskBar {
    bar: ProgressBar,
    turn: u32,
    tool: Option<String>,
    letters: usize,
    is_judged: bool,
}

impl TaskBar {
    fn redraw(&self) {
        let doing = match (&self.tool, self.is_judged) {
            (_, true) => "being verified".to_owned(),
            (Some(tool), false) => format!("uses {tool}"),
            (None, false) if self.letters > 0 => format!("writes ({} letters)", self.letters),
            (None, false) => "asks the model".to_owned(),
        };
        let turn = if self.turn > 0 { format!("turn {} · ", self.turn) } else { String::new() };
        self.bar.set_message(format!("{turn}{doing}"));
    }
}

fn spinner(template: &str) -> ProgressStyle {
    let plain = ProgressStyle::default_spinner();
    plain.template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { all, overall: None, planning: None, tasks: HashMap::new() }
    }

    fn event(&mut self, event: &Event, words: &Words) {
        match event.kind {
            EventKind::PlanStarted => {
                let bar = self.all.add(ProgressBar::new_spinner());
                bar.set_style(spinner("  {spinner:.cyan} {msg} {elapsed:.dim}"));
                let kind = if words.is_simulated { " (simulated)" } else { "" };
                bar.set_message(format!("{}{kind}", event.message));
                bar.enable_steady_tick(SPIN);
                self.planning = Some((bar, 0));
                return;
            }
            EventKind::PlanReady | EventKind::PlanFailed => {
                if let Some((bar, _)) = self.planning.take() {
                    bar.finish_and_clear();
                }
            }
            EventKind::TaskStart | EventKind::TaskRecovered => self.task(event.task.as_ref(), words),
            EventKind::TaskVerifying => {
                if let Some(bar) = event.task.as_ref().and_then(|task| self.tasks.get_mut(task)) {
                    bar.is_judged = true;
                    bar.redraw();
                }
            }
            EventKind::TaskComplete
            | EventKind::TaskFailed
            | EventKind::TaskNeedsReview
            | EventKind::Checkpoint
            | EventKind::TaskCancelled
            | EventKind::TaskSkipped
            | EventKind::TaskWaiting
            | EventKind::TaskRetry
            | EventKind::TaskVerificationRetry => {
                if let Some(gone) = event.task.as_ref().and_then(|task| self.tasks.remove(task)) {
                    gone.bar.finish_and_clear();
                }
            }
            _ => {}
        }
        // The bar says when tasks begin.
        let room = talk_width().unwrap_or(LINE_WIDTH) - 2;
        if let Some(line) = line_of(event, words, room).filter(|_| event.kind != EventKind::TaskStart) {
            let _ = self.all.println(format!("  {line}"));
        }
    }

    /// Adds a spinner for a task, unless it has one.
    fn task(&mut self, id: Option<&TaskId>, words: &Words) {
        let Some(id) = id.filter(|id| !self.tasks.contains_key(*id)) else { return };
        let bar = ProgressBar::new_spinner();
        let bar = match &self.overall {
            Some(overall) => self.all.insert_before(overall, bar),
            None => self.all.add(bar),
        };
        bar.set_style(spinner("  {spinner:.cyan} {prefix} {msg:.dim} {elapsed:.dim}"));
        let title = cut(words.titles.get(id).map_or("", String::as_str), TITLE_WIDTH);
        bar.set_prefix(console::pad_str(&title, TITLE_WIDTH, console::Alignment::Left, None).into_owned());
        bar.enable_steady_tick(SPIN);
        let task = TaskBar { bar, turn: 0, tool: None, letters: 0, is_judged: false };
        task.redraw();
        self.tasks.insert(id.clone(), task);
    }

    fn live(&mut self, delta: &LiveDelta, words: &Words) {
        let Some(id) = &delta.task else {
            if let (LiveText::Text(text), Some((bar, letters))) = (&delta.text, &mut self.planning) {
                *letters += text.chars().count();
                bar.set_message(format!("the plan is being written ({letters} letters)"));
            }
            return;
        };
        self.task(Some(id), words);
        let Some(task) = self.tasks.get_mut(id) else { return };
        match &delta.text {
            LiveText::Turn(_) => {
                task.turn += 1;
                task.tool = None;
                task.letters = 0;
            }
            LiveText::Text(text) => {
                task.tool = None;
                task.letters += text.chars().count();
            }
            LiveText::Tool(name) => task.tool = Some(name.clone()),
        }
        task.redraw();
    }

    fn standing(&mut self, standing: Standing) {
        let bar = self.overall.get_or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(u64::from(standing.total)));
            let template = "  {bar:24.green} {pos}/{len} tasks · {msg} · {elapsed}";
            let shape = ProgressStyle::default_bar();
            let shape = shape.template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(shape.progress_chars("━━─"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        bar.set_length(u64::from(standing.total));
        bar.set_position(u64::from(standing.done));
        let kind = if standing.is_simulated { " simulated" } else { "" };
        bar.set_message(format!("{}{kind} of {}", money(standing.spent), money(standing.limit)));
    }

    fn end(&mut self) {
        for (_, task) in self.tasks.drain() {
            task.bar.finish_and_clear();
        }
        if let Some((bar, _)) = self.planning.take() {
            bar.finish_and_clear();
        }
        if let Some(bar) = self.overall.take() {
            bar.finish_and_clear();
        }
        let _ = self.all.clear();
    }
}

/// An event as a line, unless it is too small to be told.
fn line_of(event: &Event, words: &Words, room: usize) -> Option<String> {
    let (mark, is_told) = match event.kind {
        EventKind::TaskComplete | EventKind::ProjectComplete => (style("✔").green(), true),
        EventKind::TaskFailed | EventKind::ProjectFailed | EventKind::PlanFailed => (style("✘").red(), true),
        EventKind::TaskRetry
        | EventKind::TaskVerificationRetry
        | EventKind::TaskNeedsReview
        | EventKind::Checkpoint
        | EventKind::BudgetWarning
        | EventKind::WaveCheckpoint
        | EventKind::TaskWaiting
        | EventKind::CallUnknown
        | EventKind::BudgetAlarm
        | EventKind::ProjectPaused
        | EventKind::ProjectWaiting
        | EventKind::FileConflict => (style("!").yellow(), true),
        EventKind::TaskStart
        | EventKind::PlanStarted
        | EventKind::PlanReady
        | EventKind::ProjectCancelled
        | EventKind::ProjectReopened
        | EventKind::TaskCancelled
        | EventKind::TaskSkipped
        | EventKind::TaskRetried
        | EventKind::TaskRecovered
        | EventKind::TaskClaimed
        | EventKind::TaskReleased
        | EventKind::TaskUpdated
        | EventKind::CheckpointResolved => (style("·").dim(), true),
        EventKind::WaveOpened => (style("»").cyan(), true),
        EventKind::ToolCall
        | EventKind::TaskVerifying
        | EventKind::ProjectCreated
        | EventKind::ProjectUpdated
        | EventKind::PlanApproved
        | EventKind::ProjectExecuting => (style("·"), false),
    };
    let cost = event.data.get("cost_usd").and_then(Value::as_f64).and_then(NanoUsd::from_dollars);
    let cost = cost.filter(|cost| !cost.is_zero() && event.kind == EventKind::TaskComplete);
    let kind = if words.is_simulated { "simulated " } else { "" };
    let cost = cost.map(|cost| style(format!(" ({kind}{})", money(cost))).dim().to_string());
    let simulated =
        if words.is_simulated && event.kind == EventKind::PlanStarted { " (simulated)" } else { "" };
    let cost = cost.unwrap_or_default();
    // The mark and a space come before it.
    let taken = 2 + simulated.len() + console::measure_text_width(&cost);
    let text = cut(&words.told(event), room.saturating_sub(taken));
    is_told.then(|| format!("{mark} {text}{simulated}{cost}"))
}

impl Words {
    /// The message, with titles where it has ids of tasks.
    fn told(&self, event: &Event) -> String {
        if !event.message.contains(TaskId::PREFIX) {
            return event.message.clone();
        }
        let word = |word: &str| {
            let title = self.titles.get(&TaskId::new(word));
            title.map_or_else(|| word.to_owned(), |title| format!("\"{title}\""))
        };
        event.message.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

/// An event for a program: the fields of the event stream.
fn event_json(event: &Event) -> Value {
    let mut fields = Map::new();
    fields.insert("type".to_owned(), event.kind.as_str().into());
    fields.insert("seq".to_owned(), event.seq.into());
    fields.insert("project_id".to_owned(), event.project.as_str().into());
    fields.insert("task_id".to_owned(), json!(event.task));
    fields.insert("timestamp".to_owned(), event.at.to_seconds().into());
    fields.insert("actor".to_owned(), event.actor.as_str().into());
    fields.insert("message".to_owned(), event.message.as_str().into());
    for (name, value) in &event.data {
        fields.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(fields)
}

/// What a stop is announced with.
#[must_use]
pub fn stopping(active: u32) -> String {
    let what = if active > 0 {
        format!("{} may finish and keep what was paid for", count(active as usize, "task"))
    } else {
        "nothing is in flight".to_owned()
    };
    format!("\n  {} {what}; press Ctrl-C again to stop at once", style("Stopping:").bold())
}
