//! Knowledge search with a real small embedding model, so that the vectors mean
//! something: questions in other words find the passage that answers them. Skipped,
//! and said so, where the model is not installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tools::knowledge::{EmbedConfig, Embedder, Knowledge, OllamaEmbedder, index_dir};

/// The model's server and its address.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
async fn start() -> Option<(Child, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_model/embed_server.py");
    let child = Command::new("python3")
        .arg(script)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: there is no python3");
        return None;
    };
    let mut line = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut line).await.ok()?;
    match line.trim().parse::<u16>() {
        Ok(port) => Some((child, format!("http://127.0.0.1:{port}"))),
        Err(_) => {
            println!("skipped: the embedding model does not start: {}", line.trim());
            None
        }
    }
}

const PASSAGES: [(&str, &str); 8] = [
    ("backup.md", "# Nightly copies\nThe database is saved to a second disk every night at two."),
    (
        "login.md",
        "# Signing in\nPasswords are hashed with Argon2 and accounts lock after five wrong attempts.",
    ),
    ("budget.md", "# Spending\nA project pauses when its money is used up; raise the limit to go on."),
    ("cats.md", "# Animals\nThe office cat sleeps on the warm router and likes tuna."),
    ("deploy.md", "# Release\nA new version is rolled out to one server first and then to the others."),
    ("network.md", "# Firewall\nOnly ports 80 and 443 accept connections from outside."),
    ("coffee.md", "# Kitchen\nThe espresso machine must be descaled once a month with citric acid."),
    ("vacation.md", "# Holidays\nEvery employee has thirty days of paid leave a year."),
];

const QUESTIONS: [(&str, &str); 8] = [
    ("How can I restore data that was lost yesterday?", "backup.md"),
    ("How are user credentials stored?", "login.md"),
    ("Why did my work stop, is there no cash left?", "budget.md"),
    ("Which pet do we have?", "cats.md"),
    ("How do we ship updates to production?", "deploy.md"),
    ("Which TCP services are reachable from the internet?", "network.md"),
    ("How do I clean the coffee maker?", "coffee.md"),
    ("How long may staff be away on vacation?", "vacation.md"),
];

#[tokio::test]
async fn known_questions_find_their_known_passages() {
    let Some((_model, url)) = start().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    for (name, text) in PASSAGES {
        std::fs::write(source.join(name), text).unwrap();
    }
    let config =
        EmbedConfig { url, model: "minilm".to_owned(), timeout: Duration::from_secs(60), api_key: None };
    let embedder: Arc<dyn Embedder> = Arc::new(OllamaEmbedder::new(config).unwrap());
    let path = dir.path().join("docs.db");
    let report = index_dir(&source, &path, "docs", Some(embedder.clone())).await.unwrap();
    assert_eq!((report.indexed, report.chunks, report.has_vectors), (8, 8, true));
    let knowledge = Knowledge::new(BTreeMap::from([("docs".to_owned(), path)]), Some(384), Some(embedder));
    for (question, expected) in QUESTIONS {
        let found = knowledge.search("docs", question, 3, None).await.unwrap();
        assert_eq!(found.note, None);
        let files: Vec<&str> =
            found.hits.iter().filter_map(|(_, chunk)| chunk.file_path.as_deref()).collect();
        assert_eq!(files.first(), Some(&expected), "{question}: {files:?}");
    }
}
