//! The request as Anthropic wants it.
//!
//! Borrowed structures, so that a long conversation is written without being
//! copied. Never writes temperature and the like: current models refuse them.
//! Decides nothing but where the cache breakpoints go.

use domain::model::{Block, CallError, ErrorClass, Message, Request, Role};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Keywords of JSON Schema that structured output refuses: bounds are checked by
/// whoever reads the answer.
const REFUSED_KEYWORDS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// Deepest schema that is looked through.
const SCHEMA_DEPTH_MAX: usize = 32;

/// The body of `POST /v1/messages`.
pub(super) fn body(request: &Request, is_streaming: bool) -> Result<Vec<u8>, CallError> {
    let wire = WireRequest {
        model: &request.model,
        max_tokens: request.max_tokens,
        stream: is_streaming,
        system: (!request.system.trim().is_empty()).then(|| [System { text: &request.system }]),
        tools: Tools(request),
        messages: Messages(request),
        output_config: request.schema.as_deref().map(|schema| OutputConfig { schema: strict(schema) }),
    };
    serde_json::to_vec(&wire).map_err(|error| {
        CallError::new(ErrorClass::BadRequest, format!("the request cannot be written: {error}"))
    })
}

#[derive(Serialize)]
struct WireRequest<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Tools::is_empty")]
    tools: Tools<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<[System<'a>; 1]>,
    messages: Messages<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
}

/// `cache_control`: five minutes, refreshed by each read.
#[derive(Serialize)]
struct Ephemeral {
    r#type: &'static str,
}

const EPHEMERAL: Ephemeral = Ephemeral { r#type: "ephemeral" };

struct System<'a> {
    text: &'a str,
}

impl Serialize for System<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("type", "text")?;
        map.serialize_entry("text", self.text)?;
        map.serialize_entry("cache_control", &EPHEMERAL)?;
        map.end()
    }
}

struct Tools<'a>(&'a Request);

impl Tools<'_> {
    fn is_empty(&self) -> bool {
        self.0.tools.is_empty()
    }
}

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tool<'a> {
            name: &'a str,
            description: &'a str,
            input_schema: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            cache_control: Option<Ephemeral>,
        }
        let tools = &self.0.tools;
        let mut seq = s.serialize_seq(Some(tools.len()))?;
        for (index, tool) in tools.iter().enumerate() {
            seq.serialize_element(&Tool {
                name: &tool.name,
                description: &tool.description,
                input_schema: &tool.input_schema,
                cache_control: (index + 1 == tools.len()).then_some(EPHEMERAL),
            })?;
        }
        seq.end()
    }
}

struct Messages<'a>(&'a Request);

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            role: Role,
            content: Blocks<'a>,
        }
        let marked = breakpoints(self.0);
        let mut seq = s.serialize_seq(Some(self.0.messages.len()))?;
        for (index, message) in self.0.messages.iter().enumerate() {
            let content = Blocks { message, is_breakpoint: marked.contains(&Some(index)) };
            seq.serialize_element(&Wire { role: message.role, content })?;
        }
        seq.end()
    }
}

/// Which messages end with a breakpoint: the last of ours, so that the next turn
/// reads everything up to here, and the one before, since a turn with many tool
/// results lies further back than the provider looks. With tools and system that
/// makes four, the most there may be. A single question without tools has no next
/// turn, and writing to the cache costs more than not.
fn breakpoints(request: &Request) -> [Option<usize>; 2] {
    if request.tools.is_empty() && request.messages.len() < 2 {
        return [None, None];
    }
    let mut ours = request
        .messages
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, m)| m.role == Role::User)
        .map(|(index, _)| index);
    [ours.next(), ours.next()]
}

struct Blocks<'a> {
    message: &'a Message,
    is_breakpoint: bool,
}

impl Serialize for Blocks<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let blocks: Vec<&Block> = self.message.content.iter().filter(|block| is_sent(block)).collect();
        let mut seq = s.serialize_seq(Some(blocks.len()))?;
        for (index, block) in blocks.iter().enumerate() {
            let is_breakpoint = self.is_breakpoint && index + 1 == blocks.len();
            seq.serialize_element(&WireBlock { block, is_breakpoint })?;
        }
        seq.end()
    }
}

/// Blank text is refused by the provider, and blocks of another provider's own
/// (they have no `type`) mean nothing to this one.
fn is_sent(block: &Block) -> bool {
    match block {
        Block::Text { text } => !text.trim().is_empty(),
        Block::Opaque { value } => value["type"].is_string(),
        Block::ToolUse { .. } | Block::ToolResult { .. } => true,
    }
}

struct WireBlock<'a> {
    block: &'a Block,
    is_breakpoint: bool,
}

impl Serialize for WireBlock<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        match self.block {
            // Sent back exactly as it came: signatures cover it.
            Block::Opaque { value } => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    map.serialize_entry(key, value)?;
                }
                return map.end();
            }
            Block::Text { text } => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text)?;
            }
            Block::ToolUse { id, name, input } => {
                map.serialize_entry("type", "tool_use")?;
                map.serialize_entry("id", id)?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("input", input)?;
            }
            Block::ToolResult { tool_use_id, content, is_error } => {
                map.serialize_entry("type", "tool_result")?;
                map.serialize_entry("tool_use_id", tool_use_id)?;
                map.serialize_entry("content", content)?;
                if *is_error {
                    map.serialize_entry("is_error", is_error)?;
                }
            }
        }
        if self.is_breakpoint {
            map.serialize_entry("cache_control", &EPHEMERAL)?;
        }
        map.end()
    }
}

struct OutputConfig {
    schema: Value,
}

impl Serialize for OutputConfig {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Format<'a> {
            r#type: &'static str,
            schema: &'a Value,
        }
        let mut map = s.serialize_map(Some(1))?;
        map.serialize_entry("format", &Format { r#type: "json_schema", schema: &self.schema })?;
        map.end()
    }
}

/// The schema in the form that structured output takes: closed objects, no bounds.
pub(super) fn strict(schema: &Value) -> Value {
    let mut schema = schema.clone();
    close(&mut schema, 0);
    schema
}

fn close(schema: &mut Value, depth: usize) {
    let Some(map) = schema.as_object_mut().filter(|_| depth < SCHEMA_DEPTH_MAX) else { return };
    map.retain(|key, _| !REFUSED_KEYWORDS.contains(&key.as_str()));
    if is_object(map) {
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    for (key, inner) in map.iter_mut() {
        match key.as_str() {
            // Here the keys are names of our own, not keywords.
            "properties" | "$defs" | "definitions" => {
                inner.as_object_mut().into_iter().flatten().for_each(|(_, schema)| close(schema, depth + 1));
            }
            "anyOf" | "allOf" | "oneOf" => {
                inner.as_array_mut().into_iter().flatten().for_each(|schema| close(schema, depth + 1));
            }
            "items" => close(inner, depth + 1),
            _ => {}
        }
    }
}

fn is_object(map: &Map<String, Value>) -> bool {
    match map.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => map.contains_key("properties"),
    }
}

#[cfg(test)]
mod tests;
