// One event stream per open project. It reconnects with back-off and asks for what
// it missed, changes the tasks that events name at once, and lets the server's own
// word follow a little later, so that a burst of events costs few requests.
import type { QueryClient } from '@tanstack/react-query';

import { applyToTask, parseEvent, type Stale, staleBy } from '@/domain/event';

import { api } from './client';
import { errorOf } from './error';
import { frameParser } from './sse';
import type { ProjectEvent, Task } from './types';

export type Connection = 'idle' | 'connecting' | 'live' | 'waiting' | 'ended';

export interface StreamState {
  connection: Connection;
  /** When the next try is made, in milliseconds; only while `waiting`. */
  retryAt: number | null;
  /** Newest last, bounded. */
  events: readonly ProjectEvent[];
  /** Live text by task id, or under `plan`; shown, never relied on. */
  texts: Readonly<Record<string, string>>;
}

export const EVENTS_KEPT = 1000;
const TEXT_KEPT_CHARS = 20_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 15_000;
/** A stream says something at least every 30 s; silence beyond this is a dead connection. */
const SILENCE_MAX_MS = 75_000;
/** How long an event may wait for company before the server is asked again. */
const REFETCH_AFTER_MS: Record<Stale, number> = {
  project: 1_500,
  tasks: 4_000,
  plans: 300,
  checkpoints: 800,
  knowledge: 6_000,
};

const IDLE: StreamState = { connection: 'idle', retryAt: null, events: [], texts: {} };
const LIVE_TEXT = new Set(['task_text', 'plan_text']);

export class ProjectStream {
  private state: StreamState = IDLE;
  private readonly listeners = new Set<() => void>();
  private readonly refetches = new Map<Stale, ReturnType<typeof setTimeout>>();
  private arrived: ProjectEvent[] = [];
  private flushTimer: ReturnType<typeof setTimeout> | null = null;
  private lastSeq = 0;
  private stopping = new AbortController();
  private users = 0;
  private readonly projectId: string;
  private readonly client: QueryClient;

  constructor(projectId: string, client: QueryClient) {
    this.projectId = projectId;
    this.client = client;
  }

  readonly snapshot = (): StreamState => this.state;

  /** Opens the stream for the first listener and closes it after the last. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    this.users += 1;
    if (this.users === 1) {
      this.stopping = new AbortController();
      void this.run(this.stopping.signal);
    }
    return () => {
      this.listeners.delete(listener);
      this.users -= 1;
      if (this.users === 0) {
        this.stopping.abort();
        for (const timer of this.refetches.values()) clearTimeout(timer);
        this.refetches.clear();
      }
    };
  };

  /** Opens a stream that has ended: a finished project was given work again. */
  reopen(): void {
    if (this.users === 0 || this.state.connection !== 'ended') return;
    this.stopping.abort();
    this.stopping = new AbortController();
    void this.run(this.stopping.signal);
  }

  private async run(stop: AbortSignal): Promise<void> {
    let backoffMs = BACKOFF_FIRST_MS;
    while (!stop.aborted) {
      this.set({ connection: 'connecting', retryAt: null });
      const begunAt = Date.now();
      const outcome = await this.connect(stop);
      if (stop.aborted) return;
      if (outcome === 'ended') {
        this.set({ connection: 'ended' });
        return;
      }
      // A server that accepts and hangs up at once is not asked twice a second.
      const wasUseful = outcome === 'dropped' && Date.now() - begunAt > BACKOFF_MAX_MS;
      backoffMs = wasUseful ? BACKOFF_FIRST_MS : Math.min(BACKOFF_MAX_MS, backoffMs * 2);
      // Spread out, so that a restarted server is not met by all at once.
      const waitMs = backoffMs * (0.75 + Math.random() / 2);
      this.set({ connection: 'waiting', retryAt: Date.now() + waitMs });
      await pause(waitMs, stop);
    }
  }

