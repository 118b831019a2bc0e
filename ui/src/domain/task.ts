// What a task's state means to a person: its words, its tone, what may be done
// with it and why not. Buttons, badges and the mock server all ask here.
import type { Task, TaskState, WaitReason, Waiting } from '@/api/types';

export type Tone = 'neutral' | 'info' | 'progress' | 'warn' | 'good' | 'bad' | 'muted';

export interface StateLook {
  label: string;
  tone: Tone;
  /** One sentence for tooltips and empty states. */
  meaning: string;
}

export const TASK_STATES: Record<TaskState, StateLook> = {
  pending: { label: 'Ready', tone: 'neutral', meaning: 'It may start as soon as what it waits for is there.' },
  blocked: { label: 'Blocked', tone: 'muted', meaning: 'A task it needs is not finished yet.' },
  queued: { label: 'Queued', tone: 'neutral', meaning: 'It waits for a free slot.' },
  running: { label: 'Running', tone: 'progress', meaning: 'A model is working on it.' },
  needs_review: { label: 'Needs you', tone: 'warn', meaning: 'A person has to decide how it goes on.' },
  completed: { label: 'Completed', tone: 'good', meaning: 'Its output was accepted.' },
  failed: { label: 'Failed', tone: 'bad', meaning: 'Nothing more is tried unless a person retries it.' },
  cancelled: { label: 'Cancelled', tone: 'muted', meaning: 'A person called it off or skipped it.' },
};

/** In which order lists and legends name the states: what needs a person comes first. */
export const TASK_STATE_ORDER: readonly TaskState[] = [
  'needs_review',
  'failed',
  'running',
  'pending',
  'queued',
  'blocked',
  'completed',
  'cancelled',
];

export const WAIT_REASONS: Record<WaitReason, { label: string; meaning: string }> = {
  dependency: { label: 'a task it needs', meaning: 'It starts when every task it depends on is completed and verified.' },
  wave: { label: 'its wave', meaning: 'Tasks of an earlier wave have to finish first.' },
  slot: { label: 'a free slot', meaning: 'As many tasks run as are allowed at once.' },
  provider: { label: 'the provider', meaning: 'The provider asked to be called again later.' },
  money: { label: 'money', meaning: 'Calls in flight hold what is left of a limit.' },
  backoff: { label: 'its next try', meaning: 'A call failed; it is tried again at the time shown.' },
  service: { label: 'a service', meaning: 'A service it needs does not answer.' },
  person: { label: 'you', meaning: 'A person has to decide something, or to set something up.' },
};

export type TaskAction = 'retry' | 'cancel' | 'edit' | 'review';

const ALLOWED: Record<TaskAction, { in: readonly TaskState[]; otherwise: string }> = {
  retry: { in: ['failed'], otherwise: 'Only a failed task can be retried' },
  cancel: { in: ['pending', 'blocked', 'queued'], otherwise: 'Only a task that has not started can be cancelled' },
  edit: {
    in: ['pending', 'blocked', 'queued', 'needs_review', 'failed', 'cancelled'],
    otherwise: 'A task cannot be changed while it runs or after it was completed',
  },
  review: { in: ['needs_review'], otherwise: 'Only a task that needs review can be reviewed' },
};

/** `null` when the action is allowed, else the reason why not. */
export function whyNot(action: TaskAction, state: TaskState): string | null {
  const rule = ALLOWED[action];
  if (rule.in.includes(state)) return null;
  return `${rule.otherwise}; this one is ${TASK_STATES[state].label.toLowerCase()}.`;
}

export const taskCan = Object.fromEntries(
  Object.entries(ALLOWED).map(([action, rule]) => [action, (state: TaskState) => rule.in.includes(state)]),
) as Record<TaskAction, (state: TaskState) => boolean>;

export function isTaskOver(state: TaskState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** What the task waits for: the server's word, else what can be told from its state. */
export function waitingOf(task: Pick<Task, 'status' | 'waiting_for' | 'updated_at'>): Waiting | null {
  if (task.waiting_for) return task.waiting_for;
  if (task.status === 'blocked') return { reason: 'dependency', since: task.updated_at };
  return null;
}

export type Counts = Record<TaskState, number>;

export function countStates(tasks: readonly Pick<Task, 'status'>[]): Counts {
  const counts: Counts = {
    pending: 0,
    blocked: 0,
    queued: 0,
    running: 0,
    needs_review: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
  };
  for (const task of tasks) counts[task.status] += 1;
  return counts;
}

/** How many tasks wait for what, most frequent first; states without a wait do not count. */
export function countWaits(
  tasks: readonly Pick<Task, 'status' | 'waiting_for' | 'updated_at'>[],
): [WaitReason, number][] {
  const counts = new Map<WaitReason, number>();
  for (const task of tasks) {
    const reason = waitingOf(task)?.reason;
    if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

export const VERDICTS: Record<string, { label: string; tone: Tone }> = {
  passed: { label: 'Passed', tone: 'good' },
  gaps_found: { label: 'Gaps found', tone: 'warn' },
  human_needed: { label: 'A person has to judge', tone: 'warn' },
  skipped: { label: 'Not judged', tone: 'muted' },
};
