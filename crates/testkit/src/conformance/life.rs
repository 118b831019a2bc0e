//! A project's life through commands.

use domain::attempt::{Owner, StepState};
use domain::checkpoint::Resolution;
use domain::decide::{
    Command, CreateProject, Envelope, FinishTool, FollowUp, Outcome, ResolveCheckpoint, TaskEnd, ToolStep,
};
use domain::event::EventKind;
use domain::id::ProjectId;
use domain::ports::StoreError;
use domain::project::{PauseReason, ProjectConfig, ProjectState};
use domain::refusal::Code;
use domain::task::{TaskState, Verdict};
use domain::tool::{FileEntry, ToolOutcome};

use super::{Backend, Bench, open_policy};
use crate::check::Dump;
use crate::lab::{Lab, answer, chain, plan, refused, tool_answer, wide};

fn state(dump: &Dump, project: &ProjectId) -> ProjectState {
    dump.view.projects[project].as_ref().expect("the project is there").state
}

fn kinds(dump: &Dump, project: &ProjectId) -> Vec<EventKind> {
    dump.events.iter().filter(|event| event.project == *project).map(|event| event.kind).collect()
}

/// Everything goes well.
pub async fn a_project_goes_from_requirements_to_completed<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(Some("usr_1"), plan(&[&[], &[0]])).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[0].clone()]);
    bench.lab.complete(&tasks[0]).await;
    let rows = bench.lab.store.task_rows(&tasks[1]).await.expect("readable").expect("there");
    assert_eq!(rows.plan_summary.as_ref(), "Make the parts.");
    assert_eq!(rows.spec.description, "Do part 1.");
    assert_eq!(rows.prerequisites.len(), 1);
    assert_eq!(rows.prerequisites[0].output.as_deref(), Some("the output"));
    bench.lab.complete(&tasks[1]).await;
    let dump = bench.sound().await;
    assert_eq!(state(&dump, &project), ProjectState::Completed);
    let told = kinds(&dump, &project);
    assert_eq!(told.first(), Some(&EventKind::ProjectCreated));
    assert_eq!(told.last(), Some(&EventKind::ProjectComplete));
}

/// A later wave waits for the whole earlier one.
pub async fn waves_open_one_after_the_other<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, plan(&[&[], &[], &[0]])).await;
    bench.lab.complete(&tasks[0]).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[1].clone()], "wave 2 is not open yet");
    let fence = bench.lab.task(&tasks[2]).await.fence;
    let claim = bench.lab.claim_command(&tasks[2], fence, None);
    assert_eq!(refused(bench.lab.apply(claim).await), Code::ConflictState);
    bench.lab.complete(&tasks[1]).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[2].clone()]);
    bench.sound().await;
}

/// Branches that do not need it go on.
pub async fn a_failed_task_stops_what_needs_it_and_nothing_else<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, plan(&[&[], &[], &[0], &[1]])).await;
    bench.lab.fail(&tasks[0]).await;
    bench.lab.complete(&tasks[1]).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[3].clone()]);
    assert_eq!(bench.lab.task(&tasks[2]).await.dead_deps, 1);
    bench.lab.complete(&tasks[3]).await;
    let dump = bench.sound().await;
    assert_eq!(state(&dump, &project), ProjectState::Failed);
}

/// Spreading goes as deep as the plan.
pub async fn a_chain_of_a_thousand_is_told_that_its_head_failed<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, chain(2_500)).await;
    bench.lab.fail(&tasks[0]).await;
    let dump = bench.sound().await;
    assert_eq!(state(&dump, &project), ProjectState::Failed);
    let last = bench.lab.task(&tasks[2_499]).await;
    assert_eq!((last.state, last.dead_deps), (TaskState::Blocked, 1));
    bench.lab.must(Command::RetryTask(tasks[0].clone())).await;
    assert_eq!(bench.lab.task(&tasks[2_499]).await.dead_deps, 0);
    bench.sound().await;
}

