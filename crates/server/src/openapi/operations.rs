//! What each route is for, takes and answers. Bodies and queries are not written
//! down here: the readers that check requests describe themselves.

use serde_json::Value;

use crate::api::{events, knowledge, rag, services};
use crate::extract::{Fields, Shape};
use crate::wire::{admin, analytics, checkpoint, external, plan, project, task, usage, user};

/// What a request carries besides its path.
pub enum Takes {
    /// Nothing.
    Nothing,
    /// Fields of a query.
    Query(fn() -> Value),
    /// A JSON body.
    Body(fn() -> Value),
    /// A JSON body that may be left out.
    OptionalBody(fn() -> Value),
}

/// One route.
pub struct Operation {
    /// Method and path.
    pub route: &'static str,
    /// For a person.
    pub summary: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// The status of success.
    pub status: u16,
    /// What it answers, in the words of `schemas`; nothing when empty.
    pub answer: &'static str,
}

fn fields<T: Shape>() -> Value {
    Fields::describe::<T>()
}

const fn op(
    route: &'static str,
    summary: &'static str,
    takes: Takes,
    status: u16,
    answer: &'static str,
) -> Operation {
    Operation { route, summary, takes, status, answer }
}

/// Every route, in the order of the router's table.
pub fn all() -> Vec<Operation> {
    let mut all = accounts();
    all.extend(admins());
    all.extend(projects());
    all.extend(works());
    all.extend(outside());
    all
}

fn accounts() -> Vec<Operation> {
    use Takes::{Body, Nothing, OptionalBody, Query};
    vec![
        op("GET /api/health", "Whether the server is there", Nothing, 200, "Status"),
        op("GET /api/ready", "Whether the server can work", Nothing, 200, "Status"),
        op("GET /openapi.json", "This document", Nothing, 200, "o"),
        op("GET /docs", "This document as a page", Nothing, 200, "html"),
        op("GET /api/auth/setup", "Whether the first account is still to be made", Nothing, 200, "Setup"),
        op("POST /api/auth/register", "Make an account", Body(fields::<user::Register>), 201, "Registered"),
        op("POST /api/auth/login", "Sign in", Body(fields::<user::Login>), 200, "Login"),
        op("POST /api/auth/refresh", "Renew tokens", Body(fields::<user::Refresh>), 200, "Tokens"),
        op("POST /api/auth/logout", "End the session", OptionalBody(fields::<user::Refresh>), 204, ""),
        op("GET /api/auth/oidc/providers", "Where else one can sign in", Nothing, 200, "[o]"),
        op("GET /api/auth/oidc/identities", "Where else the caller signs in", Nothing, 200, "[o]"),
        op("GET /api/auth/me", "The caller's account", Nothing, 200, "User"),
        op(
            "POST /api/auth/password",
            "Change the password",
            Body(fields::<user::ChangePassword>),
            200,
            "Login",
        ),
        op("GET /api/auth/sessions", "The caller's sessions", Nothing, 200, "[Session]"),
        op("DELETE /api/auth/sessions/{session_id}", "End a session", Nothing, 204, ""),
        op("POST /api/auth/api-keys", "Make a key", Body(fields::<user::NewKey>), 201, "ApiKeyCreated"),
        op("GET /api/auth/api-keys", "The caller's keys", Nothing, 200, "[ApiKey]"),
        op("DELETE /api/auth/api-keys/{key_id}", "Revoke a key", Nothing, 200, "ApiKeyRevoked"),
        op("GET /api/services", "Services", Query(fields::<services::ListServices>), 200, "[Service]"),
        op("GET /api/services/{service_id}", "A service", Nothing, 200, "Service"),
        op("GET /api/rag/databases", "Databases of documents", Nothing, 200, "[o]"),
        op("GET /api/rag/databases/{name}/sources", "What one was made from", Nothing, 200, "[o]"),
        op(
            "GET /api/rag/databases/{name}/documents",
            "Pieces of one",
            Query(fields::<rag::ListDocuments>),
            200,
            "Documents",
        ),
    ]
}

fn admins() -> Vec<Operation> {
    use Takes::{Body, Nothing, Query};
    let window = || Query(fields::<analytics::Window>);
    vec![
        op("GET /api/admin/users", "Accounts", Query(fields::<admin::ListUsers>), 200, "[AdminUser]"),
        op(
            "PATCH /api/admin/users/{user_id}",
            "Change an account",
            Body(fields::<admin::UpdateUser>),
            200,
            "AdminUser",
        ),
        op("GET /api/admin/stats", "Counts over everything", Nothing, 200, "Stats"),
        op("GET /api/admin/analytics/cost-breakdown", "What tasks cost", window(), 200, "CostBreakdown"),
        op("GET /api/admin/analytics/task-outcomes", "How tasks ended", Nothing, 200, "TaskOutcomes"),
        op("GET /api/admin/analytics/efficiency", "What work took", Nothing, 200, "Efficiency"),
        op("GET /api/admin/analytics/usage-overview", "All usage", window(), 200, "UsageOverview"),
    ]
}

