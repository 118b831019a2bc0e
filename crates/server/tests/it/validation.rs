//! Input that does not fit, as tables: what is sent, and the status and code that
//! come back. Nothing here may ever be a 500.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{PASSWORD, app, read};

const BIDI: &str = "a\u{202e}b";

#[tokio::test]
async fn fields_are_checked_one_by_one() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, tasks) = app.ready_project(&ann).await;
    let task = format!("/api/tasks/{}", tasks[0]);
    let project = format!("/api/projects/{id}");
    let long = "x".repeat(201);
    let ok = |name: &str| json!({"name": name, "requirements": "r"});
    let with = |key: &str, value: Value| {
        let mut body = ok("n");
        body[key] = value;
        body
    };
    let rows: Vec<(&str, &str, Value, &str)> = vec![
        ("POST", "/api/projects", json!({}), "missing"),
        ("POST", "/api/projects", ok(""), "string_too_short"),
        ("POST", "/api/projects", ok(&long), "string_too_long"),
        ("POST", "/api/projects", ok("   "), "value_error"),
        ("POST", "/api/projects", ok(BIDI), "value_error"),
        ("POST", "/api/projects", ok("a\0b"), "value_error"),
        ("POST", "/api/projects", with("name", json!(5)), "string_type"),
        ("POST", "/api/projects", with("name", Value::Null), "string_type"),
        ("POST", "/api/projects", with("requirements", json!("")), "string_too_short"),
        ("POST", "/api/projects", with("requirements", json!("x".repeat(50_001))), "string_too_long"),
        ("POST", "/api/projects", with("config", json!([])), "dict_type"),
        ("POST", "/api/projects", with("planning_rigor", json!("L9")), "enum"),
        ("POST", "/api/projects", with("repo_path", json!("a/b")), "value_error"),
        ("POST", "/api/projects", with("repo_path", json!("/a/../b")), "value_error"),
        ("POST", "/api/projects", with("git_base_branch", json!("--output=x")), "value_error"),
        ("PATCH", &project, json!({"name": ""}), "string_too_short"),
        ("GET", "/api/projects?limit=0", Value::Null, "greater_than_equal"),
        ("GET", "/api/projects?limit=201", Value::Null, "less_than_equal"),
        ("GET", "/api/projects?limit=abc", Value::Null, "int_parsing"),
        ("GET", "/api/projects?limit=1&limit=2", Value::Null, "repeated"),
        ("GET", "/api/projects?offset=-1", Value::Null, "greater_than_equal"),
        ("GET", "/api/projects?status=nothing", Value::Null, "enum"),
        ("PATCH", &task, json!({"priority": 1001}), "less_than_equal"),
        ("PATCH", &task, json!({"priority": 1.5}), "int_from_float"),
        ("PATCH", &task, json!({"priority": true}), "int_type"),
        ("PATCH", &task, json!({"priority": 1e30}), "less_than_equal"),
        ("PATCH", &task, json!({"max_tokens": 0}), "greater_than_equal"),
        ("PATCH", &task, json!({"model_tier": "gpt"}), "enum"),
        ("POST", "/api/tasks/bulk", json!({"action": "retry", "task_ids": []}), "too_short"),
        ("POST", "/api/tasks/bulk", json!({"action": "retry", "task_ids": vec!["x"; 101]}), "too_long"),
        ("POST", "/api/tasks/bulk", json!({"action": "explode", "task_ids": ["x"]}), "enum"),
        ("POST", "/api/tasks/bulk", json!({"action": "retry", "task_ids": [1]}), "string_type"),
        ("POST", "/api/auth/api-keys", json!({"name": ""}), "string_too_short"),
        ("POST", "/api/auth/api-keys", json!({"name": "n", "scopes": ["admin"]}), "enum"),
    ];
    for (method, path, body, kind) in rows {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = app.call(method, path, Some(&ann.token), body.clone()).await;
        assert_eq!(status, 422, "{path} {answer}");
        assert_eq!(answer["code"], "validation_failed");
        assert_eq!(answer["detail"][0]["type"], kind, "{path} {answer}");
        let origin = if body.is_some() { "body" } else { "query" };
        assert_eq!(answer["detail"][0]["loc"][0], origin);
        assert!(answer["detail"][0]["msg"].is_string());
    }
}

