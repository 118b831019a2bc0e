//! What tasks may use: knowledge databases, local models, MCP servers, and the
//! switches of the rest.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::Bench;

/// A folder with two texts, indexed by words alone.
fn indexed(bench: &Bench) {
    std::fs::create_dir(bench.path("handbook")).unwrap();
    bench.write("handbook/release.md", "# Release\n\nA release is made on Tuesdays by the gardener.\n");
    bench.write("handbook/holiday.md", "# Holiday\n\nThe office is closed in August.\n");
    bench.orch(&["rag", "index", "handbook", "--name", "handbook", "--text-only"]).exits(0);
}

#[test]
fn a_folder_becomes_a_database_that_is_searched() {
    let mut bench = Bench::new();
    bench.orch(&["rag", "query", "handbook", "x"]).exits(1).says("orch rag index DIR --name handbook");
    indexed(&bench);
    let found = bench.orch(&["rag", "query", "handbook", "gardener", "--json"]).exits(0).lines();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["file"], "release.md");
    let shown = bench.orch(&["rag", "query", "handbook", "gardener"]).exits(0).says("full-text search only");
    assert!(shown.stdout.contains("release.md") && shown.stdout.contains("on Tuesdays"), "{}", shown.stdout);
    bench.orch(&["rag", "query", "handbook", "zeppelin"]).exits(0).says("Nothing was found");
    bench.write("handbook/holiday.md", "# Holiday\n\nThe office is closed in May.\n");
    bench
        .orch(&["rag", "index", "handbook", "--name", "handbook", "--text-only"])
        .exits(0)
        .says("1 file read")
        .says("1 unchanged")
        .says("\"databases\"");

    // Tasks have it once the configuration names it, and only while it is there.
    let offers = |bench: &Bench| bench.orch(&["doctor"]).stdout.contains("search_knowledge");
    assert!(!offers(&bench));
    bench.set("ORCH__RAG__DATABASES", r#"{"handbook": "data/knowledge/handbook.db"}"#);
    assert!(offers(&bench));
    bench.orch(&["doctor"]).exits(0);
    bench.set("ORCH__RAG__DATABASES", r#"{"handbook": "elsewhere.db"}"#);
    assert!(!offers(&bench));
    let doctor = bench.orch(&["doctor"]).exits(1).stdout;
    assert!(doctor.contains("handbook: its file is missing"), "{doctor}");
}

#[test]
fn what_cannot_be_indexed_says_why() {
    let bench = Bench::new();
    bench.orch(&["rag", "index", "nowhere", "--name", "n"]).exits(2).says("nowhere: there is no such folder");
    std::fs::create_dir(bench.path("notes")).unwrap();
    bench.write("notes/a.md", "Words.");
    bench.orch(&["rag", "index", "notes", "--name", "../n"]).exits(2).says("is no name for a database");
    bench.orch(&["rag", "index", "notes", "--name", "n"]).exits(1).says("embedded").says("--text-only");
    bench.write("letter.db", "This is a letter, not a database.");
    bench
        .orch(&["rag", "index", "notes", "--name", "n", "--text-only", "--db", "letter.db"])
        .exits(1)
        .says("not a database");
    bench.orch(&["rag", "query", "n", " "]).exits(2).says("blank");
}

#[test]
fn switches_say_what_is_off_and_what_cannot_work() {
    let mut bench = Bench::new();
    let doctor = bench.orch(&["doctor"]).exits(0).stdout;
    assert!(doctor.contains("edit_file, list_files, read_file, search_files, write_file"), "{doctor}");
    assert!(doctor.contains("local_llm is left out: no server of ollama.hosts answers"), "{doctor}");
    assert!(doctor.contains("off: tools.generate_image.enabled"), "{doctor}");
    assert!(!bench.path("data").exists(), "a look makes nothing");
    bench.set("ORCH__TOOLS__LOCAL_LLM__ENABLED", "false");
    bench.set("ORCH__TOOLS__GENERATE_IMAGE__ENABLED", "true");
    bench.set("ORCH__TOOLS__WEB_FETCH__ENABLED", "true");
    let doctor = bench.orch(&["doctor"]).exits(1).stdout;
    assert!(doctor.contains("web_fetch is left out: no host is allowed"), "{doctor}");
    assert!(doctor.contains("generate_image, list_files"), "{doctor}");
    assert!(doctor.contains("off: tools.local_llm.enabled, tools.run_command.enabled"), "{doctor}");
    bench.set("ORCH__TOOLS__WEB_FETCH__ALLOWED_HOSTS", r#"["example.org"]"#);
    let doctor = bench.orch(&["doctor"]).exits(0).stdout;
    assert!(doctor.contains("search_files, web_fetch, write_file"), "{doctor}");
}

#[test]
fn mistakes_about_tools_are_named_with_the_rest() {
    let bench = Bench::new();
    let file = json!({
        "tools": {"run_command": {"read_only": "no list"}, "web_fetch": {"enabled": "yes"}},
        "mcp": {"servers": {"a": {}, "b": {"command": "x", "timeout": 0, "env": {"KEY": 5}}}},
        "rag": {"databases": {"docs": 7}},
    });
    bench.write("config.json", file.to_string());
    bench
        .orch(&["list"])
        .exits(2)
        .says("6 mistakes")
        .says("tools.run_command.read_only: found \"no list\"")
        .says("tools.web_fetch.enabled: found \"yes\"")
        .says("mcp.servers.a: found neither command nor url")
        .says("mcp.servers.b.timeout: found 0")
        .says("mcp.servers.b.env.KEY: found a number")
        .says("rag.databases.docs: found 7");
}

/// Answers like Ollama with one model: a vector says whether a text is about
/// releases.
fn ollama() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    format!("http://{address}")
}

fn answer(stream: TcpStream) {
    let mut reader = BufReader::new(&stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = if first.contains("/api/embed") {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let texts = body["input"].as_array().unwrap().iter();
        let vector = |text: &Value| {
            let is_near = text.as_str().unwrap().to_lowercase().contains("release");
            if is_near { [1.0, 0.1] } else { [0.1, 1.0] }
        };
        json!({"embeddings": texts.map(vector).collect::<Vec<_>>()})
    } else {
        json!({"models": [{"name": "qwen2.5-coder:14b"}]})
    };
    let text = answer.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", text.len());
    (&stream).write_all(format!("{head}\r\nconnection: close\r\n\r\n{text}").as_bytes()).unwrap();
}

#[test]
fn a_host_with_models_answers_tasks_and_embeds_texts() {
    let mut bench = Bench::new();
    bench.set("ORCH__OLLAMA__HOSTS__LOCAL", &ollama());
    let doctor = bench.orch(&["doctor"]).stdout;
    assert!(doctor.contains("list_files, local_llm, read_file"), "{doctor}");
    std::fs::create_dir(bench.path("handbook")).unwrap();
    bench.write("handbook/a.md", "The release is made on Tuesdays.");
    bench.write("handbook/b.md", "The office is closed in August.");
    bench.orch(&["rag", "index", "handbook", "--name", "h"]).exits(0).says("with vectors");
    let found = bench.orch(&["rag", "query", "h", "RELEASE day", "--json"]).exits(0).lines();
    assert_eq!((found.len(), &found[0]["file"]), (2, &json!("a.md")));
    assert!(found[0]["score"].as_f64().unwrap() > 0.9, "{found:?}");
    bench.set("ORCH__RAG__EMBED_DIMENSIONS", "3");
    bench.orch(&["rag", "query", "h", "release"]).exits(1).says("numbers").says("ollama.embed_model");
}

#[expect(clippy::print_stderr, reason = "a test that proves nothing must say so")]
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// The start file of the official test server.
#[expect(clippy::disallowed_methods, reason = "where a developer keeps the programs for tests")]
fn everything() -> Option<String> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/npm/node_modules");
    let folder = std::env::var_os("ORCH_TEST_TOOLS").map_or(usual, PathBuf::from);
    let file = folder.join("@modelcontextprotocol/server-everything/dist/index.js");
    if !file.is_file() {
        skipped("npm package server-everything is not installed (or set ORCH_TEST_TOOLS)");
        return None;
    }
    if std::process::Command::new("node").arg("--version").output().is_err() {
        skipped("there is no program node on the path");
        return None;
    }
    Some(file.to_str()?.to_owned())
}

#[test]
fn tools_of_an_mcp_server_are_offered_and_changes_wait_for_approval() {
    let Some(file) = everything() else { return };
    let mut bench = Bench::new();
    let server = json!({"command": "node", "args": [file, "stdio"], "allowed_tools": ["echo"]});
    bench.set("ORCH__MCP__SERVERS__EVERY", &server.to_string());
    let doctor = bench.orch(&["doctor"]).exits(0).stdout;
    assert!(doctor.contains("every__echo") && doctor.contains("every: online, 1 tool"), "{doctor}");
    bench.orch(&["mcp", "list"]).exits(0).says("No MCP server has been connected yet");
    let run = ["run", "--text", "Write a poem.", "--simulate"];
    bench.orch(&run).exits(0);
    let pins = bench.orch(&["mcp", "list", "--json"]).exits(0).lines();
    assert_eq!((pins.len(), &pins[0]["tool"]), (1, &json!("echo")));

    // As if another definition had been accepted: what the server says is a change.
    let hash = pins[0]["accepted"]["hash"].as_str().unwrap();
    let stored = bench.path("data/mcp-pins.json");
    let text = std::fs::read_to_string(&stored).unwrap();
    std::fs::write(&stored, text.replace(hash, &"0".repeat(64))).unwrap();
    bench.orch(&run).exits(0);
    let doctor = bench.orch(&["doctor"]).exits(1).stdout;
    assert!(doctor.contains("definitions changed: echo") && !doctor.contains("every__echo,"), "{doctor}");
    let list = bench.orch(&["mcp", "list"]).exits(0).stdout;
    assert!(list.contains(&format!("orch mcp approve every echo {}", &hash[..12])), "{list}");
    bench.orch(&["mcp", "approve", "every", "echo", &hash[..11]]).exits(1).says("no such definition waits");
    bench.orch(&["mcp", "approve", "every", "echo", &hash[..12]]).exits(0).says("is accepted");
    bench.orch(&["doctor"]).exits(0);
}

#[test]
fn an_mcp_server_that_does_not_start_stops_nothing() {
    let mut bench = Bench::new();
    bench.set("ORCH__MCP__SERVERS__GONE", r#"{"command": "no-such-program-anywhere"}"#);
    bench.orch(&["run", "--text", "Write a poem.", "--simulate"]).exits(0);
    let doctor = bench.orch(&["doctor"]).exits(1).stdout;
    assert!(doctor.contains("gone: not usable: there is no program"), "{doctor}");
}
