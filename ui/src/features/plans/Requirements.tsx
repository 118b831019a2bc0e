// The requirements with what serves each of them. Choosing one points its tasks out.
import { CircleCheck, CircleDashed } from 'lucide-react';

import type { Served } from '@/domain/plan';
import { plural } from '@/domain/money';
import { classes } from '@/lib/classes';

interface RequirementsProps {
  served: readonly Served[];
  chosen: string | null;
  onChoose: (id: string | null) => void;
}

export function Requirements({ served, chosen, onChoose }: RequirementsProps) {
  return (
    <ul className="divide-y divide-line">
      {served.map((requirement) => {
        const isChosen = requirement.id === chosen;
        const isGap = requirement.by.length === 0;
        return (
          <li key={requirement.id}>
            <button
              type="button"
              aria-pressed={isChosen}
              onClick={() => onChoose(isChosen ? null : requirement.id)}
              className={classes(
                'flex w-full gap-2.5 px-4 py-2.5 text-left text-sm hover:bg-sunken focus-visible:outline-offset-[-2px]',
                isChosen && 'bg-accent-soft hover:bg-accent-soft',
              )}
            >
              <span className="mt-px h-5 w-9 shrink-0 rounded bg-sunken text-center font-mono text-xs leading-5 font-medium text-text-2">
                {requirement.id}
              </span>
              <span className="min-w-0 flex-1">
                <span className={classes('block break-words whitespace-pre-wrap', !isChosen && 'line-clamp-3')}>
                  {requirement.text}
                </span>
                <span className={classes('mt-1 flex items-center gap-1 text-xs', isGap ? 'text-warn' : 'text-text-3')}>
                  {isGap ? (
                    <CircleDashed aria-hidden className="size-3" />
                  ) : (
                    <CircleCheck aria-hidden className="size-3 text-good" />
                  )}
                  {isGap ? 'No task serves this' : `Served by ${plural(requirement.by.length, 'task')}`}
                </span>
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}
