//! Accounts, tokens and sessions.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, PASSWORD, app, app_with, settings};

async fn login(app: &App, email: &str, password: &str) -> (u16, Value) {
    app.call(Method::POST, "/api/auth/login", None, Some(json!({"email": email, "password": password}))).await
}

async fn refresh(app: &App, token: &str) -> (u16, Value) {
    app.call(Method::POST, "/api/auth/refresh", None, Some(json!({"refresh_token": token}))).await
}

async fn me(app: &App, token: &str) -> u16 {
    app.call(Method::GET, "/api/auth/me", Some(token), None).await.0
}

#[tokio::test]
async fn the_first_account_is_an_admin_and_registering_signs_in() {
    let app = app().await;
    let setup = || app.call(Method::GET, "/api/auth/setup", None, None);
    assert_eq!(setup().await, (200, json!({"needs_first_user": true, "registration_open": true})));
    let body = json!({"email": " Ann Lee <Ann@Example.COM> ", "password": PASSWORD});
    let (status, ann) = app.call(Method::POST, "/api/auth/register", None, Some(body)).await;
    assert_eq!(status, 201, "{ann}");
    assert_eq!(ann["email"], "Ann@example.com");
    assert_eq!(ann["display_name"], "Ann");
    assert_eq!(ann["role"], "admin");
    assert_eq!(ann["token_type"], "bearer");
    assert_eq!(setup().await.1["needs_first_user"], false);
    let (status, me) = app.call(Method::GET, "/api/auth/me", ann["access_token"].as_str(), None).await;
    assert_eq!(status, 200);
    let expected = json!({
        "id": ann["id"], "email": "Ann@example.com", "display_name": "Ann", "role": "admin",
        "has_password": true, "linked_providers": [],
    });
    assert_eq!(me, expected);

    let body = json!({"email": "aNN@example.com", "password": PASSWORD, "role": "admin"});
    let (status, again) = app.call(Method::POST, "/api/auth/register", None, Some(body)).await;
    assert_eq!((status, again["detail"].as_str()), (400, Some("Registration failed")));
    let body = json!({"email": "bob@example.com", "password": PASSWORD, "role": "admin"});
    let (_, bob) = app.call(Method::POST, "/api/auth/register", None, Some(body)).await;
    assert_eq!(bob["role"], "user");
    assert_eq!(login(&app, "ANN@example.com", PASSWORD).await.0, 200);
}

#[tokio::test]
async fn parallel_registrations_make_one_admin() {
    let app = app().await;
    let all = futures::future::join_all((0..8).map(|n| {
        let body = json!({"email": format!("u{n}@example.com"), "password": PASSWORD});
        let app = &app;
        async move { app.call(Method::POST, "/api/auth/register", None, Some(body)).await.1 }
    }))
    .await;
    assert_eq!(all.iter().filter(|user| user["role"] == "admin").count(), 1);
}

