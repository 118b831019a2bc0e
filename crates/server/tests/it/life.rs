//! A project's life, end to end.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Mode, app, app_without_provider, read};

#[tokio::test]
async fn a_project_goes_from_words_to_finished_work() {
    let app = app().await;
    let ann = app.register("ann").await;
    let id = app.project(&ann).await;
    let (_, created) = app.get(&ann, &format!("/api/projects/{id}")).await;
    assert_eq!(created["status"], "draft");
    assert_eq!(created["planning_rigor"], "L2");
    assert_eq!(created["task_summary"]["total"], 0);

    let (status, planned) = app.post(&ann, &format!("/api/projects/{id}/plan"), json!({})).await;
    assert_eq!(status, 200, "{planned}");
    assert_eq!(planned["version"], 1);
    assert_eq!(planned["plan"]["summary"], "Two steps.");
    assert!(planned["cost_usd"].as_f64().unwrap() > 0.0);
    let plan = planned["plan_id"].as_str().unwrap();

    let (_, plans) = app.get(&ann, &format!("/api/projects/{id}/plans")).await;
    assert_eq!(plans[0]["status"], "draft");
    let (status, approved) =
        app.post(&ann, &format!("/api/projects/{id}/plans/{plan}/approve"), json!({})).await;
    assert_eq!(status, 200, "{approved}");
    assert_eq!(approved["tasks_created"], 2);
    assert_eq!(approved["total_waves"], 2);
    assert!(approved["estimated_cost_usd"].as_f64().unwrap() > 0.0);

    let (_, tasks) = app.get(&ann, &format!("/api/tasks/project/{id}")).await;
    assert_eq!(tasks[0]["status"], "pending");
    assert_eq!(tasks[0]["waiting_for"]["reason"], "project");
    assert_eq!(tasks[1]["status"], "blocked");
    assert_eq!(tasks[1]["depends_on"], json!([tasks[0]["id"]]));

    let (status, body) = app.post(&ann, &format!("/api/projects/{id}/execute"), json!({})).await;
    assert_eq!((status, body), (200, json!({"status": "executing", "project_id": id})));
    app.wait_for(&ann, &id, "completed").await;

    let (_, tasks) = app.get(&ann, &format!("/api/tasks/project/{id}?exclude_output=true")).await;
    assert_eq!(tasks[1]["status"], "completed");
    assert_eq!(tasks[1]["output_text"], Value::Null);
    let (_, task) = app.get(&ann, &format!("/api/tasks/{}", tasks[1]["id"].as_str().unwrap())).await;
    assert_eq!(task["output_text"], "Done: grüße.");
    assert_eq!(task["model_used"], "claude-opus-5-5");

    let (_, usage) = app.get(&ann, &format!("/api/usage/summary?project_id={id}")).await;
    assert_eq!(usage["api_call_count"], 3);
    assert_eq!(usage["total_prompt_tokens"], 3000);
    assert_eq!(usage["by_provider"]["anthropic"]["calls"], 3);
    let (_, coverage) = app.get(&ann, &format!("/api/projects/{id}/coverage")).await;
    assert_eq!((&coverage["covered_count"], &coverage["uncovered_count"]), (&json!(1), &json!(1)));
    let (_, export) = app.get(&ann, &format!("/api/projects/{id}/export")).await;
    assert_eq!(export["usage"].as_array().map(Vec::len), Some(3));
    assert_eq!(export["events"][0]["event_type"], "project_created");

    let (status, copy) = app.post(&ann, &format!("/api/projects/{id}/clone"), json!({})).await;
    assert_eq!((status, copy["name"].as_str()), (201, Some("Garden (clone)")));
    let (_, plans) = app.get(&ann, &format!("/api/projects/{}/plans", copy["id"].as_str().unwrap())).await;
    assert_eq!((&plans[0]["status"], &plans[0]["cost_usd"]), (&json!("draft"), &json!(0.0)));

    assert_eq!(app.delete(&ann, &format!("/api/projects/{id}")).await.0, 204);
    assert_eq!(app.get(&ann, &format!("/api/projects/{id}")).await.0, 404);
    let (_, days) = app.get(&ann, "/api/usage/daily").await;
    assert_eq!(days[0]["api_calls"], 3, "what was spent stays in the books");
}

#[tokio::test]
async fn planning_may_be_asked_for_without_waiting() {
    let app = app().await;
    let ann = app.register("ann").await;
    let id = app.project(&ann).await;
    let request = app.request(Method::POST, &format!("/api/projects/{id}/plan")).bearer_auth(&ann.token);
    let (status, body) = read(request.header("Prefer", "respond-async").send().await.unwrap()).await;
    assert_eq!((status, body["status"].as_str()), (202, Some("planning")));
    app.wait_for(&ann, &id, "draft").await;
    let (_, plans) = app.get(&ann, &format!("/api/projects/{id}/plans")).await;
    assert_eq!(plans.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn who_hangs_up_while_planning_changes_nothing() {
    let app = app().await;
    let ann = app.register("ann").await;
    let id = app.project(&ann).await;
    app.set_mode(Mode::Silent).await;
    let request = app.request(Method::POST, &format!("/api/projects/{id}/plan")).bearer_auth(&ann.token);
    let hung_up = request.timeout(Duration::from_millis(200)).send().await;
    assert!(hung_up.is_err());
    let (_, project) = app.get(&ann, &format!("/api/projects/{id}")).await;
    assert_eq!(project["status"], "planning");
}

#[tokio::test]
async fn an_answer_that_is_no_plan_is_a_422_with_a_text() {
    let app = app().await;
    let ann = app.register("ann").await;
    let id = app.project(&ann).await;
    app.set_mode(Mode::Prose).await;
    let (status, body) = app.post(&ann, &format!("/api/projects/{id}/plan"), json!({})).await;
    assert_eq!((status, body["code"].as_str()), (422, Some("plan_invalid")), "{body}");
    assert!(body["detail"].is_string());
}

#[tokio::test]
async fn a_server_without_provider_says_so() {
    let app = app_without_provider().await;
    let ann = app.register("ann").await;
    let id = app.project(&ann).await;
    let (status, body) = app.post(&ann, &format!("/api/projects/{id}/plan"), json!({})).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("no_provider")));
}

