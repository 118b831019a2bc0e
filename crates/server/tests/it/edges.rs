//! What holds for every route: headers, CORS, limits, methods, slow and large
//! requests.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::json;
use server::{Rate, ServerSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app::{App, app, app_with, read, settings};

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_answer_carries_the_same_headers() {
    let app = app().await;
    let mut ids = HashSet::new();
    for (method, path, status) in [
        (Method::GET, "/api/health", 200),
        (Method::GET, "/api/nothing", 404),
        (Method::GET, "/api/projects", 401),
        (Method::PUT, "/api/projects", 405),
        (Method::TRACE, "/api/health", 405),
        (Method::POST, "/", 405),
    ] {
        let request = app.request(method, path).header("x-request-id", "mine");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert_eq!(header(&response, "content-security-policy"), "");
        let id = header(&response, "x-request-id").to_owned();
        assert!(id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
        assert!(ids.insert(id));
        assert_eq!(header(&response, "content-type"), "application/json");
    }
    let (_, body) = app.call(Method::GET, "/api/nothing", None, None).await;
    assert_eq!(body, json!({"detail": "Not Found", "code": "not_found"}));
    let response = app.request(Method::PUT, "/api/projects").send().await.unwrap();
    assert!(header(&response, "allow").contains("POST"));
    let (_, body) = read(response).await;
    assert_eq!(body, json!({"detail": "Method Not Allowed", "code": "method_not_allowed"}));
    let page = app.request(Method::GET, "/project/p1").send().await.unwrap();
    assert_eq!((page.status().as_u16(), header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    assert!(header(&page, "content-security-policy").starts_with("default-src 'none'"));
}

async fn preflight(app: &App, origin: &str, method: &str, headers: &str) -> Response {
    let mut request = app
        .request(Method::OPTIONS, "/api/projects")
        .header("origin", origin)
        .header("access-control-request-method", method);
    if !headers.is_empty() {
        request = request.header("access-control-request-headers", headers);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn pages_of_listed_origins_may_call() {
    let app = app().await;
    let good = preflight(&app, "http://ui.example", "PATCH", "authorization, Content-Type").await;
    assert_eq!(good.status(), 200);
    assert_eq!(header(&good, "access-control-allow-origin"), "http://ui.example");
    assert_eq!(header(&good, "access-control-allow-credentials"), "true");
    assert_eq!(header(&good, "access-control-allow-methods"), "GET, POST, PATCH, DELETE, OPTIONS");
    assert_eq!(header(&good, "access-control-max-age"), "600");
    assert_eq!(header(&good, "x-request-id").len(), 12);
    assert_eq!(good.text().await.unwrap(), "OK");
    for (origin, method, headers, text) in [
        ("http://evil.example", "GET", "", "Disallowed CORS origin"),
        ("http://ui.example", "PUT", "", "Disallowed CORS method"),
        ("http://ui.example", "GET", "x-evil", "Disallowed CORS headers"),
        ("null", "PUT", "x-evil", "Disallowed CORS origin, method, headers"),
    ] {
        let response = preflight(&app, origin, method, headers).await;
        assert_eq!(response.status(), 400);
        assert_eq!(response.text().await.unwrap(), text);
    }
    let simple = app.request(Method::GET, "/api/projects").header("origin", "http://ui.example");
    let simple = simple.send().await.unwrap();
    assert_eq!(simple.status(), 401);
    assert_eq!(header(&simple, "access-control-allow-origin"), "http://ui.example");
    assert_eq!(header(&simple, "vary"), "Origin");
    let evil = app.request(Method::GET, "/api/health").header("origin", "http://evil.example");
    assert_eq!(header(&evil.send().await.unwrap(), "access-control-allow-origin"), "");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let app = app_with(ServerSettings {
        rate_limit: Rate::per_minute(3),
        plan_rate_limit: Rate::per_minute(1),
        auth_rate_limit: Rate::per_minute(4),
        ..settings()
    })
    .await;
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let status = async |token: &str, path: &str| app.call(Method::GET, path, Some(token), None).await.0;
    for _ in 0..3 {
        assert_eq!(status(&ann.token, "/api/projects").await, 200);
    }
    let request = app.request(Method::GET, "/api/projects").bearer_auth(&ann.token);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(read(refused).await.1["code"], "rate_limited");
    assert_eq!(status(&bob.token, "/api/projects").await, 200);
    // One bucket per template, not per path.
    for n in 0..3 {
        assert_eq!(status(&ann.token, &format!("/api/projects/p{n}")).await, 404);
    }
    assert_eq!(status(&ann.token, "/api/projects/p9").await, 429);
    for _ in 0..20 {
        assert_eq!(status(&ann.token, "/api/health").await, 200);
    }
    let statuses: Vec<u16> = futures::future::join_all((0..5).map(|_| {
        let body = json!({"email": "x@example.com", "password": "nothing"});
        let app = &app;
        async move { app.call(Method::POST, "/api/auth/login", None, Some(body)).await.0 }
    }))
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1, "{statuses:?}");
    let spoofed = app.request(Method::POST, "/api/auth/login").header("x-forwarded-for", "junk");
    assert_eq!(spoofed.json(&json!({})).send().await.unwrap().status(), 429);
}

async fn raw(app: &App, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", app.port)).await.unwrap();
    // The server may answer and close before everything was sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = vec![0; 512];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    let length = read.ok().and_then(Result::ok).unwrap_or(0);
    String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
    let app = app().await;
    let huge = format!("GET /api/health HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n", "a".repeat(64 * 1024));
    let long = format!("GET /api/{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(64 * 1024));
    for (request, allowed) in [
        (huge.as_str(), &["431"][..]),
        (&long, &["414", "431"]),
        (
            "POST /api/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            &["400"],
        ),
        ("nonsense\r\n\r\n", &["400"]),
    ] {
        let line = raw(&app, request.as_bytes()).await;
        assert!(allowed.iter().any(|status| line.contains(status)), "{line}");
    }
    let (status, _) = app.call(Method::GET, "/api/health", None, None).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let app = app().await;
    let ann = app.register("ann").await;
    let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])).take(64);
    let request = app.request(Method::POST, "/api/projects").bearer_auth(&ann.token);
    let request = request.header("content-type", "application/json");
    let answer = request.body(reqwest::Body::wrap_stream(chunks.boxed())).send().await;
    // Either the answer came, or the connection was closed while we were sending.
    if let Ok(answer) = answer {
        assert_eq!(answer.status(), 413);
    }
}

#[tokio::test]
async fn health_answers_while_passwords_are_hashed() {
    let app = app().await;
    app.register("ann").await;
    let logins = futures::future::join_all((0..20).map(|_| {
        let body = json!({"email": "ann@example.com", "password": "wrong"});
        let app = &app;
        async move { app.call(Method::POST, "/api/auth/login", None, Some(body)).await.0 }
    }));
    let health = async {
        for _ in 0..20 {
            assert_eq!(app.call(Method::GET, "/api/health", None, None).await.0, 200);
        }
    };
    let (statuses, ()) = tokio::join!(logins, health);
    assert!(statuses.iter().all(|status| *status == 401));
}

#[tokio::test]
async fn what_breaks_inside_is_a_500_that_says_nothing() {
    let app = app().await;
    let ann = app.register("ann").await;
    app.store.close().await;
    let request = app.request(Method::GET, "/api/projects").bearer_auth(&ann.token);
    let response = request.header("origin", "http://ui.example").send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(header(&response, "x-request-id").len(), 12);
    assert_eq!(header(&response, "access-control-allow-origin"), "http://ui.example");
    let (_, body) = read(response).await;
    assert_eq!(body, json!({"detail": "Internal server error", "code": "internal"}));
    assert_eq!(app.call(Method::GET, "/api/ready", None, None).await.0, 503);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_not_carried_out_again() {
    let app = app().await;
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let send = |who: &crate::app::Someone, key: &str, name: &str| {
        let request = app.request(Method::POST, "/api/projects").bearer_auth(&who.token);
        let body = json!({"name": name, "requirements": "r"});
        let request = request.header("idempotency-key", key).json(&body);
        async move { request.send().await.unwrap() }
    };
    let first = read(send(&ann, "k1", "one").await).await;
    assert_eq!(first.0, 201);
    let again = send(&ann, "k1", "one").await;
    assert_eq!(header(&again, "idempotent-replayed"), "true");
    assert_eq!(read(again).await, first);
    let (status, body) = read(send(&ann, "k1", "two").await).await;
    assert_eq!((status, body["code"].as_str()), (422, Some("idempotency_mismatch")));
    assert_ne!(read(send(&bob, "k1", "one").await).await.1["id"], first.1["id"]);
    assert_eq!(send(&ann, &"k".repeat(256), "one").await.status(), 422);
    let (_, list) = app.get(&ann, "/api/projects?limit=200").await;
    assert_eq!(list.as_array().map(Vec::len), Some(2), "ann is an admin and sees bob's too");
    let invalid = read(send(&ann, "k2", "").await).await;
    assert_eq!(invalid.0, 422);
    assert_eq!(read(send(&ann, "k2", "").await).await, invalid);
}
