//! `orch rag`: knowledge databases made from folders, and searched as tasks would.
//!
//! Which file belongs to a name is decided here; the rest is in `tools::knowledge`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use tools::knowledge::{IndexReport, KnowledgeError, index_dir};

use crate::exit::{Ended, Exit, Failure};
use crate::output::{count, cut, print, say, width, wrapped};
use crate::wire_up::Setup;

/// Folder of the databases in the data folder, when no other file is named.
const FOLDER: &str = "knowledge";
/// Files that could not be taken and are named one by one.
const NAMED_MAX: usize = 10;
/// Lines of one hit.
const HIT_LINES_MAX: usize = 12;

/// Make and search knowledge databases.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  orch rag index ./handbook --name handbook\n  \
                        orch rag query handbook \"How is a release made?\"")]
pub enum RagCommand {
    /// Bring a database up to what is in a folder; only what changed is read anew.
    #[command(after_help = "Examples:\n  orch rag index ./handbook --name handbook\n  \
                            orch rag index ./src --name code --text-only\n  \
                            orch rag index ./src --name code --db code.db")]
    Index {
        /// Folder to read.
        dir: PathBuf,
        /// Name of the database, and of the source of its texts.
        #[arg(long)]
        name: String,
        /// Its file [default: the one in rag.databases, else knowledge/NAME.db in the data folder].
        #[arg(long, value_name = "FILE")]
        db: Option<PathBuf>,
        /// Make no vectors: found by words alone, needs no embedding model.
        #[arg(long)]
        text_only: bool,
    },
    /// Search a database, as the tool search_knowledge does.
    #[command(after_help = "Examples:\n  orch rag query handbook \"How is a release made?\"\n  \
                            orch rag query handbook release --top 3 --json")]
    Query {
        /// Name of the database.
        name: String,
        /// What to look for.
        text: String,
        /// Its file [default: as for `orch rag index`].
        #[arg(long, value_name = "FILE")]
        db: Option<PathBuf>,
        /// How many texts.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
        top: u8,
        /// One a line, for programs.
        #[arg(long)]
        json: bool,
    },
}

impl RagCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// When a name, a folder or a database cannot be used.
    pub async fn run(self, setup: &Setup) -> Ended {
        match self {
            Self::Index { dir, name, db, text_only } => {
                let file = file_of(setup, &name, db)?;
                index(setup, &dir, &name, &file, text_only).await
            }
            Self::Query { name, text, db, top, json } => {
                let file = file_of(setup, &name, db)?;
                query(setup, &name, file, &text, usize::from(top), json).await
            }
        }
    }
}

fn file_of(setup: &Setup, name: &str, named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(file) = named.or_else(|| setup.config.rag.databases.get(name).cloned()) {
        return Ok(file);
    }
    // It becomes the name of a file.
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Failure::usage(format!("{name:?} is no name for a database"))
            .hint("use letters, digits, `-` and `_`"));
    }
    Ok(setup.data_dir.join(FOLDER).join(format!("{name}.db")))
}

async fn index(setup: &Setup, dir: &Path, name: &str, file: &Path, is_text_only: bool) -> Ended {
    if !dir.is_dir() {
        return Err(Failure::usage(format!("{}: there is no such folder", dir.display())));
    }
    let embedder = if is_text_only { None } else { setup.embedder()? };
    let report = index_dir(dir, file, name, embedder).await.map_err(failure)?;
    tell(&report);
    print(&format!("{}\n", file.display()))?;
    if !setup.config.rag.databases.contains_key(name) {
        let value = json!({"rag": {"databases": {name: file}}});
        say(&format!("Tasks may search it once the configuration says: {value}"));
    }
    Ok(Exit::Completed)
}

fn tell(report: &IndexReport) {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let files = count(number(report.indexed), "file");
    let texts = count(number(report.chunks), "text");
    let vectors = if report.has_vectors { "with vectors" } else { "full-text search only" };
    let IndexReport { unchanged, removed, left_out_count, .. } = report;
    say(&format!("{files} read ({texts}, {vectors}), {unchanged} unchanged, {removed} removed"));
    for (path, why) in report.left_out.iter().take(NAMED_MAX) {
        say(&format!("left out: {path}: {why}"));
    }
    let named = report.left_out.len().min(NAMED_MAX) as u64;
    if *left_out_count > named {
        say(&format!("and {} more were left out", left_out_count - named));
    }
}

async fn query(setup: &Setup, name: &str, file: PathBuf, text: &str, top: usize, is_json: bool) -> Ended {
    if text.trim().is_empty() {
        return Err(Failure::usage("the question is blank"));
    }
    let knowledge = setup.knowledge(BTreeMap::from([(name.to_owned(), file)]))?;
    let found = knowledge.search(name, text, top, None).await.map_err(failure)?;
    if let Some(note) = &found.note {
        say(&format!("note: {note}"));
    }
    if found.hits.is_empty() {
        say("Nothing was found.");
    }
    for (score, chunk) in &found.hits {
        let file = chunk.file_path.as_deref().unwrap_or("(no file)");
        if is_json {
            let line = json!({"score": score, "source": chunk.source, "file": chunk.file_path,
                "type": chunk.type_name, "text": chunk.text});
            print(&format!("{line}\n"))?;
            continue;
        }
        let about = chunk.type_name.as_deref().filter(|about| !about.is_empty());
        let title = about.map_or_else(|| file.to_owned(), |about| format!("{file}: {about}"));
        // Full-text hits have an order and no score.
        let score = if *score > 0.0 { format!("  {score:.3}") } else { String::new() };
        print(&format!("{}{score}\n", console::style(cut(&title, width() - 8)).bold()))?;
        let lines = wrapped(&chunk.text, "  ", width() - 2);
        for line in lines.lines().take(HIT_LINES_MAX) {
            print(&format!("{line}\n"))?;
        }
        print("\n")?;
    }
    Ok(Exit::Completed)
}

fn failure(error: KnowledgeError) -> Failure {
    let hint = match &error {
        KnowledgeError::Missing(name) => {
            Some(format!("make it with: orch rag index DIR --name {name}, or name its file with --db"))
        }
        KnowledgeError::Embedding(_) => Some(
            "start Ollama and pull the model of ollama.embed_model, or use --text-only to make no vectors"
                .to_owned(),
        ),
        KnowledgeError::WrongDimension { .. } => {
            Some("index it again with the model of ollama.embed_model".to_owned())
        }
        _ => None,
    };
    let failure = Failure::error(error.to_string());
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