  private async connect(stop: AbortSignal): Promise<'ended' | 'dropped' | 'refused'> {
    const request = new AbortController();
    const abort = () => request.abort();
    stop.addEventListener('abort', abort);
    let silence: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    try {
      const { token } = await api.post<{ token: string }>(`/events/${this.projectId}/token`);
      const response = await fetch(`/api/events/${this.projectId}?live=1&token=${encodeURIComponent(token)}`, {
        headers: { Accept: 'text/event-stream', 'Last-Event-ID': String(this.lastSeq) },
        signal: request.signal,
      });
      if (!response.ok || !response.body) throw await errorOf(response);
      this.set({ connection: 'live' });
      // What happened while nobody listened may have no event: ask once.
      if (this.lastSeq > 0) for (const what of ['project', 'tasks'] as const) this.refetch(what);
      const parse = frameParser((frame) => {
        const event = parseEvent(frame.event, frame.data, frame.id);
        if (!event) return;
        isOver = event.type === 'project_complete' || event.type === 'project_failed';
        this.take(event);
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        silence = setTimeout(abort, SILENCE_MAX_MS);
        const { done, value } = await reader.read();
        clearTimeout(silence);
        if (done) return isOver ? 'ended' : 'dropped';
        parse(value);
      }
    } catch {
      return request.signal.aborted ? 'dropped' : 'refused';
    } finally {
      clearTimeout(silence);
      stop.removeEventListener('abort', abort);
    }
  }

  private take(event: ProjectEvent): void {
    if (event.seq !== undefined) {
      // Replays overlap by design; each number counts once.
      if (event.seq <= this.lastSeq) return;
      this.lastSeq = event.seq;
    }
    this.arrived.push(event);
    // One paint takes all that arrived for it: 50 events a second make 20 updates.
    this.flushTimer ??= setTimeout(() => this.flush(), 50);
  }

  private flush(): void {
    const events = this.arrived;
    this.arrived = [];
    this.flushTimer = null;
    const facts = events.filter((event) => !LIVE_TEXT.has(event.type));
    this.patchTasks(facts);
    for (const event of facts) for (const what of staleBy(event)) this.refetch(what);
    this.set({
      events: facts.length === 0 ? this.state.events : [...this.state.events, ...facts].slice(-EVENTS_KEPT),
      texts: textsAfter(this.state.texts, events),
    });
  }

  private patchTasks(events: readonly ProjectEvent[]): void {
    const byTask = new Map<string, ProjectEvent[]>();
    for (const event of events) {
      if (event.task_id !== null) byTask.set(event.task_id, [...(byTask.get(event.task_id) ?? []), event]);
    }
    if (byTask.size === 0) return;
    const patch = (task: Task) => (byTask.get(task.id) ?? []).reduce(applyToTask, task);
    this.client.setQueryData<Task[]>(['tasks', this.projectId], (tasks) => tasks?.map(patch));
    for (const id of byTask.keys()) {
      this.client.setQueryData<Task>(['task', id], (task) => task && patch(task));
    }
  }

  private refetch(what: Stale): void {
    if (this.refetches.has(what)) return;
    const timer = setTimeout(() => {
      this.refetches.delete(what);
      for (const key of keysOf(what, this.projectId)) void this.client.invalidateQueries({ queryKey: key });
    }, REFETCH_AFTER_MS[what]);
    this.refetches.set(what, timer);
  }

  private set(change: Partial<StreamState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}

function keysOf(what: Stale, projectId: string): string[][] {
  switch (what) {
    case 'project':
      return [['project', projectId], ['usage-summary', projectId], ['projects']];
    case 'tasks':
      return [['tasks', projectId], ['task']];
    case 'plans':
      return [['plans', projectId], ['coverage', projectId], ['inbox']];
    case 'checkpoints':
      return [['checkpoints', projectId], ['inbox']];
    case 'knowledge':
      return [['knowledge', projectId]];
  }
}

function textsAfter(texts: StreamState['texts'], events: readonly ProjectEvent[]): StreamState['texts'] {
  let next: Record<string, string> | null = null;
  for (const event of events) {
    const key = event.task_id ?? 'plan';
    if (LIVE_TEXT.has(event.type) && typeof event.text === 'string') {
      next ??= { ...texts };
      next[key] = ((next[key] ?? '') + event.text).slice(-TEXT_KEPT_CHARS);
    } else if ((event.type === 'task_start' || event.type === 'plan_started') && key in (next ?? texts)) {
      // A new attempt begins with an empty page.
      next ??= { ...texts };
      next[key] = '';
    }
  }
  return next ?? texts;
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const streams = new WeakMap<QueryClient, Map<string, ProjectStream>>();

export function streamOf(projectId: string, client: QueryClient): ProjectStream {
  const known = streams.get(client) ?? new Map<string, ProjectStream>();
  streams.set(client, known);
  const stream = known.get(projectId) ?? new ProjectStream(projectId, client);
  known.set(projectId, stream);
  return stream;
}
