// The one moment that lets work and spending begin: says exactly what is approved.
import { useNavigate } from '@tanstack/react-router';

import { api } from '@/api/client';
import type { Approval, Plan, Project, Tier } from '@/api/types';
import { useAction } from '@/api/useAction';
import { money, moneyRange, plural } from '@/domain/money';
import type { PlanItem, Served } from '@/domain/plan';
import { waveCount } from '@/domain/plan';
import { limitOf } from '@/domain/project';
import { paths } from '@/paths';
import { Button } from '@/ui/Button';
import { Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Note } from '@/ui/Feedback';

interface ApproveProps {
  project: Project;
  plan: Plan;
  items: readonly PlanItem[];
  served: readonly Served[];
  onClose: () => void;
}

async function approve(plan: Plan, andStart: boolean): Promise<Approval> {
  const base = `/projects/${plan.project_id}`;
  const approval = await api.post<Approval>(`${base}/plans/${plan.id}/approve`);
  if (andStart) await api.post(`${base}/execute`);
  return approval;
}

export function ApproveDialog({ project, plan, items, served, onClose }: ApproveProps) {
  const navigate = useNavigate();
  const send = useAction({
    send: (andStart: boolean) => approve(plan, andStart),
    stale: [['project', project.id], ['plans', project.id], ['tasks', project.id], ['projects'], ['inbox']],
    done: (answer) => `Approved: ${plural(answer.tasks_created, 'task')} in ${plural(answer.total_waves, 'wave')}.`,
    onDone: (_, andStart) => {
      onClose();
      if (andStart) void navigate({ to: paths.projectTab(project.id, 'run') });
    },
  });
  const gaps = served.filter((each) => each.by.length === 0);
  const limit = limitOf(project);
  const total = plan.forecast?.total;
  const isOverLimit = total !== undefined && limit !== null && total.p80_usd > limit;
  return (
    <Dialog
      title={`Approve version ${plan.version}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Not yet</Button>
          <Button isBusy={send.isPending} onClick={() => send.mutate(false)}>
            Approve only
          </Button>
          <Button kind="primary" isBusy={send.isPending} onClick={() => send.mutate(true)}>
            Approve and start
          </Button>
        </>
      }
    >
      <p className="mb-4 text-text-2">
        These {plural(items.length, 'task')} may then run, and nothing else. You can pause at any time.
      </p>
      <Facts
        facts={[
          ['Tasks', `${plural(items.length, 'task')} in ${plural(waveCount(items), 'wave')}`],
          ['Models', tiersOf(items)],
          ['Requirements', `${served.length - gaps.length} of ${served.length} served`],
          ['Will probably cost', total ? `${moneyRange(total.p50_usd, total.p80_usd)} (hardly ever over ${money(total.p95_usd)})` : 'told after approval'],
          ['Can cost at most', limit === null ? 'the server’s daily and monthly limits' : money(limit)],
          ['Tools', toolsOf(items)],
        ]}
      />
      <div className="mt-4 space-y-2">
        {gaps.length > 0 && (
          <Note tone="warn">
            No task serves {gaps.map((gap) => gap.id).join(', ')}. Plan again, or approve knowing that this is left out.
          </Note>
        )}
        {isOverLimit && (
          <Note tone="warn">It may cost more than the limit. Then it pauses and says so; it never spends more.</Note>
        )}
        {plan.requirements_changed && <Note tone="warn">The requirements were changed after this plan was made.</Note>}
        {(plan.plan.open_questions?.length ?? 0) > 0 && (
          <Note>The plan makes assumptions about {plural(plan.plan.open_questions?.length ?? 0, 'open question')}. Approving accepts them.</Note>
        )}
      </div>
    </Dialog>
  );
}

function tiersOf(items: readonly PlanItem[]): string {
  const counts = new Map<Tier, number>();
  for (const item of items) counts.set(item.tier, (counts.get(item.tier) ?? 0) + 1);
  return [...counts].map(([tier, count]) => `${count} × ${tier === 'ollama' ? 'local' : tier}`).join(', ');
}

function toolsOf(items: readonly PlanItem[]): string {
  return [...new Set(items.flatMap((item) => item.tools_needed))].sort().join(', ') || 'none';
}
