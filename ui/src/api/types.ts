// The shapes that the server sends and takes. Written by hand until the server's
// OpenAPI document exists; then this one file is generated and nothing else changes.
//
// Fields marked `ours` are additions to the prototype's contract. They are optional:
// the pages say less without them, and never fail.

export type Role = 'admin' | 'user';

export interface User {
  id: string;
  email: string;
  display_name: string;
  role: Role;
  has_password: boolean;
  linked_providers: string[];
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
}

export interface LoginResponse extends Tokens {
  user: User;
}

/** The user's fields at top level; the tokens are ours. */
export type RegisterResponse = User & Partial<Tokens>;

/** Ours: what the sign-in page has to know before anyone signs in. */
export interface Setup {
  needs_first_user: boolean;
  registration_open: boolean;
}

export interface OidcProvider {
  name: string;
  display_name: string;
}

export interface OidcLogin {
  authorization_url: string;
  state_token: string;
}

export interface OidcCallback {
  code: string;
  state: string;
  state_token: string;
  redirect_uri: string;
}

export interface Identity {
  provider: string;
  provider_email: string | null;
  created_at: number;
}

export type ProjectState =
  | 'draft'
  | 'planning'
  | 'ready'
  | 'executing'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'cancelled';

export type Rigor = 'L1' | 'L2' | 'L3';
export type Dispatch = 'wave' | 'dataflow';

export interface ProjectConfig {
  planning_rigor?: Rigor;
  dispatch?: Dispatch;
  budget_limit_usd?: number;
  tiers?: Record<string, string>;
  [key: string]: unknown;
}

export interface TaskSummary {
  total: number;
  completed: number;
  running: number;
  failed: number;
  /** Ours. */
  needs_review?: number;
}

export interface Project {
  id: string;
  name: string;
  requirements: string;
  status: ProjectState;
  created_at: number;
  updated_at: number;
  completed_at: number | null;
  config: ProjectConfig;
  planning_rigor: Rigor;
  task_summary: TaskSummary | null;
  /** Ours: what the project has cost so far. */
  spent_usd?: number;
  /** Ours: how many questions wait for a person. */
  waiting_count?: number;
  /** Ours: models are simulated and no money is spent. */
  is_simulated?: boolean;
}

export interface NewProject {
  name: string;
  requirements: string;
  planning_rigor: Rigor;
  config: ProjectConfig;
}

export interface ProjectPatch {
  name?: string;
  requirements?: string;
  config?: ProjectConfig;
  planning_rigor?: Rigor;
}

export type TaskType = 'code' | 'research' | 'analysis' | 'asset' | 'integration' | 'documentation';
export type Complexity = 'simple' | 'medium' | 'complex';
export type Tier = 'ollama' | 'haiku' | 'sonnet' | 'opus';
export type Level = 'low' | 'medium' | 'high';

export interface PlannedTask {
  title: string;
  description: string;
  task_type: TaskType;
  complexity: Complexity;
  /** Positions over all phases; the prototype also let digits as text through. */
  depends_on: (number | string)[];
  tools_needed: string[];
  requirement_ids: string[];
  verification_criteria: string;
  affected_files: string[];
}

export interface PlanPhase {
  name: string;
  description: string;
  tasks?: PlannedTask[];
}

export interface OpenQuestion {
  question: string;
  proposed_answer: string;
  impact: string;
}

export interface Risk {
  risk: string;
  likelihood: Level;
  impact: Level;
  mitigation: string;
}

export interface TestStrategy {
  approach: string;
  test_tasks: string[];
  coverage_notes: string;
}

/** Old plans lack whole arrays, so every key is optional. */
export interface PlanBody {
  summary?: string;
  tasks?: PlannedTask[];
  phases?: PlanPhase[];
  open_questions?: OpenQuestion[];
  risk_assessment?: Risk[];
  test_strategy?: TestStrategy;
}

export type PlanState = 'draft' | 'approved' | 'superseded';

