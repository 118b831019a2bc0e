// What a project's state means, and what may be done in it.
import type { Project, ProjectState, Rigor, TaskSummary } from '@/api/types';

import type { StateLook } from './task';

export const PROJECT_STATES: Record<ProjectState, StateLook> = {
  draft: { label: 'Draft', tone: 'neutral', meaning: 'Nothing is approved yet, so nothing runs.' },
  planning: { label: 'Planning', tone: 'progress', meaning: 'A model is writing the plan.' },
  ready: { label: 'Ready', tone: 'info', meaning: 'The plan is approved. Start when you like.' },
  executing: { label: 'Executing', tone: 'progress', meaning: 'Tasks are being carried out.' },
  paused: { label: 'Paused', tone: 'warn', meaning: 'No new call starts until it is resumed.' },
  completed: { label: 'Completed', tone: 'good', meaning: 'All work is done.' },
  failed: { label: 'Failed', tone: 'bad', meaning: 'Nothing more can be done unless a task is retried.' },
  cancelled: { label: 'Cancelled', tone: 'muted', meaning: 'It was called off.' },
};

export type ProjectAction = 'plan' | 'approve' | 'execute' | 'pause' | 'cancel';

const ALLOWED: Record<ProjectAction, readonly ProjectState[]> = {
  plan: ['draft', 'ready', 'paused', 'failed'],
  approve: ['draft', 'ready', 'paused', 'failed', 'completed'],
  execute: ['ready', 'paused'],
  pause: ['executing'],
  cancel: ['draft', 'planning', 'ready', 'executing', 'paused', 'failed'],
};

export function projectCan(action: ProjectAction, state: ProjectState): boolean {
  return ALLOWED[action].includes(state);
}

/** Whether something may still change by itself, so that the pages should listen. */
export function isLive(state: ProjectState): boolean {
  return state === 'planning' || state === 'executing' || state === 'paused' || state === 'ready';
}

export const RIGORS: Record<Rigor, { label: string; meaning: string }> = {
  L1: { label: 'L1 · quick', meaning: 'A flat list of tasks. Good for small things.' },
  L2: { label: 'L2 · standard', meaning: 'Tasks in phases, and questions that the requirements leave open.' },
  L3: { label: 'L3 · thorough', meaning: 'As L2, with risks and a test strategy.' },
};

export interface Progress {
  total: number;
  completed: number;
  running: number;
  failed: number;
  /** Share of completed tasks, 0 to 100. */
  percent: number;
}

export function progressOf(summary: TaskSummary | null): Progress {
  const { total = 0, completed = 0, running = 0, failed = 0 } = summary ?? {};
  return { total, completed, running, failed, percent: total === 0 ? 0 : Math.round((completed / total) * 100) };
}

export function limitOf(project: Pick<Project, 'config'>): number | null {
  const limit = project.config.budget_limit_usd;
  return typeof limit === 'number' && limit > 0 ? limit : null;
}

export function matches(project: Pick<Project, 'name' | 'requirements'>, search: string): boolean {
  const words = search.trim().toLowerCase().split(/\s+/);
  const text = `${project.name}\n${project.requirements}`.toLowerCase();
  return words.every((word) => text.includes(word));
}
