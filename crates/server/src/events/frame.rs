//! An event as it goes over the wire, encoded once for everybody.

use bytes::Bytes;
use domain::event::{Event, EventKind};
use engine::{LiveDelta, LiveText};
use serde_json::{Map, Value, json};

/// One encoded event.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The event's number.
    pub seq: u64,
    /// What is sent.
    pub bytes: Bytes,
    /// Whether the project has ended with it.
    pub is_last: bool,
}

/// Sent when nothing else is, so that nobody in between hangs up.
pub const KEEPALIVE: Bytes = Bytes::from_static(b": keepalive\n\n");

impl Frame {
    /// Encodes an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let mut data: Map<String, Value> = event.data.clone();
        // Extras never hide what every event has.
        data.insert("type".to_owned(), json!(event.kind.as_str()));
        data.insert("message".to_owned(), json!(event.message));
        data.insert("project_id".to_owned(), json!(event.project));
        data.insert("task_id".to_owned(), json!(event.task));
        data.insert("timestamp".to_owned(), json!(event.at.to_seconds()));
        let text = format!("id: {}\n{}", event.seq, named(event.kind.as_str(), &data));
        let is_last = matches!(event.kind, EventKind::ProjectComplete | EventKind::ProjectFailed);
        Self { seq: event.seq, bytes: text.into(), is_last }
    }
}

/// A piece of live text, of a task or of planning: without a number, for it is shown
/// and never relied on.
#[must_use]
pub fn live(delta: &LiveDelta) -> Bytes {
    let (what, text) = match &delta.text {
        LiveText::Turn(turn) => ("turn", json!(turn)),
        LiveText::Text(text) => ("text", json!(text)),
        LiveText::Tool(tool) => ("tool", json!(tool)),
    };
    let name = if delta.task.is_some() { "task_text" } else { "plan_text" };
    let mut data = Map::new();
    data.insert("type".to_owned(), json!(name));
    data.insert("project_id".to_owned(), json!(delta.project));
    data.insert("task_id".to_owned(), json!(delta.task));
    data.insert("operation_id".to_owned(), json!(delta.operation));
    data.insert(what.to_owned(), text);
    named(name, &data).into()
}

fn named(name: &str, data: &Map<String, Value>) -> String {
    let json = Value::Object(data.clone()).to_string();
    format!("event: {name}\ndata: {}\n\n", ascii(&json))
}

/// JSON text with everything beyond ASCII escaped, as the prototype sends it.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use domain::id::ProjectId;
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn live_text_says_whose_it_is_and_has_no_number() {
        let delta = |task: Option<&str>, text| LiveDelta {
            project: ProjectId::new("p1"),
            task: task.map(domain::id::TaskId::new),
            operation: None,
            text,
        };
        let of = |delta| String::from_utf8(live(&delta).to_vec()).unwrap();
        let text = of(delta(Some("t1"), LiveText::Text("grün".to_owned())));
        assert!(text.starts_with("event: task_text\ndata: {") && !text.contains("id: "), "{text}");
        assert!(text.contains("\"task_id\":\"t1\"") && text.contains("\"text\":\"gr\\u00fcn\""), "{text}");
        let plan = of(delta(None, LiveText::Turn(1)));
        assert!(plan.starts_with("event: plan_text\n") && !plan.contains("\"text\":"), "{plan}");
    }

    #[test]
    fn a_frame_is_one_line_of_ascii_with_a_number() {
        let event = Event {
            project: ProjectId::new("p1"),
            seq: 7,
            at: Timestamp(1_500),
            kind: EventKind::ProjectComplete,
            task: None,
            actor: "engine".to_owned(),
            message: "dönе \u{1f600}\nnext".to_owned(),
            data: json!({"cost_usd": 0.5, "type": "evil"}).as_object().cloned().unwrap(),
        };
        let frame = Frame::of(&event);
        assert!(frame.is_last);
        let text = std::str::from_utf8(&frame.bytes).unwrap();
        assert!(text.is_ascii());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["id: 7", "event: project_complete"]);
        let data: Value = serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(
            data,
            json!({
                "cost_usd": 0.5, "type": "project_complete", "message": event.message, "project_id": "p1",
                "task_id": null, "timestamp": 1.5,
            })
        );
    }
}
