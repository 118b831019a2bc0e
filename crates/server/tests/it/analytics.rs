//! What admins see of everything: after one project was carried out.

use serde_json::{Value, json};

use crate::app::app;

#[tokio::test]
async fn sums_tell_of_the_work_that_was_done() {
    let app = app().await;
    let ann = app.register("ann").await;
    for path in ["cost-breakdown", "task-outcomes", "efficiency", "usage-overview"] {
        let (status, body) = app.get(&ann, &format!("/api/admin/analytics/{path}")).await;
        assert_eq!(status, 200, "{path} {body}");
    }
    let (id, _) = app.ready_project(&ann).await;
    app.post(&ann, &format!("/api/projects/{id}/execute"), json!({})).await;
    app.wait_for(&ann, &id, "completed").await;

    let (_, costs) = app.get(&ann, "/api/admin/analytics/cost-breakdown?days=7").await;
    assert_eq!(
        (&costs["by_project"][0]["project_id"], &costs["by_project"][0]["task_count"]),
        (&json!(id), &json!(2))
    );
    assert_eq!(costs["by_project"][0]["project_name"], "Garden");
    assert_eq!(costs["by_model_tier"][0]["cost_usd"], costs["total_cost_usd"]);
    assert_eq!(costs["daily_trend"][0]["api_calls"], 2);
    let of_two = costs["total_cost_usd"].as_f64().unwrap();
    assert!(of_two > 0.0);

    let (_, outcomes) = app.get(&ann, "/api/admin/analytics/task-outcomes").await;
    assert_eq!(outcomes["by_tier"][0]["completed"], 2);
    assert_eq!(outcomes["by_tier"][0]["success_rate"], 1.0);
    assert_eq!(outcomes["verification_by_tier"], Value::Array(Vec::new()));

    let (_, efficiency) = app.get(&ann, "/api/admin/analytics/efficiency").await;
    assert_eq!(efficiency["retries_by_tier"][0]["total_tasks"], 2);
    assert_eq!(efficiency["retries_by_tier"][0]["total_retries"], 0);
    assert_eq!(efficiency["wave_throughput"].as_array().map(Vec::len), Some(2));
    assert_eq!(efficiency["cost_efficiency"][0]["tasks_completed"], 2);
    assert_eq!(efficiency["cost_efficiency"][0]["cost_per_pass"], Value::Null);
    assert_eq!(efficiency["checkpoint_count"], 0);

    let (_, usage) = app.get(&ann, "/api/admin/analytics/usage-overview").await;
    assert_eq!(usage["summary"]["total_api_calls"], 3);
    assert_eq!(usage["summary"]["total_tokens"], 4_500);
    assert_eq!(usage["summary"]["active_projects"], 1);
    assert_eq!(usage["by_purpose"].as_array().map(Vec::len), Some(2));
    assert_eq!(usage["by_provider"][0]["pct_of_total"], 100.0);
    assert_eq!(usage["by_model"][0]["provider"], "anthropic");
    assert!(usage["summary"]["total_cost_usd"].as_f64().unwrap() > of_two, "planning is in here too");

    // Far in the future nothing of it is in the window any more.
    app.clock.advance_ms(40 * 24 * 60 * 60 * 1_000);
    let ann = app.register("bob").await;
    let (status, _) = app.get(&ann, "/api/admin/analytics/usage-overview").await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn the_window_has_bounds() {
    let app = app().await;
    let ann = app.register("ann").await;
    for days in ["0", "91", "x"] {
        for path in ["cost-breakdown", "usage-overview"] {
            let path = format!("/api/admin/analytics/{path}?days={days}");
            assert_eq!(app.get(&ann, &path).await.0, 422, "{path}");
        }
    }
}
