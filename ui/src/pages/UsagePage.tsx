import { useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { budgetQuery, usageByProjectQuery, usageDailyQuery, usageSummaryQuery } from '@/api/queries';
import type { BudgetStatus, ProjectUsage, UsageSummary } from '@/api/types';
import { compactCount, count, meterTone, money, percent, plural, shareOf } from '@/domain/money';
import { dayOf } from '@/domain/time';
import { useMe } from '@/api/useMe';
import { paths } from '@/paths';
import { Card, Stat } from '@/ui/Card';
import { Meter, Note, Skeleton } from '@/ui/Feedback';
import { Choice } from '@/ui/Field';
import { LazyBarChart } from '@/ui/LazyBarChart';
import { Page } from '@/ui/Page';
import { ShareList } from '@/ui/ShareList';
import { type Column, Table } from '@/ui/Table';

const COLUMNS: readonly Column<ProjectUsage>[] = [
  {
    name: 'Project',
    className: 'min-w-52',
    cell: (row) => (
      <Link to={paths.project(row.project_id)} className="font-medium underline-offset-2 hover:underline">
        {row.project_name}
      </Link>
    ),
  },
  { name: 'Cost', isNumber: true, cell: (row) => money(row.cost_usd) },
  { name: 'Calls', isNumber: true, cell: (row) => count(row.api_calls) },
  { name: 'Tokens in', isNumber: true, cell: (row) => compactCount(row.prompt_tokens) },
  { name: 'Tokens out', isNumber: true, cell: (row) => compactCount(row.completion_tokens) },
];

export default function UsagePage() {
  const isAdmin = useMe().role === 'admin';
  const byProject = useSuspenseQuery(usageByProjectQuery()).data;
  return (
    <Page title="Usage" intro={isAdmin ? 'What models cost on this server, and what is left of the limits.' : 'What your projects have cost.'}>
      <div className="space-y-4">
        {isAdmin ? (
          <ServerUsage />
        ) : (
          <>
            <OwnTotals rows={byProject} />
            <Note>Limits and the use of the whole server are shown to administrators.</Note>
          </>
        )}
        <Card title="By project" isFlush>
          <Table
            caption="Usage by project"
            columns={COLUMNS}
            rows={byProject}
            rowKey={(row) => row.project_id}
            empty="Nothing was spent yet. Costs appear with the first plan."
          />
        </Card>
      </div>
    </Page>
  );
}

function OwnTotals({ rows }: { rows: readonly ProjectUsage[] }) {
  const sum = (of: (row: ProjectUsage) => number) => rows.reduce((total, row) => total + of(row), 0);
  return (
    <dl className="grid gap-3 sm:grid-cols-3">
      <Stat label="Spent" value={money(sum((row) => row.cost_usd))} />
      <Stat label="Model calls" value={count(sum((row) => row.api_calls))} />
      <Stat label="Tokens" value={compactCount(sum((row) => row.prompt_tokens + row.completion_tokens))} />
    </dl>
  );
}

type Days = '14' | '30' | '90';

function ServerUsage() {
  const [days, setDays] = useState<Days>('14');
  const budget = useQuery(budgetQuery()).data;
  const summary = useQuery(usageSummaryQuery()).data;
  const daily = useQuery(usageDailyQuery(Number(days))).data;
  return (
    <>
      <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
        {budget === undefined ? <Skeleton className="h-24 sm:col-span-2" /> : budget && <Limits budget={budget} />}
        <dl className="contents">
          <Stat label="Model calls" value={summary ? count(summary.api_call_count) : '…'} note="in all" />
          <Stat
            label="Tokens"
            value={summary ? compactCount(summary.total_prompt_tokens + summary.total_completion_tokens) : '…'}
            note={summary ? `${compactCount(summary.total_completion_tokens)} of them written` : ''}
          />
        </dl>
      </div>
      <Card
        title="Cost by day"
        aside={
          <Choice
            label="Days"
            isLabelHidden
            size="sm"
            value={days}
            onChange={setDays}
            options={[
              { value: '14', label: '14 days' },
              { value: '30', label: '30 days' },
              { value: '90', label: '90 days' },
            ]}
          />
        }
      >
        {daily === undefined ? (
          <Skeleton className="h-52" />
        ) : (
          <LazyBarChart
            label="Cost by day"
            format={money}
            points={(daily ?? []).map((each) => ({ name: dayOf(each.date), value: each.cost_usd }))}
          />
        )}
      </Card>
      {summary && <ByModel summary={summary} />}
    </>
  );
}

function Limits({ budget }: { budget: BudgetStatus }) {
  const limits = [
    ['Today', budget.daily_spent_usd, budget.daily_limit_usd],
    ['This month', budget.monthly_spent_usd, budget.monthly_limit_usd],
  ] as const;
  return limits.map(([name, spent, limit]) => {
    const share = shareOf(spent, limit);
    return (
      <div key={name} className="card px-4 py-3">
        <p className="label">{name}</p>
        <p className="mt-0.5 text-xl font-semibold tracking-tight tabular-nums">{money(spent)}</p>
        <p className="text-sm text-text-3">
          {share === null ? 'no limit' : `of ${money(limit)}, ${percent(share)} used`}
        </p>
        {share !== null && <Meter label={`${name}: share of the limit`} share={share} tone={meterTone(share)} className="mt-2" />}
      </div>
    );
  });
}

function ByModel({ summary }: { summary: UsageSummary }) {
  const models = Object.entries(summary.by_model).sort(([, a], [, b]) => b.cost_usd - a.cost_usd);
  const providers = Object.entries(summary.by_provider).sort(([, a], [, b]) => b.cost_usd - a.cost_usd);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card title="By model" isFlush>
        <ShareList
          empty="No model was called yet."
          rows={models.map(([name, use]) => ({
            name,
            value: use.cost_usd,
            text: money(use.cost_usd),
            note: `${plural(use.calls, 'call')}, ${compactCount(use.prompt_tokens)} tokens in, ${compactCount(use.completion_tokens)} out`,
          }))}
        />
      </Card>
      <Card title="By provider" isFlush>
        <ShareList
          empty="No provider was called yet."
          rows={providers.map(([name, use]) => ({ name, value: use.cost_usd, text: money(use.cost_usd), note: plural(use.calls, 'call') }))}
        />
      </Card>
    </div>
  );
}
