// Counts by state that also filter.
import type { Counts } from '@/domain/task';
import { TASK_STATE_ORDER, TASK_STATES } from '@/domain/task';
import { count } from '@/domain/money';
import type { TaskState } from '@/api/types';
import { classes } from '@/lib/classes';
import { TaskIcon } from '@/ui/StateBadge';

interface StateFilterProps {
  counts: Counts;
  chosen: TaskState | null;
  onChoose: (state: TaskState | null) => void;
}

export function StateFilter({ counts, chosen, onChoose }: StateFilterProps) {
  return (
    <div role="group" aria-label="Tasks by state" className="flex flex-wrap gap-1">
      {TASK_STATE_ORDER.filter((state) => counts[state] > 0 || state === chosen).map((state) => (
        <button
          key={state}
          type="button"
          aria-pressed={state === chosen}
          title={TASK_STATES[state].meaning}
          onClick={() => onChoose(state === chosen ? null : state)}
          className={classes(
            'flex h-7 items-center gap-1.5 rounded-md border px-2 text-sm tabular-nums',
            state === chosen ? 'border-accent bg-accent-soft text-text' : 'border-line bg-surface text-text-2 hover:bg-hover',
          )}
        >
          <span aria-hidden className="contents">
            <TaskIcon state={state} className="size-3.5" />
          </span>
          {TASK_STATES[state].label}
          <span className="font-medium text-text">{count(counts[state])}</span>
        </button>
      ))}
    </div>
  );
}
