// When each task waited and ran: a Gantt chart with waves as bands and the chain
// that decides the total marked.
import { Link } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';

import type { Task } from '@/api/types';
import { TASK_STATES, WAIT_REASONS, waitingOf } from '@/domain/task';
import { axisStep, clockTime, duration } from '@/domain/time';
import { timelineOf, type TimelineRow } from '@/domain/timeline';
import { classes } from '@/lib/classes';
import { useNow } from '@/lib/useNow';
import { paths } from '@/paths';
import { TONE_FILL } from '@/ui/Badge';
import { TaskIcon } from '@/ui/StateBadge';

const ROW_PX = 30;
const TICKS_MAX = 5;

export function TaskTimeline({ tasks }: { tasks: readonly Task[] }) {
  const isMoving = tasks.some((task) => task.status === 'running');
  const now = useNow(isMoving ? 1 : 30);
  const chart = useMemo(() => timelineOf(tasks, now), [tasks, now]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: chart.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  const span = chart.to - chart.from;
  const at = (seconds: number) => `${((seconds - chart.from) / span) * 100}%`;
  const step = axisStep(span, TICKS_MAX);
  const ticks = Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step);
  return (
    <div ref={scroller} tabIndex={0} role="region" aria-label="Timeline of the tasks" className="h-[36rem] max-h-[72dvh] overflow-auto">
      <div className="min-w-[36rem]">
        <div className="sticky top-0 z-10 flex h-7 border-b border-line bg-sunken text-xs text-text-3">
          <span className="w-48 shrink-0 border-r border-line px-4 leading-7">Task</span>
          <div className="relative mr-8 flex-1" title={`From ${clockTime(chart.from)} to ${clockTime(chart.to)}`}>
            {ticks.map((tick) => (
              <span key={tick} className="absolute pl-1 leading-7 tabular-nums" style={{ left: at(chart.from + tick) }}>
                {tick === 0 ? clockTime(chart.from) : `+${duration(tick)}`}
              </span>
            ))}
          </div>
        </div>
        <ul className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = chart.rows[index];
            if (!row) return null;
            const isNewWave = index > 0 && row.task.wave !== chart.rows[index - 1]?.task.wave;
            return (
              <li
                key={row.task.id}
                className={classes(
                  'absolute inset-x-0 top-0 flex items-center',
                  row.task.wave % 2 === 1 && 'bg-sunken/60',
                  isNewWave && 'border-t border-line',
                )}
                style={{ height: ROW_PX, transform: `translateY(${start}px)` }}
              >
                <Link
                  to={paths.task(row.task.project_id, row.task.id)}
                  className="flex h-full w-48 shrink-0 items-center gap-2 border-r border-line px-4 text-sm hover:bg-hover focus-visible:outline-offset-[-2px]"
                >
                  <TaskIcon state={row.task.status} className="size-3.5" />
                  <span className="truncate">{row.task.title}</span>
                </Link>
                <div className="relative mr-8 h-full flex-1">
                  {ticks.map((tick) => (
                    <span key={tick} className="absolute inset-y-0 w-px bg-line/70" style={{ left: at(chart.from + tick) }} />
                  ))}
                  <Bars row={row} at={at} span={span} />
                </div>
              </li>
            );
          })}
        </ul>
      </div>
    </div>
  );
}

function Bars({ row, at, span }: { row: TimelineRow; at: (seconds: number) => string; span: number }) {
  const width = (part: { from: number; to: number }) => `max(3px, ${((part.to - part.from) / span) * 100}%)`;
  const wait = waitingOf(row.task);
  return (
    <>
      {row.wait && wait && (
        <span
          role="img"
          aria-label={`${row.task.title} waits for ${WAIT_REASONS[wait.reason].label}`}
          title={`Waits for ${WAIT_REASONS[wait.reason].label}, ${duration(row.wait.to - row.wait.from)}`}
          className="hatched absolute top-[9px] h-3 rounded-sm border border-line-strong"
          style={{ left: at(row.wait.from), width: width(row.wait) }}
        />
      )}
      {row.run && (
        <span
          role="img"
          aria-label={`${row.task.title} ran ${duration(row.run.to - row.run.from)}${row.isCritical ? ', on the critical path' : ''}`}
          title={`${TASK_STATES[row.task.status].label}, ${duration(row.run.to - row.run.from)}${row.isCritical ? '. On the critical path: the project cannot be faster than this chain.' : ''}`}
          className={classes(
            'absolute top-[9px] h-3 rounded-sm',
            TONE_FILL[TASK_STATES[row.task.status].tone],
            row.run.isOpen && 'animate-breathe',
            row.isCritical ? 'outline-2 outline-offset-1 outline-accent' : 'opacity-75',
          )}
          style={{ left: at(row.run.from), width: width(row.run) }}
        />
      )}
    </>
  );
}

export function TimelineLegend() {
  return (
    <p className="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-4 py-2 text-xs text-text-3">
      <span className="flex items-center gap-1.5">
        <span aria-hidden className="h-2.5 w-5 rounded-sm bg-good-fill/75" /> ran
      </span>
      <span className="flex items-center gap-1.5">
        <span aria-hidden className="hatched h-2.5 w-5 rounded-sm border border-line-strong" /> waits
      </span>
      <span className="flex items-center gap-1.5">
        <span aria-hidden className="h-2.5 w-5 rounded-sm bg-good-fill outline-2 outline-offset-1 outline-accent" /> critical path
      </span>
      <span>Bands are waves.</span>
    </p>
  );
}
