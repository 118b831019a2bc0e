//! What the server shows of knowledge databases. An unknown or broken one is
//! empty here and never an error; paths of this machine are not shown.

use super::Knowledge;
use super::database::IndexState;

/// Most documents of one page.
pub const PAGE_MAX: u32 = 200;
/// How a missing source is called.
const NO_SOURCE: &str = "(none)";
/// Longest preview, in characters.
const PREVIEW_CHARS_MAX: usize = 200;

/// A database at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSummary {
    /// Its configured name.
    pub name: String,
    /// Whether the file is there.
    pub exists: bool,
    /// Its size.
    pub file_size_bytes: u64,
    /// Chunks in it.
    pub chunk_count: u64,
    /// Different sources in it.
    pub source_count: u64,
    /// Where its vectors are.
    pub index_state: IndexState,
    /// Rows whose vector cannot be used, as far as is known.
    pub skipped_count: u64,
    /// Its sources, the largest first.
    pub sources: Vec<SourceCount>,
}

/// A source and how many chunks it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCount {
    /// Its name, `(none)` for chunks without.
    pub source: String,
    /// Chunks of it.
    pub count: u64,
}

/// A chunk as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Key in the database.
    pub id: String,
    /// Where it was taken from, `(none)` if that is not known.
    pub source: String,
    /// What it is about.
    pub type_name: Option<String>,
    /// Name of its file, without folders.
    pub file_path: Option<String>,
    /// Its first 200 characters.
    pub text_preview: String,
}

/// A page of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// How many there are on all pages.
    pub total: u64,
    /// Those of this page, by source and id.
    pub items: Vec<Document>,
}

impl Knowledge {
    /// All configured databases, by name.
    pub async fn databases(&self) -> Vec<DatabaseSummary> {
        let mut summaries = Vec::new();
        for (name, database) in self.all() {
            let bytes = database.file_bytes().await;
            let sources = self.sources(name).await;
            summaries.push(DatabaseSummary {
                name: name.clone(),
                exists: bytes.is_some(),
                file_size_bytes: bytes.unwrap_or(0),
                chunk_count: sources.iter().map(|source| source.count).sum(),
                source_count: sources.len() as u64,
                index_state: database.state().await,
                skipped_count: database.skipped().await,
                sources,
            });
        }
        summaries
    }

    /// The sources of a database, the largest first.
    pub async fn sources(&self, name: &str) -> Vec<SourceCount> {
        let Ok(database) = self.get(name) else { return Vec::new() };
        let sources = database.sources().await.unwrap_or_default();
        let shown = |(source, count): (Option<String>, i64)| SourceCount {
            source: source.unwrap_or_else(|| NO_SOURCE.to_owned()),
            count: u64::try_from(count).unwrap_or(0),
        };
        sources.into_iter().map(shown).collect()
    }

    /// A page of a database's documents, of one source if one is given. `limit` is
    /// brought between 1 and [`PAGE_MAX`].
    pub async fn documents(&self, name: &str, source: Option<&str>, offset: u64, limit: u32) -> Documents {
        let Ok(database) = self.get(name) else { return Documents::default() };
        let source = source.map(|source| (source != NO_SOURCE).then_some(source));
        let Ok((total, chunks)) = database.documents(source, offset, limit.clamp(1, PAGE_MAX)).await else {
            return Documents::default();
        };
        let items = chunks.into_iter().map(|chunk| Document {
            id: chunk.id,
            source: chunk.source.unwrap_or_else(|| NO_SOURCE.to_owned()),
            type_name: chunk.type_name,
            file_path: chunk.file_path.map(|path| base_name(&path).to_owned()),
            text_preview: chunk.text.chars().take(PREVIEW_CHARS_MAX).collect(),
        });
        Documents { total: u64::try_from(total).unwrap_or(0), items: items.collect() }
    }
}

/// The last name of a path of any system.
fn base_name(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(path)
}
