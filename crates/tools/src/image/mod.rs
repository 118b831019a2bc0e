//! `generate_image`: a picture by ComfyUI, into the task's own folder.
//!
//! The pictures come through the same rules and limits as every other file, each
//! with a small JSON file beside that says how it was made. The seed is taken from
//! the call's own key: a call that is repeated after a crash makes the same picture.

mod comfy;
mod workflow;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::ToolDefinition;
use domain::tool::{FileEntry, ToolClass, ToolContext, ToolOutcome, ToolSpec};
use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::file::{number, text};
use crate::hosts::{Host, Hosts};
use crate::http::{self, HttpError};
use crate::path::RelativePath;
use crate::registry::Tool;
use crate::workspace::{FilesError, ProjectFiles};
use comfy::{Comfy, ComfyError, Remote};
use workflow::Picture;

/// Sides of a picture.
const SIDE_MIN: u64 = 64;
const SIDE_MAX: u64 = 4_096;
const SIDE_DEFAULT: usize = 1_024;
/// Folder of the pictures in the project.
const FOLDER: &str = "images";
/// Longest result text.
const OUTPUT_BYTES_MAX: usize = 8_000;

/// Where pictures are made.
#[derive(Clone, Debug)]
pub struct ImageConfig {
    /// Name and base address of each host, the preferred one first.
    pub hosts: Vec<(String, String)>,
    /// Model file that the graph loads.
    pub checkpoint: String,
    /// Longest wait between two looks at the progress.
    pub poll_interval: Duration,
    /// Longest wait for a picture on one host.
    pub timeout: Duration,
    /// A user's own graph, with `{prompt}`, `{negative}`, `{width}`, `{height}`,
    /// `{seed}` and `{checkpoint}` where the values go.
    pub workflow: Option<Value>,
}

/// See the module.
pub struct GenerateImageTool {
    files: ProjectFiles,
    hosts: Hosts,
    config: ImageConfig,
    client: Client,
}

enum ImageError {
    Comfy(ComfyError),
    Files(FilesError),
    /// Not a picture, or none at all.
    Nothing(String),
}

impl From<ComfyError> for ImageError {
    fn from(error: ComfyError) -> Self {
        Self::Comfy(error)
    }
}

impl From<HttpError> for ImageError {
    fn from(error: HttpError) -> Self {
        Self::Comfy(error.into())
    }
}

impl From<FilesError> for ImageError {
    fn from(error: FilesError) -> Self {
        Self::Files(error)
    }
}

impl GenerateImageTool {
    /// Over these hosts, into these files.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(files: ProjectFiles, config: ImageConfig) -> Result<Self, HttpError> {
        Ok(Self { files, hosts: Hosts::new(&config.hosts), client: http::client()?, config })
    }

    fn comfy<'a>(&'a self, url: &'a str) -> Comfy<'a> {
        Comfy {
            client: &self.client,
            url,
            poll_max: self.config.poll_interval,
            time_max: self.config.timeout,
        }
    }

    /// What others have put into the queues; asked only where there is a choice.
    async fn loads(&self) -> HashMap<String, usize> {
        let hosts = self.hosts.order(None, |_| 0);
        if hosts.len() < 2 {
            return HashMap::new();
        }
        let asked = hosts.into_iter().map(|host| async {
            // Who does not answer now comes last, and is still tried.
            let load = self.comfy(&host.url).queue_len().await.unwrap_or(usize::MAX / 2);
            (host.key.clone(), load)
        });
        futures::future::join_all(asked).await.into_iter().collect()
    }

    async fn make(
        &self,
        host: &Host,
        context: &ToolContext,
        picture: &Picture,
        ids: &Ids,
    ) -> Result<(Vec<FileEntry>, Vec<String>), ImageError> {
        let _busy = host.begin();
        let graph = match &self.config.workflow {
            Some(template) => workflow::fill(template, picture),
            None => workflow::standard(picture),
        };
        let comfy = self.comfy(&host.url);
        let remotes = comfy.run(&graph, &ids.client, &ids.prompt).await?;
        if remotes.is_empty() {
            return Err(ImageError::Nothing("the workflow ended without a picture".to_owned()));
        }
        let bytes_max = usize::try_from(self.files.limits().file_bytes_max).unwrap_or(usize::MAX);
        let (mut writes, mut names) = (Vec::new(), Vec::new());
        for (at, remote) in remotes.iter().enumerate() {
            let bytes = comfy.download(remote, bytes_max).await?;
            let Some(extension) = kind_of(&bytes) else {
                return Err(ImageError::Nothing("what the host gave is no picture".to_owned()));
            };
            let stem = format!("{FOLDER}/{}-{}", ids.name, at + 1);
            let made = sidecar(picture, host, remote, &self.config);
            let name = format!("{stem}.{extension}");
            writes.push(
                self.files
                    .write(context, RelativePath::parse(&name).map_err(FilesError::from)?, bytes)
                    .await?,
            );
            let beside = RelativePath::parse(&format!("{stem}.json")).map_err(FilesError::from)?;
            writes.push(self.files.write(context, beside, made.into_bytes()).await?);
            names.push(name);
        }
        Ok((writes, names))
    }
}

