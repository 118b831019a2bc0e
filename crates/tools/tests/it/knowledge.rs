//! Knowledge databases: files as the prototype makes them, files that are broken in
//! every way, files that change, and files made from folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::Toolbox;
use domain::tool::ToolOutcome;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tools::knowledge::{
    EmbedConfig, Embedder, IndexState, Knowledge, KnowledgeError, LookupTypeTool, OllamaEmbedder,
    OpenAiEmbedder, SearchKnowledgeTool, TextRole, index_dir,
};
use tools::{Registry, Tool};

use super::stub::Stub;
use super::{assert_code, names, task};

const DIMS: usize = 64;

/// Words as directions: texts with the same words are near. Deterministic.
#[derive(Default)]
struct Hashing {
    texts: AtomicUsize,
}

fn hashed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMS];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2) {
        let hash = word.bytes().fold(5381_usize, |hash, byte| hash.wrapping_mul(33) ^ usize::from(byte));
        vector[hash % DIMS] += 1.0;
    }
    vector
}

#[async_trait]
impl Embedder for Hashing {
    fn model(&self) -> &str {
        "hashing"
    }

    async fn embed(&self, _: TextRole, texts: &[String]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        Ok(texts.iter().map(|text| hashed(text)).collect())
    }
}

async fn writer(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'a str, Option<Vec<u8>>);

fn blob(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

async fn add(connection: &mut SqliteConnection, (id, source, type_name, text, embedding): Row<'_>) {
    let statement = "INSERT INTO chunks VALUES ($1, $2, $3, $4, $5, $6)";
    let file = "C:\\repo\\src\\File.cs";
    let row =
        sqlx::query(statement).bind(id).bind(source).bind(type_name).bind(file).bind(text).bind(embedding);
    let number = row.execute(&mut *connection).await.unwrap().last_insert_rowid();
    let statement = "INSERT INTO chunks_fts (rowid, text) VALUES ($1, $2)";
    sqlx::query(statement).bind(number).bind(text).execute(connection).await.unwrap();
}

/// As the prototype makes them.
async fn make(path: &Path) -> SqliteConnection {
    let mut connection = writer(path).await;
    for statement in [
        "CREATE TABLE chunks (id TEXT PRIMARY KEY, source TEXT, type_name TEXT, file_path TEXT, text TEXT, embedding BLOB)",
        "CREATE VIRTUAL TABLE chunks_fts USING fts5(text)",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    for row in [
        ("a", Some("docs"), Some("PlayerController"), "the player moves with the arrow keys", true),
        ("b", Some("docs"), Some("Inventory"), "the inventory holds 100% of the items", true),
        ("c", Some("code"), Some("InventoryView"), "draws a grid of pictures", true),
        ("d", None, None, "without a source the weather changes", true),
        ("e", Some("code"), None, "an entry without a vector", false),
    ] {
        let vector = row.4.then(|| blob(&hashed(row.3)));
        add(&mut connection, (row.0, row.1, row.2, row.3, vector)).await;
    }
    connection
}

struct Fixture {
    dir: tempfile::TempDir,
    knowledge: Arc<Knowledge>,
    registry: Registry,
}

impl Fixture {
    fn path(&self) -> PathBuf {
        self.dir.path().join("docs.db")
    }

    fn empty(embedder: Option<Arc<dyn Embedder>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let databases = BTreeMap::from([("docs".to_owned(), dir.path().join("docs.db"))]);
        let knowledge = Arc::new(Knowledge::new(databases, Some(DIMS), embedder));
        let tools: Vec<Arc<dyn Tool>> = vec![
            Arc::new(SearchKnowledgeTool(knowledge.clone())),
            Arc::new(LookupTypeTool(knowledge.clone())),
        ];
        let (registry, left_out) = Registry::new(tools);
        assert_eq!(left_out, []);
        Self { dir, knowledge, registry }
    }

    async fn new() -> Self {
        let fixture = Self::empty(Some(Arc::new(Hashing::default())));
        make(&fixture.path()).await.close().await.unwrap();
        fixture
    }

    async fn call(&self, tool: &str, input: Value) -> ToolOutcome {
        self.registry.call(&task("tsk_1", 1), tool, &input).await
    }

    async fn search(&self, query: &str) -> ToolOutcome {
        self.call("search_knowledge", json!({ "query": query, "database": "docs" })).await
    }

    async fn state(&self) -> IndexState {
        self.knowledge.databases().await[0].index_state
    }
}

#[tokio::test]
async fn a_question_finds_the_nearest_texts_in_the_format_of_the_prototype() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.state().await, IndexState::Unloaded);
    let input = json!({ "query": "player moves arrow keys", "database": "docs", "top_k": 1 });
    let found = fixture.call("search_knowledge", input).await;
    assert!(!found.is_error);
    let expected = "[source: docs | type: PlayerController | file: C:\\repo\\src\\File.cs | score: 0.";
    assert!(found.content.starts_with(expected), "{}", found.content);
    assert!(found.content.ends_with("]\nthe player moves with the arrow keys"), "{}", found.content);
    assert_eq!(fixture.state().await, IndexState::Loaded);
    let input = json!({ "query": "inventory", "database": "docs", "source_filter": "code", "top_k": 99 });
    let found = fixture.call("search_knowledge", input).await.content;
    assert!(!found.contains("source: docs") && !found.contains("without a vector"), "{found}");
    let input = json!({ "query": "inventory", "database": "docs", "source_filter": "nope" });
    assert_eq!(fixture.call("search_knowledge", input).await.content, "No results found.");
    for (input, code) in [
        (json!({ "query": "x", "database": "other" }), "invalid_tool_input"),
        (json!({ "query": "", "database": "docs" }), "invalid_tool_input"),
        (json!({ "query": "x" }), "invalid_tool_input"),
    ] {
        assert_code(&fixture.call("search_knowledge", input).await, code, "input");
    }
}

#[tokio::test]
async fn lookup_goes_from_the_exact_name_to_the_text() {
    let fixture = Fixture::new().await;
    for (name, expected) in [
        ("Inventory", vec!["Inventory"]),
        ("inventory", vec!["Inventory", "InventoryView"]),
        ("arrow KEYS", vec!["PlayerController"]),
        ("rid of pict", vec!["InventoryView"]),
        ("' OR 1=1 --", vec![]),
        ("%", vec!["Inventory"]),
        ("_", vec![]),
        ("\u{0}", vec![]),
    ] {
        let found = fixture.call("lookup_type", json!({ "name": name, "database": "docs" })).await;
        assert!(!found.is_error, "{name}: {}", found.content);
        let types: Vec<&str> =
            found.content.split("type: ").skip(1).filter_map(|part| part.split(" |").next()).collect();
        assert_eq!(types, expected, "{name}");
        assert!(types.is_empty() || found.content.contains("score: 0.000]"));
    }
}

#[tokio::test]
async fn without_an_embedding_model_words_are_searched_and_it_says_so() {
    let fixture = Fixture::empty(None);
    make(&fixture.path()).await.close().await.unwrap();
    let found = fixture.search("which items does the inventory hold?").await.content;
    assert!(
        found.starts_with("[full-text search only: no embedding model is configured]\n\n[source: "),
        "{found}"
    );
    assert!(found.contains("holds 100% of the items"), "{found}");
    // B69: operators and quotes are words.
    for query in
        ["%", "'; DROP TABLE chunks; --", "\"", "AND", "NEAR(", "*", "text:player", "a\u{0}b", "(((((", "-"]
    {
        let found = fixture.search(query).await;
        assert!(!found.is_error, "{query}: {}", found.content);
    }
    assert!(fixture.search("100%").await.content.contains("items"));
}

#[tokio::test]
async fn a_service_that_fails_means_full_text_search() {
    let config = EmbedConfig {
        url: "http://127.0.0.1:9".to_owned(),
        model: "m".to_owned(),
        timeout: Duration::from_secs(2),
        api_key: None,
    };
    let fixture = Fixture::empty(Some(Arc::new(OllamaEmbedder::new(config).unwrap())));
    make(&fixture.path()).await.close().await.unwrap();
    let found = fixture.search("player").await.content;
    assert!(
        found.starts_with("[full-text search only: the text could not be embedded: it cannot be reached]"),
        "{found}"
    );
    assert!(found.contains("arrow keys"));
}

#[tokio::test]
async fn one_bad_row_is_skipped_and_counted() {
    let fixture = Fixture::empty(Some(Arc::new(Hashing::default())));
    let mut connection = make(&fixture.path()).await;
    let nan = blob(&[f32::NAN; DIMS]);
    for (id, bytes) in
        [("x", vec![1, 2, 3]), ("y", blob(&[1.0; 3])), ("z", nan), ("w", blob(&[0.0; DIMS])), ("v", vec![])]
    {
        add(&mut connection, (id, None, None, "bad", Some(bytes))).await;
    }
    sqlx::query("INSERT INTO chunks (id, text, embedding) VALUES ('t', 'bad', 'no blob')")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let found = fixture.search("player moves arrow keys").await;
    assert!(
        found.content.contains("the player moves") && !found.content.contains("\nbad"),
        "{}",
        found.content
    );
    assert_eq!(fixture.knowledge.databases().await[0].skipped_count, 6);
}

#[tokio::test]
async fn broken_files_are_told_apart() {
    let embedder = || -> Option<Arc<dyn Embedder>> { Some(Arc::new(Hashing::default())) };
    let fixture = Fixture::empty(embedder());
    let check = async |what: &str, code: &str, state: IndexState| {
        let found = fixture.search("player").await;
        assert_code(&found, code, what);
        assert!(!found.content.contains(fixture.dir.path().to_str().unwrap()), "{}", found.content);
        assert_code(
            &fixture.call("lookup_type", json!({ "name": "x", "database": "docs" })).await,
            code,
            what,
        );
        assert_eq!(fixture.state().await, state, "{what}");
        assert_eq!(fixture.knowledge.sources("docs").await, []);
        assert_eq!(fixture.knowledge.documents("docs", None, 0, 50).await.total, 0);
    };
    check("missing", "database_missing", IndexState::Unknown).await;
    for (what, content) in
        [("empty", Vec::new()), ("text", b"hello".repeat(100)), ("cut", b"SQLite format 3\0".to_vec())]
    {
        std::fs::write(fixture.path(), content).unwrap();
        check(what, "database_not_usable", IndexState::Error).await;
    }
    std::fs::remove_file(fixture.path()).unwrap();
    make(&fixture.path()).await.close().await.unwrap();
    let mut bytes = std::fs::read(fixture.path()).unwrap();
    bytes[100..].fill(0xff);
    std::fs::write(fixture.path(), bytes).unwrap();
    check("damaged", "database_not_usable", IndexState::Error).await;
    std::fs::remove_file(fixture.path()).unwrap();
    let mut other = writer(&fixture.path()).await;
    sqlx::query("CREATE TABLE chunks (id TEXT, text TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    check("other tables", "database_not_usable", IndexState::Error).await;
    std::fs::remove_file(fixture.path()).unwrap();
    std::fs::create_dir(fixture.path()).unwrap();
    check("a folder", "database_missing", IndexState::Unknown).await;
}

#[tokio::test]
async fn a_locked_database_is_told_and_works_again_afterwards() {
    let fixture = Fixture::new().await;
    let mut other = writer(&fixture.path()).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    assert_code(&fixture.search("player").await, "database_locked", "locked");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert!(!fixture.search("player").await.is_error);
}

#[tokio::test]
async fn vectors_of_another_length_are_told() {
    let fixture = Fixture::empty(Some(Arc::new(Hashing::default())));
    let mut connection = make(&fixture.path()).await;
    sqlx::query("UPDATE chunks SET embedding = zeroblob(40)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let found = fixture.search("player").await;
    assert_code(&found, "wrong_dimension", "wrong");
    assert!(found.content.contains("have 10 numbers, those of the embedding model 64"), "{}", found.content);
    assert_eq!(fixture.state().await, IndexState::Failed);
}

#[tokio::test]
async fn a_changed_file_is_read_again_and_nothing_is_left_beside_it() {
    let fixture = Fixture::empty(Some(Arc::new(Hashing::default())));
    let mut connection = make(&fixture.path()).await;
    assert!(fixture.search("player arrow").await.content.contains("arrow keys"));
    assert!(!fixture.search("zebra stripes").await.content.contains("zebra stripes are black"));
    let vector = blob(&hashed("zebra stripes"));
    add(&mut connection, ("n", Some("new"), None, "zebra stripes are black", Some(vector.clone()))).await;
    assert!(fixture.search("zebra stripes").await.content.contains("zebra stripes are black"));
    assert_eq!(names(fixture.dir.path()), ["docs.db"]);
    // In WAL mode too: what is only in the log is seen.
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await.unwrap();
    add(&mut connection, ("m", Some("new"), None, "zebra stripes are white", Some(vector))).await;
    assert!(fixture.search("zebra stripes").await.content.contains("zebra stripes are white"));
    assert_eq!(fixture.knowledge.sources("docs").await.len(), 4);
    connection.close().await.unwrap();
    let bytes = std::fs::read(fixture.path()).unwrap();
    assert!(fixture.search("zebra stripes").await.content.contains("zebra stripes are white"));
    assert_eq!(std::fs::read(fixture.path()).unwrap(), bytes);
}

#[tokio::test]
async fn a_database_in_wal_mode_is_read_without_making_files_beside_it() {
    let fixture = Fixture::empty(Some(Arc::new(Hashing::default())));
    let mut connection = make(&fixture.path()).await;
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(fixture.search("player arrow").await.content.contains("arrow keys"));
    assert_eq!(names(fixture.dir.path()), ["docs.db"]);
}

#[tokio::test]
async fn the_server_sees_databases_sources_and_documents() {
    let fixture = Fixture::new().await;
    let database = &fixture.knowledge.databases().await[0];
    assert_eq!((database.chunk_count, database.source_count, database.exists), (5, 3, true));
    let sources = fixture.knowledge.sources("docs").await;
    let sources: Vec<(&str, u64)> =
        sources.iter().map(|source| (source.source.as_str(), source.count)).collect();
    assert_eq!(sources, [("code", 2), ("docs", 2), ("(none)", 1)]);
    let page = fixture.knowledge.documents("docs", None, 1, 2).await;
    assert_eq!(page.total, 5);
    assert_eq!(page.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["c", "e"]);
    assert_eq!(page.items[0].file_path.as_deref(), Some("File.cs"));
    for (source, total) in [("docs", 2), ("(none)", 1), ("%", 0)] {
        assert_eq!(fixture.knowledge.documents("docs", Some(source), 0, 50).await.total, total, "{source}");
    }
    assert_eq!(fixture.knowledge.documents("docs", None, u64::MAX, u32::MAX).await.items, []);
    assert_eq!(fixture.knowledge.documents("other", None, 0, 50).await.total, 0);
}

#[tokio::test]
async fn a_folder_becomes_a_database_and_only_what_changed_is_embedded() {
    let fixture = Fixture::empty(Some(Arc::new(Hashing::default())));
    let source = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = source.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("guide.md", "# Install\nUnpack the archive.\n\n# Configure\nEdit the settings file.\n");
    write("src/lib.rs", "/// Rolls dice.\npub fn roll() {}\n\nstruct Cup;\n");
    write("picture.bin", "a\0b");
    write(".git/config", "hidden");
    write("node_modules/x.js", "hidden");
    std::os::unix::fs::symlink("/etc/passwd", source.path().join("link")).unwrap();
    let embedder = Arc::new(Hashing::default());
    let index =
        async || index_dir(source.path(), &fixture.path(), "handbook", Some(embedder.clone())).await.unwrap();
    let report = index().await;
    assert_eq!((report.indexed, report.chunks, report.has_vectors, report.left_out_count), (2, 4, true, 2));
    let found = fixture.search("unpack archive").await.content;
    assert!(found.starts_with("[source: handbook | type: Install | file: guide.md | score: "), "{found}");
    let found = fixture.call("lookup_type", json!({ "name": "roll", "database": "docs" })).await.content;
    assert!(found.contains("/// Rolls dice."), "{found}");
    let texts = embedder.texts.load(Ordering::Relaxed);
    assert_eq!(index().await.unchanged, 2);
    assert_eq!(embedder.texts.load(Ordering::Relaxed), texts);
    write("src/lib.rs", "pub fn throw() {}\n");
    std::fs::remove_file(source.path().join("guide.md")).unwrap();
    let report = index().await;
    assert_eq!((report.indexed, report.removed, report.chunks), (1, 1, 1));
    assert!(!fixture.search("unpack archive").await.content.contains("archive"));
    // A second folder in the same file leaves the first as it is.
    let report = index_dir(source.path(), &fixture.path(), "other", None).await.unwrap();
    assert_eq!((report.indexed, report.has_vectors), (1, false));
    assert_eq!(fixture.knowledge.sources("docs").await.len(), 2);
}

#[tokio::test]
async fn a_database_of_somebody_else_is_not_written() {
    let fixture = Fixture::new().await;
    let before = std::fs::read(fixture.path()).unwrap();
    let source = tempfile::tempdir().unwrap();
    let error = index_dir(source.path(), &fixture.path(), "x", None).await.unwrap_err();
    assert_eq!(error.code(), "database_not_usable");
    assert_eq!(std::fs::read(fixture.path()).unwrap(), before);
    let missing = source.path().join("nothing");
    assert_eq!(
        index_dir(&missing, &source.path().join("x.db"), "x", None).await.unwrap_err().code(),
        "tool_failed"
    );
}

#[tokio::test]
async fn both_embedding_protocols_are_spoken() {
    let stub = Stub::start(|method, path, body| {
        let count = body["input"].as_array().map_or(0, Vec::len);
        match (method, path) {
            ("POST", "/api/embed") if body["truncate"] == false && body["model"] == "m" => {
                assert_eq!(body["input"][0], "search_document: a");
                (200, json!({ "embeddings": vec![[1.0, 2.0]; count] }))
            }
            ("POST", "/old/api/embeddings") => {
                (200, json!({ "embedding": [3.0, 4.0], "seen": body["prompt"] }))
            }
            ("POST", "/v1/embeddings") => (
                200,
                json!({ "data": [{ "index": 1, "embedding": [2.0] }, { "index": 0, "embedding": [1.0] }] }),
            ),
            ("POST", "/short/api/embed") => (200, json!({ "embeddings": [[1.0]] })),
            ("POST", "/mixed/api/embed") => (200, json!({ "embeddings": [[1.0], [1.0, 2.0]] })),
            ("POST", "/text/api/embed") => (200, json!({ "embeddings": [["a"], ["b"]] })),
            ("POST", "/model/api/embed") => (404, json!({ "error": "model \"m\" not found" })),
            _ => (404, json!({ "error": "404 page not found" })),
        }
    })
    .await;
    let config = |base: &str| EmbedConfig {
        url: stub.url(base),
        model: "m".to_owned(),
        timeout: Duration::from_secs(5),
        api_key: None,
    };
    let texts = ["a".to_owned(), "b".to_owned()];
    let ollama = async |base: &str| {
        OllamaEmbedder::new(config(base))
            .unwrap()
            .embed(TextRole::Document, &texts)
            .await
            .map_err(|error| error.to_string())
    };
    assert_eq!(ollama("").await, Ok(vec![vec![1.0, 2.0]; 2]));
    assert_eq!(ollama("/old/").await, Ok(vec![vec![3.0, 4.0]; 2]));
    for (base, words) in [
        ("/short", "2 vectors"),
        ("/mixed", "different lengths"),
        ("/text", "no vector"),
        ("/model", "not found"),
    ] {
        let error = ollama(base).await.unwrap_err();
        assert!(error.contains(words), "{base}: {error}");
    }
    for base in ["", "/v1", "/v1/"] {
        let embedder = OpenAiEmbedder::new(config(base)).unwrap();
        assert_eq!(embedder.embed(TextRole::Query, &texts).await.unwrap(), [vec![1.0], vec![2.0]]);
    }
}
