import { type ComponentProps, lazy, Suspense } from 'react';

import { Skeleton } from './Feedback';

// Only pages with a graph import this file; their data and the canvas load side by side.
const canvas = import('./GraphCanvas');
const GraphCanvas = lazy(() => canvas);

export function LazyGraph(props: ComponentProps<typeof GraphCanvas>) {
  return (
    <Suspense fallback={<Skeleton className="size-full" />}>
      <GraphCanvas {...props} />
    </Suspense>
  );
}
