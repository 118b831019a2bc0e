//! Who may touch what: every route is asked by nobody, a stranger, the owner, an
//! admin, and programs with a key. A route that is missing here fails the test.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Someone, app};

/// What a route answers to: nobody, a stranger, a read key, an execute key, the
/// owner. The admin gets what the owner gets, unless the row says otherwise.
struct Row(&'static str, &'static str, [u16; 5]);

/// Paths with `P` project, `T` task, `C` checkpoint, `X` something missing.
const ROWS: &[Row] = &[
    Row("GET", "/api/health", [200, 200, 200, 200, 200]),
    Row("GET", "/api/ready", [200, 200, 200, 200, 200]),
    Row("GET", "/openapi.json", [200, 200, 200, 200, 200]),
    Row("GET", "/docs", [200, 200, 200, 200, 200]),
    Row("GET", "/api/auth/setup", [200, 200, 200, 200, 200]),
    Row("POST", "/api/auth/register", [422, 422, 422, 422, 422]),
    Row("POST", "/api/auth/login", [422, 422, 422, 422, 422]),
    Row("POST", "/api/auth/refresh", [422, 422, 422, 422, 422]),
    Row("GET", "/api/auth/oidc/providers", [200, 200, 200, 200, 200]),
    Row("GET", "/api/auth/oidc/identities", [401, 200, 403, 403, 200]),
    Row("GET", "/api/auth/me", [401, 200, 200, 200, 200]),
    Row("POST", "/api/auth/password", [401, 422, 403, 403, 422]),
    Row("GET", "/api/auth/sessions", [401, 200, 403, 403, 200]),
    Row("DELETE", "/api/auth/sessions/X", [401, 404, 403, 403, 404]),
    Row("POST", "/api/auth/api-keys", [401, 422, 403, 403, 422]),
    Row("GET", "/api/auth/api-keys", [401, 200, 403, 403, 200]),
    Row("DELETE", "/api/auth/api-keys/X", [401, 404, 403, 403, 404]),
    Row("GET", "/api/admin/users", [401, 403, 403, 403, 403]),
    Row("PATCH", "/api/admin/users/X", [401, 403, 403, 403, 403]),
    Row("GET", "/api/admin/stats", [401, 403, 403, 403, 403]),
    Row("GET", "/api/admin/analytics/cost-breakdown", [401, 403, 403, 403, 403]),
    Row("GET", "/api/admin/analytics/task-outcomes", [401, 403, 403, 403, 403]),
    Row("GET", "/api/admin/analytics/efficiency", [401, 403, 403, 403, 403]),
    Row("GET", "/api/admin/analytics/usage-overview", [401, 403, 403, 403, 403]),
    Row("GET", "/api/services", [401, 200, 200, 200, 200]),
    Row("GET", "/api/services/X", [401, 404, 404, 404, 404]),
    Row("GET", "/api/rag/databases", [401, 200, 200, 200, 200]),
    Row("GET", "/api/rag/databases/X/sources", [401, 200, 200, 200, 200]),
    Row("GET", "/api/rag/databases/X/documents", [401, 200, 200, 200, 200]),
    Row("POST", "/api/projects", [401, 422, 403, 422, 422]),
    Row("GET", "/api/projects", [401, 200, 200, 200, 200]),
    Row("GET", "/api/projects/P", [401, 403, 200, 200, 200]),
    Row("PATCH", "/api/projects/P", [401, 403, 403, 422, 422]),
    Row("GET", "/api/projects/P/plans", [401, 403, 200, 200, 200]),
    Row("POST", "/api/projects/P/plan", [401, 403, 403, 200, 200]),
    Row("POST", "/api/projects/P/plans/X/approve", [401, 403, 403, 404, 404]),
    Row("POST", "/api/projects/P/execute", [401, 403, 403, 400, 400]),
    Row("POST", "/api/projects/P/pause", [401, 403, 403, 400, 400]),
    Row("GET", "/api/projects/P/coverage", [401, 403, 200, 200, 200]),
    Row("POST", "/api/projects/P/clone", [401, 403, 403, 201, 201]),
    Row("GET", "/api/projects/P/export", [401, 403, 200, 200, 200]),
    Row("GET", "/api/projects/P/knowledge", [401, 403, 200, 200, 200]),
    Row("DELETE", "/api/projects/P/knowledge/X", [401, 403, 403, 403, 404]),
    Row("GET", "/api/tasks/project/P", [401, 403, 200, 200, 200]),
    Row("POST", "/api/tasks/bulk", [401, 422, 403, 422, 422]),
    Row("GET", "/api/tasks/T", [401, 403, 200, 200, 200]),
    Row("PATCH", "/api/tasks/T", [401, 403, 403, 422, 422]),
    Row("POST", "/api/tasks/T/retry", [401, 403, 403, 400, 400]),
    Row("POST", "/api/tasks/T/review", [401, 403, 403, 422, 422]),
    // Somebody else's is not found here, as the contract says.
    Row("GET", "/api/external/P/claimable", [401, 404, 200, 200, 200]),
    Row("POST", "/api/external/tasks/T/claim", [401, 404, 403, 409, 409]),
    Row("POST", "/api/external/tasks/T/heartbeat", [401, 404, 403, 409, 409]),
    Row("POST", "/api/external/tasks/T/result", [401, 404, 403, 422, 422]),
    Row("POST", "/api/external/tasks/T/release", [401, 404, 403, 409, 409]),
    Row("GET", "/api/checkpoints/project/P", [401, 403, 200, 200, 200]),
    Row("GET", "/api/checkpoints/X", [401, 404, 404, 404, 404]),
    Row("POST", "/api/checkpoints/X/resolve", [401, 404, 403, 404, 404]),
    Row("GET", "/api/usage/summary", [401, 403, 403, 403, 403]),
    Row("GET", "/api/usage/summary?project_id=P", [401, 403, 200, 200, 200]),
    Row("GET", "/api/usage/budget", [401, 403, 403, 403, 403]),
    Row("GET", "/api/usage/daily", [401, 403, 403, 403, 403]),
    Row("GET", "/api/usage/by-project", [401, 200, 200, 200, 200]),
    Row("POST", "/api/events/P/token", [401, 403, 403, 200, 200]),
    Row("GET", "/api/events/P", [422, 403, 200, 200, 200]),
    // These change what the rows above need, so they come last.
    Row("POST", "/api/tasks/T/cancel", [401, 403, 403, 200, 400]),
    Row("POST", "/api/projects/P/cancel", [401, 403, 403, 200, 200]),
    Row("DELETE", "/api/projects/P", [401, 403, 403, 403, 204]),
    Row("POST", "/api/auth/logout", [401, 204, 401, 401, 204]),
];

