// What was spent of what is allowed.
import { meterTone, money, shareOf } from '@/domain/money';

import { Meter } from './Feedback';

export function MoneyMeter({ spent, limit, label = 'Spent' }: { spent: number; limit: number | null; label?: string }) {
  const share = shareOf(spent, limit);
  return (
    <div className="min-w-0">
      <p className="flex justify-between gap-3 text-sm whitespace-nowrap tabular-nums">
        <span className="font-medium">{money(spent)}</span>
        <span className="min-w-0 truncate text-text-3">{limit === null ? 'no limit' : `of ${money(limit)}`}</span>
      </p>
      {share !== null && <Meter label={`${label} of the limit`} share={share} tone={meterTone(share)} className="mt-1" />}
    </div>
  );
}
