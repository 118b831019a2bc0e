//! The whole set of tools: what is there, what is left out and why.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use domain::ports::Toolbox;
use domain::tool::ToolClass;
use serde_json::json;
use tools::command::CommandConfig;
use tools::image::ImageConfig;
use tools::local_llm::LocalLlmConfig;
use tools::web::WebFetchConfig;
use tools::{KnowledgeConfig, Registry, ToolsConfig, standard_tools};

use super::World;

fn full(hosts: Vec<(String, String)>) -> ToolsConfig {
    let knowledge = KnowledgeConfig {
        databases: BTreeMap::from([("docs".to_owned(), PathBuf::from("docs.db"))]),
        ..KnowledgeConfig::default()
    };
    ToolsConfig {
        knowledge: Some(knowledge.open().unwrap()),
        local_llm: Some(LocalLlmConfig {
            hosts: hosts.clone(),
            model: "m".to_owned(),
            timeout: Duration::from_secs(1),
        }),
        image: Some(ImageConfig {
            hosts,
            checkpoint: "c".to_owned(),
            poll_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            workflow: None,
        }),
        web_fetch: Some(WebFetchConfig { hosts: vec!["example.org".to_owned()], is_http_allowed: false }),
        run_command: None,
    }
}

#[tokio::test]
async fn by_default_there_are_only_the_tools_for_files() {
    let world = World::new();
    let (tools, left_out) = standard_tools(&world.files, &ToolsConfig::default());
    let (registry, broken) = Registry::new(tools);
    assert_eq!((left_out, broken), (vec![], vec![]));
    let names: Vec<String> = registry.specs().iter().map(|spec| spec.definition.name.clone()).collect();
    assert_eq!(names, ["edit_file", "list_files", "read_file", "search_files", "write_file"]);
}

#[tokio::test]
async fn all_tools_fit_the_registry_and_say_what_they_are() {
    let world = World::new();
    let config = full(vec![("local".to_owned(), "http://127.0.0.1:9".to_owned())]);
    let (tools, left_out) = standard_tools(&world.files, &config);
    let (registry, broken) = Registry::new(tools);
    assert_eq!((left_out, broken), (vec![], vec![]));
    let specs = registry.specs();
    let said: Vec<(&str, ToolClass, bool, usize)> = specs
        .iter()
        .map(|spec| (spec.definition.name.as_str(), spec.class, spec.is_untrusted, spec.needs.len()))
        .collect();
    assert_eq!(
        said,
        [
            ("edit_file", ToolClass::Workspace, false, 0),
            ("generate_image", ToolClass::Workspace, false, 1),
            ("list_files", ToolClass::Read, false, 0),
            ("local_llm", ToolClass::Read, true, 1),
            ("lookup_type", ToolClass::Read, true, 0),
            ("read_file", ToolClass::Read, false, 0),
            ("search_files", ToolClass::Read, false, 0),
            ("search_knowledge", ToolClass::Read, true, 0),
            ("web_fetch", ToolClass::Read, true, 0),
            ("write_file", ToolClass::Workspace, false, 0),
        ]
    );
}

#[tokio::test]
async fn what_cannot_work_is_left_out_with_its_reason() {
    let world = World::new();
    let mut config = full(Vec::new());
    config.web_fetch = Some(WebFetchConfig::default());
    config.run_command = Some(CommandConfig {
        bubblewrap: Some(PathBuf::from("no/such/program")),
        ..CommandConfig::default()
    });
    let (tools, left_out) = standard_tools(&world.files, &config);
    assert_eq!(tools.len(), 7);
    let names: Vec<&str> = left_out.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["local_llm", "generate_image", "web_fetch", "run_command"]);
    assert_eq!(left_out[2].reason, "no host is allowed");
    if let Some(image) = &mut config.image {
        image.hosts = vec![("a".to_owned(), "b".to_owned())];
        image.workflow = Some(json!([]));
    }
    let (_, left_out) = standard_tools(&world.files, &config);
    assert_eq!(left_out[1].reason, "its workflow is no JSON object");
}
