//! The one door to providers. Nothing else here has a provider in its hands, so
//! no request leaves without its intent stored, and none ends without its money
//! booked.

use std::time::Duration;

use domain::decide::{CallEnd, Command, Envelope, SettleCall};
use domain::governor::Gate;
use domain::id::CallId;
use domain::model::{CallError, Delta, ErrorClass, Usage};
use domain::task::{Wait, WaitReason};
use tokio_util::sync::CancellationToken;

use crate::dispatcher::Engine;
use crate::live::LiveText;
use crate::request::Prepared;

/// How much longer than its own limit a provider may take to notice it.
const TIMEOUT_SLACK: Duration = Duration::from_secs(5);

/// Sends an admitted request and waits for its end. Never fails: what goes wrong
/// is a kind of end.
pub(crate) async fn call_model(
    engine: &Engine,
    prepared: &mut Prepared,
    cut: &CancellationToken,
    mut on_text: impl FnMut(LiveText) + Send,
) -> CallEnd {
    let Some(provider) = engine.providers.get(&*prepared.provider) else {
        let message = format!("provider {} is not configured", prepared.provider);
        return CallEnd::Broken(CallError::new(ErrorClass::Unreachable, message));
    };
    let mut seen: Option<Usage> = None;
    let mut on_delta = |delta: Delta| match delta {
        Delta::Text(text) => on_text(LiveText::Text(text)),
        Delta::ToolUse(name) => on_text(LiveText::Tool(name)),
        Delta::Usage(usage) => seen = Some(usage),
    };
    let limit = Duration::from_millis(prepared.request.timeout_ms) + TIMEOUT_SLACK;
    let answer = tokio::select! {
        biased;
        () = cut.cancelled() => None,
        answer = tokio::time::timeout(limit, provider.call(&prepared.request, &mut on_delta)) => Some(answer),
    };
    let end = match answer {
        None => CallEnd::Cut(seen),
        Some(Ok(Ok(answer))) => CallEnd::Answered(Box::new(answer)),
        Some(Ok(Err(error))) => CallEnd::Broken(error),
        Some(Err(_)) => {
            let message = format!("no answer within {} s", limit.as_secs());
            CallEnd::Broken(CallError { usage_seen: seen, ..CallError::new(ErrorClass::TimedOut, message) })
        }
    };
    if let Some(place) = prepared.place.take() {
        place.end(&end, engine.clock.now());
    }
    end
}

/// Takes a place at the request's provider.
///
/// # Errors
/// The wait that the work has to be put back with.
pub(crate) fn take_place(engine: &Engine, prepared: &mut Prepared) -> Result<(), NoPlace> {
    let now = engine.clock.now();
    match engine.places.take(&prepared.provider, prepared.size(), now, &engine.wake) {
        Ok(place) => {
            prepared.place = Some(place);
            Ok(())
        }
        Err(gate) => {
            let provider = &prepared.provider;
            let (until, message) = match gate {
                Gate::Open => (now, String::new()),
                Gate::Busy { until } => (until, format!("{provider} has as many calls as it bears")),
                Gate::Limited { until } => (until, format!("the allowance at {provider} is used up for now")),
                Gate::Broken { until } => (until, format!("{provider} seems to be down")),
            };
            let wait = Wait { reason: WaitReason::Provider, since: now, wake_at: Some(until) };
            Err(NoPlace { is_busy: matches!(gate, Gate::Busy { .. }), wait, message })
        }
    }
}

/// Why there is no place now.
pub(crate) struct NoPlace {
    /// The end of a call frees one; otherwise time does.
    pub(crate) is_busy: bool,
    pub(crate) wait: Wait,
    pub(crate) message: String,
}

/// The command that books a call's end.
pub(crate) fn settle(engine: &Engine, call: &CallId, fence: u64, end: CallEnd) -> Envelope {
    let random = engine.ids.random();
    Envelope::engine(Command::SettleCall(SettleCall { call: call.clone(), fence, end, random }))
}
