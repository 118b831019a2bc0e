//! Event streams.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{App, Mode, Someone, app};

async fn ticket(app: &App, who: &Someone, project: &str) -> String {
    let (status, body) = app.post(who, &format!("/api/events/{project}/token"), json!({})).await;
    assert_eq!(status, 200, "{body}");
    body["token"].as_str().unwrap().to_owned()
}

async fn listen(app: &App, project: &str, token: &str, last: Option<&str>) -> Response {
    let mut request = app.request(Method::GET, &format!("/api/events/{project}?token={token}"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.send().await.unwrap()
}

/// Frames as id, name and data, until the stream ends or there are `most`.
async fn frames(response: Response, most: usize) -> Vec<(u64, String, Value)> {
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    let mut frames = Vec::new();
    loop {
        while let Some((frame, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                frame.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
            };
            if let Ok(id) = field("id: ").parse() {
                let data = serde_json::from_str(&field("data: ")).unwrap();
                frames.push((id, field("event: "), data));
            }
            text = rest.to_owned();
        }
        if frames.len() >= most {
            return frames;
        }
        let piece = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
        match piece.expect("a stream that goes on") {
            Some(piece) => text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap()),
            None => return frames,
        }
    }
}

#[tokio::test]
async fn a_stream_tells_everything_and_ends_with_the_project() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, _) = app.ready_project(&ann).await;
    let response = listen(&app, &id, &ticket(&app, &ann, &id).await, None).await;
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with("text/event-stream"));
    assert_eq!((header("cache-control").as_str(), header("x-accel-buffering").as_str()), ("no-cache", "no"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    app.post(&ann, &format!("/api/projects/{id}/execute"), json!({})).await;
    let live = frames(response, usize::MAX).await;
    let names: Vec<&str> = live.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names.first(), Some(&"project_executing"));
    assert_eq!(names.last(), Some(&"project_complete"));
    assert_eq!(names.iter().filter(|name| **name == "task_complete").count(), 2);
    let done = live.iter().find(|(_, name, _)| name == "task_complete").unwrap();
    assert!(done.2["cost_usd"].is_number() && done.2["task_id"].is_string());
    assert!(live.windows(2).all(|two| two[1].0 == two[0].0 + 1), "numbers have no gap");

    // What was missed comes again, the same.
    let after = live[0].0;
    let missed = listen(&app, &id, &ticket(&app, &ann, &id).await, Some(&after.to_string())).await;
    assert_eq!(frames(missed, usize::MAX).await, live[1..]);
    let all = listen(&app, &id, &ticket(&app, &ann, &id).await, Some("0")).await;
    assert_eq!(frames(all, usize::MAX).await.first().unwrap().1, "project_created");
}

#[tokio::test]
async fn numbers_that_nobody_had_mean_from_now_on() {
    let app = app().await;
    let ann = app.register("ann").await;
    let id = app.project(&ann).await;
    for last in ["abc", "-1", "99999999999999999999999", "4000"] {
        let response = listen(&app, &id, &ticket(&app, &ann, &id).await, Some(last)).await;
        assert_eq!(response.status(), 200);
        app.patch(&ann, &format!("/api/projects/{id}"), json!({"name": format!("after {last}")})).await;
        let frames = frames(response, 1).await;
        assert_eq!(frames[0].1, "project_updated", "{last}");
    }
}

#[tokio::test]
async fn tickets_are_for_one_stream_once() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (first, second) = (app.project(&ann).await, app.project(&ann).await);
    let token = ticket(&app, &ann, &first).await;
    assert_eq!(listen(&app, &second, &token, None).await.status(), 403);
    assert_eq!(listen(&app, &first, &token, None).await.status(), 200);
    assert_eq!(listen(&app, &first, &token, None).await.status(), 401);
    assert_eq!(listen(&app, &first, &ann.token, None).await.status(), 401);
    assert_eq!(listen(&app, &first, "junk", None).await.status(), 401);
    let late = ticket(&app, &ann, &first).await;
    app.clock.advance_ms(100_000);
    assert_eq!(listen(&app, &first, &late, None).await.status(), 401);
    let (status, body) = app.call(Method::GET, &format!("/api/events/{first}"), None, None).await;
    assert_eq!((status, &body["detail"][0]["loc"]), (422, &json!(["query", "token"])));
}

#[tokio::test]
async fn live_text_is_sent_to_who_asks_for_it() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, _) = app.ready_project(&ann).await;
    let request = app.request(Method::GET, &format!("/api/events/{id}?live=1")).bearer_auth(&ann.token);
    let response = request.send().await.unwrap();
    app.post(&ann, &format!("/api/projects/{id}/execute"), json!({})).await;
    let text = response.text().await.unwrap();
    assert!(text.contains("event: task_text\ndata: "), "{text}");
    assert!(text.contains("gr\\u00fc\\u00dfe"), "{text}");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let app = app().await;
    let ann = app.register("ann").await;
    let id = app.project(&ann).await;
    let response = listen(&app, &id, &ticket(&app, &ann, &id).await, None).await;
    app.set_mode(Mode::Silent).await;
    let planning = {
        let request = app.request(Method::POST, &format!("/api/projects/{id}/plan")).bearer_auth(&ann.token);
        tokio::spawn(request.send())
    };
    app.wait_for(&ann, &id, "planning").await;
    app.shutdown.cancel();
    assert!(tokio::time::timeout(Duration::from_secs(5), frames(response, usize::MAX)).await.is_ok());
    assert_eq!(planning.await.unwrap().unwrap().status(), 503);
}

#[tokio::test]
async fn many_listeners_hear_the_same() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, _) = app.ready_project(&ann).await;
    let mut responses = Vec::new();
    for _ in 0..20 {
        responses.push(listen(&app, &id, &ticket(&app, &ann, &id).await, None).await);
    }
    app.post(&ann, &format!("/api/projects/{id}/execute"), json!({})).await;
    let all = futures::future::join_all(responses.into_iter().map(|r| frames(r, usize::MAX))).await;
    assert!(all.iter().all(|frames| *frames == all[0]));
}
