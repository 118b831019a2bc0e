//! Planning: it begins, its calls end, and a plan comes out or it does not. The
//! project is never left in planning.

use std::sync::Arc;

use serde_json::json;

use super::{
    BeginPlanning, CallEnd, FailOperation, FollowUp, Outcome, SettleCall, Stop, StorePlan, Tx, flow,
};
use crate::attempt::{
    Call, Operation, OperationError, OperationKind, OperationState, StepKey, StepState, end_operation,
    write_json,
};
use crate::event::EventKind;
use crate::id::{OperationId, ProjectId};
use crate::plan::{PlanState, PlanVersion};
use crate::ports::{Offer, Work};
use crate::project::{ProjectEvent, ProjectState};
use crate::refusal::Refusal;
use crate::retry::{self, NextTry};

pub(super) fn begin_planning(tx: &mut Tx<'_>, command: &BeginPlanning) -> Result<Outcome, Stop> {
    let project = visible(tx, &command.project)?;
    if project == ProjectState::Planning {
        return Err(Refusal::state("a plan is being made already").into());
    }
    flow::step_project(tx, &command.project, ProjectEvent::Plan)?;
    tx.keep(command.blobs.iter().cloned());
    tx.put_operation(Operation {
        id: command.operation.clone(),
        project: command.project.clone(),
        kind: OperationKind::Plan,
        state: OperationState::Running,
        brief: Arc::new(command.brief.clone()),
        last_seq: 0,
        call: None,
        had_unknown: false,
        retries: 0,
        wake_at: None,
        result: None,
        error: None,
        created_at: tx.now(),
        ended_at: None,
    });
    tx.edit_project(&command.project, |project| project.operation = Some(command.operation.clone()))?;
    let data = [("operation_id", json!(command.operation)), ("model", json!(command.brief.model))];
    let message = format!("{} makes a plan", command.brief.model);
    tx.event(&command.project, None, EventKind::PlanStarted, message, data)?;
    tx.follow_up(FollowUp::Offer(Offer { work: Work::Operation(command.operation.clone()), fence: 0 }));
    Ok(Outcome::Done)
}

/// State of a project that was not deleted.
pub(super) fn visible(tx: &Tx<'_>, id: &ProjectId) -> Result<ProjectState, Stop> {
    let project = tx.project(id)?;
    if project.is_deleted {
        return Err(Refusal::not_found("project", id).into());
    }
    Ok(project.state)
}

/// A call of an operation has ended; its money is booked already.
pub(super) fn settled(
    tx: &mut Tx<'_>,
    id: &OperationId,
    call: &Call,
    command: &SettleCall,
) -> Result<Outcome, Stop> {
    let mut operation = tx.operation(id)?.clone();
    if operation.state != OperationState::Running || operation.call.as_ref() != Some(&call.id) {
        return Ok(Outcome::Ended);
    }
    operation.call = None;
    let key = StepKey { owner: call.owner.clone(), attempt: 1, seq: call.seq };
    let mut step = tx.step(&key)?.clone();
    let error = match &command.end {
        CallEnd::Answered(answer) => {
            step.state = StepState::Done;
            step.result = Some(write_json(answer.as_ref()));
            tx.put_step(step);
            operation.had_unknown = false;
            tx.put_operation(operation);
            return Ok(Outcome::Answered { seq: call.seq });
        }
        CallEnd::Broken(error) => error.clone(),
        CallEnd::Cut(_) => {
            crate::model::CallError::new(crate::model::ErrorClass::CutStream, "cut before it ended")
        }
    };
    let is_free = error.class.is_free();
    step.state = if is_free { StepState::Intent } else { StepState::Unknown };
    tx.put_step(step);
    let next = retry::next_try(
        &error,
        operation.retries,
        tx.policy().max_retries,
        operation.had_unknown,
        command.random,
    );
    operation.had_unknown |= !is_free;
    let wait_ms = match next {
        NextTry::Counted { wait_ms } => {
            operation.retries += 1;
            Some(wait_ms)
        }
        NextTry::Uncounted { wait_ms } => Some(wait_ms),
        NextTry::Exhausted | NextTry::Fatal | NextTry::PauseProject | NextTry::AskPerson => None,
    };
    let Some(wait_ms) = wait_ms else {
        let (code, message) = (error.class.as_str().to_owned(), error.message);
        tx.put_operation(operation);
        end_failed(tx, id, code, message)?;
        return Ok(Outcome::Ended);
    };
    let wake_at = tx.now().plus_ms(wait_ms);
    operation.wake_at = Some(wake_at);
    tx.put_operation(operation);
    tx.follow_up(FollowUp::WakeAt(wake_at));
    Ok(Outcome::RetryAt(wake_at))
}

