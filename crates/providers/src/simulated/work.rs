//! The stand-in at work on a task: looks around, writes a file, says what it did.
//!
//! Reads the task from the first message and its progress from the conversation.
//! What it writes quotes the requirement and says that it is simulated.

use domain::model::{Block, CallError, Request, StopReason, ToolDefinition};
use serde_json::{Map, Value, json};

use super::brain::{self, Said, failure, first_text, turns_taken};
use super::directive::{self, Directives};
use super::judge::{REVISION, findings_told};
use super::reading::{shorten, slug, title};

/// Said wherever a stranger could take the text for real work.
const LABEL: &str = "Simulated result: a stand-in wrote this; no model was asked.";
/// Longest file on request.
const SIZE_MAX_BYTES: u64 = 1_000_000;
/// Longest first line of a description that is taken for its title, in characters.
const TITLE_MAX_CHARS: usize = 90;
/// Longest quotation in a report, in characters.
const ECHO_MAX_CHARS: usize = 240;
/// Longest quotation of a requirement, in characters.
const QUOTE_MAX_CHARS: usize = 600;

/// The next turn of the task.
pub(super) fn answer(request: &Request) -> Result<Said, CallError> {
    let text = brain::task_text(request);
    let directives = Directives::of(text);
    if directives.has("fail") {
        return Err(failure(directives.value("fail")));
    }
    if directives.has("refuse") {
        return Ok(Said::refusal());
    }
    let task = Task::read(text, findings_told(request), directives.number("size"));
    let turn = turns_taken(request);
    let cuts = directives.times("cut", u64::MAX);
    if turn < cuts {
        return Ok(Said::cut(&task.report(false)));
    }
    let can_write = offered(request, "write_file").is_some();
    let turns = directives.number("turns").unwrap_or(u64::from(can_write));
    let turn = turn - cuts;
    if directives.has("loop") || turn < turns {
        let part = if directives.has("loop") { 0 } else { turn };
        let calls = calls(request, &task, part, turns);
        if !calls.is_empty() {
            return Ok(ask(request, &task, calls));
        }
    }
    Ok(Said::text(task.report(can_write && turns > 0)))
}

/// A turn that asks for tools. Ids come from the request, so a repeated call asks
/// with the same ones.
fn ask(request: &Request, task: &Task, calls: Vec<(String, Value)>) -> Said {
    let print = brain::fingerprint(request);
    let opening = format!("Simulated: I write the result of \"{}\" to `{}`.", task.title, task.path);
    let mut content = vec![Block::Text { text: opening }];
    content.extend(calls.into_iter().zip(0..).map(|((name, input), index)| Block::ToolUse {
        id: format!("toolu_sim_{print:016x}_{index}"),
        name,
        input,
    }));
    Said { content, stop: StopReason::ToolUse }
}

/// The tools of one turn: a look at what is there when others worked before, and
/// the file, or one part of several.
fn calls(request: &Request, task: &Task, part: u64, parts: u64) -> Vec<(String, Value)> {
    let mut calls = Vec::new();
    let has_prerequisites = first_text(request).contains("dependency_output");
    if let Some(list) = offered(request, "list_files").filter(|_| has_prerequisites && part == 0) {
        calls.push((list.name.clone(), filled(list)));
    }
    if offered(request, "write_file").is_some() {
        let path = match (part, parts) {
            (0, _) | (_, 0..=1) => task.path.clone(),
            (part, _) => numbered(&task.path, part + 1),
        };
        calls.push(("write_file".to_owned(), json!({"path": path, "content": task.file()})));
    } else if let Some(tool) = request.tools.first().filter(|_| calls.is_empty()) {
        calls.push((tool.name.clone(), filled(tool)));
    }
    calls
}

fn offered<'a>(request: &'a Request, name: &str) -> Option<&'a ToolDefinition> {
    request.tools.iter().find(|tool| tool.name == name)
}

/// Arguments that a tool's schema asks for, filled in plainly.
fn filled(tool: &ToolDefinition) -> Value {
    let mut input = Map::new();
    for name in tool.input_schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let property = &tool.input_schema["properties"][name];
        let value = match property["type"].as_str() {
            _ if property["enum"][0].is_string() => property["enum"][0].clone(),
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(false),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ if name == "path" => json!("."),
            _ => json!("simulated"),
        };
        input.insert(name.to_owned(), value);
    }
    Value::Object(input)
}

/// `docs/a.md` as `docs/a-2.md`.
fn numbered(path: &str, number: u64) -> String {
    match path.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}-{number}.{ending}"),
        None => format!("{path}-{number}"),
    }
}

/// What is known of the task.
struct Task {
    title: String,
    asked: String,
    path: String,
    revision: u64,
    size: usize,
}

impl Task {
    fn read(text: &str, revision: u64, size: Option<u64>) -> Self {
        let text = directive::without(text);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let (first, rest) = lines.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let plain = first.trim_start_matches(['#', ' ']).trim_end_matches(['.', ':']);
        let is_title = !plain.is_empty() && plain.chars().count() <= TITLE_MAX_CHARS;
        let title = if is_title { plain.to_owned() } else { title(first) };
        let quoted: Vec<&str> = rest.iter().filter_map(|line| line.strip_prefix("> ")).collect();
        let asked = match (quoted.is_empty(), rest.is_empty()) {
            (false, _) => quoted.join("\n"),
            (true, false) => rest.join("\n"),
            (true, true) => first.to_owned(),
        };
        let path = path_in(&text).unwrap_or_else(|| format!("{}.md", slug(&title, '-')));
        let size = usize::try_from(size.unwrap_or(0).min(SIZE_MAX_BYTES)).unwrap_or(0);
        Self { title, asked: shorten(&asked, QUOTE_MAX_CHARS), path, revision, size }
    }

