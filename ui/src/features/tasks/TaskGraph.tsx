// The tasks of a project as a live graph.
import { useMemo } from 'react';

import type { Task } from '@/api/types';
import { TASK_STATES, WAIT_REASONS, waitingOf } from '@/domain/task';
import type { CanvasNode } from '@/ui/GraphCanvas';
import { LazyGraph } from '@/ui/LazyGraph';
import { TaskIcon } from '@/ui/StateBadge';

interface TaskGraphProps {
  tasks: readonly Task[];
  marked: ReadonlySet<string> | null;
  selected: string | null;
  onSelect: (id: string | null) => void;
  onOpen: (id: string) => void;
}

export function TaskGraph({ tasks, ...rest }: TaskGraphProps) {
  const nodes = useMemo(() => tasks.map(nodeOf), [tasks]);
  return <LazyGraph label="Graph of the tasks" nodes={nodes} {...rest} />;
}

const nodesByTask = new WeakMap<Task, CanvasNode>();

/** An unchanged task keeps its node, so that only what changed is drawn again. */
function nodeOf(task: Task): CanvasNode {
  const known = nodesByTask.get(task);
  if (known) return known;
  const node: CanvasNode = {
    id: task.id,
    wave: task.wave,
    depends_on: task.depends_on,
    title: task.title,
    note: noteOf(task),
    icon: <TaskIcon state={task.status} className="size-3.5" />,
    tone: TASK_STATES[task.status].tone,
  };
  nodesByTask.set(task, node);
  return node;
}

function noteOf(task: Task): string {
  const wait = waitingOf(task);
  if (wait && task.status !== 'running') return `waits for ${WAIT_REASONS[wait.reason].label}`;
  return `${TASK_STATES[task.status].label} · ${task.model_tier === 'ollama' ? 'local' : task.model_tier}`;
}
