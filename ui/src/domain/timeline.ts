// A Gantt chart as numbers: one row per task, bars in seconds. Waves are bands.
import type { Task } from '@/api/types';

import { criticalPath } from './graph';
import { waitingOf } from './task';

export interface TimelineRow {
  task: Task;
  /** When it ran; `null` before it began. */
  run: { from: number; to: number; isOpen: boolean } | null;
  /** When it waited, as far as is known. */
  wait: { from: number; to: number } | null;
  isCritical: boolean;
}

export interface Timeline {
  from: number;
  to: number;
  rows: TimelineRow[];
}

export function timelineOf(tasks: readonly Task[], now: number): Timeline {
  const seconds = new Map(tasks.map((task) => [task.id, lengthOf(task, now)]));
  const critical = criticalPath(tasks, (id) => seconds.get(id) ?? 0);
  const starts = tasks.flatMap((task) => task.started_at ?? []);
  const from = starts.length > 0 ? Math.min(...starts) : now;
  const rows = [...tasks].sort(byWaveAndStart).map((task) => rowOf(task, now, from, critical.has(task.id)));
  const ends = rows.flatMap((row) => [row.run?.to ?? from, row.wait?.to ?? from]);
  return { from, to: ends.reduce((most, end) => Math.max(most, end), from + 1), rows };
}

function lengthOf(task: Task, now: number): number {
  if (task.started_at === null) return 0;
  return Math.max(0, (task.completed_at ?? (task.status === 'running' ? now : task.updated_at)) - task.started_at);
}

function rowOf(task: Task, now: number, from: number, isCritical: boolean): TimelineRow {
  const isOpen = task.status === 'running';
  const run =
    task.started_at === null ? null : { from: task.started_at, to: task.started_at + lengthOf(task, now), isOpen };
  const waiting = waitingOf(task);
  const wait = waiting && !isOpen ? { from: Math.max(from, waiting.since), to: Math.max(now, waiting.since) } : null;
  return { task, run, wait, isCritical: isCritical && run !== null };
}

function byWaveAndStart(a: Task, b: Task): number {
  return (
    a.wave - b.wave || (a.started_at ?? Infinity) - (b.started_at ?? Infinity) || a.priority - b.priority || 0
  );
}
