import { useSuspenseQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { CircleCheck, GitCompare, ListTree, Network, Sparkles } from 'lucide-react';
import { useState } from 'react';

import { plansQuery, projectQuery } from '@/api/queries';
import type { Plan, PlanState, Project } from '@/api/types';
import { useStream } from '@/api/useStream';
import { count, money, moneyRange, plural } from '@/domain/money';
import { coverageOf, planItems, waveCount } from '@/domain/plan';
import { projectCan } from '@/domain/project';
import { splitRequirements } from '@/domain/requirement';
import type { Tone } from '@/domain/task';
import { ApproveDialog } from '@/features/plans/ApproveDialog';
import { PlanGraph } from '@/features/plans/PlanGraph';
import { PlanningProgress } from '@/features/plans/PlanningProgress';
import { PlanNotes } from '@/features/plans/PlanNotes';
import { PlanTable } from '@/features/plans/PlanTable';
import { PlanTaskPanel } from '@/features/plans/PlanTaskPanel';
import { Requirements } from '@/features/plans/Requirements';
import { CompareDialog } from '@/features/plans/Versions';
import { usePlanning } from '@/features/projects/ProjectActions';
import { useStored } from '@/lib/useStored';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { EmptyState, Note } from '@/ui/Feedback';
import { Choice, SelectField } from '@/ui/Field';
import { Time } from '@/ui/Time';

const PLAN_STATES: Record<PlanState, { label: string; tone: Tone }> = {
  draft: { label: 'Draft, not approved', tone: 'warn' },
  approved: { label: 'Approved', tone: 'good' },
  superseded: { label: 'Superseded', tone: 'muted' },
};

export default function PlanPage() {
  const { id } = useParams({ from: '/signed-in/project/$id/plan' });
  const project = useSuspenseQuery(projectQuery(id)).data;
  const plans = useSuspenseQuery(plansQuery(id)).data;
  const text = useStream(id, (stream) => stream.texts.plan);
  const failure = useStream(id, (stream) => stream.events.findLast((event) => event.type.startsWith('plan_')));
  const [version, setVersion] = useState<number | null>(null);
  const shown = plans.find((plan) => plan.version === version) ?? plans[0];

  return (
    <div className="mx-auto w-full max-w-[100rem] space-y-4 p-4 sm:p-6">
      {project.status === 'planning' && (
        <PlanningProgress since={project.updated_at} text={text ?? ''} />
      )}
      {failure?.type === 'plan_failed' && project.status === 'draft' && <Note tone="bad">{failure.message}</Note>}
      {shown ? (
        <PlanReview key={shown.id} project={project} plan={shown} plans={plans} onVersion={setVersion} />
      ) : (
        project.status !== 'planning' && <NoPlan project={project} />
      )}
    </div>
  );
}

function NoPlan({ project }: { project: Project }) {
  const planning = usePlanning(project.id);
  const served = coverageOf(splitRequirements(project.requirements), []);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,22rem)_minmax(0,1fr)]">
      <Card title={`Requirements (${served.length})`} isFlush>
        <Requirements served={served} chosen={null} onChoose={() => undefined} />
      </Card>
      <div className="card">
        <EmptyState
          title="No plan yet"
          icon={<Sparkles aria-hidden className="size-5" />}
          action={
            <Button kind="primary" isBusy={planning.isPending} onClick={() => planning.mutate()}>
              Propose a plan
            </Button>
          }
        >
          A model breaks the requirements into tasks: what depends on what, which requirement each task serves, and what it
          will probably cost. You read it, and nothing runs before you approve it.
        </EmptyState>
      </div>
    </div>
  );
}

interface ReviewProps {
  project: Project;
  plan: Plan;
  plans: readonly Plan[];
  onVersion: (version: number) => void;
}

