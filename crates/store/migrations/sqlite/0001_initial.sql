-- The whole schema of version 1. Ids, words and JSON are TEXT, instants are
-- milliseconds since 1970 (UTC), money is nano-USD: both fit 64 bits. Booleans
-- are 0 and 1. Enum words are checked by the code that reads them, which names
-- table, column and row; the triggers below refuse what no code may ever do.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    email TEXT NOT NULL,
    -- Lower case: two accounts must not differ in case only.
    email_key TEXT NOT NULL UNIQUE CHECK (length(email_key) BETWEEN 3 AND 320),
    display_name TEXT NOT NULL,
    password_hash TEXT,
    role TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    is_active INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT;

CREATE TABLE user_identities (
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (provider, subject)
) STRICT;
CREATE INDEX user_identities_user ON user_identities (user_id);

-- One row per token ever issued in a family; a token is never stored, only its
-- hash. Used rows stay until they expire, so that a replay is recognised.
CREATE TABLE refresh_tokens (
    hash TEXT NOT NULL PRIMARY KEY CHECK (length(hash) BETWEEN 1 AND 200),
    family TEXT NOT NULL CHECK (length(family) BETWEEN 1 AND 200),
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label TEXT,
    created_at INTEGER NOT NULL,
    family_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) BETWEEN 1 AND 200),
    prefix TEXT NOT NULL,
    scopes_json TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_user ON api_keys (user_id);

-- Failed sign-ins per account or address, for growing delays.
CREATE TABLE login_failures (
    subject TEXT NOT NULL PRIMARY KEY CHECK (length(subject) BETWEEN 1 AND 400),
    failures INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
    value TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency (
    user_id TEXT NOT NULL,
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 400),
    body_hash TEXT NOT NULL,
    -- NULL while the first request is still being carried out.
    status INTEGER,
    body TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;
CREATE INDEX idempotency_age ON idempotency (created_at);

-- `owner` has no foreign key: a project outlives its owner's account.
CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    owner TEXT,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    pause_reason TEXT,
    config_json TEXT NOT NULL,
    -- Taken from the settings when it is set there: what `ready` asks for.
    dispatch TEXT,
    execution_mode TEXT NOT NULL,
    requirements_hash TEXT NOT NULL,
    approved_plan TEXT,
    draft_plan TEXT,
    operation TEXT,
    plan_version INTEGER NOT NULL,
    wave_count INTEGER NOT NULL,
    open_wave INTEGER NOT NULL,
    open_holding INTEGER NOT NULL,
    open_ready INTEGER NOT NULL,
    has_unpublished INTEGER NOT NULL,
    live INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    money_epoch INTEGER NOT NULL,
    counts_json TEXT NOT NULL,
    -- Tasks that a worker has; taken from the counts.
    active INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    warned_period TEXT,
    is_deleted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    completed_at INTEGER
) STRICT;
CREATE INDEX projects_owner ON projects (owner, created_at DESC) WHERE is_deleted = 0;
CREATE INDEX projects_age ON projects (created_at DESC) WHERE is_deleted = 0;
CREATE INDEX projects_executing ON projects (id) WHERE state = 'executing';
CREATE INDEX projects_deleted ON projects (id) WHERE is_deleted = 1;

CREATE TABLE plans (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    project TEXT NOT NULL REFERENCES projects (id),
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    summary TEXT NOT NULL,
    plan_json TEXT NOT NULL,
    rigor TEXT NOT NULL,
    requirements_hash TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project, version)
) STRICT;

-- The row that changes with every step. What a task is about is beside it in
-- task_specs, so that a change of state never rewrites long texts.
CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    project TEXT NOT NULL REFERENCES projects (id),
    plan TEXT NOT NULL,
    place INTEGER NOT NULL,
    title TEXT NOT NULL,
    task_type TEXT NOT NULL,
    complexity TEXT NOT NULL,
    tier TEXT NOT NULL,
    priority INTEGER NOT NULL,
    wave INTEGER NOT NULL,
    state TEXT NOT NULL,
    wait_reason TEXT,
    wait_since INTEGER,
    wake_at INTEGER,
    parked_epoch INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    is_attempt_open INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    call TEXT,
    -- Who claimed it from outside, and until when; both or neither.
    claimed_by TEXT,
    lease_until INTEGER,
    had_unknown INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    person_retries INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    max_tokens INTEGER NOT NULL,
    pending_deps INTEGER NOT NULL,
    dead_deps INTEGER NOT NULL,
    verdict TEXT,
    verdict_notes TEXT,
    error TEXT,
    output_hash TEXT,
    checkpoint TEXT,
    model TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tasks_project ON tasks (project, plan, place);
