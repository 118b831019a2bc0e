// Names with amounts, each with a bar for its share of the largest.
import { classes } from '@/lib/classes';

export interface ShareRow {
  name: string;
  value: number;
  text: string;
  note?: string;
}

export function ShareList({ rows, empty }: { rows: readonly ShareRow[]; empty: string }) {
  const most = Math.max(0, ...rows.map((row) => row.value));
  if (rows.length === 0) return <p className="px-4 py-6 text-sm text-text-3">{empty}</p>;
  return (
    <ul className="divide-y divide-line">
      {rows.map((row) => (
        <li key={row.name} className="px-4 py-2.5 text-sm">
          <p className="flex items-baseline justify-between gap-4">
            <span className="min-w-0 truncate font-medium">{row.name}</span>
            <span className="shrink-0 tabular-nums">{row.text}</span>
          </p>
          <div aria-hidden className="mt-1.5 h-1 overflow-hidden rounded-full bg-hover">
            <div
              className={classes('h-full rounded-full bg-accent')}
              style={{ width: `${most === 0 ? 0 : (row.value / most) * 100}%` }}
            />
          </div>
          {row.note !== undefined && <p className="mt-1 text-xs text-text-3">{row.note}</p>}
        </li>
      ))}
    </ul>
  );
}