    /// The answer that ends the task.
    fn report(&self, has_file: bool) -> String {
        let place = if has_file {
            let asked = shorten(&self.asked.replace('\n', " "), ECHO_MAX_CHARS);
            format!(
                "The result is in `{}`. It quotes what was asked for (\"{asked}\") and marks what a real run \
                 would settle.",
                self.path
            )
        } else {
            format!("No file was written. The result:\n\n{}", self.markdown())
        };
        let revision = match self.revision {
            0 => String::new(),
            number => {
                format!("\n\n{REVISION}{number}: the requirement is met as the section \"Asked for\" says.")
            }
        };
        format!("{}\n\n{LABEL}\n\n{place}{revision}", self.title)
    }

    /// The file's content, in the language that its ending names.
    fn file(&self) -> String {
        let ending = self.path.rsplit_once('.').map_or("", |(_, ending)| ending);
        let mut file = match ending {
            "py" | "sh" => self.script(ending),
            "rs" | "js" | "ts" | "go" => self.program(ending),
            "html" => self.page(),
            "svg" => self.picture(),
            _ => self.markdown(),
        };
        while file.len() < self.size {
            file.push_str(&self.filler(ending, self.size - file.len()));
        }
        file
    }

    /// A line in the file's own kind of comment, no longer than needed.
    fn filler(&self, ending: &str, room: usize) -> String {
        let (open, close) = match ending {
            "py" | "sh" => ("# ", "\n"),
            "rs" | "js" | "ts" | "go" => ("// ", "\n"),
            "html" | "svg" => ("<!-- ", " -->\n"),
            _ => ("", "\n"),
        };
        let text = "Simulated filler, so that the file has the size that was asked for.";
        let length = text.len().min(room.saturating_sub(open.len() + close.len()));
        format!("{open}{}{close}", &text[..length])
    }

    fn markdown(&self) -> String {
        let asked = prefixed(&self.asked, "> ");
        let points: Vec<String> = clauses(&self.asked).iter().map(|clause| format!("- {clause}")).collect();
        format!(
            "# {}\n\n*{LABEL}*\n\n## Asked for\n\n{asked}\n\n## What a real run would settle here\n\n{}\n\n\
             ## Next\n\nRun the project again without simulation to have this section written by a model.\n",
            self.title,
            points.join("\n")
        )
    }

    fn script(&self, ending: &str) -> String {
        let asked = prefixed(&self.asked, "# ");
        let line = Value::from(format!("{} (simulated)", self.title));
        if ending == "sh" {
            let line = self.title.replace('\'', "");
            return format!("#!/bin/sh\n# {LABEL}\n#\n{asked}\n\necho '{line} (simulated)'\n");
        }
        if self.path.starts_with("tests/") {
            return format!("# {LABEL}\n#\n{asked}\n\n\ndef test_placeholder():\n    assert {line}\n");
        }
        format!(
            "# {LABEL}\n#\n{asked}\n\n\ndef main():\n    print({line})\n\n\n\
             if __name__ == \"__main__\":\n    main()\n"
        )
    }

    fn program(&self, ending: &str) -> String {
        let asked = prefixed(&self.asked, "// ");
        let line = Value::from(format!("{} (simulated)", self.title.replace(['{', '}'], "")));
        let code = match ending {
            "rs" => format!("fn main() {{\n    println!({line});\n}}\n"),
            "go" => {
                format!("package main\n\nimport \"fmt\"\n\nfunc main() {{\n\tfmt.Println({line})\n}}\n")
            }
            _ => format!("console.log({line});\n"),
        };
        format!("// {LABEL}\n//\n{asked}\n\n{code}")
    }

    fn page(&self) -> String {
        let (title, asked) = (escaped(&self.title), escaped(&self.asked));
        format!(
            "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n\
             <p><em>{LABEL}</em></p>\n<blockquote>{asked}</blockquote>\n"
        )
    }

    fn picture(&self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"480\" height=\"120\">\n\
             <title>{0}</title>\n<desc>{LABEL}</desc>\n\
             <rect width=\"480\" height=\"120\" fill=\"#eee\"/>\n\
             <text x=\"20\" y=\"66\" font-family=\"sans-serif\">{0} (simulated)</text>\n</svg>\n",
            escaped(&self.title)
        )
    }
}

/// The first thing in backticks that looks like a path.
fn path_in(text: &str) -> Option<String> {
    let mut parts = text.split('`');
    parts.next()?;
    let is_path = |part: &&str| {
        let name = part.rsplit('/').next().unwrap_or("");
        part.len() < 200
            && name.contains('.')
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !part.starts_with('/')
            && !part.contains("..")
            && part.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c))
    };
    parts.step_by(2).find(is_path).map(str::to_owned)
}

fn prefixed(text: &str, prefix: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{prefix}{}", line.trim())).collect();
    lines.join("\n")
}

/// The statements of a text, one by one.
fn clauses(text: &str) -> Vec<String> {
    let parts = text.split(['\n', ';']).flat_map(|part| part.split(". "));
    let trimmed = parts.map(|part| part.trim_matches(|c: char| c.is_whitespace() || "-*.#".contains(c)));
    trimmed.filter(|part| !part.is_empty()).take(12).map(|part| shorten(part, 160)).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
