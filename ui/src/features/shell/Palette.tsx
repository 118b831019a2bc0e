// The command palette: every place, every project and the common actions by name.
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Command } from 'cmdk';
import type { ReactNode } from 'react';

import { recentProjectsQuery } from '@/api/queries';
import type { User } from '@/api/types';
import { PROJECT_STATES } from '@/domain/project';
import { setTheme } from '@/lib/theme';
import { paths } from '@/paths';
import { Dialog } from '@/ui/Dialog';

const PLACES: readonly (readonly [string, string, boolean])[] = [
  ['Projects', paths.projects(), false],
  ['New project', paths.newProject(), false],
  ['Inbox', paths.inbox(), false],
  ['Usage', paths.usage(), false],
  ['Services', paths.services(), false],
  ['Knowledge', paths.rag(), false],
  ['Settings', paths.settings(), false],
  ['Admin', paths.admin(), true],
  ['Analytics', paths.analytics(), true],
];

export function Palette({ me, onClose }: { me: User; onClose: () => void }) {
  const navigate = useNavigate();
  const projects = useQuery(recentProjectsQuery()).data ?? [];
  const go = (to: string) => () => {
    onClose();
    void navigate({ to });
  };
  const act = (action: () => void) => () => {
    onClose();
    action();
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <Command label="Go to" loop className="-mx-5 -my-4">
        <Command.Input
          autoFocus
          placeholder="A page, a project or an action"
          className="h-12 w-full border-b border-line bg-transparent px-5 text-lg outline-none"
        />
        <Command.List className="max-h-80 overflow-y-auto p-2" aria-label="Found">
          <Command.Empty className="px-3 py-6 text-center text-sm text-text-3">Nothing has that name.</Command.Empty>
          <Group heading="Pages">
            {PLACES.filter(([, , isAdmin]) => !isAdmin || me.role === 'admin').map(([label, to]) => (
              <Entry key={to} value={`page ${label}`} onSelect={go(to)}>
                {label}
              </Entry>
            ))}
          </Group>
          <Group heading="Projects">
            {projects.map((project) => (
              <Entry key={project.id} value={`${project.name} ${project.id}`} onSelect={go(paths.project(project.id))}>
                <span className="truncate">{project.name}</span>
                <span className="ml-auto text-xs text-text-3">{PROJECT_STATES[project.status].label}</span>
              </Entry>
            ))}
          </Group>
          <Group heading="Actions">
            <Entry value="theme light" onSelect={act(() => setTheme('light'))}>Light theme</Entry>
            <Entry value="theme dark" onSelect={act(() => setTheme('dark'))}>Dark theme</Entry>
            <Entry value="theme system" onSelect={act(() => setTheme('system'))}>Theme of the system</Entry>
          </Group>
        </Command.List>
      </Command>
    </Dialog>
  );
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-text-3"
    >
      {children}
    </Command.Group>
  );
}

function Entry({ value, onSelect, children }: { value: string; onSelect: () => void; children: ReactNode }) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="flex h-9 cursor-pointer items-center gap-3 rounded-md px-3 data-[selected=true]:bg-hover"
    >
      {children}
    </Command.Item>
  );
}
