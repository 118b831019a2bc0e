import { type ComponentProps, lazy, Suspense } from 'react';

import { Skeleton } from './Feedback';

const GraphCanvas = lazy(() => import('./GraphCanvas'));

export function LazyGraph(props: ComponentProps<typeof GraphCanvas>) {
  return (
    <Suspense fallback={<Skeleton className="size-full" />}>
      <GraphCanvas {...props} />
    </Suspense>
  );
}