CREATE INDEX tasks_ready ON tasks (project, priority, wave, created_at, place) WHERE state = 'ready';
CREATE INDEX tasks_active ON tasks (id) WHERE state IN ('running', 'verifying');
CREATE INDEX tasks_lease ON tasks (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX tasks_wake ON tasks (wake_at) WHERE wake_at IS NOT NULL;
-- For forecasts: what completed tasks of a kind cost.
CREATE INDEX tasks_completed ON tasks (completed_at) WHERE state = 'completed';

-- Final states are left by a recorded action of a person only: each raises
-- person_retries or leads to skipped. A batch writes a row once, so the state in
-- between may not be seen here.
CREATE TRIGGER tasks_final_states BEFORE UPDATE OF state ON tasks
WHEN old.state IN ('completed', 'failed', 'cancelled', 'skipped')
    AND new.state <> old.state
    AND new.state <> 'skipped'
    AND new.person_retries <= old.person_retries
BEGIN
    SELECT RAISE(ABORT, 'a task left a final state without a person');
END;

CREATE TABLE task_specs (
    task TEXT NOT NULL PRIMARY KEY REFERENCES tasks (id),
    description TEXT NOT NULL,
    tools_json TEXT NOT NULL,
    requirement_ids_json TEXT NOT NULL,
    verification_criteria TEXT NOT NULL,
    affected_files_json TEXT NOT NULL,
    phase TEXT
) STRICT;

CREATE TABLE dependencies (
    task TEXT NOT NULL REFERENCES tasks (id),
    prerequisite TEXT NOT NULL REFERENCES tasks (id),
    PRIMARY KEY (task, prerequisite)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependencies_prerequisite ON dependencies (prerequisite, task);

CREATE TABLE waves (
    project TEXT NOT NULL REFERENCES projects (id),
    wave INTEGER NOT NULL,
    holding INTEGER NOT NULL,
    PRIMARY KEY (project, wave)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    task TEXT NOT NULL,
    number INTEGER NOT NULL,
    project TEXT NOT NULL,
    state TEXT NOT NULL,
    brief_json TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    error TEXT,
    PRIMARY KEY (task, number)
) STRICT;

CREATE TABLE steps (
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('task', 'operation')),
    owner TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    tries INTEGER NOT NULL,
    tool_use_id TEXT,
    request_hash TEXT NOT NULL,
    note TEXT,
    result TEXT,
    PRIMARY KEY (owner, attempt, seq, owner_kind)
) STRICT;

CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    project TEXT NOT NULL,
    user_id TEXT,
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('task', 'operation')),
    owner TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    try_no INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    price_json TEXT NOT NULL,
    hold INTEGER NOT NULL,
    accounts_json TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('intent', 'settled', 'free', 'unknown')),
    has_usage INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    request_id TEXT,
    error TEXT,
    began_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX calls_owner ON calls (owner, attempt, seq, try_no);
CREATE INDEX calls_project ON calls (project);
CREATE INDEX calls_intent ON calls (project, owner_kind, owner) WHERE state = 'intent';
CREATE INDEX calls_unknown ON calls (ended_at) WHERE state = 'unknown';

CREATE TRIGGER calls_states BEFORE UPDATE OF state ON calls
WHEN new.state <> old.state
    AND NOT (old.state = 'intent' OR (old.state = 'unknown' AND new.state = 'settled'))
BEGIN
    SELECT RAISE(ABORT, 'a call that has ended changed its state');
END;

CREATE TABLE operations (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    project TEXT NOT NULL REFERENCES projects (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    brief_json TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    call TEXT,
    had_unknown INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    wake_at INTEGER,
    result TEXT,
    error_json TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX operations_project ON operations (project, created_at);
CREATE INDEX operations_running ON operations (wake_at) WHERE state = 'running';

CREATE TABLE checkpoints (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    project TEXT NOT NULL REFERENCES projects (id),
    task TEXT,
    kind TEXT NOT NULL,
    summary TEXT NOT NULL,
    attempts_json TEXT NOT NULL,
    question TEXT NOT NULL,
    resolution TEXT,
    response TEXT,
    resolved_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX checkpoints_project ON checkpoints (project, created_at);
CREATE INDEX checkpoints_open ON checkpoints (created_at) WHERE resolved_at IS NULL;

-- Money outlives projects and users: no foreign keys here.
CREATE TABLE accounts (
    key TEXT NOT NULL PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 400),
    spent INTEGER NOT NULL,
    held INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    id INTEGER PRIMARY KEY,
    call TEXT NOT NULL CHECK (length(call) BETWEEN 1 AND 200),
    kind TEXT NOT NULL CHECK (kind IN ('booking', 'correction')),
    amount INTEGER NOT NULL,
    is_estimate INTEGER NOT NULL,
    is_simulated INTEGER NOT NULL,
    project TEXT NOT NULL,
    user_id TEXT,
    task TEXT,
    purpose TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    day TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX ledger_one_booking ON ledger (call) WHERE kind = 'booking';
CREATE INDEX ledger_project ON ledger (project, at);
CREATE INDEX ledger_day ON ledger (day);

CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TABLE events (
    project TEXT NOT NULL CHECK (length(project) BETWEEN 1 AND 200),
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    task TEXT,
    actor TEXT NOT NULL,
    message TEXT NOT NULL,
    data_json TEXT NOT NULL,
    PRIMARY KEY (project, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    project TEXT NOT NULL CHECK (length(project) BETWEEN 1 AND 200),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    body TEXT NOT NULL,
    PRIMARY KEY (project, hash)
) STRICT;

CREATE TABLE feedback (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_task ON feedback (task, id);

-- What is published at each path now.
CREATE TABLE files (
    project TEXT NOT NULL CHECK (length(project) BETWEEN 1 AND 200),
    path TEXT NOT NULL,
    task TEXT NOT NULL,
    fence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (project, path)
) STRICT;

-- Every version that was ever published.
CREATE TABLE file_versions (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    path TEXT NOT NULL,
    task TEXT NOT NULL,
    fence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX file_versions_project ON file_versions (project, path);
CREATE INDEX file_versions_task ON file_versions (task, path);

-- What tasks found out that later ones should know.
CREATE TABLE findings (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    project TEXT NOT NULL,
    task TEXT,
    category TEXT NOT NULL,
    content TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project, content_hash)
) STRICT;