/// A finished project comes back to life.
pub async fn a_person_retries_a_failed_task<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, chain(2)).await;
    bench.lab.fail(&tasks[0]).await;
    assert_eq!(state(&bench.sound().await, &project), ProjectState::Failed);
    bench.lab.must(Command::RetryTask(tasks[0].clone())).await;
    assert_eq!(state(&bench.sound().await, &project), ProjectState::Executing);
    bench.lab.complete(&tasks[0]).await;
    bench.lab.complete(&tasks[1]).await;
    let dump = bench.sound().await;
    assert_eq!(state(&dump, &project), ProjectState::Completed);
    assert_eq!(bench.lab.task(&tasks[0]).await.attempt, 2);
}

/// Verification finds gaps until a person is asked.
pub async fn a_question_is_asked_and_answered<B: Backend>() {
    let mut policy = open_policy();
    policy.checkpoint_on_retry_exhausted = true;
    policy.max_retries = 0;
    let bench = Bench::<B>::new(policy).await;
    let (project, tasks) = bench.lab.executing(None, plan(&[&[]])).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    bench.lab.settle(&call, fence, answer("half", 5)).await.expect("settled");
    let gaps = TaskEnd::Gaps { notes: "half is missing".into(), output: "half".into() };
    bench.lab.finish(&tasks[0], fence, gaps).await.expect("ended");
    let dump = bench.sound().await;
    let asked: Vec<_> = dump.view.checkpoints.values().flatten().collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(bench.lab.task(&tasks[0]).await.state, TaskState::NeedsReview);
    assert_eq!(state(&dump, &project), ProjectState::Executing, "a project that waits is not finished");
    let resolve = ResolveCheckpoint {
        checkpoint: asked[0].id.clone(),
        resolution: Resolution::Retry,
        guidance: "Do the other half.".to_owned(),
    };
    bench.lab.must(Command::ResolveCheckpoint(resolve.clone())).await;
    assert_eq!(
        refused(bench.lab.person(Command::ResolveCheckpoint(resolve)).await),
        Code::ConflictState,
        "once"
    );
    let rows = bench.lab.store.task_rows(&tasks[0]).await.expect("readable").expect("there");
    assert_eq!(rows.feedback.len(), 1);
    assert_eq!(rows.feedback[0].text.as_ref(), "Do the other half.");
    bench.lab.complete(&tasks[0]).await;
    assert_eq!(state(&bench.sound().await, &project), ProjectState::Completed);
}

/// Intent, start and result are three facts.
pub async fn tools_are_journalled_before_the_model_hears_of_them<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, plan(&[&[]])).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    let settled = bench.lab.settle(&call, fence, tool_answer("write_file", 3)).await.expect("settled");
    assert_eq!(settled.outcome, Outcome::Answered { seq: 2 });
    let step = ToolStep { task: tasks[0].clone(), fence, seq: 2 };
    bench.lab.apply(Command::StartTool(step.clone())).await.expect("started");
    assert_eq!(refused(bench.lab.apply(Command::StartTool(step.clone())).await), Code::AlreadyDone);
    let outcome = ToolOutcome::ok("written");
    bench.lab.apply(Command::FinishTool(FinishTool { step, outcome })).await.expect("finished");
    let next = bench.lab.begin(&tasks[0], fence, 1_000).await.expect("begun");
    bench.lab.settle(&next, fence, answer("done", 4)).await.expect("settled");
    let rows = bench.lab.store.task_rows(&tasks[0]).await.expect("readable").expect("there");
    assert_eq!(rows.steps.iter().map(|step| step.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(rows.steps.iter().all(|step| step.state == StepState::Done && step.result.is_some()));
    assert!(rows.steps.iter().all(|step| step.owner == Owner::Task(tasks[0].clone())));
    assert!(rows.attempt.is_some());
    bench.sound().await;
}

/// The worker of a cancelled project finds its fence stale; the money is booked.
pub async fn a_call_is_cancelled_with_its_project<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(3)).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    bench.lab.must(Command::CancelProject(project.clone())).await;
    assert_eq!(refused(bench.lab.finish(&tasks[0], fence, Lab::done("late")).await), Code::StaleFence);
    let settled = bench.lab.settle(&call, fence, answer("late", 10)).await.expect("booked");
    assert_eq!(settled.outcome, Outcome::Ended);
    let dump = bench.sound().await;
    assert_eq!(dump.ledger.len(), 1);
    assert!(dump.view.tasks.values().flatten().all(|task| task.state == TaskState::Cancelled));
}

