//! From texts to vectors, by a service. The prefixes are the convention of the
//! models that the prototype used: question and text are told apart by them.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use serde_json::{Value, json};

use super::error::KnowledgeError;
use crate::http::{self, HttpError};

/// Longest answer: 64 vectors of 4,096 numbers as text.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRole {
    /// A question that looks for texts.
    Query,
    /// A text that is to be found.
    Document,
}

impl TextRole {
    /// What is put before the text.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Query => "search_query: ",
            Self::Document => "search_document: ",
        }
    }
}

/// Makes vectors of texts.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The model's name; vectors of different models do not go together.
    fn model(&self) -> &str;

    /// One vector for each text, all of the same length.
    async fn embed(&self, role: TextRole, texts: &[String]) -> Result<Vec<Vec<f32>>, KnowledgeError>;
}

/// Where and with what to embed.
#[derive(Clone, Debug)]
pub struct EmbedConfig {
    /// Base address of the service.
    pub url: String,
    /// Model there.
    pub model: String,
    /// Longest wait for one request.
    pub timeout: Duration,
    /// Sent as a bearer token, to OpenAI-compatible services only.
    pub api_key: Option<ApiKey>,
}

/// A key that is not shown by accident.
#[derive(Clone)]
pub struct ApiKey(pub String);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Ollama's `/api/embed`, and `/api/embeddings` of versions before 0.3.
pub struct OllamaEmbedder {
    client: Client,
    config: EmbedConfig,
}

/// `/v1/embeddings`, as vLLM, llama.cpp and gateways have it.
pub struct OpenAiEmbedder {
    client: Client,
    config: EmbedConfig,
}

impl OllamaEmbedder {
    /// At this address.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(config: EmbedConfig) -> Result<Self, HttpError> {
        Ok(Self { client: http::client()?, config })
    }

    async fn post(&self, route: &str, body: &Value) -> Result<Value, HttpError> {
        let request = self.client.post(http::join(&self.config.url, route)).json(body);
        http::json(request, ANSWER_BYTES_MAX, self.config.timeout).await
    }
}

impl OpenAiEmbedder {
    /// At this address, which may end in `/v1` or not.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(config: EmbedConfig) -> Result<Self, HttpError> {
        Ok(Self { client: http::client()?, config })
    }
}

#[async_trait]
impl Embedder for OllamaEmbedder {
    fn model(&self) -> &str {
        &self.config.model
    }

    async fn embed(&self, role: TextRole, texts: &[String]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let texts = prefixed(role, texts);
        // Without `truncate: false` a long text would be cut and nobody would know.
        let body = json!({ "model": self.config.model, "input": texts, "truncate": false });
        match self.post("api/embed", &body).await {
            Ok(answer) => vectors(answer.get("embeddings"), texts.len()),
            // An old version has no such route; a missing model says so in words.
            Err(HttpError::Refused(404, words)) if !words.contains("model") => {
                let mut all = Vec::with_capacity(texts.len());
                for text in &texts {
                    let body = json!({ "model": self.config.model, "prompt": text });
                    let answer = self.post("api/embeddings", &body).await.map_err(failed)?;
                    all.push(vector(answer.get("embedding"))?);
                }
                same_length(all)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &str {
        &self.config.model
    }

    async fn embed(&self, role: TextRole, texts: &[String]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let texts = prefixed(role, texts);
        let body = json!({ "model": self.config.model, "input": texts });
        let base = self.config.url.trim_end_matches('/').trim_end_matches("/v1");
        let mut request = self.client.post(http::join(base, "v1/embeddings")).json(&body);
        if let Some(ApiKey(key)) = &self.config.api_key {
            request = request.bearer_auth(key);
        }
        let answer = http::json(request, ANSWER_BYTES_MAX, self.config.timeout).await.map_err(failed)?;
        let mut data = answer.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
        // The order is not promised, the number is.
        data.sort_by_key(|entry| entry.get("index").and_then(Value::as_u64).unwrap_or_default());
        let list: Vec<Value> =
            data.iter_mut().filter_map(|entry| entry.get_mut("embedding")).map(Value::take).collect();
        vectors(Some(&Value::Array(list)), texts.len())
    }
}

fn prefixed(role: TextRole, texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| format!("{}{text}", role.prefix())).collect()
}

fn vectors(list: Option<&Value>, count: usize) -> Result<Vec<Vec<f32>>, KnowledgeError> {
    let list = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if list.len() != count {
        return Err(KnowledgeError::Embedding(format!(
            "{count} vectors were asked for and {} came",
            list.len()
        )));
    }
    same_length(list.iter().map(|entry| vector(Some(entry))).collect::<Result<_, _>>()?)
}

fn vector(list: Option<&Value>) -> Result<Vec<f32>, KnowledgeError> {
    let numbers = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    #[expect(clippy::cast_possible_truncation, reason = "vectors are kept in single precision")]
    let vector: Option<Vec<f32>> =
        numbers.iter().map(|number| number.as_f64().map(|number| number as f32)).collect();
    vector
        .filter(|vector| !vector.is_empty() && vector.iter().all(|number| number.is_finite()))
        .ok_or_else(|| KnowledgeError::Embedding("the answer holds no vector".to_owned()))
}

fn same_length(vectors: Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>, KnowledgeError> {
    if vectors.windows(2).any(|pair| pair[0].len() != pair[1].len()) {
        return Err(KnowledgeError::Embedding("the vectors have different lengths".to_owned()));
    }
    Ok(vectors)
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function that maps errors")]
fn failed(error: HttpError) -> KnowledgeError {
    KnowledgeError::Embedding(error.to_string())
}
