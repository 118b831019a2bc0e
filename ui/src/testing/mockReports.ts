// Reads of the mock server that are only shown: usage, services, knowledge, admin.
import type { Service as Resource } from '../api/types';
import type { World } from './world';

type Report = readonly [pattern: RegExp, isAdmin: boolean, read: (world: World, url: URL) => unknown];

const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
const wave = (index: number) => 0.35 + 0.3 * Math.sin(index / 2) + (index % 5) * 0.06;

const DATABASES = [
  { name: 'handbooks', chunk_count: 118, file_size_bytes: 4_321_000, index_status: 'loaded', sources: [{ source: 'safety.pdf', count: 74 }, { source: 'machines.md', count: 44 }] },
  { name: 'archive', chunk_count: 0, file_size_bytes: 0, index_status: 'unknown', sources: [] },
].map((each) => ({ ...each, path: each.name, exists: each.chunk_count > 0, source_count: each.sources.length }));

const SERVICES: Resource[] = [
  { id: 'anthropic_api', name: 'Anthropic API', status: 'online', method: 'api_key', details: { models: 3, rate_limited: false }, category: 'api' },
  { id: 'ollama_local', name: 'Ollama (local)', status: 'online', method: 'http', details: { url: 'http://127.0.0.1:11434', models: ['qwen3:8b', 'llama3.2:3b'] }, category: 'ai' },
  { id: 'comfyui_gpu', name: 'ComfyUI (gpu)', status: 'offline', method: 'http', details: { url: 'http://127.0.0.1:8188', error: 'connection refused' }, category: 'ai' },
  { id: 'gemini_cli', name: 'Gemini CLI', status: 'checking', method: 'cli', details: {}, category: 'cli' },
];

const TIERS = ['haiku', 'ollama', 'opus', 'sonnet'];