/// Removal waits for calls in flight and keeps what they cost.
pub async fn a_deleted_project_leaves_its_money<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (kept, _) = bench.lab.executing(None, wide(2)).await;
    let (project, tasks) = bench.lab.executing(None, wide(1_500)).await;
    bench.lab.complete(&tasks[0]).await;
    let (fence, call) = bench.lab.claim(&tasks[1]).await;
    let deleted = bench.lab.must(Command::DeleteProject(project.clone())).await;
    assert!(deleted.follow_ups.contains(&FollowUp::Remove(project.clone())));
    assert_eq!(refused(bench.lab.person(Command::DeleteProject(project.clone())).await), Code::NotFound);
    for _ in 0..10 {
        assert!(bench.lab.store.remove_some(&project).await.expect("removable"), "a call is in flight");
    }
    bench.lab.settle(&call, fence, answer("late", 10)).await.expect("booked");
    let mut rounds = 0;
    while bench.lab.store.remove_some(&project).await.expect("removable") {
        rounds += 1;
        assert!(rounds < 100, "removal ends");
    }
    let dump = bench.sound().await;
    assert!(dump.view.projects.contains_key(&kept));
    assert!(!dump.view.projects.contains_key(&project));
    assert!(dump.view.tasks.values().flatten().all(|task| task.project == kept));
    assert!(dump.view.calls.is_empty() && dump.events.iter().all(|event| event.project == kept));
    assert_eq!(dump.ledger.len(), 2);
    assert!(!bench.lab.store.remove_some(&kept).await.expect("looked at"), "only what was deleted");
    assert_eq!(bench.lab.store.left_over().await.expect("readable").deleted, []);
}

/// One approved plan at a time.
pub async fn a_new_plan_takes_the_place_of_the_old_one<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, old) = bench.lab.executing(None, wide(3)).await;
    bench.lab.complete(&old[0]).await;
    let (fence, call) = bench.lab.claim(&old[1]).await;
    bench.lab.must(Command::PauseProject(project.clone(), PauseReason::Person)).await;
    let new = bench.lab.approve(&project, chain(2)).await;
    bench.lab.must(Command::ExecuteProject(project.clone())).await;
    assert_eq!(bench.lab.ready(10).await, [new[0].clone()]);
    bench.lab.settle(&call, fence, answer("late", 1)).await.expect("booked");
    assert_eq!(bench.lab.task(&old[1]).await.state, TaskState::Cancelled);
    assert_eq!(bench.lab.task(&old[0]).await.state, TaskState::Completed);
    bench.lab.complete(&new[0]).await;
    bench.lab.complete(&new[1]).await;
    assert_eq!(state(&bench.sound().await, &project), ProjectState::Completed);
}

/// The last published version of a path wins; its author keeps its own.
pub async fn published_files_keep_every_version<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, plan(&[&[], &[0], &[0, 1]])).await;
    for (index, task) in tasks[..2].iter().enumerate() {
        let (fence, call) = bench.lab.claim(task).await;
        bench.lab.settle(&call, fence, answer("done", 1)).await.expect("settled");
        let file = |path: &str| FileEntry { path: path.to_owned(), hash: format!("{index}"), bytes: 3 };
        let end = TaskEnd::Complete {
            output: "x".into(),
            verdict: Some(Verdict::Passed),
            notes: None,
            files: vec![file("same.txt"), file(&format!("own{index}.txt"))],
        };
        bench.lab.finish(task, fence, end).await.expect("completed");
    }
    let manifest = bench.lab.store.manifest(&project).await.expect("readable");
    let shown: Vec<String> = manifest.iter().map(|entry| format!("{}={}", entry.path, entry.hash)).collect();
    assert_eq!(shown, ["own0.txt=0", "own1.txt=1", "same.txt=1"]);
    let rows = bench.lab.store.task_rows(&tasks[2]).await.expect("readable").expect("there");
    let own = |index: usize| {
        let files = &rows.prerequisites[index].files;
        files.iter().map(|entry| format!("{}={}", entry.path, entry.hash)).collect::<Vec<_>>()
    };
    assert_eq!(own(0), ["own0.txt=0", "same.txt=0"]);
    assert_eq!(own(1), ["own1.txt=1", "same.txt=1"]);
    assert!(kinds(&bench.sound().await, &project).contains(&EventKind::FileConflict));
}

