// Everything that waits for a person, over all projects. The contract has no such
// route, so the projects that may have something are asked one by one; the number
// asked is bounded because the server limits requests per minute.
import { queryOptions } from '@tanstack/react-query';

import { api } from './client';
import { recentProjectsQuery } from './queries';
import type { Checkpoint, Plan, Project, Task } from './types';

export type InboxEntry =
  | { kind: 'checkpoint'; id: string; project: Project; since: number; checkpoint: Checkpoint; task: Task | null }
  | { kind: 'review'; id: string; project: Project; since: number; task: Task }
  | { kind: 'plan'; id: string; project: Project; since: number; plan: Plan };

const PROJECTS_MAX = 20;

export const inboxQuery = () =>
  queryOptions({
    queryKey: ['inbox'],
    queryFn: async ({ client }) => inboxOf(await client.fetchQuery(recentProjectsQuery())),
    staleTime: 15_000,
    refetchInterval: 60_000,
  });

async function inboxOf(projects: readonly Project[]): Promise<InboxEntry[]> {
  const asked = projects.filter(mayWait).slice(0, PROJECTS_MAX);
  const found = await Promise.all(asked.map((project) => (isDraft(project) ? plansOf(project) : questionsOf(project))));
  return found.flat().sort((a, b) => a.since - b.since);
}

const isDraft = (project: Project) => project.status === 'draft';

function mayWait(project: Project): boolean {
  if (project.waiting_count !== undefined) return project.waiting_count > 0;
  if (isDraft(project)) return true;
  const needsReview = project.task_summary?.needs_review;
  if (needsReview !== undefined) return needsReview > 0;
  return project.status === 'executing' || project.status === 'paused' || project.status === 'failed';
}

async function plansOf(project: Project): Promise<InboxEntry[]> {
  const plans = await api.get<Plan[]>(`/projects/${project.id}/plans`, { limit: 1 });
  return plans
    .filter((plan) => plan.status === 'draft')
    .map((plan) => ({ kind: 'plan', id: plan.id, project, since: plan.created_at, plan }));
}

async function questionsOf(project: Project): Promise<InboxEntry[]> {
  const [checkpoints, tasks] = await Promise.all([
    api.get<Checkpoint[]>(`/checkpoints/project/${project.id}`, { limit: 200 }),
    api.get<Task[]>(`/tasks/project/${project.id}`, { status: 'needs_review', limit: 200 }),
  ]);
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const asked = new Set(checkpoints.map((checkpoint) => checkpoint.task_id));
  return [
    ...checkpoints.map((checkpoint): InboxEntry => {
      const task = checkpoint.task_id === null ? null : (byId.get(checkpoint.task_id) ?? null);
      return { kind: 'checkpoint', id: checkpoint.id, project, since: checkpoint.created_at, checkpoint, task };
    }),
    // A task with an open checkpoint is decided there, once.
    ...tasks
      .filter((task) => !asked.has(task.id))
      .map((task): InboxEntry => ({ kind: 'review', id: task.id, project, since: task.updated_at, task })),
  ];
}