/** Ours: an amount that is enough in 50, 80 and 95 of 100 cases. */
export interface Spread {
  p50_usd: number;
  p80_usd: number;
  p95_usd: number;
}

/** Ours: what a plan will probably cost, tasks in the plan's order. */
export interface Forecast {
  total: Spread;
  tasks: Spread[];
  from_history: number;
  from_defaults: number;
}

export interface Plan {
  id: string;
  project_id: string;
  version: number;
  model_used: string;
  prompt_tokens: number;
  completion_tokens: number;
  cost_usd: number;
  plan: PlanBody;
  status: PlanState;
  created_at: number;
  /** Ours: the requirements were changed after this plan was made. */
  requirements_changed?: boolean;
  /** Ours. */
  forecast?: Forecast;
}

export interface PlanStarted {
  operation_id: string;
}

export interface PlanAnswer {
  plan_id: string;
  version: number;
}

export interface Approval {
  tasks_created: number;
  task_ids: string[];
  estimated_cost_usd: number;
  summary: string;
  total_waves: number;
}

export type TaskState =
  | 'pending'
  | 'blocked'
  | 'queued'
  | 'running'
  | 'needs_review'
  | 'completed'
  | 'failed'
  | 'cancelled';

export type WaitReason =
  | 'dependency'
  | 'wave'
  | 'slot'
  | 'provider'
  | 'money'
  | 'backoff'
  | 'service'
  | 'person';

/** Ours: what a task waits for, and since when. */
export interface Waiting {
  reason: WaitReason;
  since: number;
  wake_at?: number | null;
}

export type Verdict = 'passed' | 'gaps_found' | 'human_needed' | 'skipped';

export interface Task {
  id: string;
  project_id: string;
  plan_id: string;
  title: string;
  description: string;
  task_type: TaskType;
  priority: number;
  status: TaskState;
  model_tier: Tier;
  model_used: string | null;
  wave: number;
  phase: string | null;
  tools: string[];
  verification_status: string | null;
  verification_notes: string | null;
  requirement_ids: string[];
  prompt_tokens: number;
  completion_tokens: number;
  cost_usd: number;
  output_text: string | null;
  output_artifacts: Record<string, unknown>[];
  error: string | null;
  depends_on: string[];
  started_at: number | null;
  completed_at: number | null;
  created_at: number;
  updated_at: number;
  /** Ours. */
  waiting_for?: Waiting | null;
  /** Ours: number of the current attempt, from 1. */
  attempt?: number;
  /** Ours: upper bound of one answer. */
  max_tokens?: number;
}

export interface TaskPatch {
  title?: string;
  description?: string;
  model_tier?: Tier;
  priority?: number;
  max_tokens?: number;
}

export interface BulkAnswer {
  succeeded: string[];
  failed: { id: string; reason: string }[];
}

export interface Checkpoint {
  id: string;
  project_id: string;
  task_id: string | null;
  checkpoint_type: string;
  summary: string;
  attempts: { message: string; timestamp: number }[];
  question: string;
  response: string | null;
  resolved_at: number | null;
  created_at: number;
}

export type Resolution = 'retry' | 'skip' | 'fail';

export interface Coverage {
  project_id: string;
  total_requirements: number;
  covered_count: number;
  uncovered_count: number;
  requirements: { id: string; text: string; covered: boolean }[];
}

export interface Finding {
  id: string;
  project_id: string;
  task_id: string | null;
  category: string;
  content: string;
  source_task_title: string | null;
  created_at: number;
}

export interface BudgetStatus {
  daily_spent_usd: number;
  daily_limit_usd: number;
  daily_pct: number;
  monthly_spent_usd: number;
  monthly_limit_usd: number;
  monthly_pct: number;
}

export interface UsageSummary {
  total_cost_usd: number;
  total_prompt_tokens: number;
  total_completion_tokens: number;
  api_call_count: number;
  by_model: Record<
    string,
    { cost_usd: number; prompt_tokens: number; completion_tokens: number; calls: number }
  >;
  by_provider: Record<string, { cost_usd: number; calls: number }>;
}

