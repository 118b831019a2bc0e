//! Edits of what somebody else has changed meanwhile are refused.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::app::{App, Someone, app, read};

async fn patch(app: &App, who: &Someone, path: &str, tag: &str, body: Value) -> (u16, Value) {
    let request = app.request(Method::PATCH, path).bearer_auth(&who.token).header(header::IF_MATCH, tag);
    read(request.json(&body).send().await.unwrap()).await
}

async fn tag(app: &App, who: &Someone, path: &str) -> String {
    let answer = app.request(Method::GET, path).bearer_auth(&who.token).send().await.unwrap();
    answer.headers()[header::ETAG].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_edit_of_what_was_changed_meanwhile_is_refused() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, tasks) = app.ready_project(&ann).await;
    for (path, field, other) in [
        (format!("/api/projects/{id}"), "name", json!({"name": "Orchard"})),
        (format!("/api/tasks/{}", tasks[1]), "title", json!({"priority": 7})),
    ] {
        let read_first = tag(&app, &ann, &path).await;
        assert_eq!(tag(&app, &ann, &path).await, read_first, "reading changes nothing");
        assert_eq!(app.patch(&ann, &path, other).await.0, 200);
        let late = json!({field: "Mine"});
        let (status, body) = patch(&app, &ann, &path, &read_first, late.clone()).await;
        assert_eq!((status, body["code"].as_str()), (412, Some("precondition_failed")), "{path}");
        assert_ne!(app.get(&ann, &path).await.1[field], "Mine");
        let read_again = tag(&app, &ann, &path).await;
        assert_ne!(read_again, read_first);
        let (status, body) = patch(&app, &ann, &path, &read_again, late.clone()).await;
        assert_eq!((status, &body[field]), (200, &json!("Mine")));
        assert_eq!(patch(&app, &ann, &path, "*", late).await.0, 200);
    }
}

#[tokio::test]
async fn of_many_who_edit_the_same_one_wins() {
    let app = app().await;
    let ann = app.register("ann").await;
    let path = format!("/api/projects/{}", app.project(&ann).await);
    let read = tag(&app, &ann, &path).await;
    let mut statuses: Vec<u16> = Vec::new();
    let mut running = tokio::task::JoinSet::new();
    for n in 0..10 {
        let request = app.request(Method::PATCH, &path).bearer_auth(&ann.token);
        let body = json!({"name": format!("name {n}")});
        running.spawn(request.header(header::IF_MATCH, &read).json(&body).send());
    }
    while let Some(answer) = running.join_next().await {
        statuses.push(answer.unwrap().unwrap().status().as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412, 412, 412]);
}
