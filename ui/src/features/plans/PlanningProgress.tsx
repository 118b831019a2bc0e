// While a plan is being made: that it goes on, since when, and what the model writes.
import { Sparkles } from 'lucide-react';

import { duration } from '@/domain/time';
import { useNow } from '@/lib/useNow';
import { Card } from '@/ui/Card';

export function PlanningProgress({ since, text }: { since: number; text: string }) {
  const now = useNow();
  return (
    <Card
      title={
        <span className="flex items-center gap-2">
          <Sparkles aria-hidden className="animate-breathe size-4 text-accent-text" />
          Planning
        </span>
      }
      aside={<span className="text-sm text-text-3 tabular-nums">{duration(Math.max(0, now - since))}</span>}
    >
      <p className="text-text-2">
        A model reads the requirements and writes the plan. This takes from some seconds to a few minutes. You can leave
        this page; nothing is lost.
      </p>
      {text !== '' && (
        <pre
          aria-live="off"
          tabIndex={0}
          aria-label="What the model writes"
          className="mt-3 max-h-72 overflow-y-auto rounded-md border border-line bg-sunken p-3 font-mono text-xs whitespace-pre-wrap text-text-2"
        >
          {text}
        </pre>
      )}
    </Card>
  );
}
