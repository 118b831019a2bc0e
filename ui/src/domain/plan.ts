// A plan as people look at it: one flat list with waves, what each requirement is
// served by, and what changed between two versions.
import type { Complexity, PlanBody, PlannedTask, TaskType, Tier } from '@/api/types';

import { waves } from './graph';
import type { Requirement } from './requirement';

export interface PlanItem extends Omit<PlannedTask, 'depends_on'> {
  index: number;
  phase: string | null;
  wave: number;
  depends_on: number[];
  tier: Tier;
}

/** Tasks in the plan's order. Phases win over a flat list; what is missing is tolerated. */
export function planItems(plan: PlanBody): PlanItem[] {
  const found = (plan.phases?.length ?? 0) > 0
    ? (plan.phases ?? []).flatMap((phase) => (phase.tasks ?? []).map((task) => ({ task, phase: phase.name })))
    : (plan.tasks ?? []).map((task) => ({ task, phase: null }));
  const needs = found.map(({ task }, index) => dependencies(task, index, found.length));
  const depth = waves(needs);
  return found.map(({ task, phase }, index) => ({
    title: task.title,
    description: task.description ?? '',
    task_type: task.task_type ?? 'code',
    complexity: task.complexity ?? 'medium',
    tools_needed: task.tools_needed ?? [],
    requirement_ids: task.requirement_ids ?? [],
    verification_criteria: task.verification_criteria ?? '',
    affected_files: task.affected_files ?? [],
    index,
    phase,
    wave: depth[index] ?? 0,
    depends_on: needs[index] ?? [],
    tier: tierOf(task.task_type ?? 'code', task.complexity ?? 'medium'),
  }));
}

function dependencies(task: PlannedTask, self: number, total: number): number[] {
  const numbers = (task.depends_on ?? []).map(Number);
  return [...new Set(numbers)].filter((n) => Number.isInteger(n) && n >= 0 && n < total && n !== self);
}

/** The engine's default routes; the server may be configured otherwise. */
export function tierOf(type: TaskType, complexity: Complexity): Tier {
  if (type === 'asset') return 'ollama';
  if (complexity === 'simple') return type === 'code' || type === 'integration' ? 'haiku' : 'ollama';
  if (complexity === 'medium') return type === 'documentation' ? 'haiku' : 'sonnet';
  return 'opus';
}

export interface Served {
  id: string;
  text: string;
  section: string | null;
  /** Positions of the tasks that serve it. */
  by: number[];
}

export function coverageOf(requirements: readonly Requirement[], items: readonly PlanItem[]): Served[] {
  const by = new Map<string, number[]>();
  for (const item of items) {
    for (const raw of new Set(item.requirement_ids)) {
      const id = requirementId(raw);
      if (id) by.set(id, [...(by.get(id) ?? []), item.index]);
    }
  }
  return requirements.map(({ id, text, section }) => ({ id, text, section, by: by.get(id) ?? [] }));
}

/** `[r3]`, `R3` → `R3`. */
export function requirementId(raw: string): string | null {
  const found = /^\[?[Rr]([1-9]\d*)\]?$/.exec(raw.trim());
  return found ? `R${found[1]}` : null;
}

export function waveCount(items: readonly { wave: number }[]): number {
  return items.reduce((most, item) => Math.max(most, item.wave + 1), 0);
}

export interface PlanChange {
  kind: 'added' | 'removed' | 'changed';
  title: string;
  /** Names of what differs, for a changed task. */
  fields: string[];
}

/** Tasks are the same when their titles are; that is how people recognise them. */
export function comparePlans(before: PlanBody, after: PlanBody): PlanChange[] {
  const [old, now] = [planItems(before), planItems(after)];
  const oldByTitle = new Map(old.map((item) => [item.title, item]));
  const nowTitles = new Set(now.map((item) => item.title));
  const changes: PlanChange[] = [];
  for (const item of now) {
    const was = oldByTitle.get(item.title);
    if (!was) changes.push({ kind: 'added', title: item.title, fields: [] });
    else {
      const fields = changedFields(comparable(was, old), comparable(item, now));
      if (fields.length > 0) changes.push({ kind: 'changed', title: item.title, fields });
    }
  }
  for (const item of old) {
    if (!nowTitles.has(item.title)) changes.push({ kind: 'removed', title: item.title, fields: [] });
  }
  return changes;
}

function comparable(item: PlanItem, all: readonly PlanItem[]): Record<string, string> {
  return {
    description: item.description,
    kind: `${item.task_type}, ${item.complexity}`,
    dependencies: item.depends_on.map((index) => all[index]?.title ?? '').sort().join('\n'),
    requirements: [...item.requirement_ids].sort().join(),
    tools: [...item.tools_needed].sort().join(),
    'how it is verified': item.verification_criteria,
    phase: item.phase ?? '',
  };
}

function changedFields(a: Record<string, string>, b: Record<string, string>): string[] {
  return Object.keys(a).filter((key) => a[key] !== b[key]);
}
