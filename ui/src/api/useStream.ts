// A project's event stream as a component sees it. Opens with the first listener.
import { useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';

import { type StreamState, streamOf } from './events';

/** `select` takes a part out; only a change of that part draws the component again. */
export function useStream<T>(projectId: string, select: (state: StreamState) => T): T {
  const stream = streamOf(projectId, useQueryClient());
  return useSyncExternalStore(stream.subscribe, () => select(stream.snapshot()));
}
