//! Every route in one table: method, path, who may come in, how often, and the
//! handler. Nothing is served that is not listed here.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};

use crate::api::{
    admin, analytics, auth, checkpoints, events, export, external, health, keys, knowledge, planning,
    projects, rag, services, tasks, usage,
};
use crate::layers::{self, Guard};
use crate::openapi;
use crate::state::State;

/// Who may come in at all; the handler's signature says the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// Who is signed in.
    Signed,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As often as they like.
    None,
    /// As everything else.
    Usual,
    /// As credentials may be tried, per address.
    Auth,
    /// As plans may be asked for.
    Plan,
    /// As whole projects may be read.
    Export,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with names of parameters in braces.
    pub path: &'static str,
    /// Who may come in.
    pub access: Access,
    /// How often.
    pub limit: Limit,
}

struct Table {
    state: State,
    routes: Vec<Route>,
    router: Router<State>,
}

impl Table {
    fn add<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        limit: Limit,
        handler: H,
    ) -> Self
    where
        H: Handler<T, State>,
        T: 'static,
    {
        let route = Route { method, path, access, limit };
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        let guard = Guard { state: self.state.clone(), route: route.clone() };
        let service = on(filter, handler).layer(from_fn_with_state(guard, layers::guard));
        self.router = self.router.route(path, service);
        self.routes.push(route);
        self
    }

    fn open<H, T>(self, method: Method, path: &'static str, limit: Limit, handler: H) -> Self
    where
        H: Handler<T, State>,
        T: 'static,
    {
        self.add(method, path, Access::Open, limit, handler)
    }

    fn signed<H, T>(self, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, State>,
        T: 'static,
    {
        self.add(method, path, Access::Signed, Limit::Usual, handler)
    }
}

fn table(state: State) -> Table {
    let table = Table { state, routes: Vec::new(), router: Router::new() };
    works(projects_table(accounts(table)))
}

fn accounts(table: Table) -> Table {
    use Method as M;
    table
        .open(M::GET, "/api/health", Limit::None, health::health)
        .open(M::GET, "/api/ready", Limit::None, health::ready)
        .open(M::GET, "/openapi.json", Limit::Usual, openapi::openapi)
        .open(M::GET, "/docs", Limit::Usual, openapi::docs)
        .open(M::GET, "/api/auth/setup", Limit::Usual, auth::setup)
        .open(M::POST, "/api/auth/register", Limit::Auth, auth::register)
        .open(M::POST, "/api/auth/login", Limit::Auth, auth::login)
        .open(M::POST, "/api/auth/refresh", Limit::Auth, auth::refresh)
        .open(M::POST, "/api/auth/logout", Limit::Usual, auth::logout)
        .open(M::GET, "/api/auth/oidc/providers", Limit::Usual, auth::oidc_providers)
        .signed(M::GET, "/api/auth/oidc/identities", auth::oidc_identities)
        .signed(M::GET, "/api/auth/me", auth::me)
        .add(M::POST, "/api/auth/password", Access::Signed, Limit::Auth, auth::password)
        .signed(M::GET, "/api/auth/sessions", auth::sessions)
        .signed(M::DELETE, "/api/auth/sessions/{session_id}", auth::end_session)
        .signed(M::POST, "/api/auth/api-keys", keys::create)
        .signed(M::GET, "/api/auth/api-keys", keys::list)
        .signed(M::DELETE, "/api/auth/api-keys/{key_id}", keys::revoke)
        .signed(M::GET, "/api/admin/users", admin::users)
        .signed(M::PATCH, "/api/admin/users/{user_id}", admin::update_user)
        .signed(M::GET, "/api/admin/stats", admin::stats)
        .signed(M::GET, "/api/admin/analytics/cost-breakdown", analytics::cost_breakdown)
        .signed(M::GET, "/api/admin/analytics/task-outcomes", analytics::task_outcomes)
        .signed(M::GET, "/api/admin/analytics/efficiency", analytics::efficiency)
        .signed(M::GET, "/api/admin/analytics/usage-overview", analytics::usage_overview)
        .signed(M::GET, "/api/services", services::list)
        .signed(M::GET, "/api/services/{service_id}", services::get)
        .signed(M::GET, "/api/rag/databases", rag::databases)
        .signed(M::GET, "/api/rag/databases/{name}/sources", rag::sources)
        .signed(M::GET, "/api/rag/databases/{name}/documents", rag::documents)
}

fn projects_table(table: Table) -> Table {
    use Method as M;
    table
        .signed(M::POST, "/api/projects", projects::create)
        .signed(M::GET, "/api/projects", projects::list)
        .signed(M::GET, "/api/projects/{project_id}", projects::get)
        .signed(M::PATCH, "/api/projects/{project_id}", projects::update)
        .signed(M::DELETE, "/api/projects/{project_id}", projects::delete)
        .add(M::POST, "/api/projects/{project_id}/plan", Access::Signed, Limit::Plan, planning::plan)
        .signed(M::GET, "/api/projects/{project_id}/plans", planning::list)
        .signed(M::POST, "/api/projects/{project_id}/plans/{plan_id}/approve", planning::approve)
        .signed(M::POST, "/api/projects/{project_id}/execute", projects::execute)
        .signed(M::POST, "/api/projects/{project_id}/pause", projects::pause)
        .signed(M::POST, "/api/projects/{project_id}/cancel", projects::cancel)
        .signed(M::GET, "/api/projects/{project_id}/coverage", projects::coverage)
        .signed(M::POST, "/api/projects/{project_id}/clone", projects::clone)
        .add(M::GET, "/api/projects/{project_id}/export", Access::Signed, Limit::Export, export::export)
        .signed(M::GET, "/api/projects/{project_id}/knowledge", knowledge::list)
        .signed(M::DELETE, "/api/projects/{project_id}/knowledge/{finding_id}", knowledge::delete)
}

fn works(table: Table) -> Table {
    use Method as M;
    table
        .signed(M::GET, "/api/tasks/project/{project_id}", tasks::list)
        .signed(M::POST, "/api/tasks/bulk", tasks::bulk)
        .signed(M::GET, "/api/tasks/{task_id}", tasks::get)
        .signed(M::PATCH, "/api/tasks/{task_id}", tasks::update)
        .signed(M::POST, "/api/tasks/{task_id}/retry", tasks::retry)
        .signed(M::POST, "/api/tasks/{task_id}/cancel", tasks::cancel)
        .signed(M::POST, "/api/tasks/{task_id}/review", tasks::review)
        .signed(M::GET, "/api/checkpoints/project/{project_id}", checkpoints::list)
        .signed(M::GET, "/api/checkpoints/{checkpoint_id}", checkpoints::get)
        .signed(M::POST, "/api/checkpoints/{checkpoint_id}/resolve", checkpoints::resolve)
        .signed(M::GET, "/api/external/{project_id}/claimable", external::claimable)
        .signed(M::POST, "/api/external/tasks/{task_id}/claim", external::claim)
        .signed(M::POST, "/api/external/tasks/{task_id}/heartbeat", external::heartbeat)
        .signed(M::POST, "/api/external/tasks/{task_id}/result", external::submit)
        .signed(M::POST, "/api/external/tasks/{task_id}/release", external::release)
        .signed(M::GET, "/api/usage/summary", usage::summary)
        .signed(M::GET, "/api/usage/budget", usage::budget)
        .signed(M::GET, "/api/usage/daily", usage::daily)
        .signed(M::GET, "/api/usage/by-project", usage::by_project)
        .signed(M::POST, "/api/events/{project_id}/token", events::token)
        .open(M::GET, "/api/events/{project_id}", Limit::None, events::stream)
}

/// Every route there is.
#[must_use]
pub fn routes(state: State) -> Vec<Route> {
    table(state).routes
}

/// The whole application.
pub fn router(state: State) -> Router {
    let table = table(state.clone());
    table
        .router
        .fallback(layers::not_found)
        .method_not_allowed_fallback(layers::wrong_method)
        .layer(from_fn_with_state(state.clone(), layers::shell))
        .with_state(state)
}
