import { useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useParams } from '@tanstack/react-router';
import { Hand } from 'lucide-react';

import { checkpointsQuery, plansQuery, projectQuery, usageSummaryQuery } from '@/api/queries';
import { limitOf, progressOf } from '@/domain/project';
import { ConnectionBadge } from '@/features/projects/ConnectionBadge';
import { ProjectActions } from '@/features/projects/ProjectActions';
import { useHotkeys } from '@/lib/useHotkeys';
import { paths, type ProjectTab } from '@/paths';
import { Badge } from '@/ui/Badge';
import { MoneyMeter } from '@/ui/Money';
import { Progress } from '@/ui/Progress';
import { ProjectBadge } from '@/ui/StateBadge';

const TABS: readonly (readonly [ProjectTab, string])[] = [
  ['plan', 'Plan'],
  ['run', 'Execution'],
  ['knowledge', 'Knowledge'],
  ['settings', 'Settings'],
];

export default function ProjectPage() {
  const { id } = useParams({ from: '/signed-in/project/$id' });
  const navigate = useNavigate();
  const project = useSuspenseQuery(projectQuery(id)).data;
  const plans = useQuery(plansQuery(id)).data ?? [];
  const needsSpent = project.spent_usd === undefined;
  const summary = useQuery({ ...usageSummaryQuery(id), enabled: needsSpent }).data;
  const open = (useQuery(checkpointsQuery(id)).data ?? []).filter((each) => each.resolved_at === null).length;
  const waiting = project.task_summary?.needs_review ?? open;
  const go = (tab: ProjectTab) => () => void navigate({ to: paths.projectTab(id, tab) });
  useHotkeys(Object.fromEntries(TABS.map(([tab], index) => [String(index + 1), go(tab)])));

  return (
    <div className="flex min-h-full flex-col">
      <title>{`${project.name} · Orchestration Engine`}</title>
      <header className="border-b border-line bg-surface px-4 pt-4 sm:px-6">
        <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
          <div className="min-w-0">
            <nav aria-label="Breadcrumb" className="text-sm text-text-3">
              <Link to={paths.projects()} className="hover:text-text hover:underline">
                Projects
              </Link>
            </nav>
            <h1 className="text-xl font-semibold break-words">{project.name}</h1>
            <div className="mt-1.5 flex flex-wrap items-center gap-1.5">
              <ProjectBadge state={project.status} />
              <Badge title="How thoroughly it is planned">{project.planning_rigor}</Badge>
              {project.is_simulated && <Badge title="Models are simulated; nothing is spent.">Simulated</Badge>}
              {waiting > 0 && (
                <Link to={paths.inbox()}>
                  <Badge tone="warn" icon={<Hand aria-hidden className="size-3" />}>
                    {waiting} waiting for you
                  </Badge>
                </Link>
              )}
              <ConnectionBadge projectId={id} />
            </div>
          </div>
          <div className="flex flex-wrap items-center gap-2">
            <ProjectActions project={project} plans={plans} />
          </div>
        </div>
        <div className="mt-3 flex flex-wrap-reverse items-end justify-between gap-x-8 gap-y-2">
        <nav aria-label="Project" className="-mb-px flex gap-1 overflow-x-auto">
          {TABS.map(([tab, label]) => (
            <Link
              key={tab}
              to={paths.projectTab(id, tab)}
              className="border-b-2 border-transparent px-2.5 py-2 text-sm font-medium whitespace-nowrap text-text-2 hover:text-text focus-visible:outline-offset-[-2px]"
              activeProps={{ className: '!border-accent !text-text' }}
            >
              {label}
            </Link>
          ))}
        </nav>
          <div className="grid w-full max-w-md grid-cols-2 gap-x-8 pb-2.5">
            <Progress progress={progressOf(project.task_summary)} />
            <MoneyMeter spent={project.spent_usd ?? summary?.total_cost_usd ?? 0} limit={limitOf(project)} />
          </div>
        </div>
      </header>
      <Outlet />
    </div>
  );
}
