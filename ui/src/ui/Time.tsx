// An instant as people say it, with the exact time on hover.
import { ago, fullTime } from '@/domain/time';
import { useNow } from '@/lib/useNow';

export function Time({ at, className }: { at: number; className?: string }) {
  const now = useNow(10);
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={fullTime(at)} className={className}>
      {ago(at, now)}
    </time>
  );
}
