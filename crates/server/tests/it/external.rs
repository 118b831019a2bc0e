//! Workers outside: a script that claims, reports, and gives back.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Someone, app};

/// A started project whose tasks are kept for workers outside.
async fn outside(app: &App, who: &Someone, mode: &str) -> (String, Vec<String>) {
    let (id, tasks) = app.ready_project(who).await;
    let body = json!({"config": {"execution_mode": mode}});
    assert_eq!(app.patch(who, &format!("/api/projects/{id}"), body).await.0, 200);
    assert_eq!(app.post(who, &format!("/api/projects/{id}/execute"), json!({})).await.0, 200);
    (id, tasks)
}

fn result(model: &str) -> Value {
    json!({"output_text": "made outside", "model_used": model, "prompt_tokens": 1_000, "completion_tokens": "50"})
}

#[tokio::test]
async fn a_worker_outside_carries_a_project_to_its_end() {
    let app = app().await;
    let _admin = app.register("admin").await;
    let ann = app.register("ann").await;
    let (id, tasks) = outside(&app, &ann, "external").await;
    let claimable = format!("/api/external/{id}/claimable");
    let (status, list) = app.get(&ann, &claimable).await;
    assert_eq!((status, list.as_array().map(Vec::len)), (200, Some(1)), "{list}");
    assert_eq!((&list[0]["id"], &list[0]["depends_on"]), (&json!(tasks[0]), &json!([])));

    let (status, claimed) =
        app.post(&ann, &format!("/api/external/tasks/{}/claim", tasks[0]), json!({})).await;
    assert_eq!(status, 200, "{claimed}");
    assert_eq!(claimed["description"], "Do first.");
    assert!(claimed["system_prompt"].as_str().is_some_and(|text| !text.is_empty()));
    assert!(claimed["context"].as_array().is_some_and(|pieces| !pieces.is_empty()), "{claimed}");
    assert_eq!(claimed["requirement_ids"], json!(["R1"]));
    let (_, task) = app.get(&ann, &format!("/api/tasks/{}", tasks[0])).await;
    assert_eq!(task["status"], "running");
    assert_eq!(app.get(&ann, &claimable).await.1, json!([]));

    let at = |action: &str| format!("/api/external/tasks/{}/{action}", tasks[0]);
    assert_eq!(app.post(&ann, &at("claim"), json!({})).await.0, 409);
    let (status, beat) = app.call(Method::POST, &at("heartbeat"), Some(&ann.token), None).await;
    assert_eq!((status, &beat["fence"]), (200, &claimed["fence"]));
    let stale = json!({"fence": claimed["fence"].as_u64().unwrap() - 1});
    assert_eq!(app.post(&ann, &at("heartbeat"), stale).await.0, 409);

    let (status, done) = app.post(&ann, &at("result"), result("claude-opus-5-5")).await;
    assert_eq!(status, 200, "{done}");
    let expected = json!({
        "task_id": tasks[0], "status": "completed", "verification_status": null,
        "verification_notes": null, "next_claimable_task_id": tasks[1],
    });
    assert_eq!(done, expected);
    assert_eq!(app.post(&ann, &at("result"), result("m")).await.0, 409);

    // The second one is told what the first one made.
    let (_, claimed) = app.post(&ann, &format!("/api/external/tasks/{}/claim", tasks[1]), json!({})).await;
    let told = claimed["context"].as_array().unwrap();
    let output = told.iter().find(|piece| piece["type"] == "dependency_output").unwrap();
    assert!(output["content"].as_str().is_some_and(|text| text.contains("made outside")));
    let (_, done) =
        app.post(&ann, &format!("/api/external/tasks/{}/result", tasks[1]), result("some-agent")).await;
    assert_eq!(done["next_claimable_task_id"], Value::Null);
    app.wait_for(&ann, &id, "completed").await;
    let (_, usage) = app.get(&ann, &format!("/api/usage/summary?project_id={id}")).await;
    assert_eq!(usage["by_provider"]["external"], json!({"cost_usd": 0.0, "calls": 1}));
    let (_, export) = app.get(&ann, &format!("/api/projects/{id}/export")).await;
    let booked = export["usage"].as_array().unwrap();
    assert_eq!(booked.iter().filter(|row| row["purpose"] == "external_execution").count(), 2);
}