#[tokio::test]
async fn steps_in_the_wrong_state_are_refused() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, tasks) = app.ready_project(&ann).await;
    let (first, second) = (&tasks[0], &tasks[1]);
    let state = |path: String, body: Value| {
        let (app, ann) = (&app, &ann);
        async move {
            let (status, answer) = app.post(ann, &path, body).await;
            (status, answer["code"].as_str().unwrap_or_default().to_owned())
        }
    };
    let conflict = (400, "conflict_state".to_owned());
    assert_eq!(state(format!("/api/projects/{id}/pause"), json!({})).await, conflict);
    assert_eq!(state(format!("/api/tasks/{first}/retry"), json!({})).await, conflict);
    assert_eq!(state(format!("/api/tasks/{first}/review"), json!({"action": "approve"})).await, conflict);
    let (_, plans) = app.get(&ann, &format!("/api/projects/{id}/plans")).await;
    let plan = plans[0]["id"].as_str().unwrap();
    assert_eq!(state(format!("/api/projects/{id}/plans/{plan}/approve"), json!({})).await, conflict);

    let (status, changed) = app.patch(&ann, &format!("/api/tasks/{second}"), json!({"priority": "7"})).await;
    assert_eq!((status, &changed["priority"]), (200, &json!(7)));
    assert_eq!(app.patch(&ann, &format!("/api/tasks/{second}"), json!({})).await.0, 400);

    let body = json!({"action": "cancel", "task_ids": [second, "nothing", second]});
    let (status, bulk) = app.post(&ann, "/api/tasks/bulk", body).await;
    assert_eq!((status, &bulk["succeeded"]), (200, &json!([second])));
    assert_eq!(bulk["failed"][0], json!({"id": "nothing", "reason": "Task not found"}));
    let (_, listed) = app.get(&ann, &format!("/api/tasks/project/{id}?status=cancelled")).await;
    assert_eq!(listed[0]["id"], json!(second));
    assert_eq!(app.post(&ann, &format!("/api/projects/{id}/cancel"), json!({})).await.0, 200);
}

#[tokio::test]
async fn a_failed_task_fails_its_project_and_can_be_retried() {
    let app = app().await;
    let ann = app.register("ann").await;
    let (id, tasks) = app.ready_project(&ann).await;
    app.set_mode(Mode::Refusing).await;
    app.post(&ann, &format!("/api/projects/{id}/execute"), json!({})).await;
    app.wait_for(&ann, &id, "failed").await;
    let (_, task) = app.get(&ann, &format!("/api/tasks/{}", tasks[0])).await;
    assert_eq!(task["status"], "failed");
    assert!(task["error"].is_string());
    app.set_mode(Mode::Good).await;
    let (status, task) = app.post(&ann, &format!("/api/tasks/{}/retry", tasks[0]), json!({})).await;
    assert_eq!(status, 200, "{task}");
    app.wait_for(&ann, &id, "completed").await;
    let (_, checkpoints) = app.get(&ann, &format!("/api/checkpoints/project/{id}?resolved=true")).await;
    assert_eq!(checkpoints, json!([]));
}

#[tokio::test]
async fn a_person_answers_when_all_tries_are_used_up() {
    let app = app().await;
    let (admin, ann) = (app.register("admin").await, app.register("ann").await);
    let (id, tasks) = app.ready_project(&ann).await;
    app.set_mode(Mode::Broken).await;
    app.post(&ann, &format!("/api/projects/{id}/execute"), json!({})).await;
    let mut tries = 0;
    let path = format!("/api/checkpoints/project/{id}");
    let open = loop {
        let (status, open) = app.get(&ann, &path).await;
        assert_eq!(status, 200, "{open}");
        if open[0].is_object() {
            break open;
        }
        tries += 1;
        assert!(tries < 200, "nobody was asked");
        // Waits are in the clock's time; the engine looks again by itself.
        app.clock.advance_ms(5_000);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(open[0]["checkpoint_type"], "retry_exhausted");
    assert_eq!(open[0]["task_id"], json!(tasks[0]));
    assert!(open[0]["attempts"][0]["timestamp"].is_number());
    let (_, task) = app.get(&ann, &format!("/api/tasks/{}", tasks[0])).await;
    assert_eq!((&task["status"], &task["waiting_for"]["reason"]), (&json!("needs_review"), &json!("person")));

    let one = format!("/api/checkpoints/{}", open[0]["id"].as_str().unwrap());
    let stranger = app.register("stranger").await;
    assert_eq!(app.get(&stranger, &one).await.0, 403);
    assert_eq!(app.get(&admin, &one).await.0, 200);
    app.set_mode(Mode::Good).await;
    let answer = json!({"action": "retry", "guidance": "once more", "gotcha": "it rains"});
    let (status, resolved) = app.post(&ann, &format!("{one}/resolve"), answer.clone()).await;
    assert_eq!(status, 200, "{resolved}");
    assert!(resolved["response"].as_str().unwrap().contains("once more"));
    let (status, again) = app.post(&ann, &format!("{one}/resolve"), answer).await;
    assert_eq!((status, again["code"].as_str()), (400, Some("conflict_state")));
    assert_eq!(app.get(&ann, &path).await.1, json!([]));
    app.wait_for(&ann, &id, "completed").await;
}
