// One task of a plan, all of it.
import { X } from 'lucide-react';

import type { Spread } from '@/api/types';
import { moneyRange } from '@/domain/money';
import type { PlanItem } from '@/domain/plan';
import { IconButton } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { LazyMarkdown } from '@/ui/LazyMarkdown';
import { TierBadge } from '@/ui/TierBadge';

interface PanelProps {
  item: PlanItem;
  items: readonly PlanItem[];
  spread: Spread | undefined;
  onSelect: (id: string | null) => void;
}

export function PlanTaskPanel({ item, items, spread, onSelect }: PanelProps) {
  const dependents = items.filter((each) => each.depends_on.includes(item.index));
  const links = (found: readonly PlanItem[]) =>
    found.length === 0 ? (
      'nothing'
    ) : (
      <span className="flex flex-col items-end gap-0.5">
        {found.map((each) => (
          <button
            key={each.index}
            type="button"
            className="text-right text-accent-text underline-offset-2 hover:underline"
            onClick={() => onSelect(String(each.index))}
          >
            {each.title}
          </button>
        ))}
      </span>
    );
  return (
    <Card
      title={`${item.index + 1}. ${item.title}`}
      aside={<IconButton label="Close" icon={<X aria-hidden className="size-4" />} onClick={() => onSelect(null)} />}
    >
      <div className="grid gap-6 md:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)]">
        <div className="space-y-4">
          <LazyMarkdown text={item.description} />
          {item.verification_criteria !== '' && (
            <div>
              <p className="label">Done when</p>
              <p>{item.verification_criteria}</p>
            </div>
          )}
        </div>
        <Facts
          facts={[
            ['Kind', `${item.task_type}, ${item.complexity}`],
            ['Model tier', <TierBadge key="tier" tier={item.tier} />],
            ['Wave', item.wave + 1],
            ['Phase', item.phase ?? '–'],
            ['Serves', item.requirement_ids.join(', ') || 'no requirement'],
            ['Probably costs', spread ? moneyRange(spread.p50_usd, spread.p80_usd) : 'not known'],
            ['Needs', links(item.depends_on.flatMap((index) => items[index] ?? []))],
            ['Needed by', links(dependents)],
            ['Tools', item.tools_needed.join(', ') || 'none'],
            ['Files', item.affected_files.join(', ') || '–'],
          ]}
        />
      </div>
    </Card>
  );
}