function PlanReview({ project, plan, plans, onVersion }: ReviewProps) {
  const [view, setView] = useStored('orch_plan_view', ['graph', 'table'], 'graph');
  const [chosen, setChosen] = useState<string | null>(null);
  const [selected, setSelected] = useState<string | null>(null);
  const [dialog, setDialog] = useState<'approve' | 'compare' | null>(null);

  const items = planItems(plan.plan);
  const served = coverageOf(splitRequirements(project.requirements), items);
  const gaps = served.filter((each) => each.by.length === 0).length;
  const marked = chosen === null ? null : new Set(served.find((each) => each.id === chosen)?.by.map(String));
  const item = selected === null ? undefined : items[Number(selected)];
  const older = plans.find((each) => each.version === plan.version - 1);
  const total = plan.forecast?.total;
  return (
    <>
      <section aria-label="About this plan" className="card flex flex-wrap items-center gap-x-5 gap-y-3 px-4 py-3">
        <div className="min-w-64 flex-1">
          <div className="flex flex-wrap items-center gap-2">
            <Badge tone={PLAN_STATES[plan.status].tone}>{PLAN_STATES[plan.status].label}</Badge>
            <span className="text-sm text-text-3">
              {plan.model_used}, <Time at={plan.created_at} />, planning cost {money(plan.cost_usd)}
            </span>
          </div>
          <p className="mt-1.5">{plan.plan.summary}</p>
        </div>
        <dl className="flex flex-wrap gap-x-5 gap-y-2 text-sm tabular-nums">
          <Figure name="Tasks" value={`${count(items.length)} in ${plural(waveCount(items), 'wave')}`} />
          <Figure name="Covered" value={`${served.length - gaps} of ${served.length}`} tone={gaps > 0 ? 'text-warn' : ''} />
          {total && <Figure name={plan.forecast?.from_history ? 'Forecast' : 'Forecast, by defaults'} value={moneyRange(total.p50_usd, total.p80_usd)} />}
        </dl>
        <div className="flex flex-wrap items-center gap-2">
          {plans.length > 1 && (
            <SelectField
              label="Version"
              isLabelHidden
              value={plan.version}
              onChange={(event) => onVersion(Number(event.target.value))}
            >
              {plans.map((each) => (
                <option key={each.id} value={each.version}>
                  Version {each.version} · {PLAN_STATES[each.status].label.split(',')[0]?.toLowerCase()}
                </option>
              ))}
            </SelectField>
          )}
          {older && (
            <Button icon={<GitCompare aria-hidden className="size-4" />} onClick={() => setDialog('compare')}>
              Compare
            </Button>
          )}
          {plan.status === 'draft' && (
            <Button
              kind="primary"
              icon={<CircleCheck aria-hidden className="size-4" />}
              whyNot={approvalProblem(project, items.length)}
              onClick={() => setDialog('approve')}
            >
              Approve version {plan.version}
            </Button>
          )}
        </div>
      </section>
      {plan.requirements_changed && (
        <Note tone="warn">The requirements were changed after this plan was made. Plan again to include the change.</Note>
      )}
      <div className="grid items-start gap-4 xl:grid-cols-[20rem_minmax(0,1fr)]">
        <Card
          title="Requirements"
          aside={<span className={gaps > 0 ? 'text-sm text-warn' : 'text-sm text-text-3'}>{gaps > 0 ? plural(gaps, 'gap') : 'all served'}</span>}
          isFlush
        >
          <div className="max-h-[30rem] overflow-y-auto" tabIndex={0} role="region" aria-label="Requirements and coverage">
            <Requirements served={served} chosen={chosen} onChoose={setChosen} />
          </div>
        </Card>
        <Card
          title="Tasks"
          aside={
            <Choice
              label="View"
              isLabelHidden
              size="sm"
              value={view}
              onChange={setView}
              options={[
                { value: 'graph', label: 'Graph', icon: <Network aria-hidden className="size-3.5" /> },
                { value: 'table', label: 'Table', icon: <ListTree aria-hidden className="size-3.5" /> },
              ]}
            />
          }
          isFlush
        >
          {view === 'graph' ? (
            <div className="h-[30rem] max-h-[70dvh]">
              <PlanGraph items={items} marked={marked} selected={selected} onSelect={setSelected} />
            </div>
          ) : (
            <PlanTable items={items} spreads={plan.forecast?.tasks ?? null} marked={marked} selected={selected} onSelect={setSelected} />
          )}
        </Card>
      </div>
      {item && <PlanTaskPanel item={item} items={items} spread={plan.forecast?.tasks[item.index]} onSelect={setSelected} />}
      <PlanNotes plan={plan.plan} />
      {dialog === 'approve' && (
        <ApproveDialog project={project} plan={plan} items={items} served={served} onClose={() => setDialog(null)} />
      )}
      {dialog === 'compare' && older && <CompareDialog before={older} after={plan} onClose={() => setDialog(null)} />}
    </>
  );
}

function Figure({ name, value, tone = '' }: { name: string; value: string; tone?: string }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className={`font-medium ${tone}`}>{value}</dd>
    </div>
  );
}

function approvalProblem(project: Project, tasks: number): string | null {
  if (tasks === 0) return 'The plan has no tasks.';
  if (!projectCan('approve', project.status)) return `A plan cannot be approved while the project is ${project.status}.`;
  return null;
}
