// Shows short messages; errors are announced at once, the rest when there is time.
import { CircleAlert, CircleCheck, Info, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';

import { toast, type Toast } from '@/lib/toast';

const ICONS: Record<Toast['kind'], React.ReactNode> = {
  good: <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />,
  bad: <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />,
  info: <Info aria-hidden className="mt-0.5 size-4 shrink-0 text-info" />,
};

export function Toaster() {
  const toasts = useSyncExternalStore(toast.subscribe, toast.snapshot);
  return (
    <div
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 z-50 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2"
    >
      {toasts.map(({ id, kind, text }) => (
        <div
          key={id}
          role={kind === 'bad' ? 'alert' : undefined}
          className="animate-appear pointer-events-auto flex gap-2.5 rounded-lg border border-line bg-surface py-2.5 pr-2 pl-3 text-sm shadow-over"
        >
          {ICONS[kind]}
          <p className="min-w-0 flex-1 whitespace-pre-line">{text}</p>
          <button
            type="button"
            aria-label="Dismiss"
            onClick={() => toast.dismiss(id)}
            className="grid size-6 shrink-0 place-items-center rounded text-text-3 hover:bg-hover"
          >
            <X aria-hidden className="size-3.5" />
          </button>
        </div>
      ))}
    </div>
  );
}
