import { useSuspenseQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { ChartGantt, CirclePlay, List, Network } from 'lucide-react';
import { useDeferredValue, useMemo, useRef, useState } from 'react';

import { projectQuery, tasksQuery } from '@/api/queries';
import type { Task, TaskState } from '@/api/types';
import { behind, dependentsOf } from '@/domain/graph';
import { countStates, countWaits, WAIT_REASONS } from '@/domain/task';
import { plural } from '@/domain/money';
import { EventFeed } from '@/features/events/EventFeed';
import { RunningNow } from '@/features/tasks/RunningNow';
import { StateFilter } from '@/features/tasks/StateFilter';
import { TaskGraph } from '@/features/tasks/TaskGraph';
import { TaskList } from '@/features/tasks/TaskList';
import { TaskTimeline, TimelineLegend } from '@/features/tasks/TaskTimeline';
import { useHotkeys } from '@/lib/useHotkeys';
import { useStored } from '@/lib/useStored';
import { paths } from '@/paths';
import { buttonClass } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { EmptyState } from '@/ui/Feedback';
import { Choice, TextField } from '@/ui/Field';

const VIEWS = [
  { value: 'list', label: 'List', icon: <List aria-hidden className="size-3.5" /> },
  { value: 'graph', label: 'Graph', icon: <Network aria-hidden className="size-3.5" /> },
  { value: 'timeline', label: 'Timeline', icon: <ChartGantt aria-hidden className="size-3.5" /> },
] as const;

export default function RunPage() {
  const { id } = useParams({ from: '/signed-in/project/$id/run' });
  const navigate = useNavigate();
  const project = useSuspenseQuery(projectQuery(id)).data;
  const tasks = useSuspenseQuery(tasksQuery(id)).data;
  const [view, setView] = useStored('orch_run_view', ['list', 'graph', 'timeline'], 'list');
  const [state, setState] = useState<TaskState | null>(null);
  const [search, setSearch] = useState('');
  const [selected, setSelected] = useState<string | null>(null);
  const wanted = useDeferredValue(search).trim().toLowerCase();
  const field = useRef<HTMLDivElement>(null);
  useHotkeys({ '/': () => field.current?.querySelector('input')?.focus() });

  const found = useMemo(
    () => tasks.filter((task) => (state === null || task.status === state) && task.title.toLowerCase().includes(wanted)),
    [tasks, state, wanted],
  );
  const isFiltered = found.length < tasks.length;
  const marked = useMemo(
    () => (isFiltered ? new Set(found.map((task) => task.id)) : selected === null ? null : near(tasks, selected)),
    [isFiltered, found, tasks, selected],
  );
  const open = (taskId: string) => void navigate({ to: paths.task(id, taskId) });

  if (tasks.length === 0) return <NoTasks projectId={id} />;
  const chosen = tasks.find((task) => task.id === selected);
  return (
    <div className="mx-auto grid w-full max-w-[100rem] items-start gap-4 p-4 sm:p-6 xl:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="min-w-0 space-y-3">
        <div className="flex flex-wrap items-center gap-2">
            <div ref={field} className="min-w-44 flex-1 sm:max-w-64">
              <TextField
                label="Search tasks"
                isLabelHidden
                type="search"
                placeholder="Search tasks"
                value={search}
                onChange={(event) => setSearch(event.target.value)}
              />
            </div>
            <div className="ml-auto">
              <Choice label="View" isLabelHidden value={view} options={VIEWS} onChange={setView} />
            </div>
        </div>
        <StateFilter counts={countStates(tasks)} chosen={state} onChoose={setState} />
        <div className="card overflow-hidden">
          {found.length === 0 ? (
            <EmptyState title="No task matches">Choose another state or clear the search.</EmptyState>
          ) : view === 'list' ? (
            <TaskList tasks={found} />
          ) : view === 'timeline' ? (
            <>
              <TaskTimeline tasks={found} />
              <TimelineLegend />
            </>
          ) : (
            <div className="h-[38rem] max-h-[75dvh]">
              <TaskGraph tasks={tasks} marked={marked} selected={selected} onSelect={setSelected} onOpen={open} />
            </div>
          )}
        </div>
        {view === 'graph' && chosen && (
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-text-2">
            <Link to={paths.task(id, chosen.id)} className="font-medium text-accent-text hover:underline">
              Open “{chosen.title}”
            </Link>
            {plural(behind(chosen.id, dependentsOf(tasks)).size, 'task')} cannot start before it is completed.
          </p>
        )}
      </div>
      <aside className="grid min-w-0 gap-4 md:grid-cols-2 xl:grid-cols-1" aria-label="What happens">
        <Card title="Running now" isFlush>
          <RunningNow projectId={id} tasks={tasks} />
        </Card>
        <Waits tasks={tasks} isPaused={project.status === 'paused'} />
        <Card title="Events" isFlush className="md:col-span-2 xl:col-span-1">
          <EventFeed projectId={id} />
        </Card>
      </aside>
    </div>
  );
}

/** A task, what it needs directly, and everything behind it. */
function near(tasks: readonly Task[], id: string): Set<string> {
  const task = tasks.find((each) => each.id === id);
  return new Set([id, ...(task?.depends_on ?? []), ...behind(id, dependentsOf(tasks))]);
}

function Waits({ tasks, isPaused }: { tasks: readonly Task[]; isPaused: boolean }) {
  const waits = countWaits(tasks);
  return (
    <Card title="What the rest waits for" isFlush>
      <ul className="divide-y divide-line text-sm">
        {isPaused && (
          <li className="px-4 py-2 text-warn">The project is paused: no new call starts until it is resumed.</li>
        )}
        {waits.length === 0 && !isPaused && <li className="px-4 py-3 text-text-3">Nothing waits.</li>}
        {waits.map(([reason, amount]) => (
          <li key={reason} className="px-4 py-2">
            <p className="flex justify-between gap-3">
              <span>For {WAIT_REASONS[reason].label}</span>
              <span className="font-medium tabular-nums">{amount}</span>
            </p>
            <p className="text-xs text-text-3">{WAIT_REASONS[reason].meaning}</p>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function NoTasks({ projectId }: { projectId: string }) {
  return (
    <div className="p-4 sm:p-6">
      <div className="card">
        <EmptyState
          title="Nothing to carry out yet"
          icon={<CirclePlay aria-hidden className="size-5" />}
          action={
            <Link to={paths.projectTab(projectId, 'plan')} className={buttonClass('primary')}>
              Go to the plan
            </Link>
          }
        >
          Tasks come from an approved plan. Once one is approved, you see here what runs, what waits and why, and what it
          costs.
        </EmptyState>
      </div>
    </div>
  );
}