#[tokio::test]
async fn modes_say_who_works() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, tasks) = outside(&app, &ann, "auto").await;
    assert_eq!(app.get(&ann, &format!("/api/external/{id}/claimable")).await, (200, json!([])));
    app.wait_for(&ann, &id, "completed").await;
    let (id, tasks2) = outside(&app, &ann, "external").await;
    // Long enough for the engine to look several times.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let (_, task) = app.get(&ann, &format!("/api/tasks/{}", tasks2[0])).await;
    assert_eq!(task["status"], "pending");
    assert_eq!(app.post(&ann, &format!("/api/external/tasks/{}/claim", tasks[0]), json!({})).await.0, 409);
    let change = json!({"model_tier": "ollama"});
    assert_eq!(app.patch(&ann, &format!("/api/tasks/{}", tasks2[0]), change).await.0, 200);
    let body = json!({"config": {"execution_mode": "hybrid"}});
    app.patch(&ann, &format!("/api/projects/{id}"), body).await;
    let (status, _) = app.post(&ann, &format!("/api/external/tasks/{}/claim", tasks2[0]), json!({})).await;
    assert_eq!(status, 409, "the local tier is the engine's");
}

#[tokio::test]
async fn claims_are_their_holders_and_lapse() {
    let app = app().await;
    let admin = app.register("admin").await;
    let ann = app.register("ann").await;
    let (_, tasks) = outside(&app, &ann, "external").await;
    let at = |action: &str| format!("/api/external/tasks/{}/{action}", tasks[0]);
    assert_eq!(app.post(&ann, &at("release"), json!({})).await.0, 409);
    let (_, claimed) = app.post(&ann, &at("claim"), json!({})).await;
    for (action, body) in [("release", json!({})), ("result", result("m")), ("heartbeat", json!({}))] {
        let (status, body) = app.post(&admin, &at(action), body).await;
        assert_eq!((status, body["code"].as_str()), (403, Some("foreign_claim")), "{action}");
    }
    let (status, body) = app.post(&ann, &at("release"), json!({})).await;
    assert_eq!((status, body), (200, json!({"status": "released", "task_id": tasks[0]})));
    let (_, again) = app.post(&ann, &at("claim"), json!({})).await;
    assert!(again["fence"].as_u64() > claimed["fence"].as_u64());
    // Nobody is heard of for longer than the lease.
    app.clock.advance_ms(3_600_001);
    let ann = {
        let body = json!({"email": "ann@example.com", "password": crate::app::PASSWORD});
        let (_, login) = app.call(Method::POST, "/api/auth/login", None, Some(body)).await;
        Someone { token: login["access_token"].as_str().unwrap().to_owned(), ..ann }
    };
    for _ in 0..200 {
        let (_, task) = app.get(&ann, &format!("/api/tasks/{}", tasks[0])).await;
        if task["status"] == "pending" {
            let late = json!({"output_text": "late", "model_used": "m", "fence": again["fence"]});
            assert_eq!(app.post(&ann, &at("result"), late).await.0, 409);
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the lease did not lapse");
}

#[tokio::test]
async fn what_is_reported_has_bounds() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (_, tasks) = outside(&app, &ann, "external").await;
    let path = format!("/api/external/tasks/{}/result", tasks[0]);
    app.post(&ann, &format!("/api/external/tasks/{}/claim", tasks[0]), json!({})).await;
    for (field, value) in [
        ("output_text", json!("")),
        ("output_text", json!("x".repeat(500_001))),
        ("model_used", json!("")),
        ("model_used", json!("m".repeat(101))),
        ("prompt_tokens", json!(-5)),
        ("completion_tokens", json!(1_000_000_000_000_000_000_u64)),
        ("fence", json!(-1)),
    ] {
        let mut body = result("m");
        body[field] = value;
        let (status, answer) = app.post(&ann, &path, body).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", field])), "{answer}");
    }
}