#[tokio::test]
async fn registration_can_be_closed() {
    let app = app_with(server::ServerSettings { is_registration_allowed: false, ..settings() }).await;
    let body = json!({"email": "a@example.com", "password": PASSWORD});
    let (status, answer) = app.call(Method::POST, "/api/auth/register", None, Some(body)).await;
    assert_eq!(status, 403);
    assert!(answer["detail"].as_str().unwrap().contains("disabled"));
    let (_, setup) = app.call(Method::GET, "/api/auth/setup", None, None).await;
    assert_eq!(setup["registration_open"], false);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_login_the_answer_is_the_same() {
    let app = app().await;
    let ann = app.register("ann").await;
    let bob = app.register("bob").await;
    let (status, _) =
        app.patch(&ann, &format!("/api/admin/users/{}", bob.id), json!({"is_active": false})).await;
    assert_eq!(status, 200);
    assert_eq!(me(&app, &bob.token).await, 401);
    let wrong = login(&app, "ann@example.com", "wrong").await;
    assert_eq!((wrong.0, wrong.1["detail"].as_str()), (401, Some("Invalid email or password")));
    assert_eq!(login(&app, "nobody@example.com", PASSWORD).await, wrong);
    assert_eq!(login(&app, "bob@example.com", PASSWORD).await, wrong);

    for _ in 0..5 {
        assert_eq!(login(&app, "ann@example.com", "wrong").await, wrong);
    }
    assert_eq!(login(&app, "ann@example.com", PASSWORD).await, wrong, "it has to wait");
    let request = app.request(Method::POST, "/api/auth/login").header("x-forwarded-for", "198.51.100.9");
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let elsewhere = request.json(&body).send().await.unwrap();
    assert_eq!(elsewhere.status(), 200, "from elsewhere the victim still enters");
    app.clock.advance_ms(20 * 60 * 1000);
    assert_eq!(login(&app, "ann@example.com", PASSWORD).await.0, 200);
}

#[tokio::test]
async fn hashes_of_the_prototype_are_replaced_at_login() {
    let app = app().await;
    let ann = app.register("ann").await;
    let id = domain::id::UserId::new(ann.id.as_str());
    let old = bcrypt::hash("old password", 4).unwrap();
    let now = domain::ports::Clock::now(&*app.clock);
    app.store.set_password_hash(&id, old, now).await.unwrap();
    assert_eq!(login(&app, "ann@example.com", "old password").await.0, 200);
    let user = app.store.find_user(&id).await.unwrap().unwrap();
    assert!(user.password_hash.unwrap().starts_with("$argon2id$"));
    assert_eq!(login(&app, "ann@example.com", "old password").await.0, 200);
}

#[tokio::test]
async fn a_refresh_token_that_is_used_again_ends_the_session() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (status, first) = refresh(&app, &ann.refresh).await;
    assert_eq!(status, 200, "{first}");
    let (status, tab) = refresh(&app, &ann.refresh).await;
    assert_eq!(status, 200, "two tabs may ask at once: {tab}");
    let next = first["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&app, next).await.0, 200);
    app.clock.advance_ms(60_000);
    assert_eq!(refresh(&app, &ann.refresh).await.0, 401);
    assert_eq!(refresh(&app, tab["refresh_token"].as_str().unwrap()).await.0, 401);
    assert_eq!(me(&app, first["access_token"].as_str().unwrap()).await, 401);
    for junk in ["", "junk", &ann.token] {
        assert_eq!(refresh(&app, junk).await.0, 401);
    }
}

#[tokio::test]
async fn signing_out_and_a_new_password_end_sessions() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (_, other) = login(&app, "ann@example.com", PASSWORD).await;
    let (_, third) = login(&app, "ann@example.com", PASSWORD).await;
    let token = |body: &Value| body["access_token"].as_str().unwrap().to_owned();
    let (_, sessions) = app.get(&ann, "/api/auth/sessions").await;
    assert_eq!(sessions.as_array().map(Vec::len), Some(3));

    assert_eq!(app.post(&ann, "/api/auth/logout", json!({})).await.0, 204);
    assert_eq!(me(&app, &ann.token).await, 401);
    assert_eq!(refresh(&app, &ann.refresh).await.0, 401);
    let body = json!({"refresh_token": third["refresh_token"]});
    assert_eq!(app.call(Method::POST, "/api/auth/logout", None, Some(body)).await.0, 204);
    assert_eq!(me(&app, &token(&third)).await, 401);

    let change = |current: &str| json!({"current_password": current, "new_password": "another password"});
    let path = "/api/auth/password";
    let asked = app.call(Method::POST, path, Some(&token(&other)), Some(change("wrong"))).await;
    assert_eq!((asked.0, asked.1["code"].as_str()), (400, Some("wrong_password")));
    let (status, fresh) = app.call(Method::POST, path, Some(&token(&other)), Some(change(PASSWORD))).await;
    assert_eq!(status, 200, "{fresh}");
    assert_eq!(me(&app, &token(&other)).await, 401);
    assert_eq!(me(&app, &token(&fresh)).await, 200);
    assert_eq!(login(&app, "ann@example.com", PASSWORD).await.0, 401);
    assert_eq!(login(&app, "ann@example.com", "another password").await.0, 200);
}

