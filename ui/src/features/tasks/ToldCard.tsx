// What the task is told: its description, the requirements it serves and the outputs
// it builds on, each with where it comes from.
import { Link } from '@tanstack/react-router';

import type { Project, Task } from '@/api/types';
import { requirementId } from '@/domain/plan';
import { splitRequirements } from '@/domain/requirement';
import { paths } from '@/paths';
import { Card } from '@/ui/Card';
import { LazyMarkdown } from '@/ui/LazyMarkdown';
import { TaskIcon } from '@/ui/StateBadge';

interface ToldProps {
  task: Task;
  project: Project;
  tasks: readonly Task[];
}

export function ToldCard({ task, project, tasks }: ToldProps) {
  const served = new Set(task.requirement_ids.map(requirementId));
  const requirements = splitRequirements(project.requirements).filter((each) => served.has(each.id));
  const needs = tasks.filter((each) => task.depends_on.includes(each.id));
  return (
    <Card title="What it was told">
      <div className="space-y-4">
        <LazyMarkdown text={task.description} />
        {requirements.length > 0 && (
          <div>
            <p className="label mb-1">Requirements it serves</p>
            <ul className="space-y-1.5 text-sm">
              {requirements.map((each) => (
                <li key={each.id} className="flex gap-2.5">
                  <span className="h-5 shrink-0 rounded bg-accent-soft px-1.5 font-mono text-xs leading-5 font-medium text-accent-text">
                    {each.id}
                  </span>
                  <span className="min-w-0 whitespace-pre-wrap">{each.text}</span>
                </li>
              ))}
            </ul>
          </div>
        )}
        {needs.length > 0 && <TaskLinks label="Outputs it builds on" tasks={needs} />}
        {task.tools.length > 0 && (
          <p className="text-sm">
            <span className="label">Tools it may use</span>
            <br />
            {task.tools.join(', ')}
          </p>
        )}
      </div>
    </Card>
  );
}

export function TaskLinks({ label, tasks }: { label: string; tasks: readonly Task[] }) {
  return (
    <div>
      <p className="label mb-1">{label}</p>
      <ul className="space-y-1 text-sm">
        {tasks.map((each) => (
          <li key={each.id} className="flex min-w-0 items-center gap-2">
            <TaskIcon state={each.status} className="size-3.5" />
            <Link to={paths.task(each.project_id, each.id)} className="truncate text-accent-text underline-offset-2 hover:underline">
              {each.title}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
