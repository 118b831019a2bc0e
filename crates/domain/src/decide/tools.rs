//! Tool calls in the journal: one of class `once` is stored as started before it
//! begins, each result is stored before the model hears of it.

use super::{FinishTool, Outcome, Stop, ToolStep, Tx, begin_call};
use crate::attempt::{Owner, Step, StepKey, StepState, write_json};
use crate::refusal::{Code, Refusal};

fn own_step(tx: &Tx<'_>, place: &ToolStep) -> Result<Step, Stop> {
    let task = tx.task(&place.task)?;
    if task.fence != place.fence || !task.state.is_active() {
        return Err(begin_call::stale(place.task.as_str()));
    }
    let key = StepKey { owner: Owner::Task(place.task.clone()), attempt: task.attempt, seq: place.seq };
    Ok(tx.step(&key)?.clone())
}

pub(super) fn start(tx: &mut Tx<'_>, place: &ToolStep) -> Result<Outcome, Stop> {
    let mut step = own_step(tx, place)?;
    if step.state != StepState::Intent {
        let message = format!("tool step {} of {} is {} already", place.seq, place.task, step.state);
        return Err(Refusal::new(Code::AlreadyDone, message).into());
    }
    step.state = StepState::Started;
    tx.put_step(step);
    Ok(Outcome::Done)
}

pub(super) fn finish(tx: &mut Tx<'_>, command: &FinishTool) -> Result<Outcome, Stop> {
    let mut step = own_step(tx, &command.step)?;
    if step.state == StepState::Done {
        let message = format!("tool step {} of {} has its result", command.step.seq, command.step.task);
        return Err(Refusal::new(Code::AlreadyDone, message).into());
    }
    step.state = StepState::Done;
    step.result = Some(write_json(&command.outcome));
    tx.put_step(step);
    Ok(Outcome::Done)
}
