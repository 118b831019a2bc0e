//! ComfyUI's protocol: submit a graph, wait for its end, fetch the pictures.
//!
//! Nothing it says is believed further than it must be: answers are bounded, names
//! are encoded, a graph that it forgot is an error. A graph that nobody waits for
//! any more is taken out of its queue.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use crate::http::{self, HttpError};

/// Bounds on answers, in bytes: JSON, and one picture.
const JSON_BYTES_MAX: usize = 8 << 20;
/// One request that is answered at once.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// First wait between two looks at the history; it doubles up to the configured one.
const POLL_MIN: Duration = Duration::from_millis(100);
/// Most pictures that are taken of one graph.
const PICTURES_MAX: usize = 16;
/// Looks at the history between two looks at the queue.
const LOOKS_PER_QUEUE: u32 = 4;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum ComfyError {
    /// The service failed.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// The graph is wrong or broke; with node and reason.
    #[error("the workflow failed: {0}")]
    Workflow(String),
    /// It did not end in time.
    #[error("the picture was not ready within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// It knows nothing of the graph it took.
    #[error("ComfyUI lost the workflow; it was restarted or its queue was cleared")]
    Lost,
}

/// A picture on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub filename: String,
    pub subfolder: String,
    pub kind: String,
}

/// One host.
pub struct Comfy<'a> {
    pub client: &'a Client,
    pub url: &'a str,
    /// Longest wait between two looks.
    pub poll_max: Duration,
    /// Longest wait for a graph.
    pub time_max: Duration,
}

/// Takes the graph back unless it ended.
struct Cancel {
    client: Client,
    url: String,
    id: String,
    is_over: bool,
}

impl Comfy<'_> {
    /// How many graphs it has to do; none if it does not say.
    pub async fn queue_len(&self) -> Option<usize> {
        let request = self.client.get(http::join(self.url, "queue"));
        let queue = http::json(request, JSON_BYTES_MAX, Duration::from_secs(2)).await.ok()?;
        let len = |name: &str| queue.get(name).and_then(Value::as_array).map_or(0, Vec::len);
        Some(len("queue_running") + len("queue_pending"))
    }

    /// Runs a graph and gives the pictures it made.
    ///
    /// # Errors
    /// See [`ComfyError`].
    pub async fn run(
        &self,
        graph: &Value,
        client_id: &str,
        prompt_id: &str,
    ) -> Result<Vec<Remote>, ComfyError> {
        let end = Instant::now() + self.time_max;
        let mut cancel = Cancel {
            client: self.client.clone(),
            url: self.url.to_owned(),
            id: prompt_id.to_owned(),
            is_over: false,
        };
        let result = match timeout_at(end, self.submit_and_follow(graph, client_id, &mut cancel)).await {
            Ok(result) => result,
            Err(_) => Err(ComfyError::TimedOut(self.time_max)),
        };
        // Only what may still run has to be taken back.
        cancel.is_over = !matches!(result, Err(ComfyError::TimedOut(_)));
        result
    }

    async fn submit_and_follow(
        &self,
        graph: &Value,
        client_id: &str,
        cancel: &mut Cancel,
    ) -> Result<Vec<Remote>, ComfyError> {
        let body = json!({ "prompt": graph, "client_id": client_id, "prompt_id": cancel.id });
        let request = self.client.post(http::join(self.url, "prompt")).json(&body);
        let response = tokio::time::timeout(REQUEST_MAX, request.send())
            .await
            .map_err(|_| HttpError::TimedOut(REQUEST_MAX))?
            .map_err(|_| HttpError::Unreachable("it cannot be reached".to_owned()))?;
        let status = response.status();
        let (bytes, _) = http::read(response, JSON_BYTES_MAX).await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(reason) = submit_error(&answer) {
            return Err(ComfyError::Workflow(reason));
        }
        if !status.is_success() {
            return Err(HttpError::Refused(status.as_u16(), "it did not take the workflow".to_owned()).into());
        }
        // Older versions choose the id themselves.
        match answer.get("prompt_id").and_then(Value::as_str) {
            Some(id) if !id.is_empty() && id.len() <= 128 => id.clone_into(&mut cancel.id),
            _ => return Err(HttpError::Unusable("it names no prompt_id".to_owned()).into()),
        }
        self.follow(&cancel.id).await
    }

    async fn follow(&self, id: &str) -> Result<Vec<Remote>, ComfyError> {
        let mut wait = POLL_MIN.min(self.poll_max);
        let (mut looks, mut failures, mut missing) = (0_u32, 0_u32, 0_u32);
        loop {
            sleep(wait).await;
            wait = (wait * 2).min(self.poll_max.max(POLL_MIN));
            looks += 1;
            match self.history(id).await {
                Ok(Some(entry)) => return outputs(&entry),
                Ok(None) => failures = 0,
                // It may be busy for a moment; the time limit is over all of it.
                Err(error) => {
                    failures += 1;
                    if failures >= 3 {
                        return Err(error.into());
                    }
                }
            }
            if looks.is_multiple_of(LOOKS_PER_QUEUE) {
                // Twice in a row, for between two looks it may have moved to the history.
                missing = if self.is_queued(id).await == Some(false) { missing + 1 } else { 0 };
                if missing >= 2 {
                    return Err(ComfyError::Lost);
                }
            }
        }
    }

    async fn history(&self, id: &str) -> Result<Option<Value>, HttpError> {
        let request = self.client.get(address(self.url, &["history", id], &[])?);
        let mut history = http::json(request, JSON_BYTES_MAX, REQUEST_MAX).await?;
        Ok(history.get_mut(id).map(Value::take).filter(Value::is_object))
    }

    async fn is_queued(&self, id: &str) -> Option<bool> {
        let request = self.client.get(http::join(self.url, "queue"));
        let queue = http::json(request, JSON_BYTES_MAX, REQUEST_MAX).await.ok()?;
        let has = |name: &str| {
            let entries = queue.get(name)?.as_array()?;
            // [number, id, graph, …]
            Some(entries.iter().any(|entry| entry.get(1).and_then(Value::as_str) == Some(id)))
        };
        Some(has("queue_running")? || has("queue_pending")?)
    }

    /// The bytes of a picture.
    pub async fn download(&self, picture: &Remote, bytes_max: usize) -> Result<Vec<u8>, HttpError> {
        let query = [
            ("filename", picture.filename.as_str()),
            ("subfolder", &picture.subfolder),
            ("type", &picture.kind),
        ];
        let request = self.client.get(address(self.url, &["view"], &query)?);
        http::bytes(request, bytes_max, REQUEST_MAX).await
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (client, url, id) = (self.client.clone(), self.url.clone(), self.id.clone());
        runtime.spawn(async move {
            let delete = client.post(http::join(&url, "queue")).json(&json!({ "delete": [id] }));
            let _ = http::bytes(delete, JSON_BYTES_MAX, Duration::from_secs(5)).await;
            // Newer versions interrupt only this one; older ones whatever runs, so
            // it is asked first whether that is ours.
            let queue = client.get(http::join(&url, "queue"));
            let queue = http::json(queue, JSON_BYTES_MAX, Duration::from_secs(5)).await.unwrap_or_default();
            let running = queue.get("queue_running").and_then(Value::as_array).cloned().unwrap_or_default();
            if running.iter().any(|entry| entry.get(1).and_then(Value::as_str) == Some(id.as_str())) {
                let interrupt = client.post(http::join(&url, "interrupt")).json(&json!({ "prompt_id": id }));
                let _ = http::bytes(interrupt, JSON_BYTES_MAX, Duration::from_secs(5)).await;
            }
        });
    }
}