#[tokio::test]
async fn settings_that_mean_nothing_are_named() {
    let app = app().await;
    let ann = app.register("ann").await;
    for config in [
        json!({"budget_limit_usd": "5"}),
        json!({"budget_limit_usd": -1}),
        json!({"budget_limit_usd": 1e308}),
        json!({"dispatch": "sideways"}),
        json!({"execution_mode": "x"}),
    ] {
        let body = json!({"name": "n", "requirements": "r", "config": config});
        let (status, answer) = app.post(&ann, "/api/projects", body).await;
        assert_eq!((status, answer["code"].as_str()), (422, Some("invalid")), "{config}");
    }
    let body = json!({"name": "n", "requirements": " \n ", "owner_id": "usr_other"});
    assert_eq!(app.post(&ann, "/api/projects", body).await.0, 422);
    let body = json!({
        "name": "n", "requirements": "r", "owner_id": "usr_other", "id": "mine",
        "config": {"__proto__": {"x": 1}, "csproj_path": "/etc/passwd"},
        "repo_path": "/a//b/./c/",
    });
    let (status, project) = app.post(&ann, "/api/projects", body).await;
    assert_eq!((status, &project["repo_path"]), (201, &json!("/a/b/c")));
    assert_ne!(project["id"], "mine");
    let path = format!("/api/projects/{}", project["id"].as_str().unwrap());
    let (_, changed) = app.patch(&ann, &path, json!({"planning_rigor": "L3"})).await;
    assert_eq!(
        (&changed["planning_rigor"], &changed["config"]["csproj_path"]),
        (&json!("L3"), &json!("/etc/passwd"))
    );
    let (_, changed) = app.patch(&ann, &path, json!({"config": {"a": 1}})).await;
    assert_eq!((&changed["planning_rigor"], &changed["repo_path"]), (&json!("L2"), &json!("/a/b/c")));
    assert_eq!(app.patch(&ann, &path, json!({"name": null})).await.1["code"], "nothing_to_update");
}

