// The tasks that models work on at this moment, with what they write.
import { Link } from '@tanstack/react-router';

import type { Task } from '@/api/types';
import { useStream } from '@/api/useStream';
import { paths } from '@/paths';
import { TaskIcon } from '@/ui/StateBadge';

import { Took } from './TaskList';

const SHOWN_MAX = 6;
const TAIL_CHARS = 140;

export function RunningNow({ projectId, tasks }: { projectId: string; tasks: readonly Task[] }) {
  const running = tasks.filter((task) => task.status === 'running');
  if (running.length === 0) return <p className="px-4 py-3 text-sm text-text-3">No task is running.</p>;
  return (
    <ul className="divide-y divide-line">
      {running.slice(0, SHOWN_MAX).map((task) => (
        <li key={task.id} className="px-4 py-2 text-sm">
          <p className="flex items-center gap-2">
            <TaskIcon state="running" className="size-3.5" />
            <Link to={paths.task(projectId, task.id)} className="min-w-0 flex-1 truncate font-medium hover:underline">
              {task.title}
            </Link>
            <span className="shrink-0 text-xs tabular-nums">
              <Took task={task} />
            </span>
          </p>
          <LiveTail projectId={projectId} taskId={task.id} />
        </li>
      ))}
      {running.length > SHOWN_MAX && (
        <li className="px-4 py-2 text-sm text-text-3">and {running.length - SHOWN_MAX} more</li>
      )}
    </ul>
  );
}

function LiveTail({ projectId, taskId }: { projectId: string; taskId: string }) {
  const text = useStream(projectId, (stream) => stream.texts[taskId]);
  if (!text) return null;
  return <p className="mt-0.5 line-clamp-2 pl-5.5 font-mono text-xs text-text-3">{text.slice(-TAIL_CHARS)}</p>;
}
