import { describe, expect, it } from 'vitest';

import { planItems } from './plan';
import { behind, criticalPath, dependentsOf, directEdges, layout, waves } from './graph';
import { widePlan } from '@/testing/fixtures';

const node = (id: string, wave: number, ...depends_on: string[]) => ({ id, wave, depends_on });
const diamond = [node('a', 0), node('b', 1, 'a'), node('c', 1, 'a'), node('d', 2, 'b', 'c', 'a')];

describe('graph', () => {
  it('a wave is the depth of dependencies, and cycles end', () => {
    expect(waves([[], [0], [0], [1, 2], [3]])).toEqual([0, 1, 1, 2, 3]);
    expect(waves([[1], [0], []])).toEqual([0, 0, 0]);
  });

  it('what lies behind a node cannot start before it', () => {
    expect([...behind('a', dependentsOf(diamond))].sort()).toEqual(['b', 'c', 'd']);
    expect([...behind('d', dependentsOf(diamond))]).toEqual([]);
  });

  it('edges implied by longer paths are left out of small pictures', () => {
    expect(directEdges(diamond)).not.toContainEqual(['a', 'd']);
    expect(directEdges(diamond)).toHaveLength(4);
    expect(directEdges(diamond, 2)).toContainEqual(['a', 'd']);
  });

  it('no two nodes share a place, and waves go from left to right', () => {
    const { places, columns } = layout(diamond);
    const at = [...places.values()].map(({ x, y }) => `${x},${y}`);
    expect(new Set(at).size).toBe(4);
    expect(columns.map((column) => column.x)).toEqual([...columns.map((column) => column.x)].sort((a, b) => a - b));
    expect(layout([])).toMatchObject({ width: 0, height: 0 });
  });

  it('the critical path is the chain that takes longest', () => {
    const seconds: Record<string, number> = { a: 1, b: 5, c: 2, d: 1 };
    expect([...criticalPath(diamond, (id) => seconds[id] ?? 0)].sort()).toEqual(['a', 'b', 'd']);
    expect(criticalPath([], () => 1).size).toBe(0);
  });

  it('a thousand nodes find their places', () => {
    const nodes = planItems(widePlan(1000, 10)).map((item) => node(String(item.index), item.wave, ...item.depends_on.map(String)));
    expect(layout(nodes).places.size).toBe(1000);
  });
});
