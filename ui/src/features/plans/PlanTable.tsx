// The plan's tasks as a table.
import type { Spread } from '@/api/types';
import { moneyRange } from '@/domain/money';
import type { PlanItem } from '@/domain/plan';
import { classes } from '@/lib/classes';
import { type Column, Table } from '@/ui/Table';
import { TierBadge } from '@/ui/TierBadge';



interface PlanTableProps {
  items: readonly PlanItem[];
  spreads: readonly Spread[] | null;
  marked: ReadonlySet<string> | null;
  selected: string | null;
  onSelect: (id: string) => void;
}

export function PlanTable({ items, spreads, marked, selected, onSelect }: PlanTableProps) {
  const columns: Column<PlanItem>[] = [
    { name: '#', isNumber: true, className: 'text-text-3', cell: (item) => item.index + 1 },
    {
      name: 'Task',
      className: 'min-w-48',
      cell: (item) => (
        <button
          type="button"
          onClick={() => onSelect(String(item.index))}
          className={classes(
            'text-left font-medium underline-offset-2 hover:underline',
            marked !== null && !marked.has(String(item.index)) && 'text-text-3',
            selected === String(item.index) && 'text-accent-text',
          )}
        >
          {item.title}
        </button>
      ),
    },
    { name: 'Phase', cell: (item) => item.phase ?? '–' },
    { name: 'Wave', isNumber: true, cell: (item) => item.wave + 1 },
    { name: 'Kind', cell: (item) => `${item.task_type}, ${item.complexity}` },
    { name: 'Tier', cell: (item) => <TierBadge tier={item.tier} /> },
    { name: 'Needs', cell: (item) => item.depends_on.map((n) => n + 1).join(', ') || '–' },
    { name: 'Serves', cell: (item) => item.requirement_ids.join(', ') || '–' },
  ];
  if (spreads) {
    columns.push({
      name: 'Cost',
      isNumber: true,
      className: 'whitespace-nowrap',
      cell: (item) => {
        const spread = spreads[item.index];
        return spread ? moneyRange(spread.p50_usd, spread.p80_usd) : '–';
      },
    });
  }
  return <Table caption="Tasks of the plan" columns={columns} rows={items} rowKey={(item) => String(item.index)} />;
}
