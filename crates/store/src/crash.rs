//! Named points at which the process can be made to die, for the tests that kill
//! it everywhere and look at what is left. Without the environment variable
//! `ORCH_CRASH_POINT` (`name:hit`, read once) a point costs one comparison.
//!
//! Dying here means dying at once: no destructor runs and nothing is flushed,
//! as after `kill -9`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::decide::Command;

/// The variable that names the point: `after_commit.settle_call:2` dies at the
/// second hit.
pub const VARIABLE: &str = "ORCH_CRASH_POINT";

/// Where in a transaction the points are.
pub const STAGES: [&str; 3] = ["before_begin", "before_commit", "after_commit"];

/// What a transaction does: the kinds of commands, writes that bypass them, and
/// the removal of deleted projects.
pub const KINDS: [&str; 27] = [
    "create_project",
    "update_project",
    "delete_project",
    "begin_planning",
    "store_plan",
    "fail_operation",
    "approve_plan",
    "execute_project",
    "unpark",
    "published",
    "pause_project",
    "cancel_project",
    "claim_task",
    "begin_call",
    "settle_call",
    "start_tool",
    "finish_tool",
    "finish_task",
    "put_back",
    "recover",
    "retry_task",
    "cancel_task",
    "review_task",
    "resolve_checkpoint",
    "update_task",
    "direct",
    "remove",
];

/// Every point of this crate, for the crash matrix.
#[must_use]
pub fn points() -> Vec<String> {
    STAGES.iter().flat_map(|stage| KINDS.iter().map(move |kind| format!("{stage}.{kind}"))).collect()
}

struct Target {
    name: String,
    hit: u64,
    seen: AtomicU64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "for tests alone; it must work in every program that has a store"
)]
fn target() -> Option<&'static Target> {
    static TARGET: OnceLock<Option<Target>> = OnceLock::new();
    TARGET
        .get_or_init(|| {
            let text = std::env::var(VARIABLE).ok()?;
            let (name, hit) = text.rsplit_once(':').unwrap_or((&text, "1"));
            Some(Target { name: name.to_owned(), hit: hit.parse().ok()?, seen: AtomicU64::new(0) })
        })
        .as_ref()
}

/// Whether some point was asked for: then nothing is done in one go that has a
/// point in its middle.
pub(crate) fn is_armed() -> bool {
    target().is_some()
}

/// Dies here when this point and hit were asked for. Other crates may have
/// points of their own.
pub fn reached(stage: &str, kind: &str) {
    let Some(target) = target() else { return };
    let is_it = target.name.strip_prefix(stage).and_then(|rest| rest.strip_prefix('.')) == Some(kind);
    if is_it && target.seen.fetch_add(1, Ordering::SeqCst) + 1 == target.hit {
        std::process::abort();
    }
}

/// A named crash point: `crash_point!("before_send", "claim_task")`.
#[macro_export]
macro_rules! crash_point {
    ($stage:expr, $kind:expr) => {
        $crate::crash::reached($stage, $kind)
    };
}

/// The kind of a command, as it appears in names of points.
#[must_use]
pub const fn kind_of(command: &Command) -> &'static str {
    match command {
        Command::CreateProject(_) => "create_project",
        Command::UpdateProject(_) => "update_project",
        Command::DeleteProject(_) => "delete_project",
        Command::BeginPlanning(_) => "begin_planning",
        Command::StorePlan(_) => "store_plan",
        Command::FailOperation(_) => "fail_operation",
        Command::ApprovePlan(_) => "approve_plan",
        Command::ExecuteProject(_) => "execute_project",
        Command::Unpark(_) => "unpark",
        Command::Published(_) => "published",
        Command::PauseProject(..) => "pause_project",
        Command::CancelProject(_) => "cancel_project",
        Command::ClaimTask(_) => "claim_task",
        Command::BeginCall(_) => "begin_call",
        Command::SettleCall(_) => "settle_call",
        Command::StartTool(_) => "start_tool",
        Command::FinishTool(_) => "finish_tool",
        Command::FinishTask(_) => "finish_task",
        Command::PutBack(_) => "put_back",
        Command::Recover(_) => "recover",
        Command::RetryTask(_) => "retry_task",
        Command::CancelTask(_) => "cancel_task",
        Command::ReviewTask(_) => "review_task",
        Command::ResolveCheckpoint(_) => "resolve_checkpoint",
        Command::UpdateTask(_) => "update_task",
        Command::ClaimExternal(_) => "claim_external",
        Command::HeartbeatExternal(_) => "heartbeat_external",
        Command::SubmitExternal(_) => "submit_external",
        Command::ReleaseExternal(_) => "release_external",
        Command::ExpireLease(_) => "expire_lease",
    }
}