fn projects() -> Vec<Operation> {
    use Takes::{Body, Nothing, Query};
    vec![
        op("POST /api/projects", "Make a project", Body(fields::<project::CreateProject>), 201, "Project"),
        op("GET /api/projects", "Projects", Query(fields::<project::ListProjects>), 200, "[Project]"),
        op("GET /api/projects/{project_id}", "A project", Nothing, 200, "Project"),
        op(
            "PATCH /api/projects/{project_id}",
            "Change a project",
            Body(fields::<project::UpdateProject>),
            200,
            "Project",
        ),
        op("DELETE /api/projects/{project_id}", "Remove a project", Nothing, 204, ""),
        op("POST /api/projects/{project_id}/plan", "Make a plan and wait for it", Nothing, 200, "Planned"),
        op(
            "GET /api/projects/{project_id}/plans",
            "Plan versions, newest first",
            Query(fields::<plan::ListPlans>),
            200,
            "[Plan]",
        ),
        op(
            "POST /api/projects/{project_id}/plans/{plan_id}/approve",
            "Turn a draft into tasks",
            Nothing,
            200,
            "Approved",
        ),
        op("POST /api/projects/{project_id}/execute", "Start, or go on", Nothing, 200, "ProjectStep"),
        op("POST /api/projects/{project_id}/pause", "Start no new call", Nothing, 200, "ProjectStep"),
        op("POST /api/projects/{project_id}/cancel", "Call it off", Nothing, 200, "ProjectStep"),
        op("GET /api/projects/{project_id}/coverage", "Requirements served", Nothing, 200, "Coverage"),
        op("POST /api/projects/{project_id}/clone", "Copy as a draft", Nothing, 201, "Project"),
        op("GET /api/projects/{project_id}/export", "The whole project", Nothing, 200, "Export"),
        op(
            "GET /api/projects/{project_id}/knowledge",
            "Findings",
            Query(fields::<knowledge::ListFindings>),
            200,
            "[o]",
        ),
        op("DELETE /api/projects/{project_id}/knowledge/{finding_id}", "Remove a finding", Nothing, 204, ""),
    ]
}

fn works() -> Vec<Operation> {
    use Takes::{Body, Nothing, Query};
    vec![
        op("GET /api/tasks/project/{project_id}", "Tasks", Query(fields::<task::ListTasks>), 200, "[Task]"),
        op("POST /api/tasks/bulk", "Retry or cancel many", Body(fields::<task::Bulk>), 200, "BulkDone"),
        op("GET /api/tasks/{task_id}", "A task", Nothing, 200, "Task"),
        op("PATCH /api/tasks/{task_id}", "Change a task", Body(fields::<task::UpdateTask>), 200, "Task"),
        op("POST /api/tasks/{task_id}/retry", "Try a failed task again", Nothing, 200, "Task"),
        op("POST /api/tasks/{task_id}/cancel", "Call a task off", Nothing, 200, "Task"),
        op("POST /api/tasks/{task_id}/review", "Judge an output", Body(fields::<task::Review>), 200, "Task"),
        op(
            "GET /api/checkpoints/project/{project_id}",
            "Questions to a person",
            Query(fields::<checkpoint::ListCheckpoints>),
            200,
            "[Checkpoint]",
        ),
        op("GET /api/checkpoints/{checkpoint_id}", "A question", Nothing, 200, "Checkpoint"),
        op(
            "POST /api/checkpoints/{checkpoint_id}/resolve",
            "Answer a question",
            Body(fields::<checkpoint::Resolve>),
            200,
            "Checkpoint",
        ),
        op("GET /api/usage/summary", "Sums", Query(fields::<usage::Summary>), 200, "Usage"),
        op("GET /api/usage/budget", "What is spent of the limits", Nothing, 200, "Budget"),
        op("GET /api/usage/daily", "By day", Query(fields::<usage::Daily>), 200, "[UsageDay]"),
        op(
            "GET /api/usage/by-project",
            "By project",
            Query(fields::<usage::ByProject>),
            200,
            "[ProjectUsage]",
        ),
        op("POST /api/events/{project_id}/token", "A ticket for the stream", Nothing, 200, "Ticket"),
        op(
            "GET /api/events/{project_id}",
            "Events as they come",
            Query(fields::<events::Listen>),
            200,
            "stream",
        ),
    ]
}

fn outside() -> Vec<Operation> {
    use Takes::{Body, Nothing, OptionalBody};
    let claim = || OptionalBody(fields::<external::ClaimRef>);
    let list = "GET /api/external/{project_id}/claimable";
    vec![
        op(list, "Tasks that may be claimed", Nothing, 200, "[Claimable]"),
        op("POST /api/external/tasks/{task_id}/claim", "Claim a task", Nothing, 200, "Claimed"),
        op("POST /api/external/tasks/{task_id}/heartbeat", "Still at it", claim(), 200, "Lease"),
        op(
            "POST /api/external/tasks/{task_id}/result",
            "Bring an output",
            Body(fields::<external::SubmitResult>),
            200,
            "Submitted",
        ),
        op("POST /api/external/tasks/{task_id}/release", "Give a task back", claim(), 200, "Released"),
    ]
}
