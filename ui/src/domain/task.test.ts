import { describe, expect, it } from 'vitest';

import type { TaskState } from '@/api/types';
import { makeTask } from '@/testing/fixtures';

import { applyToTask, parseEvent } from './event';
import { bytes, money, moneyRange, shareOf } from './money';
import { countWaits, TASK_STATE_ORDER, taskCan, whyNot } from './task';
import { ago, axisStep, duration, roughly } from './time';
import { timelineOf } from './timeline';

describe('what may be done with a task', () => {
  it('follows its state, and a refusal says why', () => {
    const table = Object.fromEntries(
      TASK_STATE_ORDER.map((state) => [state, Object.keys(taskCan).filter((action) => taskCan[action as keyof typeof taskCan](state))]),
    );
    expect(table).toEqual({
      needs_review: ['edit', 'review'],
      failed: ['retry', 'edit'],
      running: [],
      pending: ['cancel', 'edit'],
      queued: ['cancel', 'edit'],
      blocked: ['cancel', 'edit'],
      completed: [],
      cancelled: ['edit'],
    } satisfies Record<TaskState, string[]>);
    expect(whyNot('retry', 'running')).toBe('Only a failed task can be retried; this one is running.');
    expect(whyNot('retry', 'failed')).toBeNull();
  });

  it('waits are counted by reason', () => {
    const wait = { reason: 'money' as const, since: 1 };
    const tasks = [makeTask({ id: 'a', status: 'blocked' }), makeTask({ id: 'b', waiting_for: wait }), makeTask({ id: 'c', waiting_for: wait }), makeTask({ id: 'd', status: 'running' })];
    expect(countWaits(tasks)).toEqual([['money', 2], ['dependency', 1]]);
  });
});

describe('events', () => {
  const event = (type: string, timestamp: number, extra = {}) => ({ type, message: '', project_id: 'p', task_id: 'a', timestamp, ...extra });

  it('change a task at once, but never back to what it was', () => {
    const task = makeTask({ id: 'a', updated_at: 100 });
    const running = applyToTask(task, event('task_start', 110));
    expect(running).toMatchObject({ status: 'running', started_at: 110 });
    expect(applyToTask(running, event('task_failed', 105))).toBe(running);
    expect(applyToTask(running, event('task_complete', 120, { cost_usd: 0.5 }))).toMatchObject({ status: 'completed', cost_usd: 0.5 });
    expect(applyToTask(running, event('tool_call', 130))).toBe(running);
    expect(applyToTask(running, event('task_waiting', 130, { reason: 'backoff', wake_at: 140 })).waiting_for).toEqual({ reason: 'backoff', since: 130, wake_at: 140 });
  });

  it('are read with their number, and rubbish is left out', () => {
    expect(parseEvent('task_start', '{"message":"x","task_id":"t","timestamp":3}', '7')).toMatchObject({ type: 'task_start', seq: 7, task_id: 't' });
    expect(parseEvent('x', 'not json', null)).toBeNull();
    expect(parseEvent('x', '{}', null)).not.toHaveProperty('seq');
  });
});

it('the timeline knows runs, waits and the critical path', () => {
  const chart = timelineOf(
    [
      makeTask({ id: 'a', status: 'completed', started_at: 0, completed_at: 10 }),
      makeTask({ id: 'b', wave: 1, depends_on: ['a'], status: 'running', started_at: 10 }),
      makeTask({ id: 'c', wave: 2, depends_on: ['b'], status: 'blocked', updated_at: 0 }),
    ],
    30,
  );
  expect(chart).toMatchObject({ from: 0, to: 30 });
  expect(chart.rows.map((row) => [row.run?.to ?? null, row.wait?.to ?? null, row.isCritical])).toEqual([
    [10, null, true],
    [30, null, true],
    [null, 30, false],
  ]);
});

it('money and time read naturally', () => {
  expect([money(0), money(12.5), money(0.123), money(0.0123), money(0.00042)]).toEqual(['$0.00', '$12.50', '$0.12', '$0.012', '$0.0004']);
  expect(moneyRange(1, 1)).toBe('$1.00');
  expect(shareOf(3, null)).toBeNull();
  expect(shareOf(30, 20)).toBe(1);
  expect([duration(0.5), duration(5), duration(75), duration(7260)]).toEqual(['500 ms', '5.0 s', '1 min 15 s', '2 h 01 min']);
  expect([roughly(59), roughly(600), roughly(90_000)]).toEqual(['59 s', '10 min', '1 d']);
  expect(ago(90, 100)).toBe('just now');
  expect(axisStep(1200, 5)).toBe(300);
  expect(bytes(4_321_000)).toBe('4.3 MB');
});
