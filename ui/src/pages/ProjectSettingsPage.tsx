import { useSuspenseQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';

import { api } from '@/api/client';
import { projectQuery } from '@/api/queries';
import type { Project, ProjectPatch } from '@/api/types';
import { useAction } from '@/api/useAction';
import { limitOf, RIGORS } from '@/domain/project';
import { isBlank } from '@/domain/requirement';
import { RequirementsEditor } from '@/features/projects/RequirementsEditor';
import { DispatchField, LimitField, parseLimit, RigorField } from '@/features/projects/SettingsFields';
import { paths } from '@/paths';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { TextField } from '@/ui/Field';

export default function ProjectSettingsPage() {
  const { id } = useParams({ from: '/signed-in/project/$id/settings' });
  const project = useSuspenseQuery(projectQuery(id)).data;
  return (
    <div className="mx-auto w-full max-w-5xl space-y-4 p-4 sm:p-6">
      <Settings key={project.id} project={project} />
      <Copies project={project} />
      <Deletion project={project} />
    </div>
  );
}

function Settings({ project }: { project: Project }) {
  const [name, setName] = useState(project.name);
  const [requirements, setRequirements] = useState(project.requirements);
  const [rigor, setRigor] = useState(project.planning_rigor);
  const [limit, setLimit] = useState(limitOf(project)?.toString() ?? '');
  const [dispatch, setDispatch] = useState(project.config.dispatch ?? 'wave');
  const save = useAction({
    send: (patch: ProjectPatch) => api.patch(`/projects/${project.id}`, patch),
    stale: [['project', project.id], ['projects'], ['plans', project.id], ['coverage', project.id]],
    done: 'Saved.',
  });
  const limitUsd = parseLimit(limit);
  const whyNot =
    name.trim() === ''
      ? 'A project needs a name.'
      : isBlank(requirements)
        ? 'A project needs requirements.'
        : limitUsd === undefined
          ? 'The limit is not an amount of money.'
          : null;
  const { budget_limit_usd: _, ...config } = project.config;
  return (
    <Card title="Project">
      <form
        className="space-y-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (whyNot !== null) return;
          save.mutate({
            name: name.trim(),
            planning_rigor: rigor,
            // The server replaces the whole object, so all of it is sent.
            config: { ...config, dispatch, ...(typeof limitUsd === 'number' && { budget_limit_usd: limitUsd }) },
            ...(requirements !== project.requirements && { requirements }),
          });
        }}
      >
        <TextField label="Name" value={name} maxLength={200} required onChange={(event) => setName(event.target.value)} />
        <div className="grid gap-5 sm:grid-cols-3">
          <RigorField value={rigor} onChange={setRigor} hint={RIGORS[rigor].meaning} />
          <LimitField value={limit} onChange={setLimit} />
          <DispatchField value={dispatch} onChange={setDispatch} />
        </div>
        <RequirementsEditor value={requirements} onChange={setRequirements} />
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" kind="primary" whyNot={whyNot} isBusy={save.isPending}>
            Save
          </Button>
          <p className="text-sm text-text-3">Changed requirements take effect with the next plan.</p>
        </div>
      </form>
    </Card>
  );
}

function Copies({ project }: { project: Project }) {
  const navigate = useNavigate();
  const clone = useAction({
    send: () => api.post<Project>(`/projects/${project.id}/clone`),
    stale: [['projects']],
    done: 'Here is the copy.',
    onDone: (copy) => void navigate({ to: paths.project(copy.id) }),
  });
  const save = useAction({
    send: () => api.get<unknown>(`/projects/${project.id}/export`),
    onDone: (content) => {
      const address = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: 'application/json' }));
      const link = document.createElement('a');
      link.href = address;
      link.download = `project_${project.id}.json`;
      link.click();
      URL.revokeObjectURL(address);
    },
  });
  return (
    <Card title="Copy and keep">
      <div className="flex flex-wrap gap-2">
        <Button isBusy={clone.isPending} onClick={() => clone.mutate()}>
          Clone as a draft
        </Button>
        <Button isBusy={save.isPending} onClick={() => save.mutate()}>
          Export as JSON
        </Button>
      </div>
      <p className="mt-2 text-sm text-text-3">The export holds plans, tasks, outputs, events and costs.</p>
    </Card>
  );
}

function Deletion({ project }: { project: Project }) {
  const navigate = useNavigate();
  const [isAsking, setIsAsking] = useState(false);
  const remove = useAction({
    send: () => api.delete(`/projects/${project.id}`),
    stale: [['projects'], ['inbox']],
    done: 'The project is deleted. What it cost stays in the books.',
    onDone: () => void navigate({ to: paths.projects() }),
  });
  return (
    <Card title="Delete">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-text-2">Plans, tasks and outputs are gone for good. What it cost stays in the books.</p>
        <Button kind="danger" onClick={() => setIsAsking(true)}>
          Delete the project
        </Button>
      </div>
      {isAsking && (
        <Dialog
          title="Delete this project?"
          size="sm"
          onClose={() => setIsAsking(false)}
          actions={
            <>
              <Button onClick={() => setIsAsking(false)}>Keep it</Button>
              <Button kind="danger" isBusy={remove.isPending} onClick={() => remove.mutate()}>
                Delete for good
              </Button>
            </>
          }
        >
          <p>“{project.name}” and everything in it is deleted. This cannot be undone.</p>
        </Dialog>
      )}
    </Card>
  );
}
