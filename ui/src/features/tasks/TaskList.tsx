// All tasks by wave. Only the visible rows exist, so length does not matter.
import { Link } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';

import type { Task } from '@/api/types';
import { money, plural } from '@/domain/money';
import { waitingOf } from '@/domain/task';
import { duration } from '@/domain/time';
import { classes } from '@/lib/classes';
import { useNow } from '@/lib/useNow';
import { paths } from '@/paths';
import { TaskBadge } from '@/ui/StateBadge';
import { TierBadge } from '@/ui/TierBadge';
import { WaitText } from '@/ui/WaitText';

type Row = { kind: 'wave'; wave: number; count: number } | { kind: 'task'; task: Task };

const WAVE_PX = 32;
const TASK_PX = 44;
/** Two lines on a narrow screen. */
const TASK_NARROW_PX = 62;

function rowsOf(tasks: readonly Task[]): Row[] {
  const byWave = new Map<number, Task[]>();
  for (const task of tasks) {
    const wave = byWave.get(task.wave);
    if (wave) wave.push(task);
    else byWave.set(task.wave, [task]);
  }
  return [...byWave]
    .sort(([a], [b]) => a - b)
    .flatMap(([wave, found]): Row[] => [
      { kind: 'wave', wave, count: found.length },
      ...found.map((task): Row => ({ kind: 'task', task })),
    ]);
}

export function TaskList({ tasks }: { tasks: readonly Task[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = rowsOf(tasks);
  const taskPx = window.innerWidth < 640 ? TASK_NARROW_PX : TASK_PX;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.kind === 'wave' ? WAVE_PX : taskPx),
    getItemKey: (index) => {
      const row = rows[index];
      return row?.kind === 'task' ? row.task.id : `wave ${row?.wave ?? index}`;
    },
    overscan: 8,
  });
  return (
    <div ref={scroller} tabIndex={0} role="region" aria-label="Tasks by wave" className="h-[36rem] max-h-[72dvh] overflow-y-auto">
      <ul className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start, size }) => {
          const row = rows[index];
          if (!row) return null;
          return (
            <li
              key={key}
              className="absolute inset-x-0 top-0 border-b border-line"
              style={{ height: size, transform: `translateY(${start}px)` }}
            >
              {row.kind === 'wave' ? (
                <p className="flex h-full items-center gap-2 bg-sunken px-4 text-xs font-medium text-text-2">
                  Wave {row.wave + 1}
                  <span className="text-text-3">{plural(row.count, 'task')}</span>
                </p>
              ) : (
                <TaskRow task={row.task} />
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function TaskRow({ task }: { task: Task }) {
  const wait = task.status === 'running' ? null : waitingOf(task);
  return (
    <div className="flex h-full flex-wrap content-center items-center gap-x-3 px-4 text-sm hover:bg-sunken sm:flex-nowrap">
      <span className="w-26 shrink-0 sm:order-none">
        <TaskBadge state={task.status} />
      </span>
      <Link
        to={paths.task(task.project_id, task.id)}
        className="order-first min-w-0 basis-full truncate font-medium underline-offset-2 hover:underline sm:order-none sm:flex-1 sm:basis-auto"
      >
        {task.title}
      </Link>
      {wait && (
        <span className="max-w-[60%] min-w-0 sm:max-w-[45%] truncate text-xs">
          <WaitText wait={wait} />
        </span>
      )}
      <span className="hidden w-16 shrink-0 2xl:block">
        <TierBadge tier={task.model_tier} />
      </span>
      <span className={classes('ml-auto w-20 shrink-0 text-right text-text-3 tabular-nums sm:ml-0', wait && 'hidden sm:block')}>
        <Took task={task} />
      </span>
      <span className="hidden w-16 shrink-0 text-right tabular-nums sm:block">{task.cost_usd > 0 ? money(task.cost_usd) : '–'}</span>
    </div>
  );
}

export function Took({ task }: { task: Task }) {
  if (task.started_at === null) return <>–</>;
  if (task.status === 'running') return <Since at={task.started_at} />;
  return task.completed_at === null ? <>–</> : <>{duration(task.completed_at - task.started_at)}</>;
}

function Since({ at }: { at: number }) {
  const now = useNow();
  return <span className="text-progress">{duration(Math.max(0, Math.floor(now - at)))}</span>;
}
