// The frame of an ordinary page: heading, actions, content.
import type { ReactNode } from 'react';

import { classes } from '@/lib/classes';

interface PageProps {
  title: string;
  intro?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  width?: 'md' | 'lg';
}

export function Page({ title, intro, actions, children, width = 'lg' }: PageProps) {
  return (
    <div className={classes('mx-auto w-full p-4 sm:p-6', width === 'lg' ? 'max-w-6xl' : 'max-w-3xl')}>
      <title>{`${title} · Orchestration Engine`}</title>
      <header className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 className="text-xl font-semibold">{title}</h1>
          {intro !== undefined && <p className="mt-0.5 max-w-2xl text-text-2">{intro}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
