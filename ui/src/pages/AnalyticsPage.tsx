import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { costBreakdownQuery, efficiencyQuery, outcomesQuery, overviewQuery } from '@/api/queries';
import type { CostBreakdown, Efficiency, TaskOutcomes, UsageOverview } from '@/api/types';
import { useMe } from '@/api/useMe';
import { compactCount, count, money, percent, plural } from '@/domain/money';
import { dayOf, duration } from '@/domain/time';
import { Card, Stat } from '@/ui/Card';
import { Skeleton } from '@/ui/Feedback';
import { Choice } from '@/ui/Field';
import { LazyBarChart } from '@/ui/LazyBarChart';
import { Page } from '@/ui/Page';
import { ShareList } from '@/ui/ShareList';
import { Table } from '@/ui/Table';

import { NotAllowed } from './ErrorPages';

type Days = '7' | '14' | '30' | '90';
const DAYS: readonly Days[] = ['7', '14', '30', '90'];

export default function AnalyticsPage() {
  return useMe().role === 'admin' ? <Analytics /> : <NotAllowed />;
}

function Analytics() {
  const [days, setDays] = useState<Days>('30');
  const overview = useQuery(overviewQuery(Number(days))).data;
  const costs = useQuery(costBreakdownQuery(Number(days))).data;
  const outcomes = useQuery(outcomesQuery()).data;
  const efficiency = useQuery(efficiencyQuery()).data;
  return (
    <Page
      title="Analytics"
      intro="Where money goes, and how well it is spent."
      actions={
        <Choice
          label="Range"
          isLabelHidden
          value={days}
          onChange={setDays}
          options={DAYS.map((value) => ({ value, label: `${value} days` }))}
        />
      }
    >
      <div className="space-y-4">
        {overview ? <Overview overview={overview} /> : <Skeleton className="h-20" />}
        {costs ? <Costs costs={costs} /> : <Skeleton className="h-72" />}
        {overview && <Shares overview={overview} costs={costs} />}
        {outcomes && <Outcomes outcomes={outcomes} />}
        {efficiency && <Efficient efficiency={efficiency} />}
      </div>
    </Page>
  );
}

function Overview({ overview: { summary } }: { overview: UsageOverview }) {
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Stat label="Spent" value={money(summary.total_cost_usd)} />
      <Stat label="Model calls" value={count(summary.total_api_calls)} />
      <Stat label="Tokens" value={compactCount(summary.total_tokens)} />
      <Stat label="Active projects" value={count(summary.active_projects)} />
    </dl>
  );
}

function Costs({ costs }: { costs: CostBreakdown }) {
  return (
    <Card title="Cost by day">
      <LazyBarChart
        label="Cost by day"
        format={money}
        points={costs.daily_trend.map((each) => ({ name: dayOf(each.date), value: each.cost_usd }))}
      />
    </Card>
  );
}

function Shares({ overview, costs }: { overview: UsageOverview; costs: CostBreakdown | undefined }) {
  const nothing = 'Nothing in this range.';
  return (
    <div className="grid items-start gap-4 lg:grid-cols-3">
      <Card title="By purpose" isFlush>
        <ShareList
          empty={nothing}
          rows={overview.by_purpose.map((each) => ({ name: each.purpose.replaceAll('_', ' '), value: each.cost_usd, text: money(each.cost_usd), note: `${percent(each.pct_of_total / 100)} of all, ${plural(each.api_calls, 'call')}` }))}
        />
      </Card>
      <Card title="By model" isFlush>
        <ShareList
          empty={nothing}
          rows={overview.by_model.map((each) => ({ name: each.model, value: each.cost_usd, text: money(each.cost_usd), note: `${each.provider}, ${plural(each.api_calls, 'call')}` }))}
        />
      </Card>
      <Card title="By project" isFlush>
        <ShareList
          empty={nothing}
          rows={(costs?.by_project ?? []).map((each) => ({ name: each.project_name, value: each.cost_usd, text: money(each.cost_usd), note: plural(each.task_count, 'task') }))}
        />
      </Card>
    </div>
  );
}

function Outcomes({ outcomes }: { outcomes: TaskOutcomes }) {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card title="How tasks end" isFlush>
        <Table
          caption="How tasks end, by tier"
          rows={outcomes.by_tier}
          rowKey={(row) => row.model_tier}
          empty="No task has ended yet."
          columns={[
            { name: 'Tier', cell: (row) => row.model_tier },
            { name: 'Tasks', isNumber: true, cell: (row) => count(row.total) },
            { name: 'Completed', isNumber: true, cell: (row) => count(row.completed) },
            { name: 'Failed', isNumber: true, cell: (row) => count(row.failed) },
            { name: 'Needs a person', isNumber: true, cell: (row) => count(row.needs_review) },
            { name: 'Success', isNumber: true, cell: (row) => percent(row.success_rate) },
          ]}
        />
      </Card>
      <Card title="What the verifier says" isFlush>
        <Table
          caption="Verdicts by tier"
          rows={outcomes.verification_by_tier}
          rowKey={(row) => row.model_tier}
          empty="Nothing was verified yet."
          columns={[
            { name: 'Tier', cell: (row) => row.model_tier },
            { name: 'Judged', isNumber: true, cell: (row) => count(row.total_verified) },
            { name: 'Passed', isNumber: true, cell: (row) => count(row.passed) },
            { name: 'Gaps found', isNumber: true, cell: (row) => count(row.gaps_found) },
            { name: 'Needs a person', isNumber: true, cell: (row) => count(row.human_needed) },
            { name: 'Pass rate', isNumber: true, cell: (row) => percent(row.pass_rate) },
          ]}
        />
      </Card>
    </div>
  );
}

function Efficient({ efficiency }: { efficiency: Efficiency }) {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card
        title="Tries and cost by tier"
        aside={
          <span className="text-sm text-text-3">
            {plural(efficiency.checkpoint_count, 'checkpoint')}, {count(efficiency.unresolved_checkpoint_count)} open
          </span>
        }
        isFlush
      >
        <Table
          caption="Retries and cost by tier"
          rows={efficiency.retries_by_tier}
          rowKey={(row) => row.model_tier}
          empty="No task has run yet."
          columns={[
            { name: 'Tier', cell: (row) => row.model_tier },
            { name: 'Tasks', isNumber: true, cell: (row) => count(row.total_tasks) },
            { name: 'Retried', isNumber: true, cell: (row) => percent(row.retry_rate) },
            {
              name: 'Cost per passed task',
              isNumber: true,
              cell: (row) => {
                const cost = efficiency.cost_efficiency.find((each) => each.model_tier === row.model_tier)?.cost_per_pass;
                return cost == null ? '–' : money(cost);
              },
            },
          ]}
        />
      </Card>
      <Card title="How long waves take" isFlush>
        <Table
          caption="Average duration of a task, by wave"
          rows={efficiency.wave_throughput}
          rowKey={(row) => `${row.project_id} ${row.wave}`}
          empty="No wave has finished yet."
          columns={[
            { name: 'Project', className: 'min-w-40', cell: (row) => row.project_name },
            { name: 'Wave', isNumber: true, cell: (row) => row.wave + 1 },
            { name: 'Tasks', isNumber: true, cell: (row) => count(row.task_count) },
            { name: 'Average', isNumber: true, cell: (row) => (row.avg_duration_seconds === null ? '–' : duration(row.avg_duration_seconds)) },
          ]}
        />
      </Card>
    </div>
  );
}
