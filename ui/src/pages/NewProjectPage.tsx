import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { api } from '@/api/client';
import { errorText } from '@/api/error';
import type { Dispatch, NewProject, Project, Rigor } from '@/api/types';
import { useAction } from '@/api/useAction';
import { EXAMPLES } from '@/domain/examples';
import { RIGORS } from '@/domain/project';
import { isBlank, REQUIREMENTS_MAX_CHARS } from '@/domain/requirement';
import { RequirementsEditor } from '@/features/projects/RequirementsEditor';
import { DispatchField, LimitField, parseLimit, RigorField } from '@/features/projects/SettingsFields';
import { paths } from '@/paths';
import { Button } from '@/ui/Button';
import { Note } from '@/ui/Feedback';
import { TextField } from '@/ui/Field';
import { Page } from '@/ui/Page';

type After = 'plan' | 'save';

async function create({ project, after }: { project: NewProject; after: After }): Promise<Project> {
  const made = await api.post<Project>('/projects', project);
  // The project is there even when planning is refused; its page then says why.
  if (after === 'plan') await api.post(`/projects/${made.id}/plan`, {}, { Prefer: 'respond-async' }).catch(() => null);
  return made;
}

export default function NewProjectPage() {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [requirements, setRequirements] = useState('');
  const [rigor, setRigor] = useState<Rigor>('L2');
  const [limit, setLimit] = useState('');
  const [dispatch, setDispatch] = useState<Dispatch>('wave');
  const submit = useAction({
    send: create,
    stale: [['projects']],
    isErrorShown: true,
    onDone: (project) => void navigate({ to: paths.projectTab(project.id, 'plan') }),
  });

  const limitUsd = parseLimit(limit);
  const whyNot = whatIsMissing(name, requirements, limitUsd);
  const send = (after: After) =>
    submit.mutate({
      after,
      project: {
        name: name.trim(),
        requirements,
        planning_rigor: rigor,
        config: { dispatch, ...(typeof limitUsd === 'number' && { budget_limit_usd: limitUsd }) },
      },
    });
  return (
    <Page title="New project" intro="Write down what you want. A model turns it into a plan, and nothing runs before you approve it.">
      <form
        className="space-y-6"
        onSubmit={(event) => {
          event.preventDefault();
          if (whyNot === null) send('plan');
        }}
      >
        <TextField
          label="Name"
          value={name}
          onChange={(event) => setName(event.target.value)}
          maxLength={200}
          required
          autoFocus
          className="max-w-xl"
          placeholder="What the project is called"
        />
        <div>
          <div className="mb-3 flex flex-wrap items-center gap-1.5 text-sm text-text-3">
            Start from an example:
            {EXAMPLES.map((example) => (
              <Button
                key={example.name}
                size="sm"
                onClick={() => {
                  setRequirements(example.text);
                  if (name === '') setName(example.name);
                }}
              >
                {example.name}
              </Button>
            ))}
          </div>
          <RequirementsEditor value={requirements} onChange={setRequirements} />
        </div>
        <div className="grid gap-5 sm:grid-cols-2 lg:grid-cols-3">
          <RigorField value={rigor} onChange={setRigor} hint={RIGORS[rigor].meaning} />
          <LimitField value={limit} onChange={setLimit} />
          <DispatchField value={dispatch} onChange={setDispatch} />
        </div>
        {submit.isError && <Note tone="bad">{errorText(submit.error)}</Note>}
        <div className="flex flex-wrap items-center gap-2 border-t border-line pt-4">
          <Button type="submit" kind="primary" size="lg" whyNot={whyNot} isBusy={submit.isPending}>
            Create and plan
          </Button>
          <Button size="lg" whyNot={whyNot} onClick={() => send('save')}>
            Save for later
          </Button>
          <p className="text-sm text-text-3">Planning asks a model once and costs a few cents at most. It starts no work.</p>
        </div>
      </form>
    </Page>
  );
}

function whatIsMissing(name: string, requirements: string, limit: number | null | undefined): string | null {
  if (name.trim() === '') return 'Give the project a name first.';
  if (isBlank(requirements)) return 'Write down what you want first.';
  if ([...requirements].length > REQUIREMENTS_MAX_CHARS) return 'The requirements are too long.';
  if (limit === undefined) return 'The limit is not an amount of money.';
  return null;
}
