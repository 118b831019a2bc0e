//! A draft plan becomes tasks with dependencies, waves and counters, all in one
//! transaction. Tasks of an earlier plan are archived in it: a project has one
//! approved plan at most.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use super::{ApprovePlan, FollowUp, Outcome, Stop, Tx, flow, operations};
use crate::event::EventKind;
use crate::graph::{Cycle, Graph};
use crate::id::TaskId;
use crate::plan::{PlanState, PlanVersion, PlannedTask};
use crate::project::{Counts, ProjectEvent, ProjectState};
use crate::refusal::{Code, Refusal};
use crate::routing;
use crate::task::{Task, TaskSpec, TaskState};
use crate::view::Bulk;

/// Distance between the priorities of neighbours in a plan, so that a person can
/// put a task between two others.
const PRIORITY_STEP: usize = 10;

/// Highest priority number a plan's order may lead to.
const PRIORITY_MAX: usize = 1_000_000;

pub(super) fn decide(tx: &mut Tx<'_>, command: &ApprovePlan) -> Result<Outcome, Stop> {
    let state = operations::visible(tx, &command.project)?;
    let version = tx.plan(&command.plan)?.clone();
    if version.project != command.project {
        return Err(Refusal::not_found("plan", &command.plan).into());
    }
    if version.state != PlanState::Draft {
        let message =
            format!("plan version {} is {}, so it cannot be approved", version.version, version.state);
        return Err(Refusal::state(message).into());
    }
    if matches!(state, ProjectState::Executing | ProjectState::Planning | ProjectState::Cancelled) {
        let hint = if state == ProjectState::Executing { "; pause it first" } else { "" };
        return Err(Refusal::state(format!("the project is {state}{hint}")).into());
    }
    let waves = checked_waves(tx, &version)?;
    retire_earlier(tx, &command.project)?;
    let ids = insert_tasks(tx, command, &version, &waves)?;
    let wave_count = waves.iter().max().map_or(0, |last| last + 1);
    set_counters(tx, command, &waves, wave_count)?;
    let mut approved = version.clone();
    approved.state = PlanState::Approved;
    tx.put_plan(approved);
    flow::step_project(tx, &command.project, ProjectEvent::Approve)?;
    let message =
        format!("plan version {} was approved: {} tasks in {wave_count} waves", version.version, ids.len());
    let data = [("plan_id", json!(command.plan)), ("tasks", json!(ids.len())), ("waves", json!(wave_count))];
    tx.event(&command.project, None, EventKind::PlanApproved, message, data)?;
    Ok(Outcome::Approved { tasks: ids, waves: wave_count })
}

/// Everything else was checked when the plan was stored; the limit may have
/// changed since.
fn checked_waves(tx: &Tx<'_>, version: &PlanVersion) -> Result<Vec<u32>, Stop> {
    let (count, most) = (version.plan.tasks.len(), tx.policy().max_plan_tasks as usize);
    if count == 0 || count > most {
        let message =
            format!("the plan has {count} tasks; 1 to {most} are allowed (execution.max_plan_tasks)");
        return Err(Refusal::new(Code::PlanInvalid, message).into());
    }
    let graph = Graph::new(version.plan.tasks.iter().map(|task| task.depends_on.clone()).collect());
    graph.waves().map_err(|Cycle(tasks)| {
        let titles: Vec<&str> = tasks.iter().map(|&index| version.plan.tasks[index].title.as_str()).collect();
        let message = format!("these tasks wait for each other: {}", titles.join(" -> "));
        Refusal::new(Code::CycleDetected, message).into()
    })
}

fn retire_earlier(tx: &mut Tx<'_>, project: &crate::id::ProjectId) -> Result<(), Stop> {
    let Some(earlier) = tx.project(project)?.approved_plan.clone() else { return Ok(()) };
    let mut row = tx.plan(&earlier)?.clone();
    row.state = PlanState::Superseded;
    tx.put_plan(row);
    let now = tx.now();
    tx.bulk(Bulk::ArchiveTasks { plan: earlier, at: now });
    tx.follow_up(FollowUp::CutProject(project.clone()));
    let last = tx.project(project)?.wave_count;
    for wave in 0..last {
        tx.put_wave(project, wave, 0);
    }
    Ok(())
}