#[tokio::test]
async fn bodies_that_are_none_are_told_apart() {
    let app = app().await;
    let ann = app.register("ann").await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let big = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    let json_type = Some("application/json");
    let rows: Vec<(&[u8], Option<&str>, u16, &str)> = vec![
        (b"{", json_type, 422, "json_invalid"),
        (b"", json_type, 422, "missing"),
        (b"[]", json_type, 422, "dict_type"),
        (b"null", json_type, 422, "dict_type"),
        (b"1", json_type, 422, "dict_type"),
        (deep.as_bytes(), json_type, 422, "json_invalid"),
        (b"{\"name\": \"\xff\"}", json_type, 422, "json_invalid"),
        (b"{\"name\": \"\\ud800\"}", json_type, 422, "json_invalid"),
        (b"{\"name\": NaN}", json_type, 422, "json_invalid"),
        (b"{\"name\": 1e400}", json_type, 422, "json_invalid"),
        (b"{}", Some("text/plain"), 415, "unsupported_media_type"),
        (b"{}", Some("application/x-www-form-urlencoded"), 415, "unsupported_media_type"),
        (b"{}", None, 415, "unsupported_media_type"),
        (b"{}", Some("application/json; charset=utf-8"), 422, "missing"),
        (big.as_bytes(), json_type, 413, "too_large"),
    ];
    for (body, kind, status, code) in rows {
        let mut request =
            app.request(Method::POST, "/api/projects").bearer_auth(&ann.token).body(body.to_vec());
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let (found, answer) = read(request.send().await.unwrap()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(found, status, "{shown}: {answer}");
        let found = answer["detail"][0]["type"].as_str().or(answer["code"].as_str());
        assert_eq!(found, Some(code), "{shown}: {answer}");
    }
    let packed = app.request(Method::POST, "/api/projects").bearer_auth(&ann.token);
    let packed =
        packed.header("content-type", "application/json").header("content-encoding", "gzip").body("x");
    assert_eq!(packed.send().await.unwrap().status(), 415);
    // Who is not signed in makes us read nothing.
    let anonymous = app.request(Method::POST, "/api/projects").body("{");
    assert_eq!(anonymous.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn credentials_are_checked_and_never_sent_back() {
    let app = app().await;
    let secret = "5e(r3t";
    for (email, password) in [
        (json!("a@b@c"), json!(PASSWORD)),
        (json!(["a@example.com"]), json!(PASSWORD)),
        (json!("a\n@example.com"), json!(PASSWORD)),
        (json!(format!("{}@example.com", "a".repeat(300))), json!(PASSWORD)),
        (json!("a@example.test"), json!(PASSWORD)),
        (json!("a@example.com"), json!(secret)),
        (json!("a@example.com"), json!([secret, secret])),
        (json!("a@example.com"), json!(format!("{secret}{}", "x".repeat(2000)))),
        (Value::Null, json!(secret)),
    ] {
        let body = json!({"email": email, "password": password});
        let (status, answer) = app.call(Method::POST, "/api/auth/register", None, Some(body)).await;
        assert_eq!(status, 422, "{answer}");
        assert!(!answer.to_string().contains(secret), "{answer}");
    }
    let body = json!({"email": "a@example.com", "password": secret.repeat(30)});
    let (status, answer) = app.call(Method::POST, "/api/auth/login", None, Some(body)).await;
    assert_eq!(status, 422);
    assert!(!answer.to_string().contains(secret));
}

#[tokio::test]
async fn ids_that_cannot_be_are_not_found() {
    let app = app().await;
    let ann = app.register("ann").await;
    let long = "a".repeat(300);
    for id in ["%2e%2e%2fetc", "'", "%00", "%ff", "%20", "a%0ab", &long, "'; DROP TABLE users --"] {
        for path in ["projects", "tasks", "checkpoints"] {
            let (status, body) = app.get(&ann, &format!("/api/{path}/{id}")).await;
            assert_eq!((status, body["code"].as_str()), (404, Some("not_found")), "{path} {id}");
        }
    }
}

#[tokio::test]
async fn search_takes_its_text_as_it_is() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, _) = app.ready_project(&ann).await;
    for (query, count) in [
        ("search=FIRST", 1),
        ("search=%25", 0),
        ("search=_", 0),
        ("search='; DROP TABLE tasks", 0),
        ("status=pending", 1),
        ("status=queued", 0),
        ("model_tier=haiku", 2),
        ("model_tier=anything", 0),
        ("wave=1", 1),
        ("phase=All", 2),
        ("sort=wave&sort_dir=desc&limit=1", 1),
        ("limit=1&offset=1", 1),
        ("offset=4294967295", 0),
    ] {
        let (status, tasks) = app.get(&ann, &format!("/api/tasks/project/{id}?{query}")).await;
        assert_eq!((status, tasks.as_array().map(Vec::len)), (200, Some(count)), "{query} {tasks}");
    }
}

#[tokio::test]
async fn nothing_that_is_sent_anywhere_is_a_500() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, tasks) = app.ready_project(&ann).await;
    let values = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(18_446_744_073_709_551_615u64),
        json!(""),
        json!("\u{0}\u{feff}\u{202e}\u{1f600}"),
        json!("9".repeat(400)),
        json!([]),
        json!([[null, {}, "x"]]),
        json!({"a": {"b": [1]}}),
    ];
    let names = [
        "name",
        "requirements",
        "config",
        "planning_rigor",
        "repo_path",
        "git_base_branch",
        "title",
        "description",
        "model_tier",
        "priority",
        "max_tokens",
        "action",
        "feedback",
        "guidance",
        "gotcha",
        "task_ids",
        "scopes",
        "expires_in_days",
        "email",
        "password",
        "display_name",
        "refresh_token",
        "role",
        "is_active",
        "current_password",
        "new_password",
    ];
    let routes = server::routes(app.state.clone());
    let is_harmless = |path: &str| !path.ends_with("/logout") && !path.ends_with("/plan");
    for route in routes.iter().filter(|route| is_harmless(route.path)) {
        let path = route.path.replace("{project_id}", &id).replace("{task_id}", &tasks[0]);
        let path = path.replace(['{', '}'], "");
        if route.method == Method::GET {
            let query = "limit=%00&offset=1e9&days=x&status=%ff&sort=&wave=-0&resolved=2&after=-1&token=%27";
            let (status, body) =
                app.call(Method::GET, &format!("{path}?{query}"), Some(&ann.token), None).await;
            assert!(status < 500, "{path} {body}");
        } else if route.method != Method::DELETE {
            for value in &values {
                let body: Value = names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
                let (status, answer) =
                    app.call(route.method.clone(), &path, Some(&ann.token), Some(body)).await;
                assert!(status < 500, "{} {path} {value}: {answer}", route.method);
            }
        }
    }
}
