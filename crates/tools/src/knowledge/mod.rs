//! Knowledge databases: searched for models, shown to people, made from folders.
//!
//! ```text
//! tools      search_knowledge, lookup_type        inspect   what the server shows
//! database   one file, read again when it changes query     every statement that reads
//! vectors    exact search in memory               embed     texts to vectors, by a service
//! build      a folder into a database             chunk     a file into pieces; pure
//! ```
//!
//! The files belong to others and are only read; `build` writes those it made
//! itself. This is the one place outside `store` that speaks SQL, and never about
//! state of ours.

pub mod bench;
pub mod build;
mod chunk;
mod database;
pub mod embed;
mod error;
mod fts;
pub mod inspect;
mod query;
mod tools;
mod vectors;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use build::{IndexReport, index_dir};
pub use database::{IndexState, Scored};
pub use embed::{ApiKey, EmbedConfig, Embedder, OllamaEmbedder, OpenAiEmbedder, TextRole};
pub use error::KnowledgeError;
pub use query::Chunk;
pub use tools::{LookupTypeTool, SearchKnowledgeTool};

use database::Database;
use query::Find;

/// Most chunks that one search gives.
pub const HITS_MAX: usize = 20;

/// All configured databases.
pub struct Knowledge {
    databases: BTreeMap<String, Database>,
    embedder: Option<Arc<dyn Embedder>>,
}

/// What a search gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The chunks, best first.
    pub hits: Scored,
    /// What the reader must know about how they were found.
    pub note: Option<String>,
}

impl Knowledge {
    /// Over these files, by name. `dims`: how long vectors must be; without it, as
    /// most in a file are. Nothing is opened yet.
    #[must_use]
    pub fn new(
        databases: BTreeMap<String, PathBuf>,
        dims: Option<usize>,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Self {
        let open = |(name, path): (String, PathBuf)| (name.clone(), Database::new(name, path, dims));
        Self { databases: databases.into_iter().map(open).collect(), embedder }
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.databases.keys().map(String::as_str).collect()
    }

    fn all(&self) -> impl Iterator<Item = (&String, &Database)> {
        self.databases.iter()
    }

    fn get(&self, name: &str) -> Result<&Database, KnowledgeError> {
        self.databases.get(name).ok_or_else(|| KnowledgeError::Unknown(name.to_owned()))
    }

    /// The chunks nearest to a question: by meaning where that is possible, else by
    /// its words, and then the note says why.
    ///
    /// # Errors
    /// See [`KnowledgeError`].
    pub async fn search(
        &self,
        database: &str,
        question: &str,
        count: usize,
        source: Option<&str>,
    ) -> Result<Found, KnowledgeError> {
        let count = count.clamp(1, HITS_MAX);
        let database = self.get(database)?;
        let why = match &self.embedder {
            None => "no embedding model is configured".to_owned(),
            Some(embedder) if database.has_vectors().await? => {
                match embedder.embed(TextRole::Query, &[question.to_owned()]).await {
                    Ok(vectors) => {
                        let vector = vectors.into_iter().next().unwrap_or_default();
                        let hits = database.nearest(&vector, count, source).await?;
                        return Ok(Found { hits, note: None });
                    }
                    Err(error) => error.to_string(),
                }
            }
            Some(_) => "the database holds no vectors".to_owned(),
        };
        let hits = by_words(database, question, count, source).await?;
        Ok(Found { hits, note: Some(format!("full-text search only: {why}")) })
    }

    /// Chunks about a type: the first way that finds any.
    ///
    /// # Errors
    /// See [`KnowledgeError`].
    pub async fn lookup(&self, database: &str, name: &str, count: usize) -> Result<Scored, KnowledgeError> {
        let database = self.get(database)?;
        let phrase = fts::phrase(name);
        let ways = [
            (Find::TypeEquals, Some(name)),
            (Find::TypeContains, Some(name)),
            (Find::Fts, phrase.as_deref()),
            (Find::TextContains, Some(name)),
        ];
        first_of(database, &ways, None, count.clamp(1, HITS_MAX)).await
    }
}

async fn by_words(
    database: &Database,
    question: &str,
    count: usize,
    source: Option<&str>,
) -> Result<Scored, KnowledgeError> {
    let (phrase, any) = (fts::phrase(question), fts::any_word(question));
    let ways =
        [(Find::Fts, phrase.as_deref()), (Find::Fts, any.as_deref()), (Find::TextContains, Some(question))];
    first_of(database, &ways, source, count).await
}

async fn first_of(
    database: &Database,
    ways: &[(Find, Option<&str>)],
    source: Option<&str>,
    count: usize,
) -> Result<Scored, KnowledgeError> {
    for (how, text) in ways {
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        let chunks = database.find(*how, text, source, count).await?;
        if !chunks.is_empty() {
            return Ok(chunks.into_iter().map(|chunk| (0.0, chunk)).collect());
        }
    }
    Ok(Vec::new())
}
