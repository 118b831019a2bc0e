// What is shown instead of data: nothing yet, on its way, or gone wrong.
import { CircleAlert, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

import { classes } from '@/lib/classes';

interface EmptyStateProps {
  title: string;
  children: ReactNode;
  icon?: ReactNode;
  action?: ReactNode;
  /** The page's own heading, where there is no other. */
  isHeading?: boolean;
}

/** Says what would be here and how it gets here. */
export function EmptyState({ title, children, icon, action, isHeading = false }: EmptyStateProps) {
  const Title = isHeading ? 'h1' : 'p';
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      {icon !== undefined && (
        <div className="mb-3 grid size-11 place-items-center rounded-full bg-sunken text-text-3">{icon}</div>
      )}
      <Title className="font-semibold">{title}</Title>
      <div className="mt-1 max-w-md text-sm text-text-2">{children}</div>
      {action !== undefined && <div className="mt-4">{action}</div>}
    </div>
  );
}

type NoteTone = 'info' | 'warn' | 'bad';

const NOTES: Record<NoteTone, string> = {
  info: 'border-line bg-sunken text-text-2',
  warn: 'border-transparent bg-warn-soft text-warn',
  bad: 'border-transparent bg-bad-soft text-bad',
};

export function Note({ tone = 'info', children, className }: { tone?: NoteTone; children: ReactNode; className?: string }) {
  const Icon = tone === 'info' ? CircleAlert : TriangleAlert;
  return (
    <div
      role={tone === 'bad' ? 'alert' : undefined}
      className={classes('flex gap-2 rounded-md border px-3 py-2 text-sm whitespace-pre-line', NOTES[tone], className)}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1">{children}</div>
    </div>
  );
}

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={classes('animate-breathe rounded-md bg-sunken', className)} />;
}

/** Keeps the place of a page while it loads, so that nothing jumps. */
export function PageSkeleton() {
  return (
    <div role="status" aria-label="Loading" className="mx-auto max-w-6xl space-y-4 p-4 sm:p-6">
      <Skeleton className="h-7 w-56" />
      <Skeleton className="h-24" />
      <Skeleton className="h-64" />
    </div>
  );
}

export function Meter({
  label,
  share,
  tone,
  className,
}: {
  label: string;
  /** 0 to 1. */
  share: number;
  tone: 'info' | 'warn' | 'bad' | 'good';
  className?: string;
}) {
  const FILL = { info: 'bg-accent', warn: 'bg-warn-fill', bad: 'bg-bad-fill', good: 'bg-good-fill' };
  const percent = Math.round(share * 100);
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className={classes('h-1.5 overflow-hidden rounded-full bg-hover', className)}
    >
      <div className={classes('h-full rounded-full transition-[width]', FILL[tone])} style={{ width: `${percent}%` }} />
    </div>
  );
}