fn insert_tasks(
    tx: &mut Tx<'_>,
    command: &ApprovePlan,
    version: &PlanVersion,
    waves: &[u32],
) -> Result<Vec<TaskId>, Stop> {
    let ids: Vec<TaskId> = version.plan.tasks.iter().map(|_| TaskId::fresh(tx.ids())).collect();
    let mut dependents: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
    for (index, planned) in version.plan.tasks.iter().enumerate() {
        let id = ids[index].clone();
        let mut needed: Vec<usize> = planned.depends_on.clone();
        needed.sort_unstable();
        needed.dedup();
        for &prerequisite in &needed {
            let Some(prerequisite) = ids.get(prerequisite) else { continue };
            tx.changes.dependencies.push((id.clone(), prerequisite.clone()));
            dependents.entry(prerequisite.clone()).or_default().push(id.clone());
        }
        dependents.entry(id.clone()).or_default();
        let task = new_task(
            tx,
            command,
            planned,
            NewTask { id: id.clone(), index, wave: waves[index], needed: needed.len() },
        );
        tx.put_task(task);
        tx.changes.task_specs.insert(id, spec(version, planned, &command.known_tools));
    }
    tx.changes.dependents.extend(dependents.into_iter().map(|(id, list)| (id, Arc::new(list))));
    Ok(ids)
}

struct NewTask {
    id: TaskId,
    index: usize,
    wave: u32,
    needed: usize,
}

fn new_task(tx: &Tx<'_>, command: &ApprovePlan, planned: &PlannedTask, new: NewTask) -> Task {
    let now = tx.now();
    let pending_deps = u32::try_from(new.needed).unwrap_or(u32::MAX);
    Task {
        id: new.id,
        project: command.project.clone(),
        plan: command.plan.clone(),
        index: u32::try_from(new.index).unwrap_or(u32::MAX),
        title: planned.title.as_str().into(),
        task_type: planned.task_type,
        complexity: planned.complexity,
        tier: routing::tier_for(planned.task_type, planned.complexity),
        priority: i32::try_from((new.index * PRIORITY_STEP).min(PRIORITY_MAX)).unwrap_or(i32::MAX),
        wave: new.wave,
        state: if pending_deps == 0 { TaskState::Ready } else { TaskState::Blocked },
        wait: None,
        parked_epoch: 0,
        fence: 0,
        attempt: 0,
        is_attempt_open: false,
        last_seq: 0,
        call: None,
        claimed_by: None,
        lease_until: None,
        had_unknown: false,
        retries: 0,
        person_retries: 0,
        crashes: 0,
        max_tokens: tx.policy().default_max_tokens,
        pending_deps,
        dead_deps: 0,
        verdict: None,
        verdict_notes: None,
        error: None,
        output_hash: None,
        checkpoint: None,
        model: None,
        usage: crate::model::Usage::default(),
        cost: crate::money::NanoUsd::ZERO,
        started_at: None,
        completed_at: None,
        created_at: now,
        updated_at: now,
    }
}

fn spec(version: &PlanVersion, planned: &PlannedTask, known_tools: &[String]) -> TaskSpec {
    TaskSpec {
        description: planned.description.clone(),
        tools: routing::tools_for(planned.task_type, planned.tools.as_deref(), known_tools),
        requirement_ids: planned.requirement_ids.clone(),
        verification_criteria: planned.verification_criteria.clone(),
        affected_files: planned.affected_files.clone(),
        phase: planned.phase.and_then(|index| version.plan.phases.get(index)).map(|phase| phase.name.clone()),
    }
}

fn set_counters(tx: &mut Tx<'_>, command: &ApprovePlan, waves: &[u32], wave_count: u32) -> Result<(), Stop> {
    let mut holding = vec![0u32; wave_count as usize];
    for &wave in waves {
        holding[wave as usize] += 1;
    }
    let ready = holding.first().copied().unwrap_or(0);
    let total = u32::try_from(waves.len()).unwrap_or(u32::MAX);
    for (wave, &count) in holding.iter().enumerate() {
        tx.put_wave(&command.project, u32::try_from(wave).unwrap_or(u32::MAX), count);
    }
    tx.edit_project(&command.project, |project| {
        let mut counts = Counts::default();
        counts.0[TaskState::Ready as usize] = ready;
        counts.0[TaskState::Blocked as usize] = total - ready;
        project.counts = counts;
        project.live = total;
        project.parked = 0;
        project.wave_count = wave_count;
        project.open_wave = 0;
        project.open_holding = ready;
        project.open_ready = ready;
        project.approved_plan = Some(command.plan.clone());
        project.draft_plan = None;
        project.completed_at = None;
    })
}
