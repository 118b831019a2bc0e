//! What a tool answered, as one text for a model. Pictures and other bytes are named
//! with their size and left out; the registry cuts the whole to the tool's bound.

use domain::tool::ToolOutcome;
use rmcp::model::{CallToolResult, ContentBlock, Resource, ResourceContents};
use serde_json::Value;

use super::health::clean;

/// Most parts that are looked at; a list without end is no answer.
const PARTS_MAX: usize = 1_000;
/// Longest name, type or address that is repeated, in bytes.
const WORD_BYTES_MAX: usize = 500;

/// One text, and whether the tool says that it failed.
pub(super) fn outcome(result: CallToolResult) -> ToolOutcome {
    let is_error = result.is_error == Some(true);
    let text = text(result);
    if is_error { ToolOutcome::error("mcp_tool_error", text) } else { ToolOutcome::ok(text) }
}

fn text(result: CallToolResult) -> String {
    let left_out = result.content.len().saturating_sub(PARTS_MAX);
    let mut parts: Vec<String> = Vec::new();
    let mut is_repeated = false;
    for block in result.content.into_iter().take(PARTS_MAX) {
        if let (ContentBlock::Text(text), Some(value)) = (&block, &result.structured_content) {
            is_repeated |= repeats(&text.text, value);
        }
        parts.push(part(block));
    }
    if left_out > 0 {
        parts.push(format!("[{left_out} more parts were left out]"));
    }
    if let Some(value) = result.structured_content
        && !is_repeated
    {
        parts.push(value.to_string());
    }
    if parts.is_empty() { "[no content]".to_owned() } else { parts.join("\n") }
}

/// Servers repeat the structured result as text, for older clients; or their only
/// text as the only field of a structured result, for newer ones.
fn repeats(text: &str, value: &Value) -> bool {
    let mut fields = value.as_object().into_iter().flat_map(|fields| fields.values());
    let only_field = fields.next().filter(|_| fields.next().is_none());
    only_field.and_then(Value::as_str) == Some(text)
        || serde_json::from_str::<Value>(text).is_ok_and(|repeated| repeated == *value)
}

fn part(block: ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => omitted("picture", Some(&image.mime_type), &image.data),
        ContentBlock::Audio(audio) => omitted("sound", Some(&audio.mime_type), &audio.data),
        ContentBlock::Resource(embedded) => match embedded.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => format!("[{}]\n{text}", word(&uri)),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                format!("[{}] {}", word(&uri), omitted("file", mime_type.as_deref(), &blob))
            }
            _ => "[a resource of an unknown kind was left out]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => link_text(&link),
        _ => "[a part of an unknown kind was left out]".to_owned(),
    }
}

fn omitted(what: &str, mime_type: Option<&str>, base64: &str) -> String {
    let bytes = base64.trim_end_matches('=').len() / 4 * 3 + base64.trim_end_matches('=').len() % 4 * 3 / 4;
    let kind = mime_type.map(|kind| format!(" {}", word(kind))).unwrap_or_default();
    format!("[{what}{kind} of {bytes} bytes was left out]")
}

fn link_text(link: &Resource) -> String {
    let mut text = format!("[link to {} named {}", word(&link.uri), word(&link.name));
    if let Some(kind) = &link.mime_type {
        text.push_str(&format!(", {}", word(kind)));
    }
    if let Some(size) = link.size {
        text.push_str(&format!(", {size} bytes"));
    }
    if let Some(description) = &link.description {
        text.push_str(&format!(": {}", word(description)));
    }
    text.push(']');
    text
}

fn word(text: &str) -> String {
    clean(text, WORD_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> ToolOutcome {
        outcome(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn every_kind_of_part_becomes_text() {
        let outcome = of(json!({ "content": [
            { "type": "text", "text": "one\ntwo" },
            { "type": "image", "data": "QUJDRA==", "mimeType": "image/png" },
            { "type": "audio", "data": "QUJD", "mimeType": "audio/wav" },
            { "type": "resource", "resource": { "uri": "x://a", "text": "inside" } },
            { "type": "resource", "resource": { "uri": "x://b", "blob": "QUI=", "mimeType": "a/b" } },
            { "type": "resource_link", "uri": "x://c", "name": "C\u{1b}[2J", "size": 7, "description": "d" },
        ]}));
        assert!(!outcome.is_error);
        assert_eq!(
            outcome.content,
            "one\ntwo\n[picture image/png of 4 bytes was left out]\n[sound audio/wav of 3 bytes was left out]\n\
             [x://a]\ninside\n[x://b] [file a/b of 2 bytes was left out]\n\
             [link to x://c named C [2J, 7 bytes: d]"
        );
    }

    #[test]
    fn a_structured_result_is_shown_once() {
        let value = json!({ "a": [1, 2] });
        let both =
            json!({ "content": [{ "type": "text", "text": "{\"a\": [1,2]}" }], "structuredContent": value });
        assert_eq!(of(both).content, "{\"a\": [1,2]}");
        let only =
            json!({ "content": [{ "type": "text", "text": "t" }], "structuredContent": { "content": "t" } });
        assert_eq!(of(only).content, "t");
        assert_eq!(of(json!({ "content": [], "structuredContent": value })).content, "{\"a\":[1,2]}");
        assert_eq!(of(json!({ "content": [] })).content, "[no content]");
    }

    #[test]
    fn a_failure_says_so() {
        let outcome = of(json!({ "content": [{ "type": "text", "text": "no" }], "isError": true }));
        assert_eq!(outcome, ToolOutcome::error("mcp_tool_error", "no"));
    }
}
