//! What answers look like, one line per object: `name:type`, `?` after what may be
//! null, brackets around lists. Tests compare these with what is really sent.

use serde_json::{Map, Value, json};

/// Every object that is answered. `s` text, `i` whole number, `n` number, `b` truth,
/// `o` any object, `v` anything; other words name another row.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("Status", "status:s"),
    ("User", "id:s email:s display_name:s role:s has_password:b linked_providers:[s]"),
    (
        "Registered",
        "id:s email:s display_name:s role:s has_password:b linked_providers:[s] access_token:s refresh_token:s \
         token_type:s",
    ),
    ("Login", "access_token:s refresh_token:s token_type:s user:User"),
    ("Tokens", "access_token:s refresh_token:s token_type:s"),
    ("Session", "id:s label:s? created_at:n refreshed_at:n expires_at:n is_current:b"),
    ("ApiKey", "id:s key_prefix:s name:s is_active:b scopes:[s] created_at:n expires_at:n? last_used_at:n?"),
    ("ApiKeyCreated", "id:s key:s key_prefix:s name:s scopes:[s] created_at:n expires_at:n?"),
    ("ApiKeyRevoked", "status:s key_id:s"),
    (
        "AdminUser",
        "id:s email:s display_name:s role:s is_active:b created_at:n last_login_at:n? project_count:i",
    ),
    (
        "Stats",
        "total_users:i active_users:i total_projects:i projects_by_status:o total_tasks:i tasks_by_status:o \
         total_spend_usd:n spend_by_model:o task_completion_rate:n",
    ),
    ("Service", "id:s name:s status:s method:s details:o category:s"),
    ("Documents", "total:i items:[o]"),
    ("Setup", "needs_first_user:b registration_open:b"),
    ("TaskSummary", "total:i completed:i running:i failed:i needs_review:i"),
    (
        "Project",
        "id:s name:s requirements:s status:s pause_reason:s? created_at:n updated_at:n completed_at:n? config:o \
         planning_rigor:s task_summary:TaskSummary? repo_path:s? git_base_branch:s? git_project_branch:s? \
         git_state:o waiting_count:i",
    ),
    ("ProjectStep", "status:s project_id:s"),
    (
        "Plan",
        "id:s project_id:s version:i model_used:s prompt_tokens:i completion_tokens:i cost_usd:n plan:o status:s \
         created_at:n",
    ),
    ("Planned", "plan_id:s version:i plan:o model_used:s prompt_tokens:i completion_tokens:i cost_usd:n"),
    ("Planning", "operation_id:s status:s"),
    ("Approved", "tasks_created:i task_ids:[s] estimated_cost_usd:n summary:s total_waves:i"),
    ("Covered", "id:s text:s covered:b"),
    (
        "Coverage",
        "project_id:s total_requirements:i covered_count:i uncovered_count:i requirements:[Covered]",
    ),
    (
        "Export",
        "exported_at:n project:Project plans:[o] tasks:[Task] events:[o] checkpoints:[o] usage:[o] knowledge:[o]",
    ),
    ("WaitingFor", "reason:s since:n? until:n?"),
    (
        "Task",
        "id:s project_id:s plan_id:s title:s description:s task_type:s priority:i status:s waiting_for:WaitingFor? \
         model_tier:s model_used:s? wave:i phase:s? tools:[s] verification_status:s? verification_notes:s? \
         requirement_ids:[s] prompt_tokens:i completion_tokens:i cost_usd:n output_text:s? output_artifacts:[v] \
         error:s? depends_on:[s] started_at:n? completed_at:n? created_at:n updated_at:n git_branch:s? \
         git_commit_sha:s?",
    ),
    ("NotDone", "id:s reason:s"),
    ("BulkDone", "succeeded:[s] failed:[NotDone]"),
    ("PastTry", "message:s timestamp:n"),
    (
        "Checkpoint",
        "id:s project_id:s task_id:s? checkpoint_type:s summary:s attempts:[PastTry] question:s response:s? \
         resolved_at:n? created_at:n",
    ),
    (
        "Usage",
        "total_cost_usd:n total_prompt_tokens:i total_completion_tokens:i api_call_count:i by_model:o by_provider:o",
    ),
    (
        "Budget",
        "daily_spent_usd:n daily_limit_usd:n daily_pct:n monthly_spent_usd:n monthly_limit_usd:n monthly_pct:n",
    ),
    ("UsageDay", "date:s cost_usd:n prompt_tokens:i completion_tokens:i api_calls:i"),
    (
        "ProjectUsage",
        "project_id:s project_name:s cost_usd:n prompt_tokens:i completion_tokens:i api_calls:i",
    ),
    ("CostBreakdown", "by_project:[o] by_model_tier:[o] daily_trend:[o] total_cost_usd:n"),
    ("TaskOutcomes", "by_tier:[o] verification_by_tier:[o]"),
    (
        "Efficiency",
        "retries_by_tier:[o] checkpoint_count:i unresolved_checkpoint_count:i wave_throughput:[o] \
         cost_efficiency:[o]",
    ),
    ("UsageOverview", "summary:o by_purpose:[o] by_provider:[o] by_model:[o]"),
    (
        "Claimable",
        "id:s title:s description:s model_tier:s wave:i priority:i phase:s? task_type:s depends_on:[s]",
    ),
    ("Piece", "type:s content:s source_task_id:s? source_task_title:s?"),
    (
        "Claimed",
        "id:s project_id:s title:s description:s task_type:s model_tier:s wave:i priority:i phase:s? \
         system_prompt:s context:[Piece] tools:[s] depends_on:[s] max_tokens:i requirement_ids:[s] \
         verification_criteria:s fence:i lease_until:n?",
    ),
    ("Lease", "task_id:s fence:i lease_until:n?"),
    (
        "Submitted",
        "task_id:s status:s verification_status:s? verification_notes:s? next_claimable_task_id:s?",
    ),
    ("Released", "status:s task_id:s"),
    ("Ticket", "token:s"),
];

/// A reference to an object, a list of them, or a plain type.
pub fn schema(word: &str) -> Value {
    if let Some(inner) = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return json!({"type": "array", "items": schema(inner)});
    }
    match word {
        "s" => json!({"type": "string"}),
        "i" => json!({"type": "integer"}),
        "n" => json!({"type": "number"}),
        "b" => json!({"type": "boolean"}),
        "o" => json!({"type": "object"}),
        "v" => json!({}),
        name => json!({"$ref": format!("#/components/schemas/{name}")}),
    }
}

fn nullable(word: &str) -> Value {
    let mut inner = schema(word);
    match inner.get("type").and_then(Value::as_str).map(str::to_owned) {
        Some(kind) => {
            inner["type"] = json!([kind, "null"]);
            inner
        }
        None => json!({"oneOf": [inner, {"type": "null"}]}),
    }
}

fn object(line: &str) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in line.split_whitespace() {
        let (name, word) = field.split_once(':').unwrap_or((field, "v"));
        let value = word.strip_suffix('?').map_or_else(|| schema(word), nullable);
        properties.insert(name.to_owned(), value);
        required.push(name);
    }
    json!({"type": "object", "properties": properties, "required": required})
}

/// All of them, by name.
pub fn components() -> Map<String, Value> {
    SCHEMAS.iter().map(|(name, line)| ((*name).to_owned(), object(line))).collect()
}
