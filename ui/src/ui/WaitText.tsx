// What a task waits for, since when, and until when where that is known.
import { Hourglass } from 'lucide-react';

import type { Waiting } from '@/api/types';
import { WAIT_REASONS } from '@/domain/task';
import { roughly } from '@/domain/time';
import { useNow } from '@/lib/useNow';

export function WaitText({ wait }: { wait: Waiting }) {
  const now = useNow();
  const reason = WAIT_REASONS[wait.reason];
  const left = wait.wake_at == null ? null : wait.wake_at - now;
  return (
    <span title={reason.meaning} className="inline-flex items-center gap-1 text-text-2">
      <Hourglass aria-hidden className="size-3 shrink-0 text-text-3" />
      <span>
        waits for {reason.label}
        <span className="text-text-3">
          {left !== null && left > 0 ? `, ${roughly(left)} left` : `, ${roughly(now - wait.since)}`}
        </span>
      </span>
    </span>
  );
}
