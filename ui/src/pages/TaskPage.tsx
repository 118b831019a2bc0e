import { useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';

import { checkpointsQuery, projectQuery, taskQuery, tasksQuery } from '@/api/queries';
import type { Task } from '@/api/types';
import { useStream } from '@/api/useStream';
import { behind, dependentsOf } from '@/domain/graph';
import { count, money, plural } from '@/domain/money';
import { waitingOf } from '@/domain/task';
import { CheckpointForm, PastTries } from '@/features/checkpoints/CheckpointForm';
import { CopyButton, OutputCard } from '@/features/tasks/OutputCard';
import { ReviewForm } from '@/features/tasks/ReviewForm';
import { TaskActions } from '@/features/tasks/TaskActions';
import { Took } from '@/features/tasks/TaskList';
import { TaskLinks, ToldCard } from '@/features/tasks/ToldCard';
import { VerdictCard } from '@/features/tasks/VerdictCard';
import { paths } from '@/paths';
import { Badge } from '@/ui/Badge';
import { Card, Facts } from '@/ui/Card';
import { TaskBadge } from '@/ui/StateBadge';
import { TierBadge } from '@/ui/TierBadge';
import { Time } from '@/ui/Time';
import { WaitText } from '@/ui/WaitText';

export default function TaskPage() {
  const { id, taskId } = useParams({ from: '/signed-in/project/$id/task/$taskId' });
  const task = useSuspenseQuery(taskQuery(taskId)).data;
  const project = useSuspenseQuery(projectQuery(id)).data;
  const tasks = useQuery(tasksQuery(id)).data ?? [];
  const checkpoints = (useQuery(checkpointsQuery(id)).data ?? []).filter((each) => each.task_id === taskId);
  const liveText = useStream(id, (stream) => stream.texts[taskId]);

  const open = checkpoints.find((each) => each.resolved_at === null);
  const wait = waitingOf(task);
  return (
    <div className="mx-auto w-full max-w-6xl p-4 sm:p-6">
      <title>{`${task.title} · Orchestration Engine`}</title>
      <header className="mb-5 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <nav aria-label="Breadcrumb" className="flex flex-wrap gap-x-1.5 text-sm text-text-3">
            <Link to={paths.projects()} className="hover:text-text hover:underline">
              Projects
            </Link>
            <span aria-hidden>/</span>
            <Link to={paths.projectTab(id, 'run')} className="hover:text-text hover:underline">
              {project.name}
            </Link>
          </nav>
          <h1 className="text-xl font-semibold break-words">{task.title}</h1>
          <div className="mt-1.5 flex flex-wrap items-center gap-2 text-sm">
            <TaskBadge state={task.status} />
            <TierBadge tier={task.model_tier} />
            {project.is_simulated && <Badge>Simulated</Badge>}
            {wait && task.status !== 'running' && <WaitText wait={wait} />}
          </div>
        </div>
        <div className="flex flex-wrap gap-2">
          <TaskActions task={task} />
        </div>
      </header>
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_19rem]">
        <div className="min-w-0 space-y-4">
          {task.status === 'needs_review' && (
            <Card title="It needs you" className="!border-warn">
              {open ? (
                <div className="space-y-4">
                  <p className="text-text-2">{open.summary}</p>
                  <PastTries checkpoint={open} />
                  <CheckpointForm checkpoint={open} />
                </div>
              ) : (
                <ReviewForm task={task} />
              )}
            </Card>
          )}
          {task.error !== null && (
            <Card title="Error" aside={<CopyButton text={task.error} label="Copy the error" />}>
              <pre tabIndex={0} aria-label="Error" className="overflow-x-auto font-mono text-sm whitespace-pre-wrap text-bad">
                {task.error}
              </pre>
            </Card>
          )}
          <VerdictCard task={task} />
          <OutputCard task={task} liveText={liveText} />
          <ToldCard task={task} project={project} tasks={tasks} />
        </div>
        <aside className="space-y-4" aria-label="About this task">
          <Card title="Facts">
            <FactsOf task={task} />
          </Card>
          <Dependents task={task} tasks={tasks} />
          {checkpoints
            .filter((each) => each.resolved_at !== null)
            .map((each) => (
              <Card key={each.id} title="Earlier question">
                <p className="mb-2 text-sm text-text-2">{each.summary}</p>
                <PastTries checkpoint={each} />
                <p className="mt-2 text-sm">Answer: {each.response}</p>
              </Card>
            ))}
        </aside>
      </div>
    </div>
  );
}

function FactsOf({ task }: { task: Task }) {
  return (
    <Facts
      facts={[
        ['Cost', money(task.cost_usd)],
        ['Model', task.model_used ?? 'none yet'],
        ['Tokens in', count(task.prompt_tokens)],
        ['Tokens out', count(task.completion_tokens)],
        ['Attempt', task.attempt ? count(task.attempt) : '–'],
        ['Kind', task.task_type],
        ['Wave', task.wave + 1],
        ['Phase', task.phase ?? '–'],
        ['Priority', task.priority],
        ['Began', task.started_at === null ? '–' : <Time at={task.started_at} />],
        ['Took', <Took key="took" task={task} />],
      ]}
    />
  );
}

function Dependents({ task, tasks }: { task: Task; tasks: readonly Task[] }) {
  const dependents = dependentsOf(tasks);
  const direct = new Set(dependents.get(task.id) ?? []);
  if (direct.size === 0) return null;
  const all = behind(task.id, dependents).size;
  return (
    <Card title="What needs it">
      <TaskLinks
        label={`${plural(all, 'task')} cannot start before it`}
        tasks={tasks.filter((each) => direct.has(each.id)).slice(0, 12)}
      />
    </Card>
  );
}
