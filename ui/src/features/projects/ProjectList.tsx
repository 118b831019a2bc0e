// All projects as a table or as cards: how far, how much, and what waits for me.
import { Link } from '@tanstack/react-router';
import { Hand } from 'lucide-react';

import type { Project } from '@/api/types';
import { limitOf, progressOf } from '@/domain/project';
import { paths } from '@/paths';
import { Badge } from '@/ui/Badge';
import { MoneyMeter } from '@/ui/Money';
import { Progress } from '@/ui/Progress';
import { ProjectBadge } from '@/ui/StateBadge';
import { type Column, Table } from '@/ui/Table';
import { Time } from '@/ui/Time';

interface ListProps {
  projects: readonly Project[];
  /** What each has cost, where the project itself does not say. */
  spentById: ReadonlyMap<string, number>;
}

const spentOf = (project: Project, spentById: ListProps['spentById']) =>
  project.spent_usd ?? spentById.get(project.id) ?? 0;

const waitingOf = (project: Project) => project.waiting_count ?? project.task_summary?.needs_review ?? 0;

function Waiting({ project }: { project: Project }) {
  const count = waitingOf(project);
  if (count === 0) return <span className="text-text-3">–</span>;
  return (
    <Link to={paths.inbox()} aria-label={`${count} waiting for you in ${project.name}`}>
      <Badge tone="warn" icon={<Hand aria-hidden className="size-3" />}>
        {count}
      </Badge>
    </Link>
  );
}

function Name({ project }: { project: Project }) {
  return (
    <Link to={paths.project(project.id)} className="font-medium underline-offset-2 hover:underline">
      {project.name}
    </Link>
  );
}

export function ProjectTable({ projects, spentById }: ListProps) {
  const columns: Column<Project>[] = [
    { name: 'Project', className: 'min-w-52', cell: (project) => <Name project={project} /> },
    {
      name: 'State',
      cell: (project) => (
        <span className="flex gap-1.5">
          <ProjectBadge state={project.status} />
          {project.is_simulated && <Badge>Simulated</Badge>}
        </span>
      ),
    },
    { name: 'Tasks', className: 'w-52 min-w-40', cell: (project) => <Progress progress={progressOf(project.task_summary)} /> },
    {
      name: 'Spent',
      className: 'w-44 min-w-36',
      cell: (project) => <MoneyMeter spent={spentOf(project, spentById)} limit={limitOf(project)} />,
    },
    { name: 'Waits for you', cell: (project) => <Waiting project={project} /> },
    {
      name: 'Changed',
      isNumber: true,
      className: 'whitespace-nowrap text-text-2',
      cell: (project) => <Time at={project.updated_at} />,
    },
  ];
  return (
    <div className="card overflow-hidden">
      <Table caption="Projects" columns={columns} rows={projects} rowKey={(project) => project.id} />
    </div>
  );
}

export function ProjectCards({ projects, spentById }: ListProps) {
  return (
    <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
      {projects.map((project) => (
        <li key={project.id} className="card flex flex-col gap-3 p-4">
          <div className="flex items-start justify-between gap-3">
            <Name project={project} />
            <ProjectBadge state={project.status} />
          </div>
          <p className="line-clamp-2 text-sm text-text-2">{firstWords(project.requirements)}</p>
          <div className="mt-auto grid grid-cols-2 gap-5">
            <Progress progress={progressOf(project.task_summary)} />
            <MoneyMeter spent={spentOf(project, spentById)} limit={limitOf(project)} />
          </div>
          <div className="flex min-h-5 items-center gap-2 text-xs text-text-3">
            <Time at={project.updated_at} />
            {project.is_simulated && <Badge>Simulated</Badge>}
            {waitingOf(project) > 0 && (
              <span className="ml-auto">
                <Waiting project={project} />
              </span>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

function firstWords(requirements: string): string {
  return requirements
    .replace(/^#.*$/gm, '')
    .replace(/^\s*[-*+] /gm, '')
    .replace(/[`*_]+/g, '')
    .trim()
    .slice(0, 220);
}
