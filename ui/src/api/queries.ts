// Every read, as one object per question that loaders and components share. Keys
// begin with the noun, so that an event makes just its noun stale.
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { api } from './client';
import { ApiError } from './error';
import type {
  AdminStats,
  AdminUser,
  ApiKey,
  BudgetStatus,
  Checkpoint,
  CostBreakdown,
  Coverage,
  Efficiency,
  Finding,
  Identity,
  OidcProvider,
  Plan,
  Project,
  ProjectUsage,
  RagDatabase,
  RagPage,
  Service,
  Setup,
  Task,
  TaskOutcomes,
  UsageDay,
  UsageOverview,
  UsageSummary,
  User,
} from './types';

export const PROJECTS_PAGE = 50;
const TASKS_PAGE = 500;
/** More tasks than the engine's highest limit are not asked for. */
const TASK_PAGES_MAX = 40;

/** `null` instead of an error where the caller may not see it or the server lacks it. */
async function tolerated<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return null;
    throw error;
  }
}

export const meQuery = () =>
  queryOptions({ queryKey: ['me'], queryFn: () => api.get<User>('/auth/me'), staleTime: 5 * 60_000 });

export const setupQuery = () =>
  queryOptions({
    queryKey: ['setup'],
    queryFn: () => tolerated(api.get<Setup>('/auth/setup')),
    staleTime: 60_000,
    retry: false,
  });

export const oidcProvidersQuery = () =>
  queryOptions({
    queryKey: ['oidc-providers'],
    queryFn: () => tolerated(api.get<OidcProvider[]>('/auth/oidc/providers')),
    staleTime: Infinity,
    retry: false,
  });

export const identitiesQuery = () =>
  queryOptions({ queryKey: ['identities'], queryFn: () => tolerated(api.get<Identity[]>('/auth/oidc/identities')) });

export const apiKeysQuery = () =>
  queryOptions({ queryKey: ['api-keys'], queryFn: () => api.get<ApiKey[]>('/auth/api-keys') });

export const projectsQuery = (status?: string) =>
  infiniteQueryOptions({
    queryKey: ['projects', status ?? 'all'],
    queryFn: ({ pageParam, signal }) =>
      api.get<Project[]>('/projects', { status, limit: PROJECTS_PAGE, offset: pageParam }, signal),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => (last.length < PROJECTS_PAGE ? undefined : pages.length * PROJECTS_PAGE),
    staleTime: 5_000,
  });

/** The newest projects, for places that need a list rather than a page. */
export const recentProjectsQuery = () =>
  queryOptions({
    queryKey: ['projects', 'recent'],
    queryFn: ({ signal }) => api.get<Project[]>('/projects', { limit: 200 }, signal),
    staleTime: 15_000,
  });

export const projectQuery = (id: string) =>
  queryOptions({ queryKey: ['project', id], queryFn: () => api.get<Project>(`/projects/${id}`), staleTime: 5_000 });

export const plansQuery = (id: string) =>
  queryOptions({
    queryKey: ['plans', id],
    queryFn: () => api.get<Plan[]>(`/projects/${id}/plans`, { limit: 100 }),
    staleTime: 30_000,
  });

export const coverageQuery = (id: string) =>
  queryOptions({
    queryKey: ['coverage', id],
    queryFn: () => tolerated(api.get<Coverage>(`/projects/${id}/coverage`)),
    staleTime: 30_000,
  });

export const tasksQuery = (id: string) =>
  queryOptions({
    queryKey: ['tasks', id],
    queryFn: ({ signal }) => allTasks(id, signal),
    staleTime: 10_000,
  });

async function allTasks(id: string, signal: AbortSignal): Promise<Task[]> {
  const tasks: Task[] = [];
  for (let page = 0; page < TASK_PAGES_MAX; page += 1) {
    const found = await api.get<Task[]>(
      `/tasks/project/${id}`,
      { limit: TASKS_PAGE, offset: page * TASKS_PAGE, exclude_output: true, sort: 'wave' },
      signal,
    );
    tasks.push(...found);
    if (found.length < TASKS_PAGE) break;
  }
  return tasks;
}

export const taskQuery = (id: string) =>
  queryOptions({ queryKey: ['task', id], queryFn: () => api.get<Task>(`/tasks/${id}`), staleTime: 5_000 });

export const checkpointsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ['checkpoints', projectId],
    queryFn: () => api.get<Checkpoint[]>(`/checkpoints/project/${projectId}`, { resolved: true, limit: 200 }),
    staleTime: 10_000,
  });

export const knowledgeQuery = (projectId: string) =>
  queryOptions({
    queryKey: ['knowledge', projectId],
    queryFn: () => api.get<Finding[]>(`/projects/${projectId}/knowledge`, { limit: 200 }),
  });

export const budgetQuery = () =>
  queryOptions({ queryKey: ['budget'], queryFn: () => tolerated(api.get<BudgetStatus>('/usage/budget')) });

export const usageSummaryQuery = (projectId?: string) =>
  queryOptions({
    queryKey: ['usage-summary', projectId ?? 'all'],
    queryFn: () => tolerated(api.get<UsageSummary>('/usage/summary', { project_id: projectId })),
    staleTime: 5_000,
  });

export const usageDailyQuery = (days: number) =>
  queryOptions({
    queryKey: ['usage-daily', days],
    queryFn: () => tolerated(api.get<UsageDay[]>('/usage/daily', { days })),
  });

export const usageByProjectQuery = () =>
  queryOptions({
    queryKey: ['usage-by-project'],
    queryFn: () => api.get<ProjectUsage[]>('/usage/by-project', { limit: 200 }),
    staleTime: 15_000,
  });

export const servicesQuery = () =>
  queryOptions({ queryKey: ['services'], queryFn: () => api.get<Service[]>('/services'), staleTime: 30_000 });

export const ragDatabasesQuery = () =>
  queryOptions({ queryKey: ['rag'], queryFn: () => api.get<RagDatabase[]>('/rag/databases') });

export const RAG_PAGE = 50;

export const ragDocumentsQuery = (name: string, source: string | undefined, offset: number) =>
  queryOptions({
    queryKey: ['rag', name, source ?? '', offset],
    queryFn: () =>
      api.get<RagPage>(`/rag/databases/${encodeURIComponent(name)}/documents`, { source, offset, limit: RAG_PAGE }),
  });

export const adminUsersQuery = () =>
  queryOptions({ queryKey: ['admin-users'], queryFn: () => api.get<AdminUser[]>('/admin/users', { limit: 200 }) });

export const adminStatsQuery = () =>
  queryOptions({ queryKey: ['admin-stats'], queryFn: () => api.get<AdminStats>('/admin/stats') });

export const costBreakdownQuery = (days: number) =>
  queryOptions({
    queryKey: ['analytics', 'cost', days],
    queryFn: () => api.get<CostBreakdown>('/admin/analytics/cost-breakdown', { days }),
  });

export const outcomesQuery = () =>
  queryOptions({
    queryKey: ['analytics', 'outcomes'],
    queryFn: () => api.get<TaskOutcomes>('/admin/analytics/task-outcomes'),
  });

export const efficiencyQuery = () =>
  queryOptions({
    queryKey: ['analytics', 'efficiency'],
    queryFn: () => api.get<Efficiency>('/admin/analytics/efficiency'),
  });

export const overviewQuery = (days: number) =>
  queryOptions({
    queryKey: ['analytics', 'overview', days],
    queryFn: () => api.get<UsageOverview>('/admin/analytics/usage-overview', { days }),
  });
