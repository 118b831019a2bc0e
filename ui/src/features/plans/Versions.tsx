// All versions of the plan, newest first, and what differs between two.
import type { Plan } from '@/api/types';
import { money } from '@/domain/money';
import { comparePlans, type PlanChange } from '@/domain/plan';
import type { Tone } from '@/domain/task';
import { Badge } from '@/ui/Badge';
import { Dialog } from '@/ui/Dialog';
import { EmptyState } from '@/ui/Feedback';

const KINDS: Record<PlanChange['kind'], { label: string; tone: Tone }> = {
  added: { label: 'new', tone: 'good' },
  removed: { label: 'gone', tone: 'bad' },
  changed: { label: 'changed', tone: 'info' },
};

export function CompareDialog({ before, after, onClose }: { before: Plan; after: Plan; onClose: () => void }) {
  const changes = comparePlans(before.plan, after.plan);
  return (
    <Dialog title={`Version ${before.version} → ${after.version}`} onClose={onClose}>
      <p className="text-sm text-text-2">
        Version {before.version} cost {money(before.cost_usd)} to plan, version {after.version} {money(after.cost_usd)}.
      </p>
      {changes.length === 0 ? (
        <EmptyState title="No task differs">Summary, questions or risks may.</EmptyState>
      ) : (
        <ul className="mt-3 divide-y divide-line">
          {changes.map((change) => (
            <li key={`${change.kind}${change.title}`} className="flex items-baseline gap-3 py-2 text-sm">
              <span className="w-16 shrink-0">
                <Badge tone={KINDS[change.kind].tone}>{KINDS[change.kind].label}</Badge>
              </span>
              <span className="min-w-0 flex-1">
                {change.title}
                {change.fields.length > 0 && <span className="block text-text-3">{change.fields.join(', ')}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