/// An address with every part encoded, so that a name from outside stays a name.
fn address(base: &str, route: &[&str], query: &[(&str, &str)]) -> Result<reqwest::Url, HttpError> {
    let wrong = || HttpError::Unusable("its base address is wrong".to_owned());
    let mut url = reqwest::Url::parse(base.trim_end_matches('/')).map_err(|_| wrong())?;
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(route);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// Why the graph was not taken, with the nodes that are wrong.
fn submit_error(answer: &Value) -> Option<String> {
    let mut reasons = Vec::new();
    match answer.get("error") {
        Some(Value::String(text)) => reasons.push(text.clone()),
        Some(Value::Object(error)) => {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            reasons.push(format!("{} {}", part("message"), part("details")).trim().to_owned());
        }
        _ => {}
    }
    for (node, errors) in answer.get("node_errors").and_then(Value::as_object).into_iter().flatten() {
        let class = errors.get("class_type").and_then(Value::as_str).unwrap_or("node");
        for error in errors.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            reasons.push(format!("node {node} ({class}): {} {}", part("message"), part("details")));
        }
    }
    (!reasons.is_empty()).then(|| shorten(&reasons.join("; ")))
}

/// The pictures of a graph that ended, or why it broke.
fn outputs(entry: &Value) -> Result<Vec<Remote>, ComfyError> {
    let status = entry.get("status").cloned().unwrap_or_default();
    if status.get("status_str").and_then(Value::as_str) == Some("error") {
        return Err(ComfyError::Workflow(execution_error(&status)));
    }
    let mut pictures = Vec::new();
    for output in
        entry.get("outputs").and_then(Value::as_object).into_iter().flat_map(|outputs| outputs.values())
    {
        for image in output.get("images").and_then(Value::as_array).into_iter().flatten() {
            let part = |name: &str| image.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let kind =
                Some(part("type")).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "output".to_owned());
            let remote = Remote { filename: part("filename"), subfolder: part("subfolder"), kind };
            // Previews of the run are no results.
            if !remote.filename.is_empty() && remote.kind != "temp" && pictures.len() < PICTURES_MAX {
                pictures.push(remote);
            }
        }
    }
    Ok(pictures)
}

fn execution_error(status: &Value) -> String {
    for message in status.get("messages").and_then(Value::as_array).into_iter().flatten() {
        let kind = message.get(0).and_then(Value::as_str).unwrap_or_default();
        if !matches!(kind, "execution_error" | "execution_interrupted") {
            continue;
        }
        let part = |name: &str| match message.get(1).and_then(|details| details.get(name)) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        if kind == "execution_interrupted" {
            return shorten(&format!(
                "it was interrupted at node {} ({})",
                part("node_id"),
                part("node_type")
            ));
        }
        return shorten(&format!(
            "node {} ({}): {}",
            part("node_id"),
            part("node_type"),
            part("exception_message")
        ));
    }
    "ComfyUI gives no reason".to_owned()
}

fn shorten(text: &str) -> String {
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(600).collect()
}
