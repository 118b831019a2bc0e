//! The configuration as a whole: layers, messages, and the files made from the table.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use domain::money::NanoUsd;
use domain::routing::Tier;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::keys::{KEYS, Preset};
use super::kind::{Kind, Rate};
use super::layers::parse_file;
use super::*;

fn load(file: Value, env: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_parts(Some((Path::new("config.json"), file)), env)
}

fn mistakes(file: Value, env: &[(&str, &str)]) -> String {
    load(file, env).map(|_| ()).expect_err("refused").to_string()
}

fn warnings(file: Value, env: &[(&str, &str)]) -> Vec<String> {
    load(file, env).expect("accepted").warnings.iter().map(ToString::to_string).collect()
}

/// An object with one value at a dotted path.
fn nested(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, name| json!({ name: value }))
}

#[test]
fn without_file_and_environment_the_defaults_run() {
    let loaded = Config::load(None, std::iter::empty()).expect("defaults are valid");
    let config = loaded.config;
    assert!(loaded.warnings.is_empty());
    assert_eq!(config.server.port, 5200);
    assert_eq!(config.budget.daily_limit, NanoUsd::from_cents(500));
    assert!(config.execution.is_verification_enabled);
    assert_eq!(config.execution.max_plan_tasks, 500);
    assert_eq!(config.auth.rate_limit, Rate { count: 5, per_seconds: 60 });
    assert_eq!(config.tiers.of(Tier::Opus).model, "claude-opus-4-6");
    assert!(config.anthropic.api_key.is_none() && config.auth.secret_key.is_none());
}

#[test]
fn every_default_is_of_its_kind_and_every_path_is_there_once() {
    let mut seen = BTreeSet::new();
    for key in KEYS {
        assert!(seen.insert(key.path), "{} is there twice", key.path);
        assert!(key.doc.ends_with('.'), "{}: {}", key.path, key.doc);
        if !matches!(key.default, Preset::Unset) {
            let mut findings = check::Findings::default();
            let value = key.default.value();
            check::check(&key.kind, false, key.path, &value, &error::Source::Default, &mut findings);
            assert!(findings.mistakes.is_empty(), "{:?}", findings.mistakes);
        }
    }
}