/// Where an admin gets something else than the owner.
const ADMIN: &[(&str, &str, u16)] = &[
    ("GET", "/api/admin/users", 200),
    ("GET", "/api/admin/stats", 200),
    ("GET", "/api/admin/analytics/cost-breakdown", 200),
    ("GET", "/api/admin/analytics/task-outcomes", 200),
    ("GET", "/api/admin/analytics/efficiency", 200),
    ("GET", "/api/admin/analytics/usage-overview", 200),
    ("PATCH", "/api/admin/users/X", 422),
    ("GET", "/api/usage/summary", 200),
    ("GET", "/api/usage/budget", 200),
    ("GET", "/api/usage/daily", 200),
    ("POST", "/api/projects/P/cancel", 200),
    ("DELETE", "/api/projects/P", 204),
];

async fn key(app: &App, owner: &Someone, scope: &str) -> String {
    let body = json!({"name": scope, "scopes": [scope]});
    let (status, key) = app.post(owner, "/api/auth/api-keys", body).await;
    assert_eq!(status, 201, "{key}");
    key["key"].as_str().unwrap().to_owned()
}

async fn status(app: &App, row: &Row, path: &str, token: Option<&str>) -> u16 {
    let method = Method::from_bytes(row.0.as_bytes()).unwrap();
    let mut request = app.request(method, path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    // The answer's body is left alone: a stream has no end.
    request.send().await.unwrap().status().as_u16()
}

fn path(row: &Row, project: &str, task: &str) -> String {
    let (path, query) = row.1.split_once('?').unwrap_or((row.1, ""));
    let parts = path.split('/').map(|part| match part {
        "P" => project,
        "T" => task,
        "X" => "nothing",
        other => other,
    });
    let path = parts.collect::<Vec<_>>().join("/");
    if query.is_empty() { path } else { format!("{path}?project_id={project}") }
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should() {
    let app = app().await;
    let admin = app.register("admin").await;
    let owner = app.register("owner").await;
    let stranger = app.register("stranger").await;
    let (read, execute) = (key(&app, &owner, "read").await, key(&app, &owner, "execute").await);
    let (project, tasks) = app.ready_project(&owner).await;
    let mut wrong = Vec::new();
    for row in ROWS {
        // A project that was paused or planned anew has other tasks; the first ones
        // stay readable.
        let path = path(row, &project, &tasks[0]);
        let who = [None, Some(&stranger.token), Some(&read), Some(&execute), Some(&owner.token)];
        for (index, token) in who.into_iter().enumerate() {
            let found = status(&app, row, &path, token.map(String::as_str)).await;
            if found != row.2[index] {
                wrong.push(format!("{} {} as {index}: {found}, not {}", row.0, row.1, row.2[index]));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());

    let owner = app.register("second-owner").await;
    let (project, tasks) = app.ready_project(&owner).await;
    for row in ROWS.iter().filter(|row| !row.1.ends_with("/logout")) {
        let special = ADMIN.iter().find(|(method, path, _)| (*method, *path) == (row.0, row.1));
        // The owner did this already in the first round; here it is the first time.
        let first_time = (row.1 == "/api/tasks/T/cancel").then_some(200);
        let wanted = special.map_or(first_time.unwrap_or(row.2[4]), |(.., status)| *status);
        let found = status(&app, row, &path(row, &project, &tasks[0]), Some(&admin.token)).await;
        assert_eq!(found, wanted, "{} {} as admin", row.0, row.1);
    }
}

#[tokio::test]
async fn the_matrix_lists_every_route() {
    let listed: BTreeSet<String> = ROWS
        .iter()
        .map(|row| {
            let path = row.1.split('?').next().unwrap();
            let shape = path.split('/').map(|part| if part.len() == 1 { "*" } else { part });
            format!("{} {}", row.0, shape.collect::<Vec<_>>().join("/"))
        })
        .collect();
    let app = app().await;
    let served: BTreeSet<String> = server::routes(app.state.clone())
        .iter()
        .map(|route| {
            let shape = route.path.split('/').map(|part| if part.starts_with('{') { "*" } else { part });
            format!("{} {}", route.method, shape.collect::<Vec<_>>().join("/"))
        })
        .collect();
    assert_eq!(listed, served);
}

#[tokio::test]
async fn foreign_objects_cannot_be_told_apart() {
    let app = app().await;
    let _admin = app.register("admin").await;
    let owner = app.register("owner").await;
    let stranger = app.register("stranger").await;
    let (project, tasks) = app.ready_project(&owner).await;
    let mut bodies = BTreeSet::new();
    for path in [
        format!("/api/projects/{project}"),
        format!("/api/projects/{project}/plans"),
        format!("/api/tasks/{}", tasks[0]),
        format!("/api/usage/summary?project_id={project}"),
    ] {
        let (status, body) = app.get(&stranger, &path).await;
        assert_eq!(status, 403, "{path}");
        bodies.insert(body.to_string());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let (_, list) = app.get(&stranger, "/api/projects").await;
    assert_eq!(list, Value::Array(Vec::new()));
    let body = json!({"action": "cancel", "task_ids": [tasks[0]]});
    let (_, bulk) = app.post(&stranger, "/api/tasks/bulk", body).await;
    assert_eq!(bulk["succeeded"], json!([]));
}

#[tokio::test]
async fn an_admins_key_is_no_admin() {
    let app = app().await;
    let admin = app.register("admin").await;
    let owner = app.register("owner").await;
    let project = app.project(&owner).await;
    let key = key(&app, &admin, "execute").await;
    for path in ["/api/admin/users".to_owned(), format!("/api/projects/{project}")] {
        assert_eq!(app.call(Method::GET, &path, Some(&key), None).await.0, 403, "{path}");
    }
}