function count(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function daily(days: number) {
  return Array.from({ length: days }, (_, index) => ({
    date: day(days - 1 - index),
    cost_usd: Math.max(0, wave(index)),
    prompt_tokens: 40_000 + index * 900,
    completion_tokens: 12_000 + index * 300,
    api_calls: 30 + index,
  }));
}

function byProject(world: World) {
  return [...world.projects.values()]
    .map((project) => ({ project_id: project.id, project_name: project.name, cost_usd: world.view(project).spent_usd ?? 0, prompt_tokens: 81_000, completion_tokens: 22_400, api_calls: 41 }))
    .sort((a, b) => b.cost_usd - a.cost_usd);
}

export const reports: readonly Report[] = [
  [/^\/usage\/budget$/, true, () => ({ daily_spent_usd: 4.12, daily_limit_usd: 5, daily_pct: 82.4, monthly_spent_usd: 31.8, monthly_limit_usd: 100, monthly_pct: 31.8 })],
  [/^\/usage\/daily$/, true, (_, url) => daily(Number(url.searchParams.get('days') ?? 30))],
  [/^\/usage\/by-project$/, false, byProject],
  [/^\/usage\/summary$/, false, (world, url) => {
    const project = world.projects.get(url.searchParams.get('project_id') ?? '');
    const total = project ? (world.view(project).spent_usd ?? 0) : 31.8;
    return {
      total_cost_usd: total,
      total_prompt_tokens: 1_204_000,
      total_completion_tokens: 318_000,
      api_call_count: 412,
      by_model: {
        'claude-sonnet-4-5': { cost_usd: total * 0.7, prompt_tokens: 800_000, completion_tokens: 210_000, calls: 240 },
        'claude-haiku-4-5': { cost_usd: total * 0.3, prompt_tokens: 300_000, completion_tokens: 80_000, calls: 131 },
        'qwen3:8b': { cost_usd: 0, prompt_tokens: 104_000, completion_tokens: 28_000, calls: 41 },
      },
      by_provider: { anthropic: { cost_usd: total, calls: 371 }, ollama: { cost_usd: 0, calls: 41 } },
    };
  }],
  [/^\/services$/, false, () => SERVICES],
  [/^\/rag\/databases$/, false, () => DATABASES],
  [/^\/rag\/databases\/([^/]+)\/documents$/, false, (_, url) => ({
    total: url.pathname.includes('archive') ? 0 : 118,
    items: url.pathname.includes('archive')
      ? []
      : Array.from({ length: 50 }, (_, index) => ({
          id: `c${index + Number(url.searchParams.get('offset') ?? 0)}`,
          source: url.searchParams.get('source') || (index % 2 ? 'machines.md' : 'safety.pdf'),
          type_name: 'section',
          file_path: index % 2 ? 'machines.md' : 'safety.pdf',
          text_preview: 'Before the lathe is switched on, the chuck key is taken out and hung on its hook. Sleeves are rolled up and long hair is tied back.',
        })),
  })],
  [/^\/admin\/users$/, true, (world) => world.accounts.map(({ password: _, ...account }) => ({ ...account, project_count: account.role === 'admin' ? world.projects.size : 0 }))],
  [/^\/admin\/stats$/, true, (world) => ({
    total_users: world.accounts.length,
    active_users: world.accounts.filter((each) => each.is_active).length,
    total_projects: world.projects.size,
    projects_by_status: count([...world.projects.values()].map((each) => each.status)),
    total_tasks: world.tasks.size,
    tasks_by_status: count([...world.tasks.values()].map((each) => each.status)),
    total_spend_usd: 31.8,
    spend_by_model: { 'claude-sonnet-4-5': 22.3, 'claude-haiku-4-5': 9.5 },
    task_completion_rate: 0.964,
  })],
  [/^\/admin\/analytics\/cost-breakdown$/, true, (world, url) => ({
    by_project: byProject(world).map(({ project_id, project_name, cost_usd }) => ({ project_id, project_name, cost_usd, task_count: world.tasksOf(project_id).length })),
    by_model_tier: TIERS.map((model_tier, index) => ({ model_tier, cost_usd: index * 3.1, task_count: 40 - index * 7, avg_cost_per_task: index * 0.09 })),
    daily_trend: daily(Number(url.searchParams.get('days') ?? 30)),
    total_cost_usd: 18.6,
  })],
  [/^\/admin\/analytics\/task-outcomes$/, true, () => ({
    by_tier: TIERS.map((model_tier, index) => ({ model_tier, total: 60 - index * 9, completed: 55 - index * 9, failed: index, needs_review: 1, success_rate: 0.98 - index * 0.02 })),
    verification_by_tier: TIERS.map((model_tier, index) => ({ model_tier, total_verified: 50 - index * 9, passed: 46 - index * 9, gaps_found: 3, human_needed: 1, pass_rate: 0.95 - index * 0.03 })),
  })],
  [/^\/admin\/analytics\/efficiency$/, true, () => ({
    retries_by_tier: TIERS.map((model_tier, index) => ({ model_tier, total_tasks: 60 - index * 9, tasks_with_retries: 4, total_retries: 6, retry_rate: 0.07 })),
    checkpoint_count: 9,
    unresolved_checkpoint_count: 1,
    wave_throughput: [0, 1, 2].map((each) => ({ project_id: 'prj_database', project_name: 'Which database for a field application?', wave: each, task_count: 5 - each, avg_duration_seconds: 152.4 + each * 30 })),
    cost_efficiency: TIERS.map((model_tier, index) => ({ model_tier, cost_usd: index * 3.1, tasks_completed: 50 - index * 8, verification_pass_count: 46 - index * 9, cost_per_pass: index === 1 ? null : index * 0.11 })),
  })],
  [/^\/admin\/analytics\/usage-overview$/, true, () => ({
    summary: { total_cost_usd: 31.8, total_api_calls: 412, total_tokens: 1_522_000, active_projects: 4 },
    by_purpose: [['execution', 22.1], ['verification', 5.2], ['planning', 3.1], ['knowledge_extraction', 1.4]].map(([purpose, cost]) => ({ purpose, cost_usd: cost, api_calls: 90, pct_of_total: (Number(cost) / 31.8) * 100 })),
    by_provider: [{ provider: 'anthropic', cost_usd: 31.8, api_calls: 371, prompt_tokens: 1, completion_tokens: 1, pct_of_total: 100 }],
    by_model: [{ model: 'claude-sonnet-4-5', provider: 'anthropic', cost_usd: 22.3, api_calls: 240, pct_of_total: 70.1 }, { model: 'claude-haiku-4-5', provider: 'anthropic', cost_usd: 9.5, api_calls: 131, pct_of_total: 29.9 }],
  })],
];
