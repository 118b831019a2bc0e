import { type ComponentProps, lazy, Suspense } from 'react';

import { Skeleton } from './Feedback';

const BarChart = lazy(() => import('./BarChart'));

export function LazyBarChart(props: ComponentProps<typeof BarChart>) {
  return (
    <Suspense fallback={<Skeleton className="h-52" />}>
      <BarChart {...props} />
    </Suspense>
  );
}
