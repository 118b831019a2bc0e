import { expect, it } from 'vitest';

import { HANDBOOK_PLAN, HANDBOOK_REQUIREMENTS, plannedTask } from '@/testing/fixtures';

import { comparePlans, coverageOf, planItems, requirementId, waveCount } from './plan';
import { splitRequirements } from './requirement';

it('phases are flattened and dependencies count over all of them', () => {
  const items = planItems(HANDBOOK_PLAN);
  expect(items.map((item) => item.wave)).toEqual([0, 1, 2, 2, 2, 2, 3, 3, 4]);
  expect(items[2]?.phase).toBe('Documents');
  expect(waveCount(items)).toBe(5);
});

it('tolerates what old plans lack, and numbers written as text', () => {
  expect(planItems({})).toEqual([]);
  expect(planItems({ phases: [{ name: 'x', description: '' }] })).toEqual([]);
  const plan = { tasks: [plannedTask('a', { depends_on: [0, 9, 'x'] }), plannedTask('b', { depends_on: ['0', 0] })] };
  expect(planItems(plan).map((item) => item.depends_on)).toEqual([[], [0]]);
});

it('shows which requirements nobody serves', () => {
  const served = coverageOf(splitRequirements(HANDBOOK_REQUIREMENTS), planItems(HANDBOOK_PLAN));
  expect(served.filter((each) => each.by.length === 0).map((each) => each.id)).toEqual(['R6']);
  expect(requirementId(' [r3] ')).toBe('R3');
  expect(requirementId('R0')).toBeNull();
});

it('says what differs between two versions', () => {
  const before = { tasks: [plannedTask('a'), plannedTask('b', { depends_on: [0] }), plannedTask('c')] };
  const after = { tasks: [plannedTask('a'), plannedTask('b', { complexity: 'simple' }), plannedTask('d')] };
  expect(comparePlans(before, after)).toEqual([
    { kind: 'changed', title: 'b', fields: ['kind', 'dependencies'] },
    { kind: 'added', title: 'd', fields: [] },
    { kind: 'removed', title: 'c', fields: [] },
  ]);
});