pub(super) fn store_plan(tx: &mut Tx<'_>, command: &StorePlan) -> Result<Outcome, Stop> {
    let state = visible(tx, &command.project)?;
    if tx.find_plan(&command.id)?.is_some() {
        return Err(Refusal::new(crate::refusal::Code::AlreadyDone, "this plan is stored already").into());
    }
    if let Some(id) = &command.operation {
        let mut operation = tx.operation(id)?.clone();
        if operation.state != OperationState::Running {
            return Err(Refusal::state(format!("operation {id} is {}", operation.state)).into());
        }
        end(tx, &mut operation, OperationState::Done)?;
        operation.result = Some(command.id.clone());
        tx.put_operation(operation);
        flow::step_project(tx, &command.project, ProjectEvent::EndPlanning)?;
    } else if matches!(state, ProjectState::Planning | ProjectState::Executing | ProjectState::Cancelled) {
        return Err(Refusal::state(format!("the project is {state}, which does not allow a new plan")).into());
    }
    let mut project = tx.project(&command.project)?.clone();
    if let Some(earlier) = project.draft_plan.take() {
        let mut earlier = tx.plan(&earlier)?.clone();
        earlier.state = PlanState::Superseded;
        tx.put_plan(earlier);
    }
    project.plan_version += 1;
    project.draft_plan = Some(command.id.clone());
    project.operation = None;
    let version = project.plan_version;
    tx.put_project(project);
    tx.put_plan(PlanVersion {
        id: command.id.clone(),
        project: command.project.clone(),
        version,
        state: PlanState::Draft,
        plan: Arc::new(command.plan.clone()),
        rigor: command.rigor,
        requirements_hash: Arc::clone(&command.requirements_hash),
        model: Arc::clone(&command.model),
        usage: command.usage,
        cost: command.cost,
        created_at: tx.now(),
    });
    let message = format!("plan version {version} has {} tasks", command.plan.tasks.len());
    let data = [("plan_id", json!(command.id)), ("version", json!(version))];
    tx.event(&command.project, None, EventKind::PlanReady, message, data)?;
    Ok(Outcome::PlanStored { plan: command.id.clone(), version })
}

pub(super) fn fail(tx: &mut Tx<'_>, command: &FailOperation) -> Result<Outcome, Stop> {
    let operation = tx.operation(&command.operation)?;
    if operation.state != OperationState::Running {
        return Err(Refusal::state(format!("operation {} is {}", operation.id, operation.state)).into());
    }
    end_failed(tx, &command.operation, command.code.clone(), command.message.clone())?;
    Ok(Outcome::Ended)
}

fn end_failed(tx: &mut Tx<'_>, id: &OperationId, code: String, message: String) -> Result<(), Stop> {
    let mut operation = tx.operation(id)?.clone();
    let project = operation.project.clone();
    end(tx, &mut operation, OperationState::Failed)?;
    operation.error = Some(OperationError { code: code.clone(), message: message.clone() });
    tx.put_operation(operation);
    if tx.project(&project)?.state == ProjectState::Planning {
        flow::step_project(tx, &project, ProjectEvent::EndPlanning)?;
    }
    tx.edit_project(&project, |project| project.operation = None)?;
    tx.event(&project, None, EventKind::PlanFailed, format!("no plan: {message}"), [("code", json!(code))])
}

fn end(tx: &Tx<'_>, operation: &mut Operation, state: OperationState) -> Result<(), Stop> {
    operation.state = end_operation(operation.state, state)
        .ok_or_else(|| Stop::Broken(format!("operation {} is {}", operation.id, operation.state)))?;
    operation.ended_at = Some(tx.now());
    Ok(())
}

/// Ends whatever planning is going on, because the project was called off.
pub(super) fn call_off(tx: &mut Tx<'_>, project: &ProjectId) -> Result<(), Stop> {
    let Some(id) = tx.project(project)?.operation.clone() else { return Ok(()) };
    let mut operation = tx.operation(&id)?.clone();
    end(tx, &mut operation, OperationState::Cancelled)?;
    tx.put_operation(operation);
    tx.edit_project(project, |project| project.operation = None)
}