/// Commands of one submission stand for themselves.
pub async fn a_refusal_leaves_the_rest_of_a_submission<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let create = |id: &str, name: &str| {
        Envelope::engine(Command::CreateProject(CreateProject {
            id: ProjectId::new(id),
            owner: None,
            name: name.to_owned(),
            requirements: "Do it.".to_owned(),
            config: ProjectConfig::default(),
        }))
    };
    let commands =
        vec![create("prj_a", "A"), create("prj_b", " "), create("prj_a", "A"), create("prj_c", "C")];
    let answers = bench.lab.store.apply(commands).await;
    assert!(answers[0].is_ok() && answers[3].is_ok());
    assert!(matches!(&answers[1], Err(StoreError::Refused(refusal)) if refusal.code == Code::Invalid));
    assert!(matches!(&answers[2], Err(StoreError::Refused(refusal)) if refusal.code == Code::AlreadyDone));
    assert_eq!(bench.sound().await.view.projects.len(), 2);
    assert!(bench.lab.store.apply(Vec::new()).await.is_empty());
}

/// What was acknowledged is there afterwards, to the last field.
pub async fn rows_survive_being_opened_again<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(Some("usr_1"), plan(&[&[], &[0]])).await;
    bench.lab.complete(&tasks[0]).await;
    bench.lab.claim(&tasks[1]).await;
    let before = bench.sound().await;
    let bench = bench.reopen().await;
    let after = bench.sound().await;
    assert_eq!(before.view.projects, after.view.projects);
    assert_eq!(before.view.tasks, after.view.tasks);
    assert_eq!(before.view.calls, after.view.calls);
    assert_eq!(before.view.steps, after.view.steps);
    assert_eq!(before.view.attempts, after.view.attempts);
    assert_eq!(before.view.plans, after.view.plans);
    assert_eq!(before.events, after.events);
    assert_eq!(before.ledger, after.ledger);
}

/// Any text is kept: quotes, NUL, four-byte letters, long ones.
pub async fn texts_come_back_as_they_were<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(1)).await;
    let text = format!("a\"b\\c\n\u{0}after NUL \u{1F600} {}", "x".repeat(100_000));
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    bench.lab.settle(&call, fence, answer(&text, 1)).await.expect("settled");
    let rows = bench.lab.store.task_rows(&tasks[0]).await.expect("readable").expect("there");
    let stored = rows.steps[0].result.as_deref().and_then(domain::attempt::read_json);
    assert_eq!(stored, Some(answer(&text, 1)), "the raw answer is journalled as it was");
    bench.lab.finish(&tasks[0], fence, Lab::done(&text)).await.expect("completed");
    let hash = domain::attempt::content_hash(&text);
    let blobs = bench.lab.store.blobs(&project, &[hash]).await.expect("there");
    assert_eq!(blobs[0].as_ref(), text);
    let none = bench.lab.store.blobs(&project, &["0".into()]).await;
    assert!(matches!(none, Err(StoreError::Broken(_))));
}

/// Two workers that saw the same offer: one gets it.
pub async fn a_claim_under_an_old_fence_is_refused<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    let fence = bench.lab.task(&tasks[0]).await.fence;
    let claims: Vec<_> =
        (0..8).map(|_| bench.lab.apply(bench.lab.claim_command(&tasks[0], fence, None))).collect();
    let answers = futures::future::join_all(claims).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    bench.sound().await;
}
