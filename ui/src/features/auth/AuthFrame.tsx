// The frame of the pages that are seen before signing in.
import type { ReactNode } from 'react';

import { Logo } from '@/ui/Logo';

export function AuthFrame({ title, intro, children }: { title: string; intro?: ReactNode; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <title>{`${title} · Orchestration Engine`}</title>
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-2.5">
          <Logo className="size-8" />
          <span className="text-lg font-semibold tracking-tight">Orchestration Engine</span>
        </div>
        <div className="card p-6">
          <h1 className="text-xl font-semibold">{title}</h1>
          {intro !== undefined && <p className="mt-1 text-sm text-text-2">{intro}</p>}
          <div className="mt-5">{children}</div>
        </div>
        <p className="mt-4 text-sm text-text-3">
          Plans you approve, work you can watch, a bill that never passes its limit.
        </p>
      </div>
    </main>
  );
}
