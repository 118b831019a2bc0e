import { useQuery, useSuspenseInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { FolderPlus, LayoutGrid, Plus, Rows3 } from 'lucide-react';
import { useDeferredValue, useRef, useState } from 'react';

import { projectsQuery, usageByProjectQuery } from '@/api/queries';
import type { ProjectState } from '@/api/types';
import { matches, PROJECT_STATES } from '@/domain/project';
import { ProjectCards, ProjectTable } from '@/features/projects/ProjectList';
import { useHotkeys } from '@/lib/useHotkeys';
import { useStored } from '@/lib/useStored';
import { paths } from '@/paths';
import { Button, buttonClass } from '@/ui/Button';
import { EmptyState } from '@/ui/Feedback';
import { Choice, SelectField, TextField } from '@/ui/Field';
import { Page } from '@/ui/Page';

const VIEWS = [
  { value: 'table', label: 'Table', icon: <Rows3 aria-hidden className="size-3.5" /> },
  { value: 'cards', label: 'Cards', icon: <LayoutGrid aria-hidden className="size-3.5" /> },
] as const;

export default function ProjectsPage() {
  const query = useSuspenseInfiniteQuery(projectsQuery());
  const spending = useQuery(usageByProjectQuery()).data ?? [];
  const [view, setView] = useStored('orch_projects_view', ['table', 'cards'], window.innerWidth < 640 ? 'cards' : 'table');
  const [search, setSearch] = useState('');
  const [state, setState] = useState<ProjectState | ''>('');
  const wanted = useDeferredValue(search);
  const field = useRef<HTMLDivElement>(null);
  useHotkeys({ '/': () => field.current?.querySelector('input')?.focus() });

  const all = query.data.pages.flat();
  const projects = all.filter((project) => matches(project, wanted) && (state === '' || project.status === state));
  const spentById = new Map(spending.map((each) => [each.project_id, each.cost_usd]));
  const List = view === 'table' ? ProjectTable : ProjectCards;

  if (all.length === 0) return <FirstProject />;
  return (
    <Page
      title="Projects"
      actions={
        <Link to={paths.newProject()} className={buttonClass('primary')}>
          <Plus aria-hidden className="size-4" />
          New project
        </Link>
      }
    >
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <div ref={field} className="w-full sm:w-72">
          <TextField
            label="Search projects"
            isLabelHidden
            type="search"
            placeholder="Search name and requirements"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </div>
        <SelectField
          label="State"
          isLabelHidden
          className="w-36"
          value={state}
          onChange={(event) => setState(event.target.value as ProjectState | '')}
        >
          <option value="">Every state</option>
          {Object.entries(PROJECT_STATES).map(([value, { label }]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </SelectField>
        <div className="ml-auto">
          <Choice label="View" isLabelHidden value={view} options={VIEWS} onChange={setView} />
        </div>
      </div>
      {projects.length === 0 ? (
        <div className="card">
          <EmptyState
            title="No project matches"
            action={
              <Button
                onClick={() => {
                  setSearch('');
                  setState('');
                }}
              >
                Show all
              </Button>
            }
          >
            Names and requirements are searched{query.hasNextPage ? ' in the projects loaded so far' : ''}.
          </EmptyState>
        </div>
      ) : (
        <List projects={projects} spentById={spentById} />
      )}
      {query.hasNextPage && (
        <div className="mt-4 flex justify-center">
          <Button isBusy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Load older projects
          </Button>
        </div>
      )}
    </Page>
  );
}

const STEPS = [
  ['Write what you want', 'In plain words. Each paragraph or list item becomes a numbered requirement.'],
  ['Read the plan', 'A model proposes tasks, what they cost, and which requirement each one serves.'],
  ['Approve and watch', 'Nothing runs that you did not approve, and the bill never passes your limit.'],
] as const;

function FirstProject() {
  return (
    <Page title="Projects">
      <div className="card">
        <EmptyState
          title="Your first project"
          icon={<FolderPlus aria-hidden className="size-5" />}
          action={
            <Link to={paths.newProject()} className={buttonClass('primary', 'lg')}>
              New project
            </Link>
          }
        >
          <ol className="mt-4 grid gap-4 text-left sm:max-w-lg">
            {STEPS.map(([name, what], index) => (
              <li key={name} className="flex gap-3">
                <span
                  aria-hidden
                  className="grid size-6 shrink-0 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent-text"
                >
                  {index + 1}
                </span>
                <span>
                  <strong className="font-medium text-text">{name}.</strong> {what}
                </span>
              </li>
            ))}
          </ol>
        </EmptyState>
      </div>
    </Page>
  );
}
