// What an event means: its tone, what it changes in a task, and which kinds of
// server data it makes stale. Frames may come from an older or newer server, so
// unknown names are shown and change nothing.
import type { ProjectEvent, Task, TaskState, WaitReason } from '@/api/types';

import type { Tone } from './task';

export type Stale = 'project' | 'tasks' | 'plans' | 'checkpoints' | 'knowledge';

interface Meaning {
  tone: Tone;
  stale: readonly Stale[];
  /** The state of the task that it is about, afterwards. */
  state?: TaskState;
}

const MEANINGS: Record<string, Meaning> = {
  task_start: { tone: 'progress', stale: ['tasks', 'project'], state: 'running' },
  tool_call: { tone: 'neutral', stale: [] },
  task_complete: { tone: 'good', stale: ['tasks', 'project', 'knowledge'], state: 'completed' },
  task_retry: { tone: 'warn', stale: ['tasks'], state: 'pending' },
  task_verification_retry: { tone: 'warn', stale: ['tasks'], state: 'pending' },
  task_needs_review: { tone: 'warn', stale: ['tasks', 'project', 'checkpoints'], state: 'needs_review' },
  task_failed: { tone: 'bad', stale: ['tasks', 'project'], state: 'failed' },
  checkpoint: { tone: 'warn', stale: ['checkpoints', 'tasks', 'project'] },
  budget_warning: { tone: 'warn', stale: ['project'] },
  wave_checkpoint: { tone: 'neutral', stale: ['project'] },
  project_complete: { tone: 'good', stale: ['project', 'tasks'] },
  project_failed: { tone: 'bad', stale: ['project', 'tasks'] },
  project_created: { tone: 'neutral', stale: [] },
  project_updated: { tone: 'neutral', stale: ['project', 'plans'] },
  plan_started: { tone: 'progress', stale: ['project'] },
  plan_ready: { tone: 'good', stale: ['project', 'plans'] },
  plan_failed: { tone: 'bad', stale: ['project'] },
  plan_approved: { tone: 'good', stale: ['project', 'plans', 'tasks'] },
  project_executing: { tone: 'progress', stale: ['project', 'tasks'] },
  project_paused: { tone: 'warn', stale: ['project', 'tasks'] },
  project_cancelled: { tone: 'muted', stale: ['project', 'tasks'] },
  project_reopened: { tone: 'info', stale: ['project', 'tasks'] },
  project_waiting: { tone: 'warn', stale: ['project', 'checkpoints'] },
  wave_opened: { tone: 'info', stale: ['tasks', 'project'] },
  task_waiting: { tone: 'neutral', stale: ['tasks'], state: 'pending' },
  task_verifying: { tone: 'progress', stale: [], state: 'running' },
  task_cancelled: { tone: 'muted', stale: ['tasks', 'project'], state: 'cancelled' },
  task_skipped: { tone: 'muted', stale: ['tasks', 'project'], state: 'cancelled' },
  task_retried: { tone: 'info', stale: ['tasks', 'project', 'checkpoints'], state: 'pending' },
  task_updated: { tone: 'neutral', stale: ['tasks'] },
  task_recovered: { tone: 'info', stale: ['tasks'] },
  checkpoint_resolved: { tone: 'good', stale: ['checkpoints', 'tasks'] },
  call_unknown: { tone: 'warn', stale: ['project'] },
  budget_alarm: { tone: 'bad', stale: ['project'] },
  file_conflict: { tone: 'warn', stale: [] },
};

const UNKNOWN: Meaning = { tone: 'neutral', stale: ['project', 'tasks'] };

export function eventTone(event: ProjectEvent): Tone {
  return (MEANINGS[event.type] ?? UNKNOWN).tone;
}

export function staleBy(event: ProjectEvent): readonly Stale[] {
  return (MEANINGS[event.type] ?? UNKNOWN).stale;
}

/** The task after the event; the same object when the event is older than it or changes nothing. */
export function applyToTask(task: Task, event: ProjectEvent): Task {
  const state = MEANINGS[event.type]?.state;
  if (event.task_id !== task.id || event.timestamp < task.updated_at || state === undefined) return task;
  const begins = event.type === 'task_start';
  const ends = state === 'completed';
  return {
    ...task,
    status: state,
    updated_at: event.timestamp,
    waiting_for: event.type === 'task_waiting' ? waitIn(event) : null,
    started_at: begins ? event.timestamp : task.started_at,
    completed_at: ends ? event.timestamp : begins ? null : task.completed_at,
    cost_usd: ends && typeof event.cost_usd === 'number' ? event.cost_usd : task.cost_usd,
  };
}

function waitIn(event: ProjectEvent): Task['waiting_for'] {
  if (typeof event.reason !== 'string') return null;
  const wakeAt = typeof event.wake_at === 'number' ? event.wake_at : null;
  return { reason: event.reason as WaitReason, since: event.timestamp, wake_at: wakeAt };
}

/** `null` for anything that is not an event: the stream is never trusted to be well formed. */
export function parseEvent(type: string, text: string, id: string | null): ProjectEvent | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof body !== 'object' || body === null) return null;
  const fields = body as Record<string, unknown>;
  const seq = id !== null && /^\d+$/.test(id) ? Number(id) : undefined;
  return {
    ...fields,
    type: typeof fields.type === 'string' ? fields.type : type,
    message: typeof fields.message === 'string' ? fields.message : '',
    project_id: typeof fields.project_id === 'string' ? fields.project_id : '',
    task_id: typeof fields.task_id === 'string' ? fields.task_id : null,
    timestamp: typeof fields.timestamp === 'number' ? fields.timestamp : 0,
    ...(seq === undefined ? {} : { seq }),
  };
}