#[test]
fn the_ends_of_every_range_can_be_typed() {
    for key in KEYS {
        let ends = match key.kind {
            Kind::Whole { min, max } => vec![json!(min), json!(max)],
            Kind::Number { min, max, above_min } => {
                vec![if above_min { json!(f64::MIN_POSITIVE) } else { json!(min) }, json!(max)]
            }
            Kind::Bool => vec![json!(true), json!(false)],
            _ => continue,
        };
        for end in ends {
            load(nested(key.path, end.clone()), &[]).unwrap_or_else(|e| panic!("{} {end}: {e}", key.path));
        }
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let file = json!({
        "server": {"port": "5200", "rate_limit": "often"},
        "budget": {"daily_limit_usd": -1},
        "anthropic": {"timeout": true},
        "auth": {"secret_key": "hunter2"},
        "budgte": {},
    });
    let text = mistakes(file, &[("ORCH__EXECUTION__MAX_CONCURRENT_TASKS", "0")]);
    assert_eq!(
        text,
        "the configuration has 6 mistakes:\n  \
         anthropic.timeout: found true, allowed is a number above 0, at most 31536000 (from config.json)\n  \
         auth.secret_key: found a hidden text of 7 characters, allowed is at least 32 random characters, no \
         placeholder (from config.json)\n  \
         budget.daily_limit_usd: found -1, allowed is a number from 0 to 1000000000 (from config.json)\n  \
         execution.max_concurrent_tasks: found 0, allowed is a whole number from 1 to 10000 (from environment \
         variable ORCH__EXECUTION__MAX_CONCURRENT_TASKS)\n  \
         server.port: found \"5200\", allowed is a whole number from 1 to 65535 (from config.json)\n  \
         server.rate_limit: found \"often\", allowed is a rate like \"60/minute\": a whole number from 1, then \
         second, minute, hour or day (from config.json)\n  \
         also: unknown key budgte in config.json is ignored; did you mean budget?"
    );
    assert!(!text.contains("hunter2"));
}

#[test]
fn wrong_values_are_refused_each_with_its_key() {
    let provider = json!({"name": "x", "issuer": "http://i", "client_id": "c"});
    for (file, expected) in [
        (json!({"server": 5}), "server: found a number, allowed is an object"),
        (json!([1]), "the whole file: found [1]"),
        (json!({"server": {"port": null}}), "server.port: found null"),
        (json!({"server": {"port": 70000}}), "server.port: found 70000"),
        (json!({"server": {"port": true}}), "server.port: found true"),
        (json!({"server": {"cors_origins": ["*", "x", 3]}}), "server.cors_origins[1]: found \"x\""),
        (json!({"server": {"cors_origins": "*"}}), "server.cors_origins: found \"*\", allowed is a list"),
        (json!({"server": {"trusted_proxies": ["proxy"]}}), "server.trusted_proxies[0]: found \"proxy\""),
        (json!({"ollama": {"hosts": {"local": "nowhere"}}}), "ollama.hosts.local: found \"nowhere\""),
        (json!({"tiers": {"opus": "claude"}}), "tiers.opus: found \"claude\""),
        (json!({"auth": {"algorithm": "none"}}), "auth.algorithm: found \"none\", allowed is one of HS256"),
        (json!({"auth": {"oidc_providers": [provider]}}), "oidc_providers[0].client_secret: found nothing"),
        (json!({"model_pricing": {"m": {"input_per_mtok": 1}}}), "model_pricing.m.output_per_mtok"),
        (json!({"model_pricing": {"m": 3}}), "model_pricing.m: found 3"),
        (
            json!({"model_pricing": {"m": {"input_per_mtok": 1, "output_per_mtok": 1, "above_prompt_tokens": 9}}}),
            "model_pricing.m.above: found nothing",
        ),
        (json!({"rag": {"databases": {"docs": " "}}}), "rag.databases.docs: found"),
        (json!({"tools": {"web_fetch": true}}), "tools.web_fetch: found a boolean"),
        (json!({"mcp": {"servers": {"a": {}}}}), "mcp.servers.a: found neither command nor url"),
        (
            json!({"mcp": {"servers": {"a": {"command": "x", "url": "http://h"}}}}),
            "mcp.servers.a: found both",
        ),
        (json!({"mcp": {"servers": {"a": {"command": 1}}}}), "mcp.servers.a.command: found 1"),
        (json!({"mcp": {"servers": {"a": {"command": "x", "args": [1]}}}}), "mcp.servers.a.args[0]: found 1"),
        (json!({"mcp": {"servers": {"a": {"url": "h"}}}}), "mcp.servers.a.url: found a hidden text of 1 ch"),
        (
            json!({"mcp": {"servers": {"a": {"url": "http://h", "env": {}}}}}),
            "mcp.servers.a.env: found a value",
        ),
        (json!({"mcp": {"servers": {"a": {"command": "x", "headers": {}}}}}), "mcp.servers.a.headers: found"),
        (
            json!({"mcp": {"servers": {"a": {"command": "x", "env": {"KEY": 5}}}}}),
            "mcp.servers.a.env.KEY: found a number, allowed is text",
        ),
        (
            json!({"mcp": {"servers": {"a": {"command": "x", "class": "twice"}}}}),
            "mcp.servers.a.class: found \"twice\", allowed is one of read, keyed, once",
        ),
    ] {
        let text = mistakes(file.clone(), &[]);
        assert!(text.contains(expected), "{file}\n{text}");
    }
}

#[test]
fn unknown_names_are_told_with_the_nearest_known_one() {
    for (file, env, expected) in [
        (
            json!({"server": {"prot": 1}}),
            None,
            "unknown key server.prot in config.json is ignored; did you mean server.port?",
        ),
        (
            json!({"sever": {"port": 1}}),
            None,
            "unknown key sever in config.json is ignored; did you mean server?",
        ),
        (
            json!({"daily_limit_usd": 1}),
            None,
            "unknown key daily_limit_usd in config.json is ignored; did you mean budget.daily_limit_usd?",
        ),
        (json!({"zzz": 1}), None, "unknown key zzz in config.json is ignored"),
        (
            json!({}),
            Some("ORCH__SERVER__PROT"),
            "unknown key ORCH__SERVER__PROT is ignored; did you mean ORCH__SERVER__PORT?",
        ),
        (
            json!({}),
            Some("ORCH_SERVER_PORT"),
            "unknown key ORCH_SERVER_PORT is ignored; did you mean ORCH__SERVER__PORT?",
        ),
        (
            json!({"model_pricing": {"m": {"input_per_mtok": 1, "output_per_mtok": 1, "cache_raed_per_mtok": 1}}}),
            None,
            "unknown key model_pricing.m.cache_raed_per_mtok in config.json is ignored; did you mean \
             model_pricing.m.cache_read_per_mtok?",
        ),
    ] {
        let env: Vec<(&str, &str)> = env.into_iter().map(|name| (name, "1")).collect();
        assert_eq!(warnings(file, &env), [expected]);
    }
}

#[test]
fn comments_and_other_variables_are_left_alone() {
    let file = json!({"_note": 1, "server": {"_note_port": "x"}, "ollama": {"hosts": {"_note": 7}}});
    let env = [("ORCH_DATA_DIR", "d"), ("ORCH_CONFIG", "c"), ("PATH", "/bin"), ("ORCHID", "1")];
    assert_eq!(warnings(file, &env), Vec::<String>::new());
}

#[test]
fn keys_without_effect_are_accepted_and_named_once() {
    let file = json!({
        "git": {"auto_pr": true, "pr_remote": "origin"},
        "comfyui": {"timeout": 3},
        "rag": {"default_top_k": 3},
        "server": {"reload": true, "port": 1},
    });
    assert_eq!(
        warnings(file, &[]),
        ["accepted, but without effect in this version: server.reload, rag.default_top_k, git.*"]
    );
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_wider_world() {
    let base_url =
        |file: Value, env: &[(&str, &str)]| load(file, env).expect("valid").config.anthropic.base_url;
    let world = ("ANTHROPIC_BASE_URL", "http://world.test/");
    let ours = ("orch__Anthropic__Base_URL", "http://ours.test");
    let file = json!({"anthropic": {"base_url": "http://file.test"}});
    assert_eq!(base_url(json!({}), &[]), "https://api.anthropic.com");
    assert_eq!(base_url(json!({}), &[world]), "http://world.test");
    assert_eq!(base_url(file.clone(), &[world]), "http://file.test");
    assert_eq!(base_url(file, &[world, ours]), "http://ours.test");
    assert_eq!(base_url(json!({}), &[("ANTHROPIC_BASE_URL", "")]), "https://api.anthropic.com");
}

#[test]
fn variables_set_every_kind_of_value() {
    let env = [
        ("ORCH__SERVER__PORT", "6000"),
        ("ORCH__SERVER__TRUSTED_PROXIES", r#"["10.0.0.0/8", "::1"]"#),
        ("ORCH__BUDGET__DAILY_LIMIT_USD", "0.25"),
        ("ORCH__EXECUTION__WAVE_CHECKPOINTS", "TRUE"),
        ("ORCH__EXECUTION__DISPATCH", "Dataflow"),
        ("ORCH__OLLAMA__HOSTS__GPU", "http://gpu.test:11434"),
        ("ORCH__TIERS__HAIKU", "ollama/qwen:7b"),
        ("ORCH__TIERS__OPUS", ""),
        ("ORCH__MODEL_PRICING", r#"{"m": {"input_per_mtok": 1, "output_per_mtok": 2}}"#),
        ("ORCH__SIMULATED", r#"{"enabled": true}"#),
        ("ANTHROPIC_API_KEY", "sk-test"),
    ];
    let loaded = load(json!({}), &env).expect("valid");
    let config = &loaded.config;
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(config.server.port, 6000);
    assert!(config.server.cors_origins.contains(&"http://localhost:6000".to_owned()));
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.budget.daily_limit, NanoUsd::from_cents(25));
    assert!(config.execution.has_wave_checkpoints && config.simulated.is_enabled);
    assert_eq!(config.execution.dispatch, types::Dispatch::Dataflow);
    assert_eq!(config.ollama.hosts.keys().collect::<Vec<_>>(), ["gpu", "local"]);
    let haiku = types::ModelRef { provider: "ollama".to_owned(), model: "qwen:7b".to_owned() };
    assert_eq!(config.tiers.of(Tier::Haiku), &haiku);
    assert_eq!(config.model_pricing["m"].rates.output, NanoUsd(2_000_000_000));
    assert_eq!(config.anthropic.api_key.as_ref().map(|key| key.expose_secret()), Some("sk-test"));
    for (name, text) in [("ORCH__SERVER__PORT", "many"), ("ORCH__SERVER__CORS_ORIGINS", "http://a.test")] {
        let text = mistakes(json!({}), &[(name, text)]);
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn mcp_servers_are_typed_and_never_shown() {
    let env = [("ORCH__MCP__SERVERS__FAR", r#"{"url": "https://h.test/?key=sk-url", "class": "READ"}"#)];
    let file = json!({"mcp": {"servers": {"near": {
        "command": "serve", "args": ["-x"], "env": {"API_TOKEN": "sk-env"}, "allowed_tools": ["a"], "timeout": 2,
    }}}});
    let loaded = load(file, &env).expect("valid");
    let servers = &loaded.config.mcp_servers;
    assert_eq!(servers["far"].class, Some(domain::tool::ToolClass::Read));
    assert!(matches!(&servers["far"].reach, types::McpReach::Url { headers, .. } if headers.is_empty()));
    assert_eq!(servers["near"].timeout, Some(Duration::from_secs(2)));
    let types::McpReach::Command { command, args, env } = &servers["near"].reach else { panic!("a program") };
    assert_eq!((command.as_str(), args.len(), env["API_TOKEN"].expose_secret()), ("serve", 1, "sk-env"));
    let shown: Vec<String> = loaded.settings().map(|setting| setting.to_string()).collect();
    assert!(!format!("{loaded:?}{shown:?}").contains("sk-"));
}

#[test]
fn a_second_price_holds_above_a_prompt_length() {
    let price = json!({
        "input_per_mtok": 0.1, "output_per_mtok": 0.5, "cache_read_per_mtok": 0.01,
        "above_prompt_tokens": 100_000, "above": {"input_per_mtok": 0.5, "output_per_mtok": 2.5},
    });
    let config = load(json!({"model_pricing": {"m": price}}), &[]).expect("valid").config;
    let price = &config.model_pricing["m"];
    assert_eq!(price.rates.cache_read, Some(NanoUsd(10_000_000)));
    let (length, above) = price.above.as_ref().expect("a second price");
    assert_eq!((*length, above.input), (100_000, NanoUsd(500_000_000)));
}

#[test]
fn invalid_json_is_told_with_its_place() {
    for (text, expected) in [
        ("{\n  \"a\": x\n}", "line 2, column 8: expected value, found 'x'"),
        ("{\"a\": 1,}", "line 1, column 9: trailing comma, found '}'"),
        ("{\"ä\" 1}", "line 1, column 6: expected `:`, found '1'"),
        ("{\"a\": 1", "line 1, column 8: EOF while parsing an object, found the end of the file"),
        ("", "line 1, column 1: EOF while parsing a value, found the end of the file"),
    ] {
        let error = parse_file(Path::new("c.json"), text).expect_err("refused").to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    assert_eq!(parse_file(Path::new("c.json"), "\u{feff}{}"), Ok(json!({})));
    assert!(parse_file(Path::new("c.json"), &"[".repeat(100_000)).is_err());
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = folder.path().join("binary");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).expect("written");
    for (path, expected) in [
        (folder.path().join("absent.json"), "absent.json"),
        (folder.path().to_owned(), "cannot read"),
        (binary, "not UTF-8"),
    ] {
        let error =
            Config::load(Some(&path), std::iter::empty()).map(|_| ()).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn shown_settings_hide_secrets_and_name_their_source() {
    let env = [("ANTHROPIC_API_KEY", "sk-secret"), ("ORCH__SERVER__PORT", "6000")];
    let loaded =
        load(json!({"auth": {"secret_key": "0123456789abcdefghijklmnopqrstuv"}}), &env).expect("valid");
    let text: Vec<String> = loaded.settings().map(|setting| setting.to_string()).collect();
    let text = text.join("\n");
    assert!(!text.contains("sk-secret") && !text.contains("0123456789abcdef"), "{text}");
    assert!(text.contains("server.port = 6000  (environment variable ORCH__SERVER__PORT)"), "{text}");
    assert!(text.contains("auth.secret_key = a hidden text of 32 characters  (config.json)"), "{text}");
    assert!(text.contains("server.host = \"0.0.0.0\"  (default)"), "{text}");
    assert!(!format!("{loaded:?}").contains("sk-secret"));
}

#[test]
fn tiny_waits_never_spin() {
    let config = load(json!({"execution": {"tick_interval_sec": 1e-300}}), &[]).expect("valid").config;
    assert_eq!(config.execution.tick_interval, Duration::from_millis(1));
}

/// Files made from the table; `UPDATE_FILES=1` writes them instead of comparing.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch for the developer who changed the table")]
fn files_made_from_the_table_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, made) in [("config.example.json", example_file()), ("docs/configuration.md", reference_page())]
    {
        if std::env::var_os("UPDATE_FILES").is_some() {
            std::fs::write(root.join(name), &made).expect("written");
        }
        let stored = std::fs::read_to_string(root.join(name)).unwrap_or_default();
        assert!(stored == made, "{name} differs from the table: run this test with UPDATE_FILES=1");
    }
}

#[test]
fn the_example_file_shows_every_key_and_changes_nothing() {
    let example: Value = serde_json::from_str(&example_file()).expect("JSON");
    for key in KEYS {
        let pointer = format!("/{}", key.path.replace('.', "/"));
        assert_eq!(example.pointer(&pointer), Some(&key.default.value()), "{}", key.path);
    }
    let loaded = load(example, &[]).expect("valid");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let plain = Config::load(None, std::iter::empty()).expect("valid");
    assert_eq!(format!("{:?}", loaded.config), format!("{:?}", plain.config));
}