#[tokio::test]
async fn tokens_that_are_not_good_are_refused_in_the_contracts_words() {
    let app = app().await;
    let ann = app.register("ann").await;
    let project = app.project(&ann).await;
    let (_, ticket) = app.post(&ann, &format!("/api/events/{project}/token"), json!({})).await;
    let mut changed = ann.token.clone();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.push(last);
    let bearer = |token: &str| format!("Bearer {token}");
    let long = bearer(&"a".repeat(20 * 1024));
    for (header, has_challenge) in [
        (String::new(), true),
        ("Bearer ".to_owned(), true),
        ("Basic YTpi".to_owned(), true),
        (bearer(&changed), true),
        (bearer("a.b.c"), true),
        (long, true),
        (bearer(&".".repeat(3000)), true),
        (bearer("orch_0000"), true),
        (bearer(&ann.refresh), false),
        (bearer(ticket["token"].as_str().unwrap()), false),
    ] {
        let request = app.request(Method::GET, "/api/auth/me").header("authorization", &header);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{header}");
        assert_eq!(answer.headers().contains_key("www-authenticate"), has_challenge, "{header}");
    }
    let twice = app.request(Method::GET, "/api/auth/me").bearer_auth(&ann.token).bearer_auth(&ann.token);
    assert_eq!(twice.send().await.unwrap().status(), 401);
    let lower =
        app.request(Method::GET, "/api/auth/me").header("authorization", format!("bearer {}", ann.token));
    assert_eq!(lower.send().await.unwrap().status(), 200);
    app.clock.advance_ms(31 * 60 * 1000);
    assert_eq!(me(&app, &ann.token).await, 401);
}

#[tokio::test]
async fn keys_are_shown_once_end_and_can_be_revoked() {
    let app = app().await;
    let ann = app.register("ann").await;
    let body = json!({"name": "ci", "expires_in_days": 1});
    let (status, key) = app.post(&ann, "/api/auth/api-keys", body).await;
    assert_eq!(status, 201);
    let text = key["key"].as_str().unwrap();
    assert_eq!(text.len(), 5 + 64);
    assert_eq!(me(&app, text).await, 200);
    let (_, list) = app.get(&ann, "/api/auth/api-keys").await;
    assert_eq!((&list[0]["key_prefix"], &list[0]["is_active"]), (&json!(text[..12]), &json!(true)));
    assert!(list[0].get("key").is_none());
    assert!(list[0]["last_used_at"].is_number());
    let (_, made) = app.post(&ann, "/api/auth/api-keys", json!({"name": "other"})).await;
    let path = format!("/api/auth/api-keys/{}", made["id"].as_str().unwrap());
    assert_eq!(app.delete(&ann, &path).await.0, 200);
    assert_eq!(app.delete(&ann, &path).await.1["status"], "revoked");
    assert_eq!(me(&app, made["key"].as_str().unwrap()).await, 401);
    app.clock.advance_ms(25 * 60 * 60 * 1000);
    assert_eq!(me(&app, text).await, 401);
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let app = app().await;
    let ann = app.register("ann").await;
    let bob = app.register("bob").await;
    let change = |id: &str, body: Value| {
        let (app, ann, path) = (&app, &ann, format!("/api/admin/users/{id}"));
        async move {
            let (status, answer) = app.patch(ann, &path, body).await;
            (status, answer["code"].as_str().unwrap_or_default().to_owned())
        }
    };
    assert_eq!(change(&ann.id, json!({"is_active": false})).await, (400, "self".to_owned()));
    assert_eq!(change(&ann.id, json!({"role": "user"})).await, (400, "self".to_owned()));
    assert_eq!(change(&bob.id, json!({})).await, (400, "nothing_to_update".to_owned()));
    assert_eq!(change("nobody", json!({"role": "user"})).await, (404, "not_found".to_owned()));
    assert_eq!(change(&bob.id, json!({"role": "admin"})).await.0, 200);
    let (_, users) = app.get(&bob, "/api/admin/users?limit=1").await;
    assert_eq!((users.as_array().map(Vec::len), &users[0]["id"]), (Some(1), &json!(bob.id)));
    let (_, stats) = app.get(&ann, "/api/admin/stats").await;
    assert_eq!((&stats["total_users"], &stats["total_projects"]), (&json!(2), &json!(0)));
}
