//! Runs the tools a model asked for, one after the other, each result journalled.

use domain::attempt::{StepState, idempotency_key};
use domain::decide::{Command, Envelope, FinishTool, ToolStep};
use domain::id::TaskId;
use domain::tool::{ToolClass, ToolContext, ToolOutcome};
use domain::turn::ToolRequest;
use tokio_util::sync::CancellationToken;

use crate::dispatcher::Engine;
use crate::task::{Place, Stopped};

/// Runs one request and returns the command that journals its result.
///
/// # Errors
/// [`Stopped`] when the task was cut or taken over meanwhile.
pub(crate) async fn run(
    engine: &Engine,
    place: &Place,
    allowed: &[String],
    request: &ToolRequest,
    cut: &CancellationToken,
) -> Result<(Envelope, ToolOutcome), Stopped> {
    let step = ToolStep { task: place.task.clone(), fence: place.fence, seq: request.seq };
    let outcome = outcome(engine, place, &step, allowed, request, cut).await?;
    let command = Command::FinishTool(FinishTool { step, outcome: outcome.clone() });
    Ok((Envelope::engine(command), outcome))
}

async fn outcome(
    engine: &Engine,
    place: &Place,
    step: &ToolStep,
    allowed: &[String],
    request: &ToolRequest,
    cut: &CancellationToken,
) -> Result<ToolOutcome, Stopped> {
    // The plan fixes the tool set; whatever the model was told, nothing else runs.
    if !allowed.contains(&request.name) {
        let message = format!("{} is not one of this task's tools", request.name);
        return Ok(ToolOutcome::error("tool_not_allowed", message));
    }
    let class = engine
        .tool_specs
        .iter()
        .find(|spec| spec.definition.name == request.name)
        .map_or(ToolClass::Once, |spec| spec.class);
    if class == ToolClass::Once {
        if request.state != StepState::Intent {
            let message = "this call had begun when the program stopped; nobody knows how it ended, and it is \
                           not repeated";
            return Ok(ToolOutcome::error("outcome_unknown", message));
        }
        let start = Envelope::engine(Command::StartTool(step.clone()));
        engine.apply_one(start).await?;
    }
    let context = context(place, &place.task, request);
    tokio::select! {
        biased;
        () = cut.cancelled() => Err(Stopped::Cut),
        outcome = engine.toolbox.call(&context, &request.name, &request.input) => Ok(outcome),
    }
}

fn context(place: &Place, task: &TaskId, request: &ToolRequest) -> ToolContext {
    ToolContext {
        project: place.project.clone(),
        task: task.clone(),
        attempt: place.attempt,
        fence: place.fence,
        idempotency_key: idempotency_key(task, place.attempt, request.seq, &request.tool_use_id),
    }
}