#[async_trait]
impl Tool for GenerateImageTool {
    fn spec(&self) -> Arc<ToolSpec> {
        let side = json!({ "type": "integer", "minimum": SIDE_MIN, "maximum": SIDE_MAX, "description": "In pixels; default 1024" });
        let hosts = u64::try_from(self.config.hosts.len().max(1)).unwrap_or(1);
        let timeout_ms = u64::try_from(self.config.timeout.as_millis()).unwrap_or(u64::MAX);
        Arc::new(ToolSpec {
            definition: ToolDefinition {
                name: "generate_image".to_owned(),
                description:
                    "Makes a picture from a description and puts it into the project, in the folder images."
                        .to_owned(),
                input_schema: json!({
                    "type": "object",
                    "properties": {
                        "prompt": { "type": "string", "minLength": 1, "maxLength": 10_000, "description": "What the picture shows" },
                        "negative_prompt": { "type": "string", "maxLength": 10_000, "description": "What it must not show" },
                        "width": side,
                        "height": side,
                        "host": { "type": "string", "enum": self.hosts.keys(), "description": "Host to prefer; without it the least busy" },
                    },
                    "required": ["prompt"],
                }),
            },
            class: ToolClass::Workspace,
            timeout_ms: timeout_ms.saturating_add(60_000).saturating_mul(hosts),
            output_max_bytes: OUTPUT_BYTES_MAX,
            needs: crate::local_llm::needs("comfyui", &self.config.hosts),
            is_untrusted: false,
        })
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        let ids = Ids::of(context);
        let side = |name: &str| number(input, name).unwrap_or(SIDE_DEFAULT) as u64;
        let negative = Some(text(input, "negative_prompt")).filter(|negative| !negative.is_empty());
        let picture = Picture {
            prompt: text(input, "prompt").to_owned(),
            negative: negative.unwrap_or(workflow::NEGATIVE_DEFAULT).to_owned(),
            width: side("width"),
            height: side("height"),
            seed: ids.seed,
            checkpoint: self.config.checkpoint.clone(),
        };
        let loads = self.loads().await;
        let wanted = input.get("host").and_then(Value::as_str);
        let (mut failures, mut is_workflow) = (Vec::new(), true);
        for host in self.hosts.order(wanted, |key| loads.get(key).copied().unwrap_or(0)) {
            match self.make(host, context, &picture, &ids).await {
                Ok((writes, names)) => {
                    host.report(true);
                    let (width, height, seed) = (picture.width, picture.height, picture.seed);
                    let mut outcome =
                        ToolOutcome::ok(format!("made {} ({width}x{height}, seed {seed})", names.join(", ")));
                    outcome.writes = writes;
                    return outcome;
                }
                Err(ImageError::Files(error)) => return crate::file::failure(&error),
                // The host is well, and another may have the model or the memory.
                Err(ImageError::Comfy(ComfyError::Workflow(reason))) => {
                    failures.push(format!("{}: the workflow failed: {reason}", host.key));
                }
                Err(ImageError::Comfy(error)) => {
                    is_workflow = false;
                    host.report(false);
                    failures.push(format!("{}: {error}", host.key));
                }
                Err(ImageError::Nothing(why)) => {
                    is_workflow = false;
                    failures.push(format!("{}: {why}", host.key));
                }
            }
        }
        let code = if is_workflow { "workflow_failed" } else { "service_failed" };
        ToolOutcome::error(code, format_args!("no picture: {}", failures.join("; ")))
    }
}

/// Everything that must be the same when a call is repeated.
struct Ids {
    seed: u64,
    name: String,
    client: String,
    prompt: String,
}

impl Ids {
    fn of(context: &ToolContext) -> Self {
        let mut hash = Sha256::new();
        for part in [context.project.as_str(), context.task.as_str(), &context.idempotency_key] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(context.attempt.to_le_bytes());
        let hash = hash.finalize();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let seed = hash.iter().rev().take(6).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        // In the form of a UUID, which newer versions insist on.
        let prompt =
            format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
        Self { seed, name: hex[..12].to_owned(), client: hex[32..40].to_owned(), prompt }
    }
}

/// The extension for these bytes; `None` for what is no picture.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        _ => None,
    }
}

fn sidecar(picture: &Picture, host: &Host, remote: &Remote, config: &ImageConfig) -> String {
    let made = json!({
        "prompt": picture.prompt,
        "negative_prompt": picture.negative,
        "width": picture.width,
        "height": picture.height,
        "seed": picture.seed,
        "checkpoint": picture.checkpoint,
        "host": host.key,
        "workflow": if config.workflow.is_some() { "custom" } else { "standard" },
        "source": { "filename": remote.filename, "subfolder": remote.subfolder, "type": remote.kind },
    });
    format!("{made:#}\n")
}
