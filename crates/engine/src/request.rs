//! Builds requests out of briefs and journals, and bounds what they can cost.

use std::sync::Arc;

use domain::attempt::{Brief, content_hash};
use domain::decide::NextCall;
use domain::id::CallId;
use domain::model::{Message, Purpose, Request, ToolDefinition};
use domain::pricing::{self, PriceTiers};
use domain::view::Blob;
use domain::{attempt, id};
use serde_json::Value;

/// The texts of a brief, in memory.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) system: Arc<str>,
    pub(crate) opening: Message,
    pub(crate) tools: Arc<Vec<ToolDefinition>>,
    pub(crate) max_tokens: u32,
    /// Bytes of the fixed part, as they go over the wire, about.
    fixed_bytes: usize,
}

impl Told {
    /// A new brief, with the texts to be kept.
    pub(crate) fn new(
        route: &domain::routing::Route,
        system: String,
        opening: Message,
        tools: Vec<ToolDefinition>,
        max_tokens: u32,
    ) -> Self {
        let mut told = Self {
            provider: route.provider.as_str().into(),
            model: route.model.as_str().into(),
            system: system.into(),
            opening,
            tools: Arc::new(tools),
            max_tokens,
            fixed_bytes: 0,
        };
        told.measure();
        told
    }

    fn measure(&mut self) {
        self.fixed_bytes = self.system.len()
            + attempt::write_json(&self.opening).len()
            + attempt::write_json(self.tools.as_ref()).len();
    }

    /// The brief to store, and its blobs.
    pub(crate) fn store(&self, project: &id::ProjectId, prompt_version: &str) -> (Brief, Vec<Blob>) {
        let blob = |text: Arc<str>| Blob::new(project.clone(), text);
        let system = blob(Arc::clone(&self.system));
        let opening = blob(attempt::write_json(&self.opening));
        let tools = blob(attempt::write_json(self.tools.as_ref()));
        let brief = Brief {
            provider: Arc::clone(&self.provider),
            model: Arc::clone(&self.model),
            system: Arc::clone(&system.hash),
            opening: Arc::clone(&opening.hash),
            tools: Arc::clone(&tools.hash),
            prompt_version: prompt_version.into(),
            max_tokens: self.max_tokens,
        };
        (brief, vec![system, opening, tools])
    }

    /// The texts behind a stored brief. `None` when they cannot be read.
    pub(crate) fn read(brief: &Brief, texts: &[Arc<str>]) -> Option<Self> {
        let [system, opening, tools] = texts else { return None };
        let mut told = Self {
            provider: Arc::clone(&brief.provider),
            model: Arc::clone(&brief.model),
            system: Arc::clone(system),
            opening: attempt::read_json(opening)?,
            tools: Arc::new(attempt::read_json(tools)?),
            max_tokens: brief.max_tokens,
            fixed_bytes: 0,
        };
        told.measure();
        Some(told)
    }

    /// The hashes of a stored brief's texts, in the order `read` wants them.
    pub(crate) fn hashes(brief: &Brief) -> [Arc<str>; 3] {
        [Arc::clone(&brief.system), Arc::clone(&brief.opening), Arc::clone(&brief.tools)]
    }
}

/// One request, ready to be admitted and sent.
pub(crate) struct Prepared {
    pub(crate) request: Request,
    pub(crate) provider: Arc<str>,
    pub(crate) next: NextCall,
    /// The place it was given at its provider.
    pub(crate) place: Option<crate::places::Place>,
}

impl Prepared {
    /// What an allowance is asked for: about the prompt's tokens, and the bound of
    /// the answer's.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.next.input_upper / BYTES_PER_TOKEN, u64::from(self.next.max_tokens))
    }
}

/// Bytes a token has, about. Only for allowances; money uses the upper bound.
const BYTES_PER_TOKEN: u64 = 4;

/// What a request is for, besides what it says.
pub(crate) struct Shape {
    pub(crate) id: CallId,
    pub(crate) purpose: Purpose,
    pub(crate) price: Arc<PriceTiers>,
    pub(crate) timeout_ms: u64,
    pub(crate) schema: Option<Arc<Value>>,
    pub(crate) note: Option<Arc<str>>,
}

/// Puts a request together: the opening, then the conversation.
pub(crate) fn prepare(told: &Told, conversation: Vec<Message>, shape: Shape) -> Prepared {
    let tail = attempt::write_json(&conversation);
    let schema_bytes = shape.schema.as_ref().map_or(0, |schema| schema.to_string().len());
    let bytes = told.fixed_bytes + tail.len() + schema_bytes;
    let mut messages = Vec::with_capacity(conversation.len() + 1);
    messages.push(told.opening.clone());
    for message in conversation {
        append(&mut messages, message);
    }
    let next = NextCall {
        id: shape.id.clone(),
        purpose: shape.purpose,
        provider: Arc::clone(&told.provider),
        model: Arc::clone(&told.model),
        price: shape.price,
        input_upper: pricing::input_upper(bytes as u64),
        max_tokens: told.max_tokens,
        request_hash: content_hash(&tail),
        note: shape.note,
    };
    let request = Request {
        call_id: shape.id,
        model: told.model.to_string(),
        system: Arc::clone(&told.system),
        messages,
        tools: Arc::clone(&told.tools),
        max_tokens: told.max_tokens,
        schema: shape.schema,
        purpose: shape.purpose,
        timeout_ms: shape.timeout_ms,
    };
    Prepared { request, provider: Arc::clone(&told.provider), next, place: None }
}

/// Turns must alternate: two user messages in a row become one.
fn append(messages: &mut Vec<Message>, message: Message) {
    match messages.last_mut() {
        Some(last) if last.role == message.role => last.content.extend(message.content),
        _ => messages.push(message),
    }
}