export interface UsageDay {
  date: string;
  cost_usd: number;
  prompt_tokens: number;
  completion_tokens: number;
  api_calls: number;
}

export interface ProjectUsage {
  project_id: string;
  project_name: string;
  cost_usd: number;
  prompt_tokens: number;
  completion_tokens: number;
  api_calls: number;
}

export type ServiceState = 'online' | 'offline' | 'degraded' | 'checking';

export interface Service {
  id: string;
  name: string;
  status: ServiceState;
  method: string;
  details: Record<string, unknown>;
  category: 'ai' | 'api' | 'cli';
}

export interface RagDatabase {
  name: string;
  path: string;
  exists: boolean;
  file_size_bytes: number;
  chunk_count: number;
  source_count: number;
  index_status: string;
  sources: { source: string; count: number }[];
}

export interface RagDocument {
  id: string;
  source: string;
  type_name: string | null;
  file_path: string | null;
  text_preview: string;
}

export interface RagPage {
  total: number;
  items: RagDocument[];
}

export interface AdminUser {
  id: string;
  email: string;
  display_name: string;
  role: Role;
  is_active: boolean;
  created_at: number;
  last_login_at: number | null;
  project_count: number;
}

export interface AdminStats {
  total_users: number;
  active_users: number;
  total_projects: number;
  projects_by_status: Record<string, number>;
  total_tasks: number;
  tasks_by_status: Record<string, number>;
  total_spend_usd: number;
  spend_by_model: Record<string, number>;
  task_completion_rate: number;
}

export interface ApiKey {
  id: string;
  key_prefix: string;
  name: string;
  is_active: boolean;
  created_at: number;
  last_used_at: number | null;
}

export interface ApiKeyCreated {
  id: string;
  key: string;
  key_prefix: string;
  name: string;
  created_at: number;
}

export interface CostBreakdown {
  by_project: { project_id: string; project_name: string; cost_usd: number; task_count: number }[];
  by_model_tier: { model_tier: string; cost_usd: number; task_count: number; avg_cost_per_task: number }[];
  daily_trend: { date: string; cost_usd: number; api_calls: number }[];
  total_cost_usd: number;
}

export interface TaskOutcomes {
  by_tier: {
    model_tier: string;
    total: number;
    completed: number;
    failed: number;
    needs_review: number;
    success_rate: number;
  }[];
  verification_by_tier: {
    model_tier: string;
    total_verified: number;
    passed: number;
    gaps_found: number;
    human_needed: number;
    pass_rate: number;
  }[];
}

export interface Efficiency {
  retries_by_tier: {
    model_tier: string;
    total_tasks: number;
    tasks_with_retries: number;
    total_retries: number;
    retry_rate: number;
  }[];
  checkpoint_count: number;
  unresolved_checkpoint_count: number;
  wave_throughput: {
    project_id: string;
    project_name: string;
    wave: number;
    task_count: number;
    avg_duration_seconds: number | null;
  }[];
  cost_efficiency: {
    model_tier: string;
    cost_usd: number;
    tasks_completed: number;
    verification_pass_count: number;
    cost_per_pass: number | null;
  }[];
}

export interface UsageOverview {
  summary: {
    total_cost_usd: number;
    total_api_calls: number;
    total_tokens: number;
    active_projects: number;
  };
  by_purpose: { purpose: string; cost_usd: number; api_calls: number; pct_of_total: number }[];
  by_provider: { provider: string; cost_usd: number; api_calls: number; pct_of_total: number }[];
  by_model: { model: string; provider: string; cost_usd: number; api_calls: number; pct_of_total: number }[];
}

/** One frame of a project's event stream. Frames with a `seq` are numbered facts. */
export interface ProjectEvent {
  type: string;
  message: string;
  project_id: string;
  task_id: string | null;
  timestamp: number;
  /** From the frame's `id:` line; absent on live text. */
  seq?: number;
  [extra: string]: unknown;
}
