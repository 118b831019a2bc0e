// How far a project is: completed, running and failed parts of all tasks.
import type { Progress as Shares } from '@/domain/project';
import { count } from '@/domain/money';

export function Progress({ progress }: { progress: Shares }) {
  const { total, completed, running, failed } = progress;
  if (total === 0) return <span className="text-sm text-text-3">No tasks yet</span>;
  const share = (part: number) => ({ width: `${(part / total) * 100}%` });
  return (
    <div className="min-w-0">
      <p className="flex justify-between gap-3 text-sm whitespace-nowrap tabular-nums">
        <span>
          <span className="font-medium">{count(completed)}</span>
          <span className="text-text-3"> of {count(total)}</span>
        </span>
        <span className="min-w-0 truncate text-text-3">
          {failed > 0 && <span className="text-bad">{count(failed)} failed </span>}
          {running > 0 && `${count(running)} running`}
        </span>
      </p>
      <div
        role="img"
        aria-label={`${completed} of ${total} tasks completed, ${running} running, ${failed} failed`}
        className="mt-1 flex h-1.5 overflow-hidden rounded-full bg-hover"
      >
        <div className="bg-good-fill transition-[width]" style={share(completed)} />
        <div className="bg-progress-fill transition-[width]" style={share(running)} />
        <div className="bg-bad-fill transition-[width]" style={share(failed)} />
      </div>
    </div>
  );
}
